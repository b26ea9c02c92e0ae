from __future__ import annotations

from tidewaiter.gate import judging
from tidewaiter.gate.caller import NOBODY
from tidewaiter.gate.policy import parse


def test_the_policy_that_people_write_is_one_the_gate_can_ask() -> None:
    written: judging.Policy = parse('[[allow]]\nwho = { anyone = true }\nroutes = ["GET /_ping"]\n', where="p.toml")
    judgement: judging.Judgement = written.decide(NOBODY, "GET", "/_ping")
    assert judgement.allowed
    assert not written.decide(NOBODY, "GET", "/info").allowed
