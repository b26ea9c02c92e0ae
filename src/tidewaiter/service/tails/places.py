"""How far a file was read: which file, and up to where. Kept as text in the journal, together with the lines.

A file is known by device and inode, and by what was read of it: marks of its first bytes, and of those before the
offset. A number alone is not enough, because inodes are used again and `copytruncate` keeps them; the marks also tell
the copy of a file, and the compressed one.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Protocol

import msgspec

HEAD = 1024  # bytes at the start of a file that are marked
TAIL = 256  # bytes before the offset that are marked


class Readable(Protocol):
    """Bytes that can be read at a place; OSError and SourceError come through."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Give bytes from an offset on, fewer than asked for at the end only."""


class FilePlace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"inside_long": "long"}):
    """One file, and what was read of it."""

    device: int
    inode: int
    offset: int = 0  # in the plain text, also of a compressed file
    line: int = 1  # number of the line at the offset
    head: str = ""  # mark of the first bytes, HEAD at most and none behind the offset
    tail: str = ""  # mark of the bytes before the offset, TAIL at most
    modified: int = 0  # ns; of the file, when it was last read
    inside_long: bool = False  # the offset is inside a line that is too long
    ended: bool = False  # read to its end when a newer file was there already

    def same_file(self, device: int, inode: int) -> bool:
        """Tell whether it has this number."""
        return (self.device, self.inode) == (device, inode)


class Position(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All files that one input was read from lately, the oldest first."""

    files: tuple[FilePlace, ...]
    target: str = ""  # where the path led, if it led out of its folder

    def text(self) -> str:
        """Write it for the journal."""
        return msgspec.json.encode(self).decode()


def position_from(text: str) -> Position | None:
    """Read what `Position.text` wrote; None when it is something else."""
    try:
        return msgspec.json.decode(text.encode(), type=Position)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None


def mark(data: bytes) -> str:
    """Give a short mark by which to know bytes again; nothing has no mark."""
    return blake2b(data, digest_size=8).hexdigest() if data else ""


def marked(place: FilePlace, file: Readable) -> FilePlace:
    """Give a place with the marks of the file up to its offset."""
    head, tail = _marks(place.offset, file)
    return msgspec.structs.replace(place, head=head, tail=tail)


def holds(place: FilePlace, file: Readable) -> bool:
    """Tell whether a file begins with exactly what was read up to this place, as far as the marks can tell."""
    return _marks(place.offset, file) == (place.head, place.tail)


def _marks(offset: int, file: Readable) -> tuple[str, str]:
    """Give both marks; of a file that is shorter than the offset, marks that are of no place."""
    if not offset:
        return "", ""
    first = min(offset, HEAD)
    head = file.read_at(0, first)
    last = min(offset, TAIL)
    tail = file.read_at(offset - last, last)
    if len(head) < first or len(tail) < last:
        return "short", "short"
    return mark(head), mark(tail)
