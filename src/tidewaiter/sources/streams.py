"""Byte streams as the input layer passes them on: the one method `readinto`, no seeking, no text."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from tidewaiter.errors import SourceError


class Stream(Protocol):
    """Bytes that are read once, from front to back."""

    def readinto(self, buffer: Any, /) -> int | None:
        """Fill the front of the buffer and say how many bytes; 0 is the end."""

    def close(self) -> None:
        """Give the file back."""


def fill(stream: Stream, view: memoryview) -> int:
    """Read once into the view; a stream that is not ready is an OSError, never taken for the end of the data."""
    got = stream.readinto(view)
    if got is None:
        # Some program set standard input to non-blocking: "nothing yet" must not look like "nothing more".
        raise BlockingIOError(errno.EAGAIN, "the stream is in non-blocking mode")
    return got


def look(stream: Stream, size: int) -> tuple[bytes, Stream]:
    """Read up to `size` bytes ahead; gives them and the rest of the stream.

    When the stream fails meanwhile, what it gave before is not lost, and the rest fails in the same way.
    """
    buffer = bytearray(size)
    have = 0
    try:
        with memoryview(buffer) as view:
            while have < size and (got := fill(stream, view[have:])):
                have += got
    except (OSError, SourceError) as error:
        return bytes(buffer[:have]), _Failed(error, stream)
    return bytes(buffer[:have]), stream


class _Failed:
    """The rest of a stream that failed during a look ahead."""

    def __init__(self, error: OSError | SourceError, stream: Stream) -> None:
        self._error = error
        self.close = stream.close

    def readinto(self, _buffer: Any, /) -> int:
        raise self._error


class Replay:
    """Gives bytes that were read for a look ahead, then the rest of the stream."""

    def __init__(self, seen: bytes, stream: Stream) -> None:
        self._seen = memoryview(seen)
        self._stream = stream

    def readinto(self, buffer: Any, /) -> int | None:
        """Fill the buffer from what was seen before, once that is used up from the stream."""
        if not self._seen:
            return self._stream.readinto(buffer)
        size = min(len(buffer), len(self._seen))
        buffer[:size] = self._seen[:size]
        self._seen = self._seen[size:]
        return size

    def close(self) -> None:
        """Close the stream below."""
        self._stream.close()


class Counted:
    """Counts the bytes that come out of a stream."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.count = 0

    def readinto(self, buffer: Any, /) -> int | None:
        """Fill the buffer and count."""
        got = self._stream.readinto(buffer)
        self.count += got or 0
        return got

    def read(self, size: int) -> bytes:
        """Give up to `size` bytes from one read; none at the end."""
        buffer = bytearray(size)
        with memoryview(buffer) as view:
            got = fill(self, view)
        return bytes(buffer[:got])

    def close(self) -> None:
        """Close the stream below."""
        self._stream.close()


class Pieces:
    """Makes a stream of an iterator of bytes, such as the output of a decompressor."""

    def __init__(self, pieces: Iterator[bytes], close: Callable[[], None]) -> None:
        self._pieces = pieces
        self._close = close
        self._rest = memoryview(b"")

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer from one piece; what the iterator raises comes out here, after all earlier pieces."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def close(self) -> None:
        """Close what the pieces are made from."""
        self._close()
