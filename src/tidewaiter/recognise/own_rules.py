"""The user's own rules: which of the files given apply here, which were left out and why, and which are not valid.

A file that is named is meant: what is wrong with it is an error. A folder may be somebody's whole collection: rules
about other logs are left out and counted, and one that is not valid costs only itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from tidewaiter.errors import RuleError
from tidewaiter.recognise.correlation import Correlation, load_correlation
from tidewaiter.recognise.document import Document, documents
from tidewaiter.recognise.record_correlation import RecordCorrelation, needs, read_correlation
from tidewaiter.recognise.record_fields import Family, family, find, hint
from tidewaiter.recognise.record_matcher import RecordMatcher
from tidewaiter.recognise.record_rule import (
    OtherLogsourceError,
    RecordRule,
    identity,
    is_ours,
    load_record_rule,
    said_name,
    slug,
)
from tidewaiter.recognise.rule import CorrelationText, Recogniser, about_of, load_recogniser

OTHER, RETIRED, NO_RULE, FILTER = "other-logsource", "retired", "no-rule", "filter"
_RETIRED = frozenset({"deprecated", "unsupported"})  # Sigma's status of rules that are kept for the record only
_SUFFIXES = (".yml", ".yaml")


class LeftOut(NamedTuple):
    """One rule or file that is not used, although nothing is wrong with it."""

    reason: str
    where: str
    what: str  # in words


class OwnRules(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the rule files that were given."""

    records: tuple[RecordRule, ...] = ()
    record_correlations: tuple[RecordCorrelation, ...] = ()
    recognisers: tuple[Recogniser, ...] = ()  # written over our normal form
    correlations: tuple[Correlation, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    faults: tuple[RuleError, ...] = ()  # of rules in folders that would apply and are not valid

    @property
    def number(self) -> int:
        """Say how many rules apply."""
        return sum(map(len, (self.records, self.record_correlations, self.recognisers, self.correlations)))

    def counts(self) -> dict[str, int]:
        """Say by reason how many were left out."""
        return dict(Counter(item.reason for item in self.left_out))

    def matcher(self) -> RecordMatcher | None:
        """Give what readers ask about original records; None when no rule is about them."""
        return RecordMatcher(self.records, kept_fields(self.record_correlations)) if self.records else None


class RuleFile(NamedTuple):
    """One file of rules."""

    path: str
    text: str
    strict: bool  # it was named itself


def rule_texts(paths: Iterable[Path]) -> Iterator[RuleFile]:
    """Read rule files, and those below folders. Raises RuleError for a file that was named and cannot be read."""
    for path in paths:
        strict = not path.is_dir()
        for item in [path] if strict else sorted(_below(path)):
            try:
                yield RuleFile(str(item), item.read_text(encoding="utf-8"), strict)
            except (OSError, UnicodeDecodeError) as problem:
                raise RuleError(f"the rule cannot be read: {problem}", where=str(item)) from problem


def _below(folder: Path) -> Iterator[Path]:
    for item in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in item.relative_to(folder).parts)  # .git, .github: no rules
        if item.suffix in _SUFFIXES and not hidden and item.is_file():
            yield item


def load_own(files: Iterable[RuleFile], known: Mapping[str, Recogniser] | None = None) -> OwnRules:
    """Load the user's own rules; correlations over the normal form may count the `known` recognisers too.

    Raises RuleError with path and line for a rule of a named file that does not apply or is not valid.
    """
    loading = _Loading(known or {})
    for file in files:
        if not file.strict and not any(word in file.text for word in ("detection:", "correlation:", "filter:")):
            loading.leave(NO_RULE, file.path, "the file holds no rule")
            continue
        try:
            found = list(documents(file.text, file.path))
        except RuleError as problem:
            loading.fault(problem, strict=file.strict)
            continue
        for document in found:
            try:
                loading.take(document, strict=file.strict)
            except OtherLogsourceError as problem:
                if file.strict:
                    raise
                loading.leave(OTHER, problem.where, problem.what, document)
            except RuleError as problem:
                loading.fault(problem, strict=file.strict)
    return loading.finish()


