from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from reading import as_json_lines, assert_survives, read

from tidewaiter.sources.osquery import SOURCE, sniff

DATA = Path(__file__).parent.parent / "data"
PS = {"cmdline": "docker ps", "path": "/usr/bin/docker", "pid": "5", "uid": "0", "auid": "1007", "time": "1795428001"}


def line(columns: Any = None, **over: Any) -> bytes:
    result = {"name": "q", "hostIdentifier": "node-a", "unixTime": 1795428010, "action": "added"}
    given_rows = {} if {"snapshot", "diffResults"} & over.keys() else {"columns": PS if columns is None else columns}
    return json.dumps({**result, **given_rows, **over}).encode() + b"\n"


def test_golden() -> None:
    found, tally = read(SOURCE, (DATA / "osquery" / "results.jsonl").read_bytes())
    told = {"records": tally.records, "unreadable": tally.unreadable, "notes": tally.notes}
    check_golden(DATA / "osquery" / "results.jsonl.golden.jsonl", as_json_lines(found) + json.dumps(told) + "\n")


@pytest.mark.parametrize(
    ("over", "who", "traits"),
    [
        ({}, "host-user uid 1007", ()),
        ({"uid": "1007", "username": "olga"}, "host-user olga", ()),
        ({"auid": "4294967295"}, "host-user uid 0", ("no-login",)),
        ({"auid": -1, "uid": 0}, "host-user uid 0", ("no-login",)),
        ({"auid": "4294967295", "uid": "", "euid": "33"}, "host-user uid 33", ("no-login",)),
        ({"auid": "4294967295", "container_name": "web"}, "container web", ("inside-container", "no-login")),
        ({"parent_path": "/usr/sbin/apache2"}, "host-user uid 1007", ("under-web-server",)),
    ],
)
def test_who(over: dict[str, Any], who: str, traits: tuple[str, ...]) -> None:
    (found,) = read(SOURCE, line({**PS, **over}))[0]
    assert (f"{found.actor.kind} {found.actor.name}", found.traits, found.actor.realm) == (who, traits, "node-a")


def test_a_table_without_logins_says_nothing_of_them() -> None:
    (found,) = read(SOURCE, line({key: value for key, value in PS.items() if key != "auid"}))[0]
    assert (found.actor.name, found.traits) == ("uid 0", ())


SOCKET = {
    "action": "connect",
    "path": "/opt/agent",
    "pid": "6",
    "auid": "1007",
    "time": "1795428001",
    "remote_port": "0",
}
SOCKET |= {"socket": "/run/docker.sock", "remote_address": ""}
BPF = {**SOCKET, "action": None, "syscall": "connect"}
WINDOWS = "'C:\\a b\\docker.exe' ps unknown"
TCP = {**SOCKET, "socket": "", "remote_address": "10.0.0.9"}


@pytest.mark.parametrize(
    ("columns", "gives"),
    [
        (PS, ["docker ps unknown"]),
        ({**PS, "syscall": "execve"}, ["docker ps unknown"]),
        ({**PS, "syscall": "clone"}, []),
        ({**PS, "event_type": "fork"}, []),
        ({**PS, "syscall": "exec", "exit_code": "-13"}, ["docker ps refused"]),
        ({**PS, "syscall": "exec", "exit_code": "-2"}, []),
        ({**PS, "exit_code": "-13"}, ["docker ps unknown"]),  # of the process, not of the call
        ({**PS, "json_cmdline": '["docker","images","a b"]'}, ["docker images 'a b' unknown"]),
        ({**PS, "json_cmdline": "[]"}, ["docker ps unknown"]),
        ({**PS, "json_cmdline": "5"}, ["docker ps unknown"]),
        ({**PS, "path": "C:\\a b\\docker.exe", "cmdline": '"C:\\a b\\docker.exe" ps'}, [WINDOWS]),
        ({**PS, "cmdline": ""}, []),
        ({**PS, "cmdline": "", "path": "/tmp/kubeletctl"}, ["/tmp/kubeletctl unknown"]),
        ({"pid": "5", "path": "/usr/bin/docker"}, []),
        ({**SOCKET, "status": "succeeded"}, ["agent connects to /run/docker.sock answered"]),
        ({**SOCKET, "status": "failed"}, ["agent connects to /run/docker.sock failed"]),
        ({**SOCKET, "status": "in_progress"}, ["agent connects to /run/docker.sock unknown"]),
        ({**SOCKET, "success": "1"}, ["agent connects to /run/docker.sock answered"]),
        ({**SOCKET, "success": 0}, ["agent connects to /run/docker.sock failed"]),
        (SOCKET, ["agent connects to /run/docker.sock unknown"]),
        ({**SOCKET, "action": "bind"}, []),
        ({**BPF, "exit_code": "-13"}, ["agent connects to /run/docker.sock refused"]),
        ({**TCP, "remote_port": "2375"}, ["agent connects to 10.0.0.9:2375 unknown"]),
        ({**TCP, "remote_port": "443"}, []),
        ({**TCP, "remote_address": "", "remote_port": ""}, []),
    ],
)  # fmt: skip
def test_rows(columns: dict[str, Any], gives: list[str]) -> None:
    found, tally = read(SOURCE, line(columns))
    assert [f"{one.text} {one.outcome}" for one in found] == gives
    assert (tally.records, tally.unreadable) == (1, 0)


