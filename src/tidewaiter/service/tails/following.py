"""Follows one log over all files it goes through: appended, renamed, copied and cut, compressed, deleted, made anew.

The rule: a newer file is begun only after the older one gave everything up to its end, looked at once more after the
newer one was there. A rotated file stays open until nothing was written to it for a while (`linger`), because programs
go on writing to it until they are told.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import msgspec

from tidewaiter.errors import SourceError
from tidewaiter.service.tails import history
from tidewaiter.service.tails.access import RefusedError, Roots, open_regular
from tidewaiter.service.tails.feed import Board, Put
from tidewaiter.service.tails.history import LogFile
from tidewaiter.service.tails.places import FilePlace, Position, holds, marked, position_from
from tidewaiter.service.tails.reading import CHUNK, ChangedError, Packed, Piece, Plain, next_piece
from tidewaiter.settings.tails import FileTail
from tidewaiter.sources.compression import MAGIC_BYTES, form_of
from tidewaiter.sources.opening import shown

SETTLES = 2.0  # seconds until the last line of a rotated file, when it has no line end, is taken as it is
_REMEMBERED = 4  # files that were read to their end and would be known again
_STEPS = 64  # pieces without lines (gaps, files that were cut) in one go
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class Followed:
    """One log. Not thread-safe. After `next` gave lines, `keep` says that they are on disk; else they come again."""

    def __init__(
        self, path: str, settings: FileTail, roots: Roots, board: Board, *, saved: str | None, appeared: bool = False
    ) -> None:
        self.path = Path(path)
        self.stream = shown(path)
        self.missing = False
        self._settings = settings
        self._roots = roots
        self._board = board
        self._log = self.path  # without links, where its rotated parts are
        self._from_end = settings.begin == "end" and not appeared
        self._files: list[LogFile] = []  # the oldest first
        self._saved = position_from(saved) if saved else None
        self._resting: tuple[int, int, int, int] | None = None  # what the file was like when it was closed
        self._pending: tuple[LogFile, FilePlace] | None = None
        self._announce = False  # the position changed without lines
        self._troubled = False
        self._calm: tuple[int, int, int, int] | None = None  # what the file is like as long as nothing is to be done
        if saved and self._saved is None:
            board.happened("position-unreadable", self.stream, f"read from its start: {saved[:100]}")

    # --- for the one who drives it

    def next(self, now: float) -> Put | None:
        """Give the next lines and the position behind them, or None when there is nothing to read now."""
        self._pending = None
        if self._is_calm():
            return None
        try:
            self._look(now)
            piece = self._next_piece(now)
            self._fine()
        except OSError as problem:
            self._trouble(problem)
            piece = self._next_piece(now, after_trouble=True)
        if piece is not None:
            return self._put(piece)
        if self._announce and self._files:
            return Put(self.stream, b"", self._position().text())
        self._let_go(now)
        self._calm = self._calmed()
        return None

    def _is_calm(self) -> bool:
        """Tell, at the cost of one system call, that nothing has changed since there was nothing to do."""
        if self._calm is not None:
            try:
                if self._calm == _stamp(os.stat(self.path)):  # noqa: PTH116 -- called all the time
                    return True
            except OSError:
                pass  # handled where everything else is
            self._calm = None
        return False

    def _calmed(self) -> tuple[int, int, int, int] | None:
        newest = self._files[-1] if self._files else None
        if newest is None or newest.reader is None or self.open_files > 1 or self.missing or self._troubled:
            return None
        status = newest.reader.status()
        done = newest.dry and newest.seen == (status.st_size, status.st_mtime_ns) and not newest.unfinished()
        return _stamp(status) if done else None

    def keep(self) -> None:
        """Go on behind the lines that `next` gave: they are on disk."""
        self._announce = False
        if self._pending is not None:
            file, file.place = self._pending[0], self._pending[1]
            self._pending = None

    def identities(self) -> set[tuple[int, int]]:
        """Give device and inode of the files that are part of this log."""
        found = {(file.place.device, file.place.inode) for file in self._files}
        return found | ({(self._resting[0], self._resting[1])} if self._resting else set())

    def owns(self, path: str) -> bool:
        """Tell whether a file that has one of the `identities` is part of this log; numbers are used again."""
        with open_regular(path, self._roots) as file:
            same = [one for one in self._files if one.place.same_file(*file.identity())]
            return self._resting is not None or any(one.reader is not None or holds(one.place, file) for one in same)

    @property
    def open_files(self) -> int:
        """How many files are open."""
        return sum(file.reader is not None for file in self._files)

    def over(self) -> bool:
        """Tell whether the path is gone, and everything there was is read."""
        return self.missing and not self.open_files and not self._announce

    def rest(self, now: float, idle: float) -> None:
        """Close a log in which nothing happens; it is opened again when it changes."""
        newest = self._files[-1] if self._files else None
        if newest is None or newest.reader is None or self.missing or self.open_files > 1:
            return
        if newest.dry and now - newest.quiet_since >= idle and not newest.unfinished():
            self._saved, self._resting = self._position(), _stamp(newest.reader.status())
            self.close()

    def close(self) -> None:
        """Close all files."""
        for file in self._files:
            file.close()
        self._files = []

    # --- which files

    def _look(self, now: float) -> None:
        """See where the path leads now, and open what is new. Raises OSError."""
        try:
            status = os.stat(self.path)  # noqa: PTH116 -- called all the time
        except OSError as problem:
            if problem.errno not in _ABSENT:
                raise
            self._absent(now)
            return
        self.missing = False
        if not self._files:
            if self._resting != _stamp(status):
                self._begin(now)
        elif not any(file.reader and file.place.same_file(status.st_dev, status.st_ino) for file in self._files):
            self._another(now)

    def _another(self, now: float) -> None:
        """Go on where the path leads now, which is to a file that is not open. Raises OSError."""
        current = self._open()
        known = [file for file in self._files if file.reader is None and file.place.same_file(*current.identity())]
        back = next((file for file in known if holds(file.place, current)), None)
        self._files = [file for file in self._files if file not in known]  # the number is that of another file now
        if back is not None:
            self._files.append(LogFile(current, back.place, now))
        else:
            gone = [file.place for file in known]
            self._add(history.between(self._files, gone, self._log, self._roots, now), current, now)

    def _absent(self, now: float) -> None:
        """Handle a path that leads nowhere: rotation is under way, or the log is gone."""
        self.missing = True
        self._resting = None
        if self._files:
            return
        self._from_end = False  # what comes later is read from its start
        if self._saved is not None:
            files, gone = history.found(self._saved, self._log, self._roots, None, now)
            if files:
                self._files, self._saved = files, None
                self._lost(gone)

    def _begin(self, now: float) -> None:
        """Open a log for the first time, or again. Raises OSError."""
        if self._saved is not None:
            self._resume(self._saved, now)
            return
        reader = self._open()
        status = reader.status()
        if form_of(reader.read_at(0, MAGIC_BYTES)) is not None:
            reader.close()
            self._resting = _stamp(status)  # not looked at again before it changes
            self._board.happened("compressed", self.stream, "not followed: give it to `tidewaiter scan`")
            return
        place = FilePlace(device=0, inode=0)
        if self._from_end:
            place = marked(msgspec.structs.replace(place, offset=_last_line_end(reader, status.st_size)), reader)
        self._from_end = False
        self._announce = True  # after a crash it goes on from here, also when all was written and rotated meanwhile
        self._files = [LogFile(reader, place, now)]

    def _resume(self, position: Position, now: float) -> None:
        """Find again what was read before, and what has come between. Raises OSError before anything is changed."""
        current = None
        if not self.missing:
            target = self._target()
            if target not in {"", position.target}:
                raise RefusedError(errno.EPERM, f"a symbolic link leads out of the folder, to {target}, since lately")
            current = self._open()
        self.close()
        self._resting, self._saved = None, position
        try:
            self._files, gone = history.found(position, self._log, self._roots, current, now)
        except OSError:
            if current is not None:
                current.close()
            raise
        self._saved = None
        # The same file with other contents was cut; where a copy of it was found, that is in the list.
        cut = current is not None and any(place.same_file(*current.identity()) for place in position.files)
        at_current = any(file.reader is current for file in self._files)
        older: list[LogFile] = []
        if not at_current or not self._files[-1].place.offset:  # an empty file may have been written, copied and cut
            older = history.between(self._files, gone, self._log, self._roots, now)
        self._lost([place for place in gone if place.offset or not older], cut=cut)  # nothing marks an unread file
        if current is not None and not at_current:
            self._add(older, current, now, cut=cut)
        elif older:
            at = len(self._files) - at_current
            self._files[at:at] = older
            self._board.count("rotated", len(older))

    def _add(self, older: list[LogFile], current: Plain, now: float, *, cut: bool = False) -> None:
        """Go on with files that came between, and with the one where the path leads."""
        self._files += [*older, LogFile(current, FilePlace(device=0, inode=0), now)]
        if cut:
            self._board.count("truncated")
        if len(older) + (not cut):
            self._board.count("rotated", len(older) + (not cut))

    def _open(self) -> Plain:
        reader = open_regular(self.path, self._roots)
        self._log = Path(os.path.realpath(self.path))
        return reader

    def _target(self) -> str:
        real = os.path.realpath(self.path)
        return "" if self._roots.inside(real) else real

    # --- what is in them

    def _next_piece(self, now: float, *, after_trouble: bool = False) -> Piece | None:
        for _ in range(_STEPS):
            try:
                piece = self._read(now)
            except ChangedError:
                if after_trouble:  # no new file can be opened
                    return None
                self._resume(self._position(), now)
                continue
            if piece is None or piece.data:
                return piece
            self.keep()
        return None

    def _read(self, now: float) -> Piece | None:
        """Read from the oldest file that has something; None when all are read, or the oldest has to be waited for."""
        for index, file in enumerate(self._files):
            newest = index == len(self._files) - 1
            try:
                piece = self._piece(file, now, patience=self._patience(index))
            except (OSError, SourceError) as problem:
                self._failed(file, problem)
                return None
            if piece is not None:
                return piece
            if not newest and file.reader is not None:
                if file.unfinished() and now - file.quiet_since < self._patience(index):
                    return None
                file.place = msgspec.structs.replace(file.place, ended=True)
        return None

    def _patience(self, index: int) -> float:
        """Say how long to wait for the rest of a last line: not long, when lines are written elsewhere already."""
        return min(SETTLES, self._settings.unfinished) if self._left(index) else self._settings.unfinished

    def _left(self, index: int) -> bool:
        """Tell whether lines are written to a newer file."""
        newer = (file.reader for file in self._files[index + 1 :])
        return any(reader is not None and reader.status().st_size for reader in newer)

    def _piece(self, file: LogFile, now: float, *, patience: float) -> Piece | None:
        if file.reader is None:
            return None
        status = file.reader.status()
        seen = (status.st_size, status.st_mtime_ns)
        if seen != file.seen:
            if file is self._files[-1] and file.begun_anew():
                raise ChangedError  # it may have been written, copied and cut since
            file.seen, file.dry, file.quiet_since = seen, False, now
        last = isinstance(file.reader, Packed) or now - file.quiet_since >= patience
        if file.dry and not (last and file.unfinished()):
            return None
        piece = next_piece(file.reader, file.place, max_line=self._settings.max_line, last=last)
        if piece is None:
            file.dry = True
            return None
        for event in piece.events:
            self._board.happened(event, self.stream, f"line {piece.line}, byte {piece.offset}")
        file.quiet_since = now
        self._pending = (file, piece.after)
        return piece

    def _put(self, piece: Piece) -> Put:
        return Put(self.stream, piece.data, self._position().text(), piece.line, piece.offset)

    def _position(self) -> Position:
        """Give the place in every file, as it will be when what is pending is kept."""
        file, place = self._pending or (None, None)
        places = tuple(place if place is not None and one is file else one.place for one in self._files)
        return Position(files=places, target=self._target())

    def _let_go(self, now: float) -> None:
        """Close files that nobody writes to any more, and forget the oldest."""
        for index, file in enumerate(self._files):
            newest = index == len(self._files) - 1
            if file.reader is None or file.unfinished():
                continue
            if newest and self.missing and file.dry and not file.reader.status().st_nlink:
                file.place = msgspec.structs.replace(file.place, ended=True)
                self._announce = self._announce or now - file.quiet_since > self._settings.linger
            elif newest or not self._left(index):
                continue  # it may still be written to
            silent = now - file.quiet_since > self._settings.linger or isinstance(file.reader, Packed)
            if file.place.ended and silent:
                file.close()
        closed = [file for file in self._files[:-1] if file.reader is None]
        for file in closed[:-_REMEMBERED]:
            self._files.remove(file)

    # --- what went wrong

    def _lost(self, gone: list[FilePlace], *, cut: bool = False) -> None:
        for place in gone:
            if not place.ended:
                what = "was cut and no copy of it is there" if cut else "is gone"
                detail = f"what was read up to byte {place.offset} {what}: what followed is not read, if anything did"
                self._board.happened("lost", self.stream, detail)

    def _failed(self, file: LogFile, problem: OSError | SourceError) -> None:
        if isinstance(problem, SourceError):
            self._board.happened("lost", self.stream, f"a compressed part of it cannot be read on: {problem.what}")
            file.place = msgspec.structs.replace(file.place, ended=True)
            file.close()
            return
        self._board.trouble("read-error", self.stream, problem.strerror or str(problem))
        self._saved, self._resting = self._position(), None
        self.close()

    def _trouble(self, problem: OSError) -> None:
        key = "link-outside" if isinstance(problem, RefusedError) else "no-access"
        self._board.trouble(key, self.stream, problem.strerror or str(problem))
        self._troubled = True

    def _fine(self) -> None:
        if self._troubled:
            self._troubled = False
            for key in ("link-outside", "no-access"):
                self._board.over(key, self.stream)


def _stamp(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _last_line_end(file: Plain, size: int) -> int:
    """Say where the last complete line of a file ends."""
    start = max(0, size - CHUNK)
    end = file.read_at(start, size - start).rfind(b"\n") + 1
    return start + end if end else size
