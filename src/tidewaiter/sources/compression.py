"""Compressed streams to plain ones, recognised by their first bytes: gzip, bzip2, xz and Zstandard.

Formats: RFC 1952 (gzip), RFC 8878 (Zstandard), the .xz file format 1.2; bzip2 has no document, its magic is "BZh1" to
"BZh9" and a 48-bit constant. All of them may hold several members or frames one after the other, and do:
log rotation appends, `pigz`, `bgzip` and `pzstd` cut.

A stream that is cut short gives everything that can be decompressed and raises SourceError then. Memory is flat:
no more than `PIECE` bytes (a Zstandard block, 128 KiB; plus its window, 128 MiB at most) are decompressed at a time.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, Protocol

import zstandard

from tidewaiter.errors import SourceError
from tidewaiter.sources.streams import Counted, Pieces, Replay, Stream, look

inflater: Any  # ISA-L inflates about three times as fast as zlib; the results are the same
try:
    from isal import isal_zlib as inflater
except ImportError:
    inflater = zlib

CHUNK = 64 << 10  # compressed bytes a read; small, because each end of a gzip member copies what is left of it
PIECE = 256 << 10  # most decompressed bytes at a time
# A bomb is both large and far denser than any log: audit logs reach 22:1; gzip cannot pass 1032:1, one line repeated
# reaches 1800:1 in bzip2, and zero bytes 32000:1 in Zstandard.
BOMB_BYTES = 1 << 30
BOMB_RATIO = 1000
MAGIC_BYTES = 10  # what `form_of` looks at


class Machine(Protocol):
    """Decompresses one member; the interface of bz2.BZ2Decompressor and lzma.LZMADecompressor."""

    @property
    def eof(self) -> bool:
        """Whether the member has ended."""

    @property
    def needs_input(self) -> bool:
        """Whether it gives nothing more before it gets more."""

    @property
    def unused_data(self) -> bytes:
        """What followed the end of the member."""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Take compressed bytes and give at most `max_length` plain ones."""


