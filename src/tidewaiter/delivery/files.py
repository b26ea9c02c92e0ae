"""Findings as lines of a file or of standard output.

A delivered line is on disk: written and synced. After a crash the lines behind the place that was written down are
looked at, so that a finding that is there already is not written again.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from tidewaiter.delivery.parcel import Outcome, Parcel
from tidewaiter.delivery.rendered import Form, lines

_LOOKED_AT = 32 << 20  # bytes at the end of the file that are read after a start, at the most
_NOT_SYNCED = {errno.EINVAL, errno.ENOTSUP, errno.EROFS}  # pipes, terminals, devices


class LineFile:
    """Appends to a file that another program may rotate: by renaming, or by copying and cutting it to nothing."""

    def __init__(
        self, path: Path, form: Form, *, mode: int = 0o640, mark: Callable[[], str | None] | None = None
    ) -> None:
        self._path = path
        self._form = form
        self._mode = mode
        self._mark = mark
        self._fd: int | None = None
        self._there: set[bytes] | None = None  # lines that a crash kept from being written down

    def send(self, parcels: Sequence[Parcel]) -> Outcome:
        """Append the findings and sync them."""
        made, broken = lines(self._form, parcels)
        try:
            fd = self._opened()
            there = self._there or set()
            # A line end inside of a message would be two messages; renderings do not make one.
            fresh = b"".join(message + b"\n" for _, message in made if message not in there)
            mark = self._append(fd, fresh)
        except OSError as problem:
            self.close()
            return Outcome(refused=broken, reason=f"{self._path}: {problem.strerror or problem}")
        return Outcome(delivered=tuple(parcel.number for parcel, _ in made), refused=broken, mark=mark)

    def _opened(self) -> int:
        """Give the open file; a new one when the name stands for another by now."""
        if self._fd is not None and not self._is_ours(self._fd):
            self.close()
        if self._fd is None:
            # Reading is for what a crash left; a pipe or a terminal is only written.
            flags = os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY
            special = self._path.exists() and not self._path.is_file()
            self._fd = os.open(self._path, flags | (os.O_WRONLY if special else os.O_RDWR), self._mode)
            if self._there is None:
                self._there = set() if special else _unrecorded(self._fd, self._mark() if self._mark else None)
        return self._fd

    def _is_ours(self, fd: int) -> bool:
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return False
        mine = os.fstat(fd)
        return (named.st_dev, named.st_ino) == (mine.st_dev, mine.st_ino)

    def _append(self, fd: int, data: bytes) -> str:
        before = os.fstat(fd)
        try:
            write_whole(fd, data)
            sync(fd)
        except OSError:
            if stat.S_ISREG(before.st_mode):  # a part of a line must not stay: the disk was full
                os.ftruncate(fd, before.st_size)
            raise
        after = os.fstat(fd)
        return f"{after.st_dev}:{after.st_ino}:{after.st_size}"

    def close(self) -> None:
        """Close the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _unrecorded(fd: int, mark: str | None) -> set[bytes]:
    """Give the lines behind the place that was written down last, and cut off a piece of a line after it.

    Without a place, or in another file than that of the place, the lines at the end of the file.
    """
    state = os.fstat(fd)
    start = max(0, state.st_size - _LOOKED_AT)
    dev, _, rest = (mark or "").partition(":")
    ino, _, offset = rest.partition(":")
    ours = (dev, ino) == (str(state.st_dev), str(state.st_ino)) and offset.isdecimal()
    if ours and int(offset) <= state.st_size:  # else it was cut to nothing meanwhile
        start = max(start, int(offset))
    data = os.pread(fd, state.st_size - start, start)
    whole, _, piece = data.rpartition(b"\n")
    if piece and ours:
        os.ftruncate(fd, state.st_size - len(piece))
    elif piece:
        write_whole(fd, b"\n")  # whoever wrote it: our lines are lines of their own
    return {line for line in whole.split(b"\n") if line}


class Stream:
    """Writes to an open file that is not ours to close, such as standard output."""

    def __init__(self, fd: int, form: Form) -> None:
        self._fd = fd
        self._form = form

    def send(self, parcels: Sequence[Parcel]) -> Outcome:
        """Write the findings."""
        made, broken = lines(self._form, parcels)
        try:
            write_whole(self._fd, b"".join(message + b"\n" for _, message in made))
            sync(self._fd)
        except OSError as problem:
            return Outcome(refused=broken, reason=f"standard output: {problem.strerror or problem}")
        return Outcome(delivered=tuple(parcel.number for parcel, _ in made), refused=broken)

    def close(self) -> None:
        """Do nothing: it is not ours."""


def write_whole(fd: int, data: bytes) -> None:
    """Write all of it."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def sync(fd: int) -> None:
    """Put what was written on disk, where that means anything."""
    try:
        os.fsync(fd)
    except OSError as problem:
        if problem.errno not in _NOT_SYNCED:
            raise
