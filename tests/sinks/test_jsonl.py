import json
import unicodedata
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import factories
import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.model import Finding
from tidewaiter.sinks.jsonl import encoded, encoded_ascii, line, lines, report
from tidewaiter.sinks.summary import SetAside, SourceSummary, Summary

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=200)
SCHEMA = json.loads(
    files("tidewaiter").joinpath("packs", "schema", "tidewaiter.finding-1.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def as_json(finding: Finding) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line(finding))
    return found


def test_a_finding_is_the_line_of_the_contract() -> None:
    assert line(factories.finding()).decode() == (
        '{"schema":"tidewaiter.finding/1","id":"F-3kq9x2m7","techniques":["T1613"],"level":"high","confidence":0.93,'
        '"headline":"service account shop/web lists everything it can reach",'
        '"actor":{"kind":"service-account","name":"shop/web","realm":"kubernetes","via":null},"plane":"kubernetes",'
        '"from":"2026-11-23T02:14:07Z","until":"2026-11-23T02:15:44Z","addresses":["10.42.3.17"],"tools":["curl/8.5"],'
        '"looked_at":{"kinds":["nodes","pods"],"namespaces":["*"],"scope":"everything","requests":11,"answered":5,'
        '"refused":6},'
        '"surprises":[{"measure":"new-kind","observed":"nodes","usual":"pods, services","peers":"0 of 23",'
        '"history_days":41,"bits":9.2}],'
        '"chain":[],"rules":[],"sightings":[{"recogniser":"kube-list-everything@1","at":"2026-11-23T02:14:07Z",'
        '"activity":"5f2b1c7d9e0a4b3c8d7e","text":"list /api/v1/pods?limit=500",'
        '"evidence":{"selection":{"verb":"list","scope":"everything"}},'
        '"origin":{"source":"kube-audit","path":"audit.log","line":181,"offset":240113}}],'
        '"explanation":{"what":"service account shop/web made 11 requests: 5 answered, 6 refused.",'
        '"why":"In 41 days of history it never read this kind: nodes.",'
        '"innocent":["A backup job: a schedule at this hour would confirm it."],'
        '"next":["Which pod has this address?\\nkubectl get pods --all-namespaces"],'
        '"means":"Somebody tries door after door.","contain":["Stop it. Breaks: the shop.\\nkubectl delete pods"]},'
        '"verdict":{"decision":"suspicious","by":"tidewaiter","why":"high"}}\n'
    )


def test_fractions_of_a_second_are_kept() -> None:
    at = datetime(2026, 11, 23, 2, 14, 7, 120_000, tzinfo=UTC)
    assert as_json(factories.finding(from_=at))["from"] == "2026-11-23T02:14:07.120000Z"


def test_findings_come_one_a_line_and_as_they_are_asked_for() -> None:
    first, second = factories.finding(), factories.finding(id="F-2")
    stream = lines(iter([first, second]))
    assert next(stream) == line(first)
    assert list(stream) == [line(second)]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("служба 北京", "служба 北京".encode()),
        ("\n\x1b", rb"\n\u001b"),
        ("\x7f", rb"\u007f"),
        ("a\x85b\u2028c", rb"a\u0085b\u2028c"),
        ("\x9b2J", rb"\u009b2J"),
        ("\u202e\u200b\ufeff", rb"\u202e\u200b\ufeff"),
        ("\U000e0041", rb"\udb40\udc41"),
        ("\udcff\ud800", rb"\\xff\\ud800"),  # visible text, for a lone surrogate is no JSON
        ('"\\', rb"\"\\"),
    ],
)
def test_text_is_harmless_and_readable_again(text: str, written: bytes) -> None:
    assert encoded(text) == b'"' + written + b'"'


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a~", b'"a~"'),
        ("служ", rb'"\u0441\u043b\u0443\u0436"'),
        ("\U0001f600", rb'"\ud83d\ude00"'),
        ("\x7f", rb'"\u007f"'),
    ],
)
def test_ascii_for_channels_that_know_no_other(text: str, written: bytes) -> None:
    assert encoded_ascii(text) == written
    assert json.loads(written) == text


