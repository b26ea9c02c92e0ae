"""Somebody walks through the kinds of an estate that was made by hand: loudly, slowly, over midnight, in disguise."""

from __future__ import annotations

import pytest
from estate import FAST, KINDS, PAST, departure, episodes, moment, reads, surprise, windows


def test_a_slow_enumeration_is_one_episode() -> None:
    """One kind each 40 minutes, three of four refused: nothing in an hour, everything in a day."""
    slow = [
        fact
        for number, kind in enumerate(KINDS)
        for fact in reads(kind, day=7, clock=f"00:{40 * number}:00", outcome="refused" if number % 4 else "answered")
    ]
    (found,) = episodes([*PAST, *slow])
    assert (found.opens, found.closes) == (moment(7, "00:00:00"), moment(7, "17:20:00"))
    assert (found.kinds, found.requests, found.answered, found.refused) == (tuple(KINDS), 27, 7, 20)
    assert found.breadth == windows((1, 1, 2, 27), usual=2, peers=2.0)
    assert {item.measure: item.bits for item in found.surprises} == {
        "breadth": 11.3,
        "refusals": 8.8,
        "new-kind": 1.8,  # a third: it goes with the breadth
        "new-hour": 1.4,
    }


def test_a_loud_enumeration_is_one_episode() -> None:
    (found,) = episodes([*PAST, *reads(*KINDS, day=7, every=FAST)])
    assert (found.opens, found.closes) == (moment(7), moment(7, "09:00:01.3"))
    assert found.breadth == windows((27, 27, 27, 27), usual=2, peers=2.0)
    assert found.surprises[0] == surprise("breadth", "27 in 10s", 11.3, "2 in 10s", peers="2 in 10s")


@pytest.mark.parametrize(("gap", "stretches"), [("12:00:00", [2]), ("12:00:00.000001", [1, 1]), ("11:59:59", [2])])
def test_three_hours_of_silence_end_an_episode(gap: str, stretches: list[int]) -> None:
    found = episodes([*PAST, *reads("nodes", day=5), *reads("nodes", day=5, clock=gap)])
    assert [one.requests for one in found] == stretches


def test_midnight_does_not_end_an_episode() -> None:
    night = [*reads("nodes", day=5, clock="23:59:59"), *reads("nodes", "leases", day=6, clock="00:00:00")]
    (found,) = episodes([*PAST, *night])
    assert (found.opens, found.closes, found.requests) == (
        moment(5, "23:59:59"),
        moment(6, "00:00:01"),
        3,
    )
    kinds = [item for item in found.departures if item.dimension == "kind"]
    # Measured against the past as it was before the episode, not before its second day.
    assert kinds == [departure("kind", "leases", history=6, innovations=1), departure("kind", "nodes")]


def test_changing_tools_and_addresses_do_not_split_an_actor() -> None:
    changing = [
        fact
        for number, kind in enumerate(KINDS[:4])
        for fact in reads(
            kind,
            day=7,
            clock=f"09:{number}0:00",
            tool=f"tool{number}/1",
            network=f"10.9.{number}.0/24",
            address=f"10.9.{number}.1",
        )
    ]
    (found,) = episodes([*PAST, *changing])
    assert found.tools == ("tool0/1", "tool1/1", "tool2/1", "tool3/1")
    assert found.addresses == ("10.9.0.1", "10.9.1.1", "10.9.2.1", "10.9.3.1")
    assert {item.measure: item.bits for item in found.surprises} == {
        "new-kind": 3.4,
        "new-network": 3.4,
        "new-tool": 0.8,  # a third: it goes with the network
    }


@pytest.mark.parametrize(("weeks", "expected"), [(3, {"new-kind"}), (6, {"new-kind", "new-weekday"})])
def test_a_weekday_is_new_to_who_was_there_for_four_weeks(weeks: int, expected: set[str]) -> None:
    working = [fact for day in range(7 * weeks) if day % 7 < 5 for fact in reads("pods", "services", day=day)]
    found = episodes([*working, *reads("nodes", day=7 * weeks + 5)])[-1]
    assert {item.measure for item in found.surprises} == expected
