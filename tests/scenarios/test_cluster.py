"""Eight days of a real API server with eight attacks: all of them are found, and nobody is bothered otherwise.

The labelled recording is beside the project (`../shared/data`); where it is not, that part is skipped. The recording
of the demo, of the same kind, is in the package.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest
from whole import SHARED, report

from bench import labels
from bench.scores import Found, Score, Seen, score
from tidewaiter.findings.judge import at_least
from tidewaiter.model import Level
from tidewaiter.pipeline import Report
from tidewaiter.sinks.jsonl import encoded

LOG = SHARED / "kubernetes" / "cluster.audit.jsonl.gz"
ATTACKS_BEGIN = datetime(2026, 6, 5, tzinfo=UTC)
needs_data = pytest.mark.skipif(not LOG.is_file(), reason=f"no labelled data at {LOG.parent}")

# The level each attack must reach at least. It may be judged higher, never lower.
ATTACKS: dict[str, Level] = {
    "anonymous-probe": "high",
    "bad-tokens": "medium",
    "kdigger-like": "medium",
    "known-sre-new-address": "medium",
    "kubelet-credential": "critical",
    "new-user-enumerates-all": "high",
    "slow-service-account": "medium",
    "ssar-flood": "high",
}
FALSE_ALARMS = 0  # findings of medium or above that belong to no attack
WHISPERS = 4  # … of low: a GitOps controller and a backup job on the first day, of which nobody knows yet


@cache
def recorded() -> Report:
    return report(LOG, persona="regular")


@cache
def scored() -> Score:
    found = [msgspec.json.decode(encoded(one), type=Found) for one in recorded().findings]
    case_of = labels.case_of_line(LOG, LOG.with_name("cluster.events.csv.gz"))

    def own_case(seen: Seen) -> str | None:
        return case_of.get(seen.origin.line)

    cases = labels.kubernetes_cases(LOG.with_name("cluster.labels.jsonl"))
    return score(found, cases, learn_before=ATTACKS_BEGIN, own_case=own_case)


@needs_data
def test_every_attack_is_found_by_its_own_requests() -> None:
    levels = {row.scenario: row.level for row in scored().rows if row.label == "malicious"}
    assert levels.keys() == ATTACKS.keys()
    too_low = {name: level for name, level in levels.items() if level is None or not at_least(level, ATTACKS[name])}
    assert too_low == {}
    assert [row.scenario for row in scored().rows if row.label == "malicious" and not row.confirmed] == []


@needs_data
def test_nobody_else_is_told_of() -> None:
    assert (scored().false + scored().earlier_false, scored().false_at) == (FALSE_ALARMS, ())
    innocent = {row.scenario: row.level for row in scored().rows if row.label != "malicious" and row.level}
    assert innocent.keys() <= {"gitops-relist", "backup-nightly", "background-hourly", "support-impersonation"}
    assert set(innocent.values()) <= {"info", "low"}


@needs_data
def test_the_number_of_findings_is_known() -> None:
    loud = [one for one in recorded().findings if at_least(one.level, "medium")]
    assert len(loud) == len(ATTACKS) + FALSE_ALARMS
    # A person of the support desk acts as others; on the third day it is known.
    low = [(one.actor.name, one.from_.day) for one in recorded().findings if one.level == "low"]
    assert sorted(low) == [
        ("argocd/argocd-application-controller", 1),
        ("nadia@dev.example", 1),
        ("nadia@dev.example", 2),
        ("velero/velero", 1),
    ]
    assert len(recorded().findings) - len(loud) == WHISPERS


@needs_data
def test_everything_was_read() -> None:
    (read,) = recorded().read
    assert (read.source, read.tally.records, read.tally.unreadable) == ("kube-audit", 44_805, 0)


@cache
def demo() -> Report:
    return report(Path(str(files("tidewaiter").joinpath("packs", "demo", "cluster.jsonl.gz"))), persona="regular")


def test_the_demo_tells_of_its_five_intruders() -> None:
    """Each on its day, in this order; the sixth is a backup job that nobody knows on the first day."""
    told = [(one.actor.name, one.from_.day, one.level) for one in demo().findings]
    assert told == [
        ("velero/velero", 1, "low"),
        ("reports/nightly", 7, "high"),
        ("guest04@harbour.example", 7, "critical"),
        ("lena@harbour.example", 8, "high"),
        ("marta@harbour.example", 8, "high"),
        ("worker-2", 8, "critical"),
    ]


def test_the_demo_is_read_whole() -> None:
    (read,) = demo().read
    assert (read.source, read.tally.records, read.tally.unreadable) == ("kube-audit", 3508, 0)
