import json
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.sources.envelope.shapes import Around, NotWrappedError
from tidewaiter.sources.envelope.translated import GkeEntry, OcsfApiActivity, Table


def gke(method: str, name: str, **payload: Any) -> dict[str, Any]:
    return {
        "insertId": "i-1",
        "logName": "projects/p/logs/cloudaudit.googleapis.com%2Fdata_access",
        "timestamp": "2026-09-21T13:33:20.1Z",
        "resource": {"type": "k8s_cluster", "labels": {"cluster_name": "prod"}},
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": "k8s.io",
            "methodName": method,
            "resourceName": name,
            "authenticationInfo": {"principalEmail": "ana@dev.example"},
            "requestMetadata": {"callerIp": "10.0.0.9", "callerSuppliedUserAgent": "kubectl/v1.32.5"},
            **payload,
        },
    }


def event_of(wrapper: Any, record: dict[str, Any]) -> dict[str, Any]:
    assert wrapper.holds(b"", record)
    (piece,) = wrapper.unwrap(b"", record)
    event: dict[str, Any] = json.loads(piece.data)
    return event


def test_an_entry_becomes_an_event() -> None:
    record = gke("io.k8s.core.v1.pods.list", "core/v1/namespaces/shop/pods")
    assert event_of(GkeEntry(), record) == {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "stage": "ResponseComplete",
        "verb": "list",
        "auditID": "i-1",
        "user": {"username": "ana@dev.example"},
        "sourceIPs": ["10.0.0.9"],
        "userAgent": "kubectl/v1.32.5",
        "responseStatus": None,
        "requestReceivedTimestamp": "2026-09-21T13:33:20.1Z",
        "objectRef": {"resource": "pods", "namespace": "shop", "apiVersion": "v1"},
        "requestURI": "/api/v1/namespaces/shop/pods",
    }
    assert GkeEntry().unwrap(b"", record)[0].around == Around("2026-09-21T13:33:20.1Z", None, "prod")


# Google writes the group of RBAC in three ways; the resource's name decides.
@pytest.mark.parametrize(
    "method",
    [
        "io.k8s.authorization.rbac.v1.clusterroles.list",
        "io.k8s.rbac.v1.clusterroles.list",
        "io.k8s.rbac.authorization.v1.clusterroles.list",
    ],
)
def test_three_spellings_of_one_group(method: str) -> None:
    event = event_of(GkeEntry(), gke(method, "rbac.authorization.k8s.io/v1/clusterroles"))
    assert event["objectRef"] == {
        "resource": "clusterroles",
        "apiGroup": "rbac.authorization.k8s.io",
        "apiVersion": "v1",
    }
    assert event["requestURI"] == "/apis/rbac.authorization.k8s.io/v1/clusterroles"


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("core/v1/nodes", {"resource": "nodes", "apiVersion": "v1"}),
        ("core/v1/namespaces", {"resource": "namespaces", "apiVersion": "v1"}),
        (
            "core/v1/namespaces/shop",
            {"resource": "namespaces", "namespace": "shop", "name": "shop", "apiVersion": "v1"},
        ),
        (
            "core/v1/namespaces/shop/pods/web/log",
            {"resource": "pods", "namespace": "shop", "name": "web", "apiVersion": "v1", "subresource": "log"},
        ),
        (
            "authorization.k8s.io/v1/selfsubjectrulesreviews",
            {"resource": "selfsubjectrulesreviews", "apiGroup": "authorization.k8s.io", "apiVersion": "v1"},
        ),
    ],
)
def test_resource_names(name: str, reference: dict[str, str]) -> None:
    assert event_of(GkeEntry(), gke("io.k8s.x.v1.y.get", name))["objectRef"] == reference


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"status": {"code": 7, "message": "forbidden"}}, 403),
        ({"status": {"code": 16}}, 401),
        ({"status": {"code": 5}}, 404),
        ({"status": {"code": 99}}, 500),
        ({"status": {}}, 200),
        ({"authorizationInfo": [{"granted": True}]}, 200),
        ({"authorizationInfo": [{"granted": False}]}, 403),
        ({"authorizationInfo": [{"permission": "x"}]}, None),
    ],
)
def test_how_a_request_ended(payload: dict[str, Any], code: int | None) -> None:
    status = event_of(GkeEntry(), gke("io.k8s.core.v1.pods.list", "core/v1/pods", **payload))["responseStatus"]
    assert (status or {}).get("code") == code


def test_who_asked_and_from_where_in_all_spellings() -> None:
    record = gke("io.k8s.core.v1.pods.list", "core/v1/pods")
    record["protoPayload"]["authenticationInfo"] = {"authoritySelector": "system:anonymous"}
    record["protoPayload"]["requestMetadata"] = {"callerIP": "192.0.2.1"}
    event = event_of(GkeEntry(), record)
    assert (event["user"], event["sourceIPs"]) == ({"username": "system:anonymous"}, ["192.0.2.1"])


def test_a_watch_is_not_taken_for_a_whole_list() -> None:
    assert "requestURI" not in event_of(GkeEntry(), gke("io.k8s.core.v1.pods.watch", "core/v1/pods"))


def test_entries_of_other_services_are_left_alone() -> None:
    assert not GkeEntry().holds(b"", gke("x", "y", serviceName="container.googleapis.com"))
    assert not GkeEntry().holds(b"", {"protoPayload": []})


def test_a_method_without_a_verb_is_said() -> None:
    with pytest.raises(NotWrappedError, match="names no verb"):
        GkeEntry().unwrap(b"", gke("io.k8s.core.v1.pods.dance", "core/v1/pods"))


