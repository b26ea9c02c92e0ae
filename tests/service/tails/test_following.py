"""Every complete line comes exactly once, however the log is rotated, cut, and the service killed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tailing import Follower, Log, Memory


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    found = Log(tmp_path / "a.log")
    yield found
    found.file.close()


@pytest.fixture
def follower(log: Log) -> Iterator[Follower]:
    found = Follower(Memory(), log.path)
    yield found
    found.files.close()


def lines(follower: Follower) -> list[str]:
    return follower.journal.lines()


def test_lines_come_when_they_are_whole(log: Log, follower: Follower) -> None:
    log.write("one\ntw")
    follower.poll()
    assert lines(follower) == ["one"]
    log.write("o\nthree\n")
    follower.poll()
    assert lines(follower) == ["one", "two", "three"]
    assert [(kept.line, kept.offset) for kept in follower.journal.kept] == [(1, 0), (2, 4)]


def test_the_stream_is_the_path(log: Log, follower: Follower) -> None:
    log.write("one\n")
    follower.poll()
    assert {kept.stream for kept in follower.journal.kept} == {str(log.path)}


def test_a_restart_goes_on_where_the_journal_ends(log: Log, follower: Follower) -> None:
    log.write("one\ntwo\n")
    follower.poll()
    follower.restart()
    log.write("three\n")
    follower.poll()
    assert lines(follower) == ["one", "two", "three"]
    assert (follower.journal.kept[-1].line, follower.journal.kept[-1].offset) == (3, 8)


# Between two looks, or while the service was down: what rotation does, and how it is counted.
def renamed(log: Log) -> None:
    log.rename()


def renamed_twice(log: Log) -> None:
    log.rename()
    log.write("between\n")
    log.rename()


def renamed_and_compressed(log: Log) -> None:
    log.rename()
    log.compress(log.parts()[0])


def renamed_twice_and_compressed(log: Log) -> None:
    renamed_twice(log)
    for part in log.parts():
        log.compress(part)


def copied(log: Log) -> None:
    log.copy_and_cut()


def copied_twice(log: Log) -> None:
    log.copy_and_cut()
    log.write("between\n")
    log.copy_and_cut()


def copied_and_compressed(log: Log) -> None:
    log.copy_and_cut()
    log.compress(log.parts()[0])


ROTATIONS: list[tuple[Callable[[Log], None], list[str], dict[str, int]]] = [
    (renamed, [], {"rotated": 1}),
    (renamed_twice, ["between"], {"rotated": 2}),
    (renamed_and_compressed, [], {"rotated": 1}),
    (renamed_twice_and_compressed, ["between"], {"rotated": 2}),
    (copied, [], {"truncated": 1}),
    (copied_twice, ["between"], {"rotated": 1, "truncated": 1}),
    (copied_and_compressed, [], {"truncated": 1}),
]


@pytest.mark.parametrize("down", [False, True], ids=["up", "down"])
@pytest.mark.parametrize(("rotate", "between", "counts"), ROTATIONS, ids=lambda value: getattr(value, "__name__", ""))
def test_nothing_is_lost_or_doubled_by_rotation(
    rotate: Callable[[Log], None], between: list[str], counts: dict[str, int], down: bool, log: Log, follower: Follower
) -> None:
    log.write("read before\n")
    follower.poll()
    log.write("not read\n")
    rotate(log)
    log.write("after\n")
    if down:
        follower.restart()
    follower.poll()
    assert lines(follower) == ["read before", "not read", *between, "after"]
    assert follower.counts == counts


def test_a_program_may_write_to_the_renamed_file_until_it_is_told(log: Log, follower: Follower) -> None:
    log.write("one\n")
    follower.poll()
    log.rename(reopen=False)
    log.write("two\n")
    follower.poll()
    log.write("three\n")
    follower.poll(seconds=50)
    log.reopen()
    log.write("four\n")
    follower.poll()
    assert lines(follower) == ["one", "two", "three", "four"]
    assert follower.counts == {"rotated": 1}


def test_a_line_that_was_cut_off_by_rotation_is_waited_for_and_then_given(log: Log, follower: Follower) -> None:
    log.write("one\nbroken")
    follower.poll()
    log.rename()
    log.write("two\n")
    follower.poll(seconds=1)
    assert lines(follower) == ["one"]
    follower.poll(seconds=3)
    assert lines(follower) == ["one", "broken", "two"]
    assert follower.counts == {"rotated": 1, "unfinished-line": 1}


def test_a_last_line_without_end_is_given_after_a_while(log: Log, follower: Follower) -> None:
    log.write("one\nlast")
    follower.poll()
    follower.poll(seconds=59)
    assert lines(follower) == ["one"]
    follower.poll(seconds=2)
    assert lines(follower) == ["one", "last"]
    log.write("\nnext\n")
    follower.poll()
    assert [line for line in lines(follower) if line] == ["one", "last", "next"]


def test_a_cut_without_a_copy_is_said(log: Log, follower: Follower) -> None:
    log.write("one\n")
    follower.poll()
    log.write("gone\n")
    log.copy_and_cut(copy=False)
    log.write("two\n")
    follower.poll()
    assert lines(follower) == ["one", "two"]
    assert follower.counts == {"lost": 1, "truncated": 1}


def test_a_cut_is_noticed_when_the_file_has_grown_past_the_place_meanwhile(log: Log, follower: Follower) -> None:
    log.write("one\n")
    follower.poll()
    log.copy_and_cut(copy=False)
    log.write("another\nmore\n")
    follower.poll()
    assert lines(follower) == ["one", "another", "more"]


def test_a_writer_that_keeps_its_place_leaves_a_hole_that_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with path.open("wb", buffering=0) as file:  # not for appending
        follower = Follower(Memory(), path)
        file.write(b"x" * 300_000 + b"\n")
        follower.poll()
        os.truncate(path, 0)
        file.write(b"after\n")
        follower.poll()
    assert [line[-5:] for line in lines(follower)] == ["xxxxx", "after"]
    assert follower.journal.kept[-1].offset == 300_001
    assert follower.counts == {"lost": 1, "nul-gap": 1, "truncated": 1}
    follower.files.close()


def test_a_file_that_is_gone_with_the_service_down_is_said(log: Log, follower: Follower) -> None:
    log.write("one\n")
    follower.poll()
    log.rename()
    log.parts()[0].unlink()
    log.write("two\n")
    follower.restart()
    follower.poll()
    assert lines(follower) == ["one", "two"]
    assert follower.counts == {"lost": 1, "rotated": 1}


def test_a_deleted_file_is_read_to_its_end(log: Log, follower: Follower) -> None:
    log.write("one\n")
    follower.poll()
    log.path.unlink()
    log.write("two\n")
    follower.poll()
    assert lines(follower) == ["one", "two"]
    log.reopen()
    log.write("three\n")
    follower.poll(seconds=100)
    follower.restart()
    follower.poll()
    assert lines(follower) == ["one", "two", "three"]
    assert follower.counts.get("lost") is None


def test_an_inode_that_is_used_again_is_another_file(log: Log, follower: Follower) -> None:
    log.write("one\n")
    follower.poll()
    log.path.unlink()
    follower.poll(seconds=61)
    follower.poll(seconds=61)  # closed now: its inode is free
    for number in range(5):
        log.reopen()
        log.write(f"{number}\n")
        follower.poll()
        log.path.unlink()
        log.file.close()
        follower.poll(seconds=61)
        follower.poll(seconds=61)
    assert lines(follower) == ["one", "0", "1", "2", "3", "4"]


def test_lines_come_again_until_the_journal_has_them(log: Log, follower: Follower) -> None:
    log.write("one\n")
    follower.journal.refuse = 3
    for _ in range(4):
        follower.look()
    assert lines(follower) == ["one"]
    assert follower.board.show().problems == ()
    assert follower.counts == {"journal-full": 1}


def test_the_end_may_be_where_to_begin(log: Log) -> None:
    log.write("old\nhal")
    follower = Follower(Memory(), log.path, begin="end")
    follower.poll()
    follower.restart()
    log.write("f\nnew\n")
    follower.poll()
    assert lines(follower) == ["half", "new"]
    follower.files.close()


def test_a_saved_position_that_makes_no_sense_is_said(log: Log, follower: Follower) -> None:
    log.write("one\n")
    follower.journal.put(str(log.path), b"", position="{")
    follower.poll()
    assert lines(follower) == ["one"]
    assert follower.counts == {"position-unreadable": 1}


def test_a_quiet_file_is_closed_and_opened_again(log: Log, follower: Follower) -> None:
    log.write("one\n")
    follower.poll()
    follower.files._most_open = 0
    follower.poll(seconds=31)
    followed = follower.files._followed[str(log.path)]
    assert followed.open_files == 0
    log.write("two\n")
    log.rename()
    log.write("three\n")
    follower.poll()
    assert lines(follower) == ["one", "two", "three"]


FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
STEPS = st.lists(
    st.sampled_from(
        ["write", "write", "half", "rotate", "slow rotate", "compress", "look", "look", "kill", "full", "wait"]
    ),
    max_size=25,
)


class Play:
    """Plays steps on a log, and remembers every line that was written."""

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.log = Log(folder / "a.log")
        self.follower = Follower(Memory(), self.log.path)
        self.written: list[str] = []
        self.half = ""
        self.follower.look()

    def step(self, step: str, *, cut: bool) -> None:
        number = len(self.written)
        if step == "write":
            self.line(f"{number}-{'x' * (number * 7 % 40)}")
        elif step == "half" and not self.half:
            self.half = f"{number}-half"
            self.log.write(self.half)
        elif "rotate" in step:
            if self.half:
                self.line("-whole")  # a program that has to be told writes to the new file before the next rotation
            self.told()
            self.line(f"{len(self.written)}-last")
            if cut:
                self.log.copy_and_cut()
            else:
                self.log.rename(reopen=step == "rotate")
        elif step == "compress" and len(self.log.parts()) > 1:
            part = self.log.parts()[1]  # as delaycompress: the newest part may still be written to
            if part.suffix != ".gz":
                self.log.compress(part)
        elif step == "kill":
            self.follower.restart()
        elif step == "full":
            self.follower.journal.refuse = 1
            self.follower.look()
        else:
            self.follower.now += 70 * (step == "wait")
            self.follower.look()

    def line(self, text: str) -> None:
        """Write a line; a program that has to be told goes to the new file after it."""
        self.log.write(f"{text}\n")
        self.written.append(self.half + text)
        self.half = ""
        self.told()

    def told(self) -> None:
        if not self.half and os.fstat(self.log.file.fileno()).st_ino != self.log.path.stat().st_ino:
            self.log.reopen()

    def end(self) -> list[str]:
        self.line("end")
        self.follower.journal.refuse = 0
        for seconds in (0, 3, 3):
            self.follower.poll(seconds=seconds)
        self.follower.files.close()
        self.log.file.close()
        return self.follower.journal.lines()


@FEW
@given(steps=STEPS)
def test_every_line_comes_once_and_in_order_when_files_are_renamed(steps: list[str], tmp_path: Path) -> None:
    play = Play(tmp_path / "renamed")
    for step in [one for one in steps if one != "wait" or "half" not in steps]:
        play.step(step, cut=False)
    assert play.end() == play.written
    assert "lost" not in play.follower.counts


@FEW
@given(steps=STEPS)
def test_every_line_comes_once_when_files_are_copied_and_cut(steps: list[str], tmp_path: Path) -> None:
    play = Play(tmp_path / "copied")
    lost = 0
    for step in [one for one in steps if one != "wait" or "half" not in steps]:
        if step == "kill":
            lost += play.follower.counts.get("lost", 0)
        play.step(step, cut=True)
    found = play.end()
    lost += play.follower.counts.get("lost", 0)
    assert found == play.written or (lost and len(set(found)) == len(found) and set(found) < set(play.written))
