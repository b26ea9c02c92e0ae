"""Names and tactics of techniques of MITRE ATT&CK; the data is `packs/vocabulary/attack.yml`."""

from __future__ import annotations

from functools import cache
from typing import Any

from tidewaiter.meaning.vocabulary import load


@cache
def _attack() -> dict[str, Any]:
    found: dict[str, Any] = load("attack.yml")
    return found


def attack_version() -> str:
    """Give the version of ATT&CK whose names and tactics these are."""
    return str(_attack()["version"])


def technique_name(technique: str) -> str | None:
    """Name a technique such as T1613; nothing for one that is not known."""
    known = _attack()["techniques"].get(technique)
    return str(known["name"]) if known else None


def tactics(technique: str) -> tuple[tuple[str, str], ...]:
    """Give the tactics of a technique as id and name; those of its parent when it is an unknown sub-technique."""
    techniques, names = _attack()["techniques"], _attack()["tactics"]
    known = techniques.get(technique) or techniques.get(technique.partition(".")[0])
    return tuple((tactic, names[tactic]) for tactic in known["tactics"]) if known else ()
