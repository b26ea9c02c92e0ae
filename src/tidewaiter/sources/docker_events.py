"""Events of a Docker or Podman engine: what `docker events` prints, as text or with `--format json`, and GET /events.

Documentation: https://docs.docker.com/reference/cli/docker/system/events/ ; JSON measured on Docker Engine 20.10.24,
the text is that command's default. Events tell changes. Of the reads only `top`, `export`, `copy` (archive-path in
Podman) and `save` are there, never a listing or an inspection; nor is it said who asked. Programs run in containers and
new containers are kept as what may follow; all other changes are records that were read.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Activity, Actor, Meaning, Origin, Verb
from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.http_activity import NOT_RECORDED, request_activity
from tidewaiter.sources.linewise import MAX_TEXT, LineReader, digest, json_object, text_of
from tidewaiter.sources.timestamps import any_time, rfc3339
from tidewaiter.sources.web_person import without_secrets

NAME = "docker-events"
_TYPES = "container|image|network|volume|plugin|daemon|service|node|secret|config|builder|pod|system"
_TEXT = re.compile(
    rb"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}(?:Z|[+-]\d\d:\d\d)) (?P<type>" + _TYPES.encode() + rb") "
    rb"(?P<action>[a-z_-]{2,40}(?:: .{0,65536}?)?) (?P<id>\S{1,512})(?: \((?P<attributes>.*)\))?\s*\Z",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"(?:\A|, )(name|execID)=([^,]*)")
_EXECS = 4096


class Event(NamedTuple):
    """One event, out of its layout."""

    type: str
    action: str  # "exec_create"
    detail: str  # the command, where the action has one
    name: str
    exec: str
    at: datetime | None


class DockerEventsReader(LineReader):
    """Reads one engine's events; remembers the programs it told, whose creation and start are two events."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._execs: OrderedDict[str, None] = OrderedDict()

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give the activity of one line, if it is a read or what may follow one."""
        if len(raw) > MAX_TEXT:
            self.cannot_read("line-too-long", raw, origin)
            return
        event = parse(raw)
        if event is None:
            self.cannot_read("not-an-engine-event", raw, origin)
            return
        self.tally.records += 1
        entry = _actions().get((event.type, event.action))
        if entry is None or self._told_before(event):
            return
        if event.at is None:
            self.cannot_read("no-time", raw, origin)
            return
        yield self.keep(normalise(event, *entry, id=digest(raw), at=event.at, origin=origin))

    def _told_before(self, event: Event) -> bool:
        if not event.exec:
            return False
        known = event.exec in self._execs
        self._execs[event.exec] = None
        if len(self._execs) > _EXECS:
            self._execs.popitem(last=False)
        return known


@cache
def _actions() -> Mapping[tuple[str, str], tuple[Verb, str]]:
    table: dict[str, dict[str, tuple[Verb, str]]] = load("engine_events.yml")
    return {(kind, name): (row[0], row[1]) for kind, rows in table.items() for name, row in rows.items()}


def parse(raw: bytes) -> Event | None:
    """Take a line apart; None when it is no event of an engine."""
    return _from_json(json_object(raw)) if raw.startswith(b"{") else _from_text(raw)


def _from_json(record: dict[str, Any] | None) -> Event | None:
    """Read an event, bare or one level inside what a collector put around it."""
    if record is None:
        return None
    inner = (value for value in record.values() if isinstance(value, dict) and "Type" in value)
    return next((event for one in (record, *inner) if (event := _event(one))), None)


def _event(record: dict[str, Any]) -> Event | None:
    kind, action = text_of(record.get("Type")), text_of(record.get("Action")) or text_of(record.get("Status"))
    actor = record.get("Actor")
    if isinstance(actor, dict) and kind and action:  # Docker
        attributes, one = actor.get("Attributes"), text_of(actor.get("ID"))
        at = any_time(record.get("timeNano")) or any_time(record.get("time"))
    elif kind and action and isinstance(record.get("Time"), str):  # podman events --format json
        attributes, one = record.get("Attributes"), text_of(record.get("Name")) or text_of(record.get("ID"))
        at = rfc3339(text_of(record.get("Time")))
    else:
        return None
    known = attributes if isinstance(attributes, dict) else {}
    verb, _, detail = action.partition(": ")
    return Event(kind, verb, detail, text_of(known.get("name")) or one, text_of(known.get("execID")), at)


def _from_text(raw: bytes) -> Event | None:
    found = _TEXT.match(raw)
    if found is None:
        return None
    attributes = dict(_ATTRIBUTE.findall((found["attributes"] or b"").decode("utf-8", "replace")))
    verb, _, detail = found["action"].decode("utf-8", "replace").partition(": ")
    name = attributes.get("name") or found["id"].decode("utf-8", "replace")
    at = rfc3339(found["time"].decode())
    return Event(found["type"].decode(), verb, detail, name, attributes.get("execID", ""), at)


def normalise(event: Event, verb: Verb, kind: str, *, id: str, at: datetime, origin: Origin) -> Activity:  # noqa: A002
    """Put an event into normal form. It happened, so it was answered."""
    detail = f": {event.detail.strip()}" if event.detail else ""
    return request_activity(
        Meaning(verb=verb, kind=kind, scope="one", name=event.name),
        id=id,
        at=at,
        actor=Actor(kind="unknown", name=NOT_RECORDED, realm="engine"),
        origin=origin,
        text=without_secrets(f"{event.type} {event.action}{detail} ({event.name})"),
        outcome="answered",
    )


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are events of an engine."""
    return sum(len(line) <= MAX_TEXT and parse(line) is not None for line in lines)


SOURCE = Source(
    name=NAME,
    plane="engine",
    title="Docker or Podman events (docker events, text or JSON)",
    sniff=sniff,
    reader=DockerEventsReader,
    blind_to=("docker-events-no-reads",),
)
