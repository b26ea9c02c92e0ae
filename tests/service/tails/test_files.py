"""Many logs at once: which are found, what is left out, who may lead where, and what happens when rights go."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tailing import Follower, Memory, running, wait_for

from tidewaiter.service.tails.feed import Board, Feed
from tidewaiter.service.tails.files import Files
from tidewaiter.settings.tails import FileTail


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "logs"
    found.mkdir()
    return found


@pytest.fixture
def follower(folder: Path) -> Iterator[Follower]:
    found = Follower(Memory(), folder)
    yield found
    found.files.close()


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_new_files_are_noticed_and_read_from_their_start(folder: Path) -> None:
    append(folder / "a.log", "old\n")
    follower = Follower(Memory(), folder, begin="end")
    follower.poll()
    append(folder / "b.log", "new\n")
    append(folder / "a.log", "more\n")
    follower.poll(seconds=2)
    assert sorted(follower.journal.lines()) == ["more", "new"]
    assert follower.board.show().streams == 2
    follower.files.close()


def test_a_renamed_log_is_not_a_new_one(folder: Path, follower: Follower) -> None:
    append(folder / "a.log", "one\n")
    follower.poll()
    (folder / "a.log").rename(folder / "previous.log")  # no name that rotation gives
    append(folder / "a.log", "two\n")
    follower.poll(seconds=3)
    follower.poll(seconds=100)
    follower.poll(seconds=100)
    assert follower.journal.lines() == ["one", "two"]
    assert {kept.stream for kept in follower.journal.kept} == {f"{folder}/a.log"}


def test_one_file_with_two_names_is_read_once(folder: Path, follower: Follower) -> None:
    append(folder / "a.log", "one\n")
    (folder / "b.log").hardlink_to(folder / "a.log")
    (folder / "c.log").symlink_to(folder / "a.log")
    follower.poll()
    follower.poll(seconds=3)
    assert follower.journal.lines() == ["one"]


def test_a_gone_log_is_forgotten_when_it_is_read(folder: Path, follower: Follower) -> None:
    append(folder / "a.log", "one\n")
    follower.poll()
    append(folder / "a.log", "two\n")
    (folder / "a.log").unlink()
    for _ in range(4):
        follower.poll(seconds=61)
    assert (follower.journal.lines(), follower.board.show().streams) == (["one", "two"], 0)
    append(folder / "a.log", "three\n")
    follower.poll(seconds=3)
    assert follower.journal.lines() == ["one", "two", "three"]
    assert "lost" not in follower.counts


def test_a_folder_may_vanish_and_come_again(folder: Path, follower: Follower) -> None:
    append(folder / "a.log", "one\n")
    follower.poll()
    (folder / "a.log").unlink()
    folder.rmdir()
    follower.poll(seconds=3)
    folder.mkdir()
    append(folder / "a.log", "two\n")
    follower.poll(seconds=3)
    assert follower.journal.lines() == ["one", "two"]


def test_container_logs_are_followed_over_their_links(tmp_path: Path) -> None:
    """As under /var/log/containers: links into /var/log/pods, and from there to the engine; kubelet rotates there."""
    links, pods, engine = (tmp_path / name for name in ("containers", "pods", "engine"))
    for path in (links, pods / "shop", engine / "f00"):
        path.mkdir(parents=True)
    follower = Follower(Memory(), links, links=(str(pods), str(engine)))
    follower.poll()
    log = engine / "f00" / "f00-json.log"
    append(log, "one\n")
    (pods / "shop" / "0.log").symlink_to(log)
    (links / "shop.log").symlink_to(pods / "shop" / "0.log")
    follower.poll(seconds=3)
    append(log, "two\n")
    log.rename(engine / "f00" / "f00-json.log.1")
    append(log, "three\n")
    follower.poll()
    follower.restart()
    append(log, "four\n")
    follower.poll()
    assert follower.journal.lines(f"{links}/shop.log") == ["one", "two", "three", "four"]
    follower.files.close()


def problems(follower: Follower) -> list[tuple[str, str]]:
    return [(problem.key, Path(problem.where).name) for problem in follower.board.show().problems]


def test_a_link_that_was_swapped_is_not_followed_elsewhere(tmp_path: Path, folder: Path, follower: Follower) -> None:
    (tmp_path / "secret").write_text("secret\n")
    append(folder / "a.log", "one\n")
    follower.poll()
    (folder / "a.log").unlink()
    (folder / "a.log").symlink_to(tmp_path / "secret")
    (folder / "b.log").symlink_to(tmp_path / "secret")
    follower.poll(seconds=3)
    assert sorted(problems(follower)) == [("link-outside", "a.log"), ("link-outside", "b.log")]
    follower.restart()
    follower.poll()
    (folder / "a.log").unlink()
    append(folder / "a.log", "two\n")
    follower.poll(seconds=3)
    assert ("link-outside", "a.log") not in problems(follower)
    assert "two" in follower.journal.lines(f"{folder}/a.log")
    assert "secret" not in follower.journal.lines(f"{folder}/a.log")
    follower.files.close()


def test_a_link_that_led_out_from_the_start_is_followed_but_not_elsewhere(tmp_path: Path, folder: Path) -> None:
    for name in ("disk", "secrets"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text(f"{name}\n")
    (folder / "a.log").symlink_to(tmp_path / "disk" / "x")
    follower = Follower(Memory(), folder)
    follower.poll()
    (folder / "a.log").unlink()
    (folder / "a.log").symlink_to(tmp_path / "secrets" / "x")
    follower.poll(seconds=3)
    follower.restart()
    follower.poll()
    assert follower.journal.lines() == ["disk"]
    assert problems(follower) == [("link-outside", "a.log")]
    follower.files.close()


def test_rights_that_go_and_come_again(folder: Path, follower: Follower, monkeypatch: pytest.MonkeyPatch) -> None:
    append(folder / "a.log", "one\n")
    follower.poll()
    real: Callable[..., int] = os.open

    def refuse(path: Any, *rest: Any) -> int:
        if str(path).endswith("a.log"):
            raise PermissionError(13, "Permission denied", path)
        return real(path, *rest)

    with monkeypatch.context() as patch:  # tests may run as root, who may read everything
        patch.setattr(os, "open", refuse)
        append(folder / "a.log", "two\n")
        (folder / "a.log").rename(folder / "a.log.1")
        append(folder / "a.log", "three\n")
        for _ in range(3):
            follower.poll()
        assert problems(follower) == [("no-access", "a.log")]
        assert follower.journal.lines() == ["one", "two"]
    follower.poll()
    assert (problems(follower), follower.counts) == ([], {"no-access": 1, "rotated": 1})
    assert follower.journal.lines() == ["one", "two", "three"]


def test_a_compressed_file_is_said_not_to_grow(folder: Path) -> None:
    (folder / "a.log").write_bytes(b"\x1f\x8b\x08whatever")
    follower = Follower(Memory(), folder / "a.log")
    follower.poll()
    follower.poll()
    assert (follower.journal.lines(), follower.counts) == ([], {"compressed": 1})


def test_more_files_than_allowed_are_said(folder: Path) -> None:
    for number in range(5):
        append(folder / f"{number}.log", f"{number}\n")
    follower = Follower(Memory(), folder, max_files=3)
    follower.poll()
    assert (sorted(follower.journal.lines()), problems(follower)[0][0]) == (["0", "1", "2"], "too-many-files")
    follower.files.close()


def test_no_log_waits_behind_one_that_never_ends(folder: Path, follower: Follower, monkeypatch: Any) -> None:
    monkeypatch.setattr("tidewaiter.service.tails.files.ROUND", 1)
    for name in ("a", "b", "c"):
        append(folder / f"{name}.log", f"{name}\n" * 600_000)
    for _ in range(3):
        follower.look()
    assert {kept.data[:1] for kept in follower.journal.kept} == {b"a", b"b", b"c"}


def test_a_name_that_is_no_text_is_shown(folder: Path, follower: Follower) -> None:
    append(folder / "a\udcff.log", "one\n")
    follower.poll()
    assert follower.journal.lines(rf"{folder}/a\xff.log") == ["one"]


def test_follows_in_a_thread_until_it_is_stopped(folder: Path) -> None:
    settings = FileTail(paths=(str(folder),), poll=0.01, rescan=0.01)
    journal = Memory()
    feed = Feed(journal, Board(settings.title, "file"), threading.Event())
    with running(Files(settings, feed), feed):
        append(folder / "a.log", "one\n")
        wait_for(lambda: journal.lines() == ["one"], "the line")
        journal.refuse = 2
        append(folder / "a.log", "two\n")
        wait_for(lambda: journal.lines() == ["one", "two"], "the second line")
