"""From the PATH arguments of a command to inputs that can be opened: files, folders, URLs, `-`, members of zips.

What cannot be read is told to `report` as an Unreadable whose reason starts with one of these keys:
`not-a-file`, `no-access`, `encrypted`, `unsupported`, `damaged`, `url-error`.
While an input is read, its stream may raise OSError, or SourceError with `cut-short`, `damaged`, `bomb`, `unsupported`
or `connection-lost`; `blocks` turns both into a count with a place.
"""

from __future__ import annotations

import errno
import io
import stat
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from os import stat_result
from pathlib import Path
from typing import Any, NamedTuple

from tidewaiter.errors import SourceError
from tidewaiter.sources.compression import PIECE, decompressed
from tidewaiter.sources.contract import Unreadable
from tidewaiter.sources.remote import Handle, Remote, is_url, must_exist, walk
from tidewaiter.sources.streams import Replay, Stream, look

STANDARD_INPUT = "-"

Report = Callable[[Unreadable], None]


class Input(NamedTuple):
    """Something to read, not yet opened."""

    path: str  # as shown to the user and kept in Origin.path: "a.log", "-", "x.zip!member"
    open: Callable[[], Stream]  # plain bytes, already decompressed; raises OSError or SourceError
    size: int | None  # bytes as stored (compressed), for progress; None when nobody knows


def inputs(paths: Sequence[str], *, report: Report) -> Iterator[Input]:
    """List what there is to read, lazily and in a stable order.

    A path that does not exist raises SourceError at once, before anything is read. Folders are walked with their
    symbolic links (`/var/log/containers` consists of them), hidden files and folders left out; a file that is reached
    twice is given once. Pipes and devices are read when named, and reported when met in a folder. URLs are walked
    like folders.
    """
    for path in paths:
        if is_url(path):
            must_exist(path)
        elif path != STANDARD_INPUT:
            _must_exist(path)
    return _inputs(paths, report)


