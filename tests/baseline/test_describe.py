from __future__ import annotations

from datetime import date

from estate import PAST, WEB, days, fill, others, reads

from tidewaiter.baseline import measure
from tidewaiter.baseline.describe import near, profiles
from tidewaiter.model import Habit, Peers, Rhythm
from tidewaiter.store import Store

FIRST, LAST = date(2026, 11, 2), date(2026, 11, 6)


def habit(value: str, count: int = 5, *, known: bool = True, since: date = FIRST, until: date = LAST) -> Habit:
    return Habit(value=value, days=count, known=known, since=since, until=until)


def test_what_is_ordinary_is_told_by_dimension() -> None:
    knock = reads("nodes", day=4, clock="13:00:00", outcome="refused")
    with Store() as store:
        fill(store, [*PAST, *knock, *others(3, "pods")])
        measure.profile(store)
        (found,) = profiles(store, "shop/web")
    assert (found.actor, found.plane, found.state, found.days, found.answered_days) == (WEB, "kubernetes", "warm", 5, 5)
    assert (found.first, found.last, found.today) == (FIRST, LAST, LAST)
    assert found.habits["kind"] == (habit("pods"), habit("services"), habit("nodes", 1, known=False, since=LAST))
    assert found.habits["refused"] == (habit("nodes", 1, known=False, since=LAST),)
    assert found.habits["tool"] == (habit("app/1.0"),)
    assert [item.value for item in found.habits["weekday"]] == ["0", "1", "2", "3", "4"]
    assert found.rhythm == Rhythm(requests=11, usual_a_day=2.0, most_a_day=3, every=86400.0, regular=True)
    assert found.peers == Peers(group="sort:service-account", members=3, example="shop/peer-0")
    # Nobody among three lists another kind, nor did it in five days: the smaller of both, of which 5/7 count.
    assert found.would_surprise["kind"] == 3.7


def test_who_is_away_for_a_month_is_stale() -> None:
    with Store() as store:
        fill(store, [*PAST, *others(1, "pods", first=37, among=1)])
        measure.profile(store)
        (found,) = profiles(store, "shop/web")
    assert (found.state, found.today) == ("stale", date(2026, 12, 9))


def test_an_unknown_name_has_near_ones() -> None:
    with Store() as store:
        fill(store, [*PAST, *days("pods", count=1, by=WEB), *others(2, "pods")])
        measure.profile(store)
        assert profiles(store, "shop/wbe") == []
        assert near(store, "shop/wbe")[0] == "shop/web"
        assert near(store, "WEB")[0] == "shop/web"
