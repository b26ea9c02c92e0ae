from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from claims import claims
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from reading import as_json_lines, assert_survives, read

from tidewaiter.sources import windows_event
from tidewaiter.sources.ecs import SOURCE, kind_of, sniff

DATA = Path(__file__).parent.parent / "data"
START = {"category": ["process"], "type": ["start"], "action": "exec"}
PS = {"args": ["docker", "ps"], "executable": "/usr/bin/docker"}
CONNECT = {"category": ["network"], "action": "connection_attempted"}
TO_ENGINE = {"ip": "10.0.0.1", "port": 2375}
WINDOWS = {"os": {"type": "windows"}}
EXE = r"C:\x\docker.exe"


def document(**parts: Any) -> bytes:
    return json.dumps({"@timestamp": "2026-11-23T09:00:00Z", **parts}).encode()


def test_golden() -> None:
    data = (DATA / "ecs" / "events.jsonl").read_bytes()
    found, tally = read(SOURCE, data)
    assert (tally.records, tally.unreadable, tally.notes) == (15, 0, {})
    check_golden(DATA / "ecs" / "events.jsonl.golden.jsonl", as_json_lines(found))


def test_a_windows_event_has_the_same_identity_as_in_the_event_log() -> None:
    found, _ = read(SOURCE, (DATA / "ecs" / "events.jsonl").read_bytes())
    native, _ = read(windows_event.SOURCE, (DATA / "events" / "windows.xml").read_bytes())
    same = {one.id for one in native} & {one.id for one in found}
    assert len(same) == 3


@pytest.mark.parametrize(
    ("parts", "gives"),
    [
        ({"event": START, "process": PS, "user": {"name": "anna"}}, [("anna", "list", "unknown", "docker ps")]),
        (
            {"event": START, "process": {**PS, "args": None, "command_line": "docker images"}},
            [("unknown", "list", "unknown", "docker images")],
        ),
        (
            {"event": {**START, "action": ["fork", "exec"]}, "process": PS},
            [("unknown", "list", "unknown", "docker ps")],
        ),
        ({"event": {**START, "action": None}, "process": PS}, [("unknown", "list", "unknown", "docker ps")]),
        ({"event": {**START, "action": "fork"}, "process": PS}, []),
        ({"event": {**START, "type": ["end"], "action": "end"}, "process": PS}, []),
        ({"event": {"category": ["process"], "type": ["info"], "action": "existing_process"}, "process": PS}, []),
        ({"event": START}, []),
        (
            {"event": {**START, "outcome": "failure"}, "auditd": {"data": {"exit": "EACCES"}}, "process": PS},
            [("unknown", "list", "refused", "docker ps")],
        ),
        ({"event": {**START, "outcome": "failure"}, "auditd": {"data": {"exit": "-2"}}, "process": PS}, []),
        (
            {"event": START, "host": WINDOWS, "process": {"command_line": f'"{EXE}"  ps', "executable": EXE}},
            [("unknown", "list", "unknown", f'"{EXE}"  ps')],
        ),
        (
            {"event": CONNECT, "process": PS, "destination": TO_ENGINE},
            [("unknown", "connect", "answered", "docker connects to 10.0.0.1:2375")],
        ),
        (
            {"event": CONNECT, "process": {"executable": EXE}, "destination": TO_ENGINE},
            [("unknown", "connect", "answered", "docker connects to 10.0.0.1:2375")],
        ),
        ({"event": CONNECT, "process": PS, "destination": {"ip": "10.0.0.1", "port": 443}}, []),
        ({"event": CONNECT, "network": {"direction": "ingress"}, "process": PS, "destination": TO_ENGINE}, []),
        ({"event": {**CONNECT, "action": "disconnect_received"}, "process": PS, "destination": TO_ENGINE}, []),
        (
            {
                "event.action": "connected-to",
                "auditd.data.syscall": "connect",
                "auditd.data.socket.path": "/run/docker.sock",
                "process.name": "python3",
            },
            [("unknown", "connect", "answered", "python3 connects to /run/docker.sock")],
        ),
        (
            {
                "event": {"category": ["web"]},
                "http": {"request": {"method": "GET"}},
                "url": {"original": "/index.html"},
            },
            [],
        ),
        ({"event": {"category": ["file"], "action": "creation"}}, []),
    ],
)
def test_documents(parts: dict[str, Any], gives: list[tuple[str, str, str, str]]) -> None:
    found, tally = read(SOURCE, document(**parts))
    assert [(one.actor.name, one.verb, one.outcome, one.text) for one in found] == gives
    assert (tally.records, tally.unreadable) == (1, 0)


def test_equal_requests_of_one_second_are_all_counted() -> None:
    request = document(
        event={"category": ["web"]},
        http={"request": {"method": "GET"}},
        url={"original": "http://host:2375/v1.41/containers/json"},
    )
    found, _ = read(SOURCE, request + b"\n" + request)
    assert [one.text for one in found] == ["GET /v1.41/containers/json"] * 2
    assert len({one.id for one in found}) == 2


