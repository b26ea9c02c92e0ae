"""Lines from standard input. Its end is said, and the service goes on without it."""

from __future__ import annotations

import os
import selectors

from tidewaiter.service.tails.feed import Feed, Put
from tidewaiter.settings.tails import StdinTail

BATCH = 1 << 20
_LOOK = 0.25  # seconds between two looks whether the tail is to stop


class Stdin:
    """One `[[tail]]` of kind stdin."""

    def __init__(self, settings: StdinTail, feed: Feed, *, descriptor: int = 0) -> None:
        self._settings = settings
        self._feed = feed
        self._descriptor = descriptor
        self._line = 1  # number of the first line that was not handed on yet, and where it begins
        self._offset = 0
        self._rest = b""
        self._skipping = False

    def run(self) -> None:
        """Read until the input ends or the tail is stopped."""
        board = self._feed.board
        board.state("running")
        board.follows(1)
        try:
            ended = self._read()
        except OSError as problem:
            board.trouble("read-error", self._settings.title, problem.strerror or str(problem))
            return
        if ended:
            if self._rest and not self._skipping:
                board.count("unfinished-line")
                self._take(self._rest + b"\n")
            board.happened("ended", self._settings.title, "standard input has ended; everything else goes on")
            board.state("ended")
            board.follows(0)

    def _read(self) -> bool:
        """Hand on what comes; True at the end of the input, False when the tail is to stop."""
        with selectors.SelectSelector() as ready:  # unlike epoll, takes files as well
            ready.register(self._descriptor, selectors.EVENT_READ)
            while not self._feed.stop.is_set():
                if not ready.select(_LOOK):
                    continue
                data = os.read(self._descriptor, BATCH)
                if not data:
                    return True
                if not self._lines(data):
                    break
        return False

    def _lines(self, data: bytes) -> bool:
        if self._skipping:
            at = data.find(b"\n") + 1
            self._offset += at or len(data)
            if not at:
                return True
            self._skipping = False
            self._line += 1
            data = data[at:]
        end = data.rfind(b"\n") + 1
        if end:
            lines, self._rest = self._rest + data[:end], data[end:]
            if not self._take(lines):
                return False
        else:
            self._rest += data
        if len(self._rest) > self._settings.max_line:
            self._feed.board.happened("line-too-long", self._settings.title, f"line {self._line}, byte {self._offset}")
            self._offset += len(self._rest)
            self._rest = b""
            self._skipping = True
        return True

    def _take(self, lines: bytes) -> bool:
        if not self._feed.put(Put(self._settings.title, lines, "", self._line, self._offset)):
            self._feed.board.happened("lost", self._settings.title, f"{len(lines)} bytes were read, but not kept")
            return False
        self._line += lines.count(b"\n")
        self._offset += len(lines)
        return True
