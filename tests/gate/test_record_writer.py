from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
import pytest

from tidewaiter.gate import record_writer
from tidewaiter.gate.caller import Caller
from tidewaiter.gate.record_writer import Record, RecordWriter, line

_RECORD = Record(
    time=datetime(2026, 11, 23, 2, 14, 7, 5, tzinfo=UTC),
    id="a-1",
    phase="done",
    host="h",
    listener="unix:/run/docker.sock",
    method="GET",
    target="/v1.41/containers/json",
    status=200,
    mode="observe",
    decision="allowed",
    caller=Caller(uid=0),
)


def _wait(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_record_is_one_line_with_the_members_of_its_schema_in_their_order() -> None:
    text = line(_RECORD).decode()
    assert text.endswith("}\n")
    found = json.loads(text)
    assert list(found) == [
        *("schema", "time", "id", "phase", "host", "listener", "method", "target", "status", "upgraded"),
        *("bytes_in", "bytes_out", "ms", "mode", "decision", "rule", "caller"),
    ]
    assert (found["schema"], found["time"]) == ("tidewaiter.gate/1", "2026-11-23T02:14:07.000005Z")
    assert found["caller"]["uid"] == 0


def test_lines_are_appended_in_order_to_a_file_for_few(tmp_path: Path) -> None:
    path = tmp_path / "gate.jsonl"
    path.write_bytes(b"0\n")
    said: list[str] = []
    writer = RecordWriter(path, complain=said.append)
    for number in range(1, 2500):
        writer.put(b"%d\n" % number)
    writer.stop()
    assert path.read_bytes() == b"".join(b"%d\n" % number for number in range(2500))
    assert (said, writer.lost) == ([], 0)


def test_others_may_not_read_the_file(tmp_path: Path) -> None:
    RecordWriter(tmp_path / "gate.jsonl", complain=print).stop()
    assert (tmp_path / "gate.jsonl").stat().st_mode & 0o137 == 0


def test_a_file_that_cannot_be_opened_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        RecordWriter(tmp_path / "none" / "gate.jsonl", complain=print)


def test_a_rotated_file_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "gate.jsonl"
    writer = RecordWriter(path, complain=print)
    writer.put(b"old\n")
    _wait(lambda: path.read_bytes() == b"old\n")
    path.rename(tmp_path / "gate.jsonl.1")
    writer.reopen()
    writer.put(b"new\n")
    writer.stop()
    assert ((tmp_path / "gate.jsonl.1").read_bytes(), path.read_bytes()) == (b"old\n", b"new\n")


class _Disk:
    """Takes `room` bytes, then is full until it is freed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room = room
        self._write = os.write
        monkeypatch.setattr(os, "write", self)
        monkeypatch.setattr(record_writer, "_AGAIN", 0.01)

    def __call__(self, number: int, data: bytes) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = self._write(number, data[: self.room])
        self.room -= done
        return done


def test_a_full_disk_loses_nothing_and_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = _Disk(monkeypatch, 7)
    path, said = tmp_path / "gate.jsonl", list[str]()
    writer = RecordWriter(path, complain=said.append)
    for number in range(5):
        writer.put(b"line%d\n" % number)
    _wait(lambda: bool(said))
    disk.room = 1000
    _wait(lambda: len(said) > 1)
    writer.stop()
    assert path.read_bytes() == b"line0\nline1\nline2\nline3\nline4\n"
    assert said == [
        f"{path}: records wait, they cannot be written: No space left on device",
        f"{path}: records are written again",
    ]


def test_what_finds_no_room_is_counted_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _Disk(monkeypatch, 0)
    path, said = tmp_path / "gate.jsonl", list[str]()
    writer = RecordWriter(path, complain=said.append, most=3)
    writer.put(b"0\n")
    _wait(lambda: bool(said))
    for number in range(1, 10):
        writer.put(b"%d\n" % number)
    writer.stop()
    assert writer.lost == 10
    assert said[-1] == f"{path}: 10 records were lost, there was no room for them"


def test_what_was_lost_is_a_record_once_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = _Disk(monkeypatch, 0)
    path, said = tmp_path / "gate.jsonl", list[str]()
    writer = RecordWriter(path, complain=said.append, most=3)
    writer.put(b'"first"\n')
    _wait(lambda: bool(said))
    for number in range(9):
        writer.put(partial(b"%d\n".__mod__, number))
    lost = writer.lost
    assert lost >= 6
    disk.room = 10_000
    _wait(lambda: b'"lost"' in path.read_bytes())
    writer.stop()
    records = [json.loads(one) for one in path.read_text().splitlines()]
    assert [(one["schema"], one["phase"], one["lost"]) for one in records if isinstance(one, dict)] == [
        ("tidewaiter.gate/1", "lost", lost)
    ]
    assert len(records) == 1 + 9 - lost + 1


def test_what_a_caller_chose_is_inert_and_bounded() -> None:
    hostile = "/\x1b[2J\u202e\x9b31m\u2028" + "x" * 100_000
    caller = Caller(uid=0, command=("docker", hostile, "y" * 100_000, "z"))
    data = line(msgspec.structs.replace(_RECORD, target=hostile, caller=caller))
    assert data.isascii()
    assert data.count(b"\n") == 1
    assert min(data[:-1]) >= 0x20
    assert len(data) < 30_000
    found = json.loads(data)
    assert found["target"] == hostile[:8192] + "…"
    assert [len(one) for one in found["caller"]["command"]] == [6, 8192 - 7 + 1]
