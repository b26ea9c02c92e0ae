from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from reading import as_json_lines, assert_survives, read

from tidewaiter.model import Activity, Actor, Origin
from tidewaiter.sources.socket_proxy import SOURCE, sniff

DATA = Path(__file__).parent.parent / "data" / "engine"
ID = "a7d7ebe82dba" + "4" * 52
PEER = {
    "pid": 7, "uid": 1012, "gid": 1012, "user": "ci", "auid": 1012, "exe": "/usr/bin/docker",
    "cmdline": ["docker", "ps", "-f", "name=a b"], "cgroup": "0::/user.slice",
}  # fmt: skip
BASE = {
    "ts": 1795425714.5,
    "rl": "GET /v1.41/containers/json HTTP/1.1",
    "ua": "Docker-Client/28.2.2 (linux)",
    "status": 200,
    "rlen": "3",
}


def record(peer: dict[str, Any] | None = None, **more: Any) -> bytes:
    return json.dumps(BASE | {"peer": PEER | (peer or {})} | more).encode()


def one(line: bytes) -> Activity:
    found, tally = read(SOURCE, line)
    assert (len(found), tally.records, tally.unreadable) == (1, 1, 0)
    return found[0]


def test_golden() -> None:
    found, tally = read(SOURCE, (DATA / "socket_proxy.jsonl").read_bytes())
    assert tally.unreadable == 0
    check_golden(DATA / "socket_proxy.jsonl.golden.jsonl", as_json_lines(found))


def test_a_request_in_normal_form() -> None:
    found = one(record())
    assert found == Activity(
        id=found.id,
        at=found.at,
        actor=Actor(kind="host-user", name="ci", realm="host"),
        plane="engine",
        verb="list",
        kind="containers",
        resource_class="workload",
        scope="everything",
        outcome="answered",
        disclosed=3,
        tool="docker-client/28.2",
        text="GET /v1.41/containers/json (docker ps -f 'name=a b')",
        traits=("local-socket",),
        origin=Origin(source="socket-proxy", path="golden.log", line=1, offset=0),
    )
    assert found.at.isoformat() == "2026-11-23T09:21:54.500000+00:00"


@pytest.mark.parametrize(
    ("peer", "kind", "name", "traits"),
    [
        ({}, "host-user", "ci", ()),
        ({"user": None}, "host-user", "uid 1012", ()),
        ({"uid": 0, "user": "root", "login_user": "olga", "auid": 1011}, "host-user", "olga", ()),
        ({"uid": 0, "user": "root", "auid": 1011}, "host-user", "root", ()),  # nobody said who 1011 is
        ({"auid": None}, "host-user", "ci", ("no-login",)),
        ({"auid": 4294967295}, "host-user", "ci", ("no-login",)),
        ({"auid": None, "exe": None, "cmdline": None}, "host-user", "ci", ("peer-gone",)),
        ({"cgroup": f"9:name=systemd:/docker/{ID}"}, "container", ID[:12], ("inside-container",)),
        ({"cgroup": f"0::/system.slice/docker-{ID}.scope"}, "container", ID[:12], ("inside-container",)),
        ({"cgroup": f"0::/kubepods.slice/cri-containerd-{ID}.scope"}, "container", ID[:12], ("inside-container",)),
        ({"cgroup": [f"4:cpu:/kubepods/besteffort/pod1/{ID}", "0::/"]}, "container", ID[:12], ("inside-container",)),
        ({"cgroup": f"0::/docker/{ID[:30]}"}, "host-user", "ci", ()),
        ({"uid": "x", "user": 7}, "unknown", "unknown uid", ()),
    ],
)  # fmt: skip
def test_says_who_called(peer: dict[str, Any], kind: str, name: str, traits: tuple[str, ...]) -> None:
    found = one(record(peer))
    assert (found.actor.kind, found.actor.name) == (kind, name)
    assert found.traits == tuple(sorted({*traits, "local-socket"}))
    assert found.container == (name if kind == "container" else None)


def test_learns_the_names_of_accounts_from_the_record() -> None:
    lines = [record({"uid": 1011, "auid": 1011, "user": "olga"}), record({"uid": 0, "user": "root", "auid": 1011})]
    assert [found.actor.name for found in read(SOURCE, b"\n".join(lines))[0]] == ["olga", "olga"]


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"record": json.loads(record())}).encode(),
        record(rl=None, method="GET", uri="/v1.41/containers/json"),
        record(rl=None, request="GET /v1.41/containers/json"),
        record(ts=None, time="2026-11-23T09:21:54.5Z"),
        json.dumps({"at": 1795425714500, "r": json.loads(record(ts=None))}).encode(),
    ],
)
def test_finds_the_request_in_other_shapes(line: bytes) -> None:
    found = one(line)
    assert (found.kind, found.actor.name, found.at.isoformat()) == (
        "containers",
        "ci",
        "2026-11-23T09:21:54.500000+00:00",
    )


@pytest.mark.parametrize(
    ("status", "outcome"), [(200, "answered"), ("403", "refused"), (404, "failed"), (None, "unknown")]
)
def test_says_how_it_ended(status: object, outcome: str) -> None:
    assert one(record(status=status)).outcome == outcome


def test_a_probe_is_read_and_not_kept() -> None:
    found, tally = read(SOURCE, record(rl="HEAD /_ping HTTP/1.1"))
    assert (found, tally.records, tally.kept) == ([], 1, 0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (record(ts="soon"), "no-time"),
        (record()[:80], "not-a-proxy-record"),
        (record(rl="", method=7), "not-a-proxy-record"),
        (b'{"peer":{"pid":1}}', "not-a-proxy-record"),
        (b"\x00", "not-a-proxy-record"),
    ],
)
def test_unreadable_lines_are_counted_with_their_place(line: bytes, reason: str) -> None:
    found, tally = read(SOURCE, record() + b"\n" + line + b"\n" + record())
    assert len(found) == 2
    assert [(place.line, place.offset, place.reason) for place in tally.places] == [(2, len(record()) + 1, reason)]


def test_sniffs_its_own_lines_only() -> None:
    assert sniff([record(), b'{"peer":"10.0.0.1","method":"GET","uri":"/"}', b"{}", b"", record()]) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.sampled_from(list(PEER)), JSON), st.dictionaries(st.sampled_from(list(BASE)), JSON))
def test_survives_wrong_types(peer: dict[str, Any], more: dict[str, Any]) -> None:
    assert_survives(SOURCE, record(peer, **more))


@given(st.lists(st.sampled_from([record(), record({"uid": 0})]) | st.binary(max_size=60), max_size=8))
def test_survives_anything(lines: list[bytes]) -> None:
    assert_survives(SOURCE, b"\n".join(lines))