PIPE = document(winlog={"event_id": 18, "provider_name": "Microsoft-Windows-Sysmon", "event_data": {}})


@pytest.mark.parametrize(
    ("data", "notes"),
    [
        (document(event=START, process=PS), {"events-no-sockets": 1}),
        (document(event=CONNECT, process=PS), {"events-no-process-start": 1, "events-no-sockets": 1}),
        (document(event={"category": ["web"]}, http={"request": {"method": "GET"}}, url={"original": "/"}), {}),
        (PIPE, {"events-no-process-start": 1}),
        (
            document(event=START, process={"executable": "/usr/local/bin/kubectl-who_can"}),
            {"events-no-arguments": 1, "events-no-sockets": 1},
        ),
    ],
)
def test_what_documents_cannot_show(data: bytes, notes: dict[str, int]) -> None:
    assert read(SOURCE, data)[1].notes == notes


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"rubbish", "not-an-event"),
        (b"{}", "not-an-event"),
        (b'{"@timestamp":"2026-11-23T09:00:00Z"}', "not-an-event"),
        (json.dumps({"@timestamp": "x", "event": START, "process": PS}).encode(), "no-time"),
        (json.dumps({"@timestamp": [], "event": START, "process": PS}).encode(), "no-time"),
        (b'{"@timestamp":' * 5000 + b"1" + b"}" * 5000, "not-an-event"),
    ],
    ids=range(6),
)
def test_bad_lines_are_counted_with_their_place(raw: bytes, reason: str) -> None:
    good = document(event=START, process=PS)
    found, tally = read(SOURCE, good + b"\n" + raw + b"\n\n" + good)
    (place,) = tally.places
    assert (len(found), place.line, place.offset, place.reason) == (2, 2, len(good) + 1, reason)


KEYS = st.sampled_from(
    [
        "event",
        "category",
        "type",
        "action",
        "process",
        "args",
        "executable",
        "command_line",
        "user",
        "name",
        "id",
        "host",
        "os",
        "winlog",
        "event_id",
        "event_data",
        "destination",
        "port",
        "ip",
        "url",
        "original",
        "http",
        "request",
        "method",
        "auditd",
        "data",
        "socket",
        "path",
        "container",
        "parent",
        "entry_leader",
        "entry_meta",
        "process.args",
        "event.action",
    ]
)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.sampled_from(["start", "exec", "process", "docker", "18", "connect"])
)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)


@given(st.dictionaries(KEYS, JSON, max_size=5), st.binary(max_size=20))
def test_odd_shapes_are_counted_never_raised(parts: dict[str, Any], tail: bytes) -> None:
    broken = document(**parts) + b"\n" + document(event=START, process={**PS, **parts}, user=parts, host=parts)
    assert_survives(SOURCE, broken + b"\n" + tail)


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ({"event": START, "process": PS}, "process"),
        ({"event.category": ["process"], "event.type": ["start"], "process.args": ["x"]}, "process"),
        ({"event": {"category": "audit-rule", "action": "executed"}, "process": PS}, "process"),
        ({"event": CONNECT}, "network"),
        ({"winlog": {"event_id": 1}}, "windows"),
        ({"winlog.event_id": 1}, "windows"),
        ({"event": {"category": ["web"]}, "http.request.method": "GET", "url.path": "/x"}, "web"),
        ({"event": {"category": ["web"]}}, "other"),
        ({"message": "docker ps"}, None),
        ({"event": {"original": "x"}}, None),
        ({"ecs": {"version": "8.0"}, "metricset": {"name": "cpu"}}, "other"),
        ({"ecs": {"version": "8.0"}, "message": "type=SYSCALL"}, None),
        ({"agent.type": "filebeat", "event.original": "x"}, None),
    ],
)
def test_kinds(parts: dict[str, Any], kind: str | None) -> None:
    assert kind_of({"@timestamp": 1, **parts}) == kind
    assert kind_of(parts) is None


@pytest.mark.parametrize(
    ("line", "count"),
    [
        (document(event=START, process=PS), 1),
        (document(event={"kind": "event", "category": ["process"], "action": "end"}, process={"pid": 1}), 1),
        (PIPE, 1),
        # Wrappers around lines and events of other formats.
        (document(message="docker ps", agent={"type": "filebeat"}, event={"dataset": "x"}), 0),
        (document(kubernetes={"audit": {"verb": "list"}}, event={"category": ["process"], "kind": "event"}), 0),
        (document(log={"file": {"path": "x"}}, event={"action": "x"}), 0),
        (b'{"time":1}', 0),
        (b"", 0),
    ],
)
def test_sniff(line: bytes, count: int) -> None:
    assert sniff([line]) == count


def test_it_claims_its_own_lines_only() -> None:
    assert claims(sniff) == {"ecs/events.jsonl": 15}
