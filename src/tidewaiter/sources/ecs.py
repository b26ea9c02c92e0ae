"""Elastic Common Schema: Elastic Defend, auditbeat, winlogbeat and Filebeat modules, as one JSON document a line.

Reference: https://www.elastic.co/docs/reference/ecs (ECS 8 and 9; auditbeat 6 to 9); keys nested, joined by dots, or
both. Read are started programs, connections to an engine, requests to a web server, and Windows events (`winlog.*`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from tidewaiter.meaning.windows import split_command_line
from tidewaiter.model import Activity, Origin
from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.ecs_fields import listed, parse_request, process_of, target_of_connection, words
from tidewaiter.sources.event_host import EventHost, shortened
from tidewaiter.sources.event_log import entry_of_json
from tidewaiter.sources.host_process import HostReader, Process, split_command
from tidewaiter.sources.linewise import LineReader, digest, json_object
from tidewaiter.sources.nested import field
from tidewaiter.sources.timestamps import any_time
from tidewaiter.sources.web_request import Occurrences, normalise, target_of

NAME = "ecs"
_STARTS = frozenset({"exec", "executed", "start", "process_started", "process started", "creation_event"})
_NO_STARTS = frozenset({"fork", "end", "process_stopped", "existing_process", "termination_event"})
_CONNECTS = frozenset({"connected-to", "connection_attempted", "network_flow", "connect"})
_INBOUND = frozenset({"ingress", "inbound", "incoming"})

Kind = Literal["windows", "process", "network", "web", "other"]


class EcsReader(LineReader):
    """Reads one export of documents."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._host = HostReader(matcher=tally.matcher)
        self._events = EventHost(tally, self._host)
        self._occurrences = Occurrences()
        self._kinds: set[Kind] = set()
        self._local = False

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give the activities of one document."""
        record = json_object(raw)
        kind = kind_of(record) if record else None
        if record is None or kind is None:
            self.cannot_read("not-an-event", raw, origin)
            return
        self.tally.records += 1
        self._kinds.add(kind)
        if kind == "windows":
            entry = entry_of_json(record)
            if entry is not None:
                yield from self._events.read(entry, origin)
            return
        if kind == "other":
            return
        at = any_time(listed(record, "@timestamp"))
        if at is None:
            self.cannot_read("no-time", raw, origin)
        elif kind == "web":
            yield from self._web(record, raw, at, origin)
        else:
            yield from self._process(record, kind, process_of(record, at, raw, origin))

    def _process(self, record: Mapping[str, Any], kind: Kind, process: Process) -> Iterator[Activity]:
        if kind == "process":
            found = self._started(record, process)
        else:
            self._local = self._local or bool(listed(record, "auditd.data.socket.path"))
            target = target_of_connection(record)
            found = self._host.connected(shortened(process), target) if target else []
        for activity in found:
            yield self.keep(activity)

    def _started(self, record: Mapping[str, Any], process: Process) -> list[Activity]:
        line = str(listed(record, "process.command_line") or "")
        windows = listed(record, "host.os.type") == "windows" or "\\" in (process.exe or "")
        argv = words(record, "process.args")
        if not argv and line:
            argv = split_command_line(line) if windows else split_command(line)
        if argv:
            meanings = self._host.understand(argv, process.exe)
            return self._host.told(process, argv, meanings, shown=line if windows and line else None)
        argv = [process.exe] if process.exe else []
        shown = str(listed(record, "process.title") or process.exe or "")
        found = self._host.told(process, argv, self._host.understand(argv, process.exe), shown=shown)
        if found:
            self.tally.note("events-no-arguments")
        return found

    def _web(self, record: Mapping[str, Any], raw: bytes, at: datetime, origin: Origin) -> Iterator[Activity]:
        request = parse_request(record)
        target = target_of(request) if request else None
        if request and target:
            number = self._occurrences.number(at.isoformat(), raw)
            identity = digest(raw, str(number))
            yield self.keep(normalise(request, target, id=identity, at=at, origin=origin))

    def finish(self) -> Iterator[Activity]:
        """Say what these documents could not show."""
        self._events.finish()
        if self._kinds & {"process", "network", "other"}:
            if not self._kinds & {"process", "windows"}:
                self.tally.note("events-no-process-start")
            if not self._local:
                self.tally.note("events-no-sockets")
        yield from ()


def kind_of(record: Mapping[str, Any]) -> Kind | None:
    """Say what a document is about; None when it is no document of ECS."""
    if "@timestamp" not in record:
        return None
    if field(record, "winlog.event_id") is not None or field(record, "winlog.event_data") is not None:
        return "windows"
    categories = set(words(record, "event.category"))
    actions = {action.lower() for action in words(record, "event.action")}
    if not categories and not actions:
        # A metric tells nothing here; a line of another format inside must not be passed over in silence.
        is_line = field(record, "message") is not None or field(record, "event.original") is not None
        is_beat = field(record, "ecs.version") is not None or field(record, "agent.type") is not None
        return "other" if is_beat and not is_line else None
    if _is_start(record, categories, actions):
        return "process"
    if actions & _CONNECTS and ("network" in categories or field(record, "auditd.data.syscall") is not None):
        return "other" if str(listed(record, "network.direction")).lower() in _INBOUND else "network"
    return "web" if parse_request(record) else "other"


def _is_start(record: Mapping[str, Any], categories: set[str], actions: set[str]) -> bool:
    """Tell whether a program was started; a fork of Elastic Defend repeats its parent's arguments."""
    if all(field(record, f"process.{name}") is None for name in ("executable", "args", "command_line", "exe")):
        return False
    if actions & _STARTS:
        return "process" in categories or "executed" in actions
    return "process" in categories and "start" in words(record, "event.type") and not actions & _NO_STARTS


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are documents of ECS with something to read in them."""
    return sum(_is_ecs(line) for line in lines)


def _is_ecs(line: bytes) -> bool:
    if b'"@timestamp"' not in line:
        return False
    record = json_object(line)
    if record is None or field(record, "kubernetes.audit.verb") is not None:  # a Kubernetes audit event in a wrapper
        return False
    kind = kind_of(record)
    if kind in {None, "other"}:
        # What a beat ships without a module is a wrapper around a line of another format.
        return kind == "other" and field(record, "process.pid") is not None and field(record, "event.kind") is not None
    return True


SOURCE = Source(
    name=NAME,
    plane="host",
    title="Elastic Common Schema (Elastic Defend, auditbeat, winlogbeat)",
    sniff=sniff,
    reader=EcsReader,
)
