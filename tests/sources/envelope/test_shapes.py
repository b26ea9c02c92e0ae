import base64
import gzip
import re
from typing import Any

import pytest

from tidewaiter.meaning.vocabulary import load
from tidewaiter.sources.envelope import shapes
from tidewaiter.sources.envelope.paths import steps
from tidewaiter.sources.envelope.shapes import Around, NotWrappedError, Piece, as_bytes, carriers, unpacked

BY_NAME = {one.name: one for one in carriers()}


def test_every_name_is_its_own_and_every_path_can_be_read() -> None:
    table = load("envelopes.yml")
    names = [one["name"] for one in (*table["json"], *table["text"])]
    assert len(names) == len(set(names))
    for one in table["json"]:
        paths = [
            *one["has"],
            one.get("items", ""),
            *(path for key in ("payload", "time", "host", "cluster") for path in one.get(key, [])),
        ]
        assert all(isinstance(steps(path), tuple) for path in paths), one["name"]
    for one in table["text"]:
        assert "payload" in re.compile(one["header"]).groupindex


def test_says_where_and_when_a_record_was_written() -> None:
    row = {"labels": {"cluster": "c", "host": "h"}, "line": "x", "timestamp": "2026-01-01T00:00:00Z"}
    assert BY_NAME["logcli"].unwrap(b"", row) == [Piece(b"x", Around("2026-01-01T00:00:00Z", "h", "c"))]


def test_what_is_not_known_comes_from_the_wrapper_around() -> None:
    assert Around(None, "h", None).within(Around(1, "outer", "c")) == Around(1, "h", "c")


@pytest.mark.parametrize(
    ("name", "line", "data"),
    [
        ("cri", "2026-01-01T00:00:00.1Z stdout F text here", b"text here"),
        ("cri", "2026-01-01T00:00:00.1+02:00 stderr P:x text", b"text"),
        ("syslog-5424", '<1>1 2026-01-01T00:00:00Z h a 1 id [e@1 k="v\\"]"] payload', b"payload"),
        ("syslog-5424", "<34>1 - - - - - - payload", b"payload"),
        ("syslog-3164", "<13>Jan  1 00:00:00 host sshd[12]: payload", b"payload"),
        ("syslog-3164", "Jan  1 00:00:00 host payload without a tag", b"payload without a tag"),
        ("syslog-iso", "2026-01-01T00:00:00.123456+00:00 host kernel: payload", b"payload"),
    ],
)
def test_takes_headers_off(name: str, line: str, data: bytes) -> None:
    wrapper = BY_NAME[name]
    assert wrapper.holds(line.encode(), None)
    assert [piece.data for piece in wrapper.unwrap(line.encode(), None)] == [data]


@pytest.mark.parametrize("line", ["", "stdout F x", "2026-01-01T00:00:00Z stdout F no fraction of a second"])
def test_other_lines_have_no_header(line: str) -> None:
    assert not BY_NAME["cri"].holds(line.encode(), None)


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ("text", b"text"),
        ({"a": 1}, b'{"a":1}'),
        ([104, 105], b"hi"),
        ([[104], [105]], b"i"),
        (["a", "b"], b"b"),
        ([], None),
        (7, None),
        (None, None),
        ("\udc80", b"\xed\xb2\x80"),
    ],
)
def test_writes_a_payload_as_bytes(value: Any, data: bytes | None) -> None:
    assert as_bytes(value) == data


def test_unpacks_base64_and_gzip() -> None:
    assert unpacked(base64.b64encode(b"plain")) == b"plain"
    assert unpacked(base64.b64encode(gzip.compress(b"packed"))) == b"packed"


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"%%%", "not base64"), (base64.b64encode(b"\x1f\x8b\x08broken gzip"), "damaged gzip")],
)
def test_says_what_cannot_be_unpacked(data: bytes, why: str) -> None:
    with pytest.raises(NotWrappedError, match=why):
        unpacked(data)


def test_a_payload_that_grows_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "MAX_UNPACKED", 1000)
    with pytest.raises(NotWrappedError, match="more than 1000 bytes"):
        unpacked(base64.b64encode(gzip.compress(b"\0" * 100_000)))
