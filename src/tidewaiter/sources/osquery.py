"""Result log of osquery: rows of its tables of process and socket events, one result a line.

Documentation: https://osquery.readthedocs.io/en/stable/deployment/logging/ and /process-auditing/ (osquery 5). A result
has one row (`columns`), the rows of a snapshot (`snapshot`), or what changed (`diffResults`). A query may have any name
and choose any columns, so a row is known by its columns: `cmdline` is a process, an address that of a connection.
`process_events` joins arguments by blanks; `bpf_process_events` also gives them as JSON. Values are text unless
`numerics` is set. `auid` is the login uid; the tables fed by BPF and EndpointSecurity have none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tidewaiter.meaning.windows import split_command_line
from tidewaiter.model import Activity, Origin
from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.host_json import FAILED, IN_PROGRESS, account, container_name, decoded, known
from tidewaiter.sources.host_process import (
    Endpoint,
    HostReader,
    Process,
    endpoint_of_path,
    endpoint_of_port,
    parent_of,
    split_command,
)
from tidewaiter.sources.linewise import LineReader, digest, number_of
from tidewaiter.sources.timestamps import any_time

NAME = "osquery"
_NO_STARTS = frozenset({"fork", "vfork", "clone", "clone3", "exit", "ProcessStop"})  # rows that repeat a command line
_CONTAINERS = ("container_name", "container_id")  # by a join, or by a vendor's build
_PARENTS = ("parent_path", "parent_cmdline", "parent_name")


class _Changes(msgspec.Struct):
    added: Any = None


class Result(msgspec.Struct):
    """The parts of a result that matter here; everything else is skipped by the decoder."""

    name: str | None = None
    hostIdentifier: str | None = None  # noqa: N815 - the field's own name
    hostname: str | None = None  # before 2.0
    unixTime: Any = None  # noqa: N815
    action: str | None = None
    columns: dict[str, Any] | None = None
    snapshot: list[dict[str, Any]] | None = None
    diffResults: _Changes | None = None  # noqa: N815


_result = msgspec.json.Decoder(Result)
_list = msgspec.json.Decoder(list[str])


class OsqueryReader(LineReader):
    """Reads results; each line stands alone."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._host = HostReader(matcher=tally.matcher)
        self._rows = self._joined = self._connects = False

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give the activities of the rows of one result."""
        result = decoded(_result, raw)
        if result is None or not _is_result(result):
            self.cannot_read("not-an-event", raw, origin)
            return
        self.tally.records += 1
        if result.action == "removed":
            return
        # The time of a query is near that of an event it just brought, but not of what a snapshot finds running.
        asked = any_time(result.unixTime) if result.snapshot is None else None
        for index, row in enumerate(_rows(result)):
            kind = _kind(row)
            if kind is None:
                continue
            at = _time(row) or asked
            if at is None and result.snapshot is not None:
                self.tally.note("osquery-no-start-time")
                continue
            if at is None:
                self.cannot_read("no-time", raw, origin)
                continue
            self._rows = True
            event = _identity(row) or digest(raw, str(index))
            process = _process(row, event, at, result.hostIdentifier or result.hostname, origin)
            found = self._started(process, row) if kind == "start" else self._connected(process, row)
            yield from map(self.keep, found)

    def _started(self, process: Process, row: Mapping[str, Any]) -> list[Activity]:
        argv, joined = _argv(row)
        self._joined = self._joined or joined
        if not argv:
            self.tally.note("events-no-arguments")
            argv = [process.exe] if process.exe else []
        elif known(row.get("probe_error")) == "1":
            self.tally.note("host-cut-arguments")
        return self._host.started(process, argv)

    def _connected(self, process: Process, row: Mapping[str, Any]) -> list[Activity]:
        self._connects = True
        target = _target(row)
        if target is None:
            return []
        return self._host.connected(msgspec.structs.replace(process, exit=_outcome(row, process.exit)), target)

    def finish(self) -> Iterator[Activity]:
        """Say what these rows could not show; nothing is ever held back."""
        if self.tally.records:
            if not self._rows:
                self.tally.note("events-no-process-start")
            elif not self._connects:
                self.tally.note("events-no-sockets")
            if self._joined:
                self.tally.note("host-joined-arguments")
        yield from ()


def _is_result(result: Result) -> bool:
    told = result.columns is not None or result.snapshot is not None or result.diffResults is not None
    named = result.hostIdentifier is not None or result.hostname is not None
    return result.name is not None and named and told and result.unixTime is not None


def _rows(result: Result) -> Iterator[dict[str, Any]]:
    if result.columns is not None:
        yield result.columns
    yield from result.snapshot or ()
    added = result.diffResults.added if result.diffResults else None
    if isinstance(added, list):
        yield from (row for row in added if isinstance(row, dict))


def _kind(row: Mapping[str, Any]) -> str | None:
    """Say whether a row is a program that started or a connection; None for the rows of other tables."""
    if "remote_address" in row or "socket" in row:
        return "connect" if "connect" in (row.get("action"), row.get("syscall")) else None
    if "cmdline" not in row and "json_cmdline" not in row:
        return None
    if not _NO_STARTS.isdisjoint(str(row.get(key)) for key in ("syscall", "event_type", "type")):
        return None
    return "start"


def _time(row: Mapping[str, Any]) -> datetime | None:
    return next((at for key in ("time", "start_time") if (at := any_time(row.get(key))) is not None), None)


def _identity(row: Mapping[str, Any]) -> str | None:
    """Make an id of a row's own facts: a snapshot brings the same row again and again."""
    at = _time(row)
    if at is None or known(row.get("pid")) is None:
        return None
    facts = ("pid", "time", "start_time", "ntime", "eid", "path", "cmdline", "remote_address", "remote_port", "socket")
    return digest(*(str(row.get(key)) for key in facts))


