"""Where the rest of a log went: the renamed, copied and compressed files beside it.

Names that rotation gives (logrotate 3.21, newsyslog, kubelet, dockerd, lumberjack): `a.log.1`, `a.log.2.gz`,
`a.log-20261123`, `a-20261123.log.gz`, `0.log.20261123-101010`, `a-2026-11-23T10-10-10.123.log`, `a.log.old`.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tidewaiter.errors import SourceError
from tidewaiter.service.tails.access import Roots, open_regular
from tidewaiter.service.tails.places import FilePlace, holds
from tidewaiter.service.tails.reading import Packed, Plain
from tidewaiter.sources.compression import MAGIC_BYTES, form_of

PACKED = (".gz", ".zst", ".bz2", ".xz")
_DAY = r"\d{4}[-_.]?\d\d[-_.]?\d\d[\dTtZz.:+_-]*"
_PACKED = r"(?:\.(?:gz|zst|bz2|xz))?"
_AFTER = re.compile(rf"(?P<base>.+?)(?:\.(?:\d+|old|bak)|[.\-_]{_DAY})?{_PACKED}")
_BEFORE_ENDING = re.compile(rf"(?P<stem>.+?)[.\-_]{_DAY}(?P<ending>\.(?!gz|zst|bz2|xz)[A-Za-z]\w*){_PACKED}")
_NUMBERED = re.compile(r".+\.\d{1,4}")
_NUMBER = re.compile(r"\.(\d{1,4})(?:\.|\Z)")


class Sibling(NamedTuple):
    """A file beside a log."""

    path: Path
    device: int
    inode: int
    modified: int
    size: int

    @property
    def age(self) -> tuple[int, int, str]:
        """Sorts the older first: rotation and compression keep the time of the last line, and count up."""
        number = _NUMBER.search(self.path.name)
        return self.modified, -int(number[1]) if number else 0, self.path.name


def bases(name: str) -> Iterator[str]:
    """Say of which log a file may be a rotated part, by its name."""
    after = _AFTER.fullmatch(name)
    if after and after["base"] != name:
        yield after["base"]
    before = _BEFORE_ENDING.fullmatch(name)
    if before:
        yield before["stem"] + before["ending"]


def is_rotated(name: str, beside: Iterable[str]) -> bool:
    """Tell whether a file is a rotated part of a log, and so no log of its own, given the names beside it."""
    if name.endswith(PACKED) or _NUMBERED.fullmatch(name):
        return True
    beside = set(beside)
    return any(base in beside for base in bases(name))


def parts(log: Path) -> list[Sibling]:
    """List the rotated parts of a log, the oldest first. Raises OSError."""
    found = [one for one in beside(log.parent) if log.name in bases(one.path.name)]
    names = {one.path.name for one in found}
    # A file that is being compressed is there twice.
    return sorted(
        (one for one in found if not (one.path.suffix in PACKED and one.path.stem in names)), key=lambda one: one.age
    )


def beside(folder: Path) -> Iterator[Sibling]:
    """List the files of a folder, without links. Raises OSError."""
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:  # gone meanwhile
                continue
            if stat.S_ISREG(status.st_mode):
                yield Sibling(Path(entry.path), status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)


def find(place: FilePlace, log: Path, roots: Roots) -> Plain | Packed | None:
    """Look beside a log for the file that was read up to a place: renamed, copied or compressed. Raises OSError."""
    if not place.offset:
        return None  # nothing was read of it, so nothing tells it from others: its number may be used again
    same = [one for one in beside(log.parent) if place.same_file(one.device, one.inode) and one.path != log]
    for one in (*same, *reversed(parts(log))):
        found = _opened(one, roots, lambda file: holds(place, file))
        if found is not None:
            return found
    return None


def newer(log: Path, than: int, roots: Roots, unknown: Callable[[Plain | Packed], bool]) -> list[Plain | Packed]:
    """Open the parts of a log that were written after a time and are not known, the oldest first. Raises OSError."""
    candidates = {(one.device, one.inode): one for one in parts(log) if one.modified >= than}
    opened = (_opened(one, roots, unknown) for one in candidates.values())
    return [file for file in opened if file is not None]


def _opened(one: Sibling, roots: Roots, wanted: Callable[[Plain | Packed], bool]) -> Plain | Packed | None:
    """Open a file if it is still the same and the wanted one."""
    try:
        plain = open_regular(one.path, roots)
    except OSError:  # renamed or compressed meanwhile; or not ours to read, which the log itself says as well
        return None
    file: Plain | Packed = plain
    try:
        if plain.identity() == (one.device, one.inode):
            if form_of(plain.read_at(0, MAGIC_BYTES)) is not None:
                file = Packed(plain)
            if wanted(file):
                return file
    except (OSError, SourceError):  # damaged, or not yet complete
        pass
    plain.close()
    return None
