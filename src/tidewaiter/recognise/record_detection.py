"""Turns the detection of a user's Sigma rule into a condition over original records, and refuses what it cannot mean.

The shape, the fields and their names are checked before pySigma sees the rule, because only then the line is known;
pySigma applies the modifiers. What a record can never hold (a word in a number) is refused with its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, cast

from tidewaiter.meaning.vocabulary import load
from tidewaiter.recognise.detection import glob
from tidewaiter.recognise.document import Document
from tidewaiter.recognise.record_fields import EVERYTHING, Family, find, hint
from tidewaiter.recognise.record_match import (
    RecordAll,
    RecordCondition,
    RecordEither,
    RecordHow,
    RecordNot,
    RecordTerm,
    RecordWant,
    pattern,
)

Keys = tuple[str | int, ...]
MODIFIERS = frozenset(
    (
        *("contains", "startswith", "endswith", "all", "cased", "exists", "neq", "windash", "re", "i", "m", "s"),
        *("ignorecase", "multiline", "dotall", "base64", "base64offset", "wide", "utf16", "utf16le", "utf16be"),
        *("cidr", "gt", "gte", "lt", "lte", "fieldref", "expand", "minute", "hour", "day", "week", "month", "year"),
    )
)
_PLACEHOLDERS = {"offensive_tools": "offensive_tools.yml", "web_accounts": "web_accounts.yml"}
_SPELLED = {"utf16le": "wide"}  # the specification's name, and pySigma's


def check(document: Document, of: Family) -> dict[str, Any]:
    """Check the shape, fields and modifiers of a detection; give it as pySigma reads it."""
    detection = document.data.get("detection")
    if not isinstance(detection, dict) or not set(detection) - {"condition"}:
        raise document.error("the rule has no detection", "detection", hint="name what must be seen, and a condition")
    if "timeframe" in detection:
        raise document.error(
            "timeframe belongs to the conditions of Sigma before version 2",
            *("detection", "timeframe"),
            hint="count with a correlation rule beside this one",
        )
    condition = detection.get("condition")
    conditions = condition if isinstance(condition, list) else [condition]
    if not conditions or not all(isinstance(item, str) and item.strip() for item in conditions):
        raise document.error("the detection has no condition", "detection", "condition")
    return {
        name: given if name == "condition" else _definition(document, of, given, ("detection", name))
        for name, given in detection.items()
    }


def _definition(document: Document, of: Family, given: Any, keys: Keys) -> Any:
    if isinstance(given, list):
        if not given:
            raise document.error(f"search identifier {keys[1]!r} is empty", *keys)
        return [_definition(document, of, part, (*keys, at)) for at, part in enumerate(given)]
    if isinstance(given, dict):
        if not given:
            raise document.error(f"search identifier {keys[1]!r} is empty", *keys)
        return {
            _key(document, of, str(key), (*keys, key)): _values(document, str(key), value, (*keys, key))
            for key, value in given.items()
        }
    if given is None or isinstance(given, bool):
        raise document.error(f"{given!r} is no word to look for", *keys)
    return given  # a keyword


def _key(document: Document, of: Family, key: str, keys: Keys) -> str:
    name, *modifiers = key.split("|")
    if name and find(of, name) is None:
        raise document.error(f"unknown field {name!r}", *keys, hint=hint(of, name))
    for modifier in modifiers:
        if modifier not in MODIFIERS:
            raise document.error(
                f"unknown modifier {modifier!r}", *keys, hint=f"modifiers are: {', '.join(sorted(MODIFIERS))}"
            )
    return "|".join((name, *(_SPELLED.get(item, item) for item in modifiers if item != "expand")))


def _values(document: Document, key: str, value: Any, keys: Keys) -> Any:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise document.error("the list of values is empty", *keys)
    if any(isinstance(item, dict | list) for item in values):
        raise document.error("a value must be a word, a number or null", *keys)
    if "re" in key.split("|"):
        for item in values:
            _readable(document, item, keys)
    if "expand" not in key.split("|"):
        return value
    found: list[Any] = []
    for item in values:
        name = str(item).strip("%")
        if str(item) != f"%{name}%" or name not in _PLACEHOLDERS:
            known = ", ".join(f"%{known}%" for known in _PLACEHOLDERS)
            raise document.error(f"unknown placeholder {item!r}", *keys, hint=f"write the values, or one of {known}")
        found += load(_PLACEHOLDERS[name])
    return found


def _readable(document: Document, given: Any, keys: Keys) -> None:
    """Refuse an expression that RE2 does not know, before pySigma tries it: RE2 would complain on the screen."""
    from re2 import error  # type: ignore[import-untyped]  # noqa: PLC0415 - as in record_match

    try:
        pattern(str(given))
    except error as problem:
        raise document.error(
            f"RE2 cannot read the expression {given!r}: {problem}",
            *keys,
            hint="it has no look-around and no back-references: use two search identifiers, joined by and, not",
        ) from problem


class Reader:
    """Reads the parsed detection of one rule."""

    def __init__(self, document: Document, of: Family) -> None:
        self._document = document
        self._of = of

    def condition(self, detections: Any, trees: Sequence[Any]) -> RecordCondition:
        """Give the condition of pySigma's SigmaDetections and its conditions, not yet resolved; any of several."""
        named = {
            name: self._detection(detection, ("detection", name)) for name, detection in detections.detections.items()
        }
        parts = tuple(self._node(tree, named) for tree in trees)
        return parts[0] if len(parts) == 1 else RecordEither(parts)

    def _node(self, node: Any, named: Mapping[str, RecordCondition]) -> RecordCondition:
        kind = type(node).__name__
        if kind == "ConditionIdentifier":
            if node.identifier not in named:
                raise self._document.error(
                    f"the condition names {node.identifier!r}, which the detection does not have",
                    *("detection", "condition"),
                    hint=f"search identifiers are: {', '.join(named)}",
                )
            return named[node.identifier]
        if kind == "ConditionSelector":
            wanted = "*" if node.pattern == "them" else node.pattern
            # Names that begin with an underscore are left out, unless the pattern begins with one too.
            parts = tuple(
                part
                for name, part in named.items()
                if fnmatchcase(name, wanted) and (name[:1] != "_" or wanted[:1] == "_")
            )
            if not parts:
                raise self._document.error(f"no search identifier is like {wanted!r}", "detection", "condition")
            return RecordAll(parts) if node.cond_class.__name__ == "ConditionAND" else RecordEither(parts)
        parts = tuple(self._node(part, named) for part in node.args)
        if kind == "ConditionNOT":
            return RecordNot(parts[0])
        return RecordAll(parts) if kind == "ConditionAND" else RecordEither(parts)

    def _detection(self, node: Any, keys: Keys) -> RecordCondition:
        parts = tuple(
            self._detection(item, (*keys, at))
            if type(item).__name__ == "SigmaDetection"
            else self._item(item, self._place(keys, at))
            for at, item in enumerate(node.detection_items)
        )
        if len(parts) == 1:
            return parts[0]
        return RecordEither(parts) if node.item_linking.__name__ == "ConditionOR" else RecordAll(parts)

    def _place(self, keys: Keys, at: int) -> Keys:
        """Name the part of the rule that an item was written as, as far as it has a name."""
        written: Any = self._document.data
        for key in keys:
            written = written[key] if isinstance(written, dict) or (isinstance(key, int) and key < len(written)) else {}
        return (*keys, list(written)[at]) if isinstance(written, dict) and at < len(written) else (*keys, at)

    def _item(self, item: Any, keys: Keys) -> RecordCondition:
        found = find(self._of, item.field or EVERYTHING)
        if found is None:
            raise self._document.error(f"unknown field {item.field!r}", *keys, hint=hint(self._of, item.field))
        groups = [self._wants(found.name, found.number, value, keys) for value in item.value]
        term: RecordCondition
        if item.value_linking.__name__ == "ConditionAND" and len(groups) > 1:
            term = RecordAll(tuple(RecordTerm(field=found.name, wants=group) for group in groups))
        else:
            term = RecordTerm(field=found.name, wants=tuple(want for group in groups for want in group))
        return RecordNot(term) if item.negated else term

    def _wants(self, field: str, number: bool, value: Any, keys: Keys) -> tuple[RecordWant, ...]:
        if type(value).__name__ == "SigmaExpansion":  # windash, base64offset: any of these, also below `all`
            return tuple(want for one in value.values for want in self._wants(field, number, one, keys))
        want = self._want(field, value, keys)
        if number and want.how == "is" and not str(want.value).lstrip("-").isdigit():
            raise self._document.error(
                f"{field!r} is a number and can never be {want.shown!r}", *keys, hint="write the number, such as 403"
            )
        return (want,)

    def _want(self, field: str, value: Any, keys: Keys) -> RecordWant:
        kind = type(value).__name__
        make = _TYPED.get(kind)
        if make is not None:
            return make(value)
        if kind == "SigmaFieldReference":
            other = find(self._of, value.field)
            if other is None:
                raise self._document.error(f"unknown field {value.field!r}", *keys, hint=hint(self._of, value.field))
            part = {(True, True): "contains", (True, False): "starts", (False, True): "ends"}.get(
                (value.starts_with, value.ends_with), "is"
            )
            return RecordWant(how="field", value=other.name, part=part, shown=f"field {other.name}")
        if kind not in {"SigmaString", "SigmaCasedString"}:
            raise self._document.error(f"values of this sort are not supported: {value}", *keys)
        return _string(value, keyword=field == EVERYTHING)


