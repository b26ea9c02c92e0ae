"""What follows discovery: whose deeds belong to the story, which of them are habits, and what they weigh."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from estate import PAST, WEB, Fact, days, fill, moment, others, reads
from factories import actor, origin

from tidewaiter.baseline import measure
from tidewaiter.baseline.chains import NEW_ADDRESS, LinkRule, beside, chain_bits, deed_bits
from tidewaiter.model import Episode, Link
from tidewaiter.store import Store

SECRETS = LinkRule("T1552.007", 4.0)
EXEC = LinkRule("T1609", 4.0)
RULES = {"kube-read-secrets@1": SECRETS, "kube-exec@1": EXEC, "host-read-token@1": LinkRule("T1528", 5.0)}
ANA = actor(kind="user", name="ana@dev.example")
ROOT = actor(kind="container", name="web-1", realm="node-1")
TODAY = reads("nodes", day=5, clock="09:00:00")  # a kind that the account never read


def deeds(
    *kinds: str, day: int = 5, clock: str = "09:10:00", rule: str = "kube-read-secrets@1", **over: Any
) -> list[Fact]:
    """Give activities of a context rule, as `reads` gives those of discovery."""
    return [
        fact._replace(
            context=msgspec.structs.replace(fact.context, recognised=(rule,), tripwires=(), role="context", weight=0.0),
            id=f"deed {fact.id}",
        )
        for fact in reads(*(kinds or ("secrets",)), day=day, clock=clock, **{"address": None, **over})
    ]


def told(*facts: Fact) -> list[Episode]:
    with Store() as store:
        fill(store, [*PAST, *TODAY, *facts])
        measure.profile(store)
        return list(measure.episodes(store, [], {}, RULES))


def brief(*facts: Fact) -> list[tuple[str, str, str, int, int, float]]:
    (episode,) = told(*facts)
    return [
        (link.shared, link.actor.name if link.actor else "", link.technique, link.times, link.prior, link.bits)
        for link in episode.chain
    ]


OWN = ("actor", "", "T1552.007", 1, 0, 4.0)


def test_a_link_says_what_was_done_and_where_it_is_written() -> None:
    (episode,) = told(*deeds())
    assert episode.chain == (
        Link(
            at=moment(5, "09:10:00"),
            technique="T1552.007",
            text="",
            outcome="answered",
            bits=4.0,
            recogniser="kube-read-secrets@1",
            activity=f"deed {WEB.name} None 07-09:10:00.000000 secrets  0",
            origin=origin(line=1, offset=1),
        ),
    )
    assert (episode.kinds, episode.requests, episode.evidence) == (("nodes",), 1, ("kube-list-namespace@1",))
    assert episode.chain_bits == 2.0  # what was discovered weighs 2.0 bits, and more its story does not


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("08:59:59", []),
        ("09:00:00", [OWN]),
        ("09:30:00", [OWN]),
        ("09:30:01", []),
    ],
)
def test_it_follows_within_half_an_hour(clock: str, expected: list[object]) -> None:
    assert brief(*deeds(clock=clock)) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([], []),
        (deeds(outcome="unknown"), [OWN]),
        (deeds(outcome="failed"), []),
        (deeds(outcome="refused"), [("actor", "", "T1552.007", 1, 0, 1.0)]),
        (deeds(learn=True), []),
        (deeds(rule="host-orientation@1"), []),
        (deeds(plane="host"), [OWN]),
        (deeds(by=ANA), []),
        (deeds("secrets", "secrets", "configmaps"), [("actor", "", "T1552.007", 3, 0, 4.0)]),
        (
            [*deeds(), *deeds(clock="09:05:00", rule="kube-exec@1", verb="exec", kind="pods")],
            [("actor", "", "T1609", 1, 0, 4.0), OWN],
        ),
        (  # wider is another link, and may be new where the narrow one is not
            [*deeds(scope="one"), *deeds(clock="09:11:00", scope="everything")],
            [OWN, OWN],
        ),
        (  # a shell and what it starts
            [*deeds(plane="host", traits=("in-shell",)), *deeds(clock="09:10:00.2", plane="host")],
            [OWN],
        ),
    ],
    ids=[
        *("nothing", "outcome unknown", "failed", "refused", "only taught", "no link", "another plane", "a stranger"),
        *("many times", "in the order of time", "two scopes", "shell"),
    ],
)
def test_what_the_same_actor_does(facts: list[Fact], expected: list[object]) -> None:
    assert brief(*facts) == expected


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        (deeds(day=4), [("actor", "", "T1552.007", 1, 1, 4.0)]),
        ([*deeds(day=3), *deeds(day=4)], [("actor", "", "T1552.007", 1, 2, 0.0)]),
        ([*deeds(day=4), *deeds(day=4, clock="21:00:00")], [("actor", "", "T1552.007", 1, 1, 4.0)]),
        ([*deeds(day=3, learn=True), *deeds(day=4, learn=True)], [("actor", "", "T1552.007", 1, 2, 0.0)]),
        ([*deeds(day=3, scope="everything"), *deeds(day=4)], [("actor", "", "T1552.007", 1, 2, 0.0)]),
        ([*deeds(day=3, scope="one"), *deeds(day=4, scope="one")], [OWN]),  # it never read so widely
        ([*deeds(day=3, outcome="refused"), *deeds(day=4, outcome="refused")], [OWN]),
        ([*deeds(day=3, by=ANA), *deeds(day=4, by=ANA)], [OWN]),
        ([*deeds(day=3, rule="kube-exec@1"), *deeds(day=4, rule="kube-exec@1")], [OWN]),
    ],
    ids=[
        *("once before", "a habit", "twice on one day", "taught", "wider before", "narrower before", "refused before"),
        *("another's habit", "another habit"),
    ],
)
def test_a_habit_weighs_nothing(past: list[Fact], expected: list[object]) -> None:
    assert brief(*past, *deeds()) == expected


@pytest.mark.parametrize(
    ("looks", "deed", "expected"),
    [
        ("11:00:00", "09:30:00", 1),
        ("11:00:00", "09:31:00", 0),
        ("11:00:00", "11:00:00", 1),
        ("11:00:00", "11:30:00", 1),
        ("11:00:00", "11:30:01", 0),
    ],
)
def test_an_episode_of_hours_is_followed_by_what_comes_soon_after_a_look(looks: str, deed: str, expected: int) -> None:
    assert len(brief(*reads("nodes", day=5, clock=looks), *deeds(clock=deed))) == expected


def test_a_client_of_whom_nothing_is_known_may_be_several() -> None:
    nobody = actor(kind="unknown", name="", realm="engine")
    with Store() as store:
        fill(store, [*PAST, *reads("nodes", day=5, by=nobody), *deeds(by=nobody)])
        measure.profile(store)
        (episode,) = measure.episodes(store, [], {}, RULES)
    assert [link.bits for link in episode.chain] == [2.0]


def test_while_the_estate_is_learnt_a_chain_needs_a_sign_before_it() -> None:
    def weight(*facts: Fact, bits: float = 12.0) -> float:
        with Store() as store:
            fill(store, [*facts, *deeds(day=1)])
            measure.profile(store, young=0)
            return sum(one.chain_bits for one in measure.episodes(store, [], {"t@1": bits}, RULES))

    assert weight(*days("pods", count=1), *reads("nodes", day=1)) == 0.0
    assert weight(*days("pods", count=1), *reads("nodes", day=1, tripwires=("t@1",)), bits=8.0) == 0.0
    assert weight(*days("pods", count=1), *reads("nodes", day=1, tripwires=("t@1",))) == 4.0


def test_the_same_refusal_day_after_day_is_a_habit() -> None:
    past = [fact for day in (3, 4) for fact in deeds(day=day, outcome="refused")]
    assert brief(*past, *deeds(outcome="refused")) == [("actor", "", "T1552.007", 1, 2, 0.0)]


HERE: dict[str, Any] = {"address": "10.42.3.17"}
INSIDE: dict[str, Any] = {"container": "web-1"}


@pytest.mark.parametrize(
    ("discovery", "deed", "expected"),
    [
        (HERE, {"by": ANA, **HERE}, [("address", "ana@dev.example", "T1552.007", 1, 0, 2.0)]),
        (HERE, {"by": ANA, "address": "10.42.3.18"}, []),
        ({"address": "127.0.0.1", "network_kind": "loopback"}, {"by": ANA, "address": "127.0.0.1"}, []),
        (INSIDE, {"by": ROOT, "plane": "host", **INSIDE}, [("container", "web-1", "T1552.007", 1, 0, 4.0)]),
        (INSIDE, {"by": ROOT, "plane": "host", "container": "web-2"}, []),
        (INSIDE, {"by": actor(name="other/web"), **INSIDE}, []),
        (
            {**INSIDE, **HERE},
            {"by": ROOT, "plane": "host", **INSIDE, **HERE},
            [("container", "web-1", "T1552.007", 1, 0, 4.0)],
        ),
        ({"container": None, "address": None}, {"by": ROOT, "container": None, "address": None}, []),
    ],
    ids=[
        *("same address", "another address", "loopback", "same container", "another container"),
        *("a pod of the same name in another namespace", "both", "neither is known"),
    ],
)
def test_others_belong_to_the_story_by_container_or_address(
    discovery: dict[str, Any], deed: dict[str, Any], expected: list[object]
) -> None:
    assert brief(*reads("nodes", day=5, clock="09:00:01", **discovery), *deeds(**deed)) == expected


@pytest.mark.parametrize(
    ("namesakes", "expected"),
    [((), 1), (("shop/api",), 1), (("media/web",), 0)],
    ids=["one pod", "another account of its namespace", "a pod of that name in two namespaces"],
)
def test_a_name_that_pods_of_two_namespaces_have_joins_nobody(namesakes: tuple[str, ...], expected: int) -> None:
    """A sensor of the host tells the pod's name alone: it may be either."""
    twins = [fact for name in namesakes for fact in reads("pods", day=2, by=actor(name=name), **INSIDE)]
    facts = [*twins, *reads("nodes", day=5, clock="09:00:01", **INSIDE), *deeds(by=ROOT, plane="host", **INSIDE)]
    with Store() as store:
        fill(store, [*PAST, *TODAY, *facts])
        measure.profile(store)
        (found,) = (one for one in measure.episodes(store, [], {}, RULES) if one.kinds == ("nodes",))
    assert (len(found.chain), found.containers) == (expected, ("web-1",) if expected else ())


