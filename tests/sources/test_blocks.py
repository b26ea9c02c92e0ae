from __future__ import annotations

import codecs
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewaiter.errors import SourceError
from tidewaiter.sources import blocks as module
from tidewaiter.sources.blocks import blocks, chunks
from tidewaiter.sources.contract import Block, Tally, Unreadable


class Slow:
    """Gives a few bytes at a time, as a pipe does, and may fail at the end."""

    def __init__(self, data: bytes, step: int, failure: Exception | None = None) -> None:
        self._data, self._step, self._failure = data, step, failure

    def readinto(self, buffer: Any, /) -> int:
        piece = self._data[: min(self._step, len(buffer))]
        if not piece and self._failure:
            raise self._failure
        self._data = self._data[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        pass


def copy(block: Block) -> Block:
    return Block(bytes(block.data), block.offset, block.line)


def read(
    data: bytes, *, step: int = 1 << 20, failure: Exception | None = None, **options: int
) -> tuple[list[Block], Tally]:
    tally = Tally("x.log")
    return [copy(block) for block in blocks(Slow(data, step, failure), tally=tally, **options)], tally


def lines(found: list[Block]) -> list[tuple[int, int, bytes]]:
    """Every line with its number and offset, as a reader would count them."""
    out = []
    for block in found:
        offset = block.offset
        for number, line in enumerate(bytes(block.data).removesuffix(b"\n").split(b"\n")):
            out.append((block.line + number, offset, line))
            offset += len(line) + 1
    return out


SHORT = [
    # name, input, lines with number and offset, notes
    ("nothing", b"", [], {}),
    ("one line", b"a\n", [(1, 0, b"a")], {}),
    ("no final newline", b"a\nb", [(1, 0, b"a"), (2, 2, b"b")], {}),
    ("CRLF is kept", b"a\r\nb\r\n", [(1, 0, b"a\r"), (2, 3, b"b\r")], {}),
    ("empty lines count", b"\n\na\n", [(1, 0, b""), (2, 1, b""), (3, 2, b"a")], {}),
    ("byte order mark", b"\xef\xbb\xbfa\nb\n", [(1, 3, b"a"), (2, 5, b"b")], {}),
    ("gap at the start", b"\0" * 20 + b"a\nb\n", [(1, 20, b"a"), (2, 22, b"b")], {"nul-gap": 1}),
    ("gap between lines", b"a\n" + b"\0" * 9 + b"b\n", [(1, 0, b"a"), (2, 11, b"b")], {"nul-gap": 1}),
    ("one zero byte at a line start", b"a\n\0b\n\0c", [(1, 0, b"a"), (2, 3, b"b"), (3, 6, b"c")], {"nul-gap": 2}),
    ("gap at the end", b"a\n" + b"\0" * 40, [(1, 0, b"a")], {"nul-gap": 1}),
    ("nothing but zero bytes", b"\0" * 40, [], {"nul-gap": 1}),
    ("few zero bytes in a line", b"a\0\0b\nc\0", [(1, 0, b"a\0\0b"), (2, 5, b"c\0")], {}),
    ("UTF-16", "a\né\n".encode("utf-16"), [(1, 0, b"a"), (2, 2, "é".encode())], {}),
    ("UTF-16 BE", codecs.BOM_UTF16_BE + "a\nb".encode("utf-16-be"), [(1, 0, b"a"), (2, 2, b"b")], {}),
    ("UTF-32", "a\nb".encode("utf-32"), [(1, 0, b"a"), (2, 2, b"b")], {}),
]


@pytest.mark.parametrize("step", [1, 2, 7, 1 << 20])
@pytest.mark.parametrize("size", [1, 4, 64, 1 << 20])
@pytest.mark.parametrize(("data", "expected", "notes"), [case[1:] for case in SHORT], ids=[case[0] for case in SHORT])
def test_lines_and_their_places(
    data: bytes, expected: list[tuple[int, int, bytes]], notes: dict[str, int], size: int, step: int
) -> None:
    found, tally = read(data, block_size=size, step=step)
    assert (lines(found), tally.notes, tally.places) == (expected, notes, [])


@pytest.mark.parametrize("step", [1, 5, 1 << 20])
def test_a_gap_inside_a_line_breaks_it_off(step: int) -> None:
    found, tally = read(b'a\n{"cut' + b"\0" * 30 + b"b\nc\n", block_size=8, step=step)
    assert lines(found) == [(1, 0, b"a"), (2, 37, b"b"), (3, 39, b"c")]
    reason = "nul-gap: the line breaks off in a run of zero bytes"
    assert tally.places == [Unreadable(path="x.log", line=2, offset=2, reason=reason, sample=b'{"cut')]
    assert tally.notes == {"nul-gap": 1}


@pytest.mark.parametrize("step", [1, 3, 1 << 20])
@pytest.mark.parametrize("size", [1, 4, 11])
def test_a_line_that_is_too_long_is_left_out_alone(size: int, step: int) -> None:
    found, tally = read(
        b"a\n" + b"x" * 11 + b"\n" + b"y" * 10 + b"\nb\n" + b"z" * 30, block_size=size, max_line=10, step=step
    )
    assert lines(found) == [(1, 0, b"a"), (3, 14, b"y" * 10), (4, 25, b"b")]
    assert [(place.line, place.offset, place.reason, place.sample) for place in tally.places] == [
        (2, 2, "line-too-long: more than 10 bytes", b"x" * 11),
        (5, 27, "line-too-long: more than 10 bytes", b"z" * 11),
    ]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (OSError(5, "Input/output error"), "read-error: Input/output error"),
        (SourceError("cut-short: gzip data ends too early"), "cut-short: gzip data ends too early"),
    ],
)
@pytest.mark.parametrize("step", [1, 1 << 20])
def test_a_failing_stream_is_counted_with_the_line_it_cut(failure: Exception, reason: str, step: int) -> None:
    found, tally = read(b"a\nb\nhalf", failure=failure, step=step)
    assert lines(found) == [(1, 0, b"a"), (2, 2, b"b")]
    assert tally.places == [Unreadable(path="x.log", line=3, offset=4, reason=reason, sample=b"half")]
    pieces = Tally("x.log")
    data = b"".join(bytes(block.data) for block in chunks(Slow(b"a\nb\nhalf", step, failure), tally=pieces))
    assert data == b"a\nb\nhalf"
    assert pieces.places == [Unreadable(path="x.log", line=3, offset=8, reason=reason)]


