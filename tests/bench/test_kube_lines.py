from __future__ import annotations

import json

import pytest

from bench.kube_lines import KINDS, Caller, account, certificate, discover, named, path, read, reference, review, watch

_CALLER = Caller(certificate("ana", "team"), "10.0.0.1", "kubectl/v1", "because")
_FILLED = ("the-id", 42, "T1", "T2")


@pytest.mark.parametrize(
    ("line", "verb", "uri", "ref"),
    [
        (
            read(_CALLER, "list", "pods", "shop", query="limit=500&labelSelector=a%3Db"),
            "list",
            "/api/v1/namespaces/shop/pods?limit=500&labelSelector=a%3Db",
            {"resource": "pods", "namespace": "shop", "apiVersion": "v1"},
        ),
        (
            named(_CALLER, "patch", "deployments", "shop", "web", "status"),
            "patch",
            "/apis/apps/v1/namespaces/shop/deployments/web/status",
            {
                "resource": "deployments",
                "namespace": "shop",
                "name": "web",
                "apiGroup": "apps",
                "apiVersion": "v1",
                "subresource": "status",
            },
        ),
        (
            review(_CALLER, "selfsubjectrulesreviews"),
            "create",
            "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
            {"resource": "selfsubjectrulesreviews", "apiGroup": "authorization.k8s.io", "apiVersion": "v1"},
        ),
        (discover(_CALLER, "/apis?timeout=32s"), "get", "/apis?timeout=32s", None),
    ],
)
def test_a_template_is_filled_into_a_request(line: str, verb: str, uri: str, ref: dict[str, str] | None) -> None:
    event = json.loads(line % _FILLED)
    found = (event["auditID"], event["verb"], event["requestURI"], event.get("objectRef"))
    assert found == ("the-id", verb, uri, ref)
    assert (event["requestReceivedTimestamp"], event["stageTimestamp"]) == ("T1", "T2")


def test_a_watch_of_an_established_client_continues_at_a_version() -> None:
    uri = json.loads(watch(_CALLER, "pods") % _FILLED)["requestURI"]
    assert "&resourceVersion=42&" in uri
    assert "sendInitialEvents" not in uri


def test_a_starting_watch_asks_for_everything_first() -> None:
    uri = json.loads(watch(_CALLER, "pods", initial=True) % _FILLED)["requestURI"]
    assert "sendInitialEvents=true" in uri
    assert "resourceVersion=" not in uri


def test_a_path_and_a_reference_leave_out_what_is_empty() -> None:
    assert path(KINDS["nodes"]) == "/api/v1/nodes"
    assert reference(KINDS["nodes"]) == {"resource": "nodes", "apiVersion": "v1"}


def test_a_service_account_is_bound_to_a_pod() -> None:
    user = account("shop", "api", "node-01")
    assert user["username"] == "system:serviceaccount:shop:api"
    assert user["groups"][1] == "system:serviceaccounts:shop"
    assert user["extra"]["authentication.kubernetes.io/node-name"] == ["node-01"]
