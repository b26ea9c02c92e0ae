"""Exact sliding windows over what users' own rules saw: each case is written as moments, and what must be found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from record_text import own_rule

from tidewaiter.errors import RuleError
from tidewaiter.recognise import record_correlation
from tidewaiter.recognise.document import Document, documents
from tidewaiter.recognise.record_correlation import (
    RecordCorrelation,
    correlate_all,
    needs,
    read_correlation,
)

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
ABOUT = own_rule(title="correlation").about


def document(**correlation: Any) -> Document:
    given = {"type": "event_count", "rules": ["a"], "group-by": ["User"], "timespan": "5m", "condition": {"gte": 3}}
    text = yaml.safe_dump({"title": "c", "correlation": {**given, **correlation}}, sort_keys=False)
    (found,) = documents(text, "c.yml")
    return found


def rule(**correlation: Any) -> RecordCorrelation:
    return read_correlation(document(**correlation), ABOUT)


def rows(text: str) -> list[tuple[str, datetime, str, dict[str, str]]]:
    """Read `rule@minutes user value`, separated by commas; each is a record of its own unless it says =name."""
    found = []
    for at, item in enumerate(text.split(",")):
        head, *rest = item.split()
        name, minutes = head.split("@")
        values = dict(zip(("User", "Image"), rest, strict=False))
        identity = values.pop("Image")[1:] if values.get("Image", "").startswith("=") else f"{name}{minutes}-{at}"
        found.append((name, START + timedelta(minutes=float(minutes)), identity, values))
    return found


def found(text: str, *rules: RecordCorrelation) -> list[tuple[str, int, int]]:
    """Give who it was, the most that one window held, and how many activities the run has."""
    return [
        (" ".join(match.group), match.most, len(match.ids))
        for _, match in correlate_all(rows(text), rules or (rule(),))
    ]


COUNT = rule()
VALUES = rule(type="value_count", condition={"field": "Image", "gte": 3})
TOGETHER = rule(type="temporal", rules=["a", "b", "c"], condition={"gte": 3})
ORDERED = rule(type="temporal_ordered", rules=["a", "b", "c"], condition=None)


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("a@0 u,a@1 u,a@2 u", [("u", 3, 3)]),
        ("a@0 u,a@1 u", []),
        ("a@4 u,a@5.5 u,a@6 u", [("u", 3, 3)]),  # over the edge of the fifth minute
        ("a@0 u,a@1 u,a@5 u", []),  # exactly one span apart is not together
        ("a@0 u,a@1 u,a@4.99 u", [("u", 3, 3)]),
        ("a@0 u,a@100 u,a@200 u", []),  # three in three hours
        ("a@0 u,a@1 u,a@2 v", []),
        ("a@0 u,a@1 u,a@2 v,a@3 v,a@3.5 u,a@4 v", [("u", 3, 3), ("v", 3, 3)]),
        ("a@0 u,a@1 u,a@2 u,a@3 u,a@4 u", [("u", 5, 5)]),  # one story, not three
        ("a@0 u,a@1 u,a@2 u,a@60 u,a@61 u,a@62 u", [("u", 3, 3), ("u", 3, 3)]),
        ("a@0,a@1,a@2", []),  # without a user there is no group
        ("b@0 u,b@1 u,b@2 u", []),
    ],
)
def test_event_count(text: str, runs: list[tuple[str, int, int]]) -> None:
    assert found(text, COUNT) == runs


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("a@0 u x,a@1 u y,a@2 u z", [("u", 3, 3)]),
        ("a@0 u x,a@1 u x,a@2 u x,a@3 u y", []),
        ("a@0 u x,a@1 u y,a@2 u,a@3 u", []),  # no value is no value
        ("a@0 u x,a@1 u y,a@6 u z", []),
        ("a@0 u x,a@4 u y,a@5.5 u x,a@6 u z", [("u", 3, 3)]),  # x of the beginning is out, x of later is in
    ],
)
def test_value_count(text: str, runs: list[tuple[str, int, int]]) -> None:
    assert found(text, VALUES) == runs


@pytest.mark.parametrize(
    ("text", "together", "ordered"),
    [
        ("a@0 u,b@1 u,c@2 u", [("u", 3, 3)], [("u", 3, 3)]),
        ("c@0 u,b@1 u,a@2 u", [("u", 3, 3)], []),  # another order
        ("a@0 u,c@1 u,b@2 u", [("u", 3, 3)], []),
        ("a@0 u,b@1 u,c@5 u", [], []),  # one span apart
        ("a@0 u,a@4 u,b@5 u,c@6 u", [("u", 3, 3)], [("u", 3, 3)]),  # the later beginning counts
        ("a@0 u,b@4 u,a@4.5 u,c@6 u", [("u", 3, 3)], []),  # the only a before b is out of the window
        ("a@0 u,b@1 u,c@2 v", [], []),
        ("a@1 u,b@1 u,c@1 u", [("u", 3, 3)], [("u", 3, 3)]),  # of one instant: in the order of the log
        ("b@1 u,a@1 u,c@1 u", [("u", 3, 3)], []),
        ("a@0 u =same,b@0 u =same,c@1 u", [("u", 3, 2)], []),  # one record is one step
        ("a@0 u,b@1 u,a@2 u,b@3 u,c@4 u", [("u", 3, 5)], [("u", 3, 3)]),
    ],
)
def test_temporal(text: str, together: list[tuple[str, int, int]], ordered: list[tuple[str, int, int]]) -> None:
    assert found(text, TOGETHER) == together
    assert found(text, ORDERED) == ordered


def test_the_same_rule_may_be_two_steps() -> None:
    twice = rule(type="temporal_ordered", rules=["a", "b", "a"], condition=None)
    assert found("a@0 u,b@1 u,a@2 u", twice) == [("u", 3, 3)]
    assert found("a@0 u,b@1 u", twice) == []


def test_some_of_several_rules_are_enough_when_the_condition_says_so() -> None:
    assert found("a@0 u,c@1 u", rule(type="temporal", rules=["a", "b", "c"], condition={"gte": 2})) == [("u", 2, 2)]


def test_a_record_that_two_rules_saw_counts_once() -> None:
    both = rule(rules=["a", "b"])
    assert found("a@0 u =x,b@0 u =x,a@1 u", both) == []
    assert found("a@0 u =x,b@0 u =x,a@1 u,b@2 u", both) == [("u", 3, 3)]


def test_without_a_group_everything_is_one() -> None:
    assert found("a@0 u,a@1 v,a@2 w", rule(**{"group-by": None})) == [("", 3, 3)]


def test_aliases_join_fields_of_other_names() -> None:
    aliased = rule(
        type="temporal",
        rules=["a", "b"],
        condition=None,
        aliases={"who": {"a": "User", "b": "Image"}},
        **{"group-by": ["who"]},
    )
    assert (needs(aliased, "a"), needs(aliased, "b")) == (frozenset({"User"}), frozenset({"Image"}))
    assert found("a@0 u x,b@1 v u", aliased) == [("u", 2, 2)]
    assert found("a@0 u x,b@1 u x", aliased) == []


def named(name: str, **correlation: Any) -> RecordCorrelation:
    return read_correlation(document(**correlation), own_rule(title=name).about)


def test_a_correlation_of_correlations() -> None:
    many = named("many", rules=["a"])
    then = named("then", type="temporal_ordered", rules=["many", "b"], condition=None, timespan="1h")
    chain = (many, then)
    assert found("a@0 u,a@1 u,a@2 u,b@30 u", *chain) == [("u", 2, 4)]
    assert found("b@0 u,a@1 u,a@2 u,a@3 u", *chain) == []
    assert found("a@0 u,a@1 u,a@2 u,b@30 v", *chain) == []
    assert found("a@0 u,a@1 u,a@2 u,b@62 u", *chain) == []  # an hour after the last moment at which it held
    told = named("many", rules=["a"], generate=True)
    assert found("a@0 u,a@1 u,a@2 u", told, then) == []
    loud = named("then", type="temporal_ordered", rules=["many", "b"], condition=None, generate=True)
    assert found("a@0 u,a@1 u,a@2 u", many, loud) == [("u", 3, 3)]


def test_time_may_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="not sorted"):
        found("a@1 u,a@0 u")


def test_idle_groups_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_correlation, "_MOST_GROUPS", 2)
    text = "a@0 u,a@1 u,a@2 u,a@20 v,a@21 w,a@22 x,a@23 v,a@24 v"
    assert found(text) == [("u", 3, 3), ("v", 3, 3)]


@pytest.mark.parametrize(
    ("change", "what", "line"),
    [
        ({"type": "value_median", "condition": {"field": "User", "gte": 3}}, "type value_median are not supported", 3),
        ({"type": "often"}, "no valid Sigma correlation type", 2),
        ({"condition": {"lt": 3}}, "the condition lt 3 is not supported", 10),
        ({"condition": {"eq": 3}}, "the condition eq 3 is not supported", 10),
        ({"condition": {"gte": 1.5}}, "the condition gte 1.5 is not supported", 10),
        ({"condition": {"gte": 0}}, "the threshold 0", 10),
        ({"condition": {"gte": 3, "lt": 9}}, "exactly one condition item", 9),
        ({"type": "value_count"}, "field reference", 2),
        ({"type": "temporal", "rules": ["a", "b"], "condition": "a and not b"}, "joins rules by and, or, not", 10),
        ({"type": "temporal", "rules": ["a", "b"], "condition": {"gte": 3}}, "the threshold 3", 11),
        ({"type": "temporal_ordered", "rules": ["a", "b"], "condition": {"gte": 1}}, "asks for all its rules", 10),
        ({"rules": []}, "names no rules", 4),
        ({"timespan": "soon"}, "Timespan 'soon' is invalid", 2),
        ({"timespan": None}, "timespan", 2),
    ],
)
def test_refused_with_path_and_line(change: dict[str, Any], what: str, line: int) -> None:
    with pytest.raises(RuleError) as caught:
        rule(**change)
    assert what in caught.value.what
    assert caught.value.where == f"c.yml:{line}"
