from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tidewaiter.sources.undated import Clock, since_boot


@pytest.mark.parametrize(
    ("value", "at"),
    [
        (2470933743338, datetime(1970, 1, 1, 0, 41, 10, 933743, tzinfo=UTC)),
        (10**10, datetime(1970, 1, 1, 0, 0, 10, tzinfo=UTC)),
        (1795425714, None),  # seconds since 1970
        (1795425714808478110, None),  # nanoseconds since 1970
        (1795425714.8, None),
        ("2470933743338", None),
        (True, None),
        (None, None),
    ],
)
def test_since_boot(value: object, at: datetime | None) -> None:
    assert since_boot(value) == at


def test_midnights_are_counted() -> None:
    clock = Clock()
    told = [clock.read(text) for text in ("23:59:58", "23:59:59.5", "00:00:00.25", "00:00:02", "00:00:01", "23:00:00")]
    assert [f"{at:%d %H:%M:%S.%f}" for at in told if at] == [
        "01 23:59:58.000000",
        "01 23:59:59.500000",
        "02 00:00:00.250000",
        "02 00:00:02.000000",
        "02 00:00:01.000000",
        "02 23:00:00.000000",
    ]


@pytest.mark.parametrize("text", ["", "24:00:00", "1:00:00", "10:00", "10:00:00.", "10:00:60", "2026-11-23T10:00:00Z"])
def test_what_is_no_time_of_day(text: str) -> None:
    assert Clock().read(text) is None


def test_a_fraction_is_read_to_the_microsecond() -> None:
    assert Clock().read("10:00:00.123456789") == datetime(1970, 1, 1, 10, 0, 0, 123456, tzinfo=UTC)
