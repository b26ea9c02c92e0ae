"""Tells what is ordinary for one actor, from the same tables with which it is judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

from tidewaiter.baseline.measure import script
from tidewaiter.baseline.weigh import novelty_bits, state
from tidewaiter.model import Actor, Departure, Habit, Peers, Plane, Profile, Rhythm
from tidewaiter.store import Store

_REGULAR_TIMES = 8  # repetitions from which on a rhythm can be told
_REGULAR_SPREAD = 0.2  # of the interval: half of all repetitions lie this close together
_WEIGHED = ("kind", "scope", "network", "tool", "namespace", "hour")
_CROWD = 3  # others that make a group of peers, as in peers.sql


def profiles(store: Store, name: str) -> list[Profile]:
    """Give what is ordinary for the actors of a name, one for each plane. `measure.profile` has to run before."""
    found = list(store.rows(script("actor_rows"), {"name": name}))
    return [
        _profile(store, key, plane, Actor(kind=kind, name=known, realm=realm, via=via))
        for key, kind, known, realm, via, plane in found
    ]


def near(store: Store, name: str) -> tuple[str, ...]:
    """Give a few names of actors that look like a name that nobody has."""
    return tuple(found for (found,) in store.rows(script("near_rows"), {"name": name}))


def _profile(store: Store, key: str, plane: Plane, actor: Actor) -> Profile:
    where = {"actor": key, "plane": plane}
    ((first, last, active, taught, today),) = store.rows(script("span_rows"), where)
    rows = list(store.rows(script("value_rows"), where))
    habits: dict[str, list[Habit]] = defaultdict(list)
    for dimension, value, days, taught_days, since, until in rows:
        # A refusal is known by itself; everything else when it was answered on two days.
        habits[dimension].append(Habit(value=value, days=days, known=taught_days > 1, since=since, until=until))
    ((requests, usual, most, times, sooner, every, later),) = store.rows(script("rhythm_rows"), where)
    groups = tuple(
        Peers(group=group, members=members, example=name if members else None)
        for group, members, name in store.rows(script("peer_rows"), where)
    )
    return Profile(
        actor=actor,
        plane=plane,
        state=state(active, (today - last).days),
        first=first,
        last=last,
        today=today,
        days=active,
        answered_days=taught,
        habits={dimension: tuple(values) for dimension, values in sorted(habits.items())},
        rhythm=Rhythm(
            requests=requests,
            usual_a_day=usual,
            most_a_day=most,
            every=every if times >= _REGULAR_TIMES else None,
            regular=times >= _REGULAR_TIMES and later - sooner <= _REGULAR_SPREAD * every,
        ),
        peers=_compared_with(groups),
        groups=groups,
        would_surprise=_would_surprise(rows, active, first, groups),
    )


def _compared_with(groups: Sequence[Peers]) -> Peers | None:
    """Give the narrowest group that is a crowd, else the widest."""
    return next((one for one in groups if one.members >= _CROWD), groups[-1] if groups else None)


def _would_surprise(
    rows: Sequence[Sequence[Any]], active: int, first: date, groups: Sequence[Peers]
) -> dict[str, float]:
    """Weigh something new of each dimension that nobody of its like does either."""
    crowd = _compared_with(groups)
    members = crowd.members if crowd else 0
    widest = groups[-1].members if groups else 0
    bits = {}
    for dimension in _WEIGHED:
        fresh = {row[4] for row in rows if row[0] == dimension and row[3] and row[4] > first}
        unheard = Departure(
            dimension=dimension,
            value="",
            prior=0,
            history=active,
            innovations=len(fresh),
            peers_known=0,
            peers=members,
            estate_known=0,
            estate=widest,
        )
        bits[dimension] = round(novelty_bits([unheard]), 1)
    return bits
