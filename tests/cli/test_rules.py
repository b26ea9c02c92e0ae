from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from rule_text import rule, rule_text

from tidewaiter.cli.rules import EXAMPLE_FAILED, FINISHED, RULE_ERROR, list_text, rules, run_examples, show_text
from tidewaiter.recognise.correlation import Correlation
from tidewaiter.recognise.pack import Pack, packaged, packaged_sources

GOOD = {"hit": [{"verb": "list"}], "miss": [{"verb": "get"}]}


def test_list_is_a_table() -> None:
    pack = Pack([rule(name="b-rule", level="high"), rule(name="a-rule", role="evidence")])
    assert list_text(pack) == (
        "NAME    LEVEL   ROLE      PLANES      TITLE\n"
        "a-rule  medium  evidence  kubernetes  A rule\n"
        "b-rule  high    tripwire  kubernetes  A rule\n"
        "\n"
        "2 rules. `tidewaiter rules show NAME` explains one."
    )


def test_show_explains_in_plain_words() -> None:
    one = rule(why={"en": "It matters.", "ru": "Важно."}, benign=[{"en": "Agents", "ru": "Агенты"}], examples=GOOD)
    assert show_text(one, "ru").splitlines() == [
        "a-rule@1: A rule",
        "level medium, role tripwire, weight 10 bits, reads kubernetes",
        "techniques none, status stable, id 2f4b1b64-7d0f-4f5e-9e9b-0d1a5b7c3e11",
        "",
        "Why it matters",
        "  Важно.",
        "",
        "Who does it innocently",
        "  - Агенты",
        "",
        "Detection",
        "  seen:",
        "    verb: list",
        "  condition: seen",
        "Examples: 1 hit, 1 miss",
        "",
        "From rule.yml:1",
    ]


def test_show_explains_a_correlation() -> None:
    found = packaged().get("kube-review-flood")
    assert isinstance(found, Correlation)
    text = " ".join(show_text(found).split())
    assert "40 or more sightings of kube-access-review within 60 seconds, by actor." in text


@pytest.mark.parametrize(
    ("examples", "status", "text"),
    [
        (GOOD, FINISHED, "1 rules, 2 examples: 0 failed"),
        (
            {"hit": [{"verb": "get"}], "miss": []},
            EXAMPLE_FAILED,
            (
                "a-rule@1: get pods answered user is not recognised\n"
                "  where: a.yml: examples.hit[0]\n1 rules, 1 examples: 1 failed"
            ),
        ),
        (
            {"hit": [{}], "miss": [{"scope": "one"}]},
            EXAMPLE_FAILED,
            (
                "a-rule@1: list pods one answered user is recognised\n"
                "  where: a.yml: examples.miss[0]\n1 rules, 2 examples: 1 failed"
            ),
        ),
        ({}, FINISHED, "without an example that hits: a-rule\n1 rules, 0 examples: 0 failed"),
    ],
)
def test_examples_are_run(examples: dict[str, object], status: int, text: str) -> None:
    assert run_examples([("a.yml", rule_text(examples=examples))]) == (text, status)


def test_a_rule_that_is_not_valid_says_where() -> None:
    text, status = run_examples([("a.yml", rule_text(detection={"seen": {"knd": "x"}, "condition": "seen"}))])
    assert status == RULE_ERROR
    assert text.splitlines()[:2] == ["error: unknown field 'knd'", "where: a.yml:9"]


def test_rules_beside_may_be_counted_but_are_not_run() -> None:
    counting = rule_text(
        detection=None,
        logsource=None,
        correlation={
            "type": "event_count",
            "rules": ["host-list"],
            "group-by": ["actor"],
            "timespan": "5m",
            "condition": {"gte": 5},
        },
    )
    assert run_examples([("mine.yml", counting)], packaged_sources()) == ("1 rules, 0 examples: 0 failed", FINISHED)


def test_commands(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text(rule_text(examples={"hit": [{"verb": "get"}]}), encoding="utf-8")
    run = CliRunner().invoke
    assert run(rules, ["list"]).output.startswith("NAME ")
    assert run(rules, ["show", "kube-exec"]).output.startswith("kube-exec@1: ")
    assert run(rules, ["test"]).exit_code == FINISHED
    assert run(rules, ["test", str(tmp_path)]).exit_code == EXAMPLE_FAILED
    (tmp_path / "bad.yml").write_text("a: [", encoding="utf-8")
    assert "no rule here can be used" in str(run(rules, ["list", str(tmp_path)]).exception)
    assert run(rules, ["test", str(tmp_path)]).stderr.startswith("error: no rule here can be used")
    (tmp_path / "bad.yml").write_text("detection: [", encoding="utf-8")
    found = run(rules, ["test", str(tmp_path)])
    assert (found.exit_code, found.stdout) == (RULE_ERROR, "")
    assert found.stderr.startswith("error: not valid YAML")
