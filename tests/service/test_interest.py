from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from factories import activity, actor, context, occurrence

from tidewaiter.service.interest import Interest, key_of
from tidewaiter.store import Context

NOON = datetime(2026, 6, 10, 12)  # noqa: DTZ001 - as rows hold it, without a zone
DEED = "exec@1"
LIST = "list@1"


def of(name: str, number: int, **over: Any) -> Context:
    kind = over.pop("kind", "pods")
    given = {"recognised": (LIST,), "role": "evidence", **over}
    return context(context=number, a=activity(actor=actor(name=name), kind=kind), **given)


def key(name: str) -> str:
    return key_of(actor(name=name))


@pytest.fixture
def interest() -> Interest:
    return Interest(frozenset({DEED}))


def test_who_does_something_new_is_urgent_and_asked_about_once(interest: Interest) -> None:
    interest.told(of("ann", 1))
    interest.told(of("bob", 2))
    assert interest.take(1, also_later=False) == [key("ann")]
    assert interest.take(5, also_later=False) == [key("bob")]
    assert interest.take(5, also_later=True) == []


def test_what_only_teaches_or_only_continues_a_story_is_nobody_s_news(interest: Interest) -> None:
    interest.told(of("ann", 1, learn=True))
    interest.told(of("bob", 2, role="context", recognised=(DEED,)))
    assert interest.take(5, also_later=True) == []


def test_routine_is_looked_at_again_once_in_each_part_of_a_day(interest: Interest) -> None:
    interest.told(of("ann", 1))
    interest.take(5, also_later=False)
    for minutes, expected in ((0, [key("ann")]), (1, []), (2, []), (5 * 60, [key("ann")])):
        interest.saw([occurrence(context=1, at=NOON + timedelta(minutes=minutes))])
        assert interest.take(5, also_later=True) == expected


def test_a_tripwire_is_always_urgent(interest: Interest) -> None:
    interest.told(of("ann", 1, tripwires=("trip@1",), role="tripwire"))
    interest.take(5, also_later=False)
    for minute in range(3):
        interest.saw([occurrence(context=1, at=NOON + timedelta(minutes=minute))])
        assert interest.take(5, also_later=False) == [key("ann")]


def test_a_deed_makes_those_of_whom_there_is_a_finding_worth_a_look(interest: Interest) -> None:
    interest.told(of("bob", 2, role="context", recognised=(DEED,)))
    interest.saw([occurrence(context=2, at=NOON)])
    interest.take(5, also_later=True)
    interest.open[key("ann")] = NOON
    interest.saw([occurrence(context=2, at=NOON)])
    assert interest.take(5, also_later=True) == [key("ann")]
    interest.open[key("bob")] = NOON
    interest.saw([occurrence(context=2, at=NOON)])
    assert interest.take(5, also_later=False) == [key("bob")]


def test_who_reads_many_kinds_is_looked_at_whenever_it_reads(interest: Interest) -> None:
    for number in range(5):
        interest.told(of("ann", number, kind=f"kind{number}"))
    interest.saw([occurrence(context=1, at=NOON)])
    interest.take(5, also_later=True)
    interest.saw([occurrence(context=1, at=NOON)])
    assert interest.take(5, also_later=True) == [key("ann")]


def test_a_late_record_does_not_turn_the_day_back(interest: Interest) -> None:
    interest.told(of("ann", 1))
    interest.saw([occurrence(context=1, at=NOON)])
    interest.take(5, also_later=True)
    interest.saw([occurrence(context=1, at=NOON - timedelta(days=1))])
    interest.take(5, also_later=True)
    interest.saw([occurrence(context=1, at=NOON)])
    assert interest.take(5, also_later=True) == []