def test_what_an_export_of_changes_cannot_show() -> None:
    record = gke("io.k8s.core.v1.pods.create", "core/v1/namespaces/a/pods/b")
    assert GkeEntry().remark(record) is None
    assert (
        GkeEntry().remark({**record, "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity"})
        == "gke-no-data-access"
    )


ROW = {
    "TimeGenerated": "2026-09-21T13:33:20.1Z",
    "AuditId": "a-1",
    "Verb": "list",
    "RequestUri": "/api/v1/pods",
    "Level": "Metadata",
    "Stage": "ResponseComplete",
    "User": '{"username":"ana@dev.example"}',
    "SourceIps": '["10.0.0.9"]',
    "UserAgent": "kubectl/v1.32.5",
    "ObjectRef": '{"resource":"pods","apiVersion":"v1"}',
    "ResponseStatus": '{"code":200}',
    "_ResourceId": "/subscriptions/1/resourcegroups/2/providers/microsoft.containerservice/managedclusters/prod",
    "Type": "AKSAudit",
}


def test_a_row_becomes_an_event() -> None:
    assert event_of(Table(), ROW) == {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "stage": "ResponseComplete",
        "level": "Metadata",
        "auditID": "a-1",
        "requestURI": "/api/v1/pods",
        "verb": "list",
        "user": {"username": "ana@dev.example"},
        "sourceIPs": ["10.0.0.9"],
        "userAgent": "kubectl/v1.32.5",
        "objectRef": {"resource": "pods", "apiVersion": "v1"},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": "2026-09-21T13:33:20.100000+00:00",
    }
    assert Table().unwrap(b"", ROW)[0].around == Around("2026-09-21T13:33:20.1Z", None, "prod")


def test_columns_may_be_plain_or_empty() -> None:
    row = {
        **ROW,
        "User": "ana",
        "SourceIps": "10.0.0.9, 10.0.0.1",
        "ResponseStatus": "403",
        "ObjectRef": "",
        "UserAgent": None,
    }
    event = event_of(Table(), row)
    assert (event["user"], event["sourceIPs"]) == ({"username": "ana"}, ["10.0.0.9", "10.0.0.1"])
    assert (event["responseStatus"], "objectRef" in event, "userAgent" in event) == ({"code": 403}, False, False)


def test_a_native_event_is_no_row() -> None:
    assert not Table().holds(b"", {"verb": "list", "requestURI": "/", "auditID": "x"})  # inside an EventList
    assert Table().remark({"Type": "AKSAuditAdmin"}) == "aks-audit-admin"


OCSF = {
    "class_uid": 6003,
    "time": 1790000000100,
    "metadata": {"uid": "a-1", "log_level": "Metadata", "product": {"name": "Amazon EKS"}},
    "api": {"operation": "list", "response": {"code": 403, "message": "forbidden"}},
    "actor": {"user": {"name": "ana@dev.example", "groups": [{"name": "dev"}]}},
    "src_endpoint": {"ip": "10.0.0.9"},
    "http_request": {"user_agent": "kubectl/v1.32.5", "url": {"path": "/api/v1/pods", "query_string": "limit=500"}},
    "resources": [{"type": "pods", "namespace": "shop"}],
}


def test_an_api_activity_becomes_an_event() -> None:
    assert event_of(OcsfApiActivity(), OCSF) == {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "stage": "ResponseComplete",
        "verb": "list",
        "auditID": "a-1",
        "level": "Metadata",
        "requestURI": "/api/v1/pods?limit=500",
        "user": {"username": "ana@dev.example", "groups": ["dev"]},
        "sourceIPs": ["10.0.0.9"],
        "userAgent": "kubectl/v1.32.5",
        "responseStatus": {"code": 403, "message": "forbidden"},
        "requestReceivedTimestamp": "2026-09-21T14:13:20.100000+00:00",
        "objectRef": {"resource": "pods", "namespace": "shop"},
    }


@pytest.mark.parametrize("change", [{"class_uid": 1007}, {"api": "x"}, {"metadata": {}, "http_request": {}}])
def test_other_ocsf_events_are_left_alone(change: dict[str, Any]) -> None:
    assert not OcsfApiActivity().holds(b"", {**OCSF, **change})


@pytest.mark.parametrize("wrapper", [GkeEntry(), Table(), OcsfApiActivity()])
def test_anything_else_is_none_of_them(wrapper: Any) -> None:
    assert not wrapper.holds(b"", None)
    assert not wrapper.holds(b"", {})
    assert wrapper.remark(None) is None


def test_real_entries_of_gke() -> None:
    """The unit-test events of another project: sparse, with `callerIP`, some without a time."""
    path = Path(__file__).parents[2] / "data" / "envelopes" / "gke.jsonl"
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    events = [event_of(GkeEntry(), entry) for entry in entries]
    assert [
        (
            one["verb"],
            one["objectRef"].get("resource"),
            one["user"]["username"],
            (one["responseStatus"] or {}).get("code"),
        )
        for one in events
    ] == [
        ("list", "pods", "user@example.com", 403),
        ("get", "pods", "system:anonymous", 200),
        ("create", "pods", "disallowed.user@example.com", None),
    ]


@pytest.mark.parametrize("odd", [True, 1.5, "x", {"a": 1}, [None, 3, []]])
def test_lists_may_be_anything(odd: object) -> None:
    record = gke("io.k8s.core.v1.pods.list", "core/v1/pods", authorizationInfo=odd)
    assert event_of(GkeEntry(), record)["responseStatus"] is None
    event = event_of(OcsfApiActivity(), {**OCSF, "actor": {"user": {"name": "ana", "groups": odd}}})
    assert event["user"] == {"username": "ana", "groups": []}