@settings(max_examples=300, deadline=None)
@given(
    data=st.binary(max_size=200).map(lambda data: data.replace(b"\0", b""))
    | st.text("ab\n", max_size=200).map(str.encode),
    size=st.integers(1, 50),
    step=st.integers(1, 50),
    typical=st.sampled_from([1, 500]),
)
def test_blocks_join_to_the_input(data: bytes, size: int, step: int, typical: int) -> None:
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        data = b"x" + data
    before = module.LONG_LINES
    module.LONG_LINES = typical  # both ways of counting
    try:
        found, tally = read(data, block_size=size, step=step)
    finally:
        module.LONG_LINES = before
    assert b"".join(bytes(block.data) for block in found) == data
    assert (tally.places, tally.notes) == ([], {})
    for block in found:
        assert data[: block.offset].count(b"\n") + 1 == block.line
        assert data[block.offset : block.offset + len(block.data)] == block.data
    for block in found[:-1]:
        assert bytes(block.data).endswith(b"\n")


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(st.sampled_from([b"a", b"\n", b"\0", b"\0" * 8, b"xyz"]), max_size=40),
    size=st.integers(1, 20),
    step=st.integers(1, 20),
)
def test_any_split_gives_the_same_around_gaps(parts: list[bytes], size: int, step: int) -> None:
    data = b"".join(parts)
    found, tally = read(data, block_size=size, step=step)
    whole, whole_tally = read(data)
    assert (lines(found), tally.places, tally.notes) == (lines(whole), whole_tally.places, whole_tally.notes)


@settings(max_examples=300, deadline=None)
@given(
    data=st.text("ab\n", max_size=100).map(str.encode),
    size=st.integers(1, 20),
    step=st.integers(1, 20),
    max_line=st.integers(1, 20),
)
def test_only_lines_that_are_too_long_are_left_out(data: bytes, size: int, step: int, max_line: int) -> None:
    most = max(size - 1, max_line)
    found, tally = read(data, block_size=size, step=step, max_line=max_line)
    whole = lines(read(data)[0])
    assert lines(found) == [line for line in whole if len(line[2]) <= most]
    left_out = [(number, offset) for number, offset, text in whole if len(text) > most]
    assert [(place.line, place.offset) for place in tally.places] == left_out


class Long:
    """One line of 100 MB between two short ones, made on the way."""

    def __init__(self) -> None:
        self._left = [b"a\n", *[b"x" * (1 << 20)] * 100, b"\nb\n"]

    def readinto(self, buffer: Any, /) -> int:
        if not self._left:
            return 0
        piece = self._left[0][: len(buffer)]
        self._left[0] = self._left[0][len(piece) :]
        if not self._left[0]:
            self._left.pop(0)
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        pass


def test_a_line_of_100_mb_takes_bounded_memory() -> None:
    tally = Tally("x.log")
    tracemalloc.start()
    try:
        found = [copy(block) for block in blocks(Long(), tally=tally)]
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert lines(found) == [(1, 0, b"a"), (3, (100 << 20) + 3, b"b")]
    assert [(place.line, place.offset) for place in tally.places] == [(2, 2)]
    assert most < 80_000_000
