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

from tidewaiter.sources.contract import Block, Tally
from tidewaiter.sources.proc_connector import SOURCE, sniff

DATA = Path(__file__).parent.parent / "data"
PS = {"ts": 2470933743338, "pid": 5, "uid": "1012", "auid": "1012", "argv": ["docker", "ps"]}


def line(**over: Any) -> bytes:
    return json.dumps({**PS, **over}).encode() + b"\n"


def test_golden() -> None:
    found, tally = read(SOURCE, (DATA / "proc_connector" / "exec.jsonl").read_bytes())
    told = {"records": tally.records, "unreadable": tally.unreadable, "notes": tally.notes}
    check_golden(DATA / "proc_connector" / "exec.jsonl.golden.jsonl", as_json_lines(found) + json.dumps(told) + "\n")


@pytest.mark.parametrize(
    ("over", "who", "traits"),
    [
        ({}, "host-user uid 1012 host", ()),
        ({"host": "web7"}, "host-user uid 1012 web7", ()),
        ({"uid": 0}, "host-user uid 1012 host", ()),
        ({"user": "ci"}, "host-user ci host", ()),
        ({"uid": 0, "user": "root", "login_user": "ci"}, "host-user ci host", ()),
        ({"auid": 4294967295, "user": "ci"}, "host-user ci host", ("no-login",)),
        ({"auid": "4294967295", "uid": "33"}, "host-user uid 33 host", ("no-login",)),
        ({"auid": "-1", "container": "45dd76eff80f"}, "container 45dd76eff80f host", ("inside-container", "no-login")),
        ({"parent": "apache2"}, "host-user uid 1012 host", ("under-web-server",)),
    ],
)  # fmt: skip
def test_who(over: dict[str, Any], who: str, traits: tuple[str, ...]) -> None:
    (found,) = read(SOURCE, line(**over))[0]
    assert (f"{found.actor.kind} {found.actor.name} {found.actor.realm}", found.traits) == (who, traits)


@pytest.mark.parametrize(
    ("raw", "texts", "notes"),
    [
        (line(ts="2026-11-23T09:21:54Z"), ["docker ps"], {}),
        (line(), ["docker ps"], {"host-no-date": 1}),
        (line() + line(pid=6), ["docker ps"] * 2, {"host-no-date": 1}),
        (line() + line(ts=PS["ts"] + 5_000_000), ["docker ps"], {"host-no-date": 1}),  # type: ignore[operator]
        (line(argv=None, ts=1795425714.8), [], {"host-no-arguments": 1}),
        (line(argv=[], ts=1795425714.8), [], {"host-no-arguments": 1}),
        (line(argv=["id"], ts=1795425714.8), [], {}),
        (json.dumps({"record": PS, "label": "x"}).encode(), ["docker ps"], {"host-no-date": 1}),
        (line(loginuid=5), ["docker ps"], {"host-no-date": 1}),
    ],
)
def test_records(raw: bytes, texts: list[str], notes: dict[str, int]) -> None:
    found, tally = read(SOURCE, raw)
    assert ([one.text for one in found], tally.notes, tally.unreadable) == (texts, notes, 0)


def test_the_time_of_a_wrapper_is_better_than_none() -> None:
    tally = Tally("x.log")
    tally.time_of_line = {1: datetime(2026, 11, 23, 9, 21, 54, tzinfo=UTC)}.get
    (found,) = SOURCE.reader(tally).feed(Block(line(), 0, 1))
    assert (found.at.isoformat(), tally.notes) == ("2026-11-23T09:21:54+00:00", {})


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"rubbish", "not-an-event"),
        (b"{}", "not-an-event"),
        (line(argv="docker ps").strip(), "not-an-event"),
        (b'{"pid":5,"uid":0,"argv":[],"ts":1}', "not-an-event"),
        (line(ts="soon").strip(), "no-time"),
    ],
)
def test_bad_lines_are_counted_with_their_place(raw: bytes, reason: str) -> None:
    found, tally = read(SOURCE, line() + raw + b"\n\n" + line(pid=6))
    (place,) = tally.places
    assert (len(found), place.line, place.offset, place.reason) == (2, 2, len(line()), reason)


PLAIN = st.none() | st.integers() | st.text(max_size=4) | st.lists(st.text(max_size=3), max_size=2) | st.booleans()


@given(st.dictionaries(st.sampled_from([*PS, "user", "exe", "container"]), PLAIN), st.binary(max_size=20))
def test_odd_shapes_are_counted_never_raised(over: dict[str, Any], tail: bytes) -> None:
    assert_survives(SOURCE, line(**over) + json.dumps({"a": {**PS, **over}}).encode() + b"\n" + tail)


def test_sniff() -> None:
    lines = (DATA / "proc_connector" / "exec.jsonl").read_bytes().splitlines()
    proxy = (DATA / "engine" / "socket_proxy.jsonl").read_bytes().splitlines()
    assert sniff([*lines, *proxy, b"", b'{"pid":5,"argv":["id"]}']) == len(lines)
