"""Reads the times that log records carry. Every function gives UTC, or None when the text is no time with a zone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}
_CLF = re.compile(r"(\d{2})/([A-Z][a-z]{2})/(\d{4}):(\d{2}):(\d{2}):(\d{2})(?:\.\d+)? ([+-])(\d{2})(\d{2})\Z", re.ASCII)
_NUMBER = re.compile(r"\d{1,19}(?:\.\d{1,9})?\Z", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))  # from this value on it counts nano-, micro-, milliseconds
_TIME_KEYS = ("ts", "time", "timestamp", "at", "@timestamp")


def rfc3339(text: str) -> datetime | None:
    """Read `2026-11-23T09:21:54.808478110Z`, to the microsecond; a time without a zone is refused."""
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):  # the latter: year 1 or 9999 moved by its zone
        return None


def common_log(text: str) -> datetime | None:
    """Read `23/Nov/2026:09:25:52 +0000`, the time of the Common Log Format."""
    found = _CLF.match(text)
    if found is None or found[2] not in _MONTHS:
        return None
    zone = timedelta(hours=int(found[8]), minutes=int(found[9]))
    try:
        at = datetime(
            int(found[3]), _MONTHS[found[2]], int(found[1]), int(found[4]), int(found[5]), int(found[6]),
            tzinfo=timezone(-zone if found[7] == "-" else zone),
        )  # fmt: skip
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def epoch(value: float | str) -> datetime | None:
    """Read seconds since 1970, or milli-, micro- or nanoseconds, told apart by size."""
    if isinstance(value, str):
        if not _NUMBER.match(value):
            return None
        value = float(value)
    unit = next((unit for least, unit in _UNITS if value >= least), 1.0)
    try:
        return _EPOCH + timedelta(microseconds=round(value / unit * 1e6)) if value > 0 else None
    except (ValueError, OverflowError):
        return None


def any_time(value: object) -> datetime | None:
    """Read a time of any of these forms."""
    if isinstance(value, str):
        return epoch(value) or rfc3339(value) or common_log(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return epoch(value)
    return None


def time_of(record: Mapping[str, object], keys: tuple[str, ...] = _TIME_KEYS) -> datetime | None:
    """Give the first time that a record holds under one of these keys."""
    for key in keys:
        at = any_time(record.get(key))
        if at is not None:
            return at
    return None
