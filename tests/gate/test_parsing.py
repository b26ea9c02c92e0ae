from __future__ import annotations

import h11
import pytest

from tidewaiter.gate.framing import read_head
from tidewaiter.gate.parsing import agent_of, asker, first, is_stream, listener, until_close


def request(fields: bytes) -> h11.Request | str:
    head = read_head(b"GET /x HTTP/1.1\r\n" + fields + b"\r\n")
    assert head is not None
    return first(asker(), head)


def test_the_agent_is_cut_and_may_be_any_bytes() -> None:
    found = request(b"Host: x\r\nUser-Agent: curl\xff" + b"y" * 300 + b"\r\n")
    assert isinstance(found, h11.Request)
    assert agent_of(found) == "curl\xff" + "y" * 195
    none = request(b"Host: x\r\n")
    assert isinstance(none, h11.Request)
    assert agent_of(none) is None


def test_what_h11_says_against_a_head() -> None:
    assert request(b"Host: x\r\nHost: y\r\n") == "Found multiple Host: headers"


def answer(head: bytes, method: str = "GET", *, upgrade: bool = False) -> h11.Response | h11.InformationalResponse:
    parser = listener(method, upgrade=upgrade)
    parser.receive_data(head + b"\r\n\r\n")
    event = parser.next_event()
    assert isinstance(event, h11.Response | h11.InformationalResponse)
    return event


@pytest.mark.parametrize(
    ("head", "method", "ends"),
    [
        (b"HTTP/1.1 200 OK", "GET", True),
        (b"HTTP/1.1 200 OK", "HEAD", False),
        (b"HTTP/1.1 204 No Content", "GET", False),
        (b"HTTP/1.1 304 Not Modified", "GET", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0", "GET", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", "GET", False),
    ],
)
def test_which_answers_end_with_the_connection(head: bytes, method: str, ends: bool) -> None:
    found = answer(head, method)
    assert isinstance(found, h11.Response)
    assert until_close(found, method) is ends


@pytest.mark.parametrize(
    ("kind", "streams"),
    [
        (b"application/vnd.docker.raw-stream", True),
        (b"application/vnd.docker.multiplexed-stream", True),
        (b"application/json", False),
    ],
)
def test_which_answers_take_over_the_connection(kind: bytes, streams: bool) -> None:
    assert is_stream(answer(b"HTTP/1.1 200 OK\r\nContent-Type: " + kind)) is streams
    assert is_stream(answer(b"HTTP/1.1 101 UPGRADED\r\nContent-Type: " + kind, upgrade=True)) is streams
