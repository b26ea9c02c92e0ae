"""Correlations over users' own Sigma rules: how many, how many different, which together, in which order.

Sigma 2.1 `event_count`, `value_count`, `temporal` and `temporal_ordered`. The window slides and is half-open, as in
`correlation.py`: (t - span, t], so that nothing is cut at a full minute and two records exactly one span apart are not
together. Groups are kept apart by the values of the `group-by` fields; a record without one of them is in no group.
Records of the same instant are in the order of their log. A record counts once, however many rules saw it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Literal, NamedTuple, cast

import msgspec

from tidewaiter.recognise.document import Document
from tidewaiter.recognise.rule import OURS, About

CorrelationKind = Literal["event_count", "value_count", "temporal", "temporal_ordered"]
_KINDS = ("event_count", "value_count", "temporal", "temporal_ordered")
_EVER = datetime.min.replace(tzinfo=UTC)
_MOST_GROUPS = 50_000  # held at once before idle ones are let go


class RecordCorrelation(msgspec.Struct, frozen=True, kw_only=True):
    """A correlation of the user's own rules, loaded."""

    about: About
    kind: CorrelationKind
    rules: tuple[str, ...]  # names of rules or of other correlations, in order
    group_by: tuple[str, ...]
    fields: tuple[str, ...]  # whose different values are counted together
    aliases: dict[str, dict[str, str]]  # name in group_by -> rule -> field
    timespan_seconds: int
    least: int
    generate: bool = False  # its rules are findings by themselves too
    alias: str = ""  # the name the rule gives itself


class Seen(NamedTuple):
    """One record that a rule saw, or one moment at which a correlation held."""

    rule: str  # its name
    at: datetime
    id: str
    values: Mapping[str, str]
    ids: tuple[str, ...]  # of the activities behind it


class Found(NamedTuple):
    """A run of windows that overlap and each reach the threshold, told as one."""

    group: tuple[str, ...]
    first: datetime
    last: datetime
    most: int
    ids: tuple[str, ...]  # every activity in the run, in order


def read_correlation(document: Document, about: About) -> RecordCorrelation:
    """Check a correlation by itself; its rules are named as it names them. Raises RuleError with path and line."""
    from sigma.correlations import SigmaCorrelationRule  # noqa: PLC0415 - with the first rule, as in rule.py
    from sigma.exceptions import SigmaError  # noqa: PLC0415

    try:
        parsed = SigmaCorrelationRule.from_dict({k: v for k, v in document.data.items() if k not in OURS})
    except (SigmaError, AttributeError, TypeError) as problem:  # pySigma trips over some odd shapes itself
        where = ("correlation", "condition") if "condition" in str(problem).lower() else ("correlation",)
        raise document.error(str(problem), *where, hint="see the Sigma specification 2.1") from problem
    kind = parsed.type.name.lower()
    if kind not in _KINDS:
        raise document.error(
            f"correlations of type {kind} are not supported",
            "correlation",
            "type",
            hint=f"types are: {', '.join(_KINDS)}",
        )
    rules = tuple(rule.reference for rule in parsed.rules or ())
    if not rules:
        raise document.error("the correlation names no rules", "correlation", "rules", hint="list them by name or id")
    given = getattr(parsed.condition, "fieldref", None)
    return RecordCorrelation(
        about=about,
        kind=cast("CorrelationKind", kind),
        rules=rules,
        group_by=tuple(parsed.group_by or ()),
        fields=(given,) if isinstance(given, str) else tuple(given or ()),
        aliases={item.alias: {str(getattr(rule, "reference", rule)): field for rule, field in item.mapping.items()}
                 for item in parsed.aliases},
        timespan_seconds=parsed.timespan.seconds,
        least=_least(document, kind, parsed.condition, len(rules)),
        generate=bool(parsed.generate),
        alias=str(document.data.get("name", "")),
    )  # fmt: skip


