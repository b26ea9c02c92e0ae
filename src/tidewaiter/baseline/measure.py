"""Runs the baseline over the store and gives episodes: who did something notable, with all one needs to judge it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from importlib.resources import files
from types import MappingProxyType
from typing import Any, NamedTuple

from tidewaiter.baseline.chains import SHARED_BY, LinkRule, chain
from tidewaiter.baseline.weigh import BREADTH_FLOOR, CLASSES_FLOOR, LEARNING_DAYS, weighed
from tidewaiter.model import Actor, Breadth, Departure, Episode, Scope, Tripwire
from tidewaiter.store import Store

_SCOPES: tuple[Scope, ...] = ("everything", "namespace", "one")
_WINDOWS = ("10s", "10min", "1h", "24h")
_BREADTH = ("window", "observed", "usual", "peers", "classes", "usual_classes", "peers_classes")
_USUAL = 8  # known values kept for each dimension, for the words
_LIMITS = {"floor": BREADTH_FLOOR, "classes": CLASSES_FLOOR}
_OF_ACTORS = ("profile", "peers", "breadth")  # made anew for whoever is looked at
_OF_GROUPS = ("joining", "known_by")
_Key = tuple[str, str, int]  # actor key, plane, number of the stretch


class Hit(NamedTuple):
    """One activity that is part of what a correlation found."""

    activity: str
    rule: str  # "name@version"
    weight: float


def script(name: str) -> str:
    """Give the SQL text `<name>.sql` of this package."""
    return files("tidewaiter.baseline").joinpath(f"{name}.sql").read_text(encoding="utf-8")


# Fields of the normal form that are not a column of the same name.
_COLUMNS = {
    "tool.name": "split_part(tool, '/', 1)",
    "network": "network_kind",
    "actor.kind": "actor_kind",
    "actor.name": "actor_name",
    "actor.realm": "realm",
    "actor.via": "via",
}


def column(field: str) -> str:
    """Give the SQL for a field of the normal form."""
    return _COLUMNS.get(field, field)


def group_key(fields: Sequence[str]) -> str:
    """Give the SQL for what a correlation groups by, as one text: two groups never have the same."""
    parts = [f"coalesce(CAST({column(field)} AS VARCHAR), '')" for field in fields]
    return parts[0] if len(parts) == 1 else f"concat_ws(chr(31), {', '.join(parts)})"


def _scripts(store: Store, names: Iterable[str], run: Mapping[str, Any]) -> None:
    for name in names:
        store.script(script(name), run)


def profile(store: Store, *, young: int = LEARNING_DAYS) -> None:
    """Make the tables that say what is ordinary for each actor.

    On days that have fewer than `young` earlier days of anybody's activity, nothing counts as new.
    """
    run = {**_LIMITS, "young": young, "everybody": True, "all_values": False}
    _scripts(store, (*_OF_ACTORS, "arrivals", "novelty", *_OF_GROUPS, "crowd", "departure", "wide"), run)


def estate(store: Store, ahead: Iterable[tuple[str, date]], *, young: int = LEARNING_DAYS) -> None:
    """Make the tables that say what is ordinary for groups of actors, for the planes and days that come next.

    Whoever of them is looked at then (`profile_of`) is compared with these tables.
    """
    store.script(script("ask"))
    store.insert("day_ahead", ahead)
    run = {**_LIMITS, "young": young, "everybody": True, "all_values": True}
    _scripts(store, (*_OF_ACTORS, "arrivals", "novelty", *_OF_GROUPS, "all_peers", "peer_breadth"), run)


def ask(store: Store, actors: Iterable[str]) -> None:
    """Say which actors (keys as in context) the next statements are about."""
    store.script(script("ask"))
    store.insert("asked", ((actor,) for actor in actors))
    store.script(script("ask_strangers"))


def profile_of(store: Store, actors: Iterable[str], *, young: int = LEARNING_DAYS) -> None:
    """Make the tables that say what is ordinary for a few actors; `estate` was run before."""
    ask(store, actors)
    run = {**_LIMITS, "young": young, "everybody": False}
    _scripts(store, (*_OF_ACTORS, "novelty", "crowd", "departure", "wide"), run)


def gather_hits(store: Store, hits: Iterable[Hit]) -> None:
    """Take in what correlations matched, and say on how many days they did of the same actor."""
    store.script(script("hit"))
    store.insert("hit", hits)
    store.script(script("hit_days"))


def episodes(
    store: Store,
    hits: Iterable[Hit],
    weights: dict[str, float],
    links: Mapping[str, LinkRule] = MappingProxyType({}),
    *,
    peers_are_known: bool = False,
) -> Iterator[Episode]:
    """Gather what is notable into episodes, ordered by their beginning.

    `hits` are the activities that correlations matched, `weights` gives the bits of each tripwire by name@version,
    `links` says of which context rules the activities continue the story of an episode. After `estate` what is usual
    for groups of peers is known already.
    """
    gather_hits(store, hits)
    store.script(script("link_rule"))
    store.insert("link_rule", ((rule,) for rule in links))
    comparing = () if peers_are_known else ("wanted_peers", "peer_breadth")
    _scripts(store, ("episodes", "chain", *comparing), {"most": SHARED_BY})
    parts = _Parts(store, weights, links)
    for row in store.rows(script("episode_rows")):
        yield weighed(parts.episode(row))


class _Parts:
    """What the small queries know of every episode, by episode."""

    def __init__(self, store: Store, weights: dict[str, float], links: Mapping[str, LinkRule]) -> None:
        self.departures: dict[_Key, dict[tuple[str, str], Departure]] = defaultdict(dict)
        for key, *values in self._by_key(store, "departure_rows"):
            item = Departure(**dict(zip(Departure.__struct_fields__, values, strict=True)))
            # An episode may last over midnight: its first day is the one before anything of it was seen.
            self.departures[key].setdefault((item.dimension, item.value), item)
        self.breadth: dict[_Key, tuple[Breadth, ...]] = {}
        for key, *numbers in self._by_key(store, "breadth_rows"):
            columns = [numbers[start : start + 4] for start in range(0, 24, 4)]
            self.breadth[key] = tuple(
                Breadth(**dict(zip(_BREADTH, values, strict=True))) for values in zip(_WINDOWS, *columns, strict=True)
            )
        self.tripwires: dict[_Key, list[Tripwire]] = defaultdict(list)
        self.evidence: dict[_Key, list[str]] = defaultdict(list)
        for key, rule, tripwire, times, prior in self._by_key(store, "rule_rows"):
            if tripwire:
                self.tripwires[key].append(
                    Tripwire(recogniser=rule, weight=weights.get(rule, 0.0), times=times, prior=prior)
                )
            elif rule not in links:
                self.evidence[key].append(rule)
        self.usual: dict[_Key, dict[str, tuple[str, ...]]] = defaultdict(dict)
        for key, dimension, values in self._by_key(store, "usual_rows"):
            self.usual[key][dimension] = tuple(sorted(values)[:_USUAL])
        followed: dict[_Key, list[tuple[Any, ...]]] = defaultdict(list)
        for key, *row in self._by_key(store, "link_rows"):
            followed[key].append(tuple(row))
        self.chain = {key: chain(rows, links) for key, rows in followed.items()}
        self.containers: dict[_Key, list[str]] = defaultdict(list)
        for key, container in self._by_key(store, "pod_rows"):
            self.containers[key].append(container)

    @staticmethod
    def _by_key(store: Store, name: str) -> Iterator[tuple[Any, ...]]:
        for actor, plane, island, *rest in store.rows(script(name)):
            yield ((actor, plane, int(island)), *rest)

    def episode(self, row: tuple[Any, ...]) -> Episode:
        (actor, plane, island, kind, name, realm, via, opens, closes, requests, answered, refused, reviews) = row[:13]
        (reach, public, kinds, namespaces, tools, addresses, history, idle, estate_days, arrival_days, first) = row[13:]
        key = (actor, plane, int(island))
        return Episode(
            actor=Actor(kind=kind, name=name, realm=realm, via=via),
            plane=plane,
            opens=_utc(opens),
            closes=_utc(closes),
            kinds=_sorted(kinds),
            namespaces=_sorted(namespaces),
            tools=_sorted(tools),
            addresses=_sorted(addresses),
            scope=_SCOPES[reach],
            requests=requests,
            answered=answered,
            refused=refused,
            reviews=reviews,
            from_public=bool(public),
            history=history,
            idle_days=idle,
            estate_days=estate_days,
            arrival_days=arrival_days,
            first_day=first,
            departures=tuple(sorted(self.departures[key].values(), key=lambda item: (item.dimension, item.value))),
            breadth=self.breadth.get(key, ()),
            tripwires=tuple(sorted(self.tripwires[key], key=lambda item: (-item.weight, item.recogniser))),
            evidence=tuple(sorted(self.evidence[key])),
            usual=self.usual[key],
            chain=self.chain.get(key, ()),
            containers=tuple(self.containers[key]),
        )


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC)


def _sorted(values: list[str | None] | None) -> tuple[str, ...]:
    return tuple(sorted(value for value in values or () if value is not None))
