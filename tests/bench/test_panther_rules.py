"""Panther's rules are run by an engine that is not ours; here a stand-in of it shows what we do around it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
from audit_event import line

from bench.panther_rules import Loaded, Match, alerted, as_public, helpers, panther
from bench.public_rules import RuleScore
from bench.reruns import Recording
from bench.scores import Case

AT = datetime(2026, 6, 1, 8, tzinfo=UTC)
RULE = """
from told_helpers import WANTED


def rule(event):
    return event["verb"] == WANTED
"""
ABOUT = """
AnalysisType: rule
RuleID: Told.{name}
Filename: {name}.py
Enabled: {enabled}
Severity: {severity}
LogTypes: [{log}]
"""
MODEL = """
AnalysisType: datamodel
DataModelID: Told
LogTypes: [Amazon.EKS.Audit]
Mappings: [{Name: verb, Path: $.verb}]
"""
ENGINE = {
    "__init__.py": "",
    "enriched_event.py": "def PantherEvent(event, model):\n    assert model\n    return event\n",
    "data_model.py": """
def DataModel(config):
    assert config["mappings"] == [{"name": "verb", "path": "$.verb"}]
    return config
""",
    "rule.py": """
from pathlib import Path
from types import SimpleNamespace


class Rule:
    def __init__(self, config):
        self.detection_severity = config["severity"]
        self.names, self.problem = {}, None
        try:
            exec(Path(config["path"]).read_text(), self.names)
        except ImportError as problem:
            self.problem = problem

    def run(self, event, outputs, names):
        held = self.problem is None and self.names["rule"](event)
        return SimpleNamespace(
            setup_exception=self.problem, detection_exception=None, trigger_alert=held, severity_output=None,
            unique_defined=False, unique_output=None, dedup_output=None,
        )
""",
}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def recording() -> Recording:
    """Line 1 is an attack, line 2 another stage of it, line 3 is nobody's."""
    lines = [line(auditID="r1"), line(auditID="r1", stage="RequestReceived"), line(auditID="r2")]
    return Recording(lines, {1: "1", 2: "1"}, [Case("1", "sweep", "malicious", frozenset({"ana"}), AT, AT)])


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give Panther's engine, or its stand-in where it is not installed."""
    if find_spec("panther_core") is not None:
        yield
        return
    write(tmp_path / "site/panther_core", ENGINE)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield
    for name in [one for one in sys.modules if one.partition(".")[0] == "panther_core"]:
        del sys.modules[name]


@pytest.mark.usefixtures("engine")
def test_the_rules_of_a_checkout_are_run(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    audit = "Amazon.EKS.Audit"
    told = ABOUT.format(name="told", enabled="true", severity="High", log=audit)
    off = ABOUT.format(name="off", enabled="false", severity="Info", log=audit)
    broken = ABOUT.format(name="broken", enabled="true", severity="Info", log=audit)
    other = ABOUT.format(name="other", enabled="true", severity="Info", log="AWS.CloudTrail")
    files = {
        "global_helpers/told_helpers.py": 'WANTED = "list"\n',
        "data_models/told.yml": MODEL,
        "rules/told.yml": told,
        "rules/told.py": RULE,
        "rules/off.yml": off,
        "rules/off.py": RULE,
        "rules/broken.yml": broken,
        "rules/broken.py": "import no_such_module\n",
        "rules/other.yml": other,
    }
    write(checkout, files)
    on, everything = panther(checkout, recording())
    assert (on.rules, on.failed, on.attacks, on.attacks_loud, on.innocent, on.innocent_loud) == (2, 1, 1, 1, 1, 1)
    found = (everything.rules, everything.failed, everything.attacks, everything.innocent, everything.innocent_loud)
    assert found == (3, 1, 1, 2, 1)


@pytest.mark.parametrize(
    ("threshold", "matches", "lines"),
    [
        (1, [(1, 0, "a", None)], [1]),
        (2, [(1, 0, "a", None)], []),
        (2, [(1, 0, "a", None), (2, 60, "a", None)], [1, 2]),
        (2, [(1, 0, "a", None), (2, 61, "a", None)], []),
        (2, [(1, 0, "a", None), (2, 61, "a", None), (3, 62, "a", None)], [2, 3]),
        (2, [(1, 0, "a", None), (2, 1, "b", None)], []),
        (2, [(1, 0, "a", "x"), (2, 1, "a", "x")], []),
        (2, [(1, 0, "a", "x"), (2, 1, "a", "y")], [1, 2]),
        (2, [(2, 1, "a", None), (1, 0, "a", None)], [1, 2]),
    ],
)
def test_matches_become_alerts(
    threshold: int, matches: list[tuple[int, int, str, str | None]], lines: list[int]
) -> None:
    rule = Loaded("r", True, timedelta(minutes=60), threshold, None)
    given = [Match(number, AT + timedelta(minutes=at), dedup, unique, True) for number, at, dedup, unique in matches]
    assert [one.line for one in alerted(rule, given)] == lines


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"sourceIPs": ["198.51.100.9", "10.0.0.1"]}, ["198.51.101.9", "10.0.0.1"]),
        ({"sourceIPs": ["203.0.113.1", "192.0.2.200"]}, ["203.0.114.1", "192.0.3.200"]),
        ({"sourceIPs": None}, []),
        ({}, []),
    ],
)
def test_addresses_of_examples_become_public_ones(given: dict[str, list[str] | None], shown: list[str]) -> None:
    assert as_public({"verb": "get", **given}) == {"verb": "get", "sourceIPs": shown}


def test_helpers_are_forgotten_again(tmp_path: Path) -> None:
    write(tmp_path, {"global_helpers/told_helpers.py": "WANTED = 1\n"})
    with helpers(tmp_path):
        __import__("told_helpers")
    assert "told_helpers" not in sys.modules
    assert find_spec("told_helpers") is None


def test_what_is_not_given_is_said() -> None:
    assert panther(None, recording()) == (RuleScore(engine="Panther", skipped="no checkout given (--panther DIR)"),)


@pytest.mark.skipif(find_spec("panther_core") is not None, reason="panther-core is installed")
def test_what_is_not_installed_is_said(tmp_path: Path) -> None:
    assert panther(tmp_path, recording()) == (RuleScore(engine="Panther", skipped="panther-core is not installed"),)
