from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from rule_text import rule

from tidewaiter.recognise.match import All, Either, Not, Result, Term, Want, evaluate, evidence, fields_of, holds

CASES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("matcher.yml").read_text(encoding="utf-8"))


def values(has: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in {"traits": [], **has}.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_table(case: dict[str, Any]) -> None:
    parts = {key: case[key] for key in ("seen", "other", "third", "see_too") if key in case}
    source = {"product": "tidewaiter", "category": case.get("plane", "kubernetes")}
    loaded = rule(detection={**parts, "condition": case.get("condition", "seen")}, logsource=source)
    result = evaluate(loaded.condition, values(case["has"]))
    assert (evidence(result) if result else None) == case["evidence"]
    json.dumps(case["evidence"])


def test_names_are_unique() -> None:
    names = [case["name"] for case in CASES]
    assert len(set(names)) == len(names)


def test_result_is_a_tree_that_names_clause_field_and_values() -> None:
    loaded = rule(
        detection={
            "seen": {"kind|contains": ["od", "x"], "verb": "list"},
            "not_there": {"namespace": "shop"},
            "condition": "seen and not not_there",
        }
    )
    assert evaluate(loaded.condition, {"kind": "pods", "verb": "list"}) == Result(
        how="all",
        parts=(
            Result(
                how="all",
                parts=(
                    Result(how="test", clause="seen", field="kind", wanted=("*od*",), had="pods"),
                    Result(how="test", clause="seen", field="verb", wanted=("list",), had="list"),
                ),
            ),
            Result(how="not"),
        ),
    )


LIST = Term(clause="a", field="verb", wants=(Want(how="is", value="list"),))
POD = Term(clause="b", field="kind", wants=(Want(how="is", value="pods"),))


def test_fields_of_names_every_field_once() -> None:
    assert fields_of(All((LIST, Either((POD, Not(LIST)))))) == {"verb", "kind"}


conditions = st.recursive(
    st.sampled_from((LIST, POD)),
    lambda inner: st.one_of(
        inner.map(Not),
        st.tuples(inner, inner).map(All),
        st.tuples(inner, inner).map(Either),
    ),
    max_leaves=8,
)
worlds = st.fixed_dictionaries(
    {}, optional={"verb": st.sampled_from(("list", "get")), "kind": st.sampled_from(("pods", "nodes"))}
)


@given(conditions, worlds)
def test_not_is_the_exact_opposite_also_for_missing_fields(condition: Any, world: dict[str, str]) -> None:
    assert (evaluate(condition, world) is None) is not (evaluate(Not(condition), world) is None)


@given(conditions, conditions, worlds)
def test_de_morgan(one: Any, two: Any, world: dict[str, str]) -> None:
    left = evaluate(Not(All((one, two))), world)
    right = evaluate(Either((Not(one), Not(two))), world)
    assert (left is None) is (right is None)


@given(st.text(), st.text())
def test_a_number_is_never_text(text: str, other: str) -> None:
    assert not holds(Want(how="gt", value=1), text)
    assert not holds(Want(how="contains", value=other), 5)
