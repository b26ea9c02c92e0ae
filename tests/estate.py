"""A small estate, made by hand: who read what on which day. `Estate().reads("nodes", day=5)` is one answered list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from factories import activity, actor, context, origin

from tidewaiter.baseline import measure
from tidewaiter.model import Actor, Breadth, Departure, Episode, Surprise
from tidewaiter.store import Context, Occurrence, Store

FIRST = datetime(2026, 11, 2, tzinfo=UTC)  # day 0, a Monday
WEB = actor(name="shop/web")
KINDS = [f"kind{number:02}" for number in range(27)]
FAST = timedelta(milliseconds=50)


class Fact(NamedTuple):
    """One activity, with what the recognisers said of it; equal contexts are stored once."""

    context: Context
    id: str
    at: datetime


def moment(day: int, clock: str = "09:00:00") -> datetime:
    """Give a time of a day of the estate; "25:00:00" is the next morning."""
    hours, minutes, seconds = clock.split(":")
    return FIRST + timedelta(days=day, hours=int(hours), minutes=int(minutes), seconds=float(seconds))


def reads(
    *kinds: str,
    day: int,
    clock: str = "09:00:00",
    by: Actor = WEB,
    every: timedelta = timedelta(seconds=1),
    network: str | None = "10.42.3.0/24",
    network_kind: str = "private",
    tripwires: tuple[str, ...] = (),
    learn: bool = False,
    **over: Any,
) -> list[Fact]:
    """Give one list of each kind, one after the other; `over` are fields of the activity."""
    facts = []
    for number, kind in enumerate(kinds):
        complete = {"kind": kind, "scope": "namespace", "namespace": "shop", "traits": (), "tool": "app/1.0", **over}
        said = context(
            context=0,
            a=activity(id="", at=FIRST, text="", actor=by, origin=origin(line=0, offset=0), **complete),
            recognised=() if tripwires else ("kube-list-namespace@1",),
            tripwires=tripwires,
            role="tripwire" if tripwires else "evidence",
            network=network,
            network_kind=network_kind,
            learn=learn,
        )
        at = moment(day, clock) + number * every
        name = f"{by.name} {by.via} {at:%d-%H:%M:%S.%f} {kind} {complete.get('outcome', '')} {number}"
        facts.append(Fact(said, name, at))
    return facts


def days(*kinds: str, count: int, first: int = 0, **over: Any) -> list[Fact]:
    """Give the same reads on several days."""
    return [fact for day in range(first, first + count) for fact in reads(*kinds, day=day, **over)]


def others(count: int, *kinds: str, name: str = "peer", first: int = 0, among: int = 5, **over: Any) -> list[Fact]:
    """Give so many peers that read these kinds day after day."""
    return [
        fact
        for number in range(count)
        for fact in days(*kinds, first=first, count=among, by=actor(name=f"shop/{name}-{number}"), **over)
    ]


PAST = days("pods", "services", count=5)  # Monday to Friday, one second apart, at 09:00


def fill(store: Store, facts: Iterable[Fact]) -> None:
    """Put facts into a store, in their order, as the pipeline does."""
    numbers: dict[bytes, int] = {}
    for fact in facts:
        key = store._encoder.encode(fact.context)
        if key not in numbers:
            numbers[key] = store.next_context()
            store.add_context(Context(**{**_fields(fact.context), "context": numbers[key]}))
        store.add([Occurrence(numbers[key], fact.id, fact.at, "", 1, 1)])
    store.settle()


def _fields(said: Context) -> dict[str, Any]:
    return {name: getattr(said, name) for name in said.__struct_fields__}


def episodes(
    facts: Iterable[Fact],
    *,
    hits: Sequence[measure.Hit] = (),
    weights: dict[str, float] | None = None,
    **young: int,
) -> list[Episode]:
    """Measure an estate."""
    with Store() as store:
        fill(store, facts)
        measure.profile(store, **young)
        return list(measure.episodes(store, hits, weights or {}))


def departure(dimension: str, value: str, **over: Any) -> Departure:
    """Give a value that is new to an account of five days that nobody is like."""
    complete = {"prior": 0, "history": 5, "innovations": 0}
    nobody = {"peers_known": 0, "peers": 0, "estate_known": 0, "estate": 0}
    return Departure(dimension=dimension, value=value, **{**complete, **nobody, **over})


def surprise(measured: str, observed: str, bits: float, usual: str = "", **over: Any) -> Surprise:
    """Give a surprise about such an account."""
    complete = {"peers": "0 of 0", "history_days": 5, **over}
    return Surprise(measure=measured, observed=observed, usual=usual, bits=bits, **complete)


def windows(observed: tuple[int, int, int, int], usual: int | None, peers: float | None) -> tuple[Breadth, ...]:
    """Give the breadth of an episode: what was seen in each window; usual values are the same in all.

    All kinds of this estate are of one class.
    """
    names = ("10s", "10min", "1h", "24h")
    return tuple(
        Breadth(
            window=name,
            observed=seen,
            usual=usual,
            peers=peers,
            classes=1,
            usual_classes=None if usual is None else 1,
            peers_classes=None if peers is None else 1.0,
        )
        for name, seen in zip(names, observed, strict=True)
    )
