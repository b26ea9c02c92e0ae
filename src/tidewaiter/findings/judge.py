"""Judges an episode: how bad if true, how sure, what to call it. Pure: the same episode, the same judgement."""

from __future__ import annotations

from typing import Literal

import msgspec

from tidewaiter.findings.signs import families, is_customary, proof
from tidewaiter.model import LEVELS, Decision, Episode, Level, Surprise

Persona = Literal["quiet", "regular", "hunter"]
Ground = Literal["proof", "agreement", "weight", "weak", "habit", "no-past"]  # what a decision rests on

# Bits at which a level begins. Ten bits is one episode in a thousand of its kind.
_STEPS: tuple[tuple[float, Level], ...] = ((28, "critical"), (16, "high"), (10, "medium"), (5, "low"), (0, "info"))
_SHOWN: dict[Persona, Level] = {"quiet": "medium", "regular": "low", "hunter": "info"}
_CAP_LEARNING = 9.9  # bits: without tripwires nothing in an estate that is still being learnt goes above "low"
_SUREST = 0.99  # what is inferred from a log is never certain
_CAP_REFUSED = 27.9  # bits: who was refused everything has learnt little yet
_AGREEING = 2  # independent kinds of evidence: one alone, however heavy, may have one innocent cause


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What tidewaiter makes of an episode."""

    level: Level
    confidence: float
    decision: Decision
    bits: float
    headline: str  # what it is called: a key of the wording catalogue without its prefix
    ground: Ground = "weight"


def judge(episode: Episode) -> Judgement:
    """Weigh tripwires, surprises and what followed together."""
    # Rounded as it is shown: 0.6 + 8.2 + 1.2 must reach the 10 that a reader counts.
    bits = round(episode.tripwire_bits + sum(item.bits for item in episode.surprises) + episode.chain_bits, 1)
    if not episode.tripwires and episode.estate_learning:
        bits = min(bits, _CAP_LEARNING)
    if episode.answered == 0:
        bits = min(bits, _CAP_REFUSED)
    level = next(level for least, level in _STEPS if bits >= least)
    decision, ground = _decision(episode, level)
    return Judgement(
        level=level,
        confidence=min(round(1 - 2 ** (-bits / 6), 2), _SUREST),
        decision=decision,
        bits=bits,
        headline=_headline(episode, episode.surprises),
        ground=ground,
    )


def _decision(episode: Episode, level: Level) -> tuple[Decision, Ground]:
    """Decide what an episode is, and on what ground.

    Malicious needs more than weight, for somebody will act on it: a tripwire that is proof once it was answered, or the
    highest level from signs that do not hang together. Expected needs a past that holds all of it.
    """
    if at_least(level, "medium"):
        if proof(episode):
            return "malicious", "proof"
        if level == "critical" and len(families(episode)) >= _AGREEING:
            return "malicious", "agreement"
        return "suspicious", "weight"
    ordinary = not episode.surprises and not episode.chain_bits and all(map(is_customary, episode.tripwires))
    if level == "info" and episode.state == "warm" and ordinary:
        return "expected", "habit"
    if episode.estate_learning and level != "info":  # to call it benign, one has to know what is ordinary here
        return "suspicious", "no-past"
    return "benign", "weak"


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
