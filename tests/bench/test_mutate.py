from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any

import pytest
from factories import activity

from bench import mutate
from bench.mutate import Counted, blocks, campaign, faults_of, miscounted, run, table
from bench.subjects import Log, Range, Subject, count_lines, formats
from tidewaiter.model import Activity, Origin
from tidewaiter.recognise.pack import packaged
from tidewaiter.sources.contract import Block, Tally
from tidewaiter.sources.linewise import lines


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - no secret


LOG = Log((b"a", b"", b"b", b"c", b"d"))


class Lines:
    """A reader of one record a line; `flaw` says what is wrong with it."""

    def __init__(self, tally: Tally, flaw: str) -> None:
        self._tally = tally
        self._flaw = flaw

    def feed(self, block: Block) -> Iterable[Activity]:
        several = bytes(block.data).count(b"\n") > 1
        for raw, line, offset in lines(block):
            if raw == b"c" and self._flaw == "crash":
                raise KeyError(raw)
            if raw == b"b" and self._flaw == "lost":
                continue
            self._tally.records += 1 + (self._flaw == "twice")
            if self._flaw == "blocks" and several:
                self._tally.note("several")
            if raw == b"d" and self._flaw == "place":
                self._tally.cannot_read(line=99, offset=0, reason="no-time")
            if raw == b"a":
                self._tally.kept += self._flaw != "uncounted"
                text = "\x1b" if self._flaw == "text" else "x"
                at = offset + 10**6 * (self._flaw == "origin")
                yield activity(plane="host", text=text, origin=Origin(source="x", path="x", line=line, offset=at))

    def finish(self) -> Iterable[Activity]:
        return ()


def subject(flaw: str) -> Subject:
    return Subject("lines", {}, (b"a", b"b", b"c", b"d"), lambda tally: Lines(tally, flaw), count_lines)


@pytest.mark.parametrize(
    ("flaw", "what"),
    [
        ("", []),
        ("crash", ["KeyError: b'c'", "KeyError: b'c'", "other activities"]),
        ("lost", ["Range(least=1, most=1) given, counted 0 records"]),
        ("twice", ["counted 2 records", "counted 2 records", "counted 2 records", "counted 2 records"]),
        ("uncounted", ["0 activities counted, 1 given", "0 activities counted, 1 given"]),
        ("blocks", ["by lines (4, 0, 0) {}, by blocks (4, 0, 0) {'several'"]),
        ("place", ["is outside of the log"]),
        ("origin", ["is outside of the log"]),
        ("text", ["text that a terminal would obey"]),
    ],
)
def test_every_flaw_of_a_reader_is_found(flaw: str, what: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Block(b"\n".join(LOG.lines), 0, 1)
    plainly = blocks

    def cut(some: Sequence[bytes], random: Random | None) -> Iterable[Block]:
        return [whole] if random else plainly(some, None)

    monkeypatch.setattr(mutate, "blocks", cut)
    _, failures = run(subject(flaw), LOG, seeded(1), packaged())
    found = [str(failure) for failure in failures]
    if flaw == "crash":  # how much of the block was lost is of no interest
        assert all("KeyError: b'c'" in one for one in found[:2])
        return
    assert [text in one for text, one in zip(what, found, strict=True)] == [True] * len(what), found


def test_the_record_that_failed_is_shown() -> None:
    (failure, *_) = run(subject("lost"), LOG, seeded(1), packaged())[1]
    assert failure.record == b"b\n"


def test_what_became_of_the_records_is_counted() -> None:
    assert run(subject(""), LOG, seeded(1), packaged())[0] == Counted(given=4, read=4, kept=1)


@pytest.mark.parametrize(
    ("given", "sums", "known", "wrong"),
    [
        (Range(1, 1), (1, 0, 0), None, False),
        (Range(1, 1), (0, 1, 0), None, False),
        (Range(1, 1), (0, 0, 1), None, False),
        (Range(1, 1), (1, 1, 0), None, False),  # known to be of the format, but without a time
        (Range(1, 1), (0, 0, 0), None, True),
        (Range(1, 1), (2, 0, 0), None, True),
        (Range(1, 1), (0, 2, 0), None, True),
        (Range(1, 1), (1, 0, 1), None, True),
        (Range(5, 5), (4, 2, 0), 1, False),
        (Range(5, 5), (4, 2, 0), 0, True),
        (Range(5, None), (9, 9, 9), None, False),
        (Range(5, None), (2, 1, 1), None, True),
        (Range(2, 3), (3, 0, 0), 0, False),
    ],
)
def test_counts_that_cannot_be_right(given: Range, sums: tuple[int, int, int], known: int | None, wrong: bool) -> None:
    assert bool(miscounted(given, sums, known)) is wrong


@pytest.mark.parametrize(
    ("over", "what"),
    [
        ({}, []),
        ({"at": datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))}, ["not in UTC"]),
        ({"text": "x" * 3000}, ["text of 3000 characters"]),
        ({"plane": "host", "text": "\x1b[2J"}, ["text that a terminal would obey"]),
        ({"plane": "web", "text": "\x1b[2J"}, []),
        ({"disclosed": 1 << 63}, ["disclosed more than a column holds"]),
        ({"disclosed": -1}, ["disclosed more than a column holds"]),
        ({"name": "\ud800"}, ["UnicodeEncodeError"]),
        ({"verb": "dance"}, ["ValidationError"]),
    ],
)
def test_activities_that_later_stages_cannot_take(over: dict[str, Any], what: list[str]) -> None:
    found = list(faults_of(activity(**over), packaged()))
    assert [text in one for text, one in zip(what, found, strict=True)] == [True] * len(what)


def test_blocks_are_the_log() -> None:
    some = [b"a", b"", b"b" * 50, b"c"] * 40
    for random in (None, seeded(1), seeded(2)):
        cut = list(blocks(some, random))
        assert b"".join(bytes(block.data) for block in cut) == b"\n".join(some)
        for block in cut:
            assert b"\n".join(some)[: block.offset].count(b"\n") == block.line - 1


def test_a_campaign_of_one_format() -> None:
    one = next(one for one in formats() if one.name == "laurel")
    counted, failures, _ = campaign(one, records=100, seed=1, pack=packaged())
    assert failures == []
    assert counted.given == counted.read + counted.unreadable >= 90
    assert min(counted.read, counted.unreadable, counted.kept) > 0


def test_the_table() -> None:
    assert table([("laurel", Counted(1000, 600, 400, 0, 20), 0, 1.4)]).splitlines()[2:] == [
        "| laurel | 1,000 | 600 | 400 | 0 | 20 | 0 | 1 |"
    ]


@pytest.mark.parametrize(
    ("kind", "text", "odd"),
    [
        ("pods", "list /api/v1/pods", False),
        ("pods/exec", "create /api/v1/namespaces/a/pods/b/exec?command=sh", False),
        ("nodes/proxy", "get /api/v1/nodes/a/proxy", False),
        ("pods/", "list /api/v1/pods", True),
        ("namespace//s", "get /api/v1/namespaces/kube-system", True),
        ("namespace/s", "get /api/v1/namespaces/kube-system", True),
        ("a/pods/exec", "create /api/v1/namespaces/a/pods/b/exec", True),
    ],
)
def test_a_slash_in_the_name_of_a_resource_is_told_from_a_subresource(kind: str, text: str, odd: bool) -> None:
    assert mutate._is_odd(activity(kind=kind, text=text)) is odd
