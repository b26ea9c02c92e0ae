"""What signs are signs of: which of them are independent, which are proof, and what they usually mean.

All of it is data: `packs/vocabulary/signs.yml`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from tidewaiter.findings.circumstances import Circumstances, fits
from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Episode, Tripwire

CUSTOMARY = 2  # earlier days on which the same actor did the same and was answered: from then on it is its trade
_LEAST = 4.0  # bits, one case in sixteen: a surprise below this agrees with anything
_MEANINGS = 2
_OTHER = "other"  # rules that no family lists: they count, but together as one
_FOLLOWED = "followed"  # what was done with what was found


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = load("signs.yml")
    return table


@cache
def _families() -> dict[str, str]:
    found: dict[str, str] = {}
    for name, members in _table()["families"].items():
        found |= dict.fromkeys((*members["rules"], *members["measures"]), name)
    return found


def families(episode: Episode) -> tuple[str, ...]:
    """Name the independent kinds of evidence in an episode, the heaviest sign first; what followed is one of them."""
    rules = (name_of(rule) for rule in episode.tripwires if not is_customary(rule))
    measures = (item.measure for item in episode.surprises if item.bits >= _LEAST)
    done = (link for link in episode.chain if link.bits and link.outcome != "refused")
    followed = (_families().get(link.recogniser.partition("@")[0], _FOLLOWED) for link in done)
    return tuple(dict.fromkeys((*(_families().get(sign, _OTHER) for sign in (*rules, *measures)), *followed)))


def proof(episode: Episode) -> Tripwire | None:
    """Give the tripwire that is proof by itself, if there is one: it was answered, and it is not the actor's trade."""
    if not episode.answered:
        return None
    several = len(families(episode)) > 1
    for rule in episode.tripwires:
        needed = _table()["proofs"].get(name_of(rule))
        if needed and not is_customary(rule) and (several or needed == "alone"):
            return rule
    return None


def meanings(around: Circumstances) -> tuple[str, ...]:
    """Name what an episode usually means, as keys of the wording: of its tripwires, or of everything else together."""
    table = [entry for entry in _table()["means"] if fits(entry, around)]
    chosen: dict[str, str] = {}  # by family: two rules of one family say the same thing
    for rule in around.episode.tripwires:
        name = name_of(rule)
        for entry in table:
            if name in entry.get("rules", ()):
                chosen.setdefault(_families().get(name, _OTHER), entry["say"])
                break
    if not chosen:
        chosen[_OTHER] = next(entry["say"] for entry in table if "rules" not in entry)
    return tuple(dict.fromkeys(chosen.values()))[:_MEANINGS]


def is_customary(rule: Tripwire) -> bool:
    """Tell whether the same actor set a tripwire off on enough earlier days."""
    return rule.prior >= CUSTOMARY


def name_of(rule: Tripwire) -> str:
    """Give the name of a tripwire without its version."""
    return rule.recogniser.partition("@")[0]
