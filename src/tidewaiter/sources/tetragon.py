"""Events of Tetragon's JSON export: programs that start, and connections that a tracing policy watches.

Documentation: https://tetragon.io/docs/concepts/events/ and /docs/reference/grpc-api/ (Tetragon 1.5). `arguments` are
those behind the program, joined by blanks; one with a blank stands in quotes, and quotes inside it stay as they are.
`docker` is the container's id, cut at 31 letters. Connections are seen when a policy hooks them: `sock_arg` and
`sockaddr_arg` hold an address, `bytes_arg` a `struct sockaddr` in base64, the paths of Unix sockets come as strings.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from tidewaiter.model import Activity, Origin
from tidewaiter.sources.auditd_fields import endpoint_of_address
from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.host_json import IN_PROGRESS, account, container_name, decoded, known, pid_of
from tidewaiter.sources.host_process import (
    Endpoint,
    HostReader,
    Process,
    endpoint_of_path,
    endpoint_of_port,
    parent_of,
    split_command,
)
from tidewaiter.sources.linewise import LineReader, digest, number_of, text_of
from tidewaiter.sources.timestamps import rfc3339

NAME = "tetragon"
# Flags of a process: its arguments are not whole, or it ran before Tetragon did.
_CUT = frozenset({"truncArgs", "errorArgs", "truncFilename", "errorFilename"})
_BEFORE = "procFS"
_ENDED = ("sys_connect", "sys_exit")  # hooks whose return value is the outcome of the call; others look on before it


_NONE = msgspec.Raw(b"null")


class _Named(msgspec.Struct):
    name: Any = None


class _Program(msgspec.Struct):
    """A process, its parent or an earlier ancestor."""

    exec_id: str | None = None
    pid: Any = None
    uid: Any = None
    auid: Any = None
    binary: str | None = None
    arguments: str | None = None
    flags: str | None = None
    start_time: str | None = None
    docker: str | None = None
    pod: _Named | None = None
    user: _Named | None = None


class _Done(msgspec.Struct):
    """What a process did: an exec, or a call that a policy hooks."""

    process: _Program | None = None
    parent: _Program | None = None
    ancestors: list[_Program] | None = None
    function_name: str | None = None
    event: str | None = None  # of a tracepoint
    args: list[dict[str, Any]] | None = None
    result: dict[str, Any] | None = msgspec.field(default=None, name="return")


class Event(msgspec.Struct):
    """The parts of an event that matter here; everything else is skipped by the decoder."""

    process_exec: _Done | None = None
    process_kprobe: _Done | None = None
    process_lsm: _Done | None = None
    process_tracepoint: _Done | None = None
    process_exit: msgspec.Raw = _NONE
    process_loader: msgspec.Raw = _NONE
    process_uprobe: msgspec.Raw = _NONE
    process_throttle: msgspec.Raw = _NONE
    rate_limit_info: msgspec.Raw = _NONE
    node_name: str | None = None
    time: str | None = None


_event = msgspec.json.Decoder(Event)


class TetragonReader(LineReader):
    """Reads events; each line stands alone."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._host = HostReader(matcher=tally.matcher)
        self._connects = False

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give the activities of one event."""
        event = decoded(_event, raw)
        if event is None or not _is_event(event):
            self.cannot_read("not-an-event", raw, origin)
            return
        self.tally.records += 1
        if any(part != _NONE for part in _losses(event)):
            self.tally.note("tetragon-dropped")
        done = event.process_exec or event.process_kprobe or event.process_lsm or event.process_tracepoint
        if done is None or done.process is None:
            return
        stamp = event.time
        if done is event.process_exec and _BEFORE in (done.process.flags or "").split():
            stamp = done.process.start_time or stamp
        at = (rfc3339(stamp) if stamp else None) or self.tally.time_of_line(origin.line)
        if at is None:
            self.cannot_read("no-time", raw, origin)
            return
        process = Process(
            event=f"{done.process.exec_id or digest(raw)}@{stamp}",
            at=at,
            host=event.node_name or "host",
            origin=origin,
            **_identity(done),
        )
        found = self._started(process, done.process) if done is event.process_exec else self._called(process, done)
        yield from map(self.keep, found)

    def _started(self, process: Process, program: _Program) -> list[Activity]:
        if not program.binary:
            self.tally.note("host-no-arguments")
            return []
        found = self._host.started(process, [program.binary, *_arguments(program)])
        if found and not _CUT.isdisjoint((program.flags or "").split()):
            self.tally.note("host-cut-arguments")
        return found

    def _called(self, process: Process, done: _Done) -> list[Activity]:
        call = done.function_name or done.event or ""
        if "connect" not in call:
            return []
        self._connects = True
        target = next((found for arg in done.args or () if (found := _endpoint(arg))), None)
        if target is None:
            return []
        return self._host.connected(msgspec.structs.replace(process, exit=_exit(call, done)), target)

    def finish(self) -> Iterator[Activity]:
        """Say what this export could not show; nothing is ever held back."""
        if self.tally.records and not self._connects:
            self.tally.note("events-no-sockets")
        yield from ()


def _is_event(event: Event) -> bool:
    told = (event.process_exec, event.process_kprobe, event.process_lsm, event.process_tracepoint)
    others = (event.process_exit, event.process_loader, event.process_uprobe, *_losses(event))
    return any(part is not None for part in told) or any(part != _NONE for part in others)


def _losses(event: Event) -> tuple[msgspec.Raw, ...]:
    return event.process_throttle, event.rate_limit_info


def _identity(done: _Done) -> dict[str, Any]:
    """Say who did it, as the fields of a `Process`."""
    program = done.process or _Program()
    ancestors = [done.parent, *(done.ancestors or ())]
    container = container_name(program.pod.name if program.pod else None, program.docker)
    return {
        "login": account(program.auid),
        "login_recorded": program.auid is not None,
        "account": account(program.uid, program.user.name if program.user else None),
        "pid": pid_of(program.pid),
        "exe": known(program.binary),
        "parent": parent_of(one.binary for one in ancestors if one is not None),
        "inside_container": container is not None,
        "container": container,
    }


def _arguments(program: _Program) -> list[str]:
    """Split the arguments; the name of the program tells whether what follows -c is a script."""
    if not program.arguments:
        return []
    name = (program.binary or "").rpartition("/")[2]
    if any(letter.isspace() for letter in name):
        return split_command(program.arguments)
    return split_command(f"{name} {program.arguments}")[1:]


def _exit(call: str, done: _Done) -> int:
    """Give the outcome of a call as the system call returns it; EINPROGRESS when the hook comes before the outcome."""
    returned = done.result or {}
    value = next((returned[key] for key in ("int_arg", "long_arg", "size_arg") if key in returned), None)
    if isinstance(value, str) and value.removeprefix("-").isdecimal():
        value = int(value[:10])
    if not isinstance(value, int):
        return IN_PROGRESS
    return value if value < 0 or any(part in call for part in _ENDED) else IN_PROGRESS


def _endpoint(arg: dict[str, Any]) -> Endpoint | None:
    """Name the engine that an argument of a call leads to."""
    for kind, value in arg.items():
        if kind in {"sock_arg", "sockaddr_arg"} and isinstance(value, dict):
            found = _of_address(value)
        elif kind in {"path_arg", "file_arg"} and isinstance(value, dict):
            found = endpoint_of_path(text_of(value.get("path")))
        elif kind == "string_arg":
            found = endpoint_of_path(text_of(value))
        elif kind == "bytes_arg":
            found = _of_bytes(text_of(value))
        else:
            continue
        if found is not None:
            return found
    return None


def _of_address(value: dict[str, Any]) -> Endpoint | None:
    address = next((text for key in ("daddr", "addr", "path", "sun_path") if (text := text_of(value.get(key)))), "")
    if address.startswith("/") or not address:
        return endpoint_of_path(address)
    port = next((number for key in ("dport", "port") if (number := number_of(value.get(key))) is not None), None)
    return None if port is None else endpoint_of_port(address, port)


def _of_bytes(value: str) -> Endpoint | None:
    try:
        return endpoint_of_address(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return None


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are events of Tetragon."""
    return sum(_may_be(line) and _is_one(line) for line in lines)


def _may_be(line: bytes) -> bool:
    return line.lstrip()[:1] == b"{" and (b'"process_' in line or b'"rate_limit_info"' in line)


def _is_one(line: bytes) -> bool:
    event = decoded(_event, line)
    return event is not None and _is_event(event) and (event.time is not None or event.node_name is not None)


SOURCE = Source(
    name=NAME,
    plane="host",
    title="Tetragon (JSON export: process_exec, process_kprobe, process_lsm, process_tracepoint)",
    sniff=sniff,
    reader=TetragonReader,
)
