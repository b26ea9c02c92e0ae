from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.disclosure.entries import SPLIT_AT, Entry, Unwrapped, Unwrapper, Writer, writer_of

AT = datetime(2026, 11, 23, 9, 39, 57, 123456, UTC)
STAMP = "2026-11-23T09:39:57.123456789Z"
ID = "ab" * 32


def entry(text: str, *, whole: bool = True, at: datetime | None = AT, **writer: str) -> Entry:
    return Entry(text, whole, Writer(**writer), at, 3, 70)


def taken(record: object, path: str = "x.log") -> Unwrapped:
    raw = record if isinstance(record, bytes) else json.dumps(record).encode()
    return Unwrapper(path).take(raw, 3, 70)


def journal(**fields: Any) -> dict[str, Any]:
    return {"__REALTIME_TIMESTAMP": "1795426797123456", "CONTAINER_NAME": "web", "PRIORITY": "6", **fields}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"log": "hi\n", "stream": "stdout", "time": STAMP}, entry("hi", stream="stdout")),
        ({"log": "tty\r\n", "stream": "stdout", "time": STAMP}, entry("tty", stream="stdout")),
        ({"log": "end", "stream": "stderr", "time": STAMP}, entry("end", stream="stderr")),  # collectors cut "\n" off
        (
            {"log": "x" * SPLIT_AT, "stream": "stderr", "time": "?"},
            entry("x" * SPLIT_AT, whole=False, at=None, stream="stderr"),
        ),
        (f"{STAMP} stdout F hi there".encode(), entry("hi there", stream="stdout")),
        (f"{STAMP} stderr P part".encode(), entry("part", whole=False, stream="stderr")),
        (f"{STAMP} stdout F:x ".encode(), entry("", stream="stdout")),
        (f"{STAMP} stdout F \xff".encode("latin-1"), entry("\udcff", stream="stdout")),
        (journal(MESSAGE="hi"), entry("hi", container="web", stream="stdout")),
        (journal(MESSAGE=[104, 105, 255], PRIORITY="3"), entry("hi\udcff", container="web", stream="stderr")),
        (
            journal(MESSAGE="p", CONTAINER_PARTIAL_MESSAGE="true"),
            entry("p", whole=False, container="web", stream="stdout"),
        ),
        (
            {"MESSAGE": "hi", "__REALTIME_TIMESTAMP": "x", "_SYSTEMD_UNIT": "a.service"},
            entry("hi", at=None, container="a.service"),
        ),
        (b"plain text", entry("plain text", at=None)),
        ({"level": "info", "msg": "hi"}, entry('{"level": "info", "msg": "hi"}', at=None)),
        (b"{not json", entry("{not json", at=None)),
    ],
    ids=[
        "docker",
        "terminal",
        "no newline",
        "full",
        "cri",
        "cri part",
        "cri tags",
        "cri bytes",
        "journal",
        "journal bytes",
        "journal part",
        "unit",
        "plain",
        "own json",
        "brace",
    ],
)
def test_an_envelope_is_taken_off(record: object, expected: Entry) -> None:
    assert taken(record) == Unwrapped(expected)


def test_a_record_without_a_newline_among_others_is_a_part() -> None:
    unwrapper = Unwrapper("x.log")
    wholes = [
        found.whole
        for text in ("a\n", "part", "end\n")
        if (found := unwrapper.take(json.dumps({"log": text, "stream": "stdout"}).encode(), 1, 0).entry)
    ]
    assert wholes == [True, False, True]


def test_a_message_that_was_too_large_is_none() -> None:
    assert taken(journal(MESSAGE=None)) == Unwrapped(None)


def test_a_broken_record_is_said_and_searched_all_the_same() -> None:
    raw = b'{"log":"cut off in the mid'
    assert taken(raw) == Unwrapped(entry(raw.decode(), at=None), broken="broken-json")


def test_what_the_log_driver_adds_is_given_as_assignments() -> None:
    found = taken({"log": "hi\n", "stream": "stdout", "time": STAMP, "attrs": {"TIER": "gold", "n": 1}})
    assert found == Unwrapped(entry("hi", stream="stdout"), attributes='TIER="gold"')


@pytest.mark.parametrize(
    ("path", "writer"),
    [
        ("/var/log/pods/shop_cart-7d4b9c8f6d-x2x4z_0f0e/web/0.log", Writer("web", "cart-7d4b9c8f6d-x2x4z", "shop")),
        (f"/var/log/containers/cart-x_shop_web-{ID}.log", Writer("web", "cart-x", "shop")),
        (f"/var/lib/docker/containers/{ID}/{ID}-json.log.1.gz", Writer(ID[:12])),
        ("app.log", Writer()),
    ],
)
def test_the_path_names_the_container(path: str, writer: Writer) -> None:
    assert writer_of(path) == writer
    assert taken(b"x", path).entry == Entry("x", True, writer, None, 3, 70)


@given(st.binary(max_size=200).filter(lambda raw: b"\n" not in raw))
def test_any_line_is_taken(raw: bytes) -> None:
    found = Unwrapper("x").take(raw, 1, 0)
    assert found.entry is None or isinstance(found.entry.text, str)
