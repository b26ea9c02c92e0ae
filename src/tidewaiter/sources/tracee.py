"""Events of Tracee, one JSON object a line: programs that start, and connections to sockets.

Documentation: https://aquasecurity.github.io/tracee/latest/docs/outputs/ . Two forms are in use: `trace.Event` to 0.23
(`eventName`, `args`, time in nanoseconds) and `v1beta1.Event` after it (`name`, `workload`, `data`). The value of an
argument is bare or under the name of its type. `hostName` is the name the process sees, so in a container that
container's own. An event of a signature repeats, in `triggeredBy` or `detected_from`, the event behind it. Only the
account that a process acts as is told, never who logged in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from tidewaiter.model import Activity, Origin
from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.host_json import IN_PROGRESS, Recent, account, container_name, decoded, known, pid_of
from tidewaiter.sources.host_process import Endpoint, HostReader, Process, endpoint_of_path, endpoint_of_port
from tidewaiter.sources.linewise import LineReader, digest, number_of, text_of
from tidewaiter.sources.timestamps import any_time, epoch

NAME = "tracee"
_EXECS = frozenset({"sched_process_exec", "execve", "execveat"})
# The hooks look on before the call has an outcome; `connect` is the call itself.
_CONNECTS = frozenset({"security_socket_connect", "net_tcp_connect", "connect"})
_ONCE = 1.0  # seconds in which `execve` and `sched_process_exec` of one process are one start


class _Container(msgspec.Struct):
    id: Any = None


class _Pod(msgspec.Struct):
    podName: Any = None  # noqa: N815 - the field's own name
    name: Any = None


class _Executable(msgspec.Struct):
    path: str | None = None


class _User(msgspec.Struct):
    id: Any = None


class _Thread(msgspec.Struct):
    name: str | None = None


class _Process(msgspec.Struct):
    executable: _Executable | None = None
    host_pid: Any = None
    pid: Any = None
    real_user: _User | None = None
    thread: _Thread | None = None


class _Kubernetes(msgspec.Struct):
    pod: _Pod | None = None


class _Workload(msgspec.Struct):
    process: _Process | None = None
    container: _Container | None = None
    k8s: _Kubernetes | None = None
    pod: _Pod | None = None


class _Behind(msgspec.Struct):
    """The event behind that of a signature."""

    name: str | None = None
    data: list[dict[str, Any]] | None = None


class Event(msgspec.Struct):
    """The parts of both forms that matter here; everything else is skipped by the decoder."""

    timestamp: Any = None
    # trace.Event
    eventName: str | None = None  # noqa: N815 - the field's own name
    args: list[dict[str, Any]] | None = None
    processName: str | None = None  # noqa: N815
    hostName: str | None = None  # noqa: N815
    hostProcessId: Any = None  # noqa: N815
    processId: Any = None  # noqa: N815
    userId: Any = None  # noqa: N815
    returnValue: Any = None  # noqa: N815
    containerId: Any = None  # noqa: N815 - before 0.12
    podName: Any = None  # noqa: N815
    container: _Container | None = None
    kubernetes: _Pod | None = None
    executable: _Executable | None = None
    # v1beta1.Event
    name: str | None = None
    workload: _Workload | None = None
    data: list[dict[str, Any]] | None = None
    detected_from: _Behind | None = None


_event = msgspec.json.Decoder(Event)


class _Act(NamedTuple):
    """What an event tells of, in either form."""

    name: str
    arguments: dict[str, Any]


class TraceeReader(LineReader):
    """Reads events; each line stands alone, but for the two events of one start."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._host = HostReader(matcher=tally.matcher)
        self._told = Recent(_ONCE)
        self._connects = False

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give the activities of one event."""
        event = decoded(_event, raw)
        if event is None or not _is_event(event):
            self.cannot_read("not-an-event", raw, origin)
            return
        self.tally.records += 1
        act = _act(event)
        if act is None:
            return
        at = _time(event.timestamp) or self.tally.time_of_line(origin.line)
        if at is None:
            self.cannot_read("no-time", raw, origin)
            return
        process = Process(event=digest(raw), at=at, login_recorded=False, origin=origin, **_identity(event))
        found = self._started(process, act) if act.name in _EXECS else self._connected(process, act)
        yield from map(self.keep, found)

    def _started(self, process: Process, act: _Act) -> list[Activity]:
        argv = _strings(act.arguments.get("argv"))
        path, before = act.arguments.get("pathname"), act.arguments.get("prev_comm")
        if not argv:
            self.tally.note("events-no-arguments")
            argv = [name for name in (known(path),) if name]
        exits = process.exit if act.name != "sched_process_exec" else 0
        process = msgspec.structs.replace(
            process,
            exe=known(path) or process.exe,
            comm=None if before is not None else process.comm,
            parent=known(before),  # what the process was before: a copy of its parent
            exit=min(exits, 0),
        )
        key = (process.host, process.container, process.pid, tuple(argv), process.exit)
        return [] if self._told.again(key, process.at) else self._host.started(process, argv)

    def _connected(self, process: Process, act: _Act) -> list[Activity]:
        self._connects = True
        target = _endpoint(act.arguments)
        if target is None:
            return []
        exits = process.exit if act.name == "connect" or process.exit < 0 else IN_PROGRESS
        return self._host.connected(msgspec.structs.replace(process, exit=min(exits, 0)), target)

    def finish(self) -> Iterator[Activity]:
        """Say what these events could not show; nothing is ever held back."""
        if self.tally.records and not self._connects:
            self.tally.note("events-no-sockets")
        yield from ()


def _is_event(event: Event) -> bool:
    first = event.eventName is not None and event.processName is not None
    second = event.name is not None and event.workload is not None
    return event.timestamp is not None and (first or second)


def _act(event: Event) -> _Act | None:
    """Find the act that an event tells of, itself or as the one behind a signature; None for all others."""
    arguments = _arguments(event.args if event.eventName else event.data)
    behind = arguments.get("triggeredBy")
    candidates = [_Act(event.eventName or event.name or "", arguments)]
    if isinstance(behind, dict):
        inner = behind.get("args") or behind.get("data")
        listed = [one for one in inner if isinstance(one, dict)] if isinstance(inner, list) else []
        candidates.append(_Act(text_of(behind.get("name")), _arguments(listed)))
    if event.detected_from is not None:
        candidates.append(_Act(event.detected_from.name or "", _arguments(event.detected_from.data)))
    return next((act for act in candidates if act.name in _EXECS or act.name in _CONNECTS), None)


def _arguments(listed: Iterable[dict[str, Any]] | None) -> dict[str, Any]:
    """Give arguments by name; a value is under `value`, or under the name of its type as protobuf has it."""
    found: dict[str, Any] = {}
    for one in listed or ():
        name = one.get("name")
        if isinstance(name, str):
            others = (value for key, value in one.items() if key not in {"name", "type", "value"})
            found[name] = one["value"] if "value" in one else next(others, None)
    return found


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):  # a StringArray of protobuf
        value = value.get("value")
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _time(value: Any) -> datetime | None:
    if isinstance(value, dict):  # a Timestamp of protobuf
        seconds, nanos = number_of(value.get("seconds")), number_of(value.get("nanos")) or 0
        return None if seconds is None else epoch(f"{seconds}.{nanos:09d}")
    return any_time(value)


def _identity(event: Event) -> dict[str, Any]:
    """Say who did it, as the fields of a `Process`."""
    workload = event.workload or _Workload()
    process = workload.process or _Process()
    pods = (event.kubernetes, workload.k8s.pod if workload.k8s else None, workload.pod)
    pod = next((name for one in pods if one and (name := known(one.podName) or known(one.name))), None)
    box = event.container or workload.container
    container = container_name(pod or event.podName, (box.id if box else None) or event.containerId)
    user = process.real_user.id if process.real_user else event.userId
    executable = event.executable or process.executable
    returned = event.returnValue
    return {
        # What a process in a container sees as the name of its host is the container's own.
        "host": event.hostName or "host" if container is None else "host",
        "account": account(user.get("value") if isinstance(user, dict) else user),
        "pid": next((pid for one in _pids(event, process) if (pid := pid_of(one)) is not None), None),
        "exe": known(executable.path) if executable else None,
        "comm": event.processName or (process.thread.name if process.thread else None),
        "exit": returned if isinstance(returned, int) and not isinstance(returned, bool) else 0,
        "inside_container": container is not None,
        "container": container,
    }


def _pids(event: Event, process: _Process) -> tuple[Any, ...]:
    return event.hostProcessId, process.host_pid, event.processId, process.pid


def _endpoint(arguments: dict[str, Any]) -> Endpoint | None:
    """Name the engine that a connection leads to."""
    address = arguments.get("remote_addr", arguments.get("addr"))
    if isinstance(address, dict):
        path = text_of(address.get("sun_path"))
        if path:
            return endpoint_of_path(path)
        host = text_of(address.get("sin_addr")) or text_of(address.get("sin6_addr"))
        port = number_of(address.get("sin_port", address.get("sin6_port")))
    else:  # net_tcp_connect
        host, port = text_of(arguments.get("dst")), number_of(arguments.get("dst_port"))
    return endpoint_of_port(host, port) if host and port is not None else None


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are events of Tracee."""
    return sum(_may_be(line) and (event := decoded(_event, line)) is not None and _is_event(event) for line in lines)


def _may_be(line: bytes) -> bool:
    if line.lstrip()[:1] != b"{" or b'"timestamp"' not in line:
        return False
    return (b'"eventName"' in line and b'"processName"' in line) or (b'"workload"' in line and b'"process"' in line)


SOURCE = Source(
    name=NAME,
    plane="host",
    title="Tracee (JSON events, trace.Event and v1beta1.Event)",
    sniff=sniff,
    reader=TraceeReader,
    blind_to=("host-no-login",),
)
