"""Linux audit log: text of auditd (RAW or ENRICHED), of an audisp plug-in through syslog, or of the kernel itself.

Measured on auditd 3.0.9, kernel 6.18. A process start is a SYSCALL record (who, which program) and EXECVE records
(the arguments); a connect is SYSCALL and SOCKADDR. PROCTITLE keeps the command line of before an exec without fork,
so nothing is ever decided on it. The account of a login (auid) survives sudo; web shells, scheduled jobs and
processes in containers have none.

Method: find the events that may matter (`auditd_needles`), then take only their lines apart (`auditd_records`), with
those that came up to `WINDOW` bytes earlier. The result does not depend on where blocks end.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime

from tidewaiter.model import Activity, Origin
from tidewaiter.sources.auditd_fields import endpoint, plain, text
from tidewaiter.sources.auditd_needles import Needles
from tidewaiter.sources.auditd_records import HEADER, WINDOW, Assembler, Event, record, time_of
from tidewaiter.sources.contract import Block, Reader, Source, Tally
from tidewaiter.sources.host_process import HostReader, Process

NAME = "auditd"
# At most one match a line: as many matches as lines proves that every line is a record.
_IDS = re.compile(rb"\n(?:node=\S+ )?type=\S+ msg=audit\((\d+\.\d+:\d+)\):")
_RELAYED_IDS = re.compile(rb"\n[^\n]*?\btype=\S+ (?:msg=)?audit\((\d+\.\d+:\d+)\):")
_LOST = re.compile(
    rb"\baudit: .*(?:backlog limit exceeded|audit_lost=[1-9]|audit_backlog=)"
)  # the kernel's own complaint
_NO_AUID = re.compile(rb"type=(?:SYSCALL|1300) [^\n]* auid=(?:4294967295|-1|unset) ")
_LOCAL_ADDRESS = re.compile(rb"saddr=(?:0100|0001|\{ ?saddr_fam=local|\{ ?fam=local)")
_UNSET = frozenset({b"4294967295", b"-1", b"unset"})
_ERRORS = {b"EACCES": -13, b"EPERM": -1, b"ENOENT": -2, b"EINPROGRESS": -115}  # as `ausearch -i` writes exit=
_OTHER_ERROR = -22

Select = Callable[[bytes], Collection[bytes] | None]


class _Chunk:
    """A block that was read, kept while records of its events may still come."""

    __slots__ = ("data", "end", "fed", "fresh", "ids", "line", "offset")

    def __init__(self, data: bytes, offset: int, line: int, ids: list[bytes]) -> None:
        self.data, self.offset, self.line, self.ids = data, offset, line, ids
        self.end = offset + len(data)
        self.fed: set[bytes] = set()  # events whose lines here were taken apart
        self.fresh: Collection[bytes] = ()  # events that have a line here

    def lines_of(self, wanted: Collection[bytes]) -> Iterator[tuple[bytes, int, int]]:
        """Give the lines of some events with their number and offset."""
        numbers = [number for number, identity in enumerate(self.ids) if identity in wanted]
        if not numbers:
            return
        lines = self.data.split(b"\n")
        offset, before = self.offset, 0
        for number in numbers:
            offset += sum(map(len, lines[before:number])) + number - before
            before = number
            yield lines[number], self.line + number, offset


class AuditdReader:
    """Reads audit text block by block; what it holds is bounded by `WINDOW` bytes of text.

    `select` names the events of a block that may matter, or gives None for all of them.
    """

    def __init__(self, tally: Tally, *, select: Select | None = None, window: int = WINDOW) -> None:
        self.tally = tally
        self._select = Needles() if select is None else select
        self._window = window
        self._host = HostReader()
        self._assembler = Assembler(window)
        self._chunks: deque[_Chunk] = deque()
        self._where: dict[bytes, tuple[_Chunk, ...]] = {}
        self._execs = self._unset = self._local = False
        self._lost = 0

    def feed(self, block: Block) -> Iterator[Activity]:
        """Give the activities of the events that are complete with this block."""
        # A memory view is reused for the next block, and the text must outlive it.
        data = bytes(block.data)
        if not data:
            return
        chunk = _Chunk(data, block.offset, block.line, self._identities(data, block))
        self._look_for_gaps(data)
        selected = self._select(data)
        fresh: dict[bytes, tuple[_Chunk, ...]] = dict.fromkeys(chunk.ids, (chunk,))
        fresh.pop(b"", None)
        chunk.fresh = fresh.keys()
        again = fresh.keys() & self._where.keys()
        self.tally.records += len(fresh) - len(again)
        for identity in again:
            fresh[identity] = (*self._where[identity], chunk)
        self._where.update(fresh)
        self._chunks.append(chunk)
        wanted = set(fresh if selected is None else selected)
        wanted |= self._assembler.waiting.keys() & fresh.keys()
        for event in self._events(chunk, wanted, again):
            yield from self._activities(event)
        self._forget(chunk.end)

    def _events(self, chunk: _Chunk, wanted: set[bytes], again: Collection[bytes]) -> Iterator[Event]:
        missed: dict[_Chunk, set[bytes]] = {}
        for identity in wanted.intersection(again):
            for earlier in self._where[identity][:-1]:
                if identity not in earlier.fed:
                    missed.setdefault(earlier, set()).add(identity)
        missed[chunk] = wanted
        for one in sorted(missed, key=_start):
            one.fed |= missed[one]
            for line, number, offset in one.lines_of(missed[one]):
                found = record(line, number, offset)
                if found is not None:
                    yield from self._assembler.add(found)
        yield from self._assembler.expire(chunk.end)

    def _forget(self, end: int) -> None:
        """Drop the chunks that no window reaches any more."""
        while self._chunks and self._chunks[0].end + self._window < end:
            old = self._chunks.popleft()
            for identity in old.fresh:
                left = self._where[identity][1:]  # the oldest stands first
                if left:
                    self._where[identity] = left
                else:
                    del self._where[identity]

    def _identities(self, data: bytes, block: Block) -> list[bytes]:
        """Give the event of each line, b"" for a line without one; unreadable lines are counted."""
        lines = data.count(b"\n") + (not data.endswith(b"\n"))
        for pattern in (_IDS, _RELAYED_IDS):
            found: list[bytes] = pattern.findall(b"\n" + data)
            if len(found) == lines:
                return found
        return list(self._one_by_one(data, block))

    def _one_by_one(self, data: bytes, block: Block) -> Iterator[bytes]:
        offset = block.offset
        for number, line in enumerate(data.split(b"\n")):
            found = HEADER.search(line)
            if found is not None:
                yield found[3]
            else:
                yield b""
                if _LOST.search(line):
                    self._lost += 1
                elif line.strip():
                    place = block.line + number
                    self.tally.cannot_read(line=place, offset=offset, reason="not-an-audit-record", raw=line)
            offset += len(line) + 1

    def _look_for_gaps(self, data: bytes) -> None:
        self._execs = self._execs or b"type=EXECVE " in data or b"type=1309 " in data
        if not self._unset and (b" auid=4294967295 " in data or b" auid=-1 " in data or b" auid=unset " in data):
            self._unset = _NO_AUID.search(data) is not None
        self._lost += data.count(b"type=DAEMON_ERR ")  # auditd could not write or pass on what it got
        self._local = self._local or _LOCAL_ADDRESS.search(data) is not None

    def _activities(self, event: Event) -> Iterator[Activity]:
        at = time_of(event.id)
        if at is None:
            self.tally.cannot_read(line=event.line, offset=event.offset, reason="no-time", raw=event.id)
            return
        for activity in self._read(event, self._process(event, at)):
            self.tally.saw(activity.at)
            self.tally.kept += 1
            yield activity

    def _read(self, event: Event, process: Process) -> list[Activity]:
        if event.address is not None:
            target = endpoint(event.address)
            return self._host.connected(process, target) if target else []
        if event.arguments is None:
            return self._without_arguments(event, process)
        found = self._host.started(process, event.arguments.argv())
        if found and not event.arguments.complete():
            self.tally.note("auditd-cut-arguments")
        if found and event.syscall is None:
            self.tally.note("auditd-no-syscall")
        return found

    def _without_arguments(self, event: Event, process: Process) -> list[Activity]:
        """Read an exec whose arguments were lost or excluded: the program's name alone may tell enough."""
        if process.exit < 0 or not process.exe:
            return []
        shown = text(event.title).replace("\0", " ") if event.title else process.exe
        found = self._host.started(process, (process.exe,), shown=shown)
        if found:
            self.tally.note("auditd-no-arguments")
        return found

    def _process(self, event: Event, at: datetime) -> Process:
        known = event.syscall or {}
        return Process(
            event=event.id.decode("ascii"),
            at=at,
            host=event.node.decode("utf-8", "replace") or "host",
            login=_account(known, b"auid"),
            account=_account(known, b"uid"),
            pid=int(known[b"pid"]) if known.get(b"pid", b"").isdigit() else None,
            exe=text(known.get(b"exe", b"")) or None,
            comm=text(known.get(b"comm", b"")) or None,
            exit=_exit(known),
            origin=Origin(source=NAME, path=self.tally.path, line=event.line, offset=event.offset),
        )

    def finish(self) -> Iterator[Activity]:
        """Give what still waited for records, and say what this log could not show."""
        for event in self._assembler.finish():
            yield from self._activities(event)
        if not self.tally.records:
            return
        if not self._execs:
            self.tally.note("auditd-no-execve")
        elif not self._unset:
            self.tally.note("auditd-no-unset-auid")
        if not self._local:
            self.tally.note("auditd-no-connect")
        if self._lost:
            self.tally.note("auditd-lost", self._lost)


def _start(chunk: _Chunk) -> int:
    return chunk.offset


def _account(known: dict[bytes, bytes], key: bytes) -> str | None:
    """Name an account: by ENRICHED's name, else by number; None when it is not set or not known."""
    number = known.get(key)
    if number is None or number in _UNSET:
        return None
    name = plain(known.get(key.upper(), b"")).decode("utf-8", "replace")
    if name and not name.startswith("unknown("):
        return None if name == "unset" else name
    shown = number.decode("ascii", "replace")
    return f"uid {shown}" if number.isdigit() else shown


def _exit(known: dict[bytes, bytes]) -> int:
    if known.get(b"success") != b"no":
        return 0
    value = known.get(b"exit", b"")
    try:
        return min(int(value), -1)
    except ValueError:
        return _ERRORS.get(value.partition(b"(")[0], _OTHER_ERROR)


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are audit records."""
    return sum(HEADER.search(line) is not None for line in lines)


def reader(tally: Tally) -> Reader:
    """Make the reader of one input."""
    return AuditdReader(tally)


SOURCE = Source(
    name=NAME,
    plane="host",
    title="Linux audit log (auditd RAW or ENRICHED, relayed by syslog, or from the kernel)",
    sniff=sniff,
    reader=reader,
)