def _least(document: Document, kind: str, condition: Any, rules: int) -> int:
    """Give the least number that meets the condition."""
    keys = ("correlation", "condition")
    if not hasattr(condition, "op"):
        raise document.error(
            "a condition that joins rules by and, or, not is not supported",
            *keys,
            hint="leave it out: all must be seen",
        )
    how, count = condition.op.name.lower(), condition.count
    if how not in ("gte", "gt") or not isinstance(count, int):
        raise document.error(
            f"the condition {how} {count} is not supported",
            *(*keys, how),
            hint="use gte with a whole number: that something happened seldom is never certain while logs arrive late",
        )
    least = count + 1 if how == "gt" else count
    if kind == "temporal_ordered" and least != rules:
        raise document.error(
            "temporal_ordered asks for all its rules", *keys, hint="leave the condition out, or some of the rules"
        )
    if least < 1 or (kind == "temporal" and least > rules):
        raise document.error(f"the threshold {least} can never be met, or always is", *keys, how)
    return least


def needs(rule: RecordCorrelation, name: str) -> frozenset[str]:
    """Say which fields of the records of one of its rules a correlation asks for."""
    return frozenset((*(rule.aliases.get(field, {}).get(name, field) for field in rule.group_by), *rule.fields))


def _group(rule: RecordCorrelation, row: Seen) -> tuple[str, ...] | None:
    values = []
    for field in rule.group_by:
        value = row.values.get(rule.aliases.get(field, {}).get(row.rule, field))
        if value is None:
            return None
        values.append(value)
    return tuple(values)


class _Counting:
    """The window of a count: what is inside, and how much of it differs."""

    def __init__(self, rule: RecordCorrelation) -> None:
        self._rule = rule
        self._span = timedelta(seconds=rule.timespan_seconds)
        self._inside: deque[tuple[Seen, object]] = deque()
        self._counted: Counter[object] = Counter()

    def _what(self, row: Seen) -> object:
        if self._rule.kind == "event_count":
            return row.id
        if self._rule.kind == "temporal":
            return row.rule
        found = tuple(row.values.get(field) for field in self._rule.fields)
        return None if None in found else found

    def take(self, rows: Sequence[Seen]) -> tuple[list[Seen], int] | None:
        """Take the rows of one record; give what is in the window, and its count, when it is full."""
        now = rows[0].at
        while self._inside and self._inside[0][0].at <= now - self._span:
            what = self._inside.popleft()[1]
            self._counted[what] -= 1
            if not self._counted[what]:
                del self._counted[what]
        fresh = False
        for row in rows:
            what = self._what(row)
            if what is not None:
                fresh = True
                self._inside.append((row, what))
                self._counted[what] += 1
        if not fresh or len(self._counted) < self._rule.least:
            return None
        return [row for row, _ in self._inside], len(self._counted)


class _Ordering:
    """The chains of a sequence: for each step the one that began last, since it leaves the window last."""

    def __init__(self, rule: RecordCorrelation) -> None:
        self._rules = rule.rules
        self._span = timedelta(seconds=rule.timespan_seconds)
        self._best: list[tuple[Seen, ...]] = [() for _ in rule.rules]

    def take(self, rows: Sequence[Seen]) -> tuple[list[Seen], int] | None:
        """Take the rows of one record; give the chain that it completes."""
        by_rule = {row.rule: row for row in rows}
        complete: tuple[Seen, ...] = ()
        for step in range(len(self._rules) - 1, -1, -1):  # downwards: one record is one step of a chain
            row = by_rule.get(self._rules[step])
            if row is None:
                continue
            before = self._best[step - 1] if step else ()
            if step and (not before or row.at - before[0].at >= self._span):
                continue
            chain = self._best[step] = (*before, row)
            if step == len(self._rules) - 1:
                complete = chain
        return (list(complete), len(complete)) if complete else None


