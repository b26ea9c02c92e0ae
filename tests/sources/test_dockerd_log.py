from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from reading import as_json_lines, assert_survives, read

from tidewaiter.model import Actor
from tidewaiter.sources.catalogue import read as open_input
from tidewaiter.sources.dockerd_log import SOURCE, sniff
from tidewaiter.sources.opening import Input

DATA = Path(__file__).parent.parent / "data" / "engine"
CALLING = b'time="2026-11-23T09:00:00.000000001Z" level=debug msg="Calling GET /v1.41/containers/json"'
HANDLER = (
    b'time="2026-11-23T09:00:01Z" level=error msg="Handler for GET /v1.41/containers/nope/json returned error: no such"'
)
OTHER = b'time="2026-11-23T09:00:00Z" level=info msg="Starting up"'
NEWER = (
    b'time="2026-11-23T09:00:00Z" level=debug msg="handling GET request" method=GET module=api'
    b' request-url="/v1.51/containers/json?all=1" vars="map[version:1.51]"'
)


@pytest.mark.parametrize("name", ["dockerd20.log", "dockerd26.log", "dockerd26.jsonl"])
def test_golden(name: str) -> None:
    found, tally = read(SOURCE, (DATA / name).read_bytes())
    assert tally.unreadable == 0
    check_golden(DATA / f"{name}.golden.jsonl", as_json_lines(found))


def test_a_journal_export_tells_the_same() -> None:
    path = DATA / "dockerd_journal.jsonl"
    with open_input(Input("golden.log", lambda: BytesIO(path.read_bytes()), None)) as reading:
        found = [activity for batch in reading.batches() for activity in batch]
    assert (reading.source, reading.tally.unreadable) == (SOURCE, 0)
    check_golden(path.with_name(f"{path.name}.golden.jsonl"), as_json_lines(found))


LISTED = ("list", "containers", "unknown", "GET /v1.41/containers/json")
SYSLOG = b"Nov 23 09:00:00 node7 dockerd[811]: "
SYSLOG_3339 = b"2026-11-23T09:00:00.1+00:00 node7 dockerd[8]: "


@pytest.mark.parametrize(
    ("line", "gives"),
    [
        (CALLING, [(*LISTED, "engine")]),
        (CALLING + b" spanID=41f6a97af94a5bd8 traceID=088e\r", [(*LISTED, "engine")]),
        (NEWER, [("list", "containers", "unknown", "GET /v1.51/containers/json?all=1", "engine")]),
        (NEWER + b" status=403", [("list", "containers", "refused", "GET /v1.51/containers/json?all=1", "engine")]),
        (HANDLER, [("get", "containers", "failed", "GET /v1.41/containers/nope/json", "engine")]),
        (SYSLOG + CALLING, [(*LISTED, "node7")]),
        (SYSLOG_3339 + CALLING, [(*LISTED, "node7")]),
        (b"Nov 23 09:00:00 node7 sshd[8]: Calling GET /info", []),
        (OTHER, []),
        (CALLING.replace(b"GET", b"POST"), []),
        (CALLING.replace(b"containers/json", b"_ping"), []),
        (CALLING.replace(b"/containers/json", b"/shop"), []),
        (b'time="2026-11-23T09:00:00Z" level=debug msg="form data: {\\"Cmd\\":[\\"Calling GET /info\\"]}"', []),
        (b'{"level":"debug","msg":7,"time":null}', []),
    ],
)
def test_one_line(line: bytes, gives: list[tuple[str, str, str, str, str]]) -> None:
    found, tally = read(SOURCE, line)
    assert [(one.verb, one.kind, one.outcome, one.text, one.actor.realm) for one in found] == gives
    assert all(one.actor == Actor(kind="unknown", name="not recorded", realm=one.actor.realm) for one in found)
    assert (tally.records, tally.unreadable) == (1, 0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (CALLING[:70], "not-a-daemon-line"),
        (b"hello", "not-a-daemon-line"),
        (b'{"level":"debug","msg":"Calling', "not-json"),
        (b"\x00\x00", "not-a-daemon-line"),
        (CALLING.replace(b"2026-11-23T", b"yesterday "), "no-time"),
        (b'{"level":"debug","msg":"Calling GET /info"}', "no-time"),
        (b"x" * (10 << 20), "line-too-long"),
    ],
)
def test_unreadable_lines_are_counted_with_their_place(line: bytes, reason: str) -> None:
    found, tally = read(SOURCE, OTHER + b"\n" + line + b"\n" + CALLING)
    assert [one.origin.line for one in found] == [3]
    assert [(one.line, one.offset, one.reason, one.sample) for one in tally.places] == [
        (2, len(OTHER) + 1, reason, line[:256])
    ]