def _regex(value: Any) -> RecordWant:
    flags = "".join(sorted(value.sigma_to_re_flag[flag] for flag in value.flags))
    text = str(value.regexp.original)
    return RecordWant(how="re", value=f"(?{flags}){text}" if flags else text, shown=text)


_TYPED: dict[str, Callable[[Any], RecordWant]] = {
    "SigmaNull": lambda _: RecordWant(how="absent", shown="null"),
    "SigmaExists": lambda v: RecordWant(
        how="exists", value=bool(v.exists), shown=f"exists {str(bool(v.exists)).lower()}"
    ),
    "SigmaBool": lambda v: RecordWant(how="is", value=str(v.boolean).lower(), shown=str(v.boolean).lower()),
    "SigmaNumber": lambda v: RecordWant(how="number", value=v.number, shown=str(v.number)),
    "SigmaCompareExpression": lambda v: RecordWant(
        how=cast("RecordHow", v.op.name.lower()), value=v.number.number, shown=f"{v.op.name.lower()} {v.number.number}"
    ),
    "SigmaCIDRExpression": lambda v: RecordWant(how="cidr", value=str(v.network), shown=str(v.cidr)),
    "SigmaRegularExpression": _regex,
    "SigmaTimestampPart": lambda v: RecordWant(
        how="part",
        value=v.number,
        part=v.timestamp_part.name.lower(),
        shown=f"{v.timestamp_part.name.lower()} {v.number}",
    ),
}


_FORMS: dict[tuple[str, ...], RecordHow] = {
    ("x",): "is",
    ("x", "WILDCARD_MULTI"): "starts",
    ("WILDCARD_MULTI", "x"): "ends",
    ("WILDCARD_MULTI", "x", "WILDCARD_MULTI"): "contains",
}


def _string(value: Any, *, keyword: bool) -> RecordWant:
    """Read a text with its wildcards; a keyword stands anywhere in a value."""
    cased, shown = type(value).__name__ == "SigmaCasedString", str(value)
    if not value.s:
        return RecordWant(how="empty", shown="''")
    marks = tuple("x" if isinstance(part, str) else part.name for part in value.s)
    text = "".join(part for part in value.s if isinstance(part, str))
    text = text if cased else text.casefold()
    if keyword and marks == ("x",):
        return RecordWant(how="contains", value=text, cased=cased, shown=shown)
    if marks in _FORMS:
        return RecordWant(how=_FORMS[marks], value=text, cased=cased, shown=shown)
    around = ".*" if keyword else ""
    return RecordWant(
        how="like", value=f"(?s){around}{''.join(glob(value.s, cased=cased))}{around}", cased=cased, shown=shown
    )