class Gunzip:
    """One gzip member, with the interface of a Machine."""

    def __init__(self) -> None:
        self._inflate = inflater.decompressobj(16 + zlib.MAX_WBITS)  # 16: with gzip header and checksum
        self._full = False

    @property
    def eof(self) -> bool:
        """Whether the member has ended."""
        return bool(self._inflate.eof)

    @property
    def needs_input(self) -> bool:
        """Whether it gives nothing more before it gets more."""
        # A full piece may have more behind it although all input was taken.
        return not (self._full or self._inflate.unconsumed_tail)

    @property
    def unused_data(self) -> bytes:
        """What followed the end of the member."""
        return bytes(self._inflate.unused_data)

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Take compressed bytes and give at most `max_length` plain ones."""
        out = bytes(self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length))
        self._full = len(out) == max_length
        return out


class Form(NamedTuple):
    """One way of compression."""

    name: str
    magic: bytes
    pieces: Callable[[Counted], Iterator[bytes]]


def form_of(start: bytes) -> Form | None:
    """Say how a stream that begins with these bytes is compressed; None when it is not."""
    if _skippable(start):
        return _ZSTD
    if start.startswith(b"BZh") and start[4:10] not in _BZIP2_BLOCKS:
        return None  # a line of text may well begin with "BZh"
    return next((form for form in _FORMS if start.startswith(form.magic)), None)


def decompressed(stream: Stream) -> Stream:
    """Give the plain bytes of a stream that may be compressed; one level only, what is inside stays as it is."""
    start, rest = look(stream, MAGIC_BYTES)
    whole = Replay(start, rest)
    form = form_of(start)
    if form is None:
        return whole
    counted = Counted(whole)
    return Pieces(_watched(form.pieces(counted), counted, form.name), stream.close)


def _watched(pieces: Iterator[bytes], compressed: Counted, name: str) -> Iterator[bytes]:
    """Pass pieces on until they look like a decompression bomb."""
    out = 0
    for piece in pieces:
        out += len(piece)
        if out > BOMB_BYTES and out > BOMB_RATIO * compressed.count:
            raise SourceError(f"bomb: {compressed.count} bytes of {name} data gave more than {out >> 20} MiB; stopped")
        yield piece


def _cut(compressed: Counted, name: str) -> SourceError:
    return SourceError(f"cut-short: {name} data ends too early, after {compressed.count} compressed bytes")


def _damaged(compressed: Counted, name: str, why: object) -> SourceError:
    return SourceError(f"damaged: {name} data near compressed byte {compressed.count}: {why}")


def _members(
    raw: Counted, name: str, magic: bytes, machines: Callable[[], Machine], errors: tuple[type[Exception], ...]
) -> Iterator[bytes]:
    """Decompress members one after the other; zero bytes after the last one are padding (gzip(1), tapes)."""
    data = raw.read(CHUNK)
    while data:
        machine = machines()
        while not machine.eof:
            if not data and machine.needs_input and not (data := raw.read(CHUNK)):
                raise _cut(raw, name)
            try:
                piece = machine.decompress(data, PIECE)
            except errors as error:
                raise _damaged(raw, name, error) from error
            data = b""
            if piece:
                yield piece
        data = machine.unused_data.lstrip(b"\0")
        while len(data) < len(magic) and (more := raw.read(CHUNK)):
            data = (data + more).lstrip(b"\0")
        if data and not data.startswith(magic):
            raise _damaged(raw, name, "something else follows the compressed data")


_ZSTANDARD = "Zstandard"
_FRAME = (0xFD2FB528).to_bytes(4, "little")  # RFC 8878, 3.1.1
_RLE, _RESERVED = 1, 3  # RFC 8878, 3.1.1.2.2: block types
_HEADER_MOST = 18  # RFC 8878, 3.1.1: magic 4, descriptor 1, window 1, dictionary 4, content size 8


def _skippable(start: bytes) -> bool:
    """Whether a skippable frame starts here (RFC 8878, 3.1.2); `pzstd` writes one first."""
    return int.from_bytes(start[:4], "little") & 0xFFFFFFF0 == 0x184D2A50  # noqa: PLR2004 -- the RFC's number


class _Exactly:
    """Gives exactly as many bytes as asked for, or what is left at the end."""

    def __init__(self, raw: Counted) -> None:
        self._raw = raw
        self._buffer = bytearray()
        self._at = 0

    def peek(self, size: int) -> bytes:
        while len(self._buffer) - self._at < size and (more := self._raw.read(CHUNK)):
            del self._buffer[: self._at]
            self._at = 0
            self._buffer += more
        return bytes(self._buffer[self._at : self._at + size])

    def take(self, size: int) -> bytes:
        data = self.peek(size)
        self._at += len(data)
        return data

    def skip(self, size: int) -> bool:
        while size > 0:
            size -= (got := len(self.take(min(size, CHUNK))))
            if not got:
                return False
        return True


def _frames(raw: Counted) -> Iterator[bytes]:
    """Decompress Zstandard frames, block by block.

    The library's own reader does not tell a cut stream from a whole one, and its other interface gives
    all output at once; so the frame is taken apart here (RFC 8878, 3.1.1) and each block, 128 KiB of output at most,
    handed to the library alone.
    """
    source = _Exactly(raw)
    while magic := source.peek(4):
        if _skippable(magic):
            size = source.take(8)[4:]
            if len(size) < 4 or not source.skip(int.from_bytes(size, "little")):  # noqa: PLR2004 -- a 4-byte length
                raise _cut(raw, _ZSTANDARD)
        elif magic == _FRAME:
            yield from _frame(source, raw)
        elif _FRAME.startswith(magic):
            raise _cut(raw, _ZSTANDARD)
        elif magic.strip(b"\0"):
            raise _damaged(raw, _ZSTANDARD, "something else follows the compressed data")
        else:
            source.take(len(magic))  # padding


def _frame(source: _Exactly, raw: Counted) -> Iterator[bytes]:
    start = source.peek(_HEADER_MOST)
    try:
        size = zstandard.frame_header_size(start)
        checked = zstandard.get_frame_parameters(start).has_checksum
        machine = zstandard.ZstdDecompressor().decompressobj()
        machine.decompress(source.take(size))
        last = False
        while not last:
            bits = source.take(3)
            number = int.from_bytes(bits, "little")
            last, kind, size = bool(number & 1), number >> 1 & 3, number >> 3
            if kind == _RESERVED:
                raise _damaged(raw, _ZSTANDARD, "reserved block type")
            size = 1 if kind == _RLE else size
            block = source.take(size + 4 * (last and checked))
            if len(bits) < 3 or len(block) < size + 4 * (last and checked):  # noqa: PLR2004 -- a 3-byte header
                raise _cut(raw, _ZSTANDARD)
            if piece := machine.decompress(bits + block):
                yield piece
    except zstandard.ZstdError as error:
        if len(start) < _HEADER_MOST and not source.peek(1):
            raise _cut(raw, _ZSTANDARD) from error
        raise _damaged(raw, _ZSTANDARD, error) from error


_BZIP2_BLOCKS = (b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90")  # pi; its square root ends an empty stream
_ZSTD = Form(_ZSTANDARD, _FRAME, _frames)


def _form(name: str, magic: bytes, machines: Callable[[], Machine], *errors: type[Exception]) -> Form:
    return Form(name, magic, partial(_members, name=name, magic=magic, machines=machines, errors=errors))


_FORMS = (
    _form("gzip", b"\x1f\x8b\x08", Gunzip, inflater.error, zlib.error),
    _ZSTD,
    # bz2 reports bad data as OSError, and nothing else of it touches a file.
    _form("bzip2", b"BZh", bz2.BZ2Decompressor, OSError, ValueError),
    _form("xz", b"\xfd7zXZ\x00", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ), lzma.LZMAError),
)
