from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from tailing import Memory, feed_into, running, wait_for

from tidewaiter.service.tails.feed import Feed
from tidewaiter.service.tails.stdin import Stdin
from tidewaiter.settings.tails import StdinTail


@pytest.fixture
def journal() -> Memory:
    return Memory()


@pytest.fixture
def feed(journal: Memory) -> Feed:
    return feed_into(journal)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    os.close(read)


def test_lines_come_as_they_are_written_and_the_end_is_said(journal: Memory, feed: Feed, pipe: tuple[int, int]) -> None:
    read, write = pipe
    with running(Stdin(StdinTail(), feed, descriptor=read), feed):
        os.write(write, b"one\ntw")
        wait_for(lambda: journal.lines() == ["one"], "the first line")
        os.write(write, b"o\nlast")
        wait_for(lambda: journal.lines() == ["one", "two"], "the second line")
        os.close(write)
        wait_for(lambda: feed.board.show().state == "ended", "the end")
    assert [(kept.stream, kept.data, kept.line, kept.offset) for kept in journal.kept] == [
        ("stdin", b"one\n", 1, 0),
        ("stdin", b"two\n", 2, 4),
        ("stdin", b"last\n", 3, 8),
    ]
    assert feed.board.show().counts == {"ended": 1, "unfinished-line": 1}


def test_a_line_that_is_too_long_is_left_out_and_said(journal: Memory, feed: Feed, pipe: tuple[int, int]) -> None:
    read, write = pipe
    with running(Stdin(StdinTail(max_line=10), feed, descriptor=read), feed):
        os.write(write, b"one\n" + b"x" * 20)
        wait_for(lambda: "line-too-long" in feed.board.show().counts, "the bound")
        os.write(write, b"x" * 20)
        os.write(write, b"x\ntwo\n")
        wait_for(lambda: journal.lines() == ["one", "two"], "the line after it")
    assert (journal.kept[-1].line, journal.kept[-1].offset) == (3, 46)
    os.close(write)


def test_what_was_read_and_not_kept_is_said(journal: Memory, feed: Feed, pipe: tuple[int, int]) -> None:
    read, write = pipe
    journal.refuse = 1_000_000
    with running(Stdin(StdinTail(), feed, descriptor=read), feed):
        os.write(write, b"one\n")
        wait_for(lambda: feed.board.show().state == "waiting", "the full journal")
    assert feed.board.show().counts == {"journal-full": 1, "lost": 1}
    os.close(write)


def test_a_closed_input_is_said(journal: Memory, feed: Feed) -> None:
    read, write = os.pipe()
    os.close(read)
    os.close(write)
    Stdin(StdinTail(), feed, descriptor=read).run()
    assert [problem.key for problem in feed.board.show().problems] == ["read-error"]
    assert journal.kept == []
