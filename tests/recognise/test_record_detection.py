"""How a detection becomes a condition. What it means is in test_record_match.py, what is refused in own_refused.yml."""

from __future__ import annotations

from typing import Any

import pytest
from record_text import own_rule

from tidewaiter.recognise.record_match import (
    RecordAll,
    RecordCondition,
    RecordEither,
    RecordNot,
    RecordTerm,
    RecordWant,
)


def term(field: str, **want: Any) -> RecordTerm:
    return RecordTerm(field=field, wants=(RecordWant(**want),))


ROOT = term("User", how="is", value="root", shown="root")
SH = term("Image", how="ends", value="/sh", shown="*/sh")

IS_SH = {"Image|endswith": "/sh"}

CASES: list[tuple[dict[str, Any], RecordCondition]] = [
    ({"a": {"User": "Root"}, "condition": "a"}, term("User", how="is", value="root", shown="Root")),
    ({"a": {"User|cased": "Root"}, "condition": "a"}, term("User", how="is", value="Root", cased=True, shown="Root")),
    ({"a": {"User": "root", "Image|endswith": "/sh"}, "condition": "a"}, RecordAll((ROOT, SH))),
    ({"a": [{"User": "root"}, {"Image|endswith": "/sh"}], "condition": "a"}, RecordEither((ROOT, SH))),
    ({"a": {"User": "root"}, "b": IS_SH, "condition": "a and not b"}, RecordAll((ROOT, RecordNot(SH)))),
    ({"a": {"User": "root"}, "b": IS_SH, "condition": ["a", "b"]}, RecordEither((ROOT, SH))),
    ({"a": {"User|neq": "root"}, "condition": "a"}, RecordNot(ROOT)),
    ({"a": {"User|expand": "%web_accounts%"}, "b": {"User": "root"}, "condition": "b"}, ROOT),
    ({"a": {"ProcessId": 1}, "condition": "a"}, term("ProcessId", how="number", value=1, shown="1")),
    ({"a": {"ProcessId|gte": 1}, "condition": "a"}, term("ProcessId", how="gte", value=1, shown="gte 1")),
    ({"a": {"Image": None}, "condition": "a"}, term("Image", how="absent", shown="null")),
    ({"a": {"Image": ""}, "condition": "a"}, term("Image", how="empty", shown="''")),
    ({"a": {"Image|re|i": "x.y"}, "condition": "a"}, term("Image", how="re", value="(?i)x.y", shown="x.y")),
    ({"a": {"Image": "a?b*"}, "condition": "a"}, term("Image", how="like", value="(?s)a.b.*", shown="a?b*")),
    ({"a": ["x"], "condition": "a"}, term("", how="contains", value="x", shown="x")),
    ({"a": {"UtcTime|hour": 3}, "condition": "a"}, term("UtcTime", how="part", value=3, part="hour", shown="hour 3")),
    (
        {"a": {"CommandLine|fieldref|endswith": "Image"}, "condition": "a"},
        term("CommandLine", how="field", value="Image", part="ends", shown="field Image"),
    ),
    (
        {"a": {"CommandLine|contains|all": ["x", "y"]}, "condition": "a"},
        RecordAll(
            (
                term("CommandLine", how="contains", value="x", shown="*x*"),
                term("CommandLine", how="contains", value="y", shown="*y*"),
            )
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("detection", "condition"), CASES)
def test_condition(detection: dict[str, Any], condition: RecordCondition) -> None:
    assert own_rule(detection=detection).condition == condition


def test_a_placeholder_stands_for_our_list() -> None:
    found = own_rule(detection={"a": {"User|expand": "%web_accounts%"}, "condition": "a"}).condition
    assert isinstance(found, RecordTerm)
    assert "www-data" in {want.value for want in found.wants}
