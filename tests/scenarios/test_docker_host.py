"""One scripted run on a Docker host, seen by several sensors: the text of a command is no command.

The labelled recording is beside the project (`../shared/data`); where it is not, this is skipped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import pytest
from whole import SHARED, report

from tidewaiter.findings.judge import at_least
from tidewaiter.pipeline import intake
from tidewaiter.recognise.pack import packaged
from tidewaiter.store import Store

HOST = SHARED / "docker" / "host"
pytestmark = pytest.mark.skipif(not HOST.is_dir(), reason=f"no labelled data at {HOST}")
_EVENT = re.compile(r'(?:audit\(|"ID":")(\d+\.\d+:\d+)')
# The log, and the labels of its events.
AUDIT = {
    "audit_raw.log": "audit_raw.labels.jsonl",
    "audit_enriched_run2.log": "audit_enriched_run2.labels.jsonl",
    "audit_laurel.jsonl": "audit_raw.labels.jsonl",
}
DAEMON = {
    "dockerd_debug.log": "dockerd_debug.labels.jsonl",
    "dockerd_journal_run2.jsonl": "dockerd_journal_run2.labels.jsonl",
}


def records(name: str) -> Iterator[dict[str, str]]:
    with (HOST / name).open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


@cache
def label_of_line(log: str) -> dict[int, str]:
    """Give the label of each labelled line of a log."""
    if log in DAEMON:
        return {int(one["line"]): one["label"] for one in records(DAEMON[log]) if one.get("label")}
    by_event = {one["event_id"]: one["label"] for one in records(AUDIT[log])}
    text = (HOST / log).read_text(encoding="utf-8", errors="replace").split("\n")
    events = ((number, _EVENT.search(line)) for number, line in enumerate(text, 1))
    return {number: by_event[found[1]] for number, found in events if found and found[1] in by_event}


class Seen(NamedTuple):
    """What was made of a line."""

    line: int
    verb: str
    kind: str
    role: str


def seen_in(log: str) -> list[Seen]:
    """Give every line of which some rule says something."""
    with Store() as store:
        intake([str(HOST / log)], store=store, pack=packaged())
        store.settle()
        return [Seen(*row) for row in store.rows("SELECT line, verb, kind, role FROM activity ORDER BY line, id")]


# `docker exec web sh -c "echo docker images"` does run a program in a container, and asks for nothing else: this is
# what its client does for it.
EXEC = {
    "audit": {("exec", "containers", "context"), ("connect", "socket", "evidence")},
    "daemon": {
        ("get", "containers", "evidence"),
        ("exec", "containers", "context"),
        ("exec", "exec-sessions", "context"),
        ("get", "exec-sessions", "evidence"),
    },
}


@pytest.mark.parametrize("log", [*AUDIT, *DAEMON])
def test_what_only_looks_like_a_listing_is_none(log: str) -> None:
    labels = label_of_line(log)
    seen = seen_in(log)
    alike = {(one.verb, one.kind, one.role) for one in seen if labels.get(one.line) == "lookalike"}
    assert alike == EXEC["audit" if log in AUDIT else "daemon"]
    assert sum(labels.get(one.line) == "malicious" and one.role != "context" for one in seen) > 30


@pytest.mark.parametrize(
    ("log", "loud"),
    [
        ("audit_raw.log", ["uid 1014", "uid 33", "uid 1004"]),
        ("audit_enriched_run2.log", ["tomas", "www-data", "bob"]),
        ("audit_laurel.jsonl", ["uid 1014", "uid 33", "uid 1004"]),
    ],
)
def test_the_intruders_are_those_at_medium_or_above(log: str, loud: list[str]) -> None:
    """A colleague with a shell, a web server, a user with curl. One docker ps of an account among others is no more."""
    found = report(HOST / log, persona="regular").findings
    assert [one.actor.name for one in found if at_least(one.level, "medium")] == loud


def test_users_of_every_day_stay_below() -> None:
    """The CI account and the metrics agent list containers all day; on their first day they are new, not alarming."""
    found = report(HOST / "audit_enriched_run2.log").findings
    levels = {one.actor.name: one.level for one in found if one.actor.name in {"ci", "monitor", "olga", "root"}}
    assert levels == {"ci": "low", "monitor": "low", "olga": "info", "root": "info"}
