"""What one read gives: lines, gaps, lines that are too long, the end."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidewaiter.service.tails.places import FilePlace
from tidewaiter.service.tails.reading import ChangedError, Packed, Plain, next_piece

Got = tuple[str, int, int, tuple[str, ...]]  # data, line, offset, events


def opened(path: Path) -> Plain:
    return Plain(os.open(path, os.O_RDONLY))


def pieces(file: Plain | Packed, place: FilePlace, *, max_line: int = 1 << 20, last: bool = False) -> Iterator[Got]:
    while (piece := next_piece(file, place, max_line=max_line, last=last)) is not None:
        place = piece.after
        yield piece.data.decode(), piece.line, piece.offset, piece.events


NEW = FilePlace(device=0, inode=0)
CASES: list[tuple[str, bytes, list[Got]]] = [
    ("nothing", b"", []),
    ("no line end", b"one", []),
    ("lines", b"one\ntwo\nthr", [("one\ntwo\n", 1, 0, ())]),
    ("byte order mark", b"\xef\xbb\xbfone\n", [("one\n", 1, 3, ())]),
    ("zeros at the end are waited on", b"one\n" + bytes(20), [("one\n", 1, 0, ())]),
    (
        "zeros between lines",
        b"one\n" + bytes(5000) + b"two\n",
        [("one\n", 1, 0, ()), ("", 2, 4, ("nul-gap",)), ("two\n", 2, 5004, ())],
    ),
    ("zeros at the start", bytes(3) + b"one\n", [("", 1, 0, ("nul-gap",)), ("one\n", 1, 3, ())]),
    (
        "zeros in a line break it off",
        b"on" + bytes(9) + b"two\n",
        [("on\n", 1, 0, ("unfinished-line",)), ("", 2, 2, ("nul-gap",)), ("two\n", 2, 11, ())],
    ),
    ("a few zeros in a line are bad data", b"o\0ne\n", [("o\0ne\n", 1, 0, ())]),
]


@pytest.mark.parametrize(("data", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_reads(data: bytes, expected: list[Got], packed: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(gzip.compress(data) if packed else data)
    with opened(path) as plain:
        assert list(pieces(Packed(plain) if packed else plain, NEW)) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"one", [("one\n", 1, 0, ("unfinished-line",))]),
        (b"one" + bytes(9), [("one\n", 1, 0, ("unfinished-line",))]),
        (bytes(9), []),
        (b"one\ntwo", [("one\n", 1, 0, ()), ("two\n", 2, 4, ("unfinished-line",))]),
    ],
)
def test_the_last_line_of_a_finished_file_is_given(data: bytes, expected: list[Got], tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(data)
    with opened(path) as file:
        assert list(pieces(file, NEW, last=True)) == expected


def test_a_line_that_is_too_long_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\n" + b"x" * 95 + b"\ntwo\n")
    with opened(path) as file:
        found = list(pieces(file, NEW, max_line=20))
    assert found[:2] == [("one\n", 1, 0, ()), ("", 2, 4, ("line-too-long",))]
    assert {got[0] for got in found[2:-1]} == {""}
    assert found[-1] == ("two\n", 3, 100, ())


def test_a_long_line_within_the_bound_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"x" * 3_000_000 + b"\n")
    with opened(path) as file:
        assert [len(got[0]) for got in pieces(file, NEW, max_line=4_000_000)] == [3_000_001]


def test_a_hole_of_any_size_is_passed_in_no_time(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with path.open("wb") as file:
        file.write(b"one\n")
        file.seek(1 << 40)
        file.write(b"two\n")
    with opened(path) as reader:
        assert [got[0] for got in pieces(reader, NEW)] == ["one\n", "", "two\n"]


@pytest.mark.parametrize("now", [b"", b"ne\n", b"anew\nand longer than before\n"])
def test_a_file_that_was_cut_is_noticed(now: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\ntwo\n")
    with opened(path) as file:
        piece = next_piece(file, NEW, max_line=100, last=False)
        assert piece is not None
        path.write_bytes(now)
        with pytest.raises(ChangedError):
            next_piece(file, piece.after, max_line=100, last=False)


def test_a_packed_file_may_be_read_from_any_place(tmp_path: Path) -> None:
    path = tmp_path / "a.log.gz"
    data = bytes(n % 251 for n in range(3_000_000))
    path.write_bytes(gzip.compress(data, 1))
    with opened(path) as plain:
        packed = Packed(plain)
        for at, size in [(0, 10), (2_500_000, 100), (2_500_050, 600_000), (5, 20), (2_999_999, 10), (4_000_000, 1)]:
            assert packed.read_at(at, size) == data[at : at + size]
        assert packed.identity() == (path.stat().st_dev, path.stat().st_ino)
