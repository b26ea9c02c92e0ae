from __future__ import annotations

import errno
from collections.abc import Iterator
from io import BytesIO

import pytest

from tidewaiter.errors import SourceError
from tidewaiter.sources.streams import Counted, Pieces, Replay, Stream, fill, look


def everything(stream: Stream, size: int = 3) -> bytes:
    data, buffer = b"", bytearray(size)
    while got := fill(stream, memoryview(buffer)):
        data += buffer[:got]
    return data


@pytest.mark.parametrize("ahead", [0, 1, 5, 6, 7])
def test_a_look_ahead_loses_nothing(ahead: int) -> None:
    start, rest = look(BytesIO(b"abcdef"), ahead)
    assert (start, everything(Replay(start, rest))) == (b"abcdef"[:ahead], b"abcdef")


def failing() -> Iterator[bytes]:
    yield b"abcd"
    raise SourceError("cut-short: x")


def test_a_failure_during_a_look_ahead_comes_again_after_the_data() -> None:
    start, rest = look(Pieces(failing(), lambda: None), 10)
    stream = Replay(start, rest)
    buffer = bytearray(10)
    assert (stream.readinto(buffer), bytes(buffer[:4])) == (4, b"abcd")
    for _ in range(2):
        with pytest.raises(SourceError, match="cut-short: x"):
            stream.readinto(buffer)


def test_pieces_of_any_size_fit_a_buffer_of_any_size() -> None:
    closed: list[bool] = []
    stream = Pieces(iter([b"", b"abcde", b"", b"f"]), lambda: closed.append(True))
    assert everything(stream) == b"abcdef"
    stream.close()
    assert closed == [True]


def test_counts_what_went_through() -> None:
    stream = Counted(BytesIO(b"abcdef"))
    assert (stream.read(4), stream.read(4), stream.read(4), stream.count) == (b"abcd", b"ef", b"", 6)


class NotReady:
    def readinto(self, _buffer: object, /) -> int | None:
        return None

    def close(self) -> None:
        pass


def test_not_ready_is_not_the_end() -> None:
    with pytest.raises(BlockingIOError) as caught:
        fill(NotReady(), memoryview(bytearray(1)))
    assert caught.value.errno == errno.EAGAIN
