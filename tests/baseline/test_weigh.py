from __future__ import annotations

from math import isfinite, log2
from typing import Any

import pytest
from factories import actor, episode
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.baseline.weigh import (
    breadth_bits,
    classes_bits,
    innovation_bits,
    peer_bits,
    state,
    surprises,
    tripwire_bits,
    value_bits,
    warmth,
    weighed,
)
from tidewaiter.model import Breadth, Departure, Episode, Surprise, Tripwire

COUNTS = st.integers(0, 500)


def departure(**over: Any) -> Departure:
    """Give a kind that an actor of six days never read, and none of its six peers either."""
    complete = {
        "dimension": "kind",
        "value": "nodes",
        "prior": 0,
        "history": 6,
        "innovations": 0,
        "peers_known": 0,
        "peers": 6,
        "estate_known": 0,
        "estate": 6,
    }
    return Departure(**{**complete, **over})


def alone(**over: Any) -> Departure:
    """Give a departure in an estate where nobody else has a past."""
    return departure(**{"peers": 0, "estate": 0, **over})


def refused(kind: str, peers_known: int) -> Departure:
    return departure(dimension="refused", value=kind, peers_known=peers_known)


def breadth(observed: int, usual: int | None = None, peers: float | None = None, window: str = "10s") -> Breadth:
    return Breadth(window=window, observed=observed, usual=usual, peers=peers)


def tripwire(weight: float, prior: int = 0) -> Tripwire:
    return Tripwire(recogniser="a@1", weight=weight, times=1, prior=prior)


def quiet(**over: Any) -> Episode:
    """Give an episode of an actor with six days of history, with nothing measured yet."""
    complete = {"history": 6, "idle_days": 1, "estate_days": 30, "arrival_days": 2, "usual": {}, "surprises": ()}
    return episode(**{**complete, **over})


def surprise(measure: str, observed: str, bits: float, **over: Any) -> Surprise:
    complete = {"usual": "", "peers": "0 of 6", "history_days": 6}
    return Surprise(measure=measure, observed=observed, bits=bits, **{**complete, **over})


@pytest.mark.parametrize(
    ("given", "p"),
    [
        (alone(history=0), 1 / 2),  # nobody knows anything
        (alone(history=2), 1 / 4),
        (alone(history=6), 1 / 8),
        (alone(history=14), 1 / 16),
        (alone(history=2, prior=1), 1 / 2),
        (alone(history=2, prior=2), 3 / 4),
        (departure(history=0, peers=0), 1 / 14),  # the estate alone: half a count in seven
        (departure(history=0), 1 / 56),
        (departure(), 1 / 224),
        (departure(peers_known=6, estate_known=6), 55 / 224),
        (departure(peers_known=0, estate=12, estate_known=6), 1 / 32),
    ],
)
def test_value_bits(given: Departure, p: float) -> None:
    assert value_bits(given) == pytest.approx(-log2(p))


@given(history=COUNTS, more=COUNTS, peers=COUNTS, estate=COUNTS)
def test_the_longer_the_history_the_rarer_is_what_was_never_seen(
    history: int, more: int, peers: int, estate: int
) -> None:
    short = departure(history=history, peers=peers, estate=peers + estate)
    long = departure(history=history + more, peers=peers, estate=peers + estate)
    assert value_bits(long) >= value_bits(short)
    assert innovation_bits(long) >= innovation_bits(short)


@given(history=COUNTS, peers=COUNTS, known=COUNTS, more=COUNTS)
def test_the_more_peers_know_it_the_less_it_says(history: int, peers: int, known: int, more: int) -> None:
    few, many = sorted((min(known, peers), min(more, peers)))
    bits = [value_bits(departure(history=history, peers=peers, peers_known=n, estate=500)) for n in (few, many)]
    assert bits[1] <= bits[0]


