from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from reading import as_json_lines, assert_survives, read

from tidewaiter.sources.tracee import SOURCE, sniff

DATA = Path(__file__).parent.parent / "data"
WHEN = 1795428001000000001
ARGV = {"name": "argv", "type": "[]string", "value": ["docker", "ps"]}


def line(name: str = "sched_process_exec", args: Any = (ARGV,), **over: Any) -> bytes:
    event = {
        "timestamp": WHEN,
        "processName": "docker",
        "hostProcessId": 5,
        "userId": 0,
        "hostName": "node-a",
        "returnValue": 0,
        "eventName": name,
        "args": list(args),
    }
    return json.dumps({**event, **over}).encode() + b"\n"


def newer(*data: Any, **over: Any) -> bytes:
    workload = {"process": {"thread": {"name": "docker"}, "real_user": {"id": 0}, "host_pid": 5}}
    event = {"timestamp": "2026-11-23T10:00:08Z", "name": "sched_process_exec", "workload": workload, "data": data}
    return json.dumps({**event, **over}).encode() + b"\n"


def test_golden() -> None:
    found, tally = read(SOURCE, (DATA / "tracee" / "events.jsonl").read_bytes())
    told = {"records": tally.records, "unreadable": tally.unreadable, "notes": tally.notes}
    check_golden(DATA / "tracee" / "events.jsonl.golden.jsonl", as_json_lines(found) + json.dumps(told) + "\n")


BEFORE = {"name": "prev_comm", "value": "apache2"}
LONG = "1f1e161c47d8ff0eb665438a7bcd5b4e3ef5a297282b40a92b7c77d6bd168eb3"


@pytest.mark.parametrize(
    ("raw", "who", "traits"),
    [
        (line(), "host-user uid 0 node-a", ()),
        (line(hostName=""), "host-user uid 0 host", ()),
        (line(userId=None), "unknown unknown node-a", ()),
        (line(containerId=LONG), "container 1f1e161c47d8 host", ("inside-container",)),
        (line(container={"id": LONG}), "container 1f1e161c47d8 host", ("inside-container",)),
        (line(container={"id": LONG}, kubernetes={"podName": "w"}), "container w host", ("inside-container",)),
        (line(podName="w"), "container w host", ("inside-container",)),
        (line(args=[ARGV, BEFORE]), "host-user uid 0 node-a", ("under-web-server",)),
        (newer({"name": "argv", "value": ["docker", "ps"]}), "host-user uid 0 host", ()),
        (newer({"name": "argv", "str_array": {"value": ["docker", "ps"]}}), "host-user uid 0 host", ()),
    ],
)
def test_who(raw: bytes, who: str, traits: tuple[str, ...]) -> None:
    (found,) = read(SOURCE, raw)[0]
    assert (f"{found.actor.kind} {found.actor.name} {found.actor.realm}", found.traits) == (who, traits)


def address(**parts: Any) -> dict[str, Any]:
    return {"name": "remote_addr", "value": parts}


UNIX = address(sa_family="AF_UNIX", sun_path="/run/docker.sock")
BEHIND = {"name": "triggeredBy", "value": {"name": "security_socket_connect", "args": [UNIX]}}
PATH = {"name": "pathname", "value": "/usr/bin/docker"}


