from __future__ import annotations

from pathlib import Path

import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from reading import as_json_lines, assert_survives, read

from tidewaiter.sources.podman_service import SOURCE, sniff

DATA = Path(__file__).parent.parent / "data" / "web"
LIST = b'@ - - [23/Nov/2026:09:29:49 +0000] "GET /v4.3.1/libpod/pods/json HTTP/1.1" 200 480 "" "python-requests/2.28"'
ASKED = b'time="2026-11-23T09:29:49Z" level=debug msg="APIHandler(0xc0) -- Method: GET URL: /v1.40/info (conn 0/1)"'
OTHER = b'time="2026-11-23T09:29:46Z" level=debug msg="IdleTracker:new 0m+0h/0t connection(s)" X-Reference-Id=0xc0'
FAILED = (
    b"""time="2026-11-23T09:29:50Z" level=info msg="Failed Request: (404:Not Found) for GET:'/v1.41/%69mages/json'\""""
)
LATER = ASKED.replace(b"09:29:49", b"09:31:49").replace(b"info", b"images/json")


def test_golden() -> None:
    found, tally = read(SOURCE, (DATA / "podman.log").read_bytes())
    assert tally.unreadable == 0
    check_golden(DATA / "podman.log.golden.jsonl", as_json_lines(found))


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([LIST], [("list", "pods", "answered", "GET /v4.3.1/libpod/pods/json")]),
        ([OTHER, ASKED], [("get", "daemon", "unknown", "GET /v1.40/info")]),
        # told twice: the line of the end knows the status
        (
            [ASKED, LIST.replace(b"/v4.3.1/libpod/pods/json", b"/v1.40/info")],
            [("get", "daemon", "answered", "GET /v1.40/info")],
        ),
        # its end never came: told when it waited long enough
        (
            [ASKED, LATER, LIST],
            [
                ("get", "daemon", "unknown", "GET /v1.40/info"),
                ("list", "pods", "answered", "GET /v4.3.1/libpod/pods/json"),
                ("list", "images", "unknown", "GET /v1.40/images/json"),
            ],
        ),
        ([ASKED.replace(b"info", b"_ping"), LIST.replace(b"pods/json", b"nothing")], []),
        ([FAILED], [("list", "images", "failed", "GET /v1.41/%69mages/json")]),
        ([FAILED.replace(b"%69mages/json", b"favicon.ico")], []),
        ([LIST.replace(b" 200 ", b" 404 ")], [("list", "pods", "failed", "GET /v4.3.1/libpod/pods/json")]),
    ],
)
def test_tells_each_request_once(lines: list[bytes], told: list[tuple[str, ...]]) -> None:
    found, tally = read(SOURCE, b"\n".join(lines))
    assert [(one.verb, one.kind, one.outcome, one.text) for one in found] == told
    assert (tally.records, tally.unreadable) == (len(lines), 0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (LIST[:60], "not-a-podman-line"),
        (b"hello", "not-a-podman-line"),
        (LIST.replace(b"/Nov/", b"/Foo/"), "no-time"),
        (ASKED.replace(b"2026-11", b"2026-99"), "no-time"),
        (FAILED.replace(b"2026-11", b"2026-99"), "no-time"),
        (b"x" * (2 << 20), "line-too-long"),
    ],
)
def test_unreadable_lines_are_counted_with_their_place(line: bytes, reason: str) -> None:
    found, tally = read(SOURCE, LIST + b"\n" + line + b"\n" + LIST)
    assert len(found) == 2
    assert [(one.line, one.offset, one.reason) for one in tally.places] == [(2, len(LIST) + 1, reason)]


def test_sniffs_its_own_lines_only() -> None:
    assert sniff([LIST, OTHER, ASKED, OTHER.replace(b"IdleTracker:new", b"anything")]) == 4
    assert sniff([LIST, LIST]) == 2
    traefik = b'time="2026-11-23T09:29:46Z" level=info msg="Configuration loaded"'
    nginx = LIST.replace(b"@", b"10.0.0.1")
    dockerd = b'time="2026-11-23T09:00:00.000000001Z" level=debug msg="Calling GET /v1.41/info"'
    assert sniff([traefik, nginx, dockerd, b"", b"{}"]) == 0


@given(st.lists(st.sampled_from([LIST, ASKED, OTHER, LATER, FAILED]) | st.binary(max_size=60), max_size=8))
def test_survives_anything(lines: list[bytes]) -> None:
    assert_survives(SOURCE, b"\n".join(lines))


@given(st.binary(max_size=100), st.integers(0, 120), st.sampled_from([LIST, ASKED, FAILED]))
def test_survives_damage(junk: bytes, at: int, line: bytes) -> None:
    assert_survives(SOURCE, line[:at] + junk + line[at:])
