from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tidewaiter.model import Activity, Actor, Origin
from tidewaiter.sources.falco_kube import kube_activity

AT = datetime(2026, 11, 23, 9, 21, 54, tzinfo=UTC)
ORIGIN = Origin(source="falco", path="falco.json", line=3, offset=99)
LIST = {"ka.verb": "list", "ka.uri": "/api/v1/namespaces/shop/pods?limit=500", "ka.user.name": "anna"}


def test_a_request_in_full() -> None:
    fields = {
        **LIST,
        "ka.user.name": "system:serviceaccount:shop:web",
        "ka.response.code": "200",
        "ka.useragent": "curl/8.5.0",
        "ka.sourceips": "(203.0.113.7,10.0.0.9)",
        "ka.auditid": "8f3a",
    }
    assert kube_activity(fields, id="x", at=AT, origin=ORIGIN) == Activity(
        id="8f3a",
        at=AT,
        actor=Actor(kind="service-account", name="shop/web", realm="kubernetes"),
        plane="kubernetes",
        verb="list",
        kind="pods",
        resource_class="workload",
        scope="namespace",
        namespace="shop",
        outcome="answered",
        address="10.0.0.9",
        tool="curl/8.5",
        text="list /api/v1/namespaces/shop/pods?limit=500",
        origin=ORIGIN,
    )


@pytest.mark.parametrize(
    ("over", "gives"),
    [
        ({}, "list pods namespace shop unknown by anna"),
        ({"ka.response.code": "403"}, "list pods namespace shop refused by anna"),
        ({"ka.user.name": None}, "list pods namespace shop unknown by unknown"),
        ({"ka.user.name": "system:anonymous"}, "list pods namespace shop unknown by unknown address"),
        ({"ka.impuser.name": "boss"}, "list pods namespace shop unknown by boss via anna"),
        ({"ka.uri": None, "ka.target.resource": "nodes"}, "list nodes everything unknown by anna"),
        (
            {"ka.uri": None, "ka.target.resource": "pods", "ka.target.namespace": "shop"},
            "list pods namespace shop unknown by anna",
        ),
        ({"ka.uri": "/version", "ka.verb": "get"}, "discover version everything unknown by anna"),
        ({"ka.uri": "/readyz", "ka.verb": "get"}, None),
        ({"ka.uri": "/api/v1/namespaces/shop/pods/a", "ka.verb": "get"}, None),
        (
            {"ka.uri": "/api/v1/namespaces/shop/pods/a", "ka.verb": "get", "ka.response.code": 404},
            "get pods one shop failed by anna",
        ),
        (
            {"ka.uri": "/api/v1/namespaces/shop/pods/a/exec", "ka.verb": "create"},
            "exec pods one shop unknown by anna",
        ),
        ({"ka.uri": "/api/v1/pods?resourceVersion=5", "ka.verb": "watch"}, None),
        ({"ka.uri": "/api/v1/pods?resourceVersion=0", "ka.verb": "watch"}, "list pods everything unknown by anna"),
        ({"ka.uri": None, "ka.target.resource": "pods", "ka.verb": "watch"}, None),
        ({"ka.uri": "/apis/coordination.k8s.io/v1/namespaces/a/leases/b", "ka.verb": "get"}, None),
        ({"ka.uri": "/api/v1/namespaces/shop/events", "ka.verb": "create"}, None),
        ({"ka.verb": None}, None),
        ({"ka.verb": "sing"}, None),
        ({"ka.uri": None}, None),
    ],
)
def test_requests(over: dict[str, Any], gives: str | None) -> None:
    found = kube_activity({**LIST, **over}, id="x", at=AT, origin=ORIGIN)
    if found is None:
        assert gives is None
        return
    who = f"{found.actor.name} via {found.actor.via}" if found.actor.via else found.actor.name
    parts = (found.verb, found.kind, found.scope, found.namespace, found.outcome, "by", who)
    assert " ".join(part for part in parts if part) == gives


@pytest.mark.parametrize(
    ("addresses", "address"),
    [("10.0.0.9", "10.0.0.9"), (["1.1.1.1", "10.0.0.9"], "10.0.0.9"), (None, None), ([], None), ("", None)],
)
def test_the_peer_is_the_last_address(addresses: Any, address: str | None) -> None:
    found = kube_activity({**LIST, "ka.sourceips": addresses}, id="x", at=AT, origin=ORIGIN)
    assert found is not None
    assert found.address == address
