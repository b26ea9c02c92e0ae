"""The fields of the normal form that a rule may name, and how to get them from an Activity.

Some are derived: `class` is the resource class, `tool.name` the part of `tool` before the slash, `network` what sort
of network the address lies in. A rule may not name a field that no sensor of a plane it reads can fill.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from operator import attrgetter
from typing import Any, Literal, get_args

import msgspec

from tidewaiter.meaning.vocabulary import load, resource_class, traits
from tidewaiter.model import Activity, Actor, ActorKind, Origin, Outcome, Plane, Scope, Verb

Value = str | int | tuple[str, ...] | None
Values = Mapping[str, Value]

PLANES: tuple[Plane, ...] = get_args(Plane)
NETWORKS = ("loopback", "private", "public", "none")


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field: where it comes from and which values it can have."""

    path: str  # attribute of Activity it is read from, dotted
    sort: Literal["text", "address", "number", "list"] = "text"
    always: bool = False  # never absent
    planes: tuple[Plane, ...] = PLANES  # planes with a sensor that can fill it
    words: tuple[str, ...] = ()  # the closed vocabulary, when it has one and the model spells it out


_NOT_HOST: tuple[Plane, ...] = ("kubernetes", "engine", "web", "cloud")  # a command has no network peer
FIELDS: dict[str, Field] = {
    "plane": Field(path="plane", always=True, words=PLANES),
    "verb": Field(path="verb", always=True, words=get_args(Verb)),
    "kind": Field(path="kind", always=True),
    "class": Field(path="resource_class", always=True),
    "scope": Field(path="scope", words=get_args(Scope)),
    "outcome": Field(path="outcome", always=True, words=get_args(Outcome)),
    "namespace": Field(path="namespace", planes=("kubernetes", "host", "web")),
    "name": Field(path="name"),
    "tool": Field(path="tool"),
    "tool.name": Field(path="tool"),
    "address": Field(path="address", sort="address", planes=_NOT_HOST),
    "network": Field(path="address", always=True, planes=_NOT_HOST, words=NETWORKS),
    "container": Field(path="container", planes=("kubernetes", "engine", "host", "web")),
    "node": Field(path="node", planes=("kubernetes",)),
    "credential": Field(path="credential", planes=("kubernetes",)),
    "claimed": Field(path="claimed", sort="address", planes=("kubernetes",)),
    "text": Field(path="text"),
    "traits": Field(path="traits", sort="list"),
    "actor.kind": Field(path="actor.kind", always=True, words=get_args(ActorKind)),
    "actor.name": Field(path="actor.name", always=True),
    "actor.realm": Field(path="actor.realm", always=True),
    "actor.via": Field(path="actor.via"),
    "disclosed": Field(path="disclosed", sort="number", planes=("engine", "web")),
}
_DERIVED = ("class", "tool.name", "network")


@cache
def words(field: str) -> frozenset[str] | None:
    """Give every value a field can have; None when the vocabulary is open."""
    if field == "traits":
        return frozenset(traits())
    if field == "class":
        return frozenset(load("classes.yml")) | {"custom"}
    return frozenset(FIELDS[field].words) or None


@lru_cache(maxsize=65536)
def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address as a log writes it; an IPv4 address inside IPv6 is the IPv4 address. None when it is none."""
    try:
        found = ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


# RFC 1918, RFC 6598 (shared), RFC 3927 and RFC 4291 (link-local), RFC 4193. Python's `is_private` also counts the
# networks for documentation (RFC 5737), which stand for public ones.
_PRIVATE = tuple(
    ip_network(net)
    for net in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fe80::/10", "fc00::/7",
    )
)  # fmt: skip


@lru_cache(maxsize=65536)
def network(address: str | None) -> str:
    """Say what sort of network an address lies in: loopback, private, public, or none when it is no address."""
    found = parse_address(address) if address else None
    if found is None or found.is_unspecified:
        return "none"
    if found.is_loopback:
        return "loopback"
    return "private" if any(found in net for net in _PRIVATE) else "public"


@lru_cache(maxsize=65536)
def tool_family(tool: str | None) -> str | None:
    """Give the name of a tool without its version."""
    return tool.partition("/")[0] if tool else None


def reader(names: Sequence[str]) -> Callable[[Activity], tuple[Value, ...]]:
    """Make the function that reads these fields of an activity, in this order, as a tuple that can be a key."""
    if not names:
        return lambda _: ()
    change: dict[int, Callable[[Any], Value]] = {
        at: network if name == "network" else tool_family
        for at, name in enumerate(names)
        if name in ("network", "tool.name")
    }
    get = attrgetter(*(FIELDS[name].path for name in names))
    if len(names) == 1:
        only = change.get(0)
        return (lambda a: (only(get(a)),)) if only else (lambda a: (get(a),))
    if not change:
        return get

    def read(activity: Activity) -> tuple[Value, ...]:
        found = list(get(activity))
        for at, derive in change.items():
            found[at] = derive(found[at])
        return tuple(found)

    return read


def values(activity: Activity, names: Sequence[str] = tuple(FIELDS)) -> dict[str, Value]:
    """Give the fields of an activity by name."""
    return dict(zip(names, reader(names)(activity), strict=True))


def settable() -> tuple[str, ...]:
    """Name the fields that an example may give; the others follow from them."""
    return tuple(name for name in FIELDS if name not in _DERIVED)


class _Example(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An example as a rule writes it. What it does not say is ordinary: a person lists the pods of a namespace."""

    plane: Plane
    verb: Verb = "list"
    kind: str = "pods"
    scope: Scope | None = None
    outcome: Outcome = "answered"
    namespace: str | None = None
    name: str | None = None
    tool: str | None = None
    address: str | None = None
    container: str | None = None
    node: str | None = None
    credential: str | None = None
    claimed: str | None = None
    text: str = ""
    traits: tuple[str, ...] | str = ()
    actor_kind: ActorKind = msgspec.field(default="user", name="actor.kind")
    actor_name: str = msgspec.field(default="someone", name="actor.name")
    actor_realm: str = msgspec.field(default="example", name="actor.realm")
    actor_via: str | None = msgspec.field(default=None, name="actor.via")
    disclosed: int | None = None


def example(given: Mapping[str, Any], plane: Plane) -> Activity:
    """Make the activity that an example of a rule describes; raises ValueError when there can be no such activity."""
    found = msgspec.convert({"plane": plane, **given}, _Example)  # its error is a ValueError
    named = (found.traits,) if isinstance(found.traits, str) else found.traits
    unknown = set(named) - set(traits())
    if unknown:
        raise ValueError(f"unknown trait {min(unknown)!r}")
    return Activity(
        id="example",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        actor=Actor(kind=found.actor_kind, name=found.actor_name, realm=found.actor_realm, via=found.actor_via),
        plane=found.plane,
        verb=found.verb,
        kind=found.kind,
        resource_class=resource_class(found.kind),
        scope=found.scope,
        namespace=found.namespace,
        name=found.name,
        outcome=found.outcome,
        disclosed=found.disclosed,
        address=found.address,
        tool=found.tool,
        container=found.container,
        node=found.node,
        credential=found.credential,
        claimed=found.claimed,
        text=found.text,
        traits=tuple(sorted(named)),
        origin=Origin(source="example", path="example", line=1, offset=0),
    )
