from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import factories
import parcels
import pytest

from tidewaiter.delivery.accounts import SinkAccount
from tidewaiter.delivery.outbox import Outbox, Rules
from tidewaiter.delivery.parcel import Outcome, everything, later, never
from tidewaiter.delivery.routes import Routed
from tidewaiter.errors import StoreError

NOW = parcels.NOW
COVERED = factories.verdict(decision="benign", by="anna", id="V-000000000001")
MALICIOUS = factories.verdict(decision="malicious")


def to(*sinks: str) -> Callable[..., Routed]:
    return lambda *_: Routed(sinks=sinks)


def nothing(_: str, counts: Mapping[str, int], since: float, now: float) -> dict[str, Any]:
    return parcels.finding(f"F-notice{int(now)}", headline=f"{dict(counts)} since {since - NOW:g}")


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    made = Outbox(tmp_path / "state" / "outbox.sqlite", Rules(route=to("a", "b"), sinks=("a", "b")))
    yield made
    made.close()


def waiting(outbox: Outbox, sink: str = "a", *, now: float = NOW) -> list[tuple[str, str]]:
    """Give id and level of what is due."""
    return [(one.finding, one.document["level"]) for one in outbox.claim(sink, now=now, most=100)]


def deliver(outbox: Outbox, sink: str = "a", *, now: float = NOW) -> None:
    parcels_ = outbox.claim(sink, now=now, most=100)
    outbox.settle(sink, parcels_, everything(parcels_), now=now, pause=0)


def account(outbox: Outbox, sink: str = "a") -> SinkAccount:
    (found,) = (one for one in outbox.status((sink,)).sinks if one.name == sink)
    return found


def test_what_is_offered_waits_for_every_sink_in_order(outbox: Outbox) -> None:
    news = outbox.offer([parcels.finding("F-2"), factories.finding(id="F-1")], now=NOW)
    expected = [("F-2", "high"), ("F-1", "high")]
    assert (news, waiting(outbox), waiting(outbox, "b")) == (2, expected, expected)


def test_a_parcel_is_what_was_offered(outbox: Outbox) -> None:
    outbox.offer([parcels.finding("F-1")], now=NOW)
    (found,) = outbox.claim("a", now=NOW, most=9)
    assert found == parcels.parcel(1, fingerprint=found.fingerprint, document=parcels.finding("F-1"))


def test_sinks_do_not_wait_for_each_other(outbox: Outbox) -> None:
    outbox.offer([parcels.finding("F-1")], now=NOW)
    deliver(outbox, "a")
    assert (waiting(outbox, "a"), waiting(outbox, "b")) == ([], [("F-1", "high")])


@pytest.mark.parametrize("over", [{}, {"until": factories.AT}])
def test_the_same_state_is_not_sent_twice(outbox: Outbox, over: dict[str, Any]) -> None:
    outbox.offer([parcels.finding("F-1")], now=NOW)
    deliver(outbox)
    assert outbox.offer([parcels.finding("F-1", **over)], now=NOW) == 0
    assert waiting(outbox) == []


def test_a_changed_state_is_an_update(outbox: Outbox) -> None:
    outbox.offer([parcels.finding("F-1")], now=NOW)
    deliver(outbox)
    outbox.offer([parcels.finding("F-1", level="critical")], now=NOW + 1)
    (found,) = outbox.claim("a", now=NOW + 1, most=9)
    assert (found.finding, found.document["level"], found.update) == ("F-1", "critical", True)


def test_an_undelivered_state_is_replaced_by_a_newer_one(outbox: Outbox) -> None:
    outbox.offer([parcels.finding("F-1"), parcels.finding("F-2")], now=NOW)
    outbox.offer([parcels.finding("F-1", level="critical")], now=NOW + 1)
    assert waiting(outbox, now=NOW + 1) == [("F-2", "high"), ("F-1", "critical")]
    assert account(outbox) == SinkAccount(name="a", pending=2, superseded=1, oldest=NOW, due=0)


def test_what_happened_again_after_a_crash_is_not_sent_again(outbox: Outbox) -> None:
    states = [parcels.finding("F-1"), parcels.finding("F-1", level="critical")]
    for state in (*states, *states):
        outbox.offer([state], now=NOW)
        deliver(outbox)
    assert account(outbox).delivered == 2


