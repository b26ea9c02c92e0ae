"""What all tails share: the way into the journal, and the board on which they say how they are.

Nothing is acknowledged, and no position moves, before the journal has the lines and the position on disk. A journal
that is full is waited for: files, the systemd journal, TCP senders and Kafka wait with it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import NamedTuple, Protocol

import msgspec
from tenacity import Retrying, retry_if_exception_type, sleep_using_event, stop_when_event_set, wait_random_exponential

from tidewaiter.errors import StoreError
from tidewaiter.wording.visible import visible

log = logging.getLogger("tidewaiter.tails")

LONGEST_PAUSE = 15.0  # seconds between two tries
_MOST_PROBLEMS = 100  # kept with their words; all are counted


class Journal(Protocol):
    """What a tail needs of the journal (tidewaiter.service.journal)."""

    def put(self, stream: str, data: bytes, *, position: str = "", line: int = 0, offset: int = 0) -> Future[None]:
        """Take complete lines; the future is done when lines and position are on disk, and may raise StoreError."""

    def position(self, stream: str) -> str | None:
        """Give the last durable position of a stream."""


class Put(NamedTuple):
    """Complete lines on their way into the journal."""

    stream: str
    data: bytes
    position: str = ""
    line: int = 0
    offset: int = 0


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that keeps a tail from reading, as long as it lasts."""

    key: str
    where: str
    detail: str


class TailStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How one `[[tail]]` is."""

    title: str
    kind: str
    state: str  # starting, running, waiting (the journal is full), ended (input is over), stopped, failed
    streams: int  # inputs followed now
    lines: int  # taken since the start
    bytes: int
    counts: dict[str, int]  # what else happened, such as rotated, truncated, line-too-long, lost
    problems: tuple[Problem, ...]


class Board:
    """Where a tail says how it is; read by other threads."""

    def __init__(self, title: str, kind: str) -> None:
        self.title = title
        self.kind = kind
        self._lock = threading.Lock()
        self._state = "starting"
        self._streams = 0
        self._lines = 0
        self._bytes = 0
        self._counts: dict[str, int] = {}
        self._problems: dict[tuple[str, str], Problem] = {}

    def state(self, state: str) -> None:
        """Say what the tail is doing."""
        with self._lock:
            self._state = state

    def follows(self, streams: int) -> None:
        """Say how many inputs are followed."""
        with self._lock:
            self._streams = streams

    def took(self, data: bytes) -> None:
        """Count lines that are in the journal."""
        lines = data.count(b"\n")
        with self._lock:
            self._lines += lines
            self._bytes += len(data)

    def count(self, key: str, times: int = 1) -> None:
        """Count something that happened."""
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + times

    def happened(self, key: str, where: str, detail: str) -> None:
        """Count something that happened, and write it to the log."""
        self.count(key)
        log.warning("%s: %s: %s", key, visible(where), visible(detail))

    def trouble(self, key: str, where: str, detail: str) -> None:
        """Say what keeps the tail from reading; it goes to the log once, until it is over or has other words."""
        with self._lock:
            before = self._problems.get((key, where))
            if before is not None and before.detail == detail:
                return
            if before is None:
                self._counts[key] = self._counts.get(key, 0) + 1
                if len(self._problems) >= _MOST_PROBLEMS:
                    return
            self._problems[key, where] = Problem(key=key, where=where, detail=detail)
        log.warning("%s: %s: %s", key, visible(where), visible(detail))

    def over(self, key: str, where: str) -> None:
        """Say that a problem is no more."""
        with self._lock:
            gone = self._problems.pop((key, where), None)
        if gone is not None:
            log.info("%s: %s: over", key, visible(where))

    def show(self) -> TailStatus:
        """Give everything said so far."""
        with self._lock:
            return TailStatus(
                title=self.title,
                kind=self.kind,
                state=self._state,
                streams=self._streams,
                lines=self._lines,
                bytes=self._bytes,
                counts=dict(sorted(self._counts.items())),
                problems=tuple(self._problems.values()),
            )


class Feed:
    """The way of one tail into the journal."""

    def __init__(self, journal: Journal, board: Board, stop: threading.Event) -> None:
        self.journal = journal
        self.board = board
        self.stop = stop

    def offer(self, puts: Sequence[Put]) -> list[bool]:
        """Put lines in once, all at the same time; say which are on disk. The others may be offered again."""
        waiting = [
            self.journal.put(put.stream, put.data, position=put.position, line=put.line, offset=put.offset)
            for put in puts
        ]
        kept: list[bool] = []
        for put, future in zip(puts, waiting, strict=True):
            try:
                future.result()
            except StoreError as problem:
                self.board.trouble("journal-full", "journal", problem.what)
                self.board.state("waiting")
                kept.append(False)
            else:
                self.board.took(put.data)
                kept.append(True)
        if kept and all(kept):
            self.board.over("journal-full", "journal")
            self.board.state("running")
        return kept

    def put(self, put: Put) -> bool:
        """Put lines in and wait until they are on disk, as often as it takes; False when the tail was stopped first."""
        return self._until_kept(lambda: self._offered(put))

    def _offered(self, put: Put) -> None:
        if not all(self.offer([put])):
            raise _NotKeptError

    def _until_kept(self, act: Callable[[], None]) -> bool:
        try:
            retrying(self.stop, _NotKeptError)(act)
        except _NotKeptError:
            return False
        return True


class _NotKeptError(Exception):
    """The journal did not take it this time."""


def retrying(stop: threading.Event, *errors: type[Exception]) -> Retrying:
    """Try again after these errors, with growing pauses, until it works or the tail is stopped (then it raises)."""
    return Retrying(
        retry=retry_if_exception_type(errors),
        wait=wait_random_exponential(multiplier=0.1, max=LONGEST_PAUSE),
        stop=stop_when_event_set(stop),
        sleep=sleep_using_event(stop),
        reraise=True,
    )


def whole_lines(message: bytes) -> bytes:
    """Make lines of a message: a JSON document over several lines becomes one, the last line gets its end."""
    message = message.strip(b"\r\n\0")
    if b"\n" in message and _is_document(message):
        message = message.replace(b"\r", b" ").replace(b"\n", b" ")  # JSON strings hold no bare line ends
    return message + b"\n" if message else b""


def _is_document(message: bytes) -> bool:
    try:
        msgspec.json.decode(message, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
