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
from tidewaiter.sources.gcp_audit import SOURCE, actor_of, sniff

DATA = Path(__file__).parent.parent / "data"
METHOD = "google.container.v1.ClusterManager.GetCluster"
CLUSTER = "projects/shop/locations/europe-west1/clusters/blue"
PAYLOAD: dict[str, Any] = {
    "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
    "authenticationInfo": {"principalEmail": "anna@example.org"},
    "requestMetadata": {"callerIp": "198.51.100.4", "callerSuppliedUserAgent": "google-cloud-sdk gcloud/450.0.0"},
    "serviceName": "container.googleapis.com",
    "methodName": METHOD,
    "resourceName": CLUSTER,
}
BASE: dict[str, Any] = {
    "protoPayload": PAYLOAD,
    "insertId": "e1",
    "resource": {"type": "gke_cluster", "labels": {"project_id": "shop"}},
    "timestamp": "2026-11-20T10:00:00.123456789Z",
    "logName": "projects/shop/logs/cloudaudit.googleapis.com%2Fdata_access",
}
AGENT = "service-1@compute-system.iam.gserviceaccount.com"
ROBOT = "deploy@shop.iam.gserviceaccount.com"


def record(payload: dict[str, Any] | None = None, **more: Any) -> bytes:
    return json.dumps(BASE | {"protoPayload": PAYLOAD | (payload or {})} | more).encode()


def one(line: bytes) -> Activity:
    found, tally = read(SOURCE, line)
    assert (len(found), tally.records, tally.unreadable) == (1, 1, 0)
    return found[0]


def test_golden() -> None:
    found, tally = read(SOURCE, (DATA / "cloud" / "gcp.jsonl").read_bytes())
    assert (tally.records, tally.unreadable, tally.notes) == (13, 0, {"gcp-mixed-kube": 1})
    check_golden(DATA / "cloud" / "gcp.jsonl.golden.jsonl", as_json_lines(found))


def test_an_entry_in_normal_form() -> None:
    found = one(record())
    assert found == Activity(
        id=found.id,
        at=datetime(2026, 11, 20, 10, 0, 0, 123456, tzinfo=UTC),
        actor=Actor(kind="user", name="anna@example.org", realm="shop"),
        plane="cloud",
        verb="get",
        kind="clusters",
        resource_class="topology",
        scope="one",
        name="blue",
        outcome="answered",
        address="198.51.100.4",
        tool="gcloud/450.0",
        text=f"{METHOD} {CLUSTER}",
        origin=Origin(source="gcp-audit", path="golden.log", line=1, offset=0),
    )


def test_finds_the_entry_in_other_shapes() -> None:
    listed = json.dumps({"entries": [json.loads(record())]}).encode()
    row = json.dumps({**BASE, "protoPayload": None, "protopayload_auditlog": PAYLOAD}).encode()
    for line in (listed, row):
        assert one(line) == one(record())
        assert sniff([line]) == 1


@pytest.mark.parametrize(
    ("authentication", "actor"),
    [
        ({"principalEmail": "anna@example.org"}, ("user", "anna@example.org", None)),
        ({"principalEmail": ROBOT}, ("service-account", ROBOT, None)),
        ({"principalEmail": AGENT}, ("component", AGENT, None)),
        # A project of one's own may be called like an agent's, but not exactly so.
        (
            {"principalEmail": "x@compute-system-1.iam.gserviceaccount.com"},
            ("service-account", "x@compute-system-1.iam.gserviceaccount.com", None),
        ),
        ({"principalSubject": "user:anna@example.org"}, ("user", "anna@example.org", None)),
        (
            {"principalSubject": "serviceAccount:shop.svc.id.goog[pay/web]"},
            ("service-account", "shop.svc.id.goog[pay/web]", None),
        ),
        (
            {"principalSubject": "principal://iam.googleapis.com/locations/global/workforcePools/p/subject/anna"},
            ("user", "principal://iam.googleapis.com/locations/global/workforcePools/p/subject/anna", None),
        ),
        (
            {"principalEmail": ROBOT, "serviceAccountDelegationInfo": [
                {"firstPartyPrincipal": {"principalEmail": AGENT}},
                {"firstPartyPrincipal": {"principalEmail": "anna@example.org"}}]},
            ("user", "anna@example.org", ROBOT),
        ),
        (
            {"principalEmail": ROBOT, "serviceAccountDelegationInfo": [
                {"principalSubject": "serviceAccount:shop.svc.id.goog[pay/web]"}]},
            ("service-account", "shop.svc.id.goog[pay/web]", ROBOT),
        ),
        (
            {"principalEmail": ROBOT, "serviceAccountDelegationInfo": [
                {"thirdPartyPrincipal": {"thirdPartyClaims": {"sub": "repo:shop/web"}}}]},
            ("user", "repo:shop/web", ROBOT),
        ),
        (
            {"principalEmail": ROBOT, "serviceAccountDelegationInfo": [
                {"firstPartyPrincipal": {"principalEmail": AGENT}}]},
            ("service-account", ROBOT, None),
        ),
        ({"principalEmail": ROBOT, "serviceAccountDelegationInfo": 7}, ("service-account", ROBOT, None)),
        ({}, ("anonymous", "198.51.100.4", None)),
        (None, ("anonymous", "198.51.100.4", None)),
    ],
)  # fmt: skip
def test_says_who_called(authentication: object, actor: tuple[Any, str, str | None]) -> None:
    kind, name, via = actor
    found = actor_of(authentication, realm="shop", address="198.51.100.4")
    assert found == Actor(kind=kind, name=name, realm="shop", via=via)


