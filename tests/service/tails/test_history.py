from __future__ import annotations

import os
from pathlib import Path

from tidewaiter.service.tails.access import Roots
from tidewaiter.service.tails.history import LogFile, between, found
from tidewaiter.service.tails.places import FilePlace, Position
from tidewaiter.service.tails.reading import Plain, next_piece

NEW = FilePlace(device=0, inode=0)


def opened(path: Path) -> Plain:
    return Plain(os.open(path, os.O_RDONLY))


def read(path: Path) -> LogFile:
    """Open a file and read it to its end."""
    file = LogFile(opened(path), NEW, 0.0)
    assert file.reader is not None
    piece = next_piece(file.reader, file.place, max_line=1000, last=False)
    assert piece is not None
    file.place = piece.after
    return file


def write(path: Path, text: str, seconds: int) -> None:
    path.write_text(text)
    os.utime(path, (seconds, seconds))


def test_files_of_a_position_are_found_again_and_missing_ones_told(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    write(tmp_path / "a.log.1", "one\n", 10)
    write(log, "two\n", 20)
    files = [read(tmp_path / "a.log.1"), read(log)]
    lost = FilePlace(device=1, inode=2, offset=3, head="x", tail="x")
    position = Position(files=(lost, *(file.place for file in files)))
    current = opened(log)
    again, gone = found(position, log, Roots((str(tmp_path),)), current, 0.0)
    assert ([file.place for file in again], gone) == ([file.place for file in files], [lost])
    assert again[-1].reader is current
    for file in (*files, *again):
        file.close()
        assert file.reader is None


def test_what_came_between_is_newer_and_no_copy_of_what_is_known(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    write(tmp_path / "a.log.4", "older\n", 5)
    write(tmp_path / "a.log.3", "one\n", 10)
    known = read(tmp_path / "a.log.3")
    write(tmp_path / "a.log.2", "one\n", 15)  # a copy
    write(tmp_path / "a.log.1", "between\n", 20)
    older = between([known], [], log, Roots((str(tmp_path),)), 0.0)
    assert [file.reader.read_at(0, 99) for file in older if file.reader] == [b"between\n"]
    assert between([], [], log, Roots((str(tmp_path),)), 0.0) == []
    for file in (known, *older):
        file.close()


def test_a_file_that_was_empty_or_began_otherwise_has_begun_anew(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    seen = []
    for before, after in [("", ""), ("", "x\n"), ("x\n", "x\ny\n"), ("x\n", "z\n")]:
        log.write_text(before)
        file = LogFile(opened(log), NEW, 0.0)
        log.write_text(after)
        seen.append((file.begun_anew(), file.unfinished()))
        file.close()
    assert seen == [(False, False), (True, True), (False, True), (True, True)]
