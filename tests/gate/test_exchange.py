from __future__ import annotations

from tidewaiter.gate.exchange import Exchange, Told


def test_what_is_told_is_what_is_known_at_that_moment() -> None:
    now = Exchange(3, 1000.0, 5.0)
    begun = now.told("begun", 6.0)
    now.method, now.target, now.status, now.upgraded = "POST", "/exec/a/start", 101, True
    now.bytes_in, now.bytes_out, now.decision, now.rule = 10, 20, "denied", "r"
    now.blind, now.agent = "b", "curl"
    assert begun == Told(3, "begun", 1000.0, None, None, None, False, 0, 0, 1.0, "allowed", None, None, None)
    assert now.told("done", 7.5) == Told(
        3, "done", 1000.0, "POST", "/exec/a/start", 101, True, 10, 20, 2.5, "denied", "r", "b", "curl"
    )