def test_a_failure_is_told_only_when_its_request_was_not() -> None:
    request = CALLING.replace(b"/containers/json", b"/containers/nope/json?size=1")
    twice = HANDLER.replace(b"01Z", b"01.04Z")
    later = HANDLER.replace(b"00:01Z", b"01:01Z")
    for lines, outcomes in (
        ([request, HANDLER, HANDLER], ["unknown"]),
        ([request, later], ["unknown", "failed"]),
        ([HANDLER, twice], ["failed"]),
        ([HANDLER, later], ["failed", "failed"]),
        ([CALLING, HANDLER], ["unknown", "failed"]),
        ([HANDLER.replace(b"2026-11-23T09:00:01Z", b"9999-12-31T23:59:59Z")] * 2, ["failed"]),
    ):
        assert [one.outcome for one in read(SOURCE, b"\n".join(lines))[0]] == outcomes


def test_says_what_the_log_cannot_show() -> None:
    tls = b"2026-11-23 08:55:26.746000 I | http: TLS handshake error from 10.0.0.9:46210: tls: bad certificate"
    assert read(SOURCE, OTHER)[1].notes == {"dockerd-no-debug": 1}
    assert read(SOURCE, CALLING)[1].notes == {}
    assert read(SOURCE, b"")[1].notes == {}
    assert read(SOURCE, CALLING + b"\n" + tls)[1].notes == {"dockerd-tls-refused": 1}


def test_sniffs_its_own_lines_only() -> None:
    ours = [
        CALLING,
        HANDLER,
        NEWER,
        b"Nov 23 09:00:00 node7 dockerd[811]: " + OTHER,
    ]
    assert sniff([*ours, b'{"level":"info","msg":"x","time":"2026-11-23T09:00:00.000000001Z"}']) == 5
    others = [
        b'{"level":"info","msg":"","time":"2026-11-23T09:00:00Z","RequestMethod":"GET","RequestPath":"/"}',  # Traefik
        b'{"level":"info","msg":"x","time":"2026-11-23T09:00:00Z"}',
        b'time="2026-11-23T09:29:49Z" level=debug msg="IdleTracker:new 0m+0h/0t connection(s)"',  # podman
        b'time="2026-11-23T09:29:49Z" level=info msg="received unary call /application.ApplicationService/List"',
    ]
    assert sniff(others) == 0
    assert sniff([b"", b"hello", b"{", b'{"a":1}', b'{"MESSAGE":"x","_COMM":"dockerd"}', b"\xff\x00"]) == 0


@given(st.lists(st.sampled_from([CALLING, HANDLER, NEWER, OTHER]) | st.binary(max_size=80), max_size=8))
def test_survives_anything(lines: list[bytes]) -> None:
    assert_survives(SOURCE, b"\n".join(lines))


@given(st.binary(max_size=200), st.integers(0, len(NEWER)))
def test_survives_damage(junk: bytes, at: int) -> None:
    for line in (CALLING, HANDLER, NEWER, b'{"level":"debug","msg":"Calling GET /info","time":"2026-11-23T09:00:00Z"}'):
        assert_survives(SOURCE, line[:at] + junk + line[at:])
