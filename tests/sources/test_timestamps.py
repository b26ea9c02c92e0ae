from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.sources.timestamps import any_time, common_log, epoch, rfc3339, time_of

AT = datetime(2026, 11, 23, 9, 21, 54, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-11-23T09:21:54Z", AT),
        ("2026-11-23T12:21:54+03:00", AT),
        ("2026-11-23T09:21:54+0000", AT),
        ("2026-11-23T09:21:54.808478999Z", AT.replace(microsecond=808478)),
        ("23/Nov/2026:09:21:54 +0000", AT),
        ("23/Nov/2026:05:51:54 -0330", AT),
        (1795425714, AT),
        ("1795425714", AT),
        (1795425714.25, AT.replace(microsecond=250_000)),
        ("1795425714.250", AT.replace(microsecond=250_000)),
        (1795425714250, AT.replace(microsecond=250_000)),
        ("1795425714250000", AT.replace(microsecond=250_000)),
        (1795425714250000000, AT.replace(microsecond=250_000)),
        ("2026-11-23T09:21:54", None),  # no zone
        ("23/Foo/2026:09:21:54 +0000", None),
        ("31/Feb/2026:09:21:54 +0000", None),
        ("23/Nov/2026:09:21:54 +9900", None),
        ("0001-01-01T00:00:00+10:00", None),
        ("yesterday", None),
        (0, None),
        (-5, None),
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        ([1], None),
        (None, None),
    ],
)
def test_reads_times_of_every_form(value: object, at: datetime | None) -> None:
    assert any_time(value) == at


def test_takes_the_first_time_of_a_record() -> None:
    assert time_of({"time": "nonsense", "timestamp": 1795425714}) == AT
    assert time_of({"when": 1795425714}) is None
    assert time_of({"when": 1795425714}, ("when",)) == AT


@given(st.text())
def test_text_never_raises(text: str) -> None:
    for read in (rfc3339, common_log, epoch, any_time):
        read(text)


@given(st.floats() | st.integers())
def test_numbers_never_raise(value: float) -> None:
    any_time(value)
