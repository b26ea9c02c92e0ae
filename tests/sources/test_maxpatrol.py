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

from tidewaiter.model import Activity, Actor, Origin
from tidewaiter.sources.maxpatrol import SOURCE, is_event, sniff
from tidewaiter.sources.nested import flat

DATA = Path(__file__).parent.parent / "data"
UNIX = {"event_src.title": "unix_like", "event_src.subsys": "auditd", "event_src.host": "n1"}
WINDOWS = {"event_src.title": "windows", "event_src.subsys": "Security", "event_src.host": "w1"}
START = {"action": "start", "object": "process", "status": "success", "object.process.fullpath": "/usr/bin/docker"}
PS = {**START, "object.process.cmdline": "docker ps"}
KUBE = {"event_src.title": "kubernetes", "msgid": "list", "object.query": "/api/v1/pods"}
WEB = {
    "event_src.title": "nginx",
    "object.property": "method",
    "object.value": "get",
    "object.fullpath": "/v1.41/info",
}
CONNECT = {**UNIX, "object": "connection", "action": "open", "dst.ip": "10.0.0.1", "dst.port": 2375}


def event(*parts: dict[str, Any], **more: Any) -> bytes:
    record: dict[str, Any] = {"time": "2026-11-23T09:00:00.000Z"}
    for part in parts:
        record |= part
    return json.dumps({**record, **more}).encode()


def test_golden() -> None:
    data = (DATA / "maxpatrol" / "events.jsonl").read_bytes()
    found, tally = read(SOURCE, data)
    assert (tally.records, tally.unreadable, tally.notes) == (11, 0, {"events-no-sockets": 1})
    check_golden(DATA / "maxpatrol" / "events.jsonl.golden.jsonl", as_json_lines(found))


def test_a_process_start_in_full() -> None:
    accounts = {"subject.account.name": "bob", "object.account.name": "root"}
    (found,), _ = read(SOURCE, event(UNIX, PS, accounts, uuid="u1"))
    assert found == Activity(
        id=found.id,
        at=found.at,
        actor=Actor(kind="host-user", name="bob", realm="n1"),
        plane="host",
        verb="list",
        kind="containers",
        resource_class="workload",
        scope="everything",
        tool="docker",
        text="docker ps",
        origin=Origin(source="maxpatrol", path="golden.log", line=1, offset=0),
    )


@pytest.mark.parametrize(
    "joined",
    [
        {"event_src.host": "n1", "object.process.cmdline": "docker ps", "event_src.title": "unix_like"},
        {"event_src__host": "n1", "object__process__cmdline": "docker ps", "event_src__title": "unix_like"},
        {"event_src/host": "n1", "object/process/cmdline": "docker ps", "event_src/title": "unix_like"},
        {"event_src": {"host": "n1", "title": "unix_like"}, "object": {"process": {"cmdline": "docker ps"}}},
        {"event_src": {"host": "n1", "title": "unix_like"}, "object.process": {"cmdline": "docker ps"}},
    ],
)
def test_every_way_to_join_names(joined: dict[str, Any]) -> None:
    (found,), _ = read(SOURCE, event({"action": "start"}, joined, uuid="u"))
    assert (found.text, found.actor.realm, found.kind) == ("docker ps", "n1", "containers")


ANNA = {"subject.account.name": "anna", "subject.account.domain": "corp", "subject.account.session_id": "935702"}
SYSTEM = {"subject.account.name": "w1$", "subject.account.domain": "corp", "subject.account.session_id": 999}


