from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.cli.engine_logs import framed_entries, raw_entries, socket_of
from tidewaiter.disclosure.entries import Entry, Writer
from tidewaiter.errors import CollectError, ConfigError

WEB = Writer(container="web")
STAMP = "2026-11-23T09:39:57.123456789Z"
AT = datetime(2026, 11, 23, 9, 39, 57, 123456, UTC)


def frame(text: bytes, stream: int = 1, stamp: str = STAMP) -> bytes:
    data = stamp.encode() + b" " + text
    return bytes((stream, 0, 0, 0)) + len(data).to_bytes(4, "big") + data


def test_frames_are_taken_apart() -> None:
    body = frame(b"part") + frame(b"oops\n", 2) + frame(b"end\r\n", stamp="?")
    out, err = WEB._replace(stream="stdout"), WEB._replace(stream="stderr")
    assert list(framed_entries(io.BytesIO(body), WEB)) == [
        Entry("part", False, out, AT, 1, 0),
        Entry("oops", True, err, AT, 2, len(frame(b"part"))),
        Entry("end", True, out, None, 3, len(frame(b"part") + frame(b"oops\n"))),
    ]


@given(st.integers(0, 200_000))
def test_a_frame_of_any_size_is_given_whole(size: int) -> None:
    found = list(framed_entries(io.BytesIO(frame(b"x" * size + b"\n") + frame(b"y\n")), WEB))
    assert "".join(one.text for one in found) == "x" * size + "y"
    assert [one.whole for one in found] == [False] * (len(found) - 2) + [True, True]
    assert {one.line for one in found} == {1, 2}


def test_an_empty_log() -> None:
    assert list(framed_entries(io.BytesIO(), WEB)) == list(raw_entries(io.BytesIO(), WEB)) == []


@pytest.mark.parametrize(
    "body", [frame(b"x\n")[:-1], frame(b"x\n")[:5], frame(b"x\n") + b"\x01", b"HTTP/1.1 200 OK", b"\x07" + b"\0" * 20]
)
def test_what_is_no_stream_of_frames_is_said(body: bytes) -> None:
    with pytest.raises(CollectError):
        list(framed_entries(io.BytesIO(body), WEB))


def test_a_terminal_gives_one_plain_stream() -> None:
    out = WEB._replace(stream="stdout")
    assert list(raw_entries(io.BytesIO(b"one\r\n\x1b[1mtwo\nrest"), WEB)) == [
        Entry("one", True, out, None, 1, 0),
        Entry("\x1b[1mtwo", True, out, None, 2, 5),
        Entry("rest", False, out, None, 3, 13),
    ]


@pytest.mark.parametrize(
    ("variables", "path"),
    [
        ({}, "/var/run/docker.sock"),
        ({"DOCKER_HOST": ""}, "/var/run/docker.sock"),
        ({"DOCKER_HOST": "unix:///run/user/1000/docker.sock"}, "/run/user/1000/docker.sock"),
    ],
)
def test_the_socket(variables: dict[str, str], path: str) -> None:
    assert socket_of(variables) == path


@pytest.mark.parametrize("host", ["tcp://10.0.0.1:2376", "ssh://host", "unix://", "/run/docker.sock"])
def test_only_an_engine_on_this_machine_is_read(host: str) -> None:
    with pytest.raises(ConfigError):
        socket_of({"DOCKER_HOST": host})
