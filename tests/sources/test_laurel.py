from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import assert_survives, read

from tidewaiter.model import Activity
from tidewaiter.sources import auditd
from tidewaiter.sources.laurel import SOURCE, sniff

DATA = Path(__file__).parent.parent / "data"
SYSCALL = {
    "arch": "0xc000003e",
    "syscall": 59,
    "success": "yes",
    "exit": 0,
    "pid": 7,
    "auid": 1001,
    "uid": 0,
    "comm": "docker",
    "exe": "/usr/bin/docker",
}


def line(**parts: Any) -> bytes:
    return json.dumps({"ID": "1795425714.720:1", **parts}).encode() + b"\n"


def by_id(found: list[Activity]) -> dict[str, dict[str, Any]]:
    return {one.id: {**msgspec.to_builtins(one), "origin": None} for one in found}


def test_laurel_and_auditd_tell_the_same_of_the_same_events() -> None:
    """The real output of laurel for the real records."""
    json_form, tally = read(SOURCE, (DATA / "laurel" / "laurel.jsonl").read_bytes())
    text_form, other = read(auditd.SOURCE, (DATA / "auditd" / "raw.log").read_bytes())
    assert len(json_form) > 30
    assert by_id(json_form) == by_id(text_form)
    gaps = {"auditd-gaps"}  # laurel keeps what it is told to, so that its numbers say nothing
    assert (tally.records, tally.unreadable) == (other.records, other.unreadable)
    assert tally.notes.keys() == other.notes.keys() - gaps


REFUSED = {"success": "no", "exit": -13}
NO_LOGIN = {**SYSCALL, "auid": 4294967295, "UID": "root"}
PS = {"EXECVE": {"argc": 2, "ARGV": ["docker", "ps"]}}
CONNECT = {**SYSCALL, "syscall": 42}
SOCKET = [{"saddr": "%01%00/var/run/docker.sock%00"}]


@pytest.mark.parametrize(
    ("parts", "gives"),
    [
        ({"SYSCALL": SYSCALL, **PS}, [("uid 1001", "list", "unknown", "docker ps")]),
        ({"SYSCALL": {**SYSCALL, "AUID": "anna"}, **PS}, [("anna", "list", "unknown", "docker ps")]),
        ({"SYSCALL": NO_LOGIN, **PS}, [("root", "list", "unknown", "docker ps")]),
        ({"SYSCALL": {**SYSCALL, "AUID": "unset", "UID": "root"}, **PS}, [("root", "list", "unknown", "docker ps")]),
        ({"SYSCALL": SYSCALL, "EXECVE": {"ARGV_STR": "docker ps"}}, [("uid 1001", "list", "unknown", "docker ps")]),
        ({"SYSCALL": {**SYSCALL, **REFUSED}, **PS}, [("uid 1001", "list", "refused", "docker ps")]),
        ({"SYSCALL": {**SYSCALL, "success": "no", "exit": -2}, **PS}, []),
        (PS, [("unknown", "list", "unknown", "docker ps")]),
        (
            {"SYSCALL": CONNECT, "SOCKADDR": SOCKET},
            [("uid 1001", "connect", "answered", "docker connects to /var/run/docker.sock")],
        ),
        ({"SYSCALL": {**SYSCALL, "syscall": 46}, "SOCKADDR": SOCKET}, []),
        ({"SYSCALL": CONNECT, "SOCKADDR": [{"saddr": "%10%00"}, 5]}, []),
        ({"SYSCALL": CONNECT}, []),
        ({"USER_CMD": {"msg": "docker ps"}}, []),
    ],
)  # fmt: skip
def test_events(parts: dict[str, Any], gives: list[tuple[str, str, str, str]]) -> None:
    found, tally = read(SOURCE, line(**parts))
    assert [(one.actor.name, one.verb, one.outcome, one.text) for one in found] == gives
    assert (tally.records, tally.unreadable) == (1, 0)


def test_the_host_is_the_realm() -> None:
    (found,) = read(SOURCE, line(SYSCALL=SYSCALL, NODE="web7", **PS))[0]
    assert found.actor.realm == "web7"


def test_percent_signs_are_laurels_own() -> None:
    argv = ["curl", "--unix-socket", "/run/docker.sock", "http://d/v1.41/%2563%256fntainers/json"]
    (found,) = read(SOURCE, line(SYSCALL=SYSCALL | {"exe": "/usr/bin/curl"}, EXECVE={"ARGV": argv}))[0]
    assert (found.kind, found.text.rpartition(" ")[2]) == ("containers", "http://d/v1.41/%63%6fntainers/json")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"rubbish", "not-an-event"),
        (b'{"ID":5}', "not-an-event"),
        (b"{}", "no-time"),
        (b'{"ID":"x"}', "no-time"),
        ('{"ID":"1795425727.\u2028136:15891"}'.encode(), "no-time"),
        (b'{"ID":"1795425727.1:1","X":' + b"[" * 3000, "not-an-event"),
    ],
)
def test_bad_lines_are_counted_with_their_place(raw: bytes, reason: str) -> None:
    found, tally = read(SOURCE, line(**PS) + raw + b"\n\n" + line(**PS))
    (place,) = tally.places
    assert (len(found), place.line, place.offset, place.reason.partition(":")[0]) == (2, 2, len(line(**PS)), reason)


@pytest.mark.parametrize(
    ("data", "notes"),
    [
        (line(SYSCALL=SYSCALL, **PS), {"auditd-no-unset-auid": 1, "auditd-no-connect": 1}),
        (line(SYSCALL=CONNECT, SOCKADDR=SOCKET), {"auditd-no-execve": 1}),
        (line(SYSCALL=SYSCALL | {"auid": 4294967295}, **PS) + line(SYSCALL=CONNECT, SOCKADDR=SOCKET), {}),
    ],
)
def test_what_a_log_cannot_show(data: bytes, notes: dict[str, int]) -> None:
    assert read(SOURCE, data)[1].notes == notes


PLAIN = st.none() | st.integers(-5, 5) | st.text(max_size=4)
VALUE = PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(st.sampled_from(["saddr", "ARGV", "exe", "pid"]), PLAIN)


@given(
    st.dictionaries(st.sampled_from(["SYSCALL", "EXECVE", "SOCKADDR", "PROCTITLE", "NODE"]), VALUE),
    st.binary(max_size=20),
)
def test_odd_shapes_are_counted_never_raised(parts: dict[str, Any], tail: bytes) -> None:
    assert_survives(SOURCE, line(**parts) + line(SYSCALL={**SYSCALL, "exe": parts.get("NODE")}, **PS) + tail)


def test_sniff() -> None:
    assert sniff([line(**PS), b'{"ID":"x"}', b'{"a":1}', b"type=CWD msg=audit(1.1:1): cwd"]) == 2


def test_a_value_may_be_anything() -> None:
    odd = line(**{**PS, "SYSCALL": {"success": {"a": []}, "exit": [], "uid": {}, "arch": [], "syscall": {}}})
    found, tally = read(SOURCE, odd)
    assert ([one.text for one in found], tally.unreadable) == (["docker ps"], 0)
