"""What the command line and the environment may say. Only the edge of the program reads the environment.

Variables: `NO_COLOR` (https://no-color.org), `TIDEWAITER_LANG` (en or ru), `TIDEWAITER_NO_NATIVE` (any value: read
without the optional native libraries; findings are the same).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from tidewaiter.errors import ConfigError

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of the environment that matter."""

    language: str
    colour: bool  # may be used, if the output is a terminal
    native: bool


def environment(variables: Mapping[str, str]) -> Environment:
    """Read the variables; an unknown language is English."""
    language = variables.get("TIDEWAITER_LANG") or variables.get("LC_ALL") or variables.get("LANG") or "en"
    return Environment(
        language="ru" if language.lower().startswith("ru") else "en",
        colour=not variables.get("NO_COLOR") and variables.get("TERM") != "dumb",
        native=not variables.get("TIDEWAITER_NO_NATIVE"),
    )


def moment(text: str, now: datetime, *, where: str) -> datetime:
    """Read a time: RFC 3339 or a date (UTC when no zone is given), or a span back from now such as 36h or 7d."""
    try:
        if text[-1:] in _UNITS and text[:-1].isdecimal():
            return now - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as problem:  # overflow: a span that ends before the year 1
        raise ConfigError(
            f"not a time: {text!r}",
            where=where,
            hint="write 2026-11-23, 2026-11-23T02:00:00Z, or a span back from now such as 36h",
        ) from problem
    return found if found.tzinfo else found.replace(tzinfo=UTC)
