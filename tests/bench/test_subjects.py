from __future__ import annotations

from random import Random

import pytest

from bench.subjects import (
    Range,
    audit_events,
    count_lines,
    envelopes,
    events_named,
    formats,
    listed,
    log_of,
    xml_events,
)
from tidewaiter.sources.catalogue import sources
from tidewaiter.sources.contract import Block, Tally
from tidewaiter.sources.envelope.layers import wrappers


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - no secret


EVENT = b"type=SYSCALL msg=audit(1.2:3): arch=c000003e"


def test_every_format_and_every_wrapper_takes_part() -> None:
    """A new one without a sample in tests/data (or a writer in tests/wrapped.py) fails here."""
    assert {one.name for one in formats() if one.seeds} == {source.name for source in sources()}
    assert {one.name.partition(" ")[0] for one in envelopes() if one.seeds} == {one.name for one in wrappers()}


def test_seeds_are_sound() -> None:
    unread = {}
    for one in (*formats(), *envelopes()):
        tally = Tally("x")
        fed = one.fed(tally)
        items = [*fed.feed(Block(b"\n".join(one.seeds) + b"\n", 0, 1)), *fed.finish()]
        unread[one.name] = (tally.unreadable, len(items) > 0)
    silent = {"auditd-items"}  # nothing in its samples looks into containers
    assert {name for name, (_, told) in unread.items() if not told} == silent
    undated = {"falco": 1, "gke-log-entry": 2}  # real records without a time
    assert {name: number for name, (number, _) in unread.items() if number} == undated


@pytest.mark.parametrize(
    ("lines", "given"),
    [
        ([b"a", b"", b" \r", b"b"], Range(2, 2)),
        ([], Range(0, 0)),
    ],
)
def test_one_record_a_line(lines: list[bytes], given: Range) -> None:
    assert count_lines(lines) == given


@pytest.mark.parametrize(
    ("line", "number"),
    [
        (b'{"kind":"EventList","items":[1,2,3]}', 3),
        (b'{"kind":"EventList","items":[]}', 0),
        (b'{"kind":"Event","items":[1,2,3]}', 1),
        (b'{"kind":"EventList","items":7}', 1),
        (b'{"kind":"EventList","items":[', 1),
        (b'{"verb":"list"}', 1),
        (b"", 0),
    ],
)
def test_lists_hold_as_many_as_they_have_items(line: bytes, number: int) -> None:
    most = 1 if line.endswith(b":[]}") else number  # nothing at all may count as broken
    assert listed(("items",), [line]) == Range(number, most)


@pytest.mark.parametrize(
    ("lines", "given"),
    [
        ([EVENT, EVENT.replace(b"SYSCALL", b"CWD")], Range(1, 1)),
        ([EVENT, b"rubbish"], Range(2, 2)),
        ([EVENT, b"ty pe msg=audit(1.2:3): x"], Range(1, 2)),  # still names its event
        ([EVENT + b" " + EVENT.replace(b":3", b":4")], Range(1, 2)),  # a line end was lost
        ([b"audit: backlog limit exceeded"], Range(0, 0)),
    ],
)
def test_lines_of_an_audit_event_are_one_record(lines: list[bytes], given: Range) -> None:
    assert audit_events(lines) == given


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        ([b"<Events>", b"<Event>a</Event><Event>b", b"c</Event>", b"</Events>"], 2),
        ([b"<Event>a", b"b", b"<Event>c</Event>", b"strange"], 3),
        ([b"<Event>a", b'{"EventID":1}', b"rest</Event>", b"strange"], 3),
    ],
)
def test_starts_of_xml_events_are_records(lines: list[bytes], number: int) -> None:
    assert xml_events(lines) == Range(number, number)


def test_events_are_told_by_their_numbers() -> None:
    assert events_named(EVENT + b" audit(1.2:4)") == {b"3", b"4"}
    assert events_named(b"plain") == {b"plain"}


def test_wrappers_hold_at_least_what_can_be_told() -> None:
    one = next(one for one in envelopes() if one.name == "docker-json-file (text)")
    empty = b'{"log":"\\n","stream":"stdout","time":"2026-09-21T13:33:20.1Z"}'
    assert one.given([empty]) == Range(0, None)
    assert one.given([*one.seeds[:3], empty, b"rubbish", b"", b"\0"]) == Range(4, None)


def test_logs_are_made_from_the_seed() -> None:
    one = next(one for one in formats() if one.name == "falco")
    assert log_of(one, seeded(3), 50) == log_of(one, seeded(3), 50) != log_of(one, seeded(4), 50)


def test_sound_wrappers_say_how_many_records_they_hold() -> None:
    one = next(one for one in envelopes() if one.name == "cri (text)")
    logs = [log_of(one, seeded(seed), 30) for seed in range(6)]
    assert {log.exact is None for log in logs} == {True, False}
    assert all(len(log.lines) == 2 * log.exact for log in logs if log.exact)
