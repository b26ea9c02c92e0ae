from typing import Any

import pytest

from tidewaiter.sources.envelope.paths import attribute, each, first, holds, looked_up, plain, steps

RECORD = {"a": {"b": [{"c": 1}, {"c": 2}, {"d": 3}]}, "empty": "", "rows": [["t", "line"]], "flag": True}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b[].c", [1, 2]),
        ("a.b[]", [{"c": 1}, {"c": 2}, {"d": 3}]),
        ("a.b.0.c", [1]),
        ("a.b.7", []),
        ("rows[].1", ["line"]),
        ("a.x.c", []),
        ("a.b", [[{"c": 1}, {"c": 2}, {"d": 3}]]),
        ("empty[]", []),
        ("", [RECORD]),
    ],
)
def test_finds_what_stands_at_a_path(path: str, found: list[Any]) -> None:
    assert [value for value, _ in each(RECORD, path)] == found


def test_gives_what_a_value_lies_in_the_innermost_first() -> None:
    (value, around), *_ = each({"top": 1, "list": [{"in": [5]}]}, "list[].in[]")
    assert value == 5
    assert around == ({"in": [5]}, {"top": 1, "list": [{"in": [5]}]})


@pytest.mark.parametrize("path", ["[", "a]", "a{b"])
def test_refuses_what_is_no_path(path: str) -> None:
    with pytest.raises(ValueError, match="not a path"):
        steps(path)


@pytest.mark.parametrize(
    ("path", "kind", "answer"),
    [
        ("a", "map", True),
        ("a.b", "list", True),
        ("a.b[].c", "number", True),
        ("flag", "number", False),
        ("flag", "any", False),
        ("empty", "text", True),
        ("none", "any", False),
    ],
)
def test_tells_the_kind_of_a_value(path: str, kind: str, answer: bool) -> None:
    assert holds(RECORD, path, kind) is answer


def test_looks_around_an_item_when_it_does_not_know() -> None:
    assert looked_up({"host": "-"}, ({"x": 1}, {"host": "m1"}), ("node", "host")) == "m1"
    assert looked_up({}, (), ("node",)) is None


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ({"stringValue": "a"}, "a"),
        ({"arrayValue": {"values": [{"intValue": "7"}]}}, ["7"]),
        ({"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": True}}]}}, {"k": True}),
        ({"kvlistValue": {}}, {}),
        ({"other": 1}, {"other": 1}),
        ("text", "text"),
    ],
)
def test_reads_values_of_opentelemetry(value: Any, meant: Any) -> None:
    assert plain(value) == meant


def test_finds_an_attribute_by_its_key() -> None:
    pairs = [{"key": "a", "value": {"stringValue": "1"}}, "noise", {"key": "b", "value": {"stringValue": "2"}}]
    assert attribute(pairs, "b") == "2"
    assert attribute({"b": 1}, "b") is None
    assert first({"resource": {"attributes": pairs}}, "resource.attributes{a}") == "1"