UNTIMED = {key: value for key, value in PS.items() if key != "time"}


@pytest.mark.parametrize(
    ("raw", "times", "unreadable"),
    [
        (line(), ["10:00:01"], 0),
        (line(UNTIMED), ["10:00:10"], 0),
        (line(snapshot=[PS, {**PS, "pid": "6"}], action="snapshot"), ["10:00:01", "10:00:01"], 0),
        (line(snapshot=[UNTIMED], action="snapshot"), [], 0),
        (line(snapshot=[{**UNTIMED, "start_time": "1795428002"}], action="snapshot"), ["10:00:02"], 0),
        (line(diffResults={"added": [PS, 5], "removed": ""}), ["10:00:01"], 0),
        (line(diffResults={"added": ""}), [], 0),
        (line(action="removed"), [], 0),
    ],
)
def test_results(raw: bytes, times: list[str], unreadable: int) -> None:
    found, tally = read(SOURCE, raw)
    assert ([f"{one.at:%H:%M:%S}" for one in found], tally.unreadable) == (times, unreadable)


def test_a_row_that_comes_again_is_the_same_activity() -> None:
    snapshot = line(snapshot=[PS], action="snapshot")
    later = line(snapshot=[PS], action="snapshot", unixTime=1795428999)
    assert len({one.id for one in read(SOURCE, snapshot + later + line())[0]}) == 1


@pytest.mark.parametrize(
    ("data", "notes"),
    [
        (line(), {"events-no-sockets": 1, "host-joined-arguments": 1}),
        (line() + line(SOCKET), {"host-joined-arguments": 1}),
        (line({**PS, "json_cmdline": '["id"]'}) + line(SOCKET), {}),
        (line({"name": "x"}), {"events-no-process-start": 1}),
        (line(SOCKET) + line({**PS, "cmdline": ""}), {"events-no-arguments": 1}),
        (line(SOCKET) + line({**PS, "json_cmdline": '["id"]', "probe_error": "1"}), {"host-cut-arguments": 1}),
        (line(snapshot=[UNTIMED]), {"osquery-no-start-time": 1, "events-no-process-start": 1}),
        (b"", {}),
    ],
)
def test_what_rows_cannot_show(data: bytes, notes: dict[str, int]) -> None:
    assert read(SOURCE, data)[1].notes == notes


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"rubbish", "not-an-event"),
        (b"{}", "not-an-event"),
        (line("text").strip(), "not-an-event"),
        (line(UNTIMED, unixTime="never").strip(), "no-time"),
    ],
)
def test_bad_lines_are_counted_with_their_place(raw: bytes, reason: str) -> None:
    found, tally = read(SOURCE, line() + raw + b"\n\n" + line())
    (place,) = tally.places
    assert (len(found), place.line, place.offset, place.reason) == (2, 2, len(line()), reason)


PLAIN = st.none() | st.integers(-5, 9999) | st.text(max_size=5) | st.lists(st.integers(), max_size=1)
ROW = st.dictionaries(st.sampled_from([*PS, *SOCKET, "json_cmdline", "exit_code", "syscall", "status"]), PLAIN)


@given(ROW, st.lists(ROW, max_size=2), st.binary(max_size=20))
def test_odd_shapes_are_counted_never_raised(row: dict[str, Any], rows: list[Any], tail: bytes) -> None:
    snapshot = line(snapshot=rows) + line(diffResults={"added": rows})
    assert_survives(SOURCE, line(row) + line({**PS, **row}) + line({**SOCKET, **row}) + snapshot + tail)


def test_sniff() -> None:
    lines = (DATA / "osquery" / "results.jsonl").read_bytes().splitlines()
    assert sniff([*lines, b"", b'{"name":"a","unixTime":5}', b'{"unixTime":5,"name":"a","columns":{}}']) == len(lines)