@pytest.mark.parametrize(("realm", "expected"), [("node-1", 1), ("node-2", 0)])
def test_containers_of_one_name_on_two_hosts_are_two(realm: str, expected: int) -> None:
    root, other = (
        actor(kind="host-user", name=name, realm=host) for name, host in (("root", "node-1"), ("app", realm))
    )
    given: dict[str, Any] = {"plane": "host", "address": None, **INSIDE}
    with Store() as store:
        looks = [fact for day in range(5) for fact in reads("containers", day=day, by=root, **given)]
        fill(store, [*looks, *reads("images", day=5, by=root, **given), *deeds(by=other, **given)])
        measure.profile(store)
        (found,) = (one for one in measure.episodes(store, [], {}, RULES) if one.kinds == ("images",))
    assert len(found.chain) == expected


def from_network(number: int, clock: str, **over: Any) -> list[Fact]:
    place = {"network": f"203.0.113.{number}/24", "network_kind": "public", "address": f"203.0.113.{number}"}
    return reads("nodes", day=5, clock=clock, **{**place, **over})


MOVED = ("actor", "", "T1078", 1, 0)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (from_network(7, "09:10:00"), [MOVED]),
        ([*from_network(7, "09:10:00"), *from_network(7, "09:12:00")], [MOVED]),  # it stays there
        ([*from_network(7, "09:10:00"), *from_network(8, "09:12:00")], [("actor", "", "T1078", 2, 0)]),
        (from_network(7, "09:30:01"), []),  # more than half an hour later
        (from_network(7, "08:59:59"), []),  # before: the rest comes from home
        (from_network(7, "09:10:00", outcome="failed"), []),
        (from_network(7, "09:10:00", network_kind="loopback"), []),
        (reads("nodes", day=5, clock="09:10:00", network="fd00:1::/48"), []),  # the other family of addresses
        (  # it was there on two days
            [*(fact for day in (2, 3) for fact in reads("pods", day=day, clock="12:00:00", network="10.9.9.0/24")),
             *reads("nodes", day=5, clock="09:10:00", network="10.9.9.0/24")],
            [],
        ),
        (  # it came from several networks on two days, but from none of them twice
            [*(fact for day in (2, 3) for fact in reads("pods", day=day, clock="12:00:00", network=f"10.9.{day}.0/24")),
             *from_network(7, "09:10:00")],
            [("actor", "", "T1078", 1, 2)],
        ),
    ],
)  # fmt: skip
def test_who_goes_on_from_a_new_network_is_told(facts: list[Fact], expected: list[object]) -> None:
    with Store() as store:
        fill(store, [*PAST, *TODAY, *facts])
        measure.profile(store)
        found = [one for one in measure.episodes(store, [], {}, RULES) if one.opens.day == moment(5).day]
    links = [link for one in found for link in one.chain]
    assert [(link.shared, "", link.technique, link.times, link.prior) for link in links] == expected
    assert all(link.text.startswith("203.0.113.") for link in links)