def test_a_verdict_that_is_taken_back_is_told(outbox: Outbox) -> None:
    found = []
    for verdict in (factories.verdict(), COVERED, factories.verdict(), factories.verdict()):
        outbox.offer([parcels.finding("F-1", verdict=verdict)], now=NOW)
        found.append([(one.document["verdict"]["decision"], one.update) for one in outbox.claim("a", now=NOW, most=9)])
        deliver(outbox)
    assert found == [[("suspicious", False)], [("benign", True)], [("suspicious", True)], []]


def test_a_state_that_was_replaced_on_its_way_stays_replaced(outbox: Outbox) -> None:
    outbox.offer([parcels.finding("F-1")], now=NOW)
    on_its_way = outbox.claim("a", now=NOW, most=9)
    outbox.offer([parcels.finding("F-1", level="critical")], now=NOW)
    outbox.settle("a", on_its_way, later("down"), now=NOW, pause=60)
    assert waiting(outbox) == [("F-1", "critical")]


def test_a_state_that_arrived_while_it_was_replaced_is_remembered_as_sent(outbox: Outbox) -> None:
    outbox.offer([parcels.finding("F-1")], now=NOW)
    on_its_way = outbox.claim("a", now=NOW, most=9)
    outbox.offer([parcels.finding("F-1", level="critical")], now=NOW)
    outbox.settle("a", on_its_way, everything(on_its_way), now=NOW, pause=0)
    (found,) = outbox.claim("a", now=NOW, most=9)
    assert (found.document["level"], found.update) == ("critical", True)


def test_a_failure_is_put_off(outbox: Outbox) -> None:
    outbox.offer([parcels.finding("F-1")], now=NOW)
    on_its_way = outbox.claim("a", now=NOW, most=9)
    outbox.settle("a", on_its_way, later("HTTP 503"), now=NOW, pause=60)
    assert [waiting(outbox, now=NOW + at) for at in (59, 60)] == [[], [("F-1", "high")]]
    assert account(outbox) == SinkAccount(
        name="a", pending=1, attempts_failed=1, oldest=NOW, due=NOW + 60, reason="HTTP 503"
    )


def test_what_was_put_off_can_be_hastened(outbox: Outbox) -> None:
    outbox.offer([parcels.finding("F-1")], now=NOW)
    outbox.settle("a", outbox.claim("a", now=NOW, most=9), later("x"), now=NOW, pause=60)
    outbox.hasten("b")
    assert waiting(outbox) == []
    outbox.hasten("a")
    assert waiting(outbox) == [("F-1", "high")]


def test_a_clock_that_was_set_back_puts_nothing_off(outbox: Outbox) -> None:
    outbox.offer([parcels.finding("F-1")], now=NOW)
    outbox.settle("a", outbox.claim("a", now=NOW, most=9), later("x"), now=NOW, pause=60)
    assert waiting(outbox, now=NOW - 86400) == [("F-1", "high")]


def test_what_failed_again_and_again_comes_alone(outbox: Outbox) -> None:
    outbox.offer([parcels.finding("F-1"), parcels.finding("F-2")], now=NOW)
    for _ in range(3):
        outbox.settle("a", outbox.claim("a", now=NOW, most=1), later("HTTP 500", together=True), now=NOW, pause=0)
    outbox.offer([parcels.finding("F-3")], now=NOW)
    assert waiting(outbox) == [("F-1", "high")]
    outbox.settle("a", outbox.claim("a", now=NOW, most=9), later("HTTP 500", together=True), now=NOW, pause=60)
    assert waiting(outbox) == [("F-2", "high"), ("F-3", "high")]


def test_what_never_reached_the_receiver_does_not_come_alone(outbox: Outbox) -> None:
    outbox.offer([parcels.finding("F-1"), parcels.finding("F-2")], now=NOW)
    for _ in range(5):
        outbox.settle("a", outbox.claim("a", now=NOW, most=9), later("down"), now=NOW, pause=0)
    assert waiting(outbox) == [("F-1", "high"), ("F-2", "high")]


def test_a_refused_finding_is_a_dead_letter_until_it_is_sent_again(outbox: Outbox) -> None:
    outbox.offer([parcels.finding("F-1")], now=NOW)
    on_its_way = outbox.claim("a", now=NOW, most=9)
    outbox.settle("a", on_its_way, never(on_its_way, "HTTP 400"), now=NOW, pause=0)
    assert (waiting(outbox), account(outbox)) == ([], SinkAccount(name="a", dead=1, attempts_failed=1))
    assert outbox.retry("b", now=NOW) == 0
    assert outbox.retry("a", now=NOW + 5) == 1
    (found,) = outbox.claim("a", now=NOW + 5, most=9)
    assert (found.document, found.attempts, found.since) == (parcels.finding("F-1"), 0, NOW + 5)


