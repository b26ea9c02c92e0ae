"""The files that a log went through, opened again: those of a kept position, and those that came between."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from tidewaiter.errors import SourceError
from tidewaiter.service.tails import rotated
from tidewaiter.service.tails.access import Roots
from tidewaiter.service.tails.places import HEAD, TAIL, FilePlace, Position, holds, mark, marked
from tidewaiter.service.tails.reading import Packed, Plain


class LogFile:
    """One file of a log."""

    def __init__(self, reader: Plain | Packed, place: FilePlace, now: float) -> None:
        status = reader.status()
        self.reader: Plain | Packed | None = reader
        modified = place.modified or status.st_mtime_ns
        self.place = msgspec.structs.replace(place, device=status.st_dev, inode=status.st_ino, modified=modified)
        # Of a file of which nothing was read: how it began when it was opened.
        self._start = b"" if place.offset else reader.read_at(0, TAIL)
        self.seen: tuple[int, int] | None = None  # size and time
        self.dry = False  # nothing more was to be had at that size and time
        self.quiet_since = now

    def begun_anew(self) -> bool:
        """Tell whether a file of which nothing was read has begun, or begins otherwise, since it was opened."""
        if self.place.offset or self.reader is None:
            return False
        begins = self.reader.read_at(0, len(self._start) or 1)
        return begins != self._start

    def unfinished(self) -> bool:
        """Tell whether something stands behind the last line end."""
        return isinstance(self.reader, Plain) and self.reader.status().st_size > self.place.offset

    def close(self) -> None:
        """Let go of it; its place is still known."""
        if self.reader is not None:
            self.reader.close()
            self.reader = None


def found(
    position: Position, log: Path, roots: Roots, current: Plain | None, now: float
) -> tuple[list[LogFile], list[FilePlace]]:
    """Open the files of a position again; also give the places whose files are not to be found."""
    files: list[LogFile] = []
    gone: list[FilePlace] = []
    for place in position.files:
        reader = _again(place, log, roots, current)
        if reader is None:
            gone.append(place)
            continue
        file = LogFile(reader, place, now)
        if any(file.place.same_file(other.place.device, other.place.inode) for other in files):
            if reader is not current:
                reader.close()
            continue
        files.append(file)
    return files, gone


def _again(place: FilePlace, log: Path, roots: Roots, current: Plain | None) -> Plain | Packed | None:
    if current is not None and place.same_file(*current.identity()) and holds(place, current):
        return current
    with suppress(OSError):
        return rotated.find(place, log, roots)
    return None


def between(known: list[LogFile], gone: list[FilePlace], log: Path, roots: Roots, now: float) -> list[LogFile]:
    """Open the parts of a log that are newer than what was not read to its end, and not known: they came between."""
    places = [file.place for file in known] + gone
    if not places:
        return []
    than = min((place.modified for place in places if not place.ended), default=places[-1].modified)

    def unknown(file: Plain | Packed) -> bool:
        return not (any(_is(file, place) for place in gone) or any(_same(file, one) for one in known))

    with suppress(OSError):
        new = FilePlace(device=0, inode=0)
        return [LogFile(file, new, now) for file in rotated.newer(log, than, roots, unknown)]
    return []


def _same(file: Plain | Packed, known: LogFile) -> bool:
    """Tell whether a file is one that is known, or a copy of it."""
    if known.reader is not None and known.reader.identity() == file.identity():
        return True
    if not isinstance(known.reader, Plain):
        return _is(file, known.place)
    size = known.reader.status().st_size
    place = marked(msgspec.structs.replace(known.place, offset=size), known.reader)
    return _is(file, place)


def _is(file: Plain | Packed, place: FilePlace) -> bool:
    """Tell whether a file is the one that was read up to a place, or a copy of it."""
    if not place.offset:
        return False  # nothing marks it, and its number may be used again
    try:
        # A copy that was made before all of it was read is shorter.
        short = not file.read_at(place.offset - 1, 1)
        return mark(file.read_at(0, min(place.offset, HEAD))) == place.head if short else holds(place, file)
    except SourceError:
        return False
