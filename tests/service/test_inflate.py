from __future__ import annotations

import gzip
import io
import random
import tracemalloc
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.service.inflate import Body, NotCoded, TooLarge, is_known

TEXT = b'{"a":1}\n' * 5000
MOST = 1 << 20


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def streamed_zstd(data: bytes) -> bytes:
    """Give a frame that does not say how long it is."""
    packed = io.BytesIO()
    with zstandard.ZstdCompressor().stream_writer(packed, closefd=False) as writer:
        writer.write(data)
    return packed.getvalue()


CODED = [
    ("", TEXT),
    ("identity", TEXT),
    ("gzip", gzip.compress(TEXT, mtime=0)),
    ("x-gzip", gzip.compress(TEXT[:100], mtime=0) + gzip.compress(TEXT[100:], mtime=0)),
    ("deflate", zlib.compress(TEXT)),
    ("deflate", bare_deflate(TEXT)),
    ("zstd", zstandard.compress(TEXT)),
    ("zstd", streamed_zstd(TEXT)),
    ("zstd", zstandard.compress(TEXT[:100]) + zstandard.compress(TEXT[100:])),
]


def through(coding: str, chunks: Iterable[bytes], most: int = MOST) -> bytes:
    body = Body(coding, most)
    for chunk in chunks:
        for _ in body.feed(chunk):
            pass
    return body.finish()


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize(("coding", "data"), CODED)
@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
def test_what_was_packed_comes_out(coding: str, data: bytes, size: int) -> None:
    assert through(coding, cut(data, size)) == TEXT


@pytest.mark.parametrize("coding", ["", "gzip", "deflate", "zstd"])
def test_nothing_is_nothing(coding: str) -> None:
    assert through(coding, []) == b""


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)[:-1]),
        ("gzip", gzip.compress(TEXT, mtime=0)[:-9]),
        ("gzip", gzip.compress(TEXT, mtime=0)[:5]),
        ("gzip", TEXT),
        ("gzip", gzip.compress(TEXT, mtime=0) + b"more"),
        ("gzip", gzip.compress(TEXT, mtime=0)[:-8] + b"\0" * 8),
        ("deflate", zlib.compress(TEXT)[:-1]),
        ("deflate", zlib.compress(TEXT) + b"x"),
        ("deflate", b"\x78\x9c\xff\xff\xff"),
        ("zstd", b"(\xb5/\xfdgarbage"),
        ("zstd", TEXT),
        ("zstd", zstandard.compress(TEXT)[:-2]),
    ],
)
def test_what_is_damaged_or_cut_is_told(coding: str, data: bytes) -> None:
    with pytest.raises(NotCoded):
        through(coding, [data])


def test_a_zstd_window_that_no_encoder_needs_is_refused() -> None:
    packer = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    )
    packed = io.BytesIO()
    with packer.stream_writer(packed, closefd=False) as writer:
        writer.write(random.Random(1).randbytes(9 << 20))  # noqa: S311 - not secret
    with pytest.raises(NotCoded, match="memory"):
        through("zstd", cut(packed.getvalue(), 1 << 16), 64 << 20)


@pytest.mark.parametrize(("coding", "data"), CODED)
def test_the_last_byte_that_is_allowed(coding: str, data: bytes) -> None:
    assert through(coding, [data], len(TEXT)) == TEXT
    with pytest.raises(TooLarge):
        through(coding, [data], len(TEXT) - 1)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
def test_a_bomb_is_stopped_while_it_goes_off(coding: str) -> None:
    zeros = bytes(256 << 20)
    packers: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "zstd": zstandard.compress,
    }
    bomb = packers[coding](zeros)
    del zeros
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            through(coding, [bomb], 4 << 20)
        assert tracemalloc.get_traced_memory()[1] < 12 << 20
    finally:
        tracemalloc.stop()


def test_more_packed_bytes_than_may_come_out_are_not_taken() -> None:
    empty = gzip.compress(b"", mtime=0)
    with pytest.raises(TooLarge):
        through("gzip", [empty] * 100, 1024)


def test_every_byte_held_is_told_and_a_refusal_passes_through() -> None:
    told: list[int] = []
    body = Body("gzip", MOST, told.append)
    for _ in body.feed(gzip.compress(TEXT, mtime=0)):
        pass
    assert (sum(told), body.size, body.finish()) == (len(TEXT), len(TEXT), TEXT)

    def refuse(size: int) -> None:
        raise MemoryError(size)

    body = Body("zstd", MOST, refuse)
    with pytest.raises(MemoryError):
        list(body.feed(zstandard.compress(TEXT)))
    assert body.size == 0  # what was refused is not held


def test_others_have_their_turn_while_much_comes_out() -> None:
    body = Body("gzip", 8 << 20)
    assert sum(1 for _ in body.feed(gzip.compress(bytes(4 << 20), mtime=0))) >= 16


@given(st.sampled_from(["gzip", "x-gzip", "deflate", "zstd"]), st.lists(st.binary(max_size=300), max_size=5))
def test_garbage_is_told_and_nothing_else_happens(coding: str, chunks: list[bytes]) -> None:
    with suppress(NotCoded, TooLarge):
        through(coding, chunks, 10_000)


@pytest.mark.parametrize(("coding", "known"), [("gzip", True), ("", True), ("br", False), ("gzip, gzip", False)])
def test_known_codings(coding: str, known: bool) -> None:
    assert is_known(coding) is known
