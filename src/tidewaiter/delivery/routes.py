"""Which sinks a finding goes to. All routes are asked in their order; one with `last` ends the asking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import translate
from functools import lru_cache
from re import Pattern
from re import compile as regex
from typing import Any, Literal, TypeAlias

import msgspec

from tidewaiter.model import LEVELS
from tidewaiter.settings.delivery import Delivery, Route

Held = Literal["route", "verdict", "rate"]  # why a finding goes nowhere
HELD: tuple[Held, ...] = ("route", "verdict", "rate")
_HIDING = frozenset({"expected", "benign"})


class Routed(msgspec.Struct, frozen=True, kw_only=True):
    """Where a finding goes; to no sink when it is held back, and why."""

    sinks: tuple[str, ...] = ()
    held: Held | None = None


Router: TypeAlias = Callable[[Mapping[str, Any], frozenset[str], int], Routed]


def routed(settings: Delivery, document: Mapping[str, Any], earlier: frozenset[str], recent: int) -> Routed:
    """Route a finding document.

    `earlier` are the sinks that were given an earlier state of it: when a person's verdict covers it by now, these are
    told once more, so that they can close it; nobody else is. `recent` is how many findings of its actor went out
    within the span of the limit.
    """
    covered = is_covered(document)
    names = [sink.name for sink in settings.sinks]
    takers = _takers(settings.effective, document, covered=covered)
    chosen = {name for name in names if name in takers or "*" in takers}
    if covered:
        closing = tuple(name for name in names if name in chosen or name in earlier)
        if closing:
            return Routed(sinks=closing)
        return Routed(held="verdict" if _takers(settings.effective, document, covered=False) else "route")
    if not chosen:
        return Routed(held="route")
    options = settings.options
    if 0 < options.per_actor <= recent and not _at_least(document["level"], options.spared):
        return Routed(held="rate")
    return Routed(sinks=tuple(name for name in names if name in chosen))


def is_covered(document: Mapping[str, Any]) -> bool:
    """Tell whether a person's verdict says that there is nothing to do about a finding."""
    verdict = document["verdict"]
    return bool(verdict.get("id")) and verdict["decision"] in _HIDING


def _takers(routes: Iterable[Route], document: Mapping[str, Any], *, covered: bool) -> set[str]:
    takers: set[str] = set()
    for route in routes:
        if takes(route, document) and (route.decisions or not covered):
            takers.update(route.sinks)
            if route.last:
                break
    return takers


def takes(route: Route, document: Mapping[str, Any]) -> bool:
    """Tell whether every condition of a route holds for a finding document."""
    actor = document["actor"]
    techniques = [*document["techniques"], *(link["technique"] for link in document.get("chain", ()))]
    return (
        _at_least(document["level"], route.level)
        and (not route.decisions or document["verdict"]["decision"] in route.decisions)
        and (not route.kinds or actor["kind"] in route.kinds)
        and _any(route.techniques, techniques)
        and _any(route.clusters, [actor["realm"]])
        and _any(route.actors, [actor["name"]])
        and _in_namespace(route.namespaces, document["looked_at"]["namespaces"])
    )


def _at_least(level: str, least: str) -> bool:
    return level in LEVELS and LEVELS.index(level) >= LEVELS.index(least)


def _in_namespace(patterns: tuple[str, ...], namespaces: list[str]) -> bool:
    return (bool(patterns) and "*" in namespaces) or _any(patterns, namespaces)


def _any(patterns: tuple[str, ...], values: Iterable[str]) -> bool:
    """Tell whether a value fits a pattern; without patterns everything does."""
    return not patterns or any(_pattern(one).match(value) for one in patterns for value in values)


@lru_cache(maxsize=1024)
def _pattern(text: str) -> Pattern[str]:
    # Brackets are ordinary characters: names may hold them, and nobody expects them to mean anything.
    return regex(translate(text.replace("[", "[[]")))
