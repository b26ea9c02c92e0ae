from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from reading import as_json_lines, assert_survives, read

from tidewaiter.gate.caller import Caller, Certificate
from tidewaiter.gate.record_writer import Record, line, lost_line
from tidewaiter.model import Activity, Actor, Origin
from tidewaiter.sources.contract import Block, Tally
from tidewaiter.sources.docker_gate import SOURCE, DockerGateReader, sniff

DATA = Path(__file__).parent.parent / "data" / "engine"
AT = datetime(2026, 11, 23, 18, 19, 46, 4781, tzinfo=UTC)
ID = "4f2d0c9b7a6e5d3c" * 4
CALLER = Caller(pid=7, uid=1001, gid=1001, user="anna", login_uid=1001, login_user="anna", exe="/usr/bin/docker")


def record(caller: Caller = CALLER, **more: Any) -> bytes:
    """Give a line as the gate writes it."""
    fields: dict[str, Any] = {
        "time": AT,
        "id": "a-1-1",
        "phase": "done",
        "host": "build1",
        "listener": "unix:/run/docker.sock",
        "method": "GET",
        "target": "/v1.41/containers/json",
        "status": 200,
        "bytes_out": 300,
        "mode": "observe",
        "decision": "allowed",
        "caller": caller,
    }
    return line(Record(**(fields | more)))


def one(data: bytes) -> Activity:
    found, tally = read(SOURCE, data)
    assert (len(found), tally.unreadable) == (1, 0)
    return found[0]


def test_golden() -> None:
    found, tally = read(SOURCE, (DATA / "docker_gate.jsonl").read_bytes())
    assert (tally.records, tally.unreadable) == (17, 0)
    assert tally.notes == {"dockerd-tls-refused": 1, "engine-no-local-caller": 1, "gate-lost": 12, "gate-blind": 1}
    check_golden(DATA / "docker_gate.jsonl.golden.jsonl", as_json_lines(found))


def test_a_request_in_normal_form() -> None:
    caller = Caller(
        **{name: getattr(CALLER, name) for name in CALLER.__struct_fields__} | {"command": ("docker", "ps")}
    )
    found = one(record(caller, agent="Docker-Client/28.2.2 (linux)"))
    assert found == Activity(
        id=found.id,
        at=AT,
        actor=Actor(kind="host-user", name="anna", realm="build1"),
        plane="engine",
        verb="list",
        kind="containers",
        resource_class="workload",
        scope="everything",
        outcome="answered",
        disclosed=300,
        tool="docker-client/28.2",
        text="GET /v1.41/containers/json (docker ps)",
        traits=("local-socket",),
        origin=Origin(source="docker-gate", path="golden.log", line=1, offset=0),
    )


@pytest.mark.parametrize(
    ("caller", "kind", "name", "realm"),
    [
        (Caller(uid=0, user="root", login_uid=1001, login_user="anna"), "host-user", "anna", "build1"),
        (Caller(uid=0, user="root"), "host-user", "root", "build1"),
        (Caller(uid=4711), "host-user", "uid 4711", "build1"),
        (Caller(uid=0, user="root", login_uid=7), "host-user", "uid 7", "build1"),
        (Caller(uid=0, user="root", container=ID), "container", ID[:12], "build1"),
        (Caller(certificate=Certificate(names=("ci", "x")), address="192.0.2.7:4"), "user", "ci", "engine"),
        (Caller(certificate=Certificate(fingerprint="ab" * 32)), "user", "certificate sha256:abababababab", "engine"),
        (Caller(address="[2001:db8::7]:4"), "address", "2001:db8::7", "engine"),
        (Caller(), "unknown", "not recorded", "engine"),
    ],
)
def test_who_asked(caller: Caller, kind: str, name: str, realm: str) -> None:
    actor = one(record(caller)).actor
    assert (actor.kind, actor.name, actor.realm) == (kind, name, realm)


