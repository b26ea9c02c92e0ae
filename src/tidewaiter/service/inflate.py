"""Takes the content coding off a body while it comes, and stops where the body would grow too large."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

import zstandard

CODINGS = "gzip, deflate, zstd"
_STEP = 256 << 10  # bytes inflated at once
_WINDOW = 8 << 20  # of zstd: what RFC 8878, 3.1.1.1.2 asks every decoder for, and what every encoder keeps to unasked


class TooLarge(Exception):  # noqa: N818 - it is what the body is
    """More bytes came out than are allowed."""


class NotCoded(Exception):  # noqa: N818
    """The bytes are not coded as their header says, or end too early."""


class Body:
    """A body as it comes: at most `most` bytes of it, and one step, are ever held.

    `grow` is told of every byte that is held; what it raises passes through.
    """

    def __init__(self, coding: str, most: int, grow: Callable[[int], None] = lambda _: None) -> None:
        self._most = most
        self._grow = grow
        self._parts: list[bytes] = []
        self.size = 0  # bytes that are held
        self.received = 0  # bytes as they came
        self._decode = _decoder(coding, self._keep)

    def _keep(self, data: bytes) -> None:
        if not data:
            return
        if self.size + len(data) > self._most:
            raise TooLarge
        self._grow(len(data))
        self.size += len(data)
        self._parts.append(bytes(data))

    def feed(self, data: bytes) -> Iterator[None]:
        """Take bytes as they came. A generator: between two steps of inflating, others may have their turn.

        Raises TooLarge and NotCoded.
        """
        self.received += len(data)
        if self.received > self._most:
            raise TooLarge
        yield from self._decode.feed(data)

    def finish(self) -> bytes:
        """Give the whole body. Raises NotCoded when its end is missing."""
        self._decode.finish()
        whole = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        return whole


class _Plain:
    def __init__(self, keep: Callable[[bytes], None]) -> None:
        self._keep = keep

    def feed(self, data: bytes) -> Iterator[None]:
        self._keep(data)
        yield from ()  # nothing that takes long

    def finish(self) -> None:
        """Nothing is ever missing."""


class _Zlib:
    """gzip (RFC 1952, also several members) and deflate: zlib (RFC 1950), or the bare stream that some senders mean."""

    def __init__(self, keep: Callable[[bytes], None], *, gzip: bool) -> None:
        self._keep = keep
        self._gzip = gzip
        self._inflate = zlib.decompressobj(wbits=31) if gzip else None
        self._begun = False

    def feed(self, data: bytes) -> Iterator[None]:
        while data:
            if self._inflate is None:  # the lower half of the first byte of a zlib stream is 8
                self._inflate = zlib.decompressobj(wbits=15 if data[0] & 15 == 8 else -15)  # noqa: PLR2004
            if self._inflate.eof:
                self._inflate = self._next_member(data)
            self._begun = True
            try:
                self._keep(self._inflate.decompress(data, _STEP))
            except zlib.error as problem:
                raise NotCoded(str(problem)) from None
            data = self._inflate.unconsumed_tail or self._inflate.unused_data
            yield

    def _next_member(self, data: bytes) -> zlib._Decompress:
        if not self._gzip:
            raise NotCoded("bytes behind the end")
        if data[:1] != b"\x1f":
            raise NotCoded("bytes behind the end")
        return zlib.decompressobj(wbits=31)

    def finish(self) -> None:
        # What the inflater still holds back comes out with an empty push, in steps.
        while self._inflate is not None and not self._inflate.eof:
            try:
                more = self._inflate.decompress(b"", _STEP)
            except zlib.error as problem:
                raise NotCoded(str(problem)) from None
            if not more:
                break
            self._keep(more)
        if self._begun and self._inflate is not None and not self._inflate.eof:
            raise NotCoded("the end is missing")


class _Zstd:
    """Zstandard (RFC 8878). A frame that says how long it is must be."""

    def __init__(self, keep: Callable[[bytes], None]) -> None:
        self._keep = keep
        self._head = b""
        self._told = -1
        self._came = 0
        decoder = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
        # The writer hands over what comes out in small pieces, so that `keep` stops a bomb in the middle of a push.
        self._writer = decoder.stream_writer(self, write_size=_STEP, closefd=False)  # type: ignore[arg-type]

    def write(self, data: bytes) -> int:
        """Take what comes out (called by the writer)."""
        self._came += len(data)
        self._keep(data)
        return len(data)

    def feed(self, data: bytes) -> Iterator[None]:
        if self._told < 0:
            self._head += data[:18]
            self._told = _told_size(self._head)
        try:
            self._writer.write(data)
        except zstandard.ZstdError as problem:
            raise NotCoded(str(problem)) from None
        yield

    def finish(self) -> None:
        if self._came < self._told:
            raise NotCoded("the end is missing")


def _told_size(head: bytes) -> int:
    """Give the size that the first frame states; -1 when it states none, or not enough of it is there."""
    try:
        return zstandard.frame_content_size(head)
    except zstandard.ZstdError:
        return -1


def _decoder(coding: str, keep: Callable[[bytes], None]) -> _Plain | _Zlib | _Zstd:
    if coding in {"gzip", "x-gzip"}:
        return _Zlib(keep, gzip=True)
    if coding == "deflate":
        return _Zlib(keep, gzip=False)
    return _Zstd(keep) if coding == "zstd" else _Plain(keep)


def is_known(coding: str) -> bool:
    """Tell whether bodies of this coding can be read."""
    return coding in {"", "identity", "gzip", "x-gzip", "deflate", "zstd"}
