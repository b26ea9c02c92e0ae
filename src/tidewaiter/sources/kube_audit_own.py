"""Reads Kubernetes audit events while the user's own rules are loaded: every event is decoded whole and shown to them.

What the event means for T1613 is the plain reader's business (`kube_audit`); here an event that a rule asked for
becomes an activity also where the plain reader passes over it. A request has up to three records. Rules are asked of
each, but what only the first of them (RequestReceived, which knows no answer) meets counts only while no later one
comes: `not responseStatus.code: 200` holds for every request that has no answer yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

import msgspec

from tidewaiter.meaning.vocabulary import resource_class
from tidewaiter.model import Activity, Origin, RuleMatch, Scope, Verb
from tidewaiter.sources import kube_audit_event as parts
from tidewaiter.sources.contract import Block, Matcher, Occurrence, Tally
from tidewaiter.sources.kube_audit_event import BAD_DATA, NONE, Event
from tidewaiter.sources.linewise import lines
from tidewaiter.sources.timestamps import rfc3339

_FIRST = "RequestReceived"
_MOST_WAITING = 20_000  # requests of which only the first record was read so far
_TEXT = 500  # characters of a request target kept for people
_VERBS: dict[str, Verb] = {
    "get": "get",
    "head": "get",
    "options": "get",
    "list": "list",
    "watch": "watch",
    "create": "create",
    "post": "create",
    "update": "update",
    "put": "update",
    "patch": "update",
    "delete": "delete",
    "deletecollection": "delete",
}
_whole = msgspec.json.Decoder()


class Plain(Protocol):
    """The plain reader: says what one event means for T1613."""

    def read_event(self, event: Event, line: int, offset: int, found: list[Occurrence]) -> None:
        """Add the activities of one event."""

    def finish(self) -> Iterable[Activity]:
        """Say what this log could not show."""


class _Waiting(NamedTuple):
    """What the first record of a request met."""

    activity: Activity
    own: bool  # only a rule of the user's asked for it


class RuledReader:
    """Reads audit events one by one, and asks the user's own rules about each."""

    def __init__(self, plain: Plain, tally: Tally, matcher: Matcher, name: str) -> None:
        self._plain = plain
        self._tally = tally
        self._matcher = matcher
        self._name = name
        self._waiting: dict[str, _Waiting] = {}

    def feed(self, block: Block) -> Iterator[Activity]:
        """Give the activities of one block of lines."""
        for raw, line, offset in lines(block):
            for activity in self._line(raw, line, offset):
                yield self._counted(activity)

    def finish(self) -> Iterator[Activity]:
        """Give what waited for a later record, and say what this log could not show."""
        for waited in self._waiting.values():
            yield self._counted(waited.activity)
        self._waiting = {}
        yield from self._plain.finish()

    def _counted(self, activity: Activity) -> Activity:
        self._tally.kept += 1
        self._tally.saw(activity.at)
        return activity

    def _line(self, raw: bytes, line: int, offset: int) -> Iterator[Activity]:
        try:
            event = parts.event.decode(raw)
            listed = event.items is not NONE and event.kind is not None and event.kind.endswith("List")
            pieces = parts.items.decode(event.items) or [] if listed else [raw]
        except BAD_DATA as problem:
            self._tally.cannot_read(line=line, offset=offset, reason=f"not-an-event: {problem}", raw=raw)
            return
        self._tally.records += len(pieces)
        for piece in pieces:
            try:
                yield from self._event(parts.event.decode(piece), _whole.decode(piece), line, offset)
            except BAD_DATA as problem:
                self._tally.cannot_read(line=line, offset=offset, reason=f"not-an-event: {problem}", raw=bytes(piece))

    def _event(self, event: Event, whole: Any, line: int, offset: int) -> Iterator[Activity]:
        before = self._tally.unreadable
        meant: list[Occurrence] = []
        self._plain.read_event(event, line, offset, meant)
        found = [item.activity() for item in meant]
        rules = self._matcher.matches("kube-audit", whole) if isinstance(whole, dict) else ()
        if rules and found:
            found[0] = msgspec.structs.replace(found[0], rules=rules)
        elif rules:
            own = self._own(event, rules, line, offset)
            if own is None:
                if self._tally.unreadable == before:
                    self._tally.cannot_read(line=line, offset=offset, reason="no-time")
                return
            found = [own]
        yield from self._settled(event, found, own=bool(rules and not meant))

    def _settled(self, event: Event, found: list[Activity], *, own: bool) -> Iterator[Activity]:
        """Let what a first record met wait for a later one, which takes its place."""
        if event.stage != _FIRST:
            waited = self._waiting.pop(_identity(event), None) if self._waiting else None
            if waited is not None and not waited.own:
                yield msgspec.structs.replace(waited.activity, rules=())
            yield from found
            return
        for item in found:
            if not item.rules:
                yield item
                continue
            self._waiting[_identity(event)] = _Waiting(item, own)
            if len(self._waiting) > _MOST_WAITING:
                yield self._waiting.pop(next(iter(self._waiting))).activity

    def _own(self, event: Event, rules: tuple[RuleMatch, ...], line: int, offset: int) -> Activity | None:
        """Make the activity of an event that only the user's own rules asked for; None when it has no time."""
        stamp = event.requestReceivedTimestamp or event.stageTimestamp
        at = (rfc3339(stamp) if stamp else None) or self._tally.time_of_line(line)
        if at is None:
            return None
        client = parts.client(bytes(event.user), bytes(event.impersonatedUser), bytes(event.sourceIPs), event.userAgent)
        ref = parts.object_ref.decode(event.objectRef) or parts.ObjectRef()
        kind = "/".join(part for part in (ref.resource, ref.subresource) if part) or "unknown"
        scope: Scope = "one" if ref.name else "namespace" if ref.namespace else "everything"
        verb = event.verb or "?"
        ended, traits = parts.outcome(event.responseStatus)
        return Activity(
            id=_identity(event),
            at=at,
            actor=client.actor,
            plane="kubernetes",
            verb=_VERBS.get(verb, "connect"),
            kind=kind,
            resource_class=resource_class(kind),
            scope=scope,
            namespace=ref.namespace,
            name=ref.name,
            outcome=ended,
            address=client.address,
            tool=client.tool,
            container=client.container,
            node=client.node,
            credential=client.credential,
            claimed=client.claimed,
            groups=client.groups,
            text=f"{verb} {(event.requestURI or '')[:_TEXT]}",
            traits=tuple(sorted({*client.traits, *traits})),
            origin=Origin(source=self._name, path=self._tally.path, line=line, offset=offset),
            rules=rules,
        )


def _identity(event: Event) -> str:
    """Name a request as the plain reader does, so that the records of one request are one."""
    return parts.identity(event, parts.username(bytes(event.user)))