def test_a_dead_letter_does_not_overtake_a_newer_state(outbox: Outbox) -> None:
    outbox.offer([parcels.finding("F-1")], now=NOW)
    on_its_way = outbox.claim("a", now=NOW, most=9)
    outbox.settle("a", on_its_way, never(on_its_way, "HTTP 400"), now=NOW, pause=0)
    outbox.offer([parcels.finding("F-1", level="critical")], now=NOW)
    deliver(outbox)
    assert (outbox.retry(None, now=NOW), account(outbox).dead) == (0, 0)


def test_what_is_too_old_becomes_a_dead_letter_if_it_was_tried(outbox: Outbox) -> None:
    outbox.offer([parcels.finding("F-1"), parcels.finding("F-2")], now=NOW)
    outbox.settle("a", outbox.claim("a", now=NOW, most=1), later("down"), now=NOW, pause=0)
    assert [outbox.expire("a", before=at) for at in (NOW, NOW + 1)] == [0, 1]
    assert (waiting(outbox), account(outbox).dead) == ([("F-2", "high")], 1)


def test_what_goes_nowhere_is_counted(outbox: Outbox) -> None:
    outbox.rules = Rules(route=lambda document, *_: Routed(held="verdict" if document["id"] == "F-1" else "rate"))
    outbox.offer([parcels.finding(name) for name in ("F-1", "F-2", "F-3", "F-3")], now=NOW)
    assert outbox.status().suppressed == {"route": 0, "verdict": 1, "rate": 2}


def test_routes_learn_who_had_it_and_how_much_of_the_actor_went_out(tmp_path: Path) -> None:
    asked = []

    def route(document: Mapping[str, Any], earlier: frozenset[str], recent: int) -> Routed:
        asked.append((document["id"], set(earlier), recent))
        return Routed(sinks=("a",)) if document["id"] != "F-0" else Routed(held="route")

    outbox = Outbox(tmp_path / "o", Rules(route=route, rate_seconds=10, rate_most=2))
    for at, name, level in ((0, 0, "low"), (1, 1, "low"), (2, 2, "low"), (3, 1, "high"), (12, 3, "low")):
        outbox.offer([parcels.finding(f"F-{name}", level=level)], now=NOW + at)
    outbox.offer([parcels.finding("F-4", actor=factories.actor(name="other"))], now=NOW + 13)
    outbox.close()
    assert asked == [
        ("F-0", set(), 0), ("F-1", set(), 0), ("F-2", set(), 1), ("F-1", {"a"}, 2), ("F-3", set(), 1), ("F-4", set(), 0)
    ]  # fmt: skip


def held_back(outbox: Outbox, told: Mapping[str, bool]) -> None:
    """Hold back what is low, and tell these sinks."""
    outbox.rules = Rules(
        route=lambda document, *_: Routed(held="route") if document["level"] == "low" else Routed(sinks=("a",)),
        notice=nothing,
        sinks=("a", "b"),
        told=told,
        told_every=60,
    )


def test_the_next_delivery_says_how_many_were_held_back(outbox: Outbox) -> None:
    held_back(outbox, {"a": False})
    outbox.offer([parcels.finding("F-0")], now=NOW)  # the sink is new: nothing was held back from it
    outbox.offer([parcels.finding("F-1", level="low"), parcels.finding("F-2", level="low")], now=NOW + 1)
    deliver(outbox)
    outbox.tidy(NOW + 100)
    assert waiting(outbox, now=NOW + 100) == []  # nobody is woken only for this
    outbox.offer([parcels.finding("F-3")], now=NOW + 101)
    found = [one.document["headline"] for one in outbox.claim("a", now=NOW + 101, most=9)]
    assert found == [parcels.finding()["headline"], "{'route': 2} since 0"]
    deliver(outbox, now=NOW + 101)
    outbox.offer([parcels.finding("F-4", level="low"), parcels.finding("F-5")], now=NOW + 102)
    assert waiting(outbox, now=NOW + 102) == [("F-5", "high")]  # it was told a second ago


