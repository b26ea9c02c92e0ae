from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.service.tails.syslog_frames import Frames, FramingError, one_line

CASES: list[tuple[str, bytes, list[bytes], tuple[bytes, bool]]] = [
    ("lines", b"<13>one\n<13>two\r\n<13>th", [b"<13>one", b"<13>two\r"], (b"<13>th", False)),
    ("zero bytes end lines, too", b"<13>one\0<13>two\0", [b"<13>one", b"<13>two"], (b"", False)),
    ("counted", b"7 <13>one8 <13>\ntwo", [b"<13>one", b"<13>\ntwo"], (b"", False)),
    ("counted, with line ends all the same", b"7 <13>one\n7 <13>two\n", [b"<13>one", b"<13>two"], (b"", False)),
    ("counted JSON", b'7 {"a":1}2 {}', [b'{"a":1}', b"{}"], (b"", False)),
    ("counted and cut", b"7 <13>one9 <13>t", [b"<13>one"], (b"", True)),
    ("a line that begins with a number", b"2026-11-23 x\n12 monkeys\n", [b"2026-11-23 x", b"12 monkeys"], (b"", False)),
    ("nothing", b"", [], (b"", False)),
    ("too long a line", b"a\n" + b"x" * 41 + b"\nb\n", [b"a", b"b"], (b"", False)),
    ("too long a count", b"1 <41 <" + b"x" * 40 + b"1 >", [b"<", b">"], (b"", False)),
]


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(("data", "messages", "rest"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_cuts_messages_however_they_arrive(
    data: bytes, messages: list[bytes], rest: tuple[bytes, bool], size: int
) -> None:
    frames = Frames(40)
    found = [one for at in range(0, len(data), size) for one in frames.feed(data[at : at + size])]
    assert (found, frames.finish(), frames.too_long) == (messages, rest, int(b"x" * 40 in data))


def test_what_is_no_count_ends_a_counted_connection() -> None:
    frames = Frames(40)
    assert list(frames.feed(b"3 <1>")) == [b"<1>"]
    with pytest.raises(FramingError):
        list(frames.feed(b"<13>one\n"))


def test_the_end_of_a_line_that_is_too_long_is_no_message() -> None:
    frames = Frames(10)
    assert list(frames.feed(b"<13>" + b"x" * 20)) == []
    assert list(frames.feed(b"y" * 5)) == []
    assert (frames.finish(), frames.too_long) == ((b"", False), 1)


@given(st.lists(st.binary(min_size=1, max_size=30).map(lambda text: b"<1>" + text), min_size=1), st.integers(1, 50))
def test_counted_messages_come_out_as_they_went_in(messages: list[bytes], size: int) -> None:
    data = b"".join(b"%d %s" % (len(message), message) for message in messages)
    frames = Frames(1000)
    assert [one for at in range(0, len(data), size) for one in frames.feed(data[at : at + size])] == messages


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (b"", b""),
        (b"\r\n\0 ", b""),
        (b"<13>one\r\n", b"<13>one\n"),
        (b"<13>one\n<13>forged", b"<13>one <13>forged\n"),
        (b'<13>{\n"a":\r\n1}', b'<13>{ "a": 1}\n'),
    ],
)
def test_one_message_is_one_line(message: bytes, line: bytes) -> None:
    assert one_line(message) == line
