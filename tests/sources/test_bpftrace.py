from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from reading import as_json_lines, assert_survives, read

from tidewaiter.sources.bpftrace import SOURCE, sniff
from tidewaiter.sources.contract import Block, Tally

DATA = Path(__file__).parent.parent / "data"


def line(args: str = "docker ps", *, at: str = "09:21:54", pid: int = 5, more: str = "uid=1012 comm=bash") -> bytes:
    return f"{at} pid={pid} ppid=4 {more} file=/usr/bin/x args={args}\n".encode()


def test_golden() -> None:
    found, tally = read(SOURCE, (DATA / "bpftrace" / "execve.log").read_bytes())
    told = {"records": tally.records, "unreadable": tally.unreadable, "notes": tally.notes}
    check_golden(DATA / "bpftrace" / "execve.log.golden.jsonl", as_json_lines(found) + json.dumps(told) + "\n")


@pytest.mark.parametrize(
    ("args", "gives"),
    [
        ("docker ps", [("list", "docker ps")]),
        ("-bash -c docker ps; id", [("list", "-bash -c 'docker ps; id'")]),
        ("docker exec web sh -c echo docker images", [("exec", "docker exec web sh -c 'echo docker images'")]),
        ("docker ps --filter name=args=x", [("list", "docker ps --filter name=args=x")]),
        ("id -u", []),
        ("", []),
    ],
)
def test_arguments(args: str, gives: list[tuple[str, str]]) -> None:
    found, tally = read(SOURCE, line(args))
    assert [(one.verb, one.text) for one in found] == gives
    assert (tally.records, tally.unreadable) == (1, 0)


@pytest.mark.parametrize(
    ("more", "who", "traits"),
    [
        ("uid=1012 comm=bash", "host-user uid 1012", ()),
        ("uid=33 comm=php-fpm8.2", "host-user uid 33", ("under-web-server",)),
        ("uid=33 comm=nginx: worker", "host-user uid 33", ("under-web-server",)),
        ("cgid=1", "unknown unknown", ()),
    ],
)
def test_who(more: str, who: str, traits: tuple[str, ...]) -> None:
    (found,) = read(SOURCE, line(more=more))[0]
    assert (f"{found.actor.kind} {found.actor.name}", found.traits) == (who, traits)


def test_the_tries_of_one_start_are_one_act() -> None:
    tries = line() + line() + line(pid=6) + line(at="09:21:56") + line("docker images")
    assert [one.origin.line for one in read(SOURCE, tries)[0]] == [1, 3, 4, 5]


@pytest.mark.parametrize(
    ("at", "shown", "notes"),
    [
        ("09:21:54", "1970-01-01T09:21:54+00:00", {"host-no-date": 1}),
        ("09:21:54.25", "1970-01-01T09:21:54.250000+00:00", {"host-no-date": 1}),
        ("2026-11-23T09:21:54Z", "2026-11-23T09:21:54+00:00", {}),
        ("2026-11-23 10:21:54+0100", "2026-11-23T09:21:54+00:00", {}),
    ],
)
def test_times(at: str, shown: str, notes: dict[str, int]) -> None:
    found, tally = read(SOURCE, line(at=at) + line(at=at, pid=6))
    assert ([one.at.isoformat() for one in found], tally.notes) == ([shown, shown], notes)


def test_the_time_of_a_wrapper_is_better_than_none() -> None:
    tally = Tally("x.log")
    tally.time_of_line = {1: datetime(2026, 11, 23, 9, 21, 54, tzinfo=UTC)}.get
    (found,) = SOURCE.reader(tally).feed(Block(line(), 0, 1))
    assert (found.at.isoformat(), tally.notes) == ("2026-11-23T09:21:54+00:00", {})


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"rubbish", "not-an-event"),
        (b"09:21:54 ppid=1 args=docker ps", "not-an-event"),
        (b"09:21:54 pid=1 uid=0", "not-an-event"),
        (line(at="29:21:54").strip(), "no-time"),
        (line(at="2026-13-23T09:21:54Z").strip(), "no-time"),
        (b"09:21:54 pid=1 args=" + b"x" * (1 << 20), "not-an-event"),
    ],
)
def test_bad_lines_are_counted_with_their_place(raw: bytes, reason: str) -> None:
    found, tally = read(SOURCE, b"Attaching 1 probe...\n" + line() + raw + b"\n\n" + line(pid=6))
    (place,) = tally.places
    assert (len(found), place.line, place.offset, place.reason) == (2, 3, 21 + len(line()), reason)


@given(st.text(max_size=20), st.text(max_size=20), st.binary(max_size=20))
def test_odd_shapes_are_counted_never_raised(args: str, more: str, tail: bytes) -> None:
    assert_survives(SOURCE, line(args, more=more) + line(f"sh -c {args}") + tail)


def test_sniff() -> None:
    lines = (DATA / "bpftrace" / "execve.log").read_bytes().splitlines()
    audit = b'type=EXECVE msg=audit(1.1:1): argc=1 a0="id" pid=5 args=x'
    assert sniff([*lines, b"", audit, b"09:21:54 some pid=5 args=x"]) == len(lines) - 1


def test_a_name_may_hold_blanks_and_even_a_hostile_one_takes_no_time() -> None:
    (found,) = read(SOURCE, line(more="uid=33 comm=nginx: worker  process"))[0]
    assert found.traits == ("under-web-server",)
    began = time.process_time()
    found_none, tally = read(SOURCE, line("x", more="uid=33 comm=a" + " " * 200_000 + "b"))
    assert (found_none, tally.records, time.process_time() - began < 1) == ([], 1, True)
