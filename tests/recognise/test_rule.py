from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from rule_text import rule, rule_text

from tidewaiter.errors import RuleError
from tidewaiter.recognise.rule import About, CorrelationText, Recogniser, load_rules

REFUSED: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("refused.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["name"])
def test_refused_with_path_and_line(case: dict[str, Any]) -> None:
    change = {key: value for key, value in case.items() if key not in ("name", "line", "what", "hint")}
    if "rule_name" in change:
        change["name"] = change.pop("rule_name")
    with pytest.raises(RuleError) as caught:
        list(load_rules(rule_text(**change), "rules/bad.yml"))
    assert caught.value.where == f"rules/bad.yml:{case['line']}"
    assert case["what"] in caught.value.what
    assert case.get("hint", "") in caught.value.hint


def test_about_holds_what_the_rule_says() -> None:
    about = rule(
        status="experimental",
        tags=["attack.discovery", "attack.t1613", "attack.t1552.007"],
        role="evidence",
        weight=1,
        version=3,
        why={"en": "because\nof it", "ru": "потому"},
        benign=[{"en": "agents"}, "people"],
        references=["https://example.org"],
    ).about
    assert about == About(
        name="a-rule",
        id="2f4b1b64-7d0f-4f5e-9e9b-0d1a5b7c3e11",
        version=3,
        title="A rule",
        description="",
        status="experimental",
        role="evidence",
        level="medium",
        weight=1.0,
        reads=("kubernetes",),
        techniques=("T1613", "T1552.007"),
        tags=("attack.discovery", "attack.t1613", "attack.t1552.007"),
        why={"en": "because of it", "ru": "потому"},
        benign=({"en": "agents"}, {"en": "people"}),
        references=("https://example.org",),
        path="rule.yml",
        line=1,
    )
    assert about.key == "a-rule@3"


@pytest.mark.parametrize(
    ("level", "ours", "weight"),
    [
        ("informational", "info", 0),
        ("low", "low", 3),
        ("medium", "medium", 10),
        ("high", "high", 16),
        ("critical", "critical", 20),
    ],
)
def test_a_rule_that_names_no_weight_weighs_by_its_level(level: str, ours: str, weight: float) -> None:
    about = rule(level=level).about
    assert (about.level, about.weight, about.role, about.version) == (ours, weight, "tripwire", 1)


def test_falsepositives_stand_in_for_benign() -> None:
    assert rule(falsepositives=["agents"]).about.benign == ({"en": "agents"},)


def test_keys_of_the_author_are_left_alone() -> None:
    assert rule(simulation="x").about.name == "a-rule"


def test_several_planes() -> None:
    assert rule(logsource={"product": "tidewaiter"}, reads=["engine", "host"]).about.reads == ("engine", "host")


def test_service_names_the_plane_too() -> None:
    assert rule(logsource={"product": "tidewaiter", "service": "host"}).about.reads == ("host",)


def test_several_rules_in_a_file() -> None:
    text = (
        rule_text() + "---\n" + rule_text(name="b", correlation={"type": "event_count"}, detection=None, logsource=None)
    )
    first, second = load_rules(text, "both.yml")
    assert isinstance(first, Recogniser)
    assert isinstance(second, CorrelationText)
    assert [(item.about.name, item.about.line) for item in (first, second)] == [("a-rule", 1), ("b", 13)]


def test_examples_become_activities() -> None:
    examples = rule(examples={"hit": [{"kind": "nodes", "traits": "encoded"}], "miss": [{"verb": "get"}]}).examples
    assert [(a.kind, a.resource_class, a.traits) for a in examples.hit] == [("nodes", "topology", ("encoded",))]
    assert [(a.verb, a.plane) for a in examples.miss] == [("get", "kubernetes")]
