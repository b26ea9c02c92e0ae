from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tidewaiter.config import Environment, environment, moment
from tidewaiter.errors import ConfigError

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("variables", "language", "colour", "native"),
    [
        ({}, "en", True, True),
        ({"TIDEWAITER_LANG": "ru"}, "ru", True, True),
        ({"TIDEWAITER_LANG": "RU"}, "ru", True, True),
        ({"TIDEWAITER_LANG": "en", "LANG": "ru_RU.UTF-8"}, "en", True, True),
        ({"TIDEWAITER_LANG": "", "LANG": "ru_RU.UTF-8"}, "ru", True, True),
        ({"LC_ALL": "C", "LANG": "ru_RU.UTF-8"}, "en", True, True),
        ({"TIDEWAITER_LANG": "tlh"}, "en", True, True),
        ({"NO_COLOR": "1"}, "en", False, True),
        ({"NO_COLOR": ""}, "en", True, True),  # no-color.org: when present and not an empty string
        ({"TERM": "dumb"}, "en", False, True),
        ({"TERM": "xterm"}, "en", True, True),
        ({"TIDEWAITER_NO_NATIVE": "1"}, "en", True, False),
    ],
)
def test_environment(variables: dict[str, str], language: str, colour: bool, native: bool) -> None:
    assert environment(variables) == Environment(language=language, colour=colour, native=native)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T02:14:07", datetime(2026, 11, 20, 2, 14, 7, tzinfo=UTC)),
        ("2026-11-20 02:14", datetime(2026, 11, 20, 2, 14, tzinfo=UTC)),
        ("2026-11-20T02:14:07.5Z", datetime(2026, 11, 20, 2, 14, 7, 500_000, tzinfo=UTC)),
        ("2026-11-20T05:14:07+03:00", datetime(2026, 11, 20, 2, 14, 7, tzinfo=UTC)),
        ("90m", NOW - timedelta(minutes=90)),
        ("36h", NOW - timedelta(hours=36)),
        ("7d", NOW - timedelta(days=7)),
        ("2w", NOW - timedelta(days=14)),
        ("0d", NOW),
    ],
)
def test_moment(text: str, expected: datetime) -> None:
    assert moment(text, NOW, where="--since") == expected


def test_a_moment_keeps_its_zone() -> None:
    found = moment("2026-11-20T05:14:07+03:00", NOW, where="--since")
    assert found.tzinfo == timezone(timedelta(hours=3))


@pytest.mark.parametrize(
    "text", ["yesterday", "", "d", "-1d", "1.5h", "7y", "²h", "2026-13-01", "24:00", "99999999999d", "9999999w"]
)
def test_no_moment(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        moment(text, NOW, where="--since")
    assert (caught.value.what, caught.value.where) == (f"not a time: {text!r}", "--since")
    assert caught.value.hint == "write 2026-11-23, 2026-11-23T02:00:00Z, or a span back from now such as 36h"
