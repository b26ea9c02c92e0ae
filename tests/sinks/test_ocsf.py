"""Against the schema itself: tests/data/ocsf/README.md says where it is from."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import documents
import factories
import jsonschema
import pytest
from hypothesis import given

from tidewaiter.sinks.document import Context, digest, document
from tidewaiter.sinks.ocsf import event, line
from tidewaiter.wording import Wording

DATA = Path(__file__).parent.parent / "data" / "ocsf"
SCHEMA = json.loads((DATA / "detection_finding-1.8.0.schema.json").read_text(encoding="utf-8"))
CAPTIONS = json.loads((DATA / "captions-1.8.0.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
EN = Wording("en")
NOW = datetime(2026, 11, 23, 2, 16, tzinfo=UTC)


def judged(decision: str, by: str) -> dict[str, Any]:
    return dict(document(factories.finding(verdict=factories.verdict(decision=decision, by=by))))


@pytest.mark.parametrize("number", range(len(documents.REAL)))
def test_real_findings_are_valid(number: int) -> None:
    VALIDATOR.validate(event(documents.REAL[number], Context()))


@pytest.mark.parametrize(
    "wrong", [{"severity_id": 7}, {"time": "now"}, {"finding_info": {}}, {"extra": 1}, {"resources": [{"type": "pod"}]}]
)
def test_the_schema_refuses_what_is_wrong(wrong: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid({**event(documents.CHAIN, Context()), **wrong})


def test_what_an_event_says_of_itself() -> None:
    made = documents.chained()
    found = event(made, Context(now=NOW, link="https://x.example/{id}", labels={"cluster": "prod"}))
    assert {name: value for name, value in found.items() if not isinstance(value, list | dict)} == {
        "activity_id": 1,
        "activity_name": "Create",
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "type_uid": 200401,
        "type_name": "Detection Finding: Create",
        "severity_id": 4,
        "severity": "High",
        "confidence_id": 3,
        "confidence": "High",
        "confidence_score": 93,
        "status_id": 1,
        "status": "New",
        "status_detail": "suspicious, says tidewaiter",
        "comment": "high",
        "is_alert": True,
        "time": 1795400144000,
        "start_time": 1795400047000,
        "end_time": 1795400144000,
        "duration": 97000,
        "count": 11,
        "message": "service account shop/web lists everything it can reach",
    }
    product = {"name": "tidewaiter", "vendor_name": "tidewaiter", "version": "0.1.0"}
    assert found["metadata"] == {
        "version": "1.8.0",
        "product": product,
        "uid": f"F-3kq9x2m7-{digest(made)}",
        "correlation_uid": "F-3kq9x2m7",
        "event_code": "T1613",
        "labels": ["cluster=prod"],
        "logged_time": 1795400160000,
        "log_provider": "tidewaiter",
        "log_version": "0.1.0",
    }
    assert {
        name: found["finding_info"][name] for name in ("uid", "types", "data_sources", "src_url", "first_seen_time")
    } == {
        "uid": "F-3kq9x2m7",
        "types": ["Discovery"],
        "data_sources": ["kube-audit"],
        "src_url": "https://x.example/F-3kq9x2m7",
        "first_seen_time": 1795400047000,
    }


@pytest.mark.parametrize(
    ("made", "sent", "activity", "status", "is_alert"),
    [
        (judged("suspicious", "tidewaiter"), False, "Create", "New", True),
        (judged("suspicious", "tidewaiter"), True, "Update", "In Progress", True),
        (judged("expected", "tidewaiter"), True, "Update", "In Progress", False),
        (judged("malicious", "olga"), True, "Update", "In Progress", True),
        (judged("benign", "olga"), True, "Close", "Suppressed", False),
        (judged("expected", "olga"), False, "Close", "Suppressed", False),
    ],
)
def test_the_life_of_a_finding(made: dict[str, Any], sent: bool, activity: str, status: str, is_alert: bool) -> None:
    found = event(made, Context(updates=frozenset({made["id"]} if sent else ())))
    VALIDATOR.validate(found)
    assert (found["activity_name"], found["status"], found["is_alert"]) == (activity, status, is_alert)
    assert found["type_name"] == f"Detection Finding: {activity}"
    assert found["finding_info"]["uid"] == "F-3kq9x2m7"


def test_an_update_is_an_event_of_its_own_and_a_repeat_is_not() -> None:
    first, again, later = (
        event(one, Context())["metadata"]["uid"]
        for one in (documents.chained(), documents.chained(), documents.chained(level="critical"))
    )
    assert first == again != later


@pytest.mark.parametrize(("confidence", "named"), [(0.0, "Low"), (0.4, "Medium"), (0.74, "Medium"), (0.75, "High")])
def test_confidence(confidence: float, named: str) -> None:
    assert event(document(factories.finding(confidence=confidence)), Context())["confidence"] == named


@given(documents.hostile())
def test_whatever_a_log_holds_it_is_valid_and_its_names_are_the_captions(finding: dict[str, Any]) -> None:
    data = line(finding, EN, Context(now=NOW))
    assert len(data.decode().splitlines()) == 1
    assert not documents.controls(data.decode())
    found = json.loads(data)
    VALIDATOR.validate(found)
    for name, sibling in (
        ("activity_id", "activity_name"), ("severity_id", "severity"), ("confidence_id", "confidence"),
        ("status_id", "status"), ("type_uid", "type_name"), ("category_uid", "category_name"),
        ("class_uid", "class_name"),
    ):  # fmt: skip
        assert CAPTIONS[name][str(found[name])] == found[sibling]
    users = [one["actor"]["user"] for one in found.get("evidences", ()) if one["actor"]["user"]["type_id"] != 99]
    assert all(CAPTIONS["user.type_id"][str(one["type_id"])] == one["type"] for one in users)
    for analytic in (found["finding_info"]["analytic"], *found["finding_info"].get("related_analytics", ())):
        assert CAPTIONS["analytic.type_id"][str(analytic["type_id"])] == analytic["type"]
    for one in found.get("observables", ()):
        assert CAPTIONS["observable.type_id"][str(one["type_id"])] == one["type"]