@pytest.mark.parametrize(
    ("raw", "gives"),
    [
        (line(args=[PATH, ARGV]), ["docker ps unknown"]),
        (line("execve", returnValue=-13), ["docker ps refused"]),
        (line("execve", returnValue=-2), []),
        (line("execve", returnValue=None), ["docker ps unknown"]),
        (line("execve", args=[{**ARGV, "value": ["id"]}]), []),
        (line("execve", args=[]), []),
        (line("execve", args=[{"name": "pathname", "value": "/tmp/kubeletctl"}]), ["/tmp/kubeletctl unknown"]),
        (line("openat"), []),
        (line("security_socket_connect", [UNIX]), ["docker connects to /run/docker.sock unknown"]),
        (line("connect", [{**UNIX, "name": "addr"}]), ["docker connects to /run/docker.sock answered"]),
        (line("connect", [UNIX], returnValue=-13), ["docker connects to /run/docker.sock refused"]),
        (line("connect", [UNIX], returnValue=-115), ["docker connects to /run/docker.sock unknown"]),
        (line("connect", [address(sun_path="/run/other")]), []),
        (
            line("security_socket_connect", [address(sin_addr="10.0.0.9", sin_port="2375")]),
            ["docker connects to 10.0.0.9:2375 unknown"],
        ),
        (
            line("security_socket_connect", [address(sin6_addr="::2", sin6_port=2375)]),
            ["docker connects to [::2]:2375 unknown"],
        ),
        (line("security_socket_connect", [address(sin_addr="10.0.0.9")]), []),
        (
            line("net_tcp_connect", [{"name": "dst", "value": "10.0.0.9"}, {"name": "dst_port", "value": 2379}]),
            ["docker connects to 10.0.0.9:2379 unknown"],
        ),
        (
            line("docker_abuse", [BEHIND]),
            ["docker connects to /run/docker.sock unknown"],
        ),
        (line("docker_abuse", [{"name": "triggeredBy", "value": {"name": "x", "args": 5}}]), []),
        (
            newer(name="docker_abuse", detected_from={"id": 1, "name": "security_socket_connect", "data": [UNIX]}),
            ["docker connects to /run/docker.sock unknown"],
        ),
        (newer({"name": "argv", "value": 5}), []),
    ],
)  # fmt: skip
def test_events(raw: bytes, gives: list[str]) -> None:
    found, tally = read(SOURCE, raw)
    assert [f"{one.text} {one.outcome}" for one in found] == gives
    assert (tally.records, tally.unreadable) == (1, 0)


def test_two_events_of_one_start_are_one_act() -> None:
    found = read(SOURCE, line("execve") + line() + line(hostProcessId=6) + line(timestamp=WHEN + 5 * 10**9))[0]
    assert [one.origin.line for one in found] == [1, 3, 4]


@pytest.mark.parametrize(
    ("stamp", "at"),
    [
        (WHEN, "2026-11-23T10:00:01+00:00"),
        ({"seconds": "1795428001", "nanos": 5000}, "2026-11-23T10:00:01.000005+00:00"),
        ({"seconds": 1795428001}, "2026-11-23T10:00:01+00:00"),
        ("2026-11-23T10:00:01Z", "2026-11-23T10:00:01+00:00"),
    ],
)
def test_times(stamp: Any, at: str) -> None:
    assert [one.at.isoformat() for one in read(SOURCE, line(timestamp=stamp))[0]] == [at]


@pytest.mark.parametrize(
    ("data", "notes"),
    [
        (line(), {"events-no-sockets": 1}),
        (line("connect", [UNIX]), {}),
        (line("connect", [UNIX]) + line(args=[]), {"events-no-arguments": 1}),
        (b"", {}),
    ],
)
def test_what_events_cannot_show(data: bytes, notes: dict[str, int]) -> None:
    assert read(SOURCE, data)[1].notes == notes


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"rubbish", "not-an-event"),
        (b"{}", "not-an-event"),
        (line(args=[5]).strip(), "not-an-event"),
        (line(timestamp="now").strip(), "no-time"),
        (line(timestamp={}).strip(), "no-time"),
    ],
)
def test_bad_lines_are_counted_with_their_place(raw: bytes, reason: str) -> None:
    other = line(hostProcessId=6)
    found, tally = read(SOURCE, line() + raw + b"\n\n" + other)
    (place,) = tally.places
    assert (len(found), place.line, place.offset, place.reason) == (2, 2, len(line()), reason)


PLAIN = st.none() | st.integers(-5, 5) | st.text(max_size=4) | st.booleans()
VALUE = PLAIN | st.dictionaries(st.sampled_from(["sun_path", "sin_addr", "sin_port", "name", "args", "seconds"]), PLAIN)
NAMES = ["timestamp", "returnValue", "container", "kubernetes", "workload", "hostProcessId", "userId", "podName"]


@given(
    st.lists(st.fixed_dictionaries({"name": st.sampled_from(["argv", "remote_addr", "triggeredBy"]), "value": VALUE})),
    st.dictionaries(st.sampled_from(NAMES), VALUE),
    st.binary(max_size=20),
)
def test_odd_shapes_are_counted_never_raised(args: list[Any], over: dict[str, Any], tail: bytes) -> None:
    assert_survives(SOURCE, line("connect", args, **over) + newer(*args, **over) + line(**over) + tail)


def test_sniff() -> None:
    lines = (DATA / "tracee" / "events.jsonl").read_bytes().splitlines()
    trail = b'{"eventVersion":"1.08","eventName":"ListClusters","eventTime":"2026-11-23T10:00:08Z"}'
    assert sniff([*lines, b"", trail, b'{"timestamp":1,"workload":{"process":5}}']) == len(lines)
