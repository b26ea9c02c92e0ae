from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from random import Random
from typing import Any

import factories
import pytest
from estate import WEB, Fact, days, episodes, fill, moment, others, reads
from factories import actor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidewaiter.baseline import measure
from tidewaiter.baseline.measure import Hit
from tidewaiter.model import Breadth, Departure, Episode, Surprise, Tripwire
from tidewaiter.store import Store

PAST = days("pods", "services", count=5)  # Monday to Friday, one second apart, at 09:00
USUAL = {
    "kind": ("pods", "services"),
    "namespace": ("shop",),
    "scope": ("namespace",),
    "tool": ("app",),
    "network": ("10.42.3.0/24",),
    "hour": ("8",),
}
KINDS = [f"kind{number:02}" for number in range(27)]
FAST = timedelta(milliseconds=50)


def told(**over: Any) -> Episode:
    """Give what is told of one read of pods on the sixth day by an account that nobody is like."""
    complete = {
        "opens": moment(5),
        "closes": moment(5),
        "kinds": ("pods",),
        "namespaces": ("shop",),
        "tools": ("app/1.0",),
        "scope": "namespace",
        "requests": 1,
        "answered": 1,
        "refused": 0,
        "history": 5,
        "estate_days": 5,
        "arrival_days": 1,
        "evidence": ("kube-list-namespace@1",),
        "usual": USUAL,
        "surprises": (),
    }
    return factories.episode(**{**complete, **over})


def departure(dimension: str, value: str, **over: Any) -> Departure:
    complete = {"prior": 0, "history": 5, "innovations": 0}
    nobody = {"peers_known": 0, "peers": 0, "estate_known": 0, "estate": 0}
    return Departure(dimension=dimension, value=value, **{**complete, **nobody, **over})


def surprise(measured: str, observed: str, bits: float, usual: str = "", **over: Any) -> Surprise:
    complete = {"peers": "0 of 0", "history_days": 5, **over}
    return Surprise(measure=measured, observed=observed, usual=usual, bits=bits, **complete)


def windows(observed: tuple[int, int, int, int], usual: int | None, peers: float | None) -> tuple[Breadth, ...]:
    names = ("10s", "10min", "1h", "24h")
    return tuple(
        Breadth(window=name, observed=seen, usual=usual, peers=peers)
        for name, seen in zip(names, observed, strict=True)
    )


def test_nothing_is_told_of_an_empty_store() -> None:
    assert episodes([]) == []


@pytest.mark.parametrize(
    "today",
    [
        reads("services", "pods", day=5),
        reads(*["pods"] * 300, day=5),
        reads("pods", day=5, tool="app/2.0"),  # a new version is no new tool
        reads("pods", day=5, clock="21:00:00"),  # an hour alone tells nothing
        reads("pods", day=5, address="10.42.3.99"),  # the same network
        reads("pods", day=5, network=None, network_kind="none", address=None),
    ],
    ids=["the same", "the same many times", "new version", "new hour", "new address", "no address"],
)
def test_what_is_ordinary_is_no_episode(today: list[Fact]) -> None:
    assert episodes([*PAST, *today]) == []


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        (
            {"kind": "nodes"},
            told(
                kinds=("nodes",),
                departures=(departure("kind", "nodes"),),
                surprises=(surprise("new-kind", "nodes", 2.0, "pods, services"),),
            ),
        ),
        (
            {"namespace": "vault"},
            told(
                namespaces=("vault",),
                departures=(departure("namespace", "vault"),),
                surprises=(surprise("new-namespace", "vault", 1.2, "shop"),),
            ),
        ),
        (
            {"tool": "curl/8.5"},
            told(
                tools=("curl/8.5",),
                departures=(departure("tool", "curl"),),
                surprises=(surprise("new-tool", "curl", 1.4, "app"),),
            ),
        ),
        (
            {"network": "198.51.100.0/24", "network_kind": "public", "address": "198.51.100.7"},
            told(
                addresses=("198.51.100.7",),
                from_public=True,
                departures=(departure("network", "198.51.100.0/24"),),
                surprises=(surprise("new-network", "198.51.100.0/24", 3.4, "10.42.3.0/24"),),
            ),
        ),
        (
            {"scope": "everything", "namespace": None},
            told(
                namespaces=("*",),
                scope="everything",
                departures=(departure("scope", "everything"),),
                surprises=(surprise("new-scope", "everything", 2.0, "namespace"),),
            ),
        ),
        (  # a list over all namespaces reaches everything, whatever the record calls its scope
            {"traits": ("all-namespaces",)},
            told(
                namespaces=("*",),
                scope="everything",
                departures=(departure("scope", "everything"),),
                surprises=(surprise("new-scope", "everything", 2.0, "namespace"),),
            ),
        ),
        (
            {"outcome": "refused"},
            told(
                answered=0,
                refused=1,
                departures=(departure("refused", "pods"),),
                surprises=(surprise("refusals", "pods", 2.0),),
            ),
        ),
        (
            {"kind": "access", "verb": "review"},
            told(
                kinds=("access",),
                reviews=1,
                departures=(departure("kind", "access"),),
                surprises=(surprise("new-kind", "access", 2.0, "pods, services"),),
            ),
        ),
    ],
    ids=["kind", "namespace", "tool", "network", "scope", "all namespaces", "refusal", "review"],
)
def test_what_an_actor_never_did_is_an_episode(over: dict[str, Any], expected: Episode) -> None:
    """Everything by hand: p = 1/7 after five days alone, 2.81 bits, of which 5/7 count."""
    kind = over.pop("kind", "pods")
    assert episodes([*PAST, *reads(kind, day=5, **over)]) == [expected]


