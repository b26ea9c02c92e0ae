"""What the readers of the clouds' audit logs share: the table of events, addresses, clients, and the normal form.

What an event means is data: `packs/vocabulary/cloud_events.yml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache, lru_cache
from ipaddress import ip_address
from typing import Any, Literal, NamedTuple, get_args

from tidewaiter.meaning.agents import tool_name
from tidewaiter.meaning.vocabulary import load, resource_class
from tidewaiter.model import Activity, Actor, Meaning, Origin, Outcome, Scope, Verb
from tidewaiter.sources.timestamps import rfc3339

Cloud = Literal["aws", "gcp", "azure"]
TEXT = 500  # characters of a request kept for people
NAME = 256  # characters of a name kept
UNKNOWN = "not recorded"
_SCOPES: tuple[Scope, ...] = get_args(Scope)
_VERBS: tuple[Verb, ...] = get_args(Verb)
_PORT = re.compile(r"\[(.+)\]:\d+|((?:\d{1,3}\.){3}\d{1,3}):\d+")
_DEPTH = 3  # of envelopes that hold records


class Call(NamedTuple):
    """One call to a cloud's API, out of its record."""

    at: datetime
    meaning: Meaning
    actor: Actor
    outcome: Outcome
    text: str
    address: str | None = None
    tool: str | None = None


@cache
def events(cloud: Cloud) -> Mapping[tuple[str, str], Meaning]:
    """Give what the events of a cloud mean, by service and event; Azure's operations by "" and in lower case."""
    table: dict[str, Any] = load("cloud_events.yml")[cloud]
    if cloud == "azure":
        return {("", operation.lower()): _meaning(text) for operation, text in table.items()}
    return {(service, event): _meaning(text) for service, rows in table.items() for event, text in rows.items()}


def _meaning(text: str) -> Meaning:
    """Read a row of the table: verb, kind, and perhaps a scope. Raises ValueError for a word that is none."""
    verb, kind, *more = text.split()
    scope = more[0] if more else None
    found_verb = next((word for word in _VERBS if word == verb), None)
    found_scope = next((word for word in _SCOPES if word == scope), None)
    if found_verb is None or found_scope != scope:
        raise ValueError(f"not a row of the table of cloud events: {text!r}")
    return Meaning(verb=found_verb, kind=kind, scope=found_scope)


def named(meaning: Meaning, name: str | None) -> Meaning:
    """Add what the call names: who asks for "everything" of one name asks for one."""
    if not name:
        return meaning
    scope: Scope | None = "one" if meaning.scope == "everything" else meaning.scope
    return Meaning(verb=meaning.verb, kind=meaning.kind, scope=scope, name=name[:NAME], traits=meaning.traits)


def cloud_activity(call: Call, *, id: str, origin: Origin) -> Activity:  # noqa: A002 - the field's own name
    """Put a call to a cloud's API into normal form."""
    meaning = call.meaning
    return Activity(
        id=id,
        at=call.at,
        actor=call.actor,
        plane="cloud",
        verb=meaning.verb,
        kind=meaning.kind,
        resource_class=resource_class(meaning.kind),
        scope=meaning.scope,
        namespace=meaning.namespace,
        name=meaning.name,
        outcome=call.outcome,
        address=call.address,
        tool=call.tool,
        text=call.text[:TEXT],
        traits=meaning.traits,
        origin=origin,
    )


def utc(value: object) -> datetime | None:
    """Read the time of a record. All three clouds write UTC; exports through databases leave the zone out."""
    if not isinstance(value, str):
        return None
    return rfc3339(value) or rfc3339(f"{value}Z")


@lru_cache(maxsize=16384)
def address_of(text: str) -> str | None:
    """Give a network address; None for the name of a service, "private", "AWS Internal" and everything else."""
    found = _PORT.fullmatch(text)
    bare = (found[1] or found[2]) if found else text
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    return None if address.is_unspecified else str(address)


@lru_cache(maxsize=16384)
def cloud_tool(agent: str) -> str | None:
    """Name the client of a cloud's API: the program, not the kit it is built with.

    `google-cloud-sdk gcloud/450.0.0 command/…` is gcloud/450.0, `APN/1.0 HashiCorp/1.0 Terraform/1.9.8 …` is
    terraform/1.9. CloudTrail writes some agents in square brackets.
    """
    words = agent.strip().strip("[]").split(" ")
    prefixes = _prefixes()
    while len(words) > 1 and words[0].partition("/")[0].lower() in prefixes:
        words = words[1:]
    return tool_name(" ".join(words))


@cache
def _prefixes() -> frozenset[str]:
    return frozenset(word.lower() for word in load("cloud_identities.yml")["agent_prefixes"])


def records_in(value: object, keys: tuple[str, ...], depth: int = _DEPTH) -> Iterator[dict[str, Any]]:
    """Give the records of a line: itself, or what lists or objects under one of these keys hold.

    What is no object stands as an empty one, so that it can be counted.
    """
    if isinstance(value, list):
        for item in value:
            yield from records_in(item if isinstance(item, dict) else {}, keys, depth)
        return
    record = value if isinstance(value, dict) else {}
    inner = next((record[key] for key in keys if isinstance(record.get(key), list | dict)), None)
    if inner is None or not depth:
        yield record
    else:
        yield from records_in(inner, keys, depth - 1)


def at(value: object, *path: str) -> Any:
    """Go down a path of keys; None where it ends early."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value
