"""The journal: what was acknowledged is here, on disk, until the engine has made use of it.

A folder of segments `0000000000000001.journal`, each a run of records:

    4 bytes  length of what follows the checksum, little endian
    4 bytes  CRC-32 of it
    2 bytes  length of the head
    head     MessagePack [stream, position, line, offset]
    data     complete lines, as they came

A segment begins with a record without data for each position known by then: earlier segments can go without losing one.
What a crash left half-written at the end is cut off when the journal is opened: it was never acknowledged.
"""

from __future__ import annotations

import errno
import os
import shutil
import struct
import threading
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

import msgspec

from tidewaiter.errors import StoreError

SEGMENT = 64 << 20  # bytes, about
LIMIT = 8 << 30  # bytes waiting for the engine, above which nothing more is taken
SPARE = 32 << 20  # bytes that must be free on the disk before a full one counts as usable again
WAITING = 64 << 20  # bytes of data that may wait for the writer
_POSITIONS = 20_000  # streams of which it is remembered how far they were read
_FRAME = struct.Struct("<II")
_HEAD = struct.Struct("<H")
_MOST = 256 << 20  # no record is larger; a length above this is damage
_Head = tuple[str, str, int, int]
_heads = msgspec.msgpack.Decoder(_Head)


class JournalFull(StoreError):  # noqa: N818 - the name senders know it by
    """The journal cannot take more: nothing of what was given was kept, and whoever sent it should send it again."""


class Place(NamedTuple):
    """A point between two records."""

    segment: int
    offset: int


START = Place(0, 0)


class Entry(NamedTuple):
    """Lines of one stream, and the place behind them."""

    stream: str
    data: bytes
    line: int  # 1-based number of the first line and offset of its first byte, in what the stream is made from;
    offset: int  # both 0 when nobody counts (a request)
    after: Place


class _Put(NamedTuple):
    record: tuple[bytes, bytes]  # head with its frame, and the data
    stream: str
    position: str
    done: Future[None]


