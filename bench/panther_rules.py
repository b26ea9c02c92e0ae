"""Panther's rules for Kubernetes audit logs over the same labelled log, from a checkout that the user has.

The rules are Python: each is run by Panther's own engine (`pip install panther-core`; AGPL, and no part of tidewaiter)
with the helper modules and the data model of the same checkout of panther-labs/panther-analysis. Nothing is copied.
What the service around that engine does is done here, from its documentation: matches of one rule and one `dedup` text
are one alert within `DedupPeriodMinutes` of the first, once there are `Threshold` of them (of different `unique` texts,
where the rule has those).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from bench.public_rules import Alert, Json, RuleScore, scored
from bench.reruns import Recording

_ENGINE = "Panther"
_CORE = "panther_core"
_LOG_TYPE = "Amazon.EKS.Audit"  # Panther's word for a plain audit log; other clouds put it into an envelope
_DEDUP_MINUTES = 60  # the default of the service
_LOUD = frozenset({"MEDIUM", "HIGH", "CRITICAL"})
_EXAMPLES = {"192.0.2.": "192.0.3.", "198.51.100.": "198.51.101.", "203.0.113.": "203.0.114."}  # RFC 5737


class Loaded(NamedTuple):
    """A rule, ready to run."""

    name: str
    enabled: bool  # as its authors deliver it
    dedup: timedelta
    threshold: int
    run: Any  # panther_core.rule.Rule


class Match(NamedTuple):
    """A rule held for a line."""

    line: int
    at: datetime
    dedup: str
    unique: str | None
    loud: bool


def panther(checkout: Path | None, of: Recording) -> tuple[RuleScore, ...]:
    """Run the rules of a checkout over the log: those that are on, and all of them."""
    if checkout is None:
        return (RuleScore(engine=_ENGINE, skipped="no checkout given (--panther DIR)"),)
    if find_spec(_CORE) is None:
        return (RuleScore(engine=_ENGINE, skipped="panther-core is not installed"),)
    with helpers(checkout):
        rules = list(_rules(checkout))
        events = list(_events(checkout, of.lines))
        found = {rule.name: _matches(rule, events) for rule in rules}
    made = []
    for engine, chosen in (
        (_ENGINE, [one for one in rules if one.enabled]),
        (f"{_ENGINE}, rules that are off too", rules),
    ):
        alerts = [
            Alert(one.name, match.line, match.loud) for one in chosen for match in alerted(one, found[one.name] or ())
        ]
        failed = sum(found[one.name] is None for one in chosen)
        made.append(scored(engine, alerts, of, rules=len(chosen), failed=failed))
    return tuple(made)


@contextmanager
def helpers(checkout: Path) -> Iterator[None]:
    """Let rules import the helper modules of their checkout."""
    before, path = set(sys.modules), str(checkout / "global_helpers")
    sys.path.insert(0, path)
    try:
        yield
    finally:
        sys.path.remove(path)
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(path):
                del sys.modules[name]


def _described(folder: Path) -> Iterator[tuple[Path, Json]]:
    for path in sorted(folder.rglob("*.yml")):
        about = yaml.safe_load(path.read_text(encoding="utf-8"))
        if isinstance(about, dict) and _LOG_TYPE in (about.get("LogTypes") or ()):
            yield path, about


def _rules(checkout: Path) -> Iterator[Loaded]:
    rule = import_module(f"{_CORE}.rule").Rule
    for path, about in _described(checkout / "rules"):
        if about.get("AnalysisType") != "rule":
            continue
        minutes = int(about.get("DedupPeriodMinutes", _DEDUP_MINUTES))
        made = rule(
            {
                "id": about["RuleID"],
                "versionId": "checkout",
                "path": str(path.with_name(about["Filename"])),
                "severity": about["Severity"].upper(),
                "dedupPeriodMinutes": minutes,
            }
        )
        yield Loaded(
            path.stem, bool(about.get("Enabled")), timedelta(minutes=minutes), int(about.get("Threshold", 1)), made
        )


def _events(checkout: Path, lines: Iterable[bytes]) -> Iterator[tuple[int, datetime, Any]]:
    """Give the events as Panther has them. That a request was received is left out, as in the logs of clouds."""
    event_of = import_module(f"{_CORE}.enriched_event").PantherEvent
    model_of = import_module(f"{_CORE}.data_model").DataModel
    model = None
    for _, about in _described(checkout / "data_models"):
        mappings = [{key.lower(): value for key, value in one.items()} for one in about["Mappings"]]
        model = model_of({"id": about["DataModelID"], "mappings": mappings, "versionId": "checkout"})
    for number, line in enumerate(lines, 1):
        record = json.loads(line)
        if record.get("stage") != "RequestReceived":
            at = datetime.fromisoformat(record["requestReceivedTimestamp"])
            yield number, at, event_of(as_public(record) | {"p_log_type": _LOG_TYPE}, model)


def as_public(record: Json) -> Json:
    """Move addresses that are set aside for examples to the network beside: rules ask whether an address is public."""
    moved = []
    for address in record.get("sourceIPs") or ():
        network = next((one for one in _EXAMPLES if address.startswith(one)), "")
        moved.append(_EXAMPLES[network] + address.removeprefix(network) if network else address)
    return record | {"sourceIPs": moved}


def _matches(rule: Loaded, events: Iterable[tuple[int, datetime, Any]]) -> list[Match] | None:
    """Run a rule over the events; None when it cannot be run."""
    found = []
    for line, at, event in events:
        result = rule.run.run(event, {}, {})
        if result.setup_exception or result.detection_exception:
            return None
        if result.trigger_alert:
            severity = result.severity_output or rule.run.detection_severity
            unique = result.unique_output if result.unique_defined else None
            found.append(Match(line, at, result.dedup_output or rule.name, unique, severity in _LOUD))
    return found


def alerted(rule: Loaded, matches: Iterable[Match]) -> Iterator[Match]:
    """Give the matches that an alert holds: enough of them with one `dedup` text, within the rule's period."""
    held: dict[str, list[Match]] = {}
    closed: list[list[Match]] = []
    for match in sorted(matches, key=lambda one: one.at):
        mine = held.setdefault(match.dedup, [])
        if mine and match.at - mine[0].at > rule.dedup:
            closed.append(mine)
            mine = held[match.dedup] = []
        mine.append(match)
    for some in (*closed, *held.values()):
        distinct = {one.unique for one in some}
        if (len(some) if None in distinct else len(distinct)) >= rule.threshold:
            yield from some
