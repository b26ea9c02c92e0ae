from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from reading import as_json_lines, assert_survives, read

from tidewaiter.model import Activity, Actor, Origin
from tidewaiter.sources.azure_activity import SOURCE, actor_of, sniff

DATA = Path(__file__).parent.parent / "data"
ADMIN = "Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action"
CLUSTER = "/subscriptions/S-1/resourceGroups/shop/providers/Microsoft.ContainerService/managedClusters/Blue"
UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
BASE: dict[str, Any] = {
    "time": "2026-11-20T11:05:00.0000000Z",
    "resourceId": CLUSTER.upper(),
    "operationName": ADMIN,
    "category": "Administrative",
    "resultType": "Success",
    "resultSignature": "Succeeded.OK",
    "callerIpAddress": "203.0.113.41",
    "correlationId": "c-1",
    "identity": {"claims": {UPN: "Nina@Example.org", "appid": CLI}},
}
REST: dict[str, Any] = {
    "eventTimestamp": BASE["time"],
    "resourceId": CLUSTER,
    "operationName": {"value": ADMIN, "localizedValue": "List cluster admin credential"},
    "status": {"value": "Succeeded"},
    "subStatus": {"value": "OK (HTTP Status Code: 200)"},
    "caller": "nina@example.org",
    "claims": {"appid": CLI},
    "httpRequest": {"clientIpAddress": "203.0.113.41"},
    "correlationId": "c-1",
    "subscriptionId": "S-1",
}
TABLE: dict[str, Any] = {
    "TimeGenerated": BASE["time"],
    "OperationNameValue": ADMIN,
    "ActivityStatusValue": "Success",
    "ActivitySubstatusValue": "OK",
    "Caller": "nina@example.org",
    "CallerIpAddress": "203.0.113.41",
    "Claims": json.dumps({"appid": CLI}),
    "CorrelationId": "C-1",
    "_ResourceId": CLUSTER.lower(),
    "Type": "AzureActivity",
}


def record(**more: Any) -> bytes:
    return json.dumps(BASE | more).encode()


def one(line: bytes) -> Activity:
    found, tally = read(SOURCE, line)
    assert (len(found), tally.records, tally.unreadable) == (1, 1, 0)
    return found[0]


def test_golden() -> None:
    found, tally = read(SOURCE, (DATA / "cloud" / "azure.jsonl").read_bytes())
    assert (tally.records, tally.unreadable, tally.notes) == (10, 0, {})
    check_golden(DATA / "cloud" / "azure.jsonl.golden.jsonl", as_json_lines(found))


def test_a_record_in_normal_form() -> None:
    found = one(record())
    assert found == Activity(
        id=found.id,
        at=datetime(2026, 11, 20, 11, 5, tzinfo=UTC),
        actor=Actor(kind="user", name="nina@example.org", realm="s-1"),
        plane="cloud",
        verb="get",
        kind="kubeconfig",
        resource_class="config",
        scope="one",
        name="blue",
        outcome="answered",
        address="203.0.113.41",
        tool="azure-cli",
        text=f"{ADMIN} {CLUSTER.lower()}",
        origin=Origin(source="azure-activity", path="golden.log", line=1, offset=0),
    )


@pytest.mark.parametrize(
    "line",
    [REST, TABLE, {"records": [BASE]}, {"value": [REST]}, {**BASE, "operationName": ADMIN}],
    ids=["rest", "table", "event-hub", "rest-list", "stream"],
)
def test_all_shapes_say_the_same(line: dict[str, Any]) -> None:
    raw = json.dumps(line).encode()
    assert one(raw) == one(record())
    assert sniff([raw]) == 1


def test_operations_are_known_in_any_letter_case() -> None:
    assert one(record(operationName=ADMIN.upper())).kind == "kubeconfig"


@pytest.mark.parametrize(
    ("caller", "claims", "actor"),
    [
        ("nina@example.org", {}, ("user", "nina@example.org")),
        ("", {UPN: "Nina@Example.org"}, ("user", "nina@example.org")),
        ("00000000-0000-4000-8000-00000000000a", {"appid": "ABC", "idtyp": "app"}, ("service-account", "app/abc")),
        ("00000000-0000-4000-8000-00000000000a", {}, ("service-account", "app/00000000-0000-4000-8000-00000000000a")),
        ("", {}, ("address", "203.0.113.41")),
    ],
)
def test_says_who_called(caller: str, claims: dict[str, Any], actor: tuple[Any, str]) -> None:
    kind, name = actor
    assert actor_of(caller, claims, realm="s-1", address="203.0.113.41") == Actor(kind=kind, name=name, realm="s-1")


def test_nobody_and_from_nowhere_is_unknown() -> None:
    assert actor_of("", {}, realm="s-1") == Actor(kind="unknown", name="not recorded", realm="s-1")