class Journal:
    """Takes lines from many threads, makes them durable together, and gives them to one reader in their order.

    Opening raises StoreError when the folder cannot be used.
    """

    def __init__(self, directory: Path, *, limit: int = LIMIT, segment: int = SEGMENT) -> None:
        self._directory = directory
        self._limit = limit
        self._segment_size = segment
        self.damaged = 0  # bytes of segments that could not be read any more
        self._positions: dict[str, str] = {}
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._waiting: deque[_Put] = deque()
        self._waiting_bytes = 0
        self._file, self._number = -1, 0
        self._full = ""  # why nothing can be written at the moment
        self._closing = False
        self._sizes: dict[int, int] = {}  # durable bytes of each segment
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._recover()
            self._begin_segment(max(self._sizes, default=0) + 1)
        except OSError as problem:
            raise StoreError(
                f"the journal cannot be opened: {problem.strerror}",
                where=str(directory),
                hint="the account that runs tidewaiter must be able to write there, and the disk must not be full",
            ) from problem
        self._writer = threading.Thread(target=self._write, name="journal", daemon=True)
        self._writer.start()

    # --- taking in

    def put(self, stream: str, data: bytes, *, position: str = "", line: int = 0, offset: int = 0) -> Future[None]:
        """Take complete lines in; the future is done when they and the position are on disk.

        The future raises JournalFull when they could not be written: then nothing of them was kept.
        """
        head = msgspec.msgpack.encode((stream, position, line, offset))
        crc = zlib.crc32(data, zlib.crc32(head, zlib.crc32(_HEAD.pack(len(head)))))
        framed = _FRAME.pack(_HEAD.size + len(head) + len(data), crc) + _HEAD.pack(len(head)) + head
        put = _Put((framed, data), stream, position, Future())
        with self._wake:
            why = self._refusal(len(data))
            if not why:
                self._waiting.append(put)
                self._waiting_bytes += len(data)
                self._wake.notify()
        if why:
            put.done.set_exception(_full(why, self._directory))
        return put.done

    def position(self, stream: str) -> str | None:
        """Give the last durable position of a stream, or None when there is none."""
        with self._lock:
            return self._positions.get(stream)

    @property
    def writable(self) -> bool:
        """Tell whether more can be taken; a full disk is looked at again each time this is asked."""
        with self._lock:
            if self._full and self._free() >= SPARE:
                self._full = ""
            return not self._refusal(0)

    @property
    def backlog(self) -> int:
        """Bytes on disk, used or not yet."""
        with self._lock:
            return sum(self._sizes.values())

    def _refusal(self, size: int) -> str:
        if self._closing:
            return "the service is stopping"
        if self._full and self._free() < SPARE:
            return self._full
        if sum(self._sizes.values()) + self._waiting_bytes + size > self._limit:
            return f"{self._limit} bytes wait for the engine already"
        if self._waiting and self._waiting_bytes + size > WAITING:
            return "the disk does not keep up"
        return ""

    def _free(self) -> int:
        try:
            disk = os.statvfs(self._directory)
        except OSError:
            return 0
        return disk.f_bavail * disk.f_frsize

    def _write(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and not self._closing:
                    self._wake.wait()
                puts = list(self._waiting)
                self._waiting.clear()
                if not puts:
                    return
            self._write_together(puts)

    def _write_together(self, puts: list[_Put]) -> None:
        """Write records and make them durable with one sync; all of them, or none."""
        number, before = self._number, self._sizes[self._number]
        try:
            _write_all(self._file, [piece for put in puts for piece in put.record])
            os.fdatasync(self._file)
        except OSError as problem:
            self._take_back(before)
            with self._lock:
                self._full = problem.strerror or str(problem)
                self._waiting_bytes -= sum(len(put.record[1]) for put in puts)
            for put in puts:
                put.done.set_exception(_full(self._full, self._directory))
            return
        with self._lock:
            self._full = ""
            self._waiting_bytes -= sum(len(put.record[1]) for put in puts)
            self._sizes[number] = before + sum(len(piece) for put in puts for piece in put.record)
            for put in puts:
                if put.position:
                    self._remember(put.stream, put.position)
        if self._sizes[number] >= self._segment_size:
            try:
                self._begin_segment(number + 1)
            except OSError as problem:  # go on in the old segment: the next round tries again
                with self._lock:
                    self._full = problem.strerror or str(problem)
        for put in puts:
            put.done.set_result(None)

    def _remember(self, stream: str, position: str) -> None:
        """Keep a position; of too many, those that moved last: a file read again later changes nothing."""
        self._positions.pop(stream, None)
        self._positions[stream] = position
        if len(self._positions) > _POSITIONS:
            del self._positions[next(iter(self._positions))]

    def _take_back(self, size: int) -> None:
        try:
            os.ftruncate(self._file, size)
            os.lseek(self._file, size, os.SEEK_SET)
        except OSError:  # the checksum of the next record will not hold, so recovery finds this place
            self._begin_segment(self._number + 1)

    def _begin_segment(self, number: int) -> None:
        path = self._path(number)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            known = [self._bare(stream, position) for stream, position in self._positions.items()]
            _write_all(file, known)
            os.fdatasync(file)
            _sync_folder(self._directory)
        except OSError:
            os.close(file)
            path.unlink(missing_ok=True)
            raise
        if self._file >= 0:
            os.close(self._file)
        with self._lock:
            self._file, self._number = file, number
            self._sizes[number] = sum(map(len, known))

    @staticmethod
    def _bare(stream: str, position: str) -> bytes:
        head = msgspec.msgpack.encode((stream, position, 0, 0))
        payload = _HEAD.pack(len(head)) + head
        return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload

    # --- giving out

    def read(self, after: Place, most: int) -> tuple[list[Entry], Place]:
        """Give durable entries behind a place, about `most` bytes of them, and the place behind the last one."""
        with self._lock:
            sizes = sorted((number, size) for number, size in self._sizes.items() if number >= after.segment)
        found: list[Entry] = []
        taken = 0
        for number, size in sizes:
            offset = after.offset if number == after.segment else 0
            for head, data, end in _records(self._path(number), offset, size):
                after = Place(number, end)
                if data:
                    found.append(Entry(head[0], data, head[2], head[3], after))
                    taken += len(data)
                    if taken >= most:
                        return found, after
            after = self._behind(after, number, size, last=number == sizes[-1][0])
        return found, after

    def _behind(self, after: Place, number: int, size: int, *, last: bool) -> Place:
        """Say where to go on after the records of a segment that could be read."""
        end = after.offset if after.segment == number else 0
        if end < size and not last:
            self.damaged += size - end
        return Place(number, size) if not last or end >= size else after

    def copy(self, folder: Path, since: Place) -> None:
        """Copy what is behind a place into another folder. Raises OSError."""
        folder.mkdir(mode=0o700)
        with self._lock:
            sizes = {number: size for number, size in self._sizes.items() if number >= since.segment}
        for number, size in sizes.items():
            target = folder / self._path(number).name
            shutil.copyfile(self._path(number), target)
            os.truncate(target, size)  # what was written meanwhile is not durable, or comes with the next copy

    def has(self, place: Place) -> bool:
        """Tell whether a place lies in this journal: one that was made anew begins before it."""
        with self._lock:
            return place.segment <= self._number

    def forget(self, before: Place) -> None:
        """Let go of segments that lie wholly before a place."""
        with self._lock:
            gone = [number for number in self._sizes if number < before.segment and number != self._number]
            for number in gone:
                del self._sizes[number]
        for number in gone:
            self._path(number).unlink(missing_ok=True)

    def close(self) -> None:
        """Write what waits, and let go of the files."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._writer.join()
        os.close(self._file)

    # --- at the start

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:016d}.journal"

    def _recover(self) -> None:
        """Find what is there; cut off what was not finished."""
        numbers = sorted(int(path.stem) for path in self._directory.glob("*.journal") if path.stem.isdecimal())
        for number in numbers:
            path = self._path(number)
            size, end = path.stat().st_size, 0
            for head, _, after in _records(path, 0, size):
                end = after
                if head[1]:
                    self._remember(head[0], head[1])
            if end < size and number == numbers[-1]:
                os.truncate(path, end)
                size = end
            self._sizes[number] = size


def _full(why: str, directory: Path) -> JournalFull:
    return JournalFull(
        f"nothing more can be taken in: {why}",
        where=str(directory),
        hint="free space on the disk, or find out why the engine does not keep up; senders will try again",
    )


def _write_all(file: int, pieces: list[bytes]) -> None:
    waiting = [memoryview(piece) for piece in pieces if piece]
    while waiting:
        done = os.writev(file, waiting[:512])
        if not done:
            raise OSError(errno.EIO, "nothing could be written")
        while waiting and done >= len(waiting[0]):
            done -= len(waiting.pop(0))
        if done:
            waiting[0] = waiting[0][done:]


def _sync_folder(directory: Path) -> None:
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _records(path: Path, offset: int, size: int) -> Iterator[tuple[_Head, bytes, int]]:
    """Give the records between two offsets, each with the offset behind it; ends before the first that is damaged."""
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        while offset + _FRAME.size <= size:
            frame = file.read(_FRAME.size)
            if len(frame) < _FRAME.size:
                return
            length, crc = _FRAME.unpack(frame)
            if not _HEAD.size <= length <= _MOST or offset + _FRAME.size + length > size:
                return
            payload = file.read(length)
            if len(payload) < length or zlib.crc32(payload) != crc:
                return
            (head_size,) = _HEAD.unpack_from(payload)
            try:
                head = _heads.decode(payload[_HEAD.size : _HEAD.size + head_size])
            except msgspec.DecodeError:
                return
            offset += _FRAME.size + length
            yield head, payload[_HEAD.size + head_size :], offset