@given(history=COUNTS, prior=st.integers(0, 1), known=COUNTS, others=COUNTS, estate=COUNTS)
def test_bits_are_never_negative_nor_without_end(
    history: int, prior: int, known: int, others: int, estate: int
) -> None:
    given_ = departure(
        history=history + prior, prior=prior, peers=known + others, peers_known=known, estate=known + others + estate
    )
    assert 0 <= value_bits(given_) < 60
    assert isfinite(innovation_bits(given_))


@pytest.mark.parametrize(
    ("history", "innovations", "p"), [(0, 0, 0.1), (8, 0, 0.02), (8, 1, 0.12), (8, 7, 0.72), (98, 0, 0.002)]
)
def test_innovation_bits(history: int, innovations: int, p: float) -> None:
    found = innovation_bits(departure(history=history, innovations=innovations))
    assert found == pytest.approx(-log2(p))


@pytest.mark.parametrize(("history", "part"), [(0, 0), (1, 1 / 3), (2, 1 / 2), (6, 3 / 4), (98, 0.98)])
def test_warmth(history: int, part: float) -> None:
    assert warmth(history) == pytest.approx(part)


@pytest.mark.parametrize(
    ("history", "idle_days", "expected"),
    [
        (0, None, "learning"),
        (2, 1, "learning"),
        (3, 1, "warm"),
        (3, 30, "warm"),
        (3, 31, "stale"),
        (1, 31, "stale"),
    ],
)
def test_state(history: int, idle_days: int | None, expected: str) -> None:
    assert state(history, idle_days) == expected


@pytest.mark.parametrize(
    ("given", "history", "bits"),
    [
        (breadth(10), 0, 0),  # the floor
        (breadth(20), 0, 3),
        (breadth(40), 2, 6),
        (breadth(40, usual=5), 2, 6),  # two days are no measure: the floor still holds
        (breadth(40, usual=5, peers=20.0), 2, 3),
        (breadth(40, usual=20, peers=5.0), 2, 3),
        (breadth(10, usual=5), 3, 3),
        (breadth(20, usual=5, peers=4.0), 3, 6),  # peers who do less say nothing
        (breadth(20, usual=5, peers=20.0), 3, 3 / 5 * 6),  # those who do more count as two days more
        (breadth(20, usual=5, peers=20.0), 18, 18 / 20 * 6),
        (breadth(4, usual=1), 3, 0),  # four kinds are never broad
        (breadth(5, usual=10), 3, -3),
        (breadth(20), 3, 3),  # days of history, but not one with kinds that count
    ],
)
def test_breadth_bits(given: Breadth, history: int, bits: float) -> None:
    assert breadth_bits(given, history) == pytest.approx(bits)


@pytest.mark.parametrize(
    ("tripwires", "bits"),
    [
        ([], 0),
        ([tripwire(9)], 9),
        ([tripwire(6), tripwire(9)], 11),
        ([tripwire(9), tripwire(6), tripwire(3)], 12),
        ([tripwire(9, prior=1)], 9),
        ([tripwire(10, prior=2)], 4),
        ([tripwire(10, prior=2), tripwire(6)], 6 + 4 / 3),
    ],
)
def test_tripwire_bits(tripwires: list[Tripwire], bits: float) -> None:
    assert tripwire_bits(tripwires) == pytest.approx(bits)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (quiet(), []),
        (
            quiet(history=0, idle_days=None, arrival_days=7),
            [surprise("new-actor", "shop/web", 2, peers="7 of 30", history_days=0)],
        ),
        (
            quiet(history=0, idle_days=None, arrival_days=0, estate_days=0),
            [surprise("new-actor", "shop/web", 1, peers="0 of 0", history_days=0)],
        ),
        (quiet(history=0, idle_days=None, arrival_days=30), []),  # somebody new every day: nobody wonders
        (quiet(idle_days=40, arrival_days=7), [surprise("returned", "shop/web", 2, usual="40", peers="7 of 30")]),
    ],
    ids=["nothing", "new", "first day", "always somebody new", "back after a month"],
)
def test_who_is_new(given: Episode, expected: list[Surprise]) -> None:
    assert surprises(given) == tuple(expected)


