from __future__ import annotations

from datetime import UTC, datetime, timedelta

import factories

from tidewaiter.sources.contract import SAMPLE_BYTES, Occurrence, Tally, Unreadable

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_counts_every_unreadable_piece_and_keeps_the_first_places() -> None:
    tally = Tally("a.log")
    tally.keep_places = 2
    for line in (3, 5, 9):
        tally.cannot_read(line=line, offset=line * 10, reason="not-an-event: x", raw=memoryview(b"y" * 1000))
    assert (tally.unreadable, tally.records, tally.kept) == (3, 0, 0)
    assert tally.places == [
        Unreadable(path="a.log", line=3, offset=30, reason="not-an-event: x", sample=b"y" * SAMPLE_BYTES),
        Unreadable(path="a.log", line=5, offset=50, reason="not-an-event: x", sample=b"y" * SAMPLE_BYTES),
    ]


def test_widens_the_time_span_in_any_order() -> None:
    tally = Tally("a.log")
    assert (tally.first, tally.last) == (None, None)
    for minutes in (5, 1, 9, 5):
        tally.saw(NOON + timedelta(minutes=minutes))
    assert (tally.first, tally.last) == (NOON + timedelta(minutes=1), NOON + timedelta(minutes=9))


def test_counts_notes() -> None:
    tally = Tally("a.log")
    tally.note("kube-no-verb")
    tally.note("kube-no-verb", 4)
    tally.note("nul-gap")
    assert tally.notes == {"kube-no-verb": 5, "nul-gap": 1}


def test_an_occurrence_is_its_template_at_a_time_and_place() -> None:
    template = factories.activity(id="", text="", origin=factories.origin(line=0, offset=0))
    found = Occurrence(template, "an-id", NOON, "list /api/v1/pods", 7, 99).activity()
    assert found == factories.activity(
        id="an-id", at=NOON, text="list /api/v1/pods", origin=factories.origin(line=7, offset=99)
    )
