"""Decides whether a user's Sigma rule holds for an original record (Sigma specification 2.1, appendix of modifiers).

Text is compared without case unless `cased`; a regular expression minds case unless `i`. A test of an absent field is
false, so its negation is true. A field with several values passes when any of them does. `null` is an absent or null
field, `''` an empty text, `exists` asks for the field's presence alone. Addresses are parsed before they are compared.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Literal

import msgspec

from tidewaiter.recognise.fields import parse_address
from tidewaiter.recognise.record_fields import Element, Elements

RecordHow = Literal[
    "is", "starts", "ends", "contains", "like", "re", "cidr", "exists", "absent", "empty", "number", "gt", "gte", "lt",
    "lte", "part", "field",
]  # fmt: skip


class RecordWant(msgspec.Struct, frozen=True, kw_only=True):
    """One value a test accepts. Text is folded when the rule was loaded, unless it is compared with its case."""

    how: RecordHow
    value: str | int | float | bool | None = None
    cased: bool = False
    part: str = ""  # of a time: hour, day, ...; of another field's value: starts, ends, contains or is
    shown: str = ""  # as the rule writes it


class RecordTerm(msgspec.Struct, frozen=True, kw_only=True, tag="test"):
    """One field against the values it may have; any of them."""

    field: str
    wants: tuple[RecordWant, ...]


class RecordAll(msgspec.Struct, frozen=True, tag="all"):
    """Holds when every part holds."""

    parts: tuple[RecordCondition, ...]


class RecordEither(msgspec.Struct, frozen=True, tag="any"):
    """Holds when at least one part holds."""

    parts: tuple[RecordCondition, ...]


class RecordNot(msgspec.Struct, frozen=True, tag="not"):
    """Holds when its part does not, also when the fields that it asks for are absent."""

    part: RecordCondition


RecordCondition = RecordTerm | RecordAll | RecordEither | RecordNot


class Texts:
    """The values of one record by field, with what comparing them needs, each made once."""

    __slots__ = ("_folded", "values")

    def __init__(self, values: Mapping[str, Elements]) -> None:
        self.values = values
        self._folded: dict[str, tuple[str, ...]] = {}

    def folded(self, field: str) -> tuple[str, ...]:
        """Give the values of a field as texts without case."""
        found = self._folded.get(field)
        if found is None:
            found = self._folded[field] = tuple(text.casefold() for text in plain(self.values.get(field, ())))
        return found


def plain(elements: Elements) -> Iterator[str]:
    """Give values as texts, as a JSON record writes them; null is none."""
    for item in elements:
        if isinstance(item, str):
            yield item
        elif isinstance(item, bool):
            yield "true" if item else "false"
        elif item is not None:
            yield str(item)


def holds(condition: RecordCondition, record: Texts) -> bool:
    """Tell whether a condition holds for the values of a record."""
    match condition:
        case RecordTerm(field=field, wants=wants):
            return any(_CHECKS[want.how](want, field, record) for want in wants)
        case RecordAll(parts):
            return all(holds(part, record) for part in parts)
        case RecordEither(parts):
            return any(holds(part, record) for part in parts)
        case RecordNot(part):
            return not holds(part, record)


def met(condition: RecordCondition, record: Texts) -> Iterator[tuple[str, str]]:
    """Give the evidence of a condition that holds: each field that was found to be as asked, with its value."""
    match condition:
        case RecordTerm(field=field, wants=wants):
            for want in wants:
                if _CHECKS[want.how](want, field, record):
                    yield field, _telling(want, field, record)
                    return
        case RecordAll(parts) | RecordEither(parts):
            for part in parts:
                if holds(part, record):
                    yield from met(part, record)
        case RecordNot():
            return


def _telling(want: RecordWant, field: str, record: Texts) -> str:
    """Give the value that met a want: of several the first that did."""
    elements = record.values.get(field, ())
    for item in elements:
        if _CHECKS[want.how](want, field, Texts({**record.values, field: (item,)})):
            return next(plain((item,)), "")
    return ", ".join(plain(elements))


def fields_of(condition: RecordCondition) -> frozenset[str]:
    """Name the fields a condition looks at."""
    match condition:
        case RecordTerm(field=field, wants=wants):
            return frozenset((field, *(str(want.value) for want in wants if want.how == "field")))
        case RecordAll(parts) | RecordEither(parts):
            return frozenset().union(*(fields_of(part) for part in parts))
        case RecordNot(part):
            return fields_of(part)


_Check = Callable[[RecordWant, str, Texts], bool]


def _worded(compare: Callable[[str, str], bool]) -> _Check:
    def check(want: RecordWant, field: str, record: Texts) -> bool:
        wanted = str(want.value)
        if want.cased:
            return any(compare(text, wanted) for text in plain(record.values.get(field, ())))
        return any(compare(text, wanted) for text in record.folded(field))

    return check


@lru_cache(maxsize=8192)
def pattern(text: str) -> Any:
    """Compile a regular expression with RE2, which never backtracks."""
    import re2  # type: ignore[import-untyped]  # noqa: PLC0415 - comes with pySigma, has no stubs

    options = re2.Options()
    options.log_errors = False
    return re2.compile(text, options)


def _like(had: str, wanted: str) -> bool:
    return pattern(wanted).fullmatch(_encodable(had)) is not None


def _encodable(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON may hold and RE2 cannot read."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _re(want: RecordWant, field: str, record: Texts) -> bool:
    found = pattern(str(want.value))
    return any(found.search(_encodable(text)) is not None for text in plain(record.values.get(field, ())))


@lru_cache(maxsize=4096)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text, strict=False)


def _cidr(want: RecordWant, field: str, record: Texts) -> bool:
    network = _network(str(want.value))
    addresses = (parse_address(text) for text in plain(record.values.get(field, ())))
    return any(address is not None and address in network for address in addresses)


def _number(element: Element) -> float | int | None:
    if isinstance(element, bool) or element is None:
        return None
    if isinstance(element, int | float):
        return element
    try:
        return int(element) if element.isascii() and len(element) < 20 else None  # noqa: PLR2004 - 64 bits
    except ValueError:
        pass
    try:
        return float(element) if len(element) < 40 else None  # noqa: PLR2004 - more than a float holds
    except ValueError:
        return None


def _compared(compare: Callable[[float, float], bool]) -> _Check:
    def check(want: RecordWant, field: str, record: Texts) -> bool:
        wanted = want.value
        if not isinstance(wanted, int | float):
            return False
        numbers = (_number(item) for item in record.values.get(field, ()))
        return any(number is not None and compare(number, wanted) for number in numbers)

    return check


def _is_number(want: RecordWant, field: str, record: Texts) -> bool:
    """Compare with a number: met by the same number, or by the text that writes it so, as some shippers do."""
    wanted = str(want.value)
    values = record.values.get(field, ())
    return any(
        item == want.value if isinstance(item, int | float) and not isinstance(item, bool) else item == wanted
        for item in values
    )


def _exists(want: RecordWant, field: str, record: Texts) -> bool:
    return bool(record.values.get(field, ())) is want.value


def _absent(_: RecordWant, field: str, record: Texts) -> bool:
    return all(item is None for item in record.values.get(field, ()))


def _empty(_: RecordWant, field: str, record: Texts) -> bool:
    return "" in record.values.get(field, ())


_PARTS: dict[str, Callable[[datetime], int]] = {
    "minute": lambda at: at.minute,
    "hour": lambda at: at.hour,
    "day": lambda at: at.day,
    "week": lambda at: at.isocalendar().week,
    "month": lambda at: at.month,
    "year": lambda at: at.year,
}


def _part(want: RecordWant, field: str, record: Texts) -> bool:
    for text in plain(record.values.get(field, ())):
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            continue
        if _PARTS[want.part](at) == want.value:
            return True
    return False


_WORDS: dict[str, Callable[[str, str], bool]] = {
    "is": operator.eq,
    "starts": str.startswith,
    "ends": str.endswith,
    "contains": operator.contains,
}


def _field(want: RecordWant, field: str, record: Texts) -> bool:
    compare = _WORDS[want.part]
    if want.cased:
        others: Sequence[str] = tuple(plain(record.values.get(str(want.value), ())))
        return any(compare(one, two) for one in plain(record.values.get(field, ())) for two in others)
    return any(compare(one, two) for one in record.folded(field) for two in record.folded(str(want.value)))


_CHECKS: dict[RecordHow, _Check] = {
    "is": _worded(operator.eq),
    "starts": _worded(str.startswith),
    "ends": _worded(str.endswith),
    "contains": _worded(operator.contains),
    "like": _worded(_like),
    "re": _re,
    "cidr": _cidr,
    "exists": _exists,
    "absent": _absent,
    "empty": _empty,
    "number": _is_number,
    "gt": _compared(operator.gt),
    "gte": _compared(operator.ge),
    "lt": _compared(operator.lt),
    "lte": _compared(operator.le),
    "part": _part,
    "field": _field,
}