def test_peers_are_the_other_accounts_of_the_sort_with_a_past() -> None:
    person = actor(kind="user", name="ana")
    estate = [
        *PAST,
        *others(2, "pods", "nodes"),
        *others(1, "pods", name="other"),
        *others(1, "pods", name="young", first=4, among=1),  # one day is no past
        *days("pods", "nodes", count=5, by=person),  # of another sort, but of the estate
    ]
    found = episodes([*estate, *reads("nodes", day=5)])
    crowd = {"peers_known": 2, "peers": 3, "estate_known": 3, "estate": 4}
    assert [one.departures for one in found] == [(departure("kind", "nodes", **crowd),)]
    assert [item.peers for one in found for item in one.surprises] == ["2 of 3"]


def test_other_planes_are_another_estate() -> None:
    engine = days("containers", count=5, by=actor(kind="host-user", name="eve", realm="db1"), plane="engine")
    (found,) = episodes([*PAST, *engine, *reads("containers", day=5)])
    assert found.departures == (departure("kind", "containers"),)


@pytest.mark.parametrize(
    ("seen", "priors"),
    [([5], [0]), ([5, 6], [0, 1]), ([5, 6, 7, 8], [0, 1]), ([5, 5, 5], [0]), ([5, 30, 31], [0, 1])],
)
def test_a_value_is_known_after_two_different_days(seen: list[int], priors: list[int]) -> None:
    again = [fact for hour, day in enumerate(seen) for fact in reads("nodes", day=day, clock=f"09:{hour:02}:00")]
    found = episodes([*PAST, *again])
    assert [one.departures[0].prior for one in found] == priors


@pytest.mark.parametrize(
    "over",
    [{"outcome": "refused"}, {"outcome": "failed"}, {"by": actor(kind="anonymous", name="10.42.3.17")}],
    ids=["refused", "failed", "anonymous"],
)
def test_what_never_teaches(over: dict[str, Any]) -> None:
    """Three days of it, and the fourth day is as new as the first."""
    by = over.get("by", WEB)
    past = days("pods", count=6, by=by, **({} if "outcome" in over else {"outcome": "answered"}))
    tried = days("nodes", first=2, count=3, **over)
    found = episodes([*past, *tried, *reads("nodes", day=5, by=by)])
    assert found[-1].opens == moment(5)
    assert {(item.dimension, item.prior) for item in found[-1].departures if item.value == "nodes"} == {("kind", 0)}


def test_an_unknown_outcome_teaches() -> None:
    assert episodes([*PAST, *days("nodes", first=1, count=2, outcome="unknown"), *reads("nodes", day=5)]) == []


