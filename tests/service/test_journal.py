"""The journal keeps what it acknowledged, through crashes and full disks, and gives it back in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import Future
from pathlib import Path

import pytest

from tidewaiter.service import journal as module
from tidewaiter.service.journal import START, Journal, JournalFull, Place


def kept(journal: Journal, after: Place = START) -> list[tuple[str, bytes]]:
    entries, _ = journal.read(after, 1 << 30)
    return [(entry.stream, entry.data) for entry in entries]


def put(journal: Journal, *lines: str, stream: str = "s") -> None:
    waiting: list[Future[None]] = [journal.put(stream, f"{line}\n".encode()) for line in lines]
    for one in waiting:
        one.result(5)


def test_what_was_put_is_read_in_order_and_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    put(journal, "a", "b", "c")
    first, place = journal.read(START, 1)
    assert [entry.data for entry in first] == [b"a\n"]
    assert kept(journal, place) == [("s", b"b\n"), ("s", b"c\n")]
    assert kept(journal, journal.read(START, 1 << 20)[1]) == []
    journal.close()


def test_it_outlives_the_process_with_positions_and_places(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.put("file", b"x\ny\n", position="4", line=7, offset=90).result(5)
    _, place = journal.read(START, 1 << 20)
    put(journal, "later")
    journal.close()
    again = Journal(tmp_path)
    (entry,), _ = again.read(START, 1)
    assert (entry.line, entry.offset, again.position("file"), again.position("s")) == (7, 90, "4", None)
    assert kept(again, place) == [("s", b"later\n")]
    again.close()


def test_positions_stay_when_segments_go(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment=100)
    journal.put("file", b"x\n", position="2").result(5)
    for number in range(20):
        put(journal, "y" * 50 + str(number))
    entries, place = journal.read(START, 1 << 20)
    assert len(entries) == 21
    journal.forget(place)
    assert len(list(tmp_path.glob("*.journal"))) == 1
    journal.close()
    again = Journal(tmp_path)
    assert again.position("file") == "2"
    assert kept(again, place) == []
    put(again, "z")
    assert kept(again, place) == [("s", b"z\n")]
    again.close()


def test_positions_of_streams_that_moved_last_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_POSITIONS", 2)
    journal = Journal(tmp_path)
    for stream in ("a", "b", "a", "c"):
        journal.put(stream, b"x\n", position=stream).result(5)
    journal.close()
    again = Journal(tmp_path)
    assert [again.position(stream) for stream in "abc"] == ["a", None, "c"]
    again.close()


@pytest.mark.parametrize("cut", [1, 7, 9, 15])
def test_what_was_half_written_is_cut_off(tmp_path: Path, cut: int) -> None:
    journal = Journal(tmp_path)
    put(journal, "whole", "torn")
    journal.close()
    (segment,) = tmp_path.glob("*.journal")
    os.truncate(segment, segment.stat().st_size - cut)
    again = Journal(tmp_path)
    assert kept(again) == [("s", b"whole\n")]
    put(again, "new")
    assert kept(again) == [("s", b"whole\n"), ("s", b"new\n")]
    again.close()


def test_damage_in_the_middle_loses_its_segment_only_and_is_counted(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment=60)
    put(journal, "one", "two")
    put(journal, "three " * 20)
    put(journal, "four")
    journal.close()
    first = min(tmp_path.glob("*.journal"))
    data = bytearray(first.read_bytes())
    data[-2] ^= 0xFF
    first.write_bytes(data)
    again = Journal(tmp_path)
    lost = [line for line in (b"one\n", b"two\n", b"three " * 20 + b"\n", b"four\n") if ("s", line) not in kept(again)]
    assert len(lost) == 1
    assert again.damaged > 0
    again.close()


def test_the_limit_refuses_and_recovers(tmp_path: Path) -> None:
    journal = Journal(tmp_path, limit=500, segment=100)
    put(journal, "x" * 300)
    with pytest.raises(JournalFull, match="wait for the engine"):
        put(journal, "y" * 300)
    assert not journal.put("s", b"").exception(5)
    assert kept(journal) == [("s", b"x" * 300 + b"\n")]
    put(journal, "")
    journal.forget(journal.read(START, 1 << 20)[1])
    put(journal, "y" * 90)
    journal.close()


def test_a_full_disk_refuses_keeps_nothing_and_recovers_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    put(journal, "before")
    real = os.writev

    def full(file: int, pieces: list[memoryview]) -> int:
        real(file, [pieces[0][:5]])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "writev", full)
    with pytest.raises(JournalFull, match="No space left"):
        put(journal, "lost")
    monkeypatch.setattr(os, "writev", real)
    put(journal, "after")
    assert kept(journal) == [("s", b"before\n"), ("s", b"after\n")]
    assert journal.writable
    journal.close()


_CRASH = """
    import sys
    from pathlib import Path
    from tidewaiter.service.journal import Journal
    journal = Journal(Path(sys.argv[1]), segment=2000)
    number = int(sys.argv[2])
    while True:
        waiting = [journal.put("s", b"%d\\n" % (number + i), position=str(number + i)) for i in range(3)]
        for one in waiting:
            one.result()
        number += 3
        print(number, flush=True)
"""


def test_killed_at_any_point_it_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    begin = 0
    for seed in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(_CRASH), str(tmp_path), str(begin)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        acknowledged = [int(child.stdout.readline()) for _ in range((1 + seed * 11) % 60 + 1)][-1]
        child.send_signal(signal.SIGKILL)
        rest = [int(line) for line in child.stdout.read().split()[:-1]]
        child.stdout.close()
        child.wait()
        acknowledged = max([acknowledged, *rest])
        journal = Journal(tmp_path)
        found = [int(data) for _, data in kept(journal)]
        assert found == list(range(len(found)))
        assert len(found) >= acknowledged
        assert journal.position("s") == str(len(found) - 1)
        journal.close()
        begin = len(found)
