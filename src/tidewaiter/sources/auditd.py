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
from collections.abc import Collection, Iterator, Sequence

from tidewaiter.model import Activity, Origin
from tidewaiter.sources.auditd_fields import endpoint, fields, text
from tidewaiter.sources.auditd_kept import Chunk, Span
from tidewaiter.sources.auditd_needles import Everything, Needles, Sieve
from tidewaiter.sources.auditd_process import exit_of, process_of
from tidewaiter.sources.auditd_records import HEADER, WINDOW, Assembler, Event, record, time_of
from tidewaiter.sources.contract import Block, Source, Tally
from tidewaiter.sources.host_process import HostReader, Process

NAME = "auditd"
# At most one match a line: as many matches as lines proves that every line is a record.
_IDS = re.compile(rb"\ntype=\S+ msg=audit\((\d+\.\d+:\d+)\)")
_NODE_IDS = re.compile(rb"\nnode=\S+ type=\S+ msg=audit\((\d+\.\d+:\d+)\)")
_RELAYED_IDS = re.compile(rb"\n[^\n]*?\btype=\S+ (?:msg=)?audit\((\d+\.\d+:\d+)\)")
_LOST = re.compile(rb"\baudit: .*(?:backlog limit exceeded|audit_lost=[1-9]|audit_backlog=)")  # the kernel complains
_NO_AUID = re.compile(rb"type=(?:SYSCALL|1300) [^\n]* auid=(?:4294967295|-1|unset) ")
_LOCAL_ADDRESS = re.compile(rb"saddr=(?:0100|0001|\{ ?saddr_fam=local|\{ ?fam=local)")
_CHUNK = 1 << 16  # small blocks are gathered to this size, so that few pieces are kept
_UNUSED = (b"type=PATH ", b"type=CWD ")
# auditd's own records carry numbers of its own, which begin anywhere below 10000 (auditd.c of audit 3 and 4).
_DAEMON = re.compile(rb"type=(?:DAEMON_\w+|12\d\d) (?:msg=)?audit\((\d+\.\d+:\d+)\)")


