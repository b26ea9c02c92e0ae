"""Linux audit records: takes lines apart and puts the records of one event together again.

Format: https://github.com/linux-audit/audit-documentation (records of one event share "seconds.milliseconds:serial").
The records of one event need not be neighbours; they are looked for within a window of bytes, so that what is held
at once is bounded whatever the input is.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tidewaiter.sources.auditd_fields import Arguments, addresses, fields

WINDOW = 2 << 20  # bytes between the first and the last record of one event; about 9000 records
# auditd (on RHEL 7 some records have no colon), an audisp plug-in through syslog (anything before it), or the kernel's
# own line, where the type is a number.
HEADER = re.compile(rb"(?:\bnode=(\S+) )?\btype=(\S+) (?:msg=)?audit\((\d+\.\d+:\d+)\):?")
_TYPES = {b"1300": b"SYSCALL", b"1309": b"EXECVE", b"1306": b"SOCKADDR", b"1327": b"PROCTITLE"}
_EXEC, _CONNECT, _UNKNOWN = "exec", "connect", "unknown"
# System call numbers by architecture (arch= is the AUDIT_ARCH constant of linux/audit.h).
_EXECS = {
    b"c000003e": {b"59", b"322", b"1073742344", b"1073742369"},  # x86-64; the long ones are x32
    b"c00000b7": {b"221", b"281"},  # aarch64
    b"c00000f3": {b"221", b"281"},  # riscv64
    b"40000003": {b"11", b"358"},  # i386
    b"40000028": {b"11", b"387"},  # arm
    b"c0000015": {b"11", b"362"},  # ppc64le
    b"80000016": {b"11", b"354"},  # s390x
}
_CONNECTS = {
    b"c000003e": {b"42", b"1073741866"},
    b"c00000b7": {b"203"},
    b"c00000f3": {b"203"},
    b"40000003": {b"362"},
    b"40000028": {b"283"},
    b"c0000015": {b"328"},
    b"80000016": {b"362"},
}
_SOCKETCALL = (b"40000003", b"102", b"3")  # i386: connect as the third function of socketcall
_CALL = re.compile(rb"\barch=(\S+) syscall=(\S+)(?:.*? a0=(\S+))?")


class Record(NamedTuple):
    """One line of an audit log."""

    node: bytes
    type: bytes
    id: bytes  # "seconds.milliseconds:serial"
    body: bytes
    line: int
    offset: int


class Event(NamedTuple):
    """What is known of one process start or connect."""

    node: bytes
    id: bytes
    syscall: bytes | None
    arguments: Arguments | None  # of an exec
    address: bytes | None  # of a connect
    title: bytes | None  # PROCTITLE; stale after an exec without fork, so it only stands in for missing arguments
    line: int
    offset: int


def record(line: bytes, number: int, offset: int) -> Record | None:
    """Take one line apart; None when it is no audit record."""
    found = HEADER.search(line)
    if found is None:
        return None
    node, kind, identity = found.groups()
    return Record(node or b"", _TYPES.get(kind, kind), identity, line[found.end() :], number, offset)


def time_of(identity: bytes) -> datetime | None:
    """Read the time in an event's identifier."""
    stamp = identity.partition(b":")[0]
    seconds, _, part = stamp.partition(b".")
    if not seconds.isdigit() or not part[:6].isdigit():
        return None
    try:
        whole = datetime.fromtimestamp(int(seconds), tz=UTC)
    except (ValueError, OverflowError, OSError):  # int() refuses 4300 digits, the platform odd years
        return None
    return whole + timedelta(microseconds=int(part[:6].ljust(6, b"0")))


def call_of(body: bytes) -> str | None:
    """Say whether a SYSCALL record is an exec, a connect, or neither; "unknown" when it does not say, or is damaged."""
    found = _CALL.search(body)
    return calls(found[1], found[2], found[3] or b"") if found else _UNKNOWN