@pytest.mark.parametrize(
    ("parts", "gives"),
    [
        ((UNIX, PS, {"subject.account.name": "bob"}), [("bob", "list", "unknown", ())]),
        ((UNIX, PS, {"subject.account.id": "1001"}), [("uid 1001", "list", "unknown", ())]),
        (
            (
                UNIX,
                PS,
                {"subject.account.id": "4294967295", "subject.account.name": "unset", "object.account.id": "33"},
            ),
            [("uid 33", "list", "unknown", ("no-login",))],
        ),
        ((UNIX, PS), [("unknown", "list", "unknown", ())]),
        ((UNIX, PS, {"status": "failure", "reason": "Permission denied"}), [("unknown", "list", "refused", ())]),
        ((UNIX, PS, {"status": "failure", "reason": "-13"}), [("unknown", "list", "refused", ())]),
        ((UNIX, PS, {"status": "failure", "reason": "whatever"}), [("unknown", "list", "failed", ())]),
        ((UNIX, PS, {"status": "failure", "reason": "ENOENT"}), []),
        ((UNIX, {"msgid": "execve", "object.process.cmdline": "docker ps"}), [("unknown", "list", "unknown", ())]),
        ((UNIX, PS, {"action": "terminate"}), []),
        ((UNIX, PS, {"correlation_name": "Unix_Discovery"}), []),
        ((WINDOWS, PS, ANNA), [(r"corp\anna", "list", "unknown", ())]),
        ((WINDOWS, PS, SYSTEM), [(r"corp\w1$", "list", "unknown", ("no-login",))]),
        ((WINDOWS, PS, {"subject.account.id": "S-1-5-21"}), [("S-1-5-21", "list", "unknown", ())]),
        (
            (WINDOWS, PS, ANNA, {"object.process.parent.fullpath": r"c:\windows\system32\inetsrv\w3wp.exe"}),
            [(r"corp\anna", "list", "unknown", ("under-web-server",))],
        ),
        ((CONNECT, {"subject.account.name": "bob"}), [("bob", "connect", "answered", ("engine-port",))]),
        ((CONNECT, {"direction": "ingress"}), []),
        ((CONNECT, {"dst.port": 443}), []),
        ((CONNECT, {"dst.port": None}), []),
        ((WEB, {"src.ip": "10.0.0.9", "object.state": 200}), [("10.0.0.9", "get", "answered", ())]),
        ((WEB, {"src.ip": "10.0.0.9", "object.state": "403"}), [("10.0.0.9", "get", "refused", ())]),
        ((WEB, {"object.fullpath": "/index.html"}), []),
        (
            (KUBE, {"subject.account.name": "anna", "status": "success"}),
            [("anna", "list", "answered", ("all-namespaces",))],
        ),
        (
            (KUBE, {"status": "failure", "reason": "Forbidden", "src.ip": "10.0.0.4"}),
            [("10.0.0.4", "list", "refused", ("all-namespaces",))],
        ),
        (
            (KUBE, {"status": "failure", "subject.account.name": "anna"}),
            [("anna", "list", "failed", ("all-namespaces",))],
        ),
        ((KUBE, {"msgid": "patch", "object.query": "/api/v1/namespaces/a/pods/b"}), []),
        ((KUBE, {"msgid": "x"}), []),
        ((KUBE, {"object.query": "/healthz"}), []),
        ((KUBE, {"object.query": "/nothing"}), []),
    ],
)
def test_events(parts: tuple[dict[str, Any], ...], gives: list[tuple[str, str, str, tuple[str, ...]]]) -> None:
    found, tally = read(SOURCE, event(*parts, uuid="u"))
    assert [(one.actor.name, one.verb, one.outcome, one.traits) for one in found] == gives
    assert (tally.records, tally.unreadable) == (1, 0)


def test_an_event_keeps_its_identity() -> None:
    one, again, other = (
        read(SOURCE, event(part, uuid=uuid))[0][0].id for part, uuid in ((WEB, "a"), (WEB, "a"), (WEB, "b"))
    )
    assert one == again != other
    without, _ = read(SOURCE, event(WEB) + b"\n" + event(WEB))
    assert len({one.id for one in without}) == 2


