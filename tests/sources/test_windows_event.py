from __future__ import annotations

from pathlib import Path

import pytest
from claims import claims
from golden import check_golden
from reading import as_json_lines, read

from tidewaiter.sources.windows_event import SOURCE, sniff

DATA = Path(__file__).parent.parent / "data"


@pytest.mark.parametrize("name", ["windows.xml", "windows.jsonl"])
def test_golden(name: str) -> None:
    data = (DATA / "events" / name).read_bytes()
    found, tally = read(SOURCE, data)
    assert (tally.records, tally.unreadable, tally.notes) == (8, 0, {})
    check_golden(DATA / "events" / f"{name}.golden.jsonl", as_json_lines(found))


def test_one_event_has_one_identity_in_every_shape() -> None:
    xml, _ = read(SOURCE, (DATA / "events" / "windows.xml").read_bytes())
    json, _ = read(SOURCE, (DATA / "events" / "windows.jsonl").read_bytes())
    with_number = [one for one in json if one.origin.line != 7]  # Microsoft Sentinel leaves the record's number out
    assert {one.id for one in with_number} <= {one.id for one in xml}


def test_raw_events_of_maxpatrol_are_read_and_nothing_is_found() -> None:
    found, tally = read(SOURCE, (DATA / "events" / "pt_eventlog.jsonl").read_bytes())
    assert (found, tally.records, tally.unreadable, tally.notes) == ([], 3, 0, {"windows-no-pipes": 1})


def test_it_claims_its_own_lines_only() -> None:
    assert claims(sniff) == {"events/windows.xml": 8, "events/windows.jsonl": 8, "events/pt_eventlog.jsonl": 3}