def calls(arch: bytes, number: bytes, first: bytes = b"", name: bytes = b"") -> str | None:
    """Say whether a system call is an exec, a connect, or neither; "unknown" when its architecture is.

    `first` is its first argument, `name` its name where the log has it.
    """
    if number in _EXECS.get(arch, ()) or not {number, name}.isdisjoint({b"execve", b"execveat"}):
        return _EXEC
    if number in _CONNECTS.get(arch, ()) or b"connect" in {number, name}:
        return _CONNECT
    if (arch, number, first) == _SOCKETCALL:
        return _CONNECT
    return None if arch in _EXECS else _UNKNOWN


class _Open:
    """An event of which records may still be missing."""

    def __init__(self, first: Record) -> None:
        self.node, self.id = first.node, first.id
        self.line, self.offset = first.line, first.offset
        self.syscall: bytes | None = None
        self.call: str | None = None
        self.arguments: Arguments | None = None
        self.address: bytes | None = None
        self.title: bytes | None = None

    def take(self, one: Record) -> None:
        if one.type == b"EXECVE":
            self.arguments = self.arguments or Arguments()
            self.arguments.add(one.body)
        elif one.type == b"SYSCALL":
            self.syscall = one.body
            self.call = call_of(one.body)
        elif one.type == b"SOCKADDR":
            found = addresses([one.body])
            self.address = found[0] if found else None
        else:
            self.title = fields(one.body).get(b"proctitle")

    def complete(self) -> bool:
        if self.syscall is None:
            return False
        if self.arguments is not None:
            return self.arguments.complete()
        return self.address is not None

    def event(self) -> Event | None:
        """Give the event, or None when it is neither an exec nor a connect."""
        address = self.address if self.call in _CONNECTING else None
        if self.arguments is None and self.call != _EXEC and address is None:
            return None
        return Event(self.node, self.id, self.syscall, self.arguments, address, self.title, self.line, self.offset)


class Assembler:
    """Puts the records of one event together, whatever stands between them, within `window` bytes."""

    def __init__(self, window: int = WINDOW) -> None:
        self._window = window
        self._open: dict[tuple[bytes, bytes], _Open] = {}
        self._oldest: list[tuple[int, bytes, bytes]] = []
        self.waiting: dict[bytes, int] = {}  # ids of open events -> how many (one a node)

    def add(self, one: Record) -> Iterator[Event]:
        """Take a record; give the events that it completes or that have waited too long."""
        yield from self.expire(one.offset)
        if one.type not in _WANTED:
            return
        key = (one.id, one.node)
        found = self._open.get(key)
        if found is None:
            if one.type == b"PROCTITLE":  # always the last record of an event: nothing would follow
                return
            found = _Open(one)
            found.take(one)
            if one.type == b"SYSCALL" and found.call is None:
                return
            self._open[key] = found
            self.waiting[one.id] = self.waiting.get(one.id, 0) + 1
            heapq.heappush(self._oldest, (one.offset, *key))
        else:
            found.take(one)
        if found.complete():
            yield from self._close(found)

    def expire(self, offset: int) -> Iterator[Event]:
        """Give the events whose window ended before `offset`, with what is known of them."""
        while self._oldest and self._oldest[0][0] + self._window < offset:
            started, identity, node = heapq.heappop(self._oldest)
            found = self._open.get((identity, node))
            if found is not None and found.offset == started:
                yield from self._close(found)

    def finish(self) -> Iterator[Event]:
        """Give all events that still wait."""
        while self._oldest:
            yield from self.expire(self._oldest[0][0] + self._window + 1)

    def _close(self, found: _Open) -> Iterator[Event]:
        del self._open[found.id, found.node]
        left = self.waiting[found.id] - 1
        if left:
            self.waiting[found.id] = left
        else:
            del self.waiting[found.id]
        event = found.event()
        if event is not None:
            yield event


_CONNECTING = frozenset({_CONNECT, _UNKNOWN})
_WANTED = frozenset({b"SYSCALL", b"EXECVE", b"SOCKADDR", b"PROCTITLE"})
