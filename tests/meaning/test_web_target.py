from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.meaning.web_target import Behind, Target, read_web
from tidewaiter.model import Meaning

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
    ("target", "behind", "console", "kind"),
    [
        ("/containers/json", Behind("docker_default docker d"), "", "containers"),
        ("/info", Behind("dockerfrontend dockerbackend dockersocket"), "", "daemon"),
        ("/volumes", Behind("unix:/var/run/docker.sock:"), "", "volumes"),
        ("/info/..%2fimages/json", Behind("acl docker d"), "", "images"),
        ("/containers/" + "0f" * 32, Behind(), "", "containers"),
        ("//v1.41//containers/json/", Behind(), "", "containers"),
        ("http://h/v1.41/containers/json", Behind(), "", "containers"),
        ("https://h:443/api/v1/pod/shop", Behind(), "kubernetes-dashboard", "pods"),
        ("/api/v1/secret", Behind("kubernetes-dashboard-kong-proxy-443"), "kubernetes-dashboard", "secrets"),
        ("/api/v1/clusters", Behind("", "argocd.shop.example"), "argo-cd", "clusters"),
        ("/api/v1/pods", Behind("", "rancher.shop.example"), "rancher", "pods"),
        ("/v2/_catalog", Behind(), "", "images"),
    ],
)
def test_the_upstream_and_the_host_tell_whose_path_it_is(target: str, behind: Behind, console: str, kind: str) -> None:
    found = read_web("GET", target, BROWSER, behind)
    assert found is not None
    assert (found.console, found.meaning.kind) == (console, kind)


@pytest.mark.parametrize(
    ("target", "behind"),
    [
        ("/info", Behind("docker-registry-5000")),
        ("/containers/json", Behind("", "docker.shop.example")),  # the client chooses the host name
        ("/containers/json", Behind("shop")),
        ("/api/v1/clusters", Behind("shop")),
    ],
)
def test_other_upstreams_prove_nothing(target: str, behind: Behind) -> None:
    assert read_web("GET", target, BROWSER, behind) is None


def test_grpc_is_read_by_its_service() -> None:
    listed = Meaning(verb="list", kind="pods", scope="everything")
    assert read_web("POST", "/runtime.v1.RuntimeService/ListPodSandbox", "grpc-go/1.64.0") == Target(listed, "engine")
    everything = Meaning(verb="list", kind="everything", scope="everything", traits=("etcd-path",))
    assert read_web("POST", "/etcdserverpb.KV/Range", "grpc-go/1.64.0") == Target(everything, "web")
    applications = Meaning(verb="list", kind="applications", scope="everything")
    assert read_web("POST", "/application.ApplicationService/List", "x") == Target(applications, "web", "argo-cd")
    assert read_web("POST", "/shop.Orders/List", "grpc-go/1.64.0") is None


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