@given(ANYTHING, st.dictionaries(ANYTHING, st.one_of(ANYTHING, st.integers(), st.none(), st.lists(ANYTHING))))
def test_whatever_a_log_holds_a_finding_is_one_line_of_strict_json(text: str, evidence: dict[str, Any]) -> None:
    finding = factories.finding(
        headline=text or "x",
        actor=factories.actor(name=text),
        sightings=(factories.sighting(text=text, evidence=evidence, origin=factories.origin(path=text)),),
    )
    data = line(finding)
    assert len(data.decode("utf-8").splitlines()) == 1
    shown = set(data.decode("utf-8")[:-1])
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not shown & set("\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    VALIDATOR.validate(msgspec.json.decode(data))  # msgspec refuses lone surrogates
    if not any("\ud800" <= character <= "\udfff" for character in text + repr(evidence)):
        assert json.loads(data)["actor"]["name"] == text


def test_a_report_is_one_document() -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    summary = Summary(
        sources=(SourceSummary(source="kube-audit", files=1, records=10, kept=4, first=at, last=at),),
        set_aside=(SetAside(path="x\udcff", reason="empty"),),
        blind=("no-web-source",),
        findings_by_level={"high": 2},
    )
    first, second = factories.finding(), factories.finding(id="F-2")
    assert json.loads(b"".join(report([first, second], summary))) == {
        "schema": "tidewaiter.report/1",
        "findings": [as_json(first), as_json(second)],
        "summary": {
            "sources": [
                {
                    "source": "kube-audit",
                    "files": 1,
                    "records": 10,
                    "kept": 4,
                    "first": "2026-11-23T00:00:00Z",
                    "last": "2026-11-23T00:00:00Z",
                    "other": 0,
                    "wrappers": [],
                }
            ],
            "unreadable": 0,
            "places": [],
            "set_aside": [{"path": r"x\xff", "reason": "empty"}],
            "blind": ["no-web-source"],
            "blind_files": {},
            "ways": [],
            "silences": [],
            "findings_by_level": {"high": 2},
            "hidden": 0,
            "covered": 0,
            "verdicts": 0,
        },
    }


def test_a_report_without_findings_is_a_document_too() -> None:
    assert json.loads(b"".join(report([], Summary())))["findings"] == []


# --- the schema ---------------------------------------------------------------------------------


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_takes_findings() -> None:
    for finding in (
        factories.finding(),
        factories.finding(
            actor=factories.actor(via="kube-system/console"),
            chain=(factories.link(), factories.link(actor=factories.actor(), shared="address")),
            surprises=(),
        ),
        factories.finding(from_=datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC), techniques=("T1059.013", "T1613")),
    ):
        VALIDATOR.validate(as_json(finding))


def test_the_schema_names_the_fields_of_the_model() -> None:
    assert SCHEMA["required"] == list(Finding.__struct_encode_fields__)


def objects(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the places of all objects of the contract; `evidence` may hold anything."""
    found = [path] if isinstance(value, dict) else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [place for key, item in items if key != "evidence" for place in objects(item, (*path, key))]


def at_place(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


PLACES = objects(as_json(factories.finding()))


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_the_schema_refuses_unknown_and_missing_fields_everywhere(place: tuple[Any, ...]) -> None:
    finding = as_json(factories.finding())
    at_place(finding, place)["unknown"] = 1
    assert not VALIDATOR.is_valid(finding)
    for field in at_place(as_json(factories.finding()), place):
        finding = as_json(factories.finding())
        del at_place(finding, place)[field]
        assert not VALIDATOR.is_valid(finding), field


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("schema",), "tidewaiter.finding/2"),
        (("id",), "3kq9"),
        (("techniques",), ["discovery"]),
        (("level",), "HIGH"),
        (("confidence",), 1.01),
        (("confidence",), "0.9"),
        (("headline",), ""),
        (("from",), "2026-11-23 02:14:07"),
        (("until",), "2026-11-23T05:14:07+03:00"),
        (("addresses",), None),
        (("actor", "kind"), "person"),
        (("actor", "via"), 1),
        (("looked_at", "scope"), "all"),
        (("looked_at", "requests"), -1),
        (("surprises", 0, "bits"), None),
        (("surprises", 0, "history_days"), 1.5),
        (("sightings",), []),
        (("sightings", 0, "recogniser"), "kube-list-everything"),
        (("sightings", 0, "evidence"), []),
        (("sightings", 0, "origin", "line"), 0),
        (("explanation", "next"), "what now?"),
        (("verdict", "decision"), "maybe"),
        (("verdict", "by"), ""),
    ],
    ids=str,
)
def test_the_schema_refuses_bad_values(place: tuple[Any, ...], value: object) -> None:
    finding = as_json(factories.finding())
    at_place(finding, place[:-1])[place[-1]] = value
    assert not VALIDATOR.is_valid(finding)