@pytest.mark.parametrize(
    ("departures", "expected"),
    [
        # innovation: 0.2 in 8 is 5.32 bits, below the 7.81 of the value; three quarters of it count after six days
        ([departure()], [surprise("new-kind", "nodes", 4.0)]),
        ([departure(), departure(value="leases")], [surprise("new-kind", "leases, nodes", 4.7)]),
        ([departure(peers_known=6, estate_known=6)], [surprise("new-kind", "nodes", 1.5, peers="6 of 6")]),
        ([departure(innovations=5)], [surprise("new-kind", "nodes", 0.5)]),
        ([departure(prior=1)], []),  # not known yet, but "never" would not be true
        (  # what was seen once is not listed beside what was never seen
            [departure(), departure(value="leases", prior=1)],
            [surprise("new-kind", "nodes", 4.0)],
        ),
        ([departure(history=0)], []),
        ([departure(dimension="scope", value="everything")], [surprise("new-scope", "everything", 4.0)]),
        ([departure(dimension="tool", value="curl")], [surprise("new-tool", "curl", 2.8)]),
        ([departure(dimension="namespace", value="shop")], [surprise("new-namespace", "shop", 2.4)]),
        ([departure(dimension="hour", value="4")], [surprise("new-hour", "4", 1.6)]),
        ([departure(dimension="tripwire", value="a@1")], []),
        (  # how many know it is told of the rarest kind
            [refused("nodes", 2), refused("pods", 0), refused("leases", 6)],
            [surprise("refusals", "leases, nodes, pods", 4)],
        ),
        ([departure(dimension="refused", prior=1)], []),
    ],
)
def test_what_is_new(departures: list[Departure], expected: list[Surprise]) -> None:
    assert surprises(quiet(departures=tuple(departures))) == tuple(expected)


def test_peers_are_named_where_they_are_narrower_than_a_sort() -> None:
    (found,) = surprises(quiet(departures=(departure(group="groups:dev, ops"),)))
    assert found == surprise("new-kind", "nodes", 4.0, group="groups:dev, ops")


def test_an_address_on_the_internet_weighs_more() -> None:
    given_ = quiet(departures=(departure(dimension="network", value="198.51.100.0/24"),), from_public=True)
    assert surprises(given_) == (surprise("new-network", "198.51.100.0/24", 5.5),)


def test_usual_values_are_told() -> None:
    (found,) = surprises(quiet(departures=(departure(),), usual={"kind": ("pods", "services"), "tool": ("curl",)}))
    assert found.usual == "pods, services"


def test_a_long_list_is_cut_and_counted() -> None:
    (found,) = surprises(quiet(departures=tuple(departure(value=f"k{n:02}") for n in range(15))))
    assert found.observed == ", ".join(f"k{n:02}" for n in range(12)) + " +3"


def test_the_broadest_window_is_told_and_the_heaviest_surprise_comes_first() -> None:
    windows = (breadth(10, usual=5), breadth(40, usual=10, peers=12.5, window="1h"), breadth(40, 20, window="24h"))
    found = surprises(quiet(breadth=windows, departures=(departure(),)))
    assert found == (
        surprise("breadth", "40 in 1h", 5.8, usual="10 in 1h", peers="12.5 in 1h"),
        surprise("new-kind", "nodes", 1.3),
    )


NIGHT = (
    departure(dimension="network", value="10.9.9.0/24"),
    departure(dimension="tool", value="k9s"),
    departure(dimension="hour", value="00"),
)
WEEKEND = departure(dimension="weekday", value="5")
WORK = (departure(), departure(dimension="namespace", value="checkout"))


