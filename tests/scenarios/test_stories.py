"""Benign shapes are verified, not listed: each is quiet while it keeps its shape, and a finding when it breaks it.

Two weeks of a made-up cluster (`fortnight.py`) and of a host (`stories_host.py`); a hunter sees every episode.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from fortnight import EVENT_DAY, Line, habits, moment, written
from stories import STEALTHY, STORIES
from stories_host import HOST_STORIES
from whole import of_files

from tidewaiter.findings.judge import at_least
from tidewaiter.model import Finding
from tidewaiter.pipeline import Report

NAMES = [*STORIES, *HOST_STORIES]


def scanned(log: bytes) -> Report:
    return of_files({"input.log": log})


def loud(report: Report) -> list[Finding]:
    return [one for one in report.findings if at_least(one.level, "medium")]


def told(finding: Finding) -> str:
    surprises = ", ".join(f"{item.measure} {item.bits}" for item in finding.surprises)
    return f"{finding.level} {finding.actor.name} {finding.from_:%d %H:%M}: {finding.headline} ({surprises})"


def actor_of(name: str) -> str:
    return STORIES[name].actor if name in STORIES else HOST_STORIES[name].actor


def measures_of(name: str) -> frozenset[str]:
    return STORIES[name].told if name in STORIES else HOST_STORIES[name].told


@cache
def quiet(name: str) -> Report:
    return scanned(written(STORIES[name].quiet()) if name in STORIES else HOST_STORIES[name].quiet())


def on_event_day(report: Report, actor: str) -> list[Finding]:
    day = moment(EVENT_DAY, "0:00:00").date()
    return [one for one in report.findings if one.actor.name == actor and one.from_.date() == day]


def test_a_fortnight_of_habits_is_quiet() -> None:
    report = scanned(written(habits()))
    assert [told(one) for one in loud(report)] == []
    assert report.read[0].tally.unreadable == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_shape_that_is_kept_alarms_nobody(name: str) -> None:
    assert [told(one) for one in loud(quiet(name))] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_hunter_is_told_what_is_new_about_it(name: str) -> None:
    """What was unusual is said with numbers, and what it may be instead; decided as what it is."""
    found = on_event_day(quiet(name), actor_of(name))
    assert measures_of(name) <= {item.measure for one in found for item in one.surprises}
    unusual = [one for one in found if one.surprises]
    assert [one.verdict.decision for one in unusual if one.verdict.decision not in {"benign", "expected"}] == []
    assert [told(one) for one in unusual if not (one.explanation.why and one.explanation.innocent)] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_shape_that_is_broken_is_a_finding_on_its_actor(name: str) -> None:
    broken = written(STORIES[name].broken()) if name in STORIES else HOST_STORIES[name].broken()
    found = loud(scanned(broken))
    assert {one.actor.name for one in found} == {actor_of(name)}
    assert {one.verdict.decision for one in found} <= {"suspicious", "malicious"}


@pytest.mark.parametrize(("actor", "log"), STEALTHY.values(), ids=STEALTHY)
def test_known_kinds_in_other_hands_are_a_finding(actor: str, log: Callable[[], list[Line]]) -> None:
    assert {one.actor.name for one in loud(scanned(written(log())))} == {actor}


def test_an_upgrade_of_every_client_is_no_alarm_for_anybody() -> None:
    """Programs whose very name changed are told to a hunter as such, each once."""
    changed = [
        one.actor.name
        for one in quiet("client upgrade").findings
        if one.from_ >= moment(EVENT_DAY, "0:00:00") and any(item.measure == "new-tool" for item in one.surprises)
    ]
    assert set(changed) >= {"argocd/argocd-application-controller", "velero/velero", "trivy-system/trivy-operator"}