@pytest.mark.parametrize(
    ("resource", "subscription", "realm"),
    [(CLUSTER, "x", "s-1"), ("/providers/x", "S-2", "s-2"), ("/providers/x", None, "azure")],
)
def test_the_realm_is_the_subscription(resource: str, subscription: str | None, realm: str) -> None:
    line = json.dumps(REST | {"resourceId": resource, "subscriptionId": subscription}).encode()
    assert one(line).actor.realm == realm


@pytest.mark.parametrize(
    ("result", "signature", "outcome"),
    [
        ("Success", "Succeeded.OK", "answered"),
        ("Succeeded", "", "answered"),
        ("Failure", "Failed.Forbidden", "refused"),
        ("Failed", "403", "refused"),
        ("Failure", "Failed.Conflict", "failed"),
        ("Start", "Started.", "unknown"),
        ("Accept", "Accepted.", "unknown"),
        ("", "", "unknown"),
        (None, None, "unknown"),
    ],
)
def test_says_how_it_ended(result: str | None, signature: str | None, outcome: str) -> None:
    assert one(record(resultType=result, resultSignature=signature)).outcome == outcome


def test_the_status_code_may_stand_in_the_properties() -> None:
    found = one(record(resultType="Failure", resultSignature="", properties={"statusCode": "Forbidden"}))
    assert found.outcome == "refused"


def test_start_and_end_are_one_activity_at_the_time_of_the_start() -> None:
    start = record(resultType="Start", time="2026-11-20T11:04:59Z")
    found, tally = read(SOURCE, b"\n".join([start, record(resultType="Accept"), record()]))
    assert [(one.outcome, one.at.second, one.origin.line) for one in found] == [("answered", 59, 1)]
    assert (tally.records, tally.kept) == (3, 1)


def test_other_operations_are_not_joined() -> None:
    lines = [record(resultType="Start"), record(correlationId="c-2"), record(resourceId=f"{CLUSTER}-2")]
    assert [one.outcome for one in read(SOURCE, b"\n".join(lines))[0]] == ["answered", "answered", "unknown"]


def test_without_correlation_each_record_stands_alone() -> None:
    lines = [record(correlationId=None), record(correlationId=None, time="2026-11-20T12:00:00Z")]
    assert len({one.id for one in read(SOURCE, b"\n".join(lines))[0]}) == 2


def test_a_start_waits_for_its_end_within_bounds() -> None:
    lines = [record(resultType="Start", correlationId=str(number)) for number in range(1002)]
    tally_lines = [*lines, record(correlationId="0"), record(correlationId="1001")]
    found, tally = read(SOURCE, b"\n".join(tally_lines))
    # The first two did not fit: told without an end. The end of the first comes later, under the same id.
    assert [one.outcome for one in found[:4]] == ["unknown", "unknown", "answered", "answered"]
    assert (len(found), found[0].id == found[2].id, tally.kept) == (1003, True, 1003)


@pytest.mark.parametrize("operation", ["Microsoft.Compute/virtualMachines/write", "x"])
def test_other_operations_are_only_counted(operation: str) -> None:
    found, tally = read(SOURCE, record(operationName=operation))
    assert (found, tally.records, tally.unreadable) == ([], 1, 0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (record(time="soon"), "no-time"),
        (record()[:80], "not-a-cloud-record"),
        (record(category="kube-audit"), "not-a-cloud-record"),
        (b'{"records":[]}', "not-a-cloud-record"),
        (b"7", "not-a-cloud-record"),
    ],
)
def test_unreadable_lines_are_counted_with_their_place(line: bytes, reason: str) -> None:
    found, tally = read(SOURCE, record() + b"\n" + line + b"\n" + record(correlationId="c-2"))
    assert len(found) == 2
    assert [(place.line, place.offset, place.reason) for place in tally.places] == [(2, len(record()) + 1, reason)]


def test_sniffs_its_own_lines_only() -> None:
    operation = "Microsoft.ContainerService/managedClusters/diagnosticLogs/Read"
    cluster = record(category="kube-audit", operationName=operation)
    assert sniff([record(), cluster, b"", b"{}", b'{"operationName":"x"}', json.dumps(REST).encode()]) == 2
    for name in ("cloudtrail.jsonl", "gcp.jsonl"):
        assert sniff((DATA / "cloud" / name).read_bytes().split(b"\n")) == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(
    st.sampled_from([BASE, REST, TABLE]),
    st.dictionaries(st.sampled_from([*BASE, *REST, *TABLE]), JSON),
)
def test_survives_wrong_types(shape: dict[str, Any], more: dict[str, Any]) -> None:
    assert_survives(SOURCE, json.dumps(shape | more).encode())


@given(st.lists(st.just(record()) | st.just(record(resultType="Start")) | st.binary(max_size=60), max_size=8))
def test_survives_anything(lines: list[bytes]) -> None:
    assert_survives(SOURCE, b"\n".join(lines))


def test_an_item_of_a_list_that_is_no_record_costs_only_itself() -> None:
    found, tally = read(SOURCE, b'{"records":[' + record() + b',7,{"a":1},null,[]]}')
    assert len(found) == 1
    assert (tally.records, [place.reason for place in tally.places]) == (1, ["not-a-cloud-record"] * 4)