def test_who_wants_to_be_told_in_any_case_is(outbox: Outbox) -> None:
    held_back(outbox, {"a": False, "b": True})
    outbox.tidy(NOW)
    outbox.offer([parcels.finding("F-1", level="low")], now=NOW + 1)
    outbox.tidy(NOW + 61)
    outbox.tidy(NOW + 200)
    found = [[one.document["headline"] for one in outbox.claim(sink, now=NOW + 200, most=9)] for sink in ("a", "b")]
    assert found == [[], ["{'route': 1} since 0"]]


def test_what_was_delivered_long_ago_is_forgotten_and_the_rest_is_not(outbox: Outbox) -> None:
    outbox.offer([parcels.finding("F-1")], now=NOW)
    deliver(outbox, "a")
    deliver(outbox, "b")
    outbox.offer([parcels.finding("F-2")], now=NOW)
    deliver(outbox, "a")
    outbox.tidy(NOW + outbox.rules.remembered + 1)
    assert waiting(outbox, "b", now=NOW + 99) == [("F-2", "high")]
    assert outbox.offer([parcels.finding("F-1"), parcels.finding("F-2")], now=NOW + 100) == 1


def test_dead_letters_are_kept_for_as_long_as_is_remembered_and_then_counted(outbox: Outbox) -> None:
    outbox.offer([parcels.finding("F-1")], now=NOW)
    on_its_way = outbox.claim("a", now=NOW, most=9)
    outbox.settle("a", on_its_way, never(on_its_way, "HTTP 400"), now=NOW, pause=0)
    outbox.rules = Rules(sinks=("a",))  # nobody knows b any more
    for after, expected in ((0, (1, 0, 1, 0)), (1, (0, 1, 0, 1))):
        outbox.tidy(NOW + outbox.rules.remembered + after)
        a, b = account(outbox, "a"), account(outbox, "b")
        assert (a.dead, a.discarded, b.pending, b.discarded) == expected


def test_bodies_are_kept_only_while_somebody_waits(outbox: Outbox) -> None:
    big = parcels.finding("F-1", headline="x" * 1_000_000)
    outbox.offer([big], now=NOW)
    deliver(outbox, "a")
    before = outbox.status().size
    deliver(outbox, "b")
    assert (before > 1_000_000, outbox.status().size < 100_000) == (True, True)


def test_above_its_limit_it_takes_nothing_and_recovers(outbox: Outbox) -> None:
    outbox.rules = Rules(route=to("a"), sinks=("a",), largest=2_000_000)
    big = [parcels.finding(f"F-{n}", headline="x" * 700_000) for n in range(4)]
    for one in big[:3]:
        outbox.offer([one], now=NOW)
    with pytest.raises(StoreError, match="reached its limit"):
        outbox.offer(big[3:], now=NOW)
    deliver(outbox)
    assert outbox.offer(big[3:], now=NOW) == 1


def test_all_of_an_offer_is_kept_or_nothing(outbox: Outbox) -> None:
    def route(document: Mapping[str, Any], *_: Any) -> Routed:
        if document["id"] == "F-2":
            raise KeyError("bad")
        return Routed(sinks=("a",))

    outbox.rules = Rules(route=route)
    with pytest.raises(KeyError):
        outbox.offer([parcels.finding("F-1"), parcels.finding("F-2")], now=NOW)
    assert waiting(outbox) == []


def test_it_is_all_there_after_a_restart(tmp_path: Path) -> None:
    first = Outbox(tmp_path / "o", Rules(route=to("a")))
    first.offer([parcels.finding("F-1"), parcels.finding("F-2")], now=NOW)
    on_its_way = first.claim("a", now=NOW, most=1)
    first.settle("a", on_its_way, Outcome(delivered=(on_its_way[0].number,), mark="1:2:3"), now=NOW, pause=0)
    first.close()
    second = Outbox(tmp_path / "o")
    assert (waiting(second), second.mark("a"), second.mark("b")) == ([("F-2", "high")], "1:2:3", None)
    second.close()


def test_hostile_text_survives(outbox: Outbox) -> None:
    name = "a\ud800\x00'\"; DROP TABLE document; --\u202e"
    outbox.offer([factories.finding(id="F-1", actor=factories.actor(name=name))], now=NOW)
    (found,) = outbox.claim("a", now=NOW, most=9)
    assert found.document["actor"]["name"] == name.replace("\ud800", "\\ud800")
