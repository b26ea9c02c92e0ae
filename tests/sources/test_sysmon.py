from __future__ import annotations

from pathlib import Path

from claims import claims
from golden import check_golden
from reading import as_json_lines, read

from tidewaiter.sources.sysmon import SOURCE, sniff

DATA = Path(__file__).parent.parent / "data"


def test_golden() -> None:
    data = (DATA / "events" / "sysmon_linux.log").read_bytes()
    found, tally = read(SOURCE, data)
    assert (tally.records, tally.unreadable, tally.notes) == (7, 0, {})
    check_golden(DATA / "events" / "sysmon_linux.log.golden.jsonl", as_json_lines(found))


def test_it_claims_its_own_lines_only() -> None:
    assert claims(sniff) == {"events/sysmon_linux.log": 7}
