from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.gate.framing import Head, ambiguity, glimpse, head_end, looseness, read_head


def head(text: str) -> Head:
    found = read_head(text.replace("\n", "\r\n").encode())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\nrest", 27),
        (b"GET / HTTP/1.0\n\nrest", 16),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", 0),
    ],
)
def test_a_head_ends_with_a_blank_line(data: bytes, end: int) -> None:
    assert head_end(data) == end


@given(st.binary(max_size=40), st.integers(0, 40))
def test_searching_on_finds_the_same_end(before: bytes, seen: int) -> None:
    data = before.replace(b"\n", b"") + b"\r\n\r\nmore"
    seen = min(seen, len(data) - 5)
    assert head_end(data, seen) == head_end(data) == len(data) - 4


def test_a_request_line_is_taken_as_sent() -> None:
    assert read_head(b"GET /a?x=\xc3\xa9 HTTP/1.1\r\nUpgrade: tcp\r\n\r\n") == Head(
        "GET", b"/a?x=\xc3\xa9", "1.1", b"GET / HTTP/1.1\r\nUpgrade: tcp\r\n\r\n", upgrade=True
    )


@pytest.mark.parametrize(
    "line",
    [
        "GET / HTTP/2.0",
        "GET  / HTTP/1.1",
        "GET / x HTTP/1.1",
        "GET /\x7f HTTP/1.1",
        " GET / HTTP/1.1",
        "GET /",
        "",
        "G\x00T / HTTP/1.1",
    ],
)
def test_anything_else_is_no_request_line(line: str) -> None:
    assert read_head(line.encode() + b"\r\n\r\n") is None


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ("Host: x", None),
        ("Content-Length: 5", None),
        ("content-length:5 ", None),
        ("Transfer-Encoding: chunked", None),
        ("Transfer-Encoding: Chunked", None),
        ("Content-Length: 5\nContent-Length: 5", "more than one Content-Length"),
        ("Content-Length: 5\nTransfer-Encoding: chunked", "Content-Length and Transfer-Encoding"),
        ("Transfer-Encoding: chunked\nTransfer-Encoding: chunked", "an unusual Transfer-Encoding"),
        ("Transfer-Encoding: gzip, chunked", "an unusual Transfer-Encoding"),
        ("Content-Length: +5", "a Content-Length that is no number"),
        ("Content-Length: 5, 5", "a Content-Length that is no number"),
        ("Content-Length: " + "9" * 19, "a Content-Length that is no number"),
        ("X-Content-Length: +5", None),
    ],
)
def test_where_two_servers_may_see_two_ends_is_said(fields: str, problem: str | None) -> None:
    assert ambiguity(head(f"POST / HTTP/1.1\nHost: x\n{fields}\n\n")) == problem


def test_a_coding_in_http_1_0_is_ambiguous() -> None:
    assert ambiguity(head("POST / HTTP/1.0\nTransfer-Encoding: chunked\n\n")) == "Transfer-Encoding in HTTP/1.0"
    assert ambiguity(head("POST / HTTP/1.0\n\n")) is None


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", None),
        (b"GET / HTTP/1.1\nHost: x\r\n\r\n", None),  # the request line was made anew …
        (b"GET / HTTP/1.1\r\nHost: x\n\r\n", "a line that does not end in CR LF"),
        (b"GET / HTTP/1.1\r\nHost: x\ry\r\n\r\n", "a line that does not end in CR LF"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n", "a folded header line"),
        (b"GET /\xc3\xa9 HTTP/1.1\r\n\r\n", "bytes above 0x7f in the target"),
        (b"CONNECT x:80 HTTP/1.1\r\n\r\n", "CONNECT"),
    ],
)
def test_what_servers_forgive_is_not_decided_on(data: bytes, problem: str | None) -> None:
    found = read_head(data)
    assert found is not None
    assert looseness(found) == problem


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (b"GET /a HTTP/9\r\n", ("GET", b"/a")),
        (b"\r\nget  /a", ("get", b"/a")),
        (b"\x16\x03", (None, None)),
        (b"", (None, None)),
    ],
)
def test_a_glimpse_is_what_looks_like_a_request(data: bytes, seen: tuple[str | None, bytes | None]) -> None:
    assert glimpse(data) == seen
