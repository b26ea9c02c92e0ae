"""A part of the judgement is taken away for a while, and the product is as it was afterwards."""

from __future__ import annotations

import pytest
from audit_event import event, line
from factories import episode, surprise

from bench.ablation import ABLATIONS, reduced, scanned
from tidewaiter import pipeline
from tidewaiter.baseline import measure
from tidewaiter.model import Episode, Tripwire

WIRE = Tripwire(recogniser="kube-node-proxy@1", weight=6.0, times=1, prior=3)
FULL = episode(tripwires=(WIRE,), tripwire_bits=6.0)


def judged_as(name: str, given: Episode) -> Episode:
    part = ABLATIONS[name]
    assert part is not None
    return part(given)


def test_what_is_left_of_an_episode() -> None:
    assert judged_as("without surprise", FULL).surprises == ()
    assert judged_as("without surprise", FULL).tripwires == (WIRE,)
    without = judged_as("without proofs", FULL)
    assert (without.tripwires, without.tripwire_bits, without.surprises) == ((), 0.0, (surprise(),))
    past = judged_as("without profiles", FULL)
    assert (past.surprises, past.tripwire_bits, past.history) == ((), 6.0, 0)


@pytest.mark.parametrize("name", ABLATIONS)
def test_nothing_stays_reduced(name: str) -> None:
    before = (vars(pipeline)["judge"], measure.profile)
    with reduced(name):
        pass
    assert (vars(pipeline)["judge"], measure.profile) == before


def test_a_proof_is_worth_what_it_is_worth() -> None:
    """A node's credential in a person's hands: with the proof it is a finding, without it nothing stands out."""
    log = line(user={"username": "system:node:n1", "groups": ["system:nodes"]})
    assert event()["userAgent"].startswith("kubectl")
    levels = {name: [one.level for one in scanned(log, name)] for name in ("everything", "without proofs")}
    assert levels["everything"] in (["high"], ["critical"])
    assert levels["without proofs"] == []
