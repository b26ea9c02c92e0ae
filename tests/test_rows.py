from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from factories import activity

from tidewaiter.recognise.pack import packaged
from tidewaiter.rows import Rows
from tidewaiter.store import Context, Store

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)


def test_what_differs_in_time_only_is_one_context_and_each_is_told_of_once() -> None:
    told: list[Context] = []
    with Store() as store:
        rows = Rows(store, packaged(), told=told.append)
        first = rows.of([activity(at=NOON, kind="pods", scope="everything")])
        again = rows.of([activity(at=NOON + timedelta(hours=1), kind="pods", scope="everything")])
        other = rows.of([activity(at=NOON, kind="nodes", scope="everything")])
    assert [row.context for row in (*first, *again, *other)] == [1, 1, 2]
    assert [context.context for context in told] == [1, 2]


def test_what_comes_for_thin_days_is_counted_as_late(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.script("UPDATE horizon SET day = $day", {"day": NOON.date()})
    with Store(tmp_path) as store:
        rows = Rows(store, packaged())
        late = activity(at=NOON - timedelta(days=2), kind="pods", scope="everything")
        assert len(rows.of([late, activity(at=NOON, kind="pods", scope="everything")])) == 2
        assert rows.late == 1