@pytest.mark.parametrize(
    ("caller", "listener", "traits"),
    [
        (CALLER, "unix:/run/docker.sock", ("local-socket",)),
        (Caller(uid=0, exe="/bin/x"), "unix:/run/docker.sock", ("local-socket", "no-login")),
        (Caller(uid=0), "unix:/run/docker.sock", ("local-socket", "peer-gone")),
        (Caller(uid=0, exe="/x", login_uid=1, ssh="192.0.2.9"), "unix:/s", ("local-socket",)),
        (
            Caller(uid=0, exe="/x", login_uid=1, command=("docker", "system", "dial-stdio")),
            "unix:/s",
            ("local-socket", "via-ssh"),
        ),
        (Caller(uid=0, exe="/x", container=ID), "unix:/s", ("inside-container", "local-socket", "no-login")),
        (Caller(), "plugin", ()),
        (Caller(), "tls:127.0.0.1:2376", ()),
    ],
)
def test_traits(caller: Caller, listener: str, traits: tuple[str, ...]) -> None:
    assert one(record(caller, listener=listener)).traits == traits


def test_addresses_and_credentials() -> None:
    shown = Certificate(subject="CN=ci", names=("ci",), fingerprint="ab" * 32)
    found = one(record(Caller(certificate=shown, address="192.0.2.7:40112"), listener="tls:0.0.0.0:2376"))
    assert (found.address, found.credential, found.claimed) == ("192.0.2.7", "ab" * 6, None)
    assert one(record(Caller(uid=0, ssh="192.0.2.9"))).claimed == "192.0.2.9"


def test_what_lasts_is_one_activity() -> None:
    logs: dict[str, Any] = {"target": "/containers/web/logs?follow=1"}
    begun, done = record(phase="begun", **logs), record(**logs, bytes_out=9999)
    assert [each.outcome for each in read(SOURCE, begun + done)[0]] == ["answered"]
    assert read(SOURCE, begun + done)[0][0].id == one(done).id
    # Of an answer that has not begun either, its end is waited for.
    early = record(phase="begun", status=None, **logs)
    assert [(each.outcome, each.disclosed) for each in read(SOURCE, early + done)[0]] == [("answered", 300 + 9699)]
    assert one(early).outcome == "unknown"


def test_waiting_has_its_bounds() -> None:
    data = b"".join(record(phase="begun", status=None, id=f"a-{number}") for number in range(1100))
    found, tally = read(SOURCE, data)
    assert (len(found), tally.kept) == (1100, 1100)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"hello", "not-a-gate-record"),
        (b'{"schema":"tidewaiter.gate/2"}', "not-a-gate-record"),
        (record().replace(b"2026-11-23T", b"yesterday "), "no-time"),
    ],
)
def test_unreadable_lines_are_counted(data: bytes, reason: str) -> None:
    found, tally = read(SOURCE, record() + data)
    assert len(found) == 1
    assert [(place.line, place.reason) for place in tally.places] == [(2, reason)]


def test_lost_records_are_told() -> None:
    found, tally = read(SOURCE, lost_line(12, AT) + lost_line(3, AT))
    assert (found, tally.notes) == ([], {"gate-lost": 15})


def test_sniffs_its_own_lines_only() -> None:
    assert sniff([record(), lost_line(1, AT), b"x"]) == 2
    others = [*DATA.glob("*.jsonl"), *DATA.glob("*.log")]
    named = {path.name for path in others if sniff(path.read_bytes().splitlines()[:50])}
    assert named == {"docker_gate.jsonl"}


_VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.text(max_size=3), max_size=2)


@given(st.dictionaries(st.sampled_from(list(json.loads(record()))), _VALUES | st.dictionaries(st.text(), _VALUES)))
def test_survives_records_that_are_wrong(wrong: dict[str, Any]) -> None:
    broken = json.loads(record()) | wrong | {"schema": "tidewaiter.gate/1"}
    caller = json.loads(record()) | {"caller": wrong}
    assert_survives(SOURCE, b"\n".join(json.dumps(each).encode() for each in (broken, caller)))


def test_a_reader_forgets_what_ended() -> None:
    reader = DockerGateReader(Tally("x"))
    for number in range(5):
        for phase in ("begun", "done"):
            list(reader.feed(Block(record(id=f"a-{number}", phase=phase), 0, 1)))
    assert not reader._told