def _process(row: Mapping[str, Any], event: str, at: datetime, host: str | None, origin: Origin) -> Process:
    login = account(row.get("auid"))
    number = row.get("uid") if known(row.get("uid")) is not None else row.get("euid")
    user = account(number, row.get("username"))
    if login is not None and login == account(number):
        login = user  # the same account: its name is known
    box = next((name for key in _CONTAINERS if (name := container_name(None, row.get(key)))), None)
    return Process(
        event=event,
        at=at,
        host=host or "host",
        login=login,
        login_recorded="auid" in row,
        account=user,
        pid=number_of(row.get("pid")),
        exe=known(row.get("path")),
        parent=parent_of(known(row.get(key)) for key in _PARENTS),
        exit=_exit(row),
        inside_container=box is not None,
        container=box,
        origin=origin,
    )


def _exit(row: Mapping[str, Any]) -> int:
    """Give what a system call returned; `exit_code` without a system call is that of the whole process."""
    shown = known(row.get("exit_code"))
    if shown is None or "syscall" not in row or not shown.startswith("-") or not shown[1:5].isdecimal():
        return 0
    return -int(shown[1:5])


def _argv(row: Mapping[str, Any]) -> tuple[list[str], bool]:
    """Give the arguments, and whether their borders had to be guessed."""
    listed = row.get("json_cmdline")
    argv = decoded(_list, listed) if isinstance(listed, str) else None
    if argv:
        return argv, False
    line = known(row.get("cmdline")) or ""
    if "\\" in (known(row.get("path")) or ""):  # process_etw_events, on Windows
        return list(split_command_line(line)), False
    return split_command(line), bool(line)


def _outcome(row: Mapping[str, Any], exit_code: int) -> int:
    status = known(row.get("status"))
    if status is not None:
        return {"succeeded": 0, "in_progress": IN_PROGRESS}.get(status, FAILED)
    success = known(row.get("success"))
    if success is not None:
        return 0 if success == "1" else FAILED
    return exit_code if "exit_code" in row else IN_PROGRESS


def _target(row: Mapping[str, Any]) -> Endpoint | None:
    """Name the engine that a connection leads to."""
    path = known(row.get("socket"))
    if path is not None:
        return endpoint_of_path(path)
    address, port = known(row.get("remote_address")), number_of(row.get("remote_port"))
    if address is None or port is None:
        return None
    return endpoint_of_path(address) if address.startswith("/") else endpoint_of_port(address, port)


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are results of osquery."""
    return sum(_may_be(line) and (found := decoded(_result, line)) is not None and _is_result(found) for line in lines)


def _may_be(line: bytes) -> bool:
    return line.lstrip()[:1] == b"{" and b'"unixTime"' in line and b'"name"' in line


SOURCE = Source(
    name=NAME,
    plane="host",
    title="osquery (result log: process_events, bpf_process_events, es_process_events, socket_events)",
    sniff=sniff,
    reader=OsqueryReader,
)
