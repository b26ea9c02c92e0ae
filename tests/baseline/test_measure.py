from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import factories
import pytest
from estate import FAST, KINDS, PAST, WEB, Fact, days, departure, episodes, fill, moment, others, reads, surprise
from factories import actor
from msgspec.structs import replace

from tidewaiter.baseline.measure import Hit, column, group_key, script
from tidewaiter.model import Breadth, Episode, Tripwire
from tidewaiter.store import Store

USUAL = {
    "kind": ("pods", "services"),
    "namespace": ("shop",),
    "scope": ("namespace",),
    "tool": ("app",),
    "network": ("10.42.3.0/24",),
    "hour": ("08",),
}


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
        "first_day": date(2026, 11, 2),
        "estate_days": 5,
        "arrival_days": 1,
        "evidence": ("kube-list-namespace@1",),
        "usual": USUAL,
        "surprises": (),
    }
    return factories.episode(**{**complete, **over})


def tripwire(rule: str, weight: float, *, times: int = 1, prior: int = 0) -> Tripwire:
    return Tripwire(recogniser=rule, weight=weight, times=times, prior=prior)


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
    found = [one for one in episodes([*estate, *reads("nodes", day=5)]) if one.actor == WEB]
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
    past = days("pods", count=6, by=by)
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
    assert [one.tripwires for one in found] == [
        (tripwire("a@1", 9.0), tripwire("b@1", 3.0)),
        (tripwire("a@1", 9.0, prior=1),),
        (tripwire("a@1", 9.0, prior=2),),
        (tripwire("a@1", 9.0, prior=3),),
    ]
    assert [one.tripwire_bits for one in found] == [10.0, 9.0, 3.6, 3.6]


def test_a_refused_tripwire_never_becomes_a_habit() -> None:
    found = episodes(days("pods", count=4, tripwires=("a@1",), outcome="refused"), weights={"a@1": 9.0})
    assert [one.tripwires[0].prior for one in found] == [0, 0, 0, 0]


def test_what_a_correlation_matched_is_told() -> None:
    today = reads("pods", "services", "pods", day=5)
    hits = [Hit(today[0].id, "sweep@1", 8.0), Hit(today[2].id, "sweep@1", 8.0)]
    sweep = tripwire("sweep@1", 8.0, times=2)
    found = episodes([*PAST, *today], hits=hits, weights={"sweep@1": 8.0})
    assert found == [told(closes=moment(5, "09:00:02"), requests=2, answered=2, tripwires=(sweep,), tripwire_bits=8.0)]


