"""Normalised events of MaxPatrol SIEM, as its API and its exports give them.

Fields: the public formulas and their tests (github.com/vxcontrol/xp-rules, Apache-2.0: 4688, Sysmon 1 and 3, IIS);
auditd as github.com/Security-Experts-Community/open-xp-rules describes it. Keys are nested or joined by ".", "__" (the
data lake's SQL) or "/". Read are started programs, connections to an engine, requests to a web server, and Kubernetes
requests in the form of the formula that tidewaiter proposes (`object.query` is the request URI, `msgid` the verb).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from tidewaiter.meaning import kube_api
from tidewaiter.meaning.agents import tool_name
from tidewaiter.meaning.kube_identity import kube_actor
from tidewaiter.meaning.windows import split_command_line
from tidewaiter.model import Activity, Origin, Outcome
from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.event_host import account_of, is_service, shortened
from tidewaiter.sources.host_json import ERRORS, FAILED, account
from tidewaiter.sources.host_process import HostReader, Process, endpoint_of_port, is_engine_port, split_command
from tidewaiter.sources.http_activity import is_kept, request_activity
from tidewaiter.sources.linewise import LineReader, digest, json_object, number_of
from tidewaiter.sources.nested import flat
from tidewaiter.sources.timestamps import any_time
from tidewaiter.sources.web_request import Occurrences, WebRequest, normalise, target_of

NAME = "maxpatrol"
_METHODS = {"get": "GET", "list": "GET", "watch": "GET", "create": "POST", "update": "PUT", "patch": "PATCH"}
_METHODS |= {"delete": "DELETE", "deletecollection": "DELETE"}
_OUTCOMES: dict[str, Outcome] = {"success": "answered", "failure": "failed"}
_REFUSED = frozenset({"401", "403", "forbidden", "unauthorized"})
_ERRORS = {"permission denied": -13, "operation not permitted": -1, "no such file or directory": -2}

Event = Mapping[str, Any]


class MaxPatrolReader(LineReader):
    """Reads one export of events."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._host = HostReader(matcher=tally.matcher)
        self._occurrences = Occurrences()
        self._starts = self._hosts = False
        self._bare = self._lined = 0

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give the activities of one event."""
        record = json_object(raw)
        event = flat(record) if record else {}
        if not is_event(event):
            self.cannot_read("not-an-event", raw, origin)
            return
        self.tally.records += 1
        if _text(event, "correlation_name"):  # what the SIEM concluded, of events that are here as well
            return
        kind = _kind(event)
        if kind is None:
            return
        at = any_time(event["time"])
        if at is None:
            self.cannot_read("no-time", raw, origin)
            return
        if kind == "web":
            found = self._web(event, raw, at, origin)
        elif kind == "kubernetes":
            found = self._kubernetes(event, raw, at, origin)
        else:
            self._hosts = True
            process = _process(event, at, raw, origin)
            found = self._started(event, process) if kind == "process" else self._connected(event, process)
        for activity in found:
            yield self.keep(activity)

    def _started(self, event: Event, process: Process) -> list[Activity]:
        self._starts = True
        line = _text(event, "object.process.cmdline")
        windows = _is_windows(event)
        if line:
            self._lined += windows
            argv = split_command_line(line) if windows else split_command(line)
            return self._host.told(process, argv, self._host.understand(argv, process.exe), shown=line)
        self._bare += windows
        argv = [process.exe] if process.exe else []
        # The process title is that of before an exec without fork: it is shown, and nothing is decided on it.
        shown = _text(event, "object.process.meta") if not windows else ""
        meanings = self._host.understand(argv, process.exe)
        found = self._host.told(process, argv, meanings, shown=shown or process.exe or "")
        if found and not windows:
            self.tally.note("events-no-arguments")
        return found

    def _connected(self, event: Event, process: Process) -> list[Activity]:
        port = number_of(event.get("dst.port"))
        if port is None or not is_engine_port(port):
            return []
        host = _text(event, "dst.ip", "dst.host", "dst.fqdn", "dst.hostname") or "?"
        target = endpoint_of_port(host, port)
        return self._host.connected(shortened(process), target) if target else []

    def _web(self, event: Event, raw: bytes, at: datetime, origin: Origin) -> list[Activity]:
        request = WebRequest(
            line=f"{_text(event, 'object.value').upper()} {_text(event, 'object.fullpath', 'object.path')}",
            status=number_of(_text(event, "object.state")),
            address=_text(event, "src.ip"),
            user=_text(event, "subject.account.name"),
            agent=_text(event, "object.process.meta"),
        )
        target = target_of(request)
        if target is None:
            return []
        number = self._occurrences.number(at.isoformat(), raw)
        return [normalise(request, target, id=_identity(event, raw, number), at=at, origin=origin)]

    def _kubernetes(self, event: Event, raw: bytes, at: datetime, origin: Origin) -> list[Activity]:
        target = _text(event, "object.query")
        meaning = kube_api.read_path(_METHODS[_text(event, "msgid").lower()], target)
        if meaning is None or not is_kept(meaning):
            return []
        agent, address = _text(event, "object.process.meta") or None, _text(event, "src.ip") or None
        name = _text(event, "subject.account.name")
        outcome = _OUTCOMES.get(_text(event, "status").lower(), "unknown")
        if outcome == "failed" and {_text(event, "object.state"), _text(event, "reason").lower()} & _REFUSED:
            outcome = "refused"
        return [
            request_activity(
                meaning,
                id=_identity(event, raw, 0),
                at=at,
                actor=kube_actor(name, tool=tool_name(agent), address=address),
                origin=origin,
                text=target,
                plane="kubernetes",
                outcome=outcome,
                agent=agent,
                address=address,
            )
        ]

    def finish(self) -> Iterator[Activity]:
        """Say what these events could not show."""
        if self.tally.records and not self._starts:
            self.tally.note("events-no-process-start")
        if self._hosts:
            self.tally.note("events-no-sockets")
        if self._bare and not self._lined:
            self.tally.note("windows-no-command-line", self._bare)
        yield from ()


def is_event(event: Event) -> bool:
    """Tell whether a record is an event of the taxonomy: it says when, from where and about what."""
    if "time" not in event or not _text(event, "event_src.title", "event_src.host", "event_src.vendor"):
        return False
    return any(key.startswith(("object", "subject")) for key in event)


def _kind(event: Event) -> str | None:
    """Say which sort of event it is; None for one that is not read."""
    action, thing = _text(event, "action").lower(), _text(event, "object").lower()
    is_process = thing in {"process", ""} and (action == "start" or _text(event, "msgid") in {"execve", "execveat"})
    if is_process and _text(event, "object.process.cmdline", "object.process.fullpath", "object.process.name"):
        return "process"
    if thing == "connection" and _text(event, "direction").lower() != "ingress":
        return "connection"
    title = _text(event, "event_src.title").lower()
    if title == "kubernetes" and _text(event, "object.query").startswith("/"):
        return "kubernetes" if _text(event, "msgid").lower() in _METHODS else None
    if _text(event, "object.property").lower() == "method" and _text(event, "object.value"):
        return "web"
    return None


def _process(event: Event, at: datetime, raw: bytes, origin: Origin) -> Process:
    login, acts_as, recorded = _accounts(event)
    return Process(
        event=_text(event, "uuid") or f"{at.isoformat()}:{digest(raw)}",
        at=at,
        host=_text(event, "event_src.host", "event_src.fqdn", "event_src.hostname", "event_src.ip") or "host",
        login=login,
        account=acts_as,
        login_recorded=recorded,
        pid=number_of(event.get("object.process.id")),
        exe=_text(event, "object.process.fullpath", "object.process.name") or None,
        comm=_text(event, "object.process.name") or None,
        parent=_text(event, "object.process.parent.fullpath", "object.process.parent.name") or None,
        exit=_exit(event),
        origin=origin,
    )


def _exit(event: Event) -> int:
    """Give the negative errno of a start that failed, else 0: `reason` holds its name, its words or its number."""
    if _text(event, "status").lower() != "failure":
        return 0
    reason = _text(event, "reason")
    return (
        ERRORS.get(reason.upper()) or _ERRORS.get(reason.lower()) or -(number_of(reason.removeprefix("-")) or -FAILED)
    )


def _accounts(event: Event) -> tuple[str | None, str | None, bool]:
    """Say who logged in, as whom the process acts, and whether the event tells of logins at all.

    For auditd the subject is the login and the object the account the process acts as; Windows has both in one.
    """
    subject, acts_as = _named(event, "subject"), _named(event, "object")
    if _is_windows(event):
        who = subject or acts_as
        return (None, who, True) if is_service(who, _session(event)) else (who, acts_as or who, True)
    if _text(event, "event_src.subsys").lower() == "auditd":
        return subject, acts_as or subject, True
    return subject, acts_as or subject, subject is not None


def _session(event: Event) -> str:
    """Give the number of the logon session as Windows writes it; MaxPatrol writes 999 for 0x3e7."""
    number = number_of(event.get("subject.account.session_id"))
    return "" if number is None else hex(number)


def _named(event: Event, side: str) -> str | None:
    name = _text(event, f"{side}.account.name")
    identity = _text(event, f"{side}.account.id")
    if _is_windows(event):
        return account_of(_text(event, f"{side}.account.domain"), name) or identity or None
    return account(identity, None if name == "unset" else name or None) if name or identity else None


def _is_windows(event: Event) -> bool:
    if _text(event, "event_src.title").lower() in {"windows", "sysmon"}:
        return _text(event, "event_src.subsys") != "Linux-Sysmon/Operational"
    return "\\" in _text(event, "object.process.fullpath")


def _identity(event: Event, raw: bytes, number: int) -> str:
    uuid = _text(event, "uuid")
    return digest(uuid) if uuid else digest(raw, str(number))


def _text(event: Event, *names: str) -> str:
    """Give the first text or number under these names, "" when there is none."""
    for name in names:
        value = event.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)
    return ""


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are events of the taxonomy."""
    return sum(
        b"event_src" in line and (record := json_object(line)) is not None and is_event(flat(record)) for line in lines
    )


SOURCE = Source(
    name=NAME,
    plane="host",
    title="MaxPatrol SIEM events (normalised, JSON)",
    sniff=sniff,
    reader=MaxPatrolReader,
)
