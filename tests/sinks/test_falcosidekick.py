import json
import re
from typing import Any
from uuid import UUID

import documents
import factories
import pytest
from hypothesis import given

from tidewaiter.sinks.document import Context, document
from tidewaiter.sinks.falcosidekick import event
from tidewaiter.wording import Wording

EN = Wording("en")
# The type FalcoPayload of falcosidekick 2.31 (types/types.go): Go's decoder refuses a value of another type.
TYPES = {
    "uuid": str, "output": str, "priority": str, "rule": str, "time": str, "output_fields": dict, "source": str,
    "tags": list, "hostname": str,
}  # fmt: skip
PRIORITIES = {"Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


def accepted(payload: dict[str, Any]) -> bool:
    """Do what FalcoPayload.Check does, and what its decoder does before."""
    if {name: type(value) for name, value in payload.items()} != TYPES:
        return False
    if not all(isinstance(tag, str) for tag in payload["tags"]) or not RFC3339.fullmatch(payload["time"]):
        return False
    return payload["priority"] in PRIORITIES and bool(payload["rule"]) and bool(payload["output_fields"])


def test_the_contract_refuses_what_is_incomplete() -> None:
    whole = json.loads(event(documents.chained(), EN, Context()))
    assert accepted(whole)
    wrong: list[dict[str, Any]] = [
        {"priority": "high"},
        {"rule": ""},
        {"output_fields": {}},
        {"time": "now"},
        {"tags": ""},
    ]
    assert not any(accepted({**whole, **one}) for one in wrong)


def test_a_finding_is_an_event_of_falco() -> None:
    made = json.loads(
        event(documents.chained(looked_at=factories.looked_at(namespaces=("shop", "*"))), EN, Context(host="watch-1"))
    )
    fields = made.pop("output_fields")
    assert UUID(made.pop("uuid")).version == 5
    assert made == {
        "output": "02:15:44.000000000: Error service account shop/web lists everything it can reach (id=F-3kq9x2m7)",
        "priority": "Error",
        "rule": "Container and Resource Discovery",
        "time": "2026-11-23T02:15:44.000000000Z",
        "source": "tidewaiter",
        "tags": ["T1552.007", "T1613", "mitre_credential_access", "mitre_discovery", "tidewaiter"],
        "hostname": "watch-1",
    }
    assert (fields["user.name"], fields["k8s.ns.name"], fields["tidewaiter.finding_id"]) == (
        "shop/web",
        "shop",
        "F-3kq9x2m7",
    )


def test_a_repeat_has_the_same_uuid_and_an_update_another() -> None:
    first, again, later = (
        json.loads(event(one, EN, Context()))["uuid"]
        for one in (documents.chained(), documents.chained(), documents.chained(level="critical"))
    )
    assert first == again != later


@pytest.mark.parametrize(
    ("level", "priority"),
    [("info", "Informational"), ("low", "Notice"), ("medium", "Warning"), ("high", "Error"), ("critical", "Critical")],
)
def test_priorities(level: str, priority: str) -> None:
    assert json.loads(event(document(factories.finding(level=level)), EN, Context()))["priority"] == priority


def test_our_own_address_can_be_followed() -> None:
    fields = json.loads(event(documents.chained(), EN, Context(link="https://x.example/{id}")))["output_fields"]
    assert fields["tidewaiter.link"] == "https://x.example/F-3kq9x2m7"


@given(documents.hostile())
def test_whatever_a_log_holds_it_is_accepted_and_inert(finding: dict[str, Any]) -> None:
    data = event(finding, EN, Context())
    assert len(data.decode().splitlines()) == 1
    made = json.loads(data)
    assert accepted(made)
    for text in (made["output"], *made["output_fields"].values()):
        assert isinstance(text, str | int | float)
        assert not {"<", ">"} & set(str(text))
        assert not documents.controls(str(text))