def test_the_same_refusal_day_after_day_is_a_broken_client() -> None:
    found = episodes([*PAST, *days("pods", first=3, count=5, outcome="refused")])
    assert [(one.opens, one.departures[0].prior) for one in found] == [(moment(3), 0), (moment(4), 1)]


def test_old_logs_teach_and_are_never_judged() -> None:
    taught = [*days("pods", count=4, learn=True), *reads("nodes", day=4, learn=True, tripwires=("a@1",))]
    (found,) = episodes([*taught, *reads("pods", "leases", day=5)], weights={"a@1": 9.0})
    assert (found.opens, found.kinds, found.history) == (moment(5, "09:00:01"), ("leases",), 5)
    assert found.usual["kind"] == ("pods",)


@pytest.mark.parametrize(("before", "opens"), [(0, []), (1, []), (2, []), (3, [moment(3)]), (4, [moment(4)])])
def test_in_a_young_estate_nothing_is_new(before: int, opens: list[Any]) -> None:
    found = episodes([*days("pods", count=before), *reads("nodes", day=before)])
    assert [one.opens for one in found] == opens


def test_a_hunter_sees_everybody_in_a_young_estate() -> None:
    (found,) = episodes(reads("pods", day=0), young=0)
    assert (found.estate_learning, found.state, found.idle_days, found.estate_days) == (True, "learning", None, 0)
    assert found.surprises == (surprise("new-actor", "shop/web", 1.0, history_days=0),)


def test_a_tripwire_needs_no_past_and_wears_off() -> None:
    estate = [*reads("pods", day=0, tripwires=("a@1", "b@1")), *days("pods", first=1, count=3, tripwires=("a@1",))]
    found = episodes(estate, weights={"a@1": 9.0, "b@1": 3.0})
    once = {"recogniser": "a@1", "weight": 9.0, "times": 1}
    assert [one.tripwires for one in found] == [
        (Tripwire(**once, prior=0), Tripwire(recogniser="b@1", weight=3.0, times=1, prior=0)),
        (Tripwire(**once, prior=1),),
        (Tripwire(**once, prior=2),),
        (Tripwire(**once, prior=3),),
    ]
    assert [one.tripwire_bits for one in found] == [10.0, 9.0, 3.6, 3.6]


def test_a_refused_tripwire_never_becomes_a_habit() -> None:
    found = episodes(days("pods", count=4, tripwires=("a@1",), outcome="refused"), weights={"a@1": 9.0})
    assert [one.tripwires[0].prior for one in found] == [0, 0, 0, 0]


def test_what_a_correlation_matched_is_told() -> None:
    today = reads("pods", "services", "pods", day=5)
    hits = [Hit(today[0].id, "sweep@1", 8.0), Hit(today[2].id, "sweep@1", 8.0)]
    sweep = Tripwire(recogniser="sweep@1", weight=8.0, times=2, prior=0)
    found = episodes([*PAST, *today], hits=hits, weights={"sweep@1": 8.0})
    assert found == [told(closes=moment(5, "09:00:02"), requests=2, answered=2, tripwires=(sweep,), tripwire_bits=8.0)]


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
        "new-kind": 5.4,
        "new-hour": 1.4,
    }


def test_a_loud_enumeration_is_one_episode() -> None:
    (found,) = episodes([*PAST, *reads(*KINDS, day=7, every=FAST)])
    assert (found.opens, found.closes) == (moment(7), moment(7, "09:00:01.3"))
    assert found.breadth == windows((27, 27, 27, 27), usual=2, peers=2.0)
    assert found.surprises[0] == surprise("breadth", "27 in 10s", 11.3, "2 in 10s", peers="2 in 10s")


def test_a_stranger_is_measured_against_its_peers() -> None:
    (found,) = episodes([*others(3, *KINDS[:16]), *reads(*KINDS[:24], day=5)])
    assert found.breadth == (
        Breadth(window="10s", observed=10, usual=None, peers=10.0),
        Breadth(window="10min", observed=24, usual=None, peers=16.0),
        Breadth(window="1h", observed=24, usual=None, peers=16.0),
        Breadth(window="24h", observed=24, usual=None, peers=16.0),
    )
    assert found.surprises[:2] == (
        surprise("new-actor", "shop/web", 1.8, peers="1 of 5", history_days=0),
        surprise("breadth", "24 in 10min", 1.8, peers="16 in 10min", history_days=0),
    )


