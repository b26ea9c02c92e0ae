from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from reading import as_json_lines, assert_survives, read

from tidewaiter.sources.tetragon import SOURCE, sniff

DATA = Path(__file__).parent.parent / "data"
PS = {
    "exec_id": "a",
    "pid": 5,
    "uid": 0,
    "auid": 1007,
    "binary": "/usr/bin/docker",
    "arguments": "ps",
    "flags": "execve",
}


def line(kind: str = "process_exec", process: dict[str, Any] | None = None, **parts: Any) -> bytes:
    body = {"process": {**PS, **(process or {})}, **parts.pop("body", {})}
    return json.dumps({kind: body, "node_name": "node-a", "time": "2026-11-23T10:00:00Z", **parts}).encode() + b"\n"


def test_golden() -> None:
    found, tally = read(SOURCE, (DATA / "tetragon" / "events.jsonl").read_bytes())
    told = {"records": tally.records, "unreadable": tally.unreadable, "notes": tally.notes}
    check_golden(DATA / "tetragon" / "events.jsonl.golden.jsonl", as_json_lines(found) + json.dumps(told) + "\n")


POD = {"namespace": "shop", "name": "web-1"}


@pytest.mark.parametrize(
    ("process", "body", "who", "traits"),
    [
        ({}, {}, "host-user uid 1007", ()),
        ({"auid": 4294967295}, {}, "host-user uid 0", ("no-login",)),
        ({"auid": None}, {}, "host-user uid 0", ()),
        ({"auid": None, "user": {"name": "root"}}, {}, "host-user root", ()),
        ({"auid": None, "pod": POD}, {}, "container web-1", ("inside-container",)),
        ({"auid": 4294967295, "docker": "5" * 31}, {}, "container 555555555555", ("inside-container", "no-login")),
        ({"docker": ""}, {}, "host-user uid 1007", ()),
        ({}, {"parent": {"binary": "/usr/sbin/nginx"}}, "host-user uid 1007", ("under-web-server",)),
        (
            {},
            {"parent": {"binary": "/bin/sh"}, "ancestors": [{"binary": "/usr/sbin/apache2"}]},
            "host-user uid 1007",
            ("under-web-server",),
        ),
    ],
)
def test_who(process: dict[str, Any], body: dict[str, Any], who: str, traits: tuple[str, ...]) -> None:
    (found,) = read(SOURCE, line(process=process, body=body))[0]
    assert (f"{found.actor.kind} {found.actor.name}", found.traits, found.actor.realm) == (who, traits, "node-a")


@pytest.mark.parametrize(
    ("binary", "arguments", "texts"),
    [
        ("/usr/bin/docker", "ps -a", ["/usr/bin/docker ps -a"]),
        ("/usr/bin/docker", 'ps --filter "name=a b"', ["/usr/bin/docker ps --filter 'name=a b'"]),
        ("/bin/sh", '-c "docker ps; id"', ["/bin/sh -c 'docker ps; id'"]),
        ("/bin/sh", '-c "docker ps --format "{{.ID}}""', ["""/bin/sh -c 'docker ps --format "{{.ID}}"'"""]),
        ("/opt/my tools/docker", "ps", ["'/opt/my tools/docker' ps"]),
        ("/usr/bin/docker", "", []),
        ("/usr/bin/docker", None, []),
        ("", "ps", []),
        (None, "ps", []),
    ],
)
def test_arguments(binary: str | None, arguments: str | None, texts: list[str]) -> None:
    assert [one.text for one in read(SOURCE, line(process={"binary": binary, "arguments": arguments}))[0]] == texts


SOCKET = {"function_name": "security_socket_connect", "args": [{"sockaddr_arg": {"addr": "/run/docker.sock"}}]}