def test_a_stranger_is_measured_against_its_peers() -> None:
    (found,) = episodes([*others(3, *KINDS[:14]), *reads(*KINDS[:24], day=5)])
    assert found.breadth == (
        Breadth(window="10s", observed=11, usual=None, peers=11.0, classes=1, peers_classes=1.0),
        Breadth(window="10min", observed=24, usual=None, peers=14.0, classes=1, peers_classes=1.0),
        Breadth(window="1h", observed=24, usual=None, peers=14.0, classes=1, peers_classes=1.0),
        Breadth(window="24h", observed=24, usual=None, peers=14.0, classes=1, peers_classes=1.0),
    )
    assert found.surprises == (
        surprise("breadth", "24 in 10min", 2.3, peers="14 in 10min", history_days=0),
        surprise("new-actor", "shop/web", 1.8, peers="1 of 5", history_days=0),
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


HOST = actor(kind="host-user", name="alice", realm="host")


def on_host(clock: str, *traits: str, kind: str = "containers", tripwires: tuple[str, ...] = ("a@1",)) -> list[Fact]:
    """Give one listing by a command on a host; a tripwire, so that it is told without a past."""
    return reads(
        kind, day=0, clock=clock, by=HOST, plane="host", traits=tuple(traits), tripwires=tripwires, network=None
    )


@pytest.mark.parametrize(
    ("facts", "requests"),
    [
        (on_host("09:00:00", "in-shell") + on_host("09:00:00.1"), 1),
        (on_host("09:00:00.9", "in-shell") + on_host("09:00:01.1"), 1),
        (on_host("09:00:00", "in-shell", "no-login") + on_host("09:00:00.1", "no-login"), 1),
        (on_host("09:00:00", "in-shell"), 1),  # nothing else tells it
        (on_host("09:00:00", "in-shell") + on_host("09:00:05"), 2),
        (on_host("09:00:02", "in-shell") + on_host("09:00:00"), 2),  # what came before is another command
        (on_host("09:00:00", "in-shell") + on_host("09:00:00", kind="images"), 2),
        (on_host("09:00:00", "in-shell", tripwires=("a@1", "b@1")) + on_host("09:00:00.1"), 2),  # the shell says more
        (on_host("09:00:00") + on_host("09:00:01"), 2),
    ],
)
def test_a_shell_and_the_program_it_starts_are_one_request(facts: list[Fact], requests: int) -> None:
    (found,) = episodes(facts)
    assert found.requests == requests


def steady(hours: range, every: int = 1) -> list[Fact]:
    """Give a read every so many minutes, through these hours of one day."""
    return [
        fact
        for hour in hours
        for minute in range(0, 60, every)
        for fact in reads("pods", day=0, clock=f"{hour:02}:{minute:02}:00")
    ]


@pytest.mark.parametrize(
    ("facts", "silent"),
    [
        ([*steady(range(4)), *steady(range(7, 9))], [("03:59", "07:00")]),
        ([*steady(range(4)), *steady(range(4, 6))], []),
        ([*steady(range(2)), *steady(range(7, 8))], []),  # too little to tell
        ([*steady(range(9), 4), *steady(range(15, 24), 4)], []),  # never steady
    ],
    ids=["three hours", "none", "short", "sparse"],
)
def test_a_steady_source_that_falls_silent_is_noticed(facts: list[Fact], silent: list[tuple[str, str]]) -> None:
    with Store() as store:
        fill(store, facts)
        found = [(f"{first:%H:%M}", f"{last:%H:%M}") for _, first, last in store.rows(script("silences"))]
    assert found == silent


@pytest.mark.parametrize(
    ("field", "sql"),
    [("kind", "kind"), ("network", "network_kind"), ("actor.via", "via"), ("tool.name", "split_part(tool, '/', 1)")],
)
def test_fields_of_the_normal_form_are_columns(field: str, sql: str) -> None:
    assert column(field) == sql


def test_a_group_is_one_text() -> None:
    assert group_key(["actor"]) == "coalesce(CAST(actor AS VARCHAR), '')"
    assert group_key(["actor", "network"]) == (
        "concat_ws(chr(31), coalesce(CAST(actor AS VARCHAR), ''), coalesce(CAST(network_kind AS VARCHAR), ''))"
    )


def test_what_is_refused_makes_nothing_new_ordinary() -> None:
    """Five days of new kinds, all refused: on the sixth, something new is as surprising as if there were none."""
    knocking = [fact for day in range(1, 5) for fact in reads(KINDS[day], day=day, clock="11:00:00", outcome="refused")]
    for past in (PAST, [*PAST, *knocking]):
        assert episodes([*past, *reads("nodes", day=5)])[-1].departures == (departure("kind", "nodes"),)


def test_what_is_refused_is_not_the_usual_breadth() -> None:
    refused = reads(*KINDS[:20], day=3, clock="11:00:00", every=timedelta(milliseconds=50), outcome="refused")
    found = episodes([*PAST, *refused, *reads(*KINDS[:8], day=5)])[-1]
    assert [item.usual for item in found.breadth] == [2, 2, 2, 2]


def test_a_knock_at_the_door_is_no_presence() -> None:
    """Refused on every day of its absence: it is away all the same."""
    knocking = days("pods", first=5, count=31, outcome="refused")
    found = episodes([*PAST, *others(1, "pods", among=41), *knocking, *reads("nodes", day=36)])[-1]
    assert (found.state, found.idle_days) == ("stale", 32)


def test_strangers_do_not_make_newcomers_ordinary() -> None:
    strangers = [
        fact
        for day in range(5)
        for fact in reads("version", day=day, by=actor(kind="anonymous", name=f"198.51.100.{day}"))
    ]
    (found,) = (one for one in episodes([*PAST, *strangers, *reads("pods", day=5, by=actor(name="shop/new"))])
                if one.actor.name == "shop/new")  # fmt: skip
    assert (found.arrival_days, found.estate_days) == (1, 5)


def named(kind: str, *likeness: str, count: int, reading: str, **over: Any) -> list[Fact]:
    """Give so many accounts with a past, all alike."""
    facts = [
        fact
        for number in range(count)
        for fact in days("pods", reading, count=5, by=actor(kind=kind, name=f"{reading}-{number}"), **over)
    ]
    return [fact._replace(context=replace(fact.context, likeness=likeness)) for fact in facts]


@pytest.mark.parametrize(
    ("likeness", "crowd"),
    [
        ((), (0, 9, 4, 9)),
        (("groups:dev",), (0, 4, 4, 9)),  # four developers, of whom nobody reads what operators read
        (("groups:ops",), (3, 3, 4, 9)),
        (("groups:few",), (0, 9, 4, 9)),  # two are no crowd: the sort speaks
        (("workload:w", "account:a"), (0, 9, 4, 9)),
    ],
    ids=["none", "others", "own", "few", "nobody"],
)
def test_peers_are_the_narrowest_group_that_is_a_crowd(likeness: tuple[str, ...], crowd: tuple[int, ...]) -> None:
    """Of nine people four developers, three operators and two others; an account reads what operators do."""
    estate = [
        *named("user", "groups:dev", count=4, reading="services"),
        *named("user", "groups:ops", count=3, reading="nodes"),
        *named("user", "groups:few", count=2, reading="leases"),
    ]
    eve = actor(kind="user", name="eve")
    mine = [*days("pods", count=5, by=eve), *reads("nodes", day=5, by=eve)]
    mine = [fact._replace(context=replace(fact.context, likeness=likeness)) for fact in mine]
    (found,) = (one for one in episodes([*estate, *mine]) if one.actor == eve)
    (kind,) = (item for item in found.departures if item.dimension == "kind")
    known, peers, _, estate_size = crowd
    assert (kind.peers, kind.estate) == (peers, estate_size)
    assert kind.peers_known == (3 if peers != 4 else known)


def test_the_same_account_in_other_namespaces_is_a_peer() -> None:
    like = ("account:web",)
    alike = [
        fact for number in range(3) for fact in days("pods", "nodes", count=5, by=actor(name=f"team-{number}/web"))
    ]
    others_too = days("pods", count=5, by=actor(name="team-1/db"))
    mine = [*PAST, *reads("nodes", day=5)]
    facts = [fact._replace(context=replace(fact.context, likeness=like)) for fact in [*alike, *mine]]
    (found,) = (one for one in episodes([*facts, *others_too]) if one.actor == WEB)
    assert [(item.peers_known, item.peers, item.estate) for item in found.departures] == [(3, 3, 4)]
    assert [(item.measure, item.bits) for item in found.surprises] == [("new-kind", 1.4)]


def test_a_busy_peer_is_one_peer() -> None:
    """One wide account of 29 days among three narrow ones of five: three quarters stay below 9, not 24."""
    busy = days(*KINDS[:24], count=29, by=actor(name="shop/busy"), every=FAST)
    narrow = others(3, *KINDS[:4], among=5)
    found = [one for one in episodes([*busy, *narrow, *reads(*KINDS[:20], day=29, every=FAST)]) if one.actor == WEB]
    assert [item.peers for item in found[0].breadth] == [9.0, 9.0, 9.0, 9.0]


def test_earlier_routine_is_no_part_of_a_wide_stretch() -> None:
    """Kinds of every day, read hours before; then many known ones within an hour: they alone are told."""
    habits = [fact for day in range(12) for fact in reads(*KINDS[2 * day : 2 * day + 2], "pods", day=day % 12)]
    again = [
        fact for day in range(12, 24) for fact in reads(*KINDS[2 * (day - 12) : 2 * (day - 12) + 2], "pods", day=day)
    ]
    early = reads("kind00", "pods", day=24, clock="02:00:00")
    today = reads(*KINDS[4:24], day=24, clock="12:00:00", every=timedelta(minutes=2))
    found = [one for one in episodes([*habits, *again, *early, *today]) if one.opens >= moment(24)]
    assert [(one.opens, one.requests) for one in found] == [(moment(24, "12:00:00"), 20)]


CLASSES = ("workload", "network", "topology", "tenancy", "config", "authority", "history", "images")


def test_few_kinds_of_all_classes_are_broad() -> None:
    """Nine kinds of one class a day are its trade; eight kinds of eight classes are a look around."""
    past = days(*KINDS[:9], count=5)
    today = [
        fact
        for number, name in enumerate(CLASSES)
        for fact in reads(KINDS[number], day=5, clock=f"09:00:0{number}", resource_class=name)
    ]
    (found,) = episodes([*past, *today])
    assert found.breadth[0] == Breadth(
        window="10s", observed=8, usual=9, peers=9.0, classes=8, usual_classes=1, peers_classes=1.0
    )
    assert [item for item in found.surprises if item.measure == "breadth"] == [
        surprise("breadth", "8 classes in 10s", 9.0, "1 classes in 10s", peers="1 classes in 10s")
    ]


def stranger(number: int, minute: int, tool: str = "probe/1") -> list[Fact]:
    by = actor(kind="anonymous", name=f"198.51.100.{number}")
    return reads("pods", day=0, clock=f"09:{minute:02}:00", by=by, tool=tool, tripwires=("a@1",), outcome="refused",
                 network="198.51.100.0/24", address=by.name)  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "actors"),
    [
        ([stranger(number, number) for number in range(5)], ["198.51.100.0"]),
        ([stranger(number % 3, number) for number in range(6)], ["198.51.100.0"]),
        ([stranger(number, number) for number in range(2)], ["198.51.100.0", "198.51.100.1"]),
        ([stranger(number, 15 * number) for number in range(3)], [f"198.51.100.{number}" for number in range(3)]),
        ([stranger(number, number, f"tool{number}/1") for number in range(3)], [f"198.51.100.{n}" for n in range(3)]),
    ],
    ids=["turns", "again", "two are two", "apart", "other tools"],
)
def test_strangers_who_take_turns_with_one_tool_are_one(facts: list[list[Fact]], actors: list[str]) -> None:
    found = episodes([fact for one in facts for fact in one])
    assert [one.actor.name for one in found] == actors
    assert {address for one in found for address in one.addresses} == {
        fact.context.a.address for one in facts for fact in one
    }