@pytest.mark.parametrize(
    ("departures", "expected"),
    [
        (NIGHT[:1], [("new-network", 4.0)]),
        (NIGHT[1:], [("new-tool", 2.8), ("new-hour", 0.5)]),
        (NIGHT, [("new-network", 4.0), ("new-tool", 0.9), ("new-hour", 0.2)]),
        ((*NIGHT[:1], WEEKEND), [("new-network", 4.0), ("new-weekday", 0.5)]),
        (WORK, [("new-kind", 4.0), ("new-namespace", 0.8)]),
        (  # where it comes from says nothing of what it reads
            (*NIGHT, *WORK),
            [("new-kind", 4.0), ("new-network", 4.0), ("new-tool", 0.9), ("new-namespace", 0.8), ("new-hour", 0.2)],
        ),
        (  # what is refused is known by itself
            (*WORK, refused("nodes", 0), refused("pods", 0), refused("leases", 0)),
            [("new-kind", 4.0), ("refusals", 4.0), ("new-namespace", 0.8)],
        ),
    ],
)
def test_one_circumstance_counts_once(departures: tuple[Departure, ...], expected: list[tuple[str, float]]) -> None:
    """The strongest measure whole, the next a third, the one after that a ninth."""
    assert [(item.measure, item.bits) for item in surprises(quiet(departures=departures))] == expected


@pytest.mark.parametrize(
    ("value", "usual", "told"),
    [
        ("everything", ("namespace",), True),
        ("namespace", ("one",), True),
        ("one", ("namespace",), False),
        ("namespace", ("everything", "one"), False),
        ("one", (), True),  # nothing is known yet
    ],
)
def test_a_narrower_scope_is_no_news(value: str, usual: tuple[str, ...], told: bool) -> None:
    given_ = quiet(departures=(departure(dimension="scope", value=value),), usual={"scope": usual})
    assert bool(surprises(given_)) is told


def test_weighed_fills_what_judges_need() -> None:
    given_ = quiet(
        state="learning",
        estate_learning=True,
        departures=(departure(),),
        tripwires=(tripwire(10, prior=2), tripwire(6)),
        tripwire_bits=0.0,
    )
    assert weighed(given_) == quiet(
        state="warm",
        estate_learning=False,
        departures=given_.departures,
        tripwires=given_.tripwires,
        surprises=(surprise("new-kind", "nodes", 4.0),),
        tripwire_bits=7.3,
    )


@pytest.mark.parametrize(("estate_days", "learning"), [(0, True), (2, True), (3, False)])
def test_a_young_estate_is_still_learnt(estate_days: int, learning: bool) -> None:
    assert weighed(quiet(estate_days=estate_days, actor=actor(name="a"))).estate_learning is learning


@pytest.mark.parametrize(
    ("given", "p"),
    [
        (departure(peers=2), 0.0),  # two are no crowd
        (departure(peers_known=6, estate_known=6), 55 / 56),
        (departure(peers_known=3, estate_known=3), 4 / 8),
        (departure(), 1 / 56),
    ],
)
def test_peer_bits(given: Departure, p: float) -> None:
    assert peer_bits(given) == (pytest.approx(4 - 2 * log2(p)) if p else float("inf"))


@pytest.mark.parametrize(
    ("classes", "usual", "peers", "history", "bits"),
    [(10, None, None, 0, 3), (8, 2, None, 3, 6), (10, 2, None, 2, 3), (4, 1, None, 3, 0), (8, 2, 8.0, 2, 0)],
)
def test_classes_bits(classes: int, usual: int | None, peers: float | None, history: int, bits: float) -> None:
    given_ = Breadth(
        window="1h", observed=9, usual=9, peers=None, classes=classes, usual_classes=usual, peers_classes=peers
    )
    assert classes_bits(given_, history) == pytest.approx(bits)


@pytest.mark.parametrize("history", [10, 100, 1000])
def test_on_call_at_night_stays_below_medium(history: int) -> None:
    """A new hour, and one kind that a colleague reads every day: however long its own past, below ten bits."""
    found = surprises(
        quiet(
            history=history,
            departures=(
                departure(dimension="hour", value="00", history=history),
                departure(value="events", history=history, peers_known=6, estate_known=6),
            ),
        )
    )
    assert {item.measure for item in found} == {"new-kind", "new-hour"}
    assert sum(item.bits for item in found) < 10
