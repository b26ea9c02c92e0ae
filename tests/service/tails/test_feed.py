from __future__ import annotations

import logging
import threading

import pytest
from tailing import Memory, feed_into

from tidewaiter.service.tails.feed import Board, Problem, Put, TailStatus, retrying, whole_lines


def test_what_is_refused_is_offered_again_by_the_one_who_has_it() -> None:
    journal = Memory()
    feed = feed_into(journal)
    journal.refuse = 1
    assert feed.offer([Put("a", b"1\n"), Put("b", b"2\n", "p", 3, 4)]) == [False, True]
    assert feed.board.show().state == "waiting"
    assert [problem.key for problem in feed.board.show().problems] == ["journal-full"]
    assert feed.offer([Put("a", b"1\n")]) == [True]
    assert journal.lines() == ["2", "1"]
    assert (journal.kept[0].position, journal.kept[0].line, journal.kept[0].offset) == ("p", 3, 4)
    assert feed.board.show() == TailStatus(
        title="test", kind="test", state="running", streams=0, lines=2, bytes=4, counts={"journal-full": 1}, problems=()
    )


def test_a_full_journal_is_waited_for() -> None:
    journal = Memory()
    journal.refuse = 2
    assert feed_into(journal).put(Put("a", b"1\n"))
    assert journal.lines() == ["1"]


def test_waiting_ends_when_the_tail_is_stopped() -> None:
    journal = Memory()
    journal.refuse = 1_000_000
    feed = feed_into(journal)
    threading.Timer(0.05, feed.stop.set).start()
    assert not feed.put(Put("a", b"1\n"))
    assert journal.lines() == []


def test_a_problem_is_said_once_and_until_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="tidewaiter.tails")
    board = Board("x", "file")
    for _ in range(3):
        board.trouble("no-access", "a\x1b.log", "Permission denied")
    assert board.show().problems == (Problem(key="no-access", where="a\x1b.log", detail="Permission denied"),)
    board.over("no-access", "a\x1b.log")
    board.over("no-access", "a\x1b.log")
    assert (board.show().problems, board.show().counts) == ((), {"no-access": 1})
    assert caplog.messages == [r"no-access: a\x1b.log: Permission denied", r"no-access: a\x1b.log: over"]


def test_problems_are_bounded() -> None:
    board = Board("x", "file")
    for number in range(500):
        board.trouble("no-access", str(number), "")
    assert (len(board.show().problems), board.show().counts) == (100, {"no-access": 500})


def test_other_errors_are_not_tried_again() -> None:
    def fail() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        retrying(threading.Event(), ValueError)(fail)


@pytest.mark.parametrize(
    ("message", "lines"),
    [
        (b"", b""),
        (b"\r\n\0", b""),
        (b"one", b"one\n"),
        (b"one\ntwo\n", b"one\ntwo\n"),
        (b'{\n "a": 1\r\n}\n', b'{  "a": 1  }\n'),
        (b'{"a":1}\n{"a":2}', b'{"a":1}\n{"a":2}\n'),
    ],
)
def test_a_message_becomes_lines(message: bytes, lines: bytes) -> None:
    assert whole_lines(message) == lines