def shown(path: str) -> str:
    """Write a file name so that every output can hold it: bytes that are no UTF-8 become hexadecimal escapes."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _must_exist(path: str) -> None:
    try:
        if path:
            Path(path).stat()
            return
    except PermissionError:
        return  # it is there, or may be: reported in its turn, so that the other paths are read
    except (OSError, ValueError):
        pass
    what = "this symbolic link leads nowhere" if _is_link(path) else "there is no such file or folder"
    hint = "give a file, a folder, or - for standard input; check the spelling and the folder you are in"
    raise SourceError(what, where=shown(path), hint=hint)


def _is_link(path: str) -> bool:
    try:
        return Path(path).is_symlink()
    except ValueError:  # a name with a zero byte
        return False


def _inputs(paths: Sequence[str], report: Report) -> Iterator[Input]:
    seen: set[tuple[int, ...]] = set()
    urls: set[str] = set()
    standard_input_taken = False
    for path in paths:
        if is_url(path):
            yield from _remotes(path, urls, report)
            continue
        if path == STANDARD_INPUT:
            if not standard_input_taken:
                yield Input(STANDARD_INPUT, _open_standard_input, None)
            standard_input_taken = True
            continue
        for found, status in _files(path, seen, report):
            if stat.S_ISREG(status.st_mode):
                yield from _file(found, status.st_size, report)
            else:
                yield Input(shown(found), partial(_open_file, found), None)


def _remotes(url: str, seen: set[str], report: Report) -> Iterator[Input]:
    """Give the objects below a URL; adds to `seen` what it met.

    Only an object called .zip is looked into here: over a network, each look costs as much time as a small object.
    """
    for found in walk(url, report=lambda where, why: report(_unreadable(shown(where), why))):
        if found.key in seen:
            continue
        seen.add(found.key)
        if found.url.lower().endswith(".zip"):
            yield from _remote_archive(found, report)
        else:
            yield Input(shown(found.url), partial(_open_remote, found), found.size)


def _remote_archive(found: Remote, report: Report) -> Iterator[Input]:
    name = shown(found.url)
    try:
        file = found.open()
        start = file.read(len(_ZIP_MAGICS[0])) if file.seekable() else b""
    except SourceError as error:
        report(_unreadable(name, error.what))
        return
    if start in _ZIP_MAGICS:
        yield from _members(file, name, report)
    else:
        file.close()
        yield Input(name, partial(_open_remote, found), found.size)


def _open_remote(found: Remote) -> Stream:
    return _opened(found.open())


def _files(root: str, seen: set[tuple[int, ...]], report: Report) -> Iterator[tuple[str, stat_result]]:
    """Walk a file or folder; adds to `seen` what it met."""
    waiting = [root]
    while waiting:
        path = waiting.pop()
        try:
            status = Path(path).stat()
            # A folder once is enough, also to end loops of links. Files are told apart by size and time as well:
            # log rotation gives a freed inode number to the next file.
            key: tuple[int, ...] = (status.st_dev, status.st_ino)
            if not stat.S_ISDIR(status.st_mode):
                key += (status.st_size, status.st_mtime_ns)
            if key in seen:
                continue
            seen.add(key)
            if stat.S_ISDIR(status.st_mode):
                names = sorted(entry.name for entry in Path(path).iterdir() if not entry.name.startswith("."))
                waiting += [str(Path(path, name)) for name in reversed(names)]
                continue
        except OSError as error:
            if error.errno != errno.ELOOP:
                report(_unreadable(shown(path), _why(error)))
            continue
        if stat.S_ISREG(status.st_mode) or path == root:
            yield path, status
        else:
            # Opening a pipe or a device may wait for ever, or do things.
            report(_unreadable(shown(path), "not-a-file: a pipe, socket or device inside a folder is not read"))


def _unreadable(path: str, reason: str) -> Unreadable:
    return Unreadable(path=path, line=1, offset=0, reason=reason)


def _why(error: OSError) -> str:
    return f"no-access: {error.strerror or error}"


def _file(path: str, size: int, report: Report) -> Iterator[Input]:
    """Give a file, or the members of a zip archive."""
    try:
        with Path(path).open("rb", buffering=0) as file:
            start = file.read(len(_ZIP_MAGICS[0]))
    except OSError as error:
        report(_unreadable(shown(path), _why(error)))
        return
    if start in _ZIP_MAGICS:
        yield from _members(path, shown(path), report)
    else:
        yield Input(shown(path), partial(_open_file, path), size)


def _open_file(path: str) -> Stream:
    return _opened(Path(path).open("rb", buffering=0))


def _opened(stream: Stream) -> Stream:
    start, rest = look(stream, len(_ZIP_MAGICS[0]))
    if start in _ZIP_MAGICS:
        # The table of contents stands at the end. A zip inside a zip comes here, too.
        stream.close()
        raise SourceError("unsupported: a zip archive can only be read from a file of its own; unpack it first")
    return decompressed(Replay(start, rest))


class _StandardInput:
    """Standard input as far as it has come: a pipe is not waited on until a whole buffer is full."""

    def __init__(self) -> None:
        if sys.stdin is None:
            raise OSError(errno.EBADF, "standard input is closed")
        self._buffer: Any = sys.stdin.buffer

    def readinto(self, buffer: Any, /) -> int | None:
        got: int | None = self._buffer.readinto1(buffer)
        return got

    def close(self) -> None:
        """Leave it open: it is not ours."""


def _open_standard_input() -> Stream:
    return _opened(_StandardInput())


# PKWARE APPNOTE 6.3.10: 4.3.7 local file header, 4.3.16 end of the central directory (an archive without members),
# 8.5.3 the marker of a split archive.
_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_ENCRYPTED = 0x1  # APPNOTE 4.4.4: general purpose bit 0
# The standard library limits the output of these two only; bzip2 or LZMA could fill the memory at once.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, RuntimeError)


def _members(file: str | Handle, name: str, report: Report) -> Iterator[Input]:
    try:
        archive = zipfile.ZipFile(file)  # stays open as long as one of its inputs is in use
    except OSError as error:
        report(_unreadable(name, _why(error)))
        return
    except SourceError as error:  # of a file on another machine
        report(_unreadable(name, error.what))
        return
    except _ZIP_ERRORS as error:
        report(_unreadable(name, f"damaged: zip archive: {error}"))
        return
    for member in sorted(archive.infolist(), key=lambda info: info.filename):
        if member.is_dir() or any(part.startswith((".", "__MACOSX")) for part in member.filename.split("/")):
            continue
        shown_as = f"{name}!{shown(member.filename)}"
        if member.flag_bits & _ENCRYPTED:
            report(_unreadable(shown_as, "encrypted: unpack the archive with its password first"))
        elif member.compress_type not in _METHODS:
            method = zipfile.compressor_names.get(member.compress_type, member.compress_type)  # type: ignore[attr-defined]
            report(_unreadable(shown_as, f"unsupported: zip method {method}; unpack the archive first"))
        else:
            yield Input(shown_as, partial(_open_member, archive, member), member.compress_size)


def _open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Stream:
    try:
        return _opened(_Member(archive.open(member)))
    except _ZIP_ERRORS as error:
        raise SourceError(f"damaged: zip archive: {error}") from error


class _Member:
    """A member of a zip archive as a stream."""

    def __init__(self, file: Any) -> None:
        self._file: io.BufferedIOBase = file

    def readinto(self, buffer: Any, /) -> int:
        try:
            piece = self._file.read1(min(len(buffer), PIECE))
        except EOFError as error:
            raise SourceError("cut-short: zip member ends too early") from error
        except _ZIP_ERRORS as error:
            raise SourceError(f"damaged: zip member: {error}") from error
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._file.close()