@pytest.mark.parametrize(("measures", "bits"), [((), [3.0, 4.0]), (("new-network",), [1.0, 4.0])])
def test_a_new_network_that_was_measured_counts_once(measures: tuple[str, ...], bits: list[float]) -> None:
    links = (msgspec.structs.replace(link("T1078", 3.0), recogniser=NEW_ADDRESS), link("T1609", 4.0))
    assert [one.bits for one in beside(links, measures)] == bits


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (2, 0)])
def test_an_address_of_many_joins_nobody(count: int, expected: int) -> None:
    """The account itself, ana and one more are three; a fourth makes it a proxy."""
    crowd = others(count, "pods", first=5, among=1, clock="23:00:00", **HERE)
    facts = [*crowd, *reads("nodes", day=5, clock="09:00:01", **HERE), *deeds(by=ANA, **HERE)]
    with Store() as store:
        fill(store, [*PAST, *TODAY, *facts])
        measure.profile(store)
        found = {one.actor.name: len(one.chain) for one in measure.episodes(store, [], {}, RULES)}
    assert found[WEB.name] == expected


def test_the_habits_of_others_are_not_told() -> None:
    past = [fact for day in (3, 4) for fact in deeds(day=day, by=ANA)]
    assert brief(*past, *reads("nodes", day=5, clock="09:00:01", **HERE), *deeds(by=ANA, **HERE)) == []