BARE = {**WINDOWS, **START, "object.process.fullpath": r"c:\x\docker.exe"}
PLUGIN = {**UNIX, **START, "object.process.fullpath": "/usr/bin/kubectl-who_can", "object.process.meta": "sh -c x"}


@pytest.mark.parametrize(
    ("data", "notes"),
    [
        (event(UNIX, PS), {"events-no-sockets": 1}),
        (event(CONNECT), {"events-no-process-start": 1, "events-no-sockets": 1}),
        (event(WEB), {"events-no-process-start": 1}),
        (event(BARE) + b"\n" + event(BARE), {"events-no-sockets": 1, "windows-no-command-line": 2}),
        (event(BARE) + b"\n" + event(WINDOWS, PS), {"events-no-sockets": 1}),
        (event(PLUGIN), {"events-no-sockets": 1, "events-no-arguments": 1}),
    ],
)
def test_what_events_cannot_show(data: bytes, notes: dict[str, int]) -> None:
    assert read(SOURCE, data)[1].notes == notes


def test_a_title_of_a_process_is_shown_and_never_decided_on() -> None:
    (found,), _ = read(SOURCE, event(PLUGIN))
    assert found.text == "sh -c x"
    assert (
        read(SOURCE, event(PLUGIN, {"object.process.fullpath": "/bin/sh", "object.process.meta": "docker ps"}))[0] == []
    )


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"rubbish", "not-an-event"),
        (b"{}", "not-an-event"),
        (b'{"time":"2026-11-23T09:00:00Z"}', "not-an-event"),
        (b'{"time":"2026-11-23T09:00:00Z","event_src.host":"n1"}', "not-an-event"),
        (event(UNIX, PS, time="yesterday"), "no-time"),
        (event(UNIX, PS, time=[]), "no-time"),
        (b'{"object":' * 5000 + b"1" + b"}" * 5000, "not-an-event"),
    ],
    ids=range(7),
)
def test_bad_lines_are_counted_with_their_place(raw: bytes, reason: str) -> None:
    good = event(UNIX, PS)
    found, tally = read(SOURCE, good + b"\n" + raw + b"\n\n" + good)
    (place,) = tally.places
    assert (len(found), place.line, place.offset, place.reason) == (2, 2, len(good) + 1, reason)


KEYS = st.sampled_from(
    [
        "event_src.title",
        "object",
        "process",
        "object.process.cmdline",
        "object__process__fullpath",
        "action",
        "msgid",
        "subject",
        "account",
        "name",
        "dst.port",
        "object.query",
        "status",
        "reason",
        "object.value",
        "object.property",
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["start", "process", "docker ps", "method", "kubernetes"])
)
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner), max_leaves=12)


@given(st.dictionaries(KEYS, JSON, max_size=6), st.binary(max_size=20))
def test_odd_shapes_are_counted_never_raised(parts: dict[str, Any], tail: bytes) -> None:
    broken = event(UNIX, PS, parts) + b"\n" + event(KUBE, parts) + b"\n" + event(WEB, parts)
    assert_survives(SOURCE, broken + b"\n" + event(CONNECT, parts) + b"\n" + tail)


@pytest.mark.parametrize(
    ("record", "yes"),
    [
        ({"time": "x", "event_src.host": "n", "object": "process"}, True),
        ({"time": "x", "event_src": {"vendor": "v"}, "subject": {"account": {"name": "a"}}}, True),
        ({"time": "x", "event_src.host": "n"}, False),
        ({"event_src.host": "n", "object": "process"}, False),
        ({"time": "x", "object": "process"}, False),
        ({}, False),
    ],
)
def test_which_records_are_events(record: dict[str, Any], yes: bool) -> None:
    assert is_event(flat(record)) == yes
    assert sniff([json.dumps(record).encode(), b"x", b"event_src"]) == yes


def test_it_claims_its_own_lines_only() -> None:
    assert claims(sniff) == {"maxpatrol/events.jsonl": 11}