class AuditdReader:
    """Reads audit text block by block; what it holds is bounded by `window` bytes of text."""

    def __init__(self, tally: Tally, *, sieve: Sieve | None = None, window: int = WINDOW) -> None:
        self.tally = tally
        self._window = window
        self._host = HostReader(matcher=tally.matcher)
        self._sieve = sieve or (Everything() if self._host.asks_all else Needles())
        self._assembler = Assembler(window)
        self._chunks: deque[Chunk] = deque()
        self._execs = self._unset = self._local = False
        self._lost = 0
        self._serials = _Serials()

    def feed(self, block: Block) -> Iterator[Activity]:
        """Give the activities of the events that are complete with this block."""
        # A memory view is reused for the next block, and the text must outlive it.
        data = bytes(block.data)
        if not data:
            return
        self._look_for_gaps(data)
        spans, settled = self._sieve.settled(data)
        self.tally.lines_of_block = self._sieve.lines
        chunk, first = self._keep(block, data, spans)
        text = b"\n".join(chunk.lines[first:])
        ids = self._identities(text, chunk, first)
        chunk.ids += ids
        events = dict.fromkeys(ids)
        events.update(dict.fromkeys(settled))
        events.pop(b"", None)
        self._count(events)
        self._serials.take(events, self._of_daemon(data))
        chunk.events.update(events)
        wanted = self._sieve.wanted(text)
        if wanted is not None:
            wanted |= self._assembler.waiting.keys() & events.keys()
        for event in self._events(events.keys() if wanted is None else wanted):
            yield from self._activities(event)
        while self._chunks[0].end + self._window < chunk.end:
            self._chunks.popleft()

    def _keep(self, block: Block, data: bytes, spans: list[Span]) -> tuple[Chunk, int]:
        """Put the lines into the last chunk, or a new one when that is full; give the index of the first of them."""
        if not self._chunks or self._chunks[-1].end - self._chunks[-1].start >= _CHUNK:
            self._chunks.append(Chunk())
        chunk = self._chunks[-1]
        return chunk, chunk.add(data, spans, line=block.line, offset=block.offset)

    @staticmethod
    def _of_daemon(data: bytes) -> set[bytes]:
        return set(_DAEMON.findall(data)) if b"type=DAEMON_" in data or b"type=12" in data else set()

    def _count(self, events: dict[bytes, None]) -> None:
        known: set[bytes] = set()
        for chunk in self._chunks:
            known.update(events.keys() & chunk.events.keys())
        self.tally.records += len(events) - len(known)

    def _events(self, wanted: Collection[bytes]) -> Iterator[Event]:
        """Take apart what was not taken apart yet of the wanted events, from the oldest line that is kept on."""
        for chunk in self._chunks:
            for place in chunk.take(wanted, _UNUSED):
                found = record(place.text, place.line, place.offset)
                if found is None:
                    continue
                if found.type == b"DAEMON_ERR":  # auditd could not write or pass on what it got
                    self._lost += 1
                yield from self._assembler.add(found)
        yield from self._assembler.expire(self._chunks[-1].end)

    def _identities(self, text: bytes, chunk: Chunk, first: int) -> list[bytes]:
        """Give the event of each line, b"" for a line without one; unreadable lines are counted."""
        data, lines = b"\n" + text, len(chunk.lines) - first
        for pattern in (_IDS, _NODE_IDS, _RELAYED_IDS):
            found: list[bytes] = pattern.findall(data)
            if len(found) == lines:
                return found
        return [self._identity(chunk, index) for index in range(first, len(chunk.lines))]

    def _identity(self, chunk: Chunk, index: int) -> bytes:
        found = HEADER.search(chunk.lines[index])
        if found is not None:
            return found[3]
        place = chunk.place(index)
        if _LOST.search(place.text):
            self._lost += 1
        elif place.text.strip():
            self.tally.cannot_read(line=place.line, offset=place.offset, reason="not-an-audit-record", raw=place.text)
        return b""

    def _look_for_gaps(self, data: bytes) -> None:
        self._execs = self._execs or b"type=EXECVE " in data or b"type=1309 " in data
        if not self._unset and (b" auid=4294967295 " in data or b" auid=-1 " in data or b" auid=unset " in data):
            self._unset = _NO_AUID.search(data) is not None
        self._local = self._local or _LOCAL_ADDRESS.search(data) is not None

    def _activities(self, event: Event) -> Iterator[Activity]:
        for activity in self._read(event):
            self.tally.saw(activity.at)
            self.tally.kept += 1
            yield activity

    def _read(self, event: Event) -> list[Activity]:
        known = fields(event.syscall) if event.syscall else {}
        if event.address is not None:
            target = endpoint(event.address)
            process = self._process(event, known) if target else None
            return self._host.connected(process, target) if process and target else []
        argv, shown = self._command(event, known)
        meanings = self._host.understand(argv, text(known.get(b"exe", b"")))
        process = self._process(event, known) if meanings or self._host.asks_all else None
        if process is None:
            return []
        found = self._host.told(process, argv, meanings, shown=shown)
        if found:
            self._say_what_is_missing(event)
        return found

    def _say_what_is_missing(self, event: Event) -> None:
        if event.arguments is None:
            self.tally.note("auditd-no-arguments")
        elif not event.arguments.complete():
            self.tally.note("auditd-cut-arguments")
        if event.syscall is None:
            self.tally.note("auditd-no-syscall")

    @staticmethod
    def _command(event: Event, known: dict[bytes, bytes]) -> tuple[tuple[str, ...], str | None]:
        """Give the arguments; where they were lost or excluded the program alone, with a text from PROCTITLE."""
        if event.arguments is not None:
            return event.arguments.argv(), None
        program = text(known.get(b"exe", b""))
        if not program or exit_of(known) < 0:
            return (), None
        return (program,), text(event.title).replace("\0", " ") if event.title else program

    def _process(self, event: Event, known: dict[bytes, bytes]) -> Process | None:
        at = time_of(event.id)
        if at is None:
            self.tally.cannot_read(line=event.line, offset=event.offset, reason="no-time", raw=event.id)
            return None
        return process_of(
            known,
            event=event.id.decode("ascii"),
            at=at,
            host=event.node.decode("utf-8", "replace"),
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
        missing = self._serials.missing(self.tally.records)
        if missing:
            self.tally.note("auditd-gaps", missing)


class _Serials:
    """Follows the serial numbers of events: the kernel counts them up by one, and anew when it starts."""

    _LATE = 1000  # events come out of order by less than this
    _SHARE, _FEW = 0.01, 20  # so many may be missing before it is said: a log begins and ends somewhere

    def __init__(self) -> None:
        self._first: int | None = None
        self._last = 0
        self._numbers = 0  # of earlier runs of the kernel
        self._starts = 0
        self._of_daemon = 0

    def take(self, events: Collection[bytes], of_daemon: Collection[bytes]) -> None:
        """Take the events of one block; those that were read by other ways come out of order."""
        self._of_daemon += len(of_daemon)
        for event in sorted({*events} - {*of_daemon} if of_daemon else events):  # an event begins with its time
            number = int(event.partition(b":")[2][:19] or b"0")
            if self._first is None:
                self._first = self._last = number
            elif number > self._last:
                self._last = number
            elif number < self._last - self._LATE:
                self._numbers += self._last - self._first + 1
                self._first = self._last = number
                self._starts += 1

    def missing(self, events: int) -> int:
        """Give how many numbers have no event, as far as that can be told; 0 when it is next to none."""
        if self._first is None or self._starts > events * self._SHARE:  # several hosts in one log
            return 0
        numbers = self._numbers + self._last - self._first + 1
        missing = numbers - (events - self._of_daemon)
        return missing if missing > max(numbers * self._SHARE, self._FEW) else 0


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are audit records."""
    # In a JSON record the quotes of a line are escaped: that record's own source or wrapper reads it.
    return sum(line.lstrip()[:1] != b"{" and HEADER.search(line) is not None for line in lines)


SOURCE = Source(
    name=NAME,
    plane="host",
    title="Linux audit log (auditd RAW or ENRICHED, relayed by syslog, or from the kernel)",
    sniff=sniff,
    reader=AuditdReader,
)
