"""What tests of tails share: a journal in memory, a clock that is set, and a log that is rotated as real ones are."""

from __future__ import annotations

import gzip
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tidewaiter.errors import StoreError
from tidewaiter.service.tails.feed import Board, Feed
from tidewaiter.service.tails.files import Files
from tidewaiter.settings.tails import FileTail


class Kept(NamedTuple):
    """What the journal was given."""

    stream: str
    data: bytes
    position: str
    line: int
    offset: int


class Memory:
    """A journal that keeps everything in memory; `refuse` makes it full for so many times."""

    def __init__(self) -> None:
        self.kept: list[Kept] = []
        self.refuse = 0
        self._positions: dict[str, str] = {}
        self._lock = threading.Lock()

    def put(self, stream: str, data: bytes, *, position: str = "", line: int = 0, offset: int = 0) -> Future[None]:
        done: Future[None] = Future()
        with self._lock:
            if self.refuse:
                self.refuse -= 1
                done.set_exception(StoreError("nothing more can be taken in: No space left on device"))
                return done
            if data:
                self.kept.append(Kept(stream, data, position, line, offset))
            if position:
                self._positions[stream] = position
        done.set_result(None)
        return done

    def position(self, stream: str) -> str | None:
        with self._lock:
            return self._positions.get(stream)

    def lines(self, stream: str | None = None) -> list[str]:
        """Give the lines of a stream, or of all, in the order in which they came."""
        with self._lock:
            data = b"".join(kept.data for kept in self.kept if stream in {None, kept.stream})
        return data.decode().split("\n")[:-1]


class Follower:
    """Files followed step by step, with a clock of their own."""

    def __init__(self, journal: Memory, *paths: Path | str, **settings: Any) -> None:
        self.journal = journal
        self.settings = FileTail(paths=tuple(map(str, paths)), **settings)
        self.now = 1000.0
        self.start()

    def start(self) -> None:
        self.board = Board(self.settings.title, "file")
        self.files = Files(self.settings, Feed(self.journal, self.board, threading.Event()), clock=lambda: self.now)

    def restart(self) -> None:
        """As after kill -9: nothing is left but what the journal has."""
        self.files.close()
        self.start()

    def poll(self, *, seconds: float = 0.0) -> None:
        """Look until nothing more is found."""
        self.now += seconds
        for _ in range(200):
            if self.files.round() > 0 and not self.journal.refuse:
                return
        raise AssertionError("reading never ends")

    def look(self) -> None:
        """Look once."""
        self.files.round()

    @property
    def counts(self) -> dict[str, int]:
        return self.board.show().counts


class Log:
    """A log and the program that writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.touch()
        self.file = path.open("ab", buffering=0)

    def write(self, text: str) -> None:
        self.file.write(text.encode())

    def reopen(self) -> None:
        self.file.close()
        self.file = self.path.open("ab", buffering=0)

    def parts(self) -> list[Path]:
        """Give the rotated parts by age, the newest first."""
        found = [one for one in self.path.parent.iterdir() if one.name.startswith(self.path.name + ".")]
        return sorted(found, key=lambda one: int(one.name.removeprefix(self.path.name).split(".")[1]))

    def shift(self) -> Path:
        """Make room for the next part: a.log.2.gz becomes a.log.3.gz, and so on."""
        for part in reversed(self.parts()):
            number, *ending = part.name.removeprefix(self.path.name + ".").split(".")
            part.rename(self.path.with_name(".".join([self.path.name, str(int(number) + 1), *ending])))
        return self.path.with_name(self.path.name + ".1")

    def rename(self, *, reopen: bool = True) -> None:
        """Rotate by renaming, with a new file in its place."""
        self.path.rename(self.shift())
        self.path.touch()
        if reopen:
            self.reopen()

    def copy_and_cut(self, *, copy: bool = True) -> None:
        """Rotate as `copytruncate` does, or cut without a copy."""
        part = self.shift()
        if copy:
            shutil.copyfile(self.path, part)
        os.truncate(self.path, 0)

    def compress(self, part: Path) -> None:
        """Compress a part as logrotate does: with the time of the original."""
        status = part.stat()
        packed = part.with_name(part.name + ".gz")
        packed.write_bytes(gzip.compress(part.read_bytes(), 1))
        os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
        part.unlink()


def wait_for(holds: Callable[[], Any], what: str, seconds: float = 15.0) -> None:
    """Wait for something that another thread does."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.01)


@contextmanager
def running(work: Any, feed: Feed) -> Iterator[Any]:
    """Run a worker in a thread of its own until the end of the block."""
    thread = threading.Thread(target=work.run)
    thread.start()
    try:
        yield work
    finally:
        feed.stop.set()
        getattr(work, "wake", lambda: None)()
        thread.join(15)
    assert not thread.is_alive()


def feed_into(journal: Memory, settings: Any = None) -> Feed:
    """Give the way into a journal."""
    title = settings.title if settings is not None else "test"
    return Feed(journal, Board(title, "test"), threading.Event())
