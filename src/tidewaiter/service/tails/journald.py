"""The systemd journal, through `journalctl --output=json --follow` as a child process.

The cursor of the last entry is the position, kept together with the entries: after a crash journalctl goes on there.
Sources: journalctl(1) of systemd 252; the fields are those of systemd.journal-fields(7).
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable

import msgspec

from tidewaiter.service.tails.feed import LONGEST_PAUSE, Feed, Put
from tidewaiter.settings.tails import JournaldTail

BATCH = 1 << 20  # bytes of entries in one piece
_GATHER = 0.2  # seconds to gather entries, at most
_LONGEST = 64 << 20  # bytes of one entry: journald itself takes fields of 768 MiB
_STOPS = 5.0  # seconds until a child that was asked to end is ended
_STEADY = 60.0  # seconds after which a child that ends has not failed at once
_WORDS = 500  # bytes of what journalctl says


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last entry that was read."""

    cursor: str
    at: str = ""  # microseconds since 1970, should the cursor be refused


class _Entry(msgspec.Struct):
    cursor: str = msgspec.field(name="__CURSOR")
    at: str = msgspec.field(name="__REALTIME_TIMESTAMP", default="")


_entries = msgspec.json.Decoder(_Entry)
_places = msgspec.json.Decoder(Place)


def arguments(settings: JournaldTail, place: Place | None, *, by_time: bool = False) -> list[str]:
    """Write the command line; `by_time`: the cursor was refused."""
    argv = [settings.program, "--output=json", "--all", "--follow", "--no-pager", "--quiet"]  # --all: long fields, too
    if settings.directory:
        argv.append(f"--directory={settings.directory}")
    if place is None:
        argv.append("--lines=0" if settings.begin == "end" else "--no-tail")
    elif by_time:
        argv += ["--no-tail", f"--since=@{int(place.at) // 1_000_000}"]
    else:
        argv += ["--no-tail", f"--after-cursor={place.cursor}"]
    argv += [f"--unit={unit}" for unit in settings.units]
    return [*argv, "--", *settings.matches] if settings.matches else argv


class Journald:
    """One `[[tail]]` of kind journald."""

    def __init__(
        self,
        settings: JournaldTail,
        feed: Feed,
        *,
        path: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._feed = feed
        self._path = path if path is not None else os.defpath + ":/usr/local/bin"
        self._clock = clock
        self._stream = settings.title
        self._place = self._saved()
        self._failures = 0
        self._by_time = False

    def run(self) -> None:
        """Follow until the tail is stopped; a journalctl that ends is started again."""
        board, stop = self._feed.board, self._feed.stop
        board.follows(1)
        while not stop.is_set():
            program = shutil.which(self._settings.program, path=self._path)
            if program is None:
                board.trouble("journald-absent", self._stream, f"there is no program {self._settings.program}")
                stop.wait(LONGEST_PAUSE)
                continue
            board.over("journald-absent", self._stream)
            self._once(program)
            stop.wait(min(LONGEST_PAUSE, 0.1 * 2 ** min(self._failures, 10)))

    def _saved(self) -> Place | None:
        text = self._feed.journal.position(self._stream)
        if text is None:
            return None
        try:
            return _places.decode(text)
        except msgspec.DecodeError:
            self._feed.board.happened("position-unreadable", self._stream, text[:100])
            return None

    def _once(self, program: str) -> None:
        """Run journalctl until it ends or the tail is stopped."""
        began = self._clock()
        argv = arguments(self._settings, self._place, by_time=self._by_time)
        board = self._feed.board
        try:
            child = subprocess.Popen(  # noqa: S603 -- a list, without a shell
                [program, *argv[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={"PATH": self._path, "LC_ALL": "C", "TZ": "UTC"},
            )
        except OSError as problem:
            self._failures += 1
            board.trouble("journald-failed", self._stream, problem.strerror or str(problem))
            return
        with child:
            words = Words(child.stderr.fileno()) if child.stderr else None
            read = self._read(child)
            _end(child)
        if self._feed.stop.is_set():
            return
        said = words.text() if words else ""
        if read:
            self._by_time = False
        elif self._place is not None and "cursor" in said.lower() and self._place.at.isdecimal():
            board.happened("cursor-refused", self._stream, "read again from the second of the last entry")
            self._by_time = True
        steady = read or self._clock() - began > _STEADY
        self._failures = 0 if steady else self._failures + 1
        board.trouble("journald-failed", self._stream, f"journalctl ended with {child.returncode}: {said}")

    def _read(self, child: subprocess.Popen[bytes]) -> bool:
        """Hand on what comes; says whether anything did."""
        assert child.stdout is not None  # noqa: S101 -- for mypy; it is a pipe
        read = False
        rest = b""
        pipe = child.stdout.fileno()
        with selectors.DefaultSelector() as ready:
            ready.register(pipe, selectors.EVENT_READ)
            while not self._feed.stop.is_set():
                data, ended = self._gather(ready, pipe)
                whole, newline, rest = (rest + data).rpartition(b"\n")
                if whole and not self._take(whole + newline):
                    return read
                if whole:
                    read = True
                    self._feed.board.over("journald-failed", self._stream)
                if len(rest) > _LONGEST:
                    self._feed.board.happened("lost", self._stream, f"an entry of more than {_LONGEST} bytes")
                    return read  # and again from the last cursor
                if ended:
                    return read
        return read

    def _gather(self, ready: selectors.BaseSelector, pipe: int) -> tuple[bytes, bool]:
        """Read until there is a piece, or some time has passed; also tell whether the output has ended."""
        pieces: list[bytes] = []
        size, until = 0, self._clock() + _GATHER
        while size < BATCH and (left := until - self._clock()) > 0:
            if not ready.select(left):
                break
            data = os.read(pipe, BATCH)
            if not data:
                return b"".join(pieces), True
            pieces.append(data)
            size += len(data)
        return b"".join(pieces), False

    def _take(self, lines: bytes) -> bool:
        """Put entries in with the cursor of the last one; False when the tail was stopped before."""
        place = _place_of(lines) or self._place
        position = msgspec.json.encode(place).decode() if place else ""
        if not self._feed.put(Put(self._stream, lines, position)):
            return False
        self._place = place
        return True


def _place_of(lines: bytes) -> Place | None:
    """Take the place of the last entry that has one."""
    for line in reversed(lines.splitlines()):
        try:
            entry = _entries.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        return Place(cursor=entry.cursor, at=entry.at)
    return None


class Words:
    """The end of what a child writes to its standard error, read so that it never waits."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._end = b""
        self._thread = threading.Thread(target=self._read, name="journalctl words", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._pipe, 4096)
            except OSError:
                return
            if not data:
                return
            self._end = (self._end + data)[-_WORDS:]

    def text(self) -> str:
        """Give it, when the child has ended."""
        self._thread.join(1.0)
        return self._end.decode(errors="replace").strip()


def _end(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(_STOPS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
