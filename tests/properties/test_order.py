"""In which order records arrive, and how often they are measured, changes nothing."""

from __future__ import annotations

from functools import cache
from random import Random

from estate import FAST, KINDS, PAST, episodes, fill, moment, others, reads
from factories import actor
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewaiter.baseline import measure
from tidewaiter.model import Episode
from tidewaiter.store import Store

ESTATE = [
    *PAST,
    *others(2, "pods", "nodes", among=9),
    *reads(*KINDS[:12], day=7, every=FAST, outcome="refused"),
    *reads("nodes", day=7, clock="23:59:00", tripwires=("a@1",)),
    *reads("nodes", "leases", day=8, clock="00:30:00", tool="curl/8"),
    *reads("secrets", day=8, clock="12:00:00", by=actor(kind="anonymous", name="10.9.9.9")),
    *reads("pods", day=8, clock="12:00:00", by=actor(kind="user", name="ana")),
]
WEIGHTS = {"a@1": 9.0}


@cache
def in_order() -> tuple[Episode, ...]:
    return tuple(episodes(ESTATE, weights=WEIGHTS))


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1 << 30))
def test_the_order_of_records_does_not_matter(seed: int) -> None:
    shuffled = ESTATE[:]
    Random(seed).shuffle(shuffled)  # noqa: S311 - no secret
    assert tuple(episodes(shuffled, weights=WEIGHTS)) == in_order()


def test_the_estate_of_that_test_has_something_to_tell() -> None:
    told_of = [(one.actor.name, one.opens, one.requests) for one in in_order()]
    assert told_of == [
        ("shop/web", moment(7), 12),
        ("shop/web", moment(7, "23:59:00"), 3),
        ("10.9.9.9", moment(8, "12:00:00"), 1),
        ("ana", moment(8, "12:00:00"), 1),
    ]


def test_measuring_twice_gives_the_same() -> None:
    with Store() as store:
        fill(store, ESTATE)
        first, second = ([*_measured(store)] for _ in range(2))
    assert first == second != []


def _measured(store: Store) -> list[Episode]:
    measure.profile(store)
    return list(measure.episodes(store, [], WEIGHTS))
