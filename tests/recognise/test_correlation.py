from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_text import rule_text

from tidewaiter.errors import RuleError
from tidewaiter.recognise.correlation import Correlation, Match, Row, correlate
from tidewaiter.recognise.pack import load_pack

START = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
COUNT = {
    "type": "event_count",
    "rules": ["a-rule"],
    "group-by": ["actor"],
    "timespan": "1m",
    "condition": {"gte": 3},
}
VALUES = {**COUNT, "type": "value_count", "condition": {"field": "kind", "gte": 3}}


def texts(correlation: Any, **more: Any) -> list[tuple[str, str]]:
    text = rule_text(
        name="many",
        id="9b7c1a52-0c56-4a7e-9c1c-6a0f2f8d7e02",
        correlation=correlation,
        detection=None,
        logsource=None,
        **more,
    )
    return [("many.yml", text), ("one.yml", rule_text())]


def loaded(correlation: Any, **more: Any) -> Correlation:
    (found,) = load_pack(texts(correlation, **more)).correlations
    return found


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def rows(text: str, group: str = "a") -> list[Row]:
    """Read "0=pods 5=nodes" as rows; the id of a row is its number."""
    pairs = [item.split("=") for item in text.split()]
    return [Row(group, at(float(second)), value or None, str(n)) for n, (second, value) in enumerate(pairs)]


# seconds=value ...; then for each match: first, last, most, ids
SLIDING: list[tuple[str, dict[str, Any], str, list[tuple[float, float, int, str]]]] = [
    ("nothing", VALUES, "", []),
    ("too few", VALUES, "0=a 1=b", []),
    ("same value again and again", VALUES, "0=a 1=a 2=a 3=b", []),
    ("three values", VALUES, "0=a 1=b 2=c", [(0, 2, 3, "0 1 2")]),
    ("all at one instant", VALUES, "5=a 5=b 5=c", [(5, 5, 3, "0 1 2")]),
    ("two clusters astride a full minute", VALUES, "50=a 55=b 62=c 63=d", [(50, 63, 4, "0 1 2 3")]),
    ("exactly one span apart is apart", VALUES, "0=a 30=b 60=c", []),
    ("just inside the span is together", VALUES, "0.001=a 30=b 60=c", [(0.001, 60, 3, "0 1 2")]),
    ("a tie at the edge counts whole", VALUES, "0=a 59=b 59=c 60=a", [(0, 60, 3, "0 1 2 3")]),
    ("windows that overlap are told as one", VALUES, "0=a 20=b 40=c 70=a 90=b", [(0, 90, 3, "0 1 2 3 4")]),
    (
        "windows that share nothing are two",
        VALUES,
        "0=a 1=b 2=c 100=a 101=b 102=c",
        [(0, 2, 3, "0 1 2"), (100, 102, 3, "3 4 5")],
    ),
    ("a lull within a run belongs to it", VALUES, "0=a 1=b 2=c 61=d 61.5=e", [(0, 61.5, 3, "0 1 2 3 4")]),
    ("absent values do not count", VALUES, "0=a 1= 2=b 3=", []),
    ("events are counted, not values", COUNT, "0=a 1=a 2=a", [(0, 2, 3, "0 1 2")]),
    ("events leave the window", COUNT, "0=a 30=a 61=a 62=a", [(30, 62, 3, "1 2 3")]),
]


@pytest.mark.parametrize(
    ("correlation", "given", "wanted"), [case[1:] for case in SLIDING], ids=[case[0] for case in SLIDING]
)
def test_sliding_window(correlation: dict[str, Any], given: str, wanted: list[tuple[float, float, int, str]]) -> None:
    found = list(correlate(rows(given), loaded(correlation)))
    assert found == [Match("a", at(f), at(u), most, tuple(ids.split())) for f, u, most, ids in wanted]


def test_groups_are_apart() -> None:
    given = [*rows("0=a 1=b"), *rows("0=c 1=d 2=e", "b")]
    assert [match.group for match in correlate(given, loaded(VALUES))] == ["b"]


def test_an_activity_that_two_rules_saw_counts_once() -> None:
    twice = [Row("a", at(n), None, str(n // 2)) for n in range(4)]
    assert list(correlate(twice, loaded(COUNT))) == []


def test_time_that_runs_backwards_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="not sorted"):
        list(correlate(rows("5=a 4=b"), loaded(VALUES)))


moments = st.lists(st.tuples(st.integers(0, 200), st.sampled_from("abcd")), max_size=40).map(sorted)


@given(moments)
def test_every_full_window_and_no_other_lies_in_a_match(given: list[tuple[int, str]]) -> None:
    """The plain definition, window by window, beside the fast way."""
    data = [Row("a", at(second), value, str(n)) for n, (second, value) in enumerate(given)]
    rule = loaded_values
    found = list(correlate(data, rule))
    full: list[list[Row]] = []
    for end in {row.at for row in data}:
        window = [row for row in data if end - timedelta(seconds=60) < row.at <= end]
        if len({row.value for row in window}) >= rule.gte:
            full.append(window)
    in_windows = {row.activity for window in full for row in window}
    assert {name for match in found for name in match.ids} == in_windows
    assert max((match.most for match in found), default=0) == max(
        (len({row.value for row in window}) for window in full), default=0
    )
    assert all(before.last < after.first for before, after in pairwise(found))


loaded_values = loaded(VALUES)


def test_loaded() -> None:
    found = loaded(VALUES, weight=7, level="high", why="because")
    assert (found.rules, found.kind, found.field, found.group_by) == (("a-rule",), "value_count", "kind", ("actor",))
    assert (found.timespan_seconds, found.gte, found.leaves_out) == (60, 3, ("unknown",))
    assert (found.about.reads, found.about.weight, found.about.level) == (("kubernetes",), 7.0, "high")


def test_gt_is_one_more() -> None:
    assert loaded({**COUNT, "condition": {"gt": 3}}).gte == 4


def test_a_rule_may_be_named_by_its_id() -> None:
    assert loaded({**COUNT, "rules": ["2f4b1b64-7d0f-4f5e-9e9b-0d1a5b7c3e11"]}).rules == ("a-rule",)


@pytest.mark.parametrize(
    ("change", "line", "what"),
    [
        ({"type": "temporal"}, 6, "type temporal"),
        ({"type": "often"}, 5, "often"),
        ({"rules": ["b-rule"]}, 8, "'b-rule'"),
        ({"group-by": ["who"]}, 9, "unknown field 'who'"),
        ({"group-by": None}, 5, "no group-by"),
        ({"timespan": "soon"}, 5, "soon"),
        ({"condition": {"lte": 3}}, 13, "lte 3"),
        ({"condition": {"gte": 2.5}}, 13, "gte 2.5"),
        ({"condition": {"gte": 1}}, 13, "2 or more"),
        ({"condition": {"field": "kind", "gte": 3}}, 13, "takes no field"),
        ({"type": "value_count", "condition": {"field": "knd", "gte": 3}}, 13, "'knd'"),
        ({"type": "value_count", "condition": {"field": "traits", "gte": 3}}, 13, "'traits'"),
        ({"type": "value_count", "condition": {"gte": 3}}, 5, "without field"),
    ],
)
def test_refused(change: dict[str, Any], line: int, what: str) -> None:
    with pytest.raises(RuleError) as caught:
        loaded({**COUNT, **change})
    assert caught.value.where == f"many.yml:{line}"
    assert what in caught.value.what
