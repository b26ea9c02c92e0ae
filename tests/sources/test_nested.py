from __future__ import annotations

from typing import Any

import pytest

from tidewaiter.sources.nested import field, flat


@pytest.mark.parametrize(
    ("record", "value"),
    [
        ({"process.parent.name": "sh"}, "sh"),
        ({"process": {"parent": {"name": "sh"}}}, "sh"),
        ({"process": {"parent.name": "sh"}}, "sh"),
        ({"process.parent": {"name": "sh"}}, "sh"),
        ({"process": {"name": "x"}, "process.parent": {"name": "sh"}}, "sh"),
        ({"process": "x"}, None),
        ({"process": {"parent": ["sh"]}}, None),
        ({}, None),
    ],
)
def test_fields(record: dict[str, Any], value: object) -> None:
    assert field(record, "process.parent.name") == value


def test_a_path_of_any_depth_ends() -> None:
    record: dict[str, Any] = {"end": 1}
    for _ in range(40):
        record = {"a": record}
    assert field(record, "a." * 40 + "end") is None


def test_flat_takes_every_way_to_join_names() -> None:
    record = {"a": {"b": 1, "c__d": 2}, "e/f": 3, "g.h": [4], "i": None}
    assert flat(record) == {"a.b": 1, "a.c.d": 2, "e.f": 3, "g.h": [4], "i": None}


def test_flat_is_bounded() -> None:
    record: dict[str, Any] = {"end": 1}
    for _ in range(4000):
        record = {"a": record}
    (name,) = flat(record)
    assert name == ".".join("a" * 13)
