from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from tidewaiter.service.tails.access import Roots
from tidewaiter.service.tails.places import FilePlace, marked
from tidewaiter.service.tails.reading import Packed, Plain
from tidewaiter.service.tails.rotated import bases, beside, find, is_rotated, newer, parts

NAMES = [
    ("a.log.1", ["a.log"]),
    ("a.log.2.gz", ["a.log"]),
    ("a.log-20261123", ["a.log"]),
    ("a.log-20261123.zst", ["a.log"]),
    ("a.log-2026-11-23T10:00:00", ["a.log"]),
    ("a-20261123.log", ["a.log"]),
    ("a-20261123.log.gz", ["a-20261123.log", "a.log"]),
    ("audit-2026-11-23T10-10-10.123.log", ["audit.log"]),
    ("0.log.20261123-101010", ["0.log"]),
    ("0.log.20261123-101010.gz", ["0.log"]),
    ("a.log.old", ["a.log"]),
    ("a.log.gz", ["a.log"]),
    ("a.log", []),
    ("worker-1.log", []),
    ("worker-1", []),
    ("node_2", []),
]


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_a_name_says_of_which_log_a_file_is_a_part(name: str, expected: list[str]) -> None:
    assert list(bases(name)) == expected


@pytest.mark.parametrize(
    ("name", "beside", "expected"),
    [
        ("a.log.1", [], True),
        ("a.log.gz", [], True),
        ("a.log-20261123", ["a.log"], True),
        ("a.log-20261123", [], False),  # named by its day from the start, as Tomcat does
        ("a-20261123.log", [], False),
        ("worker-1.log", ["worker.log"], False),
        ("a.log", ["a.log"], False),
    ],
)
def test_a_rotated_part_is_no_log_of_its_own(name: str, beside: list[str], expected: bool) -> None:
    assert is_rotated(name, beside) is expected


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    return Roots((str(tmp_path),))


def write(path: Path, text: str, seconds: int) -> None:
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    os.utime(path, (seconds, seconds))


def test_parts_come_by_age_and_once(tmp_path: Path) -> None:
    for name, seconds in [("a.log.1", 30), ("a.log.2", 20), ("a.log.2.gz", 20), ("a.log.10.gz", 10), ("b.log.1", 5)]:
        write(tmp_path / name, name, seconds)
    write(tmp_path / "a.log", "now", 40)
    (tmp_path / "a.log.3").symlink_to(tmp_path / "b.log.1")
    assert [one.path.name for one in parts(tmp_path / "a.log")] == ["a.log.10.gz", "a.log.2", "a.log.1"]
    assert {one.path.name for one in beside(tmp_path)} >= {"a.log", "b.log.1"}


def place_of(text: str, path: Path) -> FilePlace:
    path.write_text(text)
    with Plain(os.open(path, os.O_RDONLY)) as file:
        device, inode = file.identity()
        return marked(FilePlace(device=device, inode=inode, offset=len(text)), file)


def found(file: Plain | Packed | None) -> bytes | None:
    if file is None:
        return None
    data = file.read_at(0, 100)
    file.close()
    return data


@pytest.mark.parametrize("name", ["a.log.1", "elsewhere-named"])
def test_finds_a_renamed_file_by_its_number(name: str, tmp_path: Path, roots: Roots) -> None:
    log = tmp_path / "a.log"
    place = place_of("one\n", log)
    log.rename(tmp_path / name)
    log.write_text("new\n")
    assert found(find(place, log, roots)) == b"one\n"


@pytest.mark.parametrize("name", ["a.log.1", "a.log.1.gz"])
def test_finds_a_copy_by_what_it_holds(name: str, tmp_path: Path, roots: Roots) -> None:
    log = tmp_path / "a.log"
    place = place_of("one\n", log)
    write(tmp_path / "a.log.2", "other\n", 10)
    write(tmp_path / name, "one\ntwo\n", 20)
    assert found(find(place, log, roots)) == b"one\ntwo\n"


def test_finds_nothing_else(tmp_path: Path, roots: Roots) -> None:
    log = tmp_path / "a.log"
    place = place_of("one\n", log)
    write(tmp_path / "a.log.1", "other\n", 10)
    write(tmp_path / "secret", "one\n", 10)  # no part of the log by its name
    (tmp_path / "a.log.2.gz").write_bytes(gzip.compress(b"one\n")[:12])
    assert find(place, log, roots) is None
    assert find(FilePlace(device=place.device, inode=place.inode), log, roots) is None


def test_newer_parts_are_those_written_since_that_are_not_known(tmp_path: Path, roots: Roots) -> None:
    for name, seconds in [("a.log.3", 10), ("a.log.2.gz", 20), ("a.log.1", 30)]:
        write(tmp_path / name, name, seconds)
    files = newer(tmp_path / "a.log", 20 * 10**9, roots, lambda file: file.read_at(0, 7) != b"a.log.1")
    assert [found(file) for file in files] == [b"a.log.2.gz"]
