from __future__ import annotations

import pytest
from factories import episode, surprise
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.findings.judge import Ground, Judgement, Persona, at_least, is_shown, judge
from tidewaiter.model import LEVELS, Decision, Episode, Level, Tripwire

TRIPWIRE = Tripwire(recogniser="kube-review-flood@1", weight=8.0, times=1, prior=0)


def weighing(bits: float, **over: object) -> Episode:
    """Give an episode with one surprise of so many bits, and nothing else."""
    return episode(surprises=(surprise(bits=bits),), **over)


@pytest.mark.parametrize(
    ("bits", "level"),
    [
        (0.0, "info"),
        (4.9, "info"),
        (5.0, "low"),
        (9.9, "low"),
        (10.0, "medium"),
        (15.9, "medium"),
        (16.0, "high"),
        (27.9, "high"),
        (28.0, "critical"),
        (99.0, "critical"),
    ],
)
def test_levels_begin_at_bits(bits: float, level: Level) -> None:
    found = judge(weighing(bits))
    assert (found.level, found.bits) == (level, bits)
    assert found.decision == ("benign" if level in {"info", "low"} else "suspicious")  # one sign alone


@pytest.mark.parametrize(
    ("bits", "confidence"), [(0.0, 0.0), (3.0, 0.29), (6.0, 0.5), (12.0, 0.75), (18.0, 0.88), (99.0, 0.99)]
)
def test_confidence_grows_and_is_never_certain(bits: float, confidence: float) -> None:
    """Half of what is left with each six bits."""
    assert judge(weighing(bits)).confidence == confidence


def test_tripwires_and_surprises_add_up() -> None:
    given_ = episode(
        tripwires=(TRIPWIRE,),
        tripwire_bits=8.0,
        surprises=(surprise(bits=1.5), surprise(measure="new-network", bits=1.0)),
    )
    assert judge(given_) == Judgement(
        level="medium", confidence=0.7, decision="suspicious", bits=10.5, headline="rule.kube-review-flood"
    )


NODE = Tripwire(recogniser="kube-node-credential-by-person@1", weight=16.0, times=1, prior=0)
HABIT = Tripwire(recogniser="kube-review-flood@1", weight=4.0, times=9, prior=2)
AGREEING = {
    "tripwires": (TRIPWIRE,),
    "tripwire_bits": 18.0,
    "surprises": (surprise(bits=6.0), surprise(measure="new-network", bits=4.0)),
}


@pytest.mark.parametrize(
    ("given", "decision", "ground"),
    [
        (episode(tripwires=(NODE,), tripwire_bits=16.0, surprises=()), "malicious", "proof"),
        (episode(tripwires=(NODE,), tripwire_bits=16.0, surprises=(), answered=0), "suspicious", "weight"),
        (episode(tripwires=(NODE,), tripwire_bits=6.4, surprises=()), "benign", "weak"),  # a proof has its weight
        (episode(**AGREEING), "malicious", "agreement"),
        (episode(**{**AGREEING, "tripwire_bits": 17.9}), "suspicious", "weight"),  # 27.9 bits: not critical
        (episode(**AGREEING, answered=0), "suspicious", "weight"),
        (weighing(99.0), "suspicious", "weight"),  # one kind of evidence may have one innocent cause
        (weighing(9.9), "benign", "weak"),
        (weighing(0.5), "benign", "weak"),
        (episode(surprises=()), "expected", "habit"),
        (episode(surprises=(), tripwires=(HABIT,), tripwire_bits=1.6), "expected", "habit"),
        (episode(surprises=(), tripwires=(HABIT,), tripwire_bits=5.0), "benign", "weak"),
        (episode(surprises=(), tripwires=(TRIPWIRE,), tripwire_bits=4.0), "benign", "weak"),
        (episode(surprises=(), state="learning"), "benign", "weak"),
        (episode(surprises=(), state="stale"), "benign", "weak"),
        (episode(surprises=(), chain_bits=1.0), "benign", "weak"),
    ],
)
def test_decisions(given: Episode, decision: Decision, ground: Ground) -> None:
    found = judge(given)
    assert (found.decision, found.ground) == (decision, ground)


@pytest.mark.parametrize("persona", ["quiet", "regular"])
def test_only_a_hunter_sees_what_is_expected(persona: Persona) -> None:
    found = judge(episode(surprises=()))
    assert (is_shown(found.level, persona), is_shown(found.level, "hunter")) == (False, True)


def test_bits_are_counted_as_they_are_shown() -> None:
    """As floating-point numbers these three add up to a little less than ten."""
    found = judge(episode(surprises=tuple(surprise(bits=bits) for bits in (0.6, 8.2, 1.2))))
    assert (found.bits, found.level) == (10.0, "medium")


@pytest.mark.parametrize(
    ("given", "bits", "level"),
    [
        (weighing(40, estate_learning=True), 9.9, "low"),
        (weighing(9, estate_learning=True), 9, "low"),
        (weighing(40, estate_learning=True, tripwires=(TRIPWIRE,), tripwire_bits=8.0), 48, "critical"),
        (weighing(40, state="learning"), 40, "critical"),  # the estate is known, only the actor is not
        (weighing(40, answered=0), 27.9, "high"),
        (weighing(40, answered=0, tripwires=(TRIPWIRE,), tripwire_bits=8.0), 27.9, "high"),
        (weighing(20, answered=0), 20, "high"),
        (weighing(40, answered=1), 40, "critical"),
    ],
    ids=[
        "young estate",
        "young estate, weak",
        "young estate, tripwire",
        "young actor",
        "all refused",
        "all refused, tripwire",
        "all refused, weaker",
        "one answer",
    ],
)
def test_caps(given: Episode, bits: float, level: Level) -> None:
    found = judge(given)
    assert (found.bits, found.level) == (bits, level)


@pytest.mark.parametrize(
    ("given", "headline"),
    [
        (weighing(3), "new-kind"),
        (episode(surprises=(surprise(measure="breadth"), surprise(measure="new-hour"))), "breadth"),
        (episode(surprises=()), "plain"),
        (episode(surprises=(surprise(bits=30),), tripwires=(TRIPWIRE,)), "rule.kube-review-flood"),
        (
            episode(tripwires=(Tripwire(recogniser="a-b@12", weight=9, times=1, prior=0), TRIPWIRE)),
            "rule.a-b",
        ),
    ],
)
def test_headline(given: Episode, headline: str) -> None:
    assert judge(given).headline == headline


@given(st.floats(0, 60), st.floats(0, 60), st.booleans(), st.booleans())
def test_more_bits_never_judge_lower(few: float, more: float, learning: bool, refused: bool) -> None:
    low, high = sorted((few, more))
    over = {"estate_learning": learning, "answered": 0 if refused else 3}
    less, most = judge(weighing(low, **over)), judge(weighing(high, **over))
    assert at_least(most.level, less.level)
    assert most.confidence >= less.confidence


@pytest.mark.parametrize("least", LEVELS)
@pytest.mark.parametrize("level", LEVELS)
def test_at_least(level: Level, least: Level) -> None:
    order = ["info", "low", "medium", "high", "critical"]
    assert at_least(level, least) is (order.index(level) >= order.index(least))


@pytest.mark.parametrize(
    ("persona", "shown"),
    [
        ("quiet", ["medium", "high", "critical"]),
        ("regular", ["low", "medium", "high", "critical"]),
        ("hunter", ["info", "low", "medium", "high", "critical"]),
    ],
)
def test_personas(persona: Persona, shown: list[Level]) -> None:
    assert [level for level in LEVELS if is_shown(level, persona)] == shown
