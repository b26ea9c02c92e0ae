"""Events of laurel: one JSON object for each Linux audit event, made from auditd's records.

Documentation: https://github.com/threathunters-io/laurel ; measured on laurel 0.5.1. Bytes outside printable UTF-8, and
"%" itself, are percent-encoded. Names of accounts (AUID, UID) stand beside the numbers when `translate` is switched on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import msgspec

from tidewaiter.model import Activity, Origin
from tidewaiter.sources.auditd_fields import endpoint, endpoint_of_address
from tidewaiter.sources.auditd_records import calls, time_of
from tidewaiter.sources.contract import Block, Source, Tally
from tidewaiter.sources.host_process import Endpoint, HostReader, Process

NAME = "laurel"
_UNSET = frozenset({"4294967295", "-1", "unset", ""})


class _Syscall(msgspec.Struct):
    """The fields of SYSCALL that matter; numbers may be written as text."""

    arch: Any = None
    syscall: Any = None
    success: Any = None
    exit: Any = None
    pid: Any = None
    ppid: Any = None
    auid: Any = None
    uid: Any = None
    AUID: Any = None
    UID: Any = None
    comm: Any = None
    exe: Any = None
    SYSCALL: Any = None
    ARGV: Any = None  # the first four arguments of the system call


class _Execve(msgspec.Struct):
    ARGV: Any = None
    ARGV_STR: Any = None


class Event(msgspec.Struct):
    """The parts of an event that matter here; everything else is skipped by the decoder."""

    ID: str | None = None
    NODE: str | None = None
    SYSCALL: _Syscall | None = None
    EXECVE: _Execve | None = None
    SOCKADDR: Any = None
    PROCTITLE: Any = None


_event = msgspec.json.Decoder(Event)


class LaurelReader:
    """Reads laurel's events; each line stands alone."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self._host = HostReader(matcher=tally.matcher)
        self._execs = self._unset = self._local = False

    def feed(self, block: Block) -> Iterator[Activity]:
        """Give the activities of one block of lines."""
        offset = block.offset
        for number, line in enumerate(bytes(block.data).split(b"\n"), block.line):
            try:
                if line.strip():
                    yield from self._line(line, number, offset)
            except RecursionError:  # JSON nested so deep that it cannot be decoded, or not looked at any more
                reason = "not-an-event: nested too deep"
                self.tally.cannot_read(line=number, offset=offset, reason=reason, raw=line)
            offset += len(line) + 1

    def _line(self, line: bytes, number: int, offset: int) -> Iterator[Activity]:
        try:
            event = _event.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
            self.tally.cannot_read(line=number, offset=offset, reason=f"not-an-event: {problem}", raw=line)
            return
        at = time_of(event.ID.encode()) if event.ID else None
        if event.ID is None or at is None:
            self.tally.cannot_read(line=number, offset=offset, reason="no-time", raw=line)
            return
        self.tally.records += 1
        known = event.SYSCALL or _Syscall()
        process = Process(
            event=event.ID,
            at=at,
            host=event.NODE or "host",
            login=_account(known.auid, known.AUID),
            account=_account(known.uid, known.UID),
            pid=known.pid if isinstance(known.pid, int) else None,
            parent_pid=known.ppid if isinstance(known.ppid, int) else None,
            exe=_text(known.exe),
            comm=_text(known.comm),
            exit=_exit(known),
            origin=Origin(source=NAME, path=self.tally.path, line=number, offset=offset),
        )
        for activity in self._read(event, known, process):
            self.tally.saw(activity.at)
            self.tally.kept += 1
            yield activity

    def _read(self, event: Event, known: _Syscall, process: Process) -> list[Activity]:
        if event.EXECVE is not None:
            self._execs = True
            self._unset = self._unset or (event.SYSCALL is not None and process.login is None)
            return self._host.started(process, _arguments(event.EXECVE))
        call = calls(*map(_word, (known.arch, known.syscall, _first(known.ARGV), known.SYSCALL)))
        addresses = event.SOCKADDR if isinstance(event.SOCKADDR, list) else [event.SOCKADDR]
        self._local = self._local or any(_is_local(address) for address in addresses)
        if call == "connect":
            target = next((found for address in addresses if (found := _endpoint(address))), None)
            return self._host.connected(process, target) if target else []
        if call == "exec" and process.exit >= 0 and process.exe:
            argv = (process.exe,)
            meanings = self._host.understand(argv, process.exe)
            told = self._host.told(process, argv, meanings, shown=_title(event.PROCTITLE) or process.exe)
            if told:
                self.tally.note("auditd-no-arguments")
            return told
        return []

    def finish(self) -> Iterator[Activity]:
        """Say what this log could not show; nothing is ever held back."""
        if self.tally.records:
            if not self._execs:
                self.tally.note("auditd-no-execve")
            elif not self._unset:
                self.tally.note("auditd-no-unset-auid")
            if not self._local:
                self.tally.note("auditd-no-connect")
        yield from ()


def _first(values: Any) -> Any:
    return values[0] if isinstance(values, list) and values else None


def _word(value: Any) -> bytes:
    """Give a number or text as auditd writes it: without the 0x that laurel puts before hex."""
    return b"" if value is None else str(value).removeprefix("0x").encode("utf-8", "replace")


def _text(value: Any) -> str | None:
    return unquote(value, errors="replace") if isinstance(value, str) and value else None


def _account(number: Any, name: Any) -> str | None:
    shown = "" if number is None else str(number)
    if isinstance(name, str) and name and not name.startswith("unknown("):
        return None if name == "unset" else name
    if shown in _UNSET:
        return None
    return f"uid {shown}" if shown.isdigit() else shown


def _exit(known: _Syscall) -> int:
    if known.success not in ("no", False):  # no set: it may be anything, also what cannot be hashed
        return 0
    return min(known.exit, -1) if isinstance(known.exit, int) else -22


def _arguments(record: _Execve) -> list[str]:
    if isinstance(record.ARGV, list):
        return [unquote(str(part), errors="replace") for part in record.ARGV]
    # With array = false laurel joins them by blanks; the borders are lost.
    return unquote(record.ARGV_STR, errors="replace").split(" ") if isinstance(record.ARGV_STR, str) else []


def _title(record: Any) -> str:
    parts = record.get("ARGV") if isinstance(record, dict) else None
    return " ".join(unquote(str(part), errors="replace") for part in parts) if isinstance(parts, list) else ""


def _is_local(address: Any) -> bool:
    value = address.get("saddr") if isinstance(address, dict) else None
    return isinstance(value, str) and value.startswith(("%01%00", "%00%01"))


def _endpoint(address: Any) -> Endpoint | None:
    if not isinstance(address, dict):
        return None
    raw = address.get("saddr")
    if isinstance(raw, str):
        return endpoint_of_address(unquote_to_bytes(raw))
    enriched = address.get("SADDR")
    return endpoint(enriched.encode("utf-8", "replace")) if isinstance(enriched, str) else None


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are laurel's events."""
    return sum(line.startswith(b'{"ID"') or (b'"ID":"' in line[:80] and b'"SYSCALL":{' in line) for line in lines)


SOURCE = Source(
    name=NAME,
    plane="host",
    title="laurel (one JSON object for each Linux audit event)",
    sniff=sniff,
    reader=LaurelReader,
)
