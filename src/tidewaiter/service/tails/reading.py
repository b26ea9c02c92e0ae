"""From a growing file to its next run of complete lines, from one read to the next.

Each read begins with the bytes just before the place and compares their mark: a file that was cut and filled again is
noticed however fast it grows. Zero bytes, which crashes and `copytruncate` leave, are left out as in sources/blocks.py;
those at the end of a file are waited on, because some programs reserve space before they write.
"""

from __future__ import annotations

import codecs
import errno
import os
import re
from typing import NamedTuple, Self

import msgspec

from tidewaiter.service.tails.places import HEAD, TAIL, FilePlace, mark
from tidewaiter.sources.compression import decompressed
from tidewaiter.sources.streams import Counted

CHUNK = 1 << 20
_GAP = re.compile(rb"\0{8,}|(?<=\n)\0+")
_ZEROS = b"\0"


class ChangedError(Exception):
    """What was read of the file before is not in it any more: it was cut, or written anew."""


class Piece(NamedTuple):
    """Complete lines of a file, perhaps none, and the place behind them."""

    data: bytes
    line: int  # number of the first one
    offset: int  # of its first byte
    after: FilePlace
    events: tuple[str, ...] = ()  # what was met: nul-gap, line-too-long, unfinished-line


class Plain:
    """An open file."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def read_at(self, offset: int, size: int) -> bytes:
        """Give bytes from an offset on, fewer than asked for at the end only."""
        data = os.pread(self.descriptor, size, offset)
        while data and len(data) < size and (more := os.pread(self.descriptor, size - len(data), offset + len(data))):
            data += more
        return data

    def readinto(self, buffer: memoryview) -> int:
        """Read on, as a stream."""
        return os.readv(self.descriptor, [buffer])

    def data_from(self, offset: int) -> int:
        """Skip a hole: give the next offset at which the file system keeps data."""
        try:
            return os.lseek(self.descriptor, offset, os.SEEK_DATA)
        except OSError as problem:
            if problem.errno == errno.ENXIO:  # nothing but a hole up to the end
                return os.fstat(self.descriptor).st_size
            return offset  # the file system does not know

    def status(self) -> os.stat_result:
        """Give size, time and links."""
        return os.fstat(self.descriptor)

    def identity(self) -> tuple[int, int]:
        """Give device and inode."""
        status = self.status()
        return status.st_dev, status.st_ino

    def close(self) -> None:
        """Close it."""
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Packed:
    """The text of an open compressed file; meant to be read forwards."""

    def __init__(self, plain: Plain) -> None:
        self._plain = plain
        self._again()

    def _again(self) -> None:
        os.lseek(self._plain.descriptor, 0, os.SEEK_SET)
        self._stream = Counted(decompressed(_Borrowed(self._plain)))
        self._have = b""
        self._base = 0

    def read_at(self, offset: int, size: int) -> bytes:
        """Give bytes from an offset on, fewer than asked for at the end only. Raises SourceError, OSError."""
        if offset < self._base:
            self._again()
        while self._base + len(self._have) < offset + size:
            more = self._stream.read(CHUNK)
            if not more:
                break
            keep = max(0, min(offset - self._base, len(self._have)))
            self._have = self._have[keep:] + more
            self._base += keep
        at = offset - self._base
        return self._have[at : at + size]

    def data_from(self, offset: int) -> int:
        """There are no holes."""
        return offset

    def status(self) -> os.stat_result:
        """Give size, time and links of the compressed file."""
        return self._plain.status()

    def identity(self) -> tuple[int, int]:
        """Give device and inode of the compressed file."""
        return self._plain.identity()

    def close(self) -> None:
        """Close it."""
        self._plain.close()


class _Borrowed:
    """A stream over a file that somebody else closes."""

    def __init__(self, plain: Plain) -> None:
        self.readinto = plain.readinto

    def close(self) -> None:
        """Leave it open."""


class _Window(NamedTuple):
    """What one read gave: the place, some bytes before it that are known to be the same as ever, and those behind."""

    file: Plain | Packed
    place: FilePlace
    before: bytes
    fresh: bytes

    def moved(self, by: int, lines: int = 0, events: tuple[str, ...] = (), *, inside: bool = False) -> Piece:
        """Give a piece without lines, and the place that is so many bytes and lines further."""
        place, offset = self.place, self.place.offset + by
        back = min(offset, TAIL)
        # The mark is of bytes that were read together with the lines: a file that is cut meanwhile cannot spoil it.
        known = (self.before + self.fresh[:by])[-back:]
        if by > len(self.fresh):
            known = self.file.read_at(offset - back, back)
        after = msgspec.structs.replace(
            place,
            offset=offset,
            line=place.line + lines,
            head=place.head if place.offset >= HEAD else mark(self.file.read_at(0, min(offset, HEAD))),
            tail=mark(known),
            modified=self.file.status().st_mtime_ns,
            inside_long=inside,
            ended=False,
        )
        return Piece(b"", place.line, place.offset, after, events)

    def given(self, start: int, end: int) -> Piece:
        """Give lines; one that breaks off gets an end."""
        data = self.fresh[start:end]
        if not data:
            return self.moved(end)
        broken = not data.endswith(b"\n")
        if broken:
            data += b"\n"
        piece = self.moved(end, data.count(b"\n"), ("unfinished-line",) if broken else ())
        return piece._replace(data=data, offset=self.place.offset + start)

    def rest_of_long_line(self) -> Piece:
        """Go on inside a line that is too long."""
        end = self.fresh.find(b"\n") + 1
        return self.moved(end, 1) if end else self.moved(len(self.fresh), inside=True)

    def behind_zeros(self) -> Piece | None:
        """Pass over zero bytes, if something stands behind them."""
        at, fresh = self.place.offset, self.fresh
        while fresh:
            zeros = len(fresh) - len(fresh.lstrip(_ZEROS))
            at += zeros
            if zeros < len(fresh):
                return self.moved(at - self.place.offset, 0, ("nul-gap",))
            at = max(at, self.file.data_from(at))
            fresh = self.file.read_at(at, CHUNK)
        return None


def next_piece(  # noqa: PLR0911 -- one for each thing that may stand there
    file: Plain | Packed, place: FilePlace, *, max_line: int, last: bool
) -> Piece | None:
    """Read the next lines behind a place; None when no line is complete.

    `last`: nothing will follow, so a line without an end is taken, too. Raises ChangedError, OSError, SourceError.
    """
    size = min(CHUNK, max_line + 1)
    while True:
        window = _window(file, place, size)
        fresh = window.fresh
        if not fresh:
            return None
        if place.inside_long:
            return window.rest_of_long_line()
        if fresh.startswith(_ZEROS):
            return window.behind_zeros()
        start = len(codecs.BOM_UTF8) if not place.offset and fresh.startswith(codecs.BOM_UTF8) else 0
        end = fresh.rfind(b"\n") + 1
        gap = _GAP.search(fresh, start, end or len(fresh))
        if gap is not None and (end or gap.end() < len(fresh)):
            return window.given(start, gap.start())
        if end:
            return window.given(start, end)
        if len(fresh) < size:
            whole = start + len(fresh[start:].rstrip(_ZEROS))
            return window.given(start, whole) if last and whole > start else None
        if size > max_line:
            return window.moved(len(fresh), 0, ("line-too-long",), inside=True)
        size = min(size * 4, max_line + 1)


def _window(file: Plain | Packed, place: FilePlace, size: int) -> _Window:
    """Read what follows a place, if what comes before it is still there."""
    back = min(place.offset, TAIL)
    data = file.read_at(place.offset - back, back + size)
    if len(data) < back or mark(data[:back]) != place.tail:
        raise ChangedError
    return _Window(file, place, data[:back], data[back:])
