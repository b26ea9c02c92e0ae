"""The schemas in the package describe what is written: nothing that the program writes lies outside of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import factories
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter import model
from tidewaiter.disclosure import collecting, patterns, telling
from tidewaiter.keeping import verdict_lines
from tidewaiter.sinks.jsonl import encoded
from tidewaiter.triage import SCHEMA, from_line, rule_on

DATA = Path(__file__).parents[1]
NOW = datetime(2026, 11, 24, 9, 0, 0, 120_000, tzinfo=UTC)
TEXT = st.text(max_size=60)


@cache
def schema(name: str) -> dict[str, Any]:
    found = files("tidewaiter").joinpath("packs", "schema", f"{name.replace('/', '-')}.schema.json")
    read: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    return read


def faults(name: str, document: object) -> list[str]:
    return [fault.message for fault in jsonschema.Draft202012Validator(schema(name)).iter_errors(document)]


@pytest.mark.parametrize("name", ["tidewaiter.finding/1", "tidewaiter.verdict/1", "tidewaiter.disclosure/1"])
def test_a_schema_is_one_and_says_of_what(name: str) -> None:
    found = schema(name)
    jsonschema.Draft202012Validator.check_schema(found)
    assert found["properties"]["schema"] == {"const": name}
    assert found["$id"] == f"urn:tidewaiter:schema:{name.removeprefix('tidewaiter.').replace('/', ':')}"


def written(**over: Any) -> dict[str, Any]:
    """Give a verdict as it is exported."""
    given = {"decision": "benign", "by": "ada", "why": "the backup", "at": NOW, "until": NOW + timedelta(days=9)}
    (line,) = verdict_lines([rule_on(factories.finding(), **{**given, **over})])
    document: dict[str, Any] = json.loads(line)
    return document


@given(st.sampled_from(get_args(model.Decision)), TEXT.filter(bool), TEXT)
def test_whatever_is_decided_the_verdict_fits_its_schema(decision: model.Decision, by: str, why: str) -> None:
    assert faults(SCHEMA, written(decision=decision, by=f"a{by}", why=why)) == []


CASES: list[tuple[str, dict[str, Any], bool]] = [
    ("as it is", {}, True),
    ("revoked", {"revoked": "2026-11-25T00:00:00Z"}, True),
    ("not revoked", {"revoked": None}, True),
    ("another schema", {"schema": "tidewaiter.finding/1"}, False),
    ("an id that is none", {"id": "V-1"}, False),
    ("a finding that is none", {"finding": "shop"}, False),
    ("no such decision", {"decision": "fine"}, False),
    ("nobody", {"by": ""}, False),
    ("tidewaiter itself", {"by": "tidewaiter"}, False),
    ("a reason that is too long", {"why": "x" * 2001}, False),
    ("a day", {"at": "2026-11-24"}, False),
    ("no shape", {"covers": {}}, False),
    ("signs are a text", {"signs": "x"}, False),
]


@pytest.mark.parametrize(("over", "sound"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_schema_of_a_verdict_accepts_what_import_accepts(over: dict[str, Any], sound: bool) -> None:
    document = {**written(), **over}
    assert (faults(SCHEMA, document) == []) is sound
    if sound:
        assert from_line(encoded(document)).finding == document["finding"]
    else:
        with pytest.raises(ValueError, match=r"verdict|tidewaiter"):
            from_line(encoded(document))


def test_disclosures_fit_their_schema() -> None:
    lines = (DATA / "disclosure" / "golden" / "records.jsonl").read_text(encoding="utf-8").splitlines()
    assert lines
    assert [fault for line in lines for fault in faults(telling.RECORD, json.loads(line))] == []


@pytest.mark.parametrize(
    ("over", "fault"),
    [
        ({"level": "bad"}, "'bad' is not one of"),
        ({"confidence": 2}, "2 is greater than the maximum of 1"),
        ({"first": {"path": "x", "line": 0, "offset": 0, "at": None}}, "0 is less than the minimum of 1"),
        ({"password": "x"}, "Additional properties are not allowed"),
    ],
)
def test_what_is_no_disclosure_does_not(over: dict[str, Any], fault: str) -> None:
    line = (DATA / "disclosure" / "golden" / "records.jsonl").read_text(encoding="utf-8").splitlines()[0]
    (found,) = faults(telling.RECORD, {**json.loads(line), **over})
    assert found.startswith(fault)


def test_the_schemas_list_the_words_of_the_program() -> None:
    verdict, disclosure = schema(SCHEMA), schema(telling.RECORD)
    actor = verdict["$defs"]["actor"]
    covers = verdict["$defs"]["covers"]["properties"]
    listed = {
        model.Decision: verdict["properties"]["decision"]["enum"],
        model.Level: covers["level"]["enum"],
        model.Scope: covers["scope"]["enum"],
        model.Plane: covers["plane"]["enum"][:-1],
        patterns.Category: disclosure["properties"]["category"]["enum"],
        collecting.Opinion: disclosure["properties"]["second_opinion"]["enum"],
    }
    assert [(set(get_args(words)), words) for words in listed] == [
        (set(names), words) for words, names in listed.items()
    ]
    assert actor == schema("tidewaiter.finding/1")["$defs"]["actor"]
    assert covers.keys() == set(model.Shape.__struct_fields__)
    assert verdict["properties"].keys() == set(model.Ruling.__struct_fields__)
