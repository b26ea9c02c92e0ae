from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from claims import claims
from hypothesis import given
from hypothesis import strategies as st
from reading import assert_survives, read

from tidewaiter.model import Activity
from tidewaiter.sources import auditd
from tidewaiter.sources.auditd_items import SOURCE, sniff

DATA = Path(__file__).parent.parent / "data"
RECORD = re.compile(r"(?:node=(\S+) )?type=(\S+) msg=audit\((\d+)\.(\d+):(\d+)\): ?(.*)")
SYSCALL = 'arch=c000003e syscall=59 success=yes exit=0 pid=7 auid=1001 uid=0 comm="docker" exe="/usr/bin/docker"'
NO_LOGIN = SYSCALL.replace("auid=1001", "auid=4294967295")
CONNECT = SYSCALL.replace("syscall=59", "syscall=42")
SOCKET = "saddr=01002F72756E2F646F636B65722E736F636B00"
PS = 'argc=2 a0="docker" a1="ps"'


def as_items(text: str) -> bytes:
    """Write auditd's own log in this form."""
    found: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for line in text.split("\n")[:-1]:  # a group separator is a line end to splitlines
        match = RECORD.match(line)
        assert match, line
        node, kind, seconds, fraction, serial, body = match.groups()
        items = found.setdefault((node or "", seconds, fraction, serial), {})
        items.setdefault(kind, []).append(body.replace("\x1d", " "))
    return b"".join(
        json.dumps(
            {"eventid": serial, "timestampfractional": part, "timestamp": seconds, "node": node, "items": items}
        ).encode()
        + b"\n"
        for (node, seconds, part, serial), items in found.items()
    )


def event(*, node: str = "n1", seconds: Any = "1795425714", part: Any = "720", **items: Any) -> bytes:
    record = {"eventid": "9", "timestampfractional": part, "timestamp": seconds, "node": node, "items": items}
    return json.dumps(record).encode() + b"\n"


def by_id(found: list[Activity]) -> dict[str, dict[str, Any]]:
    return {one.id: {**msgspec.to_builtins(one), "origin": None} for one in found}


@pytest.mark.parametrize("name", ["raw.log", "enriched.log"])
def test_it_tells_the_same_as_auditd_of_the_same_events(name: str) -> None:
    text = (DATA / "auditd" / name).read_text(encoding="utf-8")
    found, tally = read(SOURCE, as_items(text))
    other, theirs = read(auditd.SOURCE, text.encode())
    assert len(found) > 10
    assert by_id(found) == by_id(other)
    theirs.notes.pop("auditd-gaps", None)  # only auditd's own log is expected to hold every serial
    assert (tally.records, tally.unreadable, tally.notes) == (theirs.records, theirs.unreadable, theirs.notes)


def test_real_events_are_read_and_nothing_is_found() -> None:
    data = (DATA / "auditd_items" / "open_xp_rules.jsonl").read_bytes()
    found, tally = read(SOURCE, data)
    assert (found, tally.records, tally.unreadable) == ([], 6, 0)
    assert sniff(data.splitlines()) == 6


