from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import factories
import msgspec
import pytest

from tidewaiter.cli.summarise import summary
from tidewaiter.pipeline import Read, Report
from tidewaiter.sinks.summary import SetAside, SourceSummary, Summary, Unread
from tidewaiter.sources.catalogue import sources
from tidewaiter.sources.contract import Tally, Unreadable

AT = datetime(2026, 6, 1, tzinfo=UTC)
PLANES: dict[str, str] = {source.name: source.plane for source in sources()}
ALL_BLIND = ("no-engine-source", "no-kube-source", "no-host-source", "no-web-source")


def read(path: str, source: str | None, *, records: int = 0, kept: int = 0, day: int | None = None) -> Read:
    tally = Tally(path)
    tally.records, tally.kept = records, kept
    if day is not None:
        tally.saw(AT + timedelta(days=day))
        tally.saw(AT + timedelta(days=day, hours=3))
    return Read(path=path, source=source, why="unknown" if source is None else "50 of 50 lines", tally=tally)


def report(*reads: Read, **over: Any) -> Report:
    return Report(**{"findings": (), "levels": {}, "hidden": 0, "problems": (), "read": reads, **over})


def test_nothing_was_read() -> None:
    found = summary(report(), planes=PLANES)
    assert {way.state for way in found.ways} == {"not"}
    assert msgspec.structs.replace(found, ways=()) == Summary(blind=ALL_BLIND)


def test_files_of_a_source_are_counted_together() -> None:
    found = summary(
        report(
            read("b.log", "kube-audit", records=10, kept=4, day=3),
            read("a.log", "kube-audit", records=5, kept=1, day=1),
            read("c.log", "auditd", records=7),
        ),
        planes=PLANES,
    )
    assert msgspec.structs.replace(found, ways=()) == Summary(
        sources=(
            SourceSummary(source="auditd", files=1, records=7, kept=0),
            SourceSummary(
                source="kube-audit",
                files=2,
                records=15,
                kept=5,
                first=AT + timedelta(days=1),
                last=AT + timedelta(days=3, hours=3),
            ),
        ),
        blind=("no-engine-source", "no-web-source"),
    )


def test_what_could_not_be_read_is_told_with_its_place() -> None:
    bad, aside = read("a.log", "kube-audit", records=3), read("notes.txt", None)
    bad.tally.cannot_read(line=2, offset=40, reason="not-an-event: cut", raw=b"{")
    problem = Unreadable(path="secret", line=0, offset=0, reason="no-access")
    found = summary(report(bad, aside, problems=(problem,)), planes=PLANES)
    assert found.unreadable == 2
    assert found.places == (
        Unread(path="secret", line=0, reason="no-access"),
        Unread(path="a.log", line=2, reason="not-an-event: cut", sample=b"{"),
    )
    assert found.set_aside == (SetAside(path="notes.txt", reason="unknown"),)


def test_places_may_be_fewer_than_what_was_counted() -> None:
    bad = read("a.log", "kube-audit")
    bad.tally.keep_places = 2
    for line in range(5):
        bad.tally.cannot_read(line=line, offset=0, reason="not-an-event")
    found = summary(report(bad), planes=PLANES)
    assert (found.unreadable, len(found.places)) == (5, 2)


def test_what_cannot_be_seen_is_said_once_and_in_order() -> None:
    first, second = read("a.log", "kube-audit"), read("b.log", "kube-audit")
    first.tally.note("kube-reviews-without-body", 3)
    second.tally.note("kube-reviews-without-body")
    blind = tuple(
        Read(path=one.path, source=one.source, why="", tally=one.tally, blind_to=("kube-kubelet-direct",))
        for one in (first, second)
    )
    assert summary(report(*blind), planes=PLANES).blind == (
        "kube-kubelet-direct",
        "kube-reviews-without-body",
        "no-engine-source",
        "no-host-source",
        "no-web-source",
    )


def test_findings_are_counted_by_level() -> None:
    found = tuple(factories.finding(level=level) for level in ("high", "low", "high"))
    told = summary(
        report(findings=found, levels={"high": 2, "low": 1, "info": 9}, hidden=9, covered=found[:2], verdicts=1),
        planes=PLANES,
    )
    assert (told.findings_by_level, told.hidden, told.covered, told.verdicts) == ({"low": 1, "high": 2}, 9, 2, 1)


@pytest.mark.parametrize("source", sorted(PLANES))
def test_every_source_covers_a_plane(source: str) -> None:
    blind = summary(report(read("a.log", source)), planes=PLANES).blind
    assert len(set(blind) & set(ALL_BLIND)) == (4 if PLANES[source] == "cloud" else 3)


def test_what_only_some_files_lack_is_told_with_their_number() -> None:
    some, other = read("a.log", "auditd", records=1), read("b.log", "auditd", records=1)
    some.tally.note("auditd-no-execve", 7)
    for one in (some, other):
        one.tally.note("auditd-no-connect")
    assert summary(report(some, other), planes=PLANES).blind_files == {"auditd-no-execve": 1}
