from __future__ import annotations

import bz2
import gzip
import lzma
import random
import zlib
from collections.abc import Callable
from io import BytesIO

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewaiter.errors import SourceError
from tidewaiter.sources import compression
from tidewaiter.sources.compression import decompressed, form_of
from tidewaiter.sources.streams import fill


def zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "Zstandard": zst,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
TEXT = b"".join(b'{"line": %d, "x": %d}\n' % (n, n * 7919 % 10007) for n in range(30_000))
NOISE = random.Random(1).randbytes(1_200_000)  # noqa: S311 -- seeded, so that a failure comes again
SKIPPABLE = b"\x5f\x2a\x4d\x18\x05\x00\x00\x00hello"


def read(data: bytes) -> tuple[bytes, str]:
    """What comes out, and why it ended early."""
    out, buffer = bytearray(), bytearray(50_000)
    stream = decompressed(BytesIO(data))
    try:
        while got := fill(stream, memoryview(buffer)):
            out += buffer[:got]
    except SourceError as error:
        return bytes(out), error.what
    return bytes(out), ""


@pytest.fixture(params=list(COMPRESS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    "plain", [b"", b"x", TEXT, NOISE, bytes(3_000_000)], ids=["empty", "x", "text", "noise", "zeros"]
)
def test_gives_what_was_compressed(name: str, plain: bytes) -> None:
    assert read(COMPRESS[name](plain)) == (plain, "")


@pytest.mark.parametrize("parts", [[TEXT, b"", b"end"], [b"line\n"] * 300], ids=["three", "many small ones"])
def test_members_follow_each_other(name: str, parts: list[bytes]) -> None:
    assert read(b"".join(map(COMPRESS[name], parts))) == (b"".join(parts), "")


def test_zero_bytes_at_the_end_are_padding(name: str) -> None:
    assert read(COMPRESS[name](TEXT) + bytes(100_000)) == (TEXT, "")


def test_something_else_at_the_end_is_told(name: str) -> None:
    data = COMPRESS[name](TEXT) + b"plain text\n"
    assert read(data) == (
        TEXT,
        f"damaged: {name} data near compressed byte {len(data)}: something else follows the compressed data",
    )


@pytest.mark.parametrize("share", [0.3, 0.6, 0.999])
def test_a_cut_file_gives_what_there_is_and_says_so(name: str, share: float) -> None:
    whole = COMPRESS[name](NOISE)
    cut = whole[: int(len(whole) * share)]
    out, why = read(cut)
    assert NOISE.startswith(out)
    # A block of bzip2 is 900 KB of plain bytes, and gives nothing before it is complete.
    assert len(out) > len(NOISE) * share - 950_000
    assert why == f"cut-short: {name} data ends too early, after {len(cut)} compressed bytes"


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(sorted(COMPRESS)), at=st.integers(0, 400))
def test_no_cut_passes_for_the_end(name: str, at: int) -> None:
    whole = COMPRESS[name](b"first") + COMPRESS[name](b"second\n" * 20)
    cut = whole[: at % len(whole)]
    complete = at % len(whole) in (0, len(COMPRESS[name](b"first")))
    out, why = read(cut)
    if form_of(cut):
        assert (why == "") == complete
    else:
        assert out == cut  # too short to be recognised


@settings(max_examples=100, deadline=None)
@given(name=st.sampled_from(sorted(COMPRESS)), place=st.floats(0, 1), byte=st.integers(1, 255))
def test_damage_is_never_silent_nor_fatal(name: str, place: float, byte: int) -> None:
    data = bytearray(COMPRESS[name](TEXT[:5000]))
    data[11 + int(place * (len(data) - 12))] ^= byte
    out, why = read(bytes(data))
    assert why.startswith(("damaged", "cut-short")) or out == TEXT[:5000]


def test_without_isa_l_the_result_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = gzip.compress(TEXT) + gzip.compress(NOISE)
    with_isal = read(data)
    monkeypatch.setattr(compression, "inflater", zlib)
    assert read(data) == with_isal == (TEXT + NOISE, "")
    assert read(data[:-4])[1] == f"cut-short: gzip data ends too early, after {len(data) - 4} compressed bytes"


@pytest.mark.parametrize("size", [False, True])
@pytest.mark.parametrize("checksum", [False, True])
def test_every_sort_of_zstandard_frame(size: bool, checksum: bool) -> None:
    compressor = zstandard.ZstdCompressor(write_content_size=size, write_checksum=checksum)
    frame = compressor.compress(TEXT)
    streamed = zstandard.ZstdCompressor(write_checksum=checksum).compressobj()
    flushed = b"".join(
        streamed.compress(line) + streamed.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) for line in (b"a\n", b"b\n")
    )
    data = SKIPPABLE + frame + SKIPPABLE + flushed + streamed.flush() + SKIPPABLE
    assert read(data) == (TEXT + b"a\nb\n", "")
    assert read(data[:-1])[1] == f"cut-short: Zstandard data ends too early, after {len(data) - 1} compressed bytes"


def test_a_bomb_is_stopped(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "BOMB_BYTES", 1 << 20)
    monkeypatch.setattr(compression, "CHUNK", 1 << 10)
    monkeypatch.setattr(compression, "BOMB_RATIO", 500)
    data = COMPRESS[name](bytes(20_000_000))
    out, why = read(data)
    assert 1 << 19 < len(out) < 4 << 20
    assert why.startswith("bomb: ")


@pytest.mark.parametrize("data", [b"", b"\x1f", b"plain\n", b"BZh9 is a word\n", b"BZh91AY&SX", b"(\xb5"])
def test_what_is_not_compressed_passes_unchanged(data: bytes) -> None:
    assert (form_of(data), read(data)) == (None, (data, ""))