class _Loading:
    """Collects rules while files are read; correlations are checked when all rules are known."""

    def __init__(self, known: Mapping[str, Recogniser]) -> None:
        self._known = dict(known)
        self._names = {name: f"{rule.about.path}:{rule.about.line}" for name, rule in known.items()}
        self._ids = {rule.about.id: f"{rule.about.path}:{rule.about.line}" for rule in known.values()}
        self._records: dict[str, RecordRule] = {}
        self._recognisers: dict[str, Recogniser] = {}
        self._later: list[tuple[Document, bool]] = []
        self._absent: set[str] = set()  # names and ids of rules that were left out
        self._left_out: list[LeftOut] = []
        self._faults: list[RuleError] = []

    def leave(self, reason: str, where: str, what: str, document: Document | None = None) -> None:
        """Leave a rule out, and with it the correlations that count it."""
        self._left_out.append(LeftOut(reason, where, what))
        if document is not None:
            self._absent |= _words(document)

    def fault(self, problem: RuleError, *, strict: bool) -> None:
        if strict:
            raise problem
        self._faults.append(problem)

    def take(self, document: Document, *, strict: bool) -> None:
        """Load one document, or set it aside."""
        data, where = document.data, f"{document.path}:{document.line()}"
        if "correlation" in data:
            self._later.append((document, strict))
        elif "filter" in data:
            if strict:
                raise document.error(
                    "Sigma filters are not supported", "filter", hint="add the exclusion to the rule's own condition"
                )
            self.leave(FILTER, where, "Sigma filters are not supported")
        elif "detection" not in data and not strict:
            self.leave(NO_RULE, where, "the document is no rule")
        elif not strict and str(data.get("status")) in _RETIRED:
            self.leave(RETIRED, where, f"its status is {data['status']}", document)
        elif is_ours(document):
            self._recogniser(load_recogniser(document))
        else:
            self._record(load_record_rule(document))

    def _recogniser(self, rule: Recogniser) -> None:
        self._once(rule)
        if rule.about.name in self._names:
            raise RuleError(
                f"{rule.about.name!r} is the name of two rules",
                where=f"{rule.about.path}:{rule.about.line}",
                hint=f"see {self._names[rule.about.name]}",
            )
        self._note(rule)
        self._recognisers[rule.about.name] = rule

    def _record(self, rule: RecordRule) -> None:
        self._once(rule)
        if rule.about.name in self._names:  # titles are not unique, names of findings must be
            name = f"{rule.about.name[:71].rstrip('-')}-{rule.about.id[:8]}"
            rule = msgspec.structs.replace(rule, about=msgspec.structs.replace(rule.about, name=name))
        self._note(rule)
        self._records[rule.about.name] = rule

    def _once(self, rule: Recogniser | RecordRule | RecordCorrelation) -> None:
        if rule.about.id in self._ids:
            raise RuleError(
                f"{rule.about.id} is the id of two rules",
                where=f"{rule.about.path}:{rule.about.line}",
                hint=f"see {self._ids[rule.about.id]}",
            )

    def _note(self, rule: Recogniser | RecordRule | RecordCorrelation) -> None:
        where = f"{rule.about.path}:{rule.about.line}"
        self._ids[rule.about.id] = self._names[rule.about.name] = where

    def finish(self) -> OwnRules:
        """Check the correlations, in an order in which each finds what it counts, and give everything."""
        ours: list[Correlation] = []
        own: dict[str, RecordCorrelation] = {}
        waiting = self._later
        while waiting:
            again: list[tuple[Document, bool]] = []
            for document, strict in waiting:
                try:
                    done = self._correlation(document, own, ours, [item for item, _ in waiting])
                except RuleError as problem:
                    self.fault(problem, strict=strict)
                    continue
                if not done:
                    again.append((document, strict))
            if len(again) == len(waiting):
                for document, strict in again:
                    self.fault(
                        document.error("the correlations count each other", "correlation", "rules"), strict=strict
                    )
                break
            waiting = again
        return OwnRules(
            records=tuple(_with_roles(self._records, own)),
            record_correlations=tuple(own.values()),
            recognisers=tuple(self._recognisers.values()),
            correlations=tuple(ours),
            left_out=tuple(self._left_out),
            faults=tuple(self._faults),
        )

    def _correlation(
        self,
        document: Document,
        own: dict[str, RecordCorrelation],
        ours: list[Correlation],
        waiting: Sequence[Document],
    ) -> bool:
        """Load one correlation; False while another one that it counts is not loaded."""
        given = document.data["correlation"]
        references = given.get("rules") if isinstance(given, dict) else None
        listed = references if isinstance(references, list) else [references]
        normal = {**self._known, **self._recognisers}
        if listed and all(any(item in (name, rule.about.id) for name, rule in normal.items()) for item in listed):
            about = about_of(document, planes=(), name=slug(document), identity=identity(document))
            ours.append(load_correlation(CorrelationText(about=about, document=document), normal))
            return True
        about = about_of(document, planes=("host",), name=slug(document), identity=identity(document))
        rule = read_correlation(document, about)
        names: list[str] = []
        for at, item in enumerate(rule.rules):
            name = _named(item, self._records, own)
            if name is None:
                if any(other is not document and item in _words(other) for other in waiting):
                    return False
                self._missing(document, item, at)
                return True
            names.append(name)
        return self._add(document, rule, tuple(names), own)

    def _missing(self, document: Document, item: str, at: int) -> None:
        if item in self._absent:
            self.leave(OTHER, f"{document.path}:{document.line()}", "it counts a rule that was left out", document)
            return
        raise document.error(
            f"no rule is named {item!r}", "correlation", "rules", at, hint="give the name or id of a rule given with it"
        )

    def _add(
        self, document: Document, rule: RecordCorrelation, names: tuple[str, ...], own: dict[str, RecordCorrelation]
    ) -> bool:
        renamed = dict(zip(rule.rules, names, strict=True))
        rule = msgspec.structs.replace(
            rule,
            rules=names,
            aliases={
                alias: {renamed.get(item, item): field for item, field in mapping.items()}
                for alias, mapping in rule.aliases.items()
            },
        )
        for name in names:
            if name in self._records:
                of = family(self._records[name].reads[0])
                rule = _checked(document, rule, name, of)
        reads = {plane for name in names for plane in (self._records.get(name) or own[name]).about.reads}
        about = msgspec.structs.replace(rule.about, reads=tuple(sorted(reads)))
        if about.name in self._names:
            about = msgspec.structs.replace(about, name=f"{about.name[:71].rstrip('-')}-{about.id[:8]}")
        rule = msgspec.structs.replace(rule, about=about)
        self._once(rule)
        self._note(rule)
        own[about.name] = rule
        return True


