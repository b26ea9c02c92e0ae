"""A stand-in for journalctl that writes what a test wants; the real one is in tests/integration."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tailing import Memory, feed_into, running, wait_for

from tidewaiter.service.tails.journald import Journald, Place, arguments
from tidewaiter.settings.tails import JournaldTail

BASE = ["journalctl", "--output=json", "--all", "--follow", "--no-pager", "--quiet"]


@pytest.mark.parametrize(
    ("settings", "place", "by_time", "expected"),
    [
        ({}, None, False, ["--no-tail"]),
        ({"begin": "end"}, None, False, ["--lines=0"]),
        ({}, Place(cursor="s=1;i=2", at="1700000000123456"), False, ["--no-tail", "--after-cursor=s=1;i=2"]),
        ({}, Place(cursor="s=1;i=2", at="1700000000123456"), True, ["--no-tail", "--since=@1700000000"]),
        (
            {"units": ("docker.service",), "matches": ("_UID=0",), "directory": "/j"},
            None,
            False,
            ["--directory=/j", "--no-tail", "--unit=docker.service", "--", "_UID=0"],
        ),
    ],
)
def test_the_command_line(settings: dict[str, Any], place: Place | None, by_time: bool, expected: list[str]) -> None:
    assert arguments(JournaldTail(**settings), place, by_time=by_time) == BASE + expected


# Writes the entries behind the cursor it is given, then does what the test wants.
STAND_IN = """#!{python}
import json, sys, time
at = 1700000000000000
entries = [dict(__CURSOR=f"c{{n}}", __REALTIME_TIMESTAMP=str(at + n), MESSAGE=f"m{{n}}") for n in range(6)]
after = next((a.partition("=")[2] for a in sys.argv if a.startswith("--after-cursor=")), "")
if after == "gone":
    sys.exit("Failed to seek to cursor: Invalid argument")
known = [e["__CURSOR"] for e in entries]
for entry in entries[known.index(after) + 1 if after else 0:][:{most}]:
    print(json.dumps(entry), flush=True)
{then}
"""


def stand_in(folder: Path, *, most: int = 10, then: str = "time.sleep(60)") -> JournaldTail:
    program = folder / "journalctl"
    program.write_text(STAND_IN.format(python=sys.executable, most=most, then=then))
    program.chmod(0o755)
    return JournaldTail(program=str(program))


def messages(journal: Memory) -> list[str]:
    return [json.loads(line)["MESSAGE"] for line in journal.lines("journald")]


def test_entries_come_with_the_cursor_of_the_last_one(tmp_path: Path) -> None:
    journal, settings = Memory(), stand_in(tmp_path)
    feed = feed_into(journal, settings)
    with running(Journald(settings, feed), feed):
        wait_for(lambda: len(messages(journal)) == 6, "all entries")
    assert messages(journal) == [f"m{number}" for number in range(6)]
    assert journal.position("journald") == '{"cursor":"c5","at":"1700000000000005"}'


def test_a_journalctl_that_ends_is_started_again_behind_the_last_entry(tmp_path: Path) -> None:
    journal, settings = Memory(), stand_in(tmp_path, most=2, then="sys.exit('broken')")
    journal.refuse = 1
    feed = feed_into(journal, settings)
    with running(Journald(settings, feed), feed):
        wait_for(lambda: len(messages(journal)) == 6, "all entries")
        wait_for(lambda: "journald-failed" in [one.key for one in feed.board.show().problems], "the problem")
    assert messages(journal) == [f"m{number}" for number in range(6)]
    assert "broken" in feed.board.show().problems[-1].detail


def test_a_cursor_that_is_refused_is_replaced_by_its_time(tmp_path: Path) -> None:
    journal, settings = Memory(), stand_in(tmp_path)
    journal.put("journald", b"", position='{"cursor":"gone","at":"1700000000000000"}')
    feed = feed_into(journal, settings)
    with running(Journald(settings, feed), feed):
        wait_for(lambda: len(messages(journal)) == 6, "all entries")
    assert feed.board.show().counts["cursor-refused"] == 1


def test_the_absence_of_journalctl_is_said() -> None:
    settings = JournaldTail(program="no-such-journalctl")
    feed = feed_into(Memory(), settings)
    with running(Journald(settings, feed), feed):
        wait_for(lambda: feed.board.show().problems, "the problem")
    assert feed.board.show().problems[0].key == "journald-absent"


def test_a_position_that_makes_no_sense_is_said() -> None:
    settings = JournaldTail()
    journal = Memory()
    journal.put("journald", b"", position="{")
    feed = feed_into(journal, settings)
    Journald(settings, feed)
    assert feed.board.show().counts == {"position-unreadable": 1}