@pytest.mark.parametrize(
    ("kind", "body", "gives"),
    [
        ("process_kprobe", SOCKET, ["docker connects to /run/docker.sock unknown"]),
        ("process_lsm", SOCKET, ["docker connects to /run/docker.sock unknown"]),
        ("process_kprobe", {**SOCKET, "return": {"int_arg": -13}}, ["docker connects to /run/docker.sock refused"]),
        ("process_kprobe", {**SOCKET, "return": {"int_arg": 0}}, ["docker connects to /run/docker.sock unknown"]),
        (
            "process_kprobe",
            {**SOCKET, "function_name": "__x64_sys_connect", "return": {"int_arg": 0}},
            ["docker connects to /run/docker.sock answered"],
        ),
        (
            "process_kprobe",
            {**SOCKET, "function_name": "__x64_sys_connect", "return": {"long_arg": "-2"}},
            ["docker connects to /run/docker.sock failed"],
        ),
        ("process_kprobe", {**SOCKET, "args": [{"int_arg": 3}]}, []),
        ("process_kprobe", {**SOCKET, "args": None}, []),
        ("process_kprobe", {**SOCKET, "function_name": "security_file_open"}, []),
        (
            "process_kprobe",
            {**SOCKET, "args": [{"int_arg": 3}, {"string_arg": "/run/podman/podman.sock"}]},
            ["docker connects to /run/podman/podman.sock unknown"],
        ),
        (
            "process_kprobe",
            {**SOCKET, "args": [{"path_arg": {"path": "/run/docker.sock"}}]},
            ["docker connects to /run/docker.sock unknown"],
        ),
        (
            "process_kprobe",
            {**SOCKET, "args": [{"sock_arg": {"daddr": "10.0.0.9", "dport": 2375}}]},
            ["docker connects to 10.0.0.9:2375 unknown"],
        ),
        ("process_kprobe", {**SOCKET, "args": [{"sock_arg": {"daddr": "10.0.0.9", "dport": 443}}]}, []),
        ("process_kprobe", {**SOCKET, "args": [{"sock_arg": {"daddr": "10.0.0.9"}}]}, []),
        ("process_kprobe", {**SOCKET, "args": [{"bytes_arg": "no base64!"}]}, []),
        ("process_exit", {}, []),
    ],
)
def test_connections(kind: str, body: dict[str, Any], gives: list[str]) -> None:
    found, tally = read(SOURCE, line(kind, body=body))
    assert [f"{one.text} {one.outcome}" for one in found] == gives
    assert (tally.records, tally.unreadable) == (1, 0)


@pytest.mark.parametrize(
    ("data", "notes"),
    [
        (line(), {"events-no-sockets": 1}),
        (line() + line("process_kprobe", body=SOCKET), {}),
        (line(process={"flags": "execve truncArgs"}), {"host-cut-arguments": 1, "events-no-sockets": 1}),
        (line(process={"binary": None}), {"host-no-arguments": 1, "events-no-sockets": 1}),
        (b'{"rate_limit_info":{"number_of_dropped_process_events":"7"},"time":"2026-11-23T10:00:00Z"}', None),
        (b"", {}),
    ],
)
def test_what_an_export_cannot_show(data: bytes, notes: dict[str, int] | None) -> None:
    expected = {"tetragon-dropped": 1, "events-no-sockets": 1} if notes is None else notes
    assert read(SOURCE, data)[1].notes == expected


def test_a_process_that_ran_before_has_its_own_time() -> None:
    process = {"flags": "procFS auid", "start_time": "2026-11-22T08:00:00Z"}
    (found,) = read(SOURCE, line(process=process))[0]
    assert f"{found.at:%d %H:%M}" == "22 08:00"
    assert read(SOURCE, line(process=process, time="2026-11-24T10:00:00Z"))[0][0].id == found.id


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"rubbish", "not-an-event"),
        (b"{}", "not-an-event"),
        (b'{"process_exec":5,"time":"2026-11-23T10:00:00Z"}', "not-an-event"),
        (line(time=None).strip(), "no-time"),
        (line(time="yesterday").strip(), "no-time"),
    ],
)
def test_bad_lines_are_counted_with_their_place(raw: bytes, reason: str) -> None:
    found, tally = read(SOURCE, line() + raw + b"\n\n" + line())
    (place,) = tally.places
    assert (len(found), place.line, place.offset, place.reason) == (2, 2, len(line()), reason)


PLAIN = st.none() | st.integers(-5, 5) | st.text(max_size=4)
VALUE = PLAIN | st.lists(st.dictionaries(st.sampled_from(["sock_arg", "bytes_arg", "string_arg"]), PLAIN), max_size=2)


@given(
    st.dictionaries(st.sampled_from(["function_name", "args", "return", "parent", "ancestors", "event"]), VALUE),
    st.dictionaries(st.sampled_from([*PS, "pod", "docker", "start_time"]), PLAIN),
    st.binary(max_size=20),
)
def test_odd_shapes_are_counted_never_raised(body: dict[str, Any], process: dict[str, Any], tail: bytes) -> None:
    connect = line("process_kprobe", process, body={**SOCKET, **body})
    assert_survives(SOURCE, line("process_exec", process, body=body) + connect + tail)


def test_sniff() -> None:
    lines = (DATA / "tetragon" / "events.jsonl").read_bytes().splitlines()
    assert sniff([*lines, b"", b'{"process_exec":{}}', b'{"process_name":"a","time":"x"}', b"process_exec"]) == 8