@pytest.mark.parametrize(
    ("apart", "observed"),
    [
        (timedelta(seconds=10), (2, 6, 6, 6)),  # both edges count: (t - 10 s .. t)
        (timedelta(seconds=10, microseconds=1), (1, 6, 6, 6)),
        (timedelta(minutes=10), (1, 2, 6, 6)),
        (timedelta(minutes=10, microseconds=1), (1, 1, 6, 6)),
        (timedelta(hours=1), (1, 1, 2, 6)),
        (timedelta(hours=1, microseconds=1), (1, 1, 1, 6)),
    ],
    ids=str,
)
def test_windows_of_breadth_are_exact(apart: timedelta, observed: tuple[int, ...]) -> None:
    (found,) = episodes([*PAST, *reads(*KINDS[:6], day=7, clock="00:00:00", every=apart)])
    assert tuple(item.observed for item in found.breadth) == observed


def test_kinds_that_are_no_inventory_do_not_make_an_actor_broad() -> None:
    apart = ["version", "access", "identity", "socket", "health", "metrics"]
    (found,) = episodes([*PAST, *reads(*apart, day=7), *reads("api", day=7, resource_class="api")])
    assert found.breadth == ()


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
        "new-tool": 2.4,
    }


def test_each_actor_has_its_own_episode() -> None:
    carried = actor(name="shop/web", via="shop/console")
    found = episodes([*reads("pods", day=0, tripwires=("a@1",)), *reads("pods", day=0, by=carried, tripwires=("a@1",))])
    assert {one.actor for one in found} == {WEB, carried}


def test_episodes_come_in_the_order_of_time() -> None:
    tripped = [
        fact
        for number in (3, 1, 2)
        for fact in reads("pods", day=number, by=actor(name=f"shop/{number}"), tripwires=("a@1",))
    ]
    assert [one.actor.name for one in episodes(tripped)] == ["shop/1", "shop/2", "shop/3"]


def test_a_long_idle_actor_is_stale() -> None:
    estate = [*PAST, *others(1, "pods", among=41), *reads("nodes", day=35), *reads("leases", day=37)]
    assert [(one.state, one.idle_days) for one in episodes(estate)] == [("stale", 31), ("warm", 2)]


ESTATE = [
    *PAST,
    *others(2, "pods", "nodes", among=7),
    *reads(*KINDS[:12], day=5, every=FAST, outcome="refused"),
    *reads("nodes", day=5, clock="23:59:00", tripwires=("a@1",)),
    *reads("nodes", "leases", day=6, clock="00:30:00", tool="curl/8"),
    *reads("secrets", day=6, clock="12:00:00", by=actor(kind="anonymous", name="10.9.9.9")),
    *reads("pods", day=6, clock="12:00:00", by=actor(kind="user", name="ana")),
]
WEIGHTS = {"a@1": 9.0}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 1 << 30))
def test_the_order_of_records_does_not_matter(seed: int) -> None:
    shuffled = ESTATE[:]
    Random(seed).shuffle(shuffled)
    assert episodes(shuffled, weights=WEIGHTS) == episodes(ESTATE, weights=WEIGHTS)


def test_the_estate_of_that_test_has_something_to_tell() -> None:
    found = episodes(ESTATE, weights=WEIGHTS)
    assert [(one.actor.name, one.requests) for one in found] == [
        ("shop/web", 12),
        ("shop/web", 3),
        ("10.9.9.9", 1),
        ("ana", 1),
    ]
    assert all(early.opens <= late.opens for early, late in pairwise(found))


def test_measuring_twice_gives_the_same() -> None:
    with Store() as store:
        fill(store, ESTATE)
        first, second = ([*_measured(store)] for _ in range(2))
    assert first == second != []


def _measured(store: Store) -> list[Episode]:
    measure.profile(store)
    return list(measure.episodes(store, [], WEIGHTS))
