"""Asks the user's own rules about original records: what readers are given while such rules are loaded.

A rule runs once for each set of values that the rules look at, since most records repeat. Evidence is worked out at
the same time: later the original record is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

from tidewaiter.model import RecordKind, RuleMatch
from tidewaiter.recognise.record_fields import EVERYTHING, Elements, family, find, reader
from tidewaiter.recognise.record_match import RecordCondition, Texts, fields_of, holds, met, plain
from tidewaiter.recognise.record_rule import RecordRule

_MEMO = 50_000  # shapes a kind; a client that invents values costs speed, never memory
_LONG = 1000  # characters of a value that are kept


class _Asked(NamedTuple):
    key: str
    condition: RecordCondition
    keep: tuple[str, ...]  # fields that correlations ask for


class _Kind(NamedTuple):
    """The rules about one kind of record, ready to run."""

    readers: tuple[tuple[str, Callable[[Mapping[str, Any]], Elements]], ...]
    rules: tuple[_Asked, ...]
    memo: dict[tuple[Any, ...], tuple[RuleMatch, ...]]
    had: set[str]  # fields that some record had


class RecordMatcher:
    """The user's own rules, ready to be asked. It only remembers; asking never changes an answer."""

    def __init__(self, rules: Iterable[RecordRule], keep: Mapping[str, Iterable[str]] | None = None) -> None:
        """Take the rules, and by rule name the fields whose values correlations ask for."""
        kept = keep or {}
        by_kind: dict[RecordKind, list[tuple[RecordRule, _Asked]]] = {}
        for rule in rules:
            asked = _Asked(rule.about.key, rule.condition, tuple(sorted(kept.get(rule.about.name, ()))))
            for kind in rule.reads:
                by_kind.setdefault(kind, []).append((rule, asked))
        self._kinds = {kind: _kind(kind, [asked for _, asked in found]) for kind, found in by_kind.items()}
        self._records: dict[RecordKind, int] = dict.fromkeys(self._kinds, 0)

    def wants(self, kind: RecordKind) -> bool:
        """Tell whether any rule is about such records."""
        return kind in self._kinds

    def matches(self, kind: RecordKind, record: Mapping[str, Any]) -> tuple[RuleMatch, ...]:
        """Give the rules that hold for a record, in the order of their names."""
        mine = self._kinds.get(kind)
        if mine is None:
            return ()
        self._records[kind] += 1
        shape = tuple(read(record) for _, read in mine.readers)
        # 1, 1.0 and True are equal and yet not the same.
        key = (shape, tuple(type(item) for values in shape for item in values if not isinstance(item, str)))
        found = mine.memo.get(key)
        if found is None:
            if len(mine.memo) >= _MEMO:
                mine.memo.clear()
            found = mine.memo[key] = _ask(mine, shape)
        return found

    def unseen(self) -> dict[str, int]:
        """Say which fields the rules ask for that no record had, of the kinds of which there were records.

        Gives by field the number of rules that ask for it.
        """
        counts: dict[str, int] = {}
        for kind, mine in self._kinds.items():
            if not self._records[kind]:
                continue
            for asked in mine.rules:
                for field in fields_of(asked.condition) - mine.had - {EVERYTHING}:
                    counts[field] = counts.get(field, 0) + 1
        return dict(sorted(counts.items()))

    def asked(self) -> dict[RecordKind, int]:
        """Say how many records of each kind the rules were asked about."""
        return dict(self._records)


def _kind(kind: RecordKind, rules: list[_Asked]) -> _Kind:
    used = sorted(frozenset().union(*(fields_of(asked.condition) | {*asked.keep} for asked in rules)))
    readers = tuple((name, reader(field)) for name in used if (field := find(family(kind), name)))
    return _Kind(readers, tuple(sorted(rules)), {}, set())


def _ask(mine: _Kind, shape: tuple[Elements, ...]) -> tuple[RuleMatch, ...]:
    values = {name: found for (name, _), found in zip(mine.readers, shape, strict=True) if found}
    mine.had.update(values)
    record = Texts(values)
    return tuple(
        RuleMatch(rule=asked.key, values=tuple(_values(asked, record)))
        for asked in mine.rules
        if holds(asked.condition, record)
    )


def _values(asked: _Asked, record: Texts) -> Iterable[tuple[str, str]]:
    """Give what made a rule hold, each field once, then what correlations ask for: of these the whole value."""
    shown: dict[str, str] = {}
    for field, value in met(asked.condition, record):
        shown.setdefault(field or "record", value)
    yield from ((field, _short(value)) for field, value in shown.items())
    for field in asked.keep:
        if field in record.values:
            whole = _short(", ".join(plain(record.values[field])))
            if shown.get(field) != whole:
                yield field, whole


def _short(text: str) -> str:
    """Cut a value to what is kept; two long values that differ stay different."""
    if len(text) <= _LONG:
        return text
    mark = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return f"{text[: _LONG - 20]}… {mark}"
