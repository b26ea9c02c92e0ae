import errno
import os
import stat
from pathlib import Path
from typing import Any

import parcels
import pytest

from tidewaiter.delivery import files
from tidewaiter.delivery.files import LineFile, Stream
from tidewaiter.delivery.parcel import Outcome
from tidewaiter.sinks.jsonl import encoded


def line(number: int) -> bytes:
    return encoded(parcels.finding(f"F-{number}")) + b"\n"


def sink(path: Path, mark: str | None = None, **over: Any) -> LineFile:
    return LineFile(path, parcels.form(), mark=lambda: mark, **over)


def test_findings_are_lines_at_the_end_of_a_file_of_the_group(tmp_path: Path) -> None:
    path = tmp_path / "f"
    file = sink(path)
    found = [file.send([parcels.parcel(1), parcels.parcel(2)]), file.send([parcels.parcel(3)])]
    state = path.stat()
    place = f"{state.st_dev}:{state.st_ino}:"
    assert path.read_bytes() == line(1) + line(2) + line(3)
    assert found == [
        Outcome(delivered=(1, 2), mark=f"{place}{len(line(1)) * 2}"),
        Outcome(delivered=(3,), mark=f"{place}{len(line(1)) * 3}"),
    ]
    assert stat.S_IMODE(state.st_mode) & ~0o640 == 0
    file.close()


def test_what_cannot_be_said_is_refused_and_the_rest_written(tmp_path: Path) -> None:
    file = LineFile(tmp_path / "f", parcels.form("flat"))
    found = file.send([parcels.broken(1), parcels.parcel(2)])
    assert (found.delivered, [number for number, _ in found.refused]) == ((2,), [1])
    file.close()


def test_it_follows_a_rotation_by_renaming(tmp_path: Path) -> None:
    path = tmp_path / "f"
    file = sink(path)
    file.send([parcels.parcel(1)])
    path.rename(tmp_path / "f.1")
    file.send([parcels.parcel(2)])
    file.close()
    assert ((tmp_path / "f.1").read_bytes(), path.read_bytes()) == (line(1), line(2))


def test_it_follows_a_rotation_by_cutting(tmp_path: Path) -> None:
    path = tmp_path / "f"
    file = sink(path)
    file.send([parcels.parcel(1)])
    os.truncate(path, 0)
    file.send([parcels.parcel(2)])
    file.close()
    assert path.read_bytes() == line(2)


def state_after(path: Path, content: bytes, recorded: int) -> str:
    """Leave a file as a crash does: only its beginning was written down as delivered."""
    path.write_bytes(content)
    return f"{path.stat().st_dev}:{path.stat().st_ino}:{recorded}"


@pytest.mark.parametrize(
    ("content", "recorded", "expected"),
    [
        (line(1), 1, line(1) + line(2)),  # all of it was known
        (line(1) + line(2), 1, line(1) + line(2)),  # the last one had been written
        (line(1) + line(2)[:50], 1, line(1) + line(2)),  # a part of the last one had been written
        (b"", 9, line(2)),  # cut to nothing meanwhile
        (line(2) + line(1), 2, line(2) + line(1) + line(2)),  # what stands before the place says nothing
    ],
)
def test_a_crash_between_writing_and_writing_down_doubles_nothing(
    tmp_path: Path, content: bytes, recorded: int, expected: bytes
) -> None:
    path = tmp_path / "f"
    file = sink(path, state_after(path, content, recorded * len(line(1))))
    assert file.send([parcels.parcel(2)]).delivered == (2,)
    file.close()
    assert path.read_bytes() == expected


@pytest.mark.parametrize("mark", [None, "1:2:3", "nonsense"])
def test_without_a_place_the_end_of_the_file_is_looked_at(tmp_path: Path, mark: str | None) -> None:
    path = tmp_path / "f"
    path.write_bytes(line(1) + b"somebody else's piece")
    file = sink(path, mark)
    file.send([parcels.parcel(1), parcels.parcel(2)])
    file.close()
    assert path.read_bytes() == line(1) + b"somebody else's piece\n" + line(2)


def test_a_full_disk_leaves_no_part_of_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    file = sink(path)
    file.send([parcels.parcel(1)])

    def full(fd: int, data: bytes) -> None:
        os.write(fd, data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "write_whole", full)
    found = file.send([parcels.broken(7), parcels.parcel(2)])
    monkeypatch.undo()
    assert path.read_bytes() == line(1)
    assert (found.delivered, found.reason) == ((), f"{path}: No space left on device")
    assert file.send([parcels.parcel(2)]).delivered == (2,)
    file.close()
    assert path.read_bytes() == line(1) + line(2)


def test_a_file_that_cannot_be_opened_is_tried_again_later(tmp_path: Path) -> None:
    file = sink(tmp_path / "none" / "f")
    assert file.send([parcels.parcel(1)]) == Outcome(reason=f"{tmp_path}/none/f: No such file or directory")
    (tmp_path / "none").mkdir()
    assert file.send([parcels.parcel(1)]).delivered == (1,)
    file.close()


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p")
    reading = os.open(tmp_path / "p", os.O_RDONLY | os.O_NONBLOCK)
    file = sink(tmp_path / "p")
    assert file.send([parcels.parcel(1)]).delivered == (1,)
    assert os.read(reading, 1 << 16) == line(1)
    file.close()
    os.close(reading)


def test_an_open_stream_is_written_to_and_left_open() -> None:
    reading, writing = os.pipe()
    stream = Stream(writing, parcels.form())
    assert stream.send([parcels.parcel(1)]) == Outcome(delivered=(1,))
    stream.close()
    assert os.read(reading, 1 << 16) == line(1)
    os.close(reading)
    assert stream.send([parcels.parcel(1)]) == Outcome(reason="standard output: Broken pipe")
    os.close(writing)
