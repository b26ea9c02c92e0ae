"""Times of records that carry no date: a time of day, or a time since the machine started.

Such records are put on the first days of 1970, which nobody takes for the truth; the input says so in its notes
(`host-no-date`). What matters within one input, order and distance, is kept.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OF_DAY = re.compile(r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?\Z", re.ASCII)
_HALF_A_DAY = timedelta(hours=12)
_LONGEST_UPTIME = 10**17  # nanoseconds: three years; from there on it is a count since 1970
_SHORTEST = 10**10  # nanoseconds: below ten seconds, nothing can be told from seconds since 1970


def since_boot(value: object) -> datetime | None:
    """Read nanoseconds since the machine started, the kernel's `timestamp_ns`; None for any other number."""
    if isinstance(value, bool) or not isinstance(value, int) or not _SHORTEST <= value < _LONGEST_UPTIME:
        return None
    return _EPOCH + timedelta(microseconds=value // 1000)


class Clock:
    """Reads the times of day of one input, one after the other, and counts the midnights between them."""

    def __init__(self) -> None:
        self._day = 0
        self._last = timedelta()

    def read(self, text: str) -> datetime | None:
        """Give the time on the days from 1 January 1970 on; None when the text is no time of day."""
        found = _OF_DAY.match(text)
        if found is None:
            return None
        fraction = (found[4] or "").ljust(6, "0")[:6]
        of_day = timedelta(
            hours=int(found[1]), minutes=int(found[2]), seconds=int(found[3]), microseconds=int(fraction)
        )
        # Records of several processors come out of order by a little; only a leap back of half a day is a new day.
        if self._last - of_day > _HALF_A_DAY:
            self._day += 1
        self._last = of_day
        return _EPOCH + timedelta(days=self._day) + of_day