@pytest.mark.parametrize(
    ("items", "gives"),
    [
        ({"SYSCALL": [SYSCALL], "EXECVE": [PS]}, [("uid 1001", "list", "unknown", "docker ps", ())]),
        ({"SYSCALL": SYSCALL, "EXECVE": PS}, [("uid 1001", "list", "unknown", "docker ps", ())]),
        ({"SYSCALL": [NO_LOGIN], "EXECVE": [PS]}, [("uid 0", "list", "unknown", "docker ps", ("no-login",))]),
        ({"EXECVE": [PS]}, [("unknown", "list", "unknown", "docker ps", ())]),
        ({"SYSCALL": [SYSCALL.replace("success=yes exit=0", "success=no exit=-2")], "EXECVE": [PS]}, []),
        (
            {"SYSCALL": [CONNECT], "SOCKADDR": [SOCKET]},
            [("uid 1001", "connect", "answered", "docker connects to /run/docker.sock", ("local-socket",))],
        ),
        ({"SYSCALL": [SYSCALL.replace("syscall=59", "syscall=46")], "SOCKADDR": [SOCKET]}, []),
        ({"SYSCALL": [CONNECT], "SOCKADDR": ["saddr=zz", "saddr=1000"]}, []),
        ({"SYSCALL": [CONNECT]}, []),
        ({"USER_CMD": ["docker ps"]}, []),
        ({"SYSCALL": [5], "EXECVE": [None]}, []),
    ],
)  # fmt: skip
def test_events(items: dict[str, Any], gives: list[tuple[str, str, str, str, tuple[str, ...]]]) -> None:
    found, tally = read(SOURCE, event(**items))
    assert [(one.actor.name, one.verb, one.outcome, one.text, one.traits) for one in found] == gives
    assert (tally.records, tally.unreadable) == (1, 0)


@pytest.mark.parametrize(
    ("items", "note"),
    [
        ({"SYSCALL": [SYSCALL], "EXECVE": ['argc=3 a0="docker" a1="ps"']}, "auditd-cut-arguments"),
        ({"EXECVE": [PS]}, "auditd-no-syscall"),
        ({"SYSCALL": [SYSCALL], "EXECVE": [PS]}, "auditd-no-unset-auid"),
        ({"SYSCALL": [SYSCALL], "EXECVE": [PS]}, "auditd-no-connect"),
        ({"SYSCALL": [CONNECT], "SOCKADDR": [SOCKET]}, "auditd-no-execve"),
        ({"SYSCALL": [SYSCALL.replace("docker", "kubectl-who_can")], "PROCTITLE": [""]}, "auditd-no-arguments"),
    ],
)
def test_what_a_log_cannot_show(items: dict[str, Any], note: str) -> None:
    assert read(SOURCE, event(**items))[1].notes[note] == 1


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"rubbish", "not-an-audit-record"),
        (b'{"items":{}}', "not-an-audit-record"),
        (b'{"items":[],"eventid":1,"timestamp":1}', "not-an-audit-record"),
        (b'{"items":{},"eventid":1,"timestamp":"x"}', "no-time"),
        (b'{"items":{},"eventid":1,"timestamp":99999999999999999999}', "no-time"),
        (b'{"items":{},"eventid":1,"timestamp":1,"timestampfractional":"x"}', "no-time"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "not-an-audit-record"),
    ],
)
def test_bad_lines_are_counted_with_their_place(raw: bytes, reason: str) -> None:
    good = event(EXECVE=[PS])
    found, tally = read(SOURCE, good + raw + b"\n\n" + good)
    (place,) = tally.places
    assert (len(found), place.line, place.offset, place.reason) == (2, 2, len(good), reason)


BODY = st.sampled_from([SYSCALL, CONNECT, PS, SOCKET, "", "a0=", "saddr="]) | st.text(max_size=20) | st.integers()
ITEMS = st.dictionaries(
    st.sampled_from(["SYSCALL", "EXECVE", "SOCKADDR", "PROCTITLE"]), BODY | st.lists(BODY, max_size=3)
)


@given(ITEMS, st.integers() | st.text(max_size=5), st.binary(max_size=20))
def test_odd_shapes_are_counted_never_raised(items: dict[str, Any], seconds: Any, tail: bytes) -> None:
    assert_survives(SOURCE, event(seconds=seconds, **items) + event(EXECVE=[PS]) + tail)


def test_sniff() -> None:
    assert sniff([event(), b'{"items":{"SYSCALL":[]}}', b'{"items":1,"eventid":1,"timestamp":1}', b"x"]) == 1


def test_it_claims_its_own_lines_only() -> None:
    assert claims(sniff) == {"auditd_items/open_xp_rules.jsonl": 6}
