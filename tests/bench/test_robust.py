"""The cluster is scored again in other ways; the product is played by a function here."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from audit_event import line

from bench.reruns import Recording
from bench.robust import Left, Renamed, leave_one_out, rename, shown_left, shown_renamed
from bench.scores import Case, Decided, Found, Who

AT = datetime(2026, 6, 1, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def recording() -> Recording:
    """Eve makes six requests, Ana one."""
    lines = [line(auditID=f"r{number}", user={"username": "eve"}) for number in range(6)]
    lines.append(line(auditID="r9", user={"username": "ana"}))
    cases = [
        Case("1", "sweep", "malicious", frozenset({"eve"}), AT, AT + HOUR),
        Case("2", "daily", "benign", frozenset({"ana"}), AT, AT + HOUR),
    ]
    return Recording(lines, {**dict.fromkeys(range(1, 7), "1"), 7: "2"}, cases)


def from_four(log: bytes) -> tuple[Found, ...]:
    """Find everybody who made at least four requests, and somebody called Mallory, who is in no log."""
    names = [json.loads(one)["user"]["username"] for one in log.splitlines()]
    found = {name for name in names if names.count(name) >= 4} | {"mallory"}
    return tuple(
        Found(
            id=name,
            level="high",
            actor=Who(kind="user", name=name),
            from_=AT + timedelta(seconds=9),
            until=AT + HOUR,
            verdict=Decided(decision="suspicious"),
        )
        for name in sorted(found)
    )


def test_each_attack_is_scored_alone() -> None:
    expected = Left(
        scenario="sweep", level="high", decision="suspicious", after_s=9.0, requests=6, until_found=4, false=1
    )
    assert leave_one_out(recording(), from_four) == (expected,)
    assert "| sweep | high | suspicious | 9 | 6 | 4 | 1 |" in shown_left((expected,))


def test_an_attack_that_is_not_found_has_no_numbers() -> None:
    (made,) = leave_one_out(recording(), lambda _: ())
    assert (made.level, made.decision, made.after_s, made.until_found, made.false) == (None, None, None, None, 0)


def test_other_names_make_no_difference_to_what_knows_none() -> None:
    made = rename(recording(), 1, from_four)
    assert made == Renamed(seed=1, names=2 + 1, findings=2, differences=())
    assert "the same" in shown_renamed(made)


def test_a_detector_that_knows_a_name_is_caught() -> None:
    made = rename(recording(), 1, lambda log: tuple(one for one in from_four(log) if b'"eve"' in log))
    assert [one.split()[0] for one in made.differences] == ["lost:", "lost:"]
