"""Public rules are run by engines that are not ours; here is what we do around them."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from audit_event import line

from bench.public_rules import Alert, RuleScore, _alerts, _database, _lines, flat, scored, shown, sigma, zircolite
from bench.reruns import Recording
from bench.scores import Case

AT = datetime(2026, 6, 1, 8, tzinfo=UTC)


def recording() -> Recording:
    """Line 1 is an attack, line 2 its victim's daily work, lines 3 and 4 are nobody's."""
    lines = [line(auditID=f"r{number}", user={"username": f"u{number // 3}"}) for number in range(1, 5)]
    cases = [
        Case("1", "sweep", "malicious", frozenset({"u0"}), AT, AT + timedelta(days=2)),
        Case("2", "daily", "benign", frozenset({"u0"}), AT, AT),
    ]
    return Recording(lines, {1: "1", 2: "2"}, cases)


def test_a_record_is_flat() -> None:
    assert dict(flat({"a": {"b": 1, "c": [1, "x"]}, "d": None})) == {"a.b": 1, "a.c": "1,x", "d": None}


def test_attacks_and_innocent_alerts_are_counted_apart() -> None:
    alerts = [Alert("r", 1), *(Alert("r", at, loud=False) for at in (1, 2, 3, 4)), Alert("s", 4)]
    made = scored("e", alerts, recording(), rules=2, failed=1)
    # Lines 3 and 4 are one actor within one hour: one alert of each rule.
    assert made == RuleScore(
        engine="e", rules=2, failed=1, attacks=1, attacks_loud=1, of=1, innocent=3, innocent_loud=1, days=2.0
    )


def test_a_query_gives_lines_and_a_field_that_nobody_has_is_empty() -> None:
    base = _database(recording().lines)
    assert _lines(base, "SELECT * FROM logs WHERE `user.username`='U1'") == [3, 4]
    assert _lines(base, "SELECT * FROM logs WHERE `no.such` IS NULL AND auditID='r2'") == [2]
    assert _lines(base, "SELECT * FROM logs WHERE userAgent REGEXP '^kubectl' AND auditID='r1'") == [1]
    assert _lines(base, """SELECT '["0:2", "0:4"]' AS event_ids""") == [2, 4]
    with pytest.raises(sqlite3.OperationalError):
        _lines(base, "SELECT nonsense FROM nowhere")


def test_matches_of_zircolite_are_found_by_their_request() -> None:
    found = [{"title": "t", "rule_level": "low", "matches": [{"auditID": "r2"}, {"auditID": "other"}, {}]}]
    assert _alerts(found, {"r2": 2}) == [Alert("t", 2, loud=False)]


def test_what_is_not_given_is_said(tmp_path: Path) -> None:
    made = (sigma(None, recording()), zircolite(None, tmp_path, recording()))
    assert shown(made) == (
        "## kubernetes, public rules\n\n"
        "- pySigma sqlite: skipped: no rules given (--sigma DIR)\n"
        "- Zircolite: skipped: no program or no rules given (--zircolite PATH --sigma DIR)\n"
    )


def test_a_program_that_fails_is_said(tmp_path: Path) -> None:
    program = tmp_path / "zircolite.py"
    program.write_text("import sys; sys.exit('no such option')\n", encoding="utf-8")
    assert zircolite(program, tmp_path, recording()).skipped == "it ended with 1: no such option"


def test_a_score_is_a_row() -> None:
    made = RuleScore(
        engine="e", rules=4, failed=1, attacks=2, attacks_loud=1, of=8, innocent=20, innocent_loud=4, days=8.0
    )
    assert "| e | 4 | 1 | 2/8 | 1/8 | 2.5 | 0.5 |" in shown([made])
