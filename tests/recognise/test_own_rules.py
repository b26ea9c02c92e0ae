from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
import yaml
from record_text import KUBE, own_text
from rule_text import rule, rule_text

from tidewaiter.errors import RuleError
from tidewaiter.recognise.own_rules import (
    FILTER,
    NO_RULE,
    OTHER,
    RETIRED,
    LeftOut,
    OwnRules,
    RuleFile,
    kept_fields,
    load_own,
    rule_texts,
)


def text(title: str, **given: Any) -> str:
    return own_text(title=title, id=str(uuid5(NAMESPACE_URL, title)), **given)


def counting(title: str = "many", /, **correlation: Any) -> str:
    given = {"type": "event_count", "rules": ["one"], "group-by": ["User"], "timespan": "5m", "condition": {"gte": 3}}
    return yaml.safe_dump(
        {
            "title": title,
            "id": str(uuid5(NAMESPACE_URL, title)),
            "level": "high",
            "correlation": {**given, **correlation},
        },
        sort_keys=False,
    )


def load(*texts: str, strict: bool = False) -> OwnRules:
    return load_own(RuleFile(f"{at}.yml", text, strict) for at, text in enumerate(texts))


def names(rules: Iterable[Any]) -> list[str]:
    return [rule.about.name for rule in rules]


def test_of_a_folder_what_applies_is_taken_and_the_rest_is_counted() -> None:
    own = load(
        text("one"),
        text("windows services", logsource={"product": "windows", "service": "system"}),
        text("old", status="deprecated"),
        "on: push\njobs: {}\n",
        "detection: {}\nname: a document that only mentions it\n",
        "title: f\nfilter: {rules: [one], selection: {User: x}, condition: selection}\n",
        text("pods", logsource=KUBE, detection={"a": {"resource": "pods"}, "condition": "a"}),
        "title: config\nkind: of something\nwords: 'filter:'\n",
    )
    assert names(own.records) == ["one", "pods"]
    assert own.counts() == {OTHER: 1, RETIRED: 1, NO_RULE: 2, FILTER: 1}
    assert own.left_out[:3] == (
        LeftOut(OTHER, "1.yml:3", "a rule about product: windows, service: system cannot be used here"),
        LeftOut(RETIRED, "2.yml:1", "its status is deprecated"),
        LeftOut(NO_RULE, "3.yml", "the file holds no rule"),
    )
    assert [(fault.where, fault.what) for fault in own.faults] == [
        ("4.yml:1", "the rule has no logsource"),
    ]
    assert own.number == 2


def test_in_a_folder_a_rule_that_is_not_valid_costs_only_itself() -> None:
    own = load(
        text("one"),
        text("two", detection={"a": {"Imgae": "x"}, "condition": "a"}),
        "title: [\ndetection:",
        text("one"),
    )
    assert names(own.records) == ["one"]
    assert [fault.where for fault in own.faults] == ["1.yml:8", "2.yml:3", "3.yml:1"]
    assert own.faults[0].what == "unknown field 'Imgae'"
    assert own.faults[2].what.endswith("is the id of two rules")


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (text("one", logsource={"product": "windows", "service": "system"}), "cannot be used here"),
        (text("one", detection={"a": {"Imgae": "x"}, "condition": "a"}), "unknown field"),
        ("title: f\nfilter: {rules: [one]}\n", "filters are not supported"),
        ("title: no rule\n", "the rule has no logsource"),
        (counting(), "no rule is named 'one'"),
        ("title: [", "not valid YAML"),
    ],
)
def test_a_file_that_is_named_is_meant(given: str, what: str) -> None:
    with pytest.raises(RuleError, match=what):
        load(given, strict=True)


def test_a_rule_that_somebody_retired_is_used_when_it_is_named() -> None:
    assert names(load(text("old", status="deprecated"), strict=True).records) == ["old"]


def test_rules_of_one_title_get_names_of_their_own() -> None:
    own = load(text("one"), own_text(title="One!", id="11111111-3b55-4f0e-8a9d-5c1be0d4a811"))
    assert names(own.records) == ["one", "one-11111111"]


