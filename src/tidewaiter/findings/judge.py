"""Judges an episode: how bad if true, how sure, what to call it. Pure: the same episode, the same judgement."""

from __future__ import annotations

from typing import Literal

import msgspec

from tidewaiter.model import LEVELS, Decision, Episode, Level, Surprise

Persona = Literal["quiet", "regular", "hunter"]

# Bits at which a level begins. Ten bits is one episode in a thousand of its kind.
_STEPS: tuple[tuple[float, Level], ...] = ((28, "critical"), (16, "high"), (10, "medium"), (5, "low"), (0, "info"))
_SHOWN: dict[Persona, Level] = {"quiet": "medium", "regular": "low", "hunter": "info"}
_CAP_LEARNING = 9.9  # bits: without tripwires nothing in an estate that is still being learnt goes above "low"
_SUREST = 0.99  # what is inferred from a log is never certain
_CAP_REFUSED = 27.9  # bits: who was refused everything has learnt little yet


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What tidewaiter makes of an episode."""

    level: Level
    confidence: float
    decision: Decision
    bits: float
    headline: str  # what it is called: a key of the wording catalogue without its prefix


def judge(episode: Episode) -> Judgement:
    """Weigh tripwires and surprises together."""
    # Rounded as it is shown: 0.6 + 8.2 + 1.2 must reach the 10 that a reader counts.
    bits = round(episode.tripwire_bits + sum(item.bits for item in episode.surprises), 1)
    if not episode.tripwires and episode.estate_learning:
        bits = min(bits, _CAP_LEARNING)
    if episode.answered == 0:
        bits = min(bits, _CAP_REFUSED)
    level = next(level for least, level in _STEPS if bits >= least)
    return Judgement(
        level=level,
        confidence=min(round(1 - 2 ** (-bits / 6), 2), _SUREST),
        decision="suspicious" if level in {"medium", "high", "critical"} else "benign",
        bits=bits,
        headline=_headline(episode, episode.surprises),
    )


def at_least(level: Level, least: Level) -> bool:
    """Tell whether a level is as high as another or higher."""
    return LEVELS.index(level) >= LEVELS.index(least)


def is_shown(level: Level, persona: Persona) -> bool:
    """Tell whether a persona wants to see findings of this level."""
    return at_least(level, _SHOWN[persona])


def _headline(episode: Episode, found: tuple[Surprise, ...]) -> str:
    if episode.tripwires:
        return "rule." + episode.tripwires[0].recogniser.partition("@")[0]
    return found[0].measure if found else "plain"