@pytest.mark.parametrize(
    ("more", "realm"),
    [
        ({}, "shop"),
        ({"resource": None}, "shop"),
        ({"resource": None, "logName": "organizations/42/logs/x"}, "shop"),
        ({"resource": {"labels": {"project_id": "other"}}}, "other"),
    ],
)
def test_the_realm_is_the_project(more: dict[str, Any], realm: str) -> None:
    assert one(record(**more)).actor.realm == realm


def test_without_a_project_the_log_names_the_realm() -> None:
    assert one(record({"resourceName": None}, resource=None, logName="organizations/42/logs/x")).actor.realm == "42"
    assert one(record({"resourceName": None}, resource=None, logName="x")).actor.realm == "gcp"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (None, "answered"),
        ({}, "answered"),
        ({"code": 0}, "answered"),
        ({"code": 7}, "refused"),
        ({"code": 16}, "refused"),
        ({"code": 5}, "failed"),
        ({"code": "7"}, "refused"),
        (7, "answered"),
    ],
)
def test_says_how_it_ended(status: object, outcome: str) -> None:
    assert one(record({"status": status})).outcome == outcome


@pytest.mark.parametrize(
    ("method", "resource", "kind", "scope", "name"),
    [
        ("google.container.v1beta1.ClusterManager.ListClusters", "projects/p/zones/-", "clusters", "everything", None),
        ("google.container.v1.ClusterManager.ListNodePools", CLUSTER, "nodes", "namespace", "blue"),
        ("google.container.v1.ClusterManager.GetServerConfig", "projects/shop", "version", None, "shop"),
    ],
)  # fmt: skip
def test_reads_methods(method: str, resource: str, kind: str, scope: str | None, name: str | None) -> None:
    found = one(record({"methodName": method, "resourceName": resource}))
    assert (found.kind, found.scope, found.name) == (kind, scope, name)


def test_an_operation_that_takes_long_is_told_once() -> None:
    run = {"serviceName": "run.googleapis.com", "methodName": "google.cloud.run.v2.Jobs.RunJob"}
    entries = [record(run, operation={"first": True}), record(run, operation={"first": False, "last": True})]
    assert len(read(SOURCE, b"\n".join(entries))[0]) == 1


@pytest.mark.parametrize(
    ("line", "notes"),
    [
        (record(), {}),
        (record(logName="projects/shop/logs/cloudaudit.googleapis.com%2Factivity"), {"gcp-no-data-access": 1}),
        (record({"serviceName": "k8s.io", "methodName": "io.k8s.core.v1.pods.list"}), {"gcp-mixed-kube": 1}),
        (b'{"logName":"projects/shop/logs/stdout","textPayload":"hello"}', {"gcp-no-data-access": 1}),
        (b"{}", {}),
    ],
)
def test_says_what_is_not_recorded(line: bytes, notes: dict[str, int]) -> None:
    assert read(SOURCE, line)[1].notes == notes


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (record(timestamp="soon"), "no-time"),
        (record()[:80], "not-a-cloud-record"),
        (b'{"entries":[]}', "not-a-cloud-record"),
        (b"null", "not-a-cloud-record"),
    ],
)
def test_unreadable_lines_are_counted_with_their_place(line: bytes, reason: str) -> None:
    found, tally = read(SOURCE, record() + b"\n" + line + b"\n" + record())
    assert len(found) == 2
    assert [(place.line, place.offset, place.reason) for place in tally.places] == [(2, len(record()) + 1, reason)]


def test_an_entry_is_named_by_its_log_id_and_time() -> None:
    ids = [one(line).id for line in (record(), record(severity="INFO"), record(insertId="e2"), record(insertId=None))]
    assert (ids[0] == ids[1], len(set(ids))) == (True, 3)


def test_sniffs_its_own_lines_only() -> None:
    cluster = record({"serviceName": "k8s.io", "methodName": "io.k8s.core.v1.pods.list"})
    assert sniff([record(), cluster, b"", b"{}", b'{"protoPayload":{"serviceName":"x"}}', record()]) == 2
    for name in ("cloudtrail.jsonl", "azure.jsonl"):
        assert sniff((DATA / "cloud" / name).read_bytes().split(b"\n")) == 0
    assert sniff((DATA / "kubernetes" / "audit.jsonl").read_bytes().split(b"\n")) == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(
    st.dictionaries(st.sampled_from([*PAYLOAD, "status"]), JSON), st.dictionaries(st.sampled_from(list(BASE)), JSON)
)  # fmt: skip
def test_survives_wrong_types(payload: dict[str, Any], more: dict[str, Any]) -> None:
    assert_survives(SOURCE, record(payload))
    assert_survives(SOURCE, record(**more))


@given(st.lists(st.just(record()) | st.binary(max_size=60), max_size=8))
def test_survives_anything(lines: list[bytes]) -> None:
    assert_survives(SOURCE, b"\n".join(lines))


def test_an_item_of_a_list_that_is_no_record_costs_only_itself() -> None:
    found, tally = read(SOURCE, b'{"entries":[' + record() + b',7,{"a":1},null,[]]}')
    assert len(found) == 1
    assert (tally.records, [place.reason for place in tally.places]) == (1, ["not-a-cloud-record"] * 4)
