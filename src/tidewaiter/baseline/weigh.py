"""How unusual a departure is, in bits: log2 of how many times rarer it is than certain.

One formula for everything, so that it can be read aloud: "on p of all days would this actor do that". The estimate for
an actor leans on its peers while its own history is short, and the peers' on the estate (hierarchical back-off with
Dirichlet pseudo-counts, Gelman et al., Bayesian Data Analysis, ch. 5). In an empty estate everything has p = 1/2: a
detector that knows nothing yet is not surprised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from math import inf, log2
from typing import get_args

import msgspec

from tidewaiter.baseline.chains import beside, chain_bits
from tidewaiter.model import Breadth, Departure, Episode, ProfileState, Scope, Surprise, Tripwire

PSEUDO_DAYS = 2.0  # how many days of its own an actor needs to weigh as much as its peers
BREADTH_FLOOR = 10  # kinds; `kubectl get all` and one `describe` stay below it
_BROAD = 5  # four kinds are never broad, nor are four classes
CLASSES_FLOOR = 5  # classes: workload, network, topology, images and history are a day's work
LEARNING_DAYS = 3  # a value is known after two days, so on the third day novelty begins to mean something
STALE_DAYS = 30
# How much a departure of each dimension says. An hour or a namespace changes easily; a kind or a network does not.
_SHARE = {"kind": 1.0, "scope": 1.0, "network": 1.0, "tool": 0.7, "namespace": 0.6, "hour": 0.4, "weekday": 0.4}
_MEASURE = {name: f"new-{name}" for name in _SHARE}
# What goes together: whoever works from home at night does so with another network, hour and machine, and that is one
# circumstance; whoever looks into something new reads new kinds, more of them, elsewhere. Of each circumstance the
# strongest measure counts whole, the next a third, the one after that a ninth: together never half as much again.
_CIRCUMSTANCES = (
    frozenset({"new-network", "new-hour", "new-weekday", "new-tool"}),
    frozenset({"new-kind", "new-scope", "new-namespace", "breadth"}),
)
_FURTHER = 1 / 3
# What most of its peers do is new to an actor only: its own past, however long, speaks for so many bits and no more.
_MOST_BITS_AMONG_PEERS = 4.0
_FEWEST_PEERS = 3  # fewer are no crowd that could vouch for anybody
_PUBLIC_BITS = 2.0  # an address on the Internet instead of one of the estate
_ALONE = 10.0  # bits that need nothing beside them
_REACH = get_args(Scope)  # from the narrowest to the widest
_LISTED = 12  # values named in a surprise


def state(history: int, idle_days: int | None) -> ProfileState:
    """Say how far a profile can be relied on: `learning`, `warm`, or `stale` after a month of silence."""
    if idle_days is not None and idle_days > STALE_DAYS:
        return "stale"
    return "warm" if history >= LEARNING_DAYS else "learning"


def value_bits(departure: Departure) -> float:
    """Weigh one value: how rarely this actor, backed by peers and estate, would do exactly this on a day."""
    peers = _among_peers(departure)
    own = (departure.prior + PSEUDO_DAYS * peers) / (departure.history + PSEUDO_DAYS)
    return max(0.0, -log2(own))


def _among_peers(departure: Departure) -> float:
    """Give on how many of its peers this is expected, the estate standing behind them."""
    estate = (departure.estate_known + 0.5) / (departure.estate + 1)
    return (departure.peers_known + PSEUDO_DAYS * estate) / (departure.peers + PSEUDO_DAYS)


def peer_bits(departure: Departure) -> float:
    """Give the most that a departure may weigh, for what the peers do: a person on call does what its colleagues do."""
    if departure.peers < _FEWEST_PEERS:
        return inf
    return _MOST_BITS_AMONG_PEERS - 2 * log2(_among_peers(departure))


def innovation_bits(departure: Departure) -> float:
    """Weigh that something new of this dimension was done at all: an actor that often does new things may."""
    return -log2((departure.innovations + 0.2) / (departure.history + PSEUDO_DAYS))


def warmth(history: int) -> float:
    """Give how much of a novelty counts, 0 for an actor without a past to 1: novelty needs something to differ from."""
    return history / (history + PSEUDO_DAYS)


def weighed(episode: Episode) -> Episode:
    """Give the episode with its state, surprises, tripwires and what followed weighed."""
    found = surprises(episode)
    signs = round(tripwire_bits(episode.tripwires), 1)
    learning = episode.estate_days < LEARNING_DAYS
    # While nothing is ordinary yet, nothing is a habit either: what follows needs tripwires before it that count alone.
    early = signs if signs >= _ALONE else 0.0
    discovery = early if learning else signs + sum(item.bits for item in found)
    links = beside(episode.chain, {item.measure for item in found})
    return msgspec.structs.replace(
        episode,
        state=state(episode.history, episode.idle_days),
        estate_learning=learning,
        surprises=found,
        tripwire_bits=signs,
        chain=links,
        chain_bits=chain_bits(links, discovery),
    )


def surprises(episode: Episode) -> tuple[Surprise, ...]:
    """Measure how far an episode departs from what its actor did before it, the heaviest departure first."""
    found = [
        *_new_actor(episode),
        *(_novelty(episode, name) for name in _SHARE),
        _refusals(episode),
        _breadth(episode),
    ]
    telling = (item for item in found if item and item.bits >= 0.5)  # noqa: PLR2004
    return tuple(sorted(_once(telling), key=lambda item: -item.bits))


def _once(found: Iterable[Surprise]) -> Iterator[Surprise]:
    """Give the surprises with what each adds to the stronger ones of the same circumstance."""
    met: Counter[frozenset[str]] = Counter()
    for item in sorted(found, key=lambda item: -item.bits):
        circumstance = next((one for one in _CIRCUMSTANCES if item.measure in one), frozenset({item.measure}))
        yield msgspec.structs.replace(item, bits=round(item.bits * _FURTHER ** met[circumstance], 1))
        met[circumstance] += 1


def _new_actor(episode: Episode) -> Iterable[Surprise]:
    stale = state(episode.history, episode.idle_days) == "stale"
    if episode.history > 0 and not stale:
        return
    bits = -log2((episode.arrival_days + 1) / (episode.estate_days + 2))
    yield Surprise(
        measure="returned" if stale else "new-actor",
        observed=episode.actor.name,
        usual=f"{episode.idle_days}" if stale else "",
        peers=f"{episode.arrival_days} of {episode.estate_days}",
        history_days=episode.history,
        bits=round(bits, 1),
    )


def _novelty(episode: Episode, dimension: str) -> Surprise | None:
    # What was done on one earlier day is not known yet, but "never" would not be true of it.
    fresh = [item for item in episode.departures if item.dimension == dimension and item.prior == 0]
    if dimension == "scope":
        fresh = _wider(fresh, episode.usual.get("scope", ()))
    if not fresh:
        return None
    ranked = sorted(fresh, key=lambda item: (-value_bits(item), item.value))
    top = ranked[0]
    telling = _telling(ranked)
    return Surprise(
        measure=_MEASURE[dimension],
        observed=_listed([item.value for item in telling]),
        usual=_listed(episode.usual.get(dimension, ())),
        peers=f"{top.peers_known} of {top.peers}",
        history_days=top.history,
        bits=round(novelty_bits(ranked, public=episode.from_public), 1),
        group=top.group,
    )


def _wider(fresh: Sequence[Departure], usual: Sequence[str]) -> list[Departure]:
    """Leave out scopes that are narrower than a known one: whoever reads whole namespaces may read one object."""
    widest = max((_REACH.index(scope) for scope in usual if scope in _REACH), default=-1)
    return [item for item in fresh if item.value not in _REACH or _REACH.index(item.value) > widest]


def _telling(ranked: Sequence[Departure]) -> Sequence[Departure]:
    return [item for item in ranked if value_bits(item) >= 1] or ranked[:1]


def novelty_bits(ranked: Sequence[Departure], *, public: bool = False) -> float:
    """Weigh new values of one dimension together, the rarest first; `public` is an address on the Internet."""
    top = ranked[0]
    bits = min(value_bits(top), innovation_bits(top), peer_bits(top)) + log2(len(_telling(ranked)))
    if public and top.dimension == "network":
        bits += _PUBLIC_BITS
    return bits * _SHARE[top.dimension] * warmth(top.history)


def _refusals(episode: Episode) -> Surprise | None:
    # Distinct kinds, not requests: a broken client is refused the same thing a thousand times.
    fresh = [item for item in episode.departures if item.dimension == "refused" and item.prior == 0]
    if not fresh:
        return None
    top = min(fresh, key=lambda item: (item.peers_known, item.value))  # the rarest speaks for all, as in _novelty
    return Surprise(
        measure="refusals",
        observed=_listed(sorted(item.value for item in fresh)),
        usual=_listed(episode.usual.get("refused", ())),
        peers=f"{top.peers_known} of {top.peers}",
        history_days=top.history,
        bits=round(2 * log2(1 + len(fresh)), 1),
        group=top.group,
    )


def breadth_bits(item: Breadth, history: int) -> float:
    """Weigh how many kinds were read in a window: three bits for each doubling over what is usual."""
    return _doublings(item.observed, item.usual, item.peers, history, BREADTH_FLOOR) if item.observed >= _BROAD else 0.0


def classes_bits(item: Breadth, history: int) -> float:
    """Weigh how many classes of kinds were read in a window, likewise: there are few, so that reading all says much."""
    if item.classes < _BROAD:
        return 0.0
    return _doublings(item.classes, item.usual_classes, item.peers_classes, history, CLASSES_FLOOR)


def _doublings(observed: int, own: int | None, peers: float | None, history: int, floor: int) -> float:
    """Weigh a number against the most of the own past; peers who do more count as two days of it."""
    if history < LEARNING_DAYS or not own:  # without an earlier day with a kind that counts
        return 3 * log2(observed / max(own or 0.0, peers or 0.0, floor))
    alone, among = (3 * log2(observed / usual) for usual in (own, max(own, peers or 0.0)))
    return (history * alone + PSEUDO_DAYS * among) / (history + PSEUDO_DAYS)


def _breadth(episode: Episode) -> Surprise | None:
    # Kinds and classes are two views of one thing: the one that says more counts, never both.
    weighed = [
        *(
            (breadth_bits(item, episode.history), item.window, item.observed, item.usual, item.peers, "")
            for item in episode.breadth
        ),
        *(
            (
                classes_bits(item, episode.history),
                item.window,
                item.classes,
                item.usual_classes,
                item.peers_classes,
                " classes",
            )
            for item in episode.breadth
        ),
    ]
    if not weighed:
        return None
    bits, window, observed, usual, peers, unit = max(weighed, key=lambda found: found[0])
    return Surprise(
        measure="breadth",
        observed=f"{observed}{unit} in {window}",
        usual="" if usual is None else f"{usual}{unit} in {window}",
        peers="" if peers is None else f"{peers:g}{unit} in {window}",
        history_days=episode.history,
        bits=round(bits, 1),
    )


def tripwire_bits(tripwires: Sequence[Tripwire]) -> float:
    """Add up tripwires: the heaviest counts whole, each further one a third, a customary one less than half."""
    weights = sorted((item.weight * (0.4 if item.prior >= 2 else 1.0) for item in tripwires), reverse=True)  # noqa: PLR2004
    return weights[0] + sum(weights[1:]) / 3 if weights else 0.0


def _listed(values: Iterable[str]) -> str:
    names = list(values)
    more = f" +{len(names) - _LISTED}" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