def test_deeds_without_discovery_are_no_finding() -> None:
    with Store() as store:
        fill(store, [*PAST, *days("pods", count=1, first=5), *deeds("secrets", "nodes")])
        measure.profile(store)
        assert list(measure.episodes(store, [], {}, RULES)) == []


def test_a_deed_that_is_a_sign_by_itself_is_not_the_discovery_before_it() -> None:
    def signs(clock: str, *recognised: str) -> list[Fact]:
        (fact,) = reads("secrets", day=5, clock=clock, by=ANA, tripwires=("t@1",))
        return [fact._replace(context=msgspec.structs.replace(fact.context, recognised=recognised))]

    def episode(*facts: Fact) -> tuple[list[str], tuple[str, ...]]:
        with Store() as store:
            fill(store, [*PAST, *facts])
            measure.profile(store)
            (found,) = measure.episodes(store, [], {"t@1": 8.0}, RULES)
            return [link.technique for link in found.chain], found.evidence

    assert episode(*signs("09:00:00", "kube-read-secrets@1")) == ([], ())
    assert episode(*signs("09:00:00"), *signs("09:00:10", "kube-read-secrets@1")) == (["T1552.007"], ())


@pytest.mark.parametrize(
    ("outcome", "near", "prior", "expected"),
    [
        ("answered", 0, 0, 4.0),
        ("unknown", 0, 1, 4.0),
        ("answered", 0, 2, 0.0),
        ("refused", 0, 0, 1.0),
        ("answered", 1, 0, 4.0),
        ("answered", 2, 0, 2.0),
        ("refused", 2, 0, 0.5),
    ],
)
def test_a_deed_weighs(outcome: Any, near: int, prior: int, expected: float) -> None:
    assert deed_bits(SECRETS, outcome, near, prior) == expected


def link(technique: str, bits: float) -> Link:
    return Link(
        at=moment(5) + timedelta(minutes=1),
        technique=technique,
        text="",
        outcome="answered",
        bits=bits,
        recogniser="r@1",
        activity="a",
        origin=origin(),
    )


@pytest.mark.parametrize(
    ("links", "discovery", "expected"),
    [
        ([], 20.0, 0.0),
        ([link("T1609", 4.0)], 20.0, 4.0),
        ([link("T1609", 4.0), link("T1609", 4.0)], 20.0, 4.0),
        ([link("T1609", 4.0), link("T1552.007", 6.0)], 20.0, 7.3),
        ([link("T1609", 0.0)], 20.0, 0.0),
        ([link("T1609", 4.0)], 1.5, 1.5),
        ([link("T1609", 4.0)], 0.0, 0.0),
    ],
    ids=["none", "one", "the same technique", "two", "a habit", "more than the discovery", "without discovery"],
)
def test_a_chain_weighs(links: list[Link], discovery: float, expected: float) -> None:
    assert chain_bits(links, discovery) == expected
