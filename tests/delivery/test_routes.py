from typing import Any

import factories
import parcels
import pytest

from tidewaiter.delivery.routes import Routed, is_covered, routed, takes
from tidewaiter.settings.delivery import Delivery, Options, Route, StdoutSink

NOBODY: frozenset[str] = frozenset()
COVERED = factories.verdict(decision="benign", by="anna", id="V-000000000001")
MATCHES: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({"level": "high"}, {}, True),
    ({"level": "critical"}, {}, False),
    ({"techniques": ("T1613",)}, {}, True),
    ({"techniques": ("T1552*",)}, {}, False),
    ({"techniques": ("T1552*",)}, {"chain": (factories.link(),)}, True),
    ({"clusters": ("kube*",)}, {}, True),
    ({"clusters": ("prod",)}, {}, False),
    ({"actors": ("shop/*",)}, {}, True),
    ({"actors": ("shop",)}, {}, False),
    ({"actors": ("a[b]",)}, {"actor": factories.actor(name="a[b]")}, True),
    ({"actors": ("a[b]",)}, {"actor": factories.actor(name="ab")}, False),
    ({"kinds": ("service-account",)}, {}, True),
    ({"kinds": ("user",)}, {}, False),
    ({"namespaces": ("shop",)}, {}, True),  # it read all of them
    ({"namespaces": ("shop",)}, {"looked_at": factories.looked_at(namespaces=("shop",))}, True),
    ({"namespaces": ("shop",)}, {"looked_at": factories.looked_at(namespaces=("vault",))}, False),
    ({"decisions": ("suspicious",)}, {}, True),
    ({"decisions": ("malicious",)}, {}, False),
    ({"level": "high", "actors": ("other",)}, {}, False),
]


@pytest.mark.parametrize(("route", "over", "expected"), MATCHES)
def test_a_route_takes_what_fulfils_all_its_conditions(
    route: dict[str, Any], over: dict[str, Any], expected: bool
) -> None:
    assert takes(Route(sinks=("a",), **route), parcels.finding(**over)) is expected


def settings(*routes: Route, **options: Any) -> Delivery:
    sinks = tuple(StdoutSink(name=name) for name in ("a", "b", "c"))
    return Delivery(sinks=sinks, routes=routes, options=Options(**options))


def test_without_routes_everything_from_medium_on_goes_everywhere() -> None:
    found = {
        level: routed(settings(), parcels.finding(level=level), NOBODY, 0).sinks
        for level in ("info", "low", "medium", "high", "critical")
    }
    everywhere = ("a", "b", "c")
    assert found == {"info": (), "low": (), "medium": everywhere, "high": everywhere, "critical": everywhere}


def test_all_routes_are_asked_and_each_sink_is_named_once() -> None:
    asked = settings(Route(sinks=("b", "a")), Route(sinks=("b",)), Route(sinks=("c",), level="critical"))
    assert routed(asked, parcels.finding(), NOBODY, 0) == Routed(sinks=("a", "b"))


def test_a_last_route_ends_the_asking() -> None:
    asked = settings(Route(sinks=("b",), last=True), Route(sinks=("*",)))
    assert routed(asked, parcels.finding(), NOBODY, 0) == Routed(sinks=("b",))


def test_a_last_route_without_sinks_holds_back() -> None:
    asked = settings(Route(sinks=(), actors=("shop/*",), last=True), Route(sinks=("*",)))
    assert routed(asked, parcels.finding(), NOBODY, 0) == Routed(held="route")


@pytest.mark.parametrize(
    ("routes", "earlier", "expected"),
    [
        ((), NOBODY, Routed(held="verdict")),
        ((Route(sinks=("a",), level="critical"),), NOBODY, Routed(held="route")),
        ((), frozenset({"b", "gone"}), Routed(sinks=("b",))),
        ((Route(sinks=("c",), decisions=("benign",)),), NOBODY, Routed(sinks=("c",))),
        ((Route(sinks=("c",), decisions=("benign",)),), frozenset({"a"}), Routed(sinks=("a", "c"))),
    ],
)
def test_what_a_verdict_covers_goes_only_to_who_asked_or_was_told_before(
    routes: tuple[Route, ...], earlier: frozenset[str], expected: Routed
) -> None:
    assert routed(settings(*routes), parcels.finding(verdict=COVERED), earlier, 0) == expected


def test_only_a_persons_verdict_covers() -> None:
    own = parcels.finding(verdict=factories.verdict(decision="benign"))
    malicious = parcels.finding(verdict=factories.verdict(decision="malicious", id="V-000000000001"))
    assert [is_covered(one) for one in (own, malicious, parcels.finding(verdict=COVERED))] == [False, False, True]


@pytest.mark.parametrize(
    ("level", "recent", "expected"),
    [
        ("high", 1, Routed(sinks=("a", "b", "c"))),
        ("high", 2, Routed(held="rate")),
        ("critical", 2, Routed(sinks=("a", "b", "c"))),
        ("low", 2, Routed(held="route")),
    ],
)
def test_the_limit_of_an_actor_holds_back_but_the_gravest(level: str, recent: int, expected: Routed) -> None:
    assert routed(settings(per_actor=2), parcels.finding(level=level), NOBODY, recent) == expected
