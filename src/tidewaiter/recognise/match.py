"""Decides whether a condition holds, and on what: the answer is a tree of evidence, never a bare yes.

Sigma semantics: comparison ignores case unless `cased`; an absent field makes a test false, so its negation true; a
field that is a list passes when any element does. Regular expressions run on RE2, which never backtracks.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Literal

import msgspec

from tidewaiter.recognise.fields import Value, Values, parse_address

How = Literal["is", "starts", "ends", "contains", "like", "re", "cidr", "exists", "absent", "gt", "gte", "lt", "lte"]


class Want(msgspec.Struct, frozen=True, kw_only=True):
    """One value a test accepts. Text is folded when the rule was loaded, unless it is compared with its case."""

    how: How
    value: str | int | float | bool | None = None
    cased: bool = False
    shown: str = ""  # as the rule writes it, modifiers in front


class Term(msgspec.Struct, frozen=True, kw_only=True, tag="test"):
    """One field against the values it may have."""

    clause: str  # the search identifier it stands in
    field: str
    wants: tuple[Want, ...]
    every: bool = False  # all values must be met, not any


class All(msgspec.Struct, frozen=True, tag="all"):
    """Holds when every part holds."""

    parts: tuple[Condition, ...]


class Either(msgspec.Struct, frozen=True, tag="any"):
    """Holds when at least one part holds; evidence is taken from all that do."""

    parts: tuple[Condition, ...]


class Not(msgspec.Struct, frozen=True, tag="not"):
    """Holds when its part does not."""

    part: Condition


Condition = Term | All | Either | Not


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Why a condition held: a node of the evidence tree."""

    how: Literal["test", "all", "any", "not"]
    clause: str = ""
    field: str = ""
    wanted: tuple[str, ...] = ()  # the values of the rule that were met; for "not", nothing
    had: Value = None  # the value of the activity; of a list, the elements that met them
    parts: tuple[Result, ...] = ()


def evaluate(condition: Condition, values: Values) -> Result | None:
    """Give the evidence that a condition holds for these fields; None when it does not."""
    match condition:
        case Term():
            return _term(condition, values.get(condition.field))
        case All(parts):
            found = []
            for part in parts:
                result = evaluate(part, values)
                if result is None:
                    return None
                found.append(result)
            return Result(how="all", parts=tuple(found))
        case Either(parts):
            held = tuple(result for part in parts if (result := evaluate(part, values)) is not None)
            return Result(how="any", parts=held) if held else None
        case Not(part):
            return None if evaluate(part, values) is not None else Result(how="not")


def evidence(result: Result) -> dict[str, Any]:
    """Flatten a result to the values that held, by field; a field tested twice gives a list of what was met."""
    found: dict[str, Any] = {}
    stack = [result]
    while stack:
        node = stack.pop(0)
        stack = [*node.parts, *stack]
        if node.how != "test":
            continue
        had = list(node.had) if isinstance(node.had, tuple) else node.had
        before = found.get(node.field)
        if isinstance(before, list) and isinstance(had, list):
            had = before + [item for item in had if item not in before]
        found[node.field] = had
    return found


def fields_of(condition: Condition) -> frozenset[str]:
    """Name the fields a condition looks at."""
    match condition:
        case Term():
            return frozenset((condition.field,))
        case All(parts) | Either(parts):
            return frozenset().union(*(fields_of(part) for part in parts))
        case Not(part):
            return fields_of(part)


def _term(term: Term, had: Value) -> Result | None:
    if isinstance(had, tuple):
        return _term_list(term, had)
    met = []
    for want in term.wants:
        if holds(want, had):
            met.append(want.shown)
            if not term.every:
                break
        elif term.every:
            return None
    return _held(term, met, had) if met else None


def _term_list(term: Term, had: tuple[str, ...]) -> Result | None:
    met, elements = [], []
    for want in term.wants:
        if want.how in ("exists", "absent"):
            hits = list(had) if holds(want, had or None) else None
        else:
            hits = [item for item in had if holds(want, item)] or None
        if hits is not None:
            met.append(want.shown)
            elements += [item for item in hits if item not in elements]
        elif term.every:
            return None
    return _held(term, met, tuple(elements)) if met else None


def _held(term: Term, met: list[str], had: Value) -> Result:
    return Result(how="test", clause=term.clause, field=term.field, wanted=tuple(met), had=had)


def holds(want: Want, had: Value) -> bool:
    """Tell whether one value of an activity is what one value of a rule asks for."""
    if want.how == "exists":
        return (had not in (None, "", ())) is want.value
    if want.how == "absent":
        return had in (None, "", ())
    if had is None or had == "":
        return False
    if isinstance(had, int):
        return _compare(want, had)
    return _text(want, str(had))


@lru_cache(maxsize=1024)
def _pattern(text: str) -> Any:
    import re2  # type: ignore[import-untyped]  # noqa: PLC0415 - few rules need it; comes with pySigma, has no stubs

    return re2.compile(text)


_NUMBERS: dict[str, Callable[[float, float], bool]] = {
    "is": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_WORDS: dict[str, Callable[[str, str], bool]] = {
    "is": operator.eq,
    "starts": str.startswith,
    "ends": str.endswith,
    "contains": operator.contains,
    "like": lambda had, wanted: _pattern(wanted).fullmatch(had) is not None,
}


def _compare(want: Want, had: int) -> bool:
    compare = _NUMBERS.get(want.how)
    return compare is not None and isinstance(want.value, int | float) and compare(had, want.value)


def _text(want: Want, had: str) -> bool:
    wanted = str(want.value)
    if want.how == "re":
        return _pattern(wanted).search(had) is not None
    if want.how == "cidr":
        found = parse_address(had)
        return found is not None and found in _network(wanted)
    compare = _WORDS.get(want.how)
    return compare is not None and compare(had if want.cased else had.casefold(), wanted)


@lru_cache(maxsize=1024)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text, strict=False)
