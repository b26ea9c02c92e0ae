from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.meaning.web_target import read_web

BROWSER = "Mozilla/5.0 (X11; Linux x86_64)"
KUBECTL = "kubectl/v1.32.5 (linux/amd64) kubernetes/9894294"


@pytest.mark.parametrize(
    ("target", "agent", "plane", "kind"),
    [
        ("/v1.41/containers/json", "curl/8", "engine", "containers"),
        ("/%761.41/images/json", "curl/8", "engine", "images"),
        ("/v4.3.1/libpod/pods/json", "curl/8", "engine", "pods"),
        ("/volumes", "Docker-Client/28.2.2 (linux)", "engine", "volumes"),
        ("/info", "docker-sdk-python/7.1.0", "engine", "daemon"),
        ("/api/v1/pod/default", BROWSER, "web", "pods"),
        ("/api/v1/pods", BROWSER, "web", "pods"),
        ("/api/v1/namespaces/shop/services", BROWSER, "web", "services"),
        ("/api/v1/events?fieldSelector=x%3Dy", BROWSER, "web", "events"),
        ("/api/v1/events", KUBECTL, "web", "events"),
        ("/api/v1/nodes", "main/v0.0.0 (linux/arm64) kubernetes/$Format", "web", "nodes"),
        ("/apis", "curl/8", "web", "api"),
        ("/apis/apps/v1/deployments", "curl/8", "web", "deployments"),
        ("/apis/rbac.authorization.k8s.io/v1", "curl/8", "web", "api"),
    ],
)
def test_believes_what_is_telling(target: str, agent: str, plane: str, kind: str) -> None:
    found = read_web("GET", target, agent)
    assert found is not None
    assert (found.plane, found.meaning.kind) == (plane, kind)


@pytest.mark.parametrize(
    "target",
    [
        "/containers/json",  # an application may have such a path
        "/v2/containers/json",
        "/v2.0/networks",  # OpenStack
        "/v1/events",
        "/info",
        "/version",
        "/healthz",
        "/",
        "/api",
        "/api/v1/users",
        "/api/v1/events",
        "/api/v1/services?limit=10",
        "/api/v1/event",
        "/apis/shop/v1/orders",
        "/apis/shop.example/latest/orders",
        "/apiserver",
    ],
)
def test_does_not_believe_what_any_application_may_have(target: str) -> None:
    assert read_web("GET", target, BROWSER) is None


@given(st.text(), st.text())
def test_never_raises(rest: str, agent: str) -> None:
    for target in (rest, "/apis/" + rest, "/api/v1/" + rest, "/openapi/" + rest):
        read_web("GET", target, agent)
