"""Gate records, one JSON object a line ("tidewaiter.gate/1"), written by a thread of its own.

Whoever answers the engine or its callers never waits for a disk: `put` only queues. A disk that is full or gone is
tried again every second while the queue holds; records beyond that are counted, and the count is a record of its own
(`"phase": "lost"`) as soon as there is room again.

Whatever a caller chose is inert: a line is ASCII, of a bounded size, and holds no control character.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from tidewaiter.gate.caller import Caller, caller_document

SCHEMA = "tidewaiter.gate/1"
_MOST_WAITING = 100_000  # records, about 60 MB
_BATCH = 1000
_AGAIN = 1.0  # seconds until a write that failed is tried again
_GATHER = 0.02  # seconds for more records to come: they are written together, and wake nobody
_LONGEST = 8192  # characters of a target, or of all arguments; no route of an engine is as long
_MODE = 0o640


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One request to the engine, told when it ends, and before that when it lasts; unknown values are None."""

    time: datetime
    id: str
    phase: Literal["begun", "done"]
    host: str
    listener: str
    method: str | None
    target: str | None  # as sent
    status: int | None = None
    upgraded: bool = False
    bytes_in: int | None = None
    bytes_out: int | None = None
    ms: float | None = None
    mode: Literal["observe", "warn", "enforce"]
    decision: Literal["allowed", "warned", "denied"]
    rule: str | None = None
    caller: Caller
    # Left out where there is nothing to say:
    blind: str | None = None  # why the rest of the connection could not be understood
    agent: str | None = None  # what the client calls itself


def line(record: Record) -> bytes:
    """Encode a record as its line, in the order of the schema."""
    document: dict[str, Any] = {"schema": SCHEMA}
    for field in record.__struct_fields__:
        document[field] = getattr(record, field)
    document["time"] = _time(record.time)
    document["caller"] = caller_document(record.caller)
    for field in ("blind", "agent"):
        if document[field] is None:
            del document[field]
    if record.target is not None and len(record.target) > _LONGEST:
        document["target"] = record.target[:_LONGEST] + "\N{HORIZONTAL ELLIPSIS}"
    if record.caller.command is not None:
        document["caller"]["command"] = _bounded(record.caller.command)
    data = msgspec.json.encode(document)
    # C1 controls and marks that turn the direction of text are let through by JSON, and not by us.
    return (data if data.isascii() else json.dumps(json.loads(data), separators=(",", ":")).encode()) + b"\n"


def lost_line(count: int, at: datetime) -> bytes:
    """Encode the record that says how many records are missing before it."""
    return msgspec.json.encode({"schema": SCHEMA, "time": _time(at), "phase": "lost", "lost": count}) + b"\n"


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _bounded(command: Sequence[str]) -> list[str]:
    """Cut a command line that is too long for a line of a log, and show that it was cut."""
    room, kept = _LONGEST, list[str]()
    for argument in command:
        if len(argument) >= room:
            return [*kept, argument[:room] + "\N{HORIZONTAL ELLIPSIS}"]
        kept.append(argument)
        room -= len(argument) + 1
    return kept


class RecordWriter:
    """Appends lines to a file in the background."""

    def __init__(self, path: Path, *, complain: Callable[[str], None], most: int = _MOST_WAITING) -> None:
        self.lost = 0  # records that found no room
        self._untold = 0  # of these, those of which no record tells yet
        self._path = path
        self._complain = complain
        self._most = most
        self._lines: deque[bytes | Callable[[], bytes]] = deque()
        self._wake = threading.Condition()
        self._stopping = self._renamed = False
        self._file: int | None = self._opened()  # a path that cannot be written is said at the start
        self._thread = threading.Thread(target=self._run, name="gate-records", daemon=True)
        self._thread.start()

    def put(self, data: bytes | Callable[[], bytes]) -> None:
        """Queue one line, or what makes it in the writer's thread; returns at once."""
        with self._wake:
            if len(self._lines) >= self._most:
                self.lost += 1
                self._untold += 1
                return
            self._lines.append(data)
            self._wake.notify()

    def reopen(self) -> None:
        """Open the file by its name again before the next line: for log rotation."""
        self._renamed = True  # the writer's thread may be about to use the file

    def stop(self, patience: float = 5.0) -> None:
        """Write what waits and end; what cannot be written in time is counted as lost."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(patience)
        self._say_lost()

    def _run(self) -> None:
        failing = False
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._lines or self._stopping)
            if not self._stopping:
                time.sleep(_GATHER)
            with self._wake:
                if not self._lines:
                    self._close()
                    return
                batch = [self._lines.popleft() for _ in range(min(_BATCH, len(self._lines)))]
                lost, self._untold = self._untold, 0
            lines = [one if isinstance(one, bytes) else one() for one in batch]
            if lost:  # between what was kept and what comes now
                lines.append(lost_line(lost, datetime.now(UTC)))
            rest, problem = self._written(b"".join(lines))
            if not problem:
                if failing:
                    self._complain(f"{self._path}: records are written again")
                    self._say_lost()
                failing = False
                continue
            if not failing:
                self._complain(f"{self._path}: records wait, they cannot be written: {problem.strerror or problem}")
            failing = True
            with self._wake:
                self._lines.extendleft(reversed(rest.splitlines(keepends=True)))
                if self._wake.wait_for(lambda: self._stopping, _AGAIN):
                    self.lost += len(self._lines)
                    self._close()
                    return

    def _written(self, data: bytes) -> tuple[bytes, OSError | None]:
        """Write; give what is left and why. A line that was cut is finished later, so the file has whole lines."""
        if self._renamed:
            self._renamed = False
            self._close()
        try:
            if self._file is None:
                self._file = self._opened()
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as problem:
            return data, problem
        return b"", None

    def _opened(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)

    def _close(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
        self._file = None

    def _say_lost(self) -> None:
        if self.lost:
            self._complain(f"{self._path}: {self.lost} records were lost, there was no room for them")