def test_a_rule_is_not_named_as_a_packaged_one() -> None:
    packaged = rule(name="a-rule")
    own = load_own([RuleFile("own.yml", text("A rule"), True)], {"a-rule": packaged})
    assert names(own.records)[0].startswith("a-rule-")


def test_rules_over_the_normal_form_load_beside_others() -> None:
    correlation = counting(rules=["a-rule", "known"], **{"group-by": ["actor"]})
    known = rule(name="known", id="22222222-7d0f-4f5e-9e9b-0d1a5b7c3e11")
    files = [RuleFile(f"{at}.yml", given, True) for at, given in enumerate((rule_text(), correlation, text("one")))]
    own = load_own(files, {"known": known})
    assert (names(own.recognisers), names(own.correlations), names(own.records)) == (["a-rule"], ["many"], ["one"])
    assert own.correlations[0].rules == ("a-rule", "known")


def test_a_correlation_makes_evidence_of_what_it_counts() -> None:
    own = load(text("one"), text("two"), counting())
    assert [(item.about.name, item.about.role, item.about.weight) for item in own.records] == [
        ("one", "evidence", 0.0),
        ("two", "tripwire", 16.0),
    ]
    assert names(own.record_correlations) == ["many"]
    (many,) = own.record_correlations
    assert (many.rules, many.about.reads, many.about.weight) == (("one",), ("host",), 16.0)
    generated = load(text("one"), counting(generate=True))
    assert generated.records[0].about.role == "tripwire"


def test_a_correlation_finds_its_rules_wherever_they_stand() -> None:
    then = counting("then", type="temporal_ordered", rules=["many", str(uuid5(NAMESPACE_URL, "two"))], condition=None)
    own = load(then, counting(rules=["first_one"]), text("two"), text("one", name="first_one"))
    assert [(item.about.name, item.rules) for item in own.record_correlations] == [
        ("many", ("first-one",)),
        ("then", ("many", "two")),
    ]
    assert kept_fields(own.record_correlations) == {"first-one": {"User"}, "two": {"User"}, "many": {"User"}}


def test_a_correlation_of_rules_that_were_left_out_is_left_out() -> None:
    other = {"product": "windows", "service": "system"}
    own = load(text("one", name="one", logsource=other), counting(), counting("then", rules=["many"]))
    assert own.faults == ()
    assert own.counts() == {OTHER: 3}


@pytest.mark.parametrize(
    ("correlation", "what", "where"),
    [
        (counting(rules=["nobody"]), "no rule is named 'nobody'", "1.yml:7"),
        (counting(**{"group-by": ["user.username"]}), "unknown field 'user.username'", "1.yml:8"),
        (
            counting(type="value_count", condition={"field": "Usr", "gte": 3}),
            "unknown field 'Usr'",
            "1.yml:11",
        ),
        (
            counting("a", rules=["b"]) + "---\n" + counting("b", rules=["a"]),
            "the correlations count each other",
            "1.yml:6",
        ),
    ],
)
def test_correlations_are_checked(correlation: str, what: str, where: str) -> None:
    own = load(text("one"), correlation)
    assert (own.faults[0].what, own.faults[0].where) == (what, where)


def test_a_matcher_is_there_when_records_are_to_be_asked() -> None:
    assert load(text("one")).matcher() is not None
    assert OwnRules().matcher() is None


def test_files_are_those_of_a_folder_that_are_not_hidden(tmp_path: Path) -> None:
    for name in ("a.yml", "below/b.yaml", ".github/workflow.yml", "below/.hidden.yml", "c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    found = list(rule_texts([tmp_path, tmp_path / "c.txt"]))
    assert [(Path(file.path).name, file.text, file.strict) for file in found] == [
        ("a.yml", "a.yml", False),
        ("b.yaml", "below/b.yaml", False),
        ("c.txt", "c.txt", True),
    ]


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(RuleError, match="cannot be read"):
        list(rule_texts([tmp_path]))
