from __future__ import annotations

from datetime import date

from factories import actor

from tidewaiter.model import Habit, Peers, Profile, Rhythm
from tidewaiter.sinks.profile import render
from tidewaiter.wording import Wording

FIRST, LAST = date(2026, 11, 2), date(2026, 11, 6)


def habit(value: str, days: int = 5) -> Habit:
    return Habit(value=value, days=days, known=days > 1, since=FIRST, until=LAST)


WEB = Profile(
    actor=actor(),
    plane="kubernetes",
    state="warm",
    first=FIRST,
    last=LAST,
    today=LAST,
    days=5,
    answered_days=4,
    habits={"kind": (habit("pods"), habit("nodes", 1)), "hour": (habit("20"),), "weekday": (habit("0", 2),)},
    rhythm=Rhythm(requests=11, usual_a_day=2.0, most_a_day=3, every=3600.0, regular=True),
    peers=Peers(group="account:web", members=3, example="team/web"),
    groups=(),
    would_surprise={"kind": 3.7, "hour": 1.5},
)


def test_a_profile_in_words() -> None:
    assert render(WEB, width=100, wording=Wording("en")).splitlines() == [
        "service account shop/web (kubernetes)",
        "  history         known: 5 days of activity between 2026-11-02 and 2026-11-06, as of 2026-11-06. It",
        "                  was answered on 4 of them.",
        "  reads           pods (5 d); not known yet: nodes (1 d)",
        "  hours (UTC)     20:00-00:00 (5 d)",
        "  weekdays        Monday (2 d)",
        "  rhythm          11 requests, usually 2 on an active day, at most 3; the same again every 1 h,",
        "                  regularly",
        "  peers           3 other service accounts named web, such as team/web",
        "  would surprise  another kind (3.7 bits), another hour (1.5 bits)",
    ]


def test_a_profile_in_russian() -> None:
    assert "(5 дней), на 2026-11-06." in render(WEB, width=200, wording=Wording("ru"))