class _Run:
    """Full windows of one group that overlap, so far."""

    def __init__(self, group: tuple[str, ...]) -> None:
        self.group = group
        self._most = 0
        self._ids: dict[str, None] = {}
        self.first = self._last = _EVER

    def add(self, rows: Sequence[Seen], count: int) -> Iterator[Found]:
        """Join a full window to the run, or end the run first."""
        first, last = min(row.at for row in rows), max(row.at for row in rows)
        if self._ids and first > self._last:
            yield from self.end()
        if not self._ids:
            self.first = first
        self._last, self._most = last, max(self._most, count)
        for row in rows:
            self._ids.update(dict.fromkeys(row.ids))

    def end(self) -> Iterator[Found]:
        """Tell the run, and begin anew."""
        if self._ids:
            yield Found(self.group, self.first, self._last, self._most, tuple(self._ids))
        self._ids, self._most = {}, 0


class _Correlator:
    """One correlation while rows pass by; what is held is one window for each group."""

    def __init__(self, rule: RecordCorrelation, *, counted: bool = False) -> None:
        self.rule = rule
        self.moments: list[Seen] = []  # at which it held, for a correlation that counts this one
        self._counted = counted
        self._held: dict[tuple[str, ...], tuple[_Counting | _Ordering, _Run]] = {}
        self._latest: dict[tuple[str, ...], datetime] = {}

    def take(self, record: Sequence[Seen]) -> Iterator[Found]:
        """Take the rows of one record; give the runs that are over."""
        self.moments = []
        together: dict[tuple[str, ...], list[Seen]] = {}
        for row in record:
            group = _group(self.rule, row) if row.rule in self.rule.rules else None
            if group is not None:
                together.setdefault(group, []).append(row)
        for group, rows in together.items():
            if group not in self._held:
                window = _Ordering(self.rule) if self.rule.kind == "temporal_ordered" else _Counting(self.rule)
                self._held[group] = (window, _Run(group))
            window, run = self._held[group]
            self._latest[group] = rows[0].at
            full = window.take(rows)
            if full is not None:
                yield from run.add(*full)
                if self._counted:
                    self.moments.append(self._moment(full[0], run))
        if len(self._held) > _MOST_GROUPS:
            yield from self._let_go(record[0].at - timedelta(seconds=self.rule.timespan_seconds))

    def _moment(self, rows: Sequence[Seen], run: _Run) -> Seen:
        """Tell a full window as one record: with the values that all of its records share."""
        name = self.rule.about.name
        same = {field: value for field, value in rows[0].values.items()
                if all(row.values.get(field) == value for row in rows)}  # fmt: skip
        identity = "\x1f".join((name, *run.group, run.first.isoformat()))
        return Seen(name, rows[-1].at, identity, same, tuple(dict.fromkeys(item for row in rows for item in row.ids)))

    def _let_go(self, before: datetime) -> Iterator[Found]:
        """Forget the groups whose window is empty by now."""
        for group in [group for group, at in self._latest.items() if at <= before]:
            yield from self._held.pop(group)[1].end()
            del self._latest[group]

    def end(self) -> Iterator[Found]:
        """Give the runs that are not over."""
        for _, run in self._held.values():
            yield from run.end()


def correlate_all(
    rows: Iterable[tuple[str, datetime, str, Mapping[str, str]]], rules: Sequence[RecordCorrelation]
) -> Iterator[tuple[RecordCorrelation, Found]]:
    """Give every match of every correlation, exactly; those that another one counts only where they say `generate`.

    Rows are rule name, time, activity and values. They must come sorted by time, those of one record together; a
    correlation must stand behind those that it counts. Raises ValueError when time runs backwards.
    """
    counted = {name: rule.generate for rule in rules for name in rule.rules}
    correlators = [_Correlator(rule, counted=rule.about.name in counted) for rule in rules]
    told = {rule.about.name for rule in rules if counted.get(rule.about.name, True)}
    now: datetime | None = None
    for (at, identity), same in groupby(rows, key=lambda row: (row[1], row[2])):
        if now is not None and at < now:
            raise ValueError(f"rows are not sorted by time: {at} after {now}")
        now = at
        record = [Seen(name, at, identity, values, (identity,)) for name, _, _, values in same]
        for one in correlators:
            for match in one.take(record):
                if one.rule.about.name in told:
                    yield one.rule, match
            record += one.moments
    for one in correlators:
        if one.rule.about.name in told:
            yield from ((one.rule, match) for match in one.end())
