"""Record of a listener on the kernel's process connector (netlink, cn_proc.h), one JSON object a line.

There is no standard format. Accepted is any object, bare or one level inside another, with `ts`, `pid`, `uid`, `auid`
(or `loginuid`) and `argv`: what the listener found in /proc after the kernel told it of an exec. A process that was
gone by then has no `argv`. `ts` is the kernel's `timestamp_ns`, which counts from the start of the machine, or a time
with a date: as text, as seconds with a fraction, or as nanoseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tidewaiter.model import Activity, Origin
from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.host_json import Recent, account, container_name, decoded, known
from tidewaiter.sources.host_process import HostReader, Process
from tidewaiter.sources.linewise import LineReader, digest, number_of
from tidewaiter.sources.timestamps import any_time
from tidewaiter.sources.undated import since_boot

NAME = "proc-connector"
_ONCE = 1.0  # seconds
_UNSET: Any = msgspec.UNSET


class Record(msgspec.Struct):
    """What a listener wrote of one exec; names of accounts, the file and the parent where it looked for them."""

    pid: Any = _UNSET
    uid: Any = _UNSET
    auid: Any = _UNSET
    loginuid: Any = _UNSET
    argv: Any = _UNSET
    ts: Any = None
    host: str | None = None
    user: str | None = None
    login_user: str | None = None
    exe: str | None = None
    comm: str | None = None
    parent: str | None = None
    container: str | None = None


_record = msgspec.json.Decoder(Record)
_wrapped = msgspec.json.Decoder(dict[str, msgspec.Raw])


class ProcConnectorReader(LineReader):
    """Reads records; each line stands alone."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._host = HostReader(matcher=tally.matcher)
        self._told = Recent(_ONCE)
        self._undated = False

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give the activities of one record."""
        record = unwrap(raw)
        if record is None:
            self.cannot_read("not-an-event", raw, origin)
            return
        self.tally.records += 1
        at = self._time(record, origin)
        if at is None:
            self.cannot_read("no-time", raw, origin)
            return
        if not _argv(record):
            self.tally.note("host-no-arguments")
            return
        login = record.auid if record.auid is not _UNSET else record.loginuid
        own = account(record.uid, record.user)
        container = container_name(None, record.container)
        process = Process(
            event=digest(raw),
            at=at,
            host=record.host or "host",
            login=own if str(login) == str(record.uid) else account(login, record.login_user),
            account=own,
            pid=number_of(record.pid),
            exe=known(record.exe),
            comm=known(record.comm),
            parent=known(record.parent),
            inside_container=container is not None,
            container=container,
            origin=origin,
        )
        # Two events in a row may find the same in /proc: the listener looked late at the first.
        if not self._told.again((process.host, process.pid, tuple(_argv(record))), at):
            yield from map(self.keep, self._host.started(process, _argv(record)))

    def _time(self, record: Record, origin: Origin) -> datetime | None:
        booted = since_boot(record.ts)
        if booted is None:
            return any_time(record.ts) or self.tally.time_of_line(origin.line)
        stated = self.tally.time_of_line(origin.line)
        if stated is None and not self._undated:
            self._undated = True
            self.tally.note("host-no-date")
        return stated or booted


def unwrap(raw: bytes) -> Record | None:
    """Find the record in a line, bare or one level inside another object."""
    record = decoded(_record, raw)
    if record is not None and _is_record(record):
        return record
    for inner in map(bytes, (decoded(_wrapped, raw) or {}).values()):
        found = decoded(_record, inner) if inner[:1] == b"{" else None
        if found is not None and _is_record(found):
            return found
    return None


def _is_record(record: Record) -> bool:
    logged_in = record.auid is not _UNSET or record.loginuid is not _UNSET
    told = record.pid is not _UNSET and record.uid is not _UNSET and record.argv is not _UNSET
    return told and logged_in and record.ts is not None and (record.argv is None or isinstance(record.argv, list))


def _argv(record: Record) -> list[str]:
    return [one for one in record.argv if isinstance(one, str)] if isinstance(record.argv, list) else []


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are such records."""
    return sum(b'"argv"' in line and b'"pid"' in line and unwrap(line) is not None for line in lines)


SOURCE = Source(
    name=NAME,
    plane="host",
    title="Listener on the kernel's process connector (JSON, one a line)",
    sniff=sniff,
    reader=ProcConnectorReader,
    blind_to=("host-no-result", "events-no-sockets"),
)
