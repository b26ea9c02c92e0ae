from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from reading import as_json_lines, assert_survives, read

from tidewaiter.meaning.vocabulary import load, resource_class
from tidewaiter.sources.docker_events import SOURCE, sniff

DATA = Path(__file__).parent.parent / "data" / "engine"
TEXT = b"2026-11-23T09:02:09.387864443+01:00 container top 48de758a5ac3 (image=lab/db:13, name=db)"
ID = "48de758a5ac350992147c2e9b32db650c4df7ea87520fa074649c03c096ccea0"


def event(kind: str = "container", action: str = "top", **more: Any) -> bytes:
    actor = {"ID": ID, "Attributes": {"image": "lab/db:13", "name": "db", **more}}
    return json.dumps(
        {"Type": kind, "Action": action, "Actor": actor, "time": 1, "timeNano": 1795425729387864443}
    ).encode()


@pytest.mark.parametrize("name", ["docker_events.jsonl", "docker_events.log"])
def test_golden(name: str) -> None:
    found, tally = read(SOURCE, (DATA / name).read_bytes())
    assert tally.unreadable == 0
    check_golden(DATA / f"{name}.golden.jsonl", as_json_lines(found))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (event(), ("get", "containers", "db", "container top (db)")),
        (TEXT, ("get", "containers", "db", "container top (db)")),
        (b'{"host":"n1","event":' + event() + b"}", ("get", "containers", "db", "container top (db)")),
        (event(action="export"), ("get", "containers/export", "db", "container export (db)")),
        (event(action="attach"), ("exec", "containers", "db", "container attach (db)")),
        (event(action="exec_create: sh -c id "), ("exec", "containers", "db", "container exec_create: sh -c id (db)")),
        (event(action="create"), ("create", "containers", "db", "container create (db)")),
        (event("image", "save"), ("get", "images/export", "db", "image save (db)")),
        (
            b'{"ID":"48de","Name":"db","Status":"exec","Time":"2026-11-23T09:02:09.3+01:00","Type":"container"}',
            ("exec", "containers", "db", "container exec (db)"),
        ),
        (event(action="start"), None),
        (event("network", "connect"), None),
        (event("daemon", "reload"), None),
    ],
)
def test_one_event(line: bytes, told: tuple[str, ...] | None) -> None:
    found, tally = read(SOURCE, line)
    assert [(one.verb, one.kind, one.name, one.text) for one in found] == ([told] if told else [])
    assert {(one.outcome, one.plane, one.actor.name) for one in found} <= {("answered", "engine", "not recorded")}
    assert (tally.records, tally.unreadable) == (1, 0)


def test_a_program_is_told_once() -> None:
    lines = [event(action=f"{step}: id", execID=one) for one in ("a", "b") for step in ("exec_create", "exec_start")]
    found, _ = read(SOURCE, b"\n".join([*lines, event(action="exec_start: id", execID="c")]))
    assert [one.text for one in found] == [
        "container exec_create: id (db)",
        "container exec_create: id (db)",
        "container exec_start: id (db)",
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (TEXT[:50], "not-an-engine-event"),
        (b"{}", "not-an-engine-event"),
        (b'{"Type":"container","Action":"top","Actor":{}}', "no-time"),
        (b"x" * (2 << 20), "line-too-long"),
    ],
)
def test_unreadable_lines_are_counted_with_their_place(line: bytes, reason: str) -> None:
    found, tally = read(SOURCE, TEXT + b"\n" + line + b"\n" + TEXT.replace(b"09:02", b"09:03"))
    assert len(found) == 2
    assert [(one.line, one.offset, one.reason) for one in tally.places] == [(2, len(TEXT) + 1, reason)]


def test_sniffs_its_own_lines_only() -> None:
    cri = b"2026-11-23T09:02:09.387864443+01:00 stdout F container top a"
    kube = b'{"kind":"Event","apiVersion":"v1","type":"Normal","reason":"Created"}'
    assert sniff([TEXT, event(), cri, kube, b"", b"{}", b"2026-11-23 container top"]) == 2


def test_every_event_has_a_class() -> None:
    kinds = {kind for rows in load("engine_events.yml").values() for _, kind in rows.values()}
    assert {kind for kind in kinds if resource_class(kind) == "custom"} == set()


@given(st.lists(st.sampled_from([TEXT, event()]) | st.binary(max_size=60), max_size=8))
def test_survives_anything(lines: list[bytes]) -> None:
    assert_survives(SOURCE, b"\n".join(lines))


JSON = st.none() | st.booleans() | st.floats() | st.text() | st.dictionaries(st.text(), st.text())


@given(st.dictionaries(st.sampled_from(["Type", "Action", "Actor", "time", "timeNano", "Time", "Status"]), JSON))
def test_survives_wrong_types(more: dict[str, Any]) -> None:
    assert_survives(SOURCE, json.dumps(json.loads(event()) | more).encode())
