"""Which ways of looking around a set of inputs can show, which only in part, which not at all, and why.

A finding that is not there means something only where it could have been: blind is never quiet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Literal

import msgspec

from tidewaiter.meaning.vocabulary import load

State = Literal["seen", "partly", "not"]
STATES: tuple[State, ...] = ("seen", "partly", "not")
_PLANE = "plane: "


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """One input of one format: what it is, and what its reader said it does not show."""

    source: str
    plane: str
    says: frozenset[str] = frozenset()  # ids of cannot.*: what the sensor never shows, and what this input lacks


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One way of looking around, and whether these inputs show it."""

    way: str
    state: State
    by: tuple[str, ...] = ()  # sources that show it, or a part of it
    why: tuple[str, ...] = ()  # ids of cannot.*: why not, or not all; nothing when no input could have shown it


class _Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    shown_by: tuple[str, ...] = ()
    partly_by: tuple[str, ...] = ()
    closed_by: frozenset[str] = frozenset()
    dimmed_by: frozenset[str] = frozenset()


@cache
def _rules() -> dict[str, _Rule]:
    return msgspec.convert(load("ways.yml"), dict[str, _Rule])


def ways(inputs: Iterable[Heard]) -> tuple[Way, ...]:
    """Say of every way of looking around whether these inputs show it, in the order of the vocabulary."""
    heard = tuple(inputs)
    return tuple(_way(name, rule, heard) for name, rule in _rules().items())


def _way(name: str, rule: _Rule, heard: Sequence[Heard]) -> Way:
    by: dict[State, list[Heard]] = {"seen": [], "partly": [], "not": []}
    why: set[str] = set()
    for one in heard:
        shown, partly = _is_of(one, rule.shown_by), _is_of(one, rule.partly_by)
        if not shown and not partly:
            continue
        closed, dimmed = one.says & rule.closed_by, one.says & rule.dimmed_by
        by["not" if closed else "seen" if shown and not dimmed else "partly"].append(one)
        why |= closed or dimmed
    state: State = next((state for state in STATES if by[state]), "not")
    names = [] if state == "not" else sorted({one.source for one in by[state]})
    return Way(way=name, state=state, by=tuple(names), why=() if state == "seen" else tuple(sorted(why)))


def _is_of(one: Heard, names: Sequence[str]) -> bool:
    return one.source in names or f"{_PLANE}{one.plane}" in names


def named_sources() -> frozenset[str]:
    """Give every source that the vocabulary of ways names, for the tests of that vocabulary."""
    names = (name for rule in _rules().values() for name in (*rule.shown_by, *rule.partly_by))
    return frozenset(name for name in names if not name.startswith(_PLANE))