def _words(document: Document) -> set[str]:
    """Give everything by which a correlation may name a rule."""
    said = {str(document.data[key]) for key in ("name", "id") if key in document.data}
    return said | ({said_name(document)} - {""})


def _named(item: str, records: Mapping[str, RecordRule], own: Mapping[str, RecordCorrelation]) -> str | None:
    rules: list[RecordRule | RecordCorrelation] = [*records.values(), *own.values()]
    return next((rule.about.name for rule in rules if item in (rule.alias, rule.about.id, rule.about.name)), None)


def _checked(document: Document, rule: RecordCorrelation, name: str, of: Family) -> RecordCorrelation:
    """Refuse a field that the records of a rule never have; give the fields their own names."""
    for place, fields in (("group-by", rule.group_by), ("condition", rule.fields)):
        for field in fields:
            plain = rule.aliases.get(field, {}).get(name, field) if place == "group-by" else field
            if find(of, plain) is None:
                raise document.error(f"unknown field {plain!r}", "correlation", place, hint=hint(of, plain))
    return rule


def _with_roles(records: Mapping[str, RecordRule], own: Mapping[str, RecordCorrelation]) -> Iterator[RecordRule]:
    """Rules that only a correlation names are its evidence, and no findings by themselves, as Sigma says."""
    counted = {name for rule in own.values() if not rule.generate for name in rule.rules}
    for rule in records.values():
        if rule.about.name not in counted:
            yield rule
        else:
            yield msgspec.structs.replace(rule, about=msgspec.structs.replace(rule.about, role="evidence", weight=0.0))


def kept_fields(correlations: Sequence[RecordCorrelation]) -> dict[str, set[str]]:
    """Say which fields of the records of each rule its correlations ask for, also those above these."""
    by_name = {rule.about.name: rule for rule in correlations}
    kept: dict[str, set[str]] = {}

    def add(name: str, fields: frozenset[str]) -> None:
        kept.setdefault(name, set()).update(fields)
        if name in by_name:
            for below in by_name[name].rules:
                add(below, fields)

    for rule in correlations:
        for name in rule.rules:
            add(name, needs(rule, name))
    return kept
