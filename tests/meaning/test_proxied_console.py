from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.meaning.proxied_console import Console, hints, read_console, read_console_grpc
from tidewaiter.meaning.vocabulary import load, resource_class
from tidewaiter.model import Meaning

EVERYWHERE = {"scope": "everything", "traits": ("all-namespaces",)}
ALL = {"scope": "everything"}
IN_SHOP = {"scope": "namespace", "namespace": "shop"}
ONE = {"scope": "one", "namespace": "shop", "name": "web"}
APP = {"scope": "one", "name": "web"}


def says(console: str, verb: str, kind: str, **rest: Any) -> Console:
    return Console(console, Meaning(verb=verb, kind=kind, **rest))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        # passed on to an API server or an engine
        ("/clusters/main/api/v1/pods?limit=500", says("headlamp", "list", "pods", **EVERYWHERE)),
        ("/headlamp/clusters/main/apis/apps/v1/deployments", says("headlamp", "list", "deployments", **EVERYWHERE)),
        ("/clusters/main/version", says("headlamp", "discover", "version", **ALL)),
        ("/k8s/clusters/c-m-x7k2p/api/v1/namespaces/shop/pods/web/log", says("rancher", "logs", "pods", **ONE)),
        ("/k8s/clusters/local/apis", says("rancher", "discover", "api", **ALL)),
        ("/k8s/clusters/local/v1/pods", says("rancher", "list", "pods", **EVERYWHERE)),
        ("/k8s/clusters/local/v1/apps.deployments/shop/web", says("rancher", "get", "deployments", **ONE)),
        ("/k8s/clusters/local/v1/nodes/n1", says("rancher", "get", "nodes", scope="one", name="n1")),
        ("/api/kubernetes/api/v1/namespaces/shop/pods", says("openshift-console", "list", "pods", **IN_SHOP)),
        ("/api/prometheus/api/v1/query?query=kube_pod_info", says("openshift-console", "list", "pods", **ALL)),
        ("/api/endpoints/2/docker/containers/json?all=1", says("portainer", "list", "containers", **ALL)),
        ("/api/endpoints/2/docker/v1.41/info", says("portainer", "get", "daemon", **ALL)),
        ("/portainer/api/endpoints/2/docker/images/json", says("portainer", "list", "images", **ALL)),
        ("/api/endpoints/2/kubernetes/api/v1/secrets", says("portainer", "list", "secrets", **EVERYWHERE)),
        # their own
        ("/api/v1/applications/web/resource-tree", says("argo-cd", "list", "everything", **APP)),
        ("/api/v1/applications/web/pods/web-1/logs?container=c", says("argo-cd", "logs", "pods", **APP)),
        ("/api/v1/stream/applications?resourceVersion=1", says("argo-cd", "list", "applications", **ALL)),
        ("/api/v1/applications?fields=items.metadata.name", says("argo-cd", "list", "applications", **ALL)),
        ("/api/v1/applications/web?appNamespace=argocd", says("argo-cd", "get", "applications", **APP)),
        ("/v3/clusters/c-m-x7k2p", says("rancher", "get", "clusters", scope="one", name="c-m-x7k2p")),
        ("/v3/project/c-x7k2p:p-abcde/pods", says("rancher", "list", "pods", **ALL)),
        ("/v1/management.cattle.io.clusters", says("rancher", "list", "clusters", **EVERYWHERE)),
        ("/v1/apps.deployments/shop", says("rancher", "list", "deployments", **IN_SHOP)),
        ("/v1/pods?exclude=metadata.managedFields", says("rancher", "list", "pods", **EVERYWHERE)),
        ("/api/kubernetes/2/namespaces", says("portainer", "list", "namespaces", **ALL)),
        ("/api/kubernetes/2/namespaces/shop/services", says("portainer", "list", "services", **IN_SHOP)),
        ("/api/docker/2/dashboard", says("portainer", "list", "everything", **ALL)),
        ("/api/endpoints?start=1&limit=10&excludeSnapshots=true", says("portainer", "list", "clusters", **ALL)),
    ],
)
def test_reads_what_only_a_console_has(target: str, expected: Console) -> None:
    assert read_console("GET", target, "browser", "") == expected


AMBIGUOUS = [
    ("/api/v1/applications", "argo-cd", "list", "applications"),
    ("/api/v1/clusters", "argo-cd", "list", "clusters"),
    ("/api/v1/projects", "argo-cd", "list", "projects"),
    ("/api/v1/applications/web/logs", "argo-cd", "logs", "pods"),
    ("/v3/clusters", "rancher", "list", "clusters"),  # Kafka's REST proxy has it as well
    ("/v1/pods", "rancher", "list", "pods"),
    ("/v1/counts", "rancher", "list", "everything"),
    ("/api/stacks", "portainer", "list", "stacks"),
    ("/api/endpoints", "portainer", "list", "clusters"),
    ("/api/helm/releases", "openshift-console", "list", "releases"),
]


@pytest.mark.parametrize(("target", "console", "verb", "kind"), AMBIGUOUS)
def test_what_any_application_may_have_needs_a_hint(target: str, console: str, verb: str, kind: str) -> None:
    assert read_console("GET", target, "browser", "") is None
    assert read_console("GET", target, "browser", "headlamp") is None
    found = read_console("GET", target, "browser", console)
    assert found is not None
    assert (found.name, found.meaning.verb, found.meaning.kind) == (console, verb, kind)


def test_a_client_may_name_its_console() -> None:
    assert read_console("GET", "/api/v1/clusters", "argocd-client", "") == says("argo-cd", "list", "clusters", **ALL)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/"),
        ("GET", "/clusters/main/orders"),
        ("GET", "/k8s/clusters/local"),
        ("GET", "/api/endpoints/main/docker/containers/json"),
        ("GET", "/api/endpoints/2/docker/orders"),
        ("GET", "/v3/clusters/lkc-xxxxx/topics"),
        ("GET", "/v1/orders"),
        ("GET", "/v1/chat.completions"),
        ("GET", "/api/v1/users"),
        ("POST", "/v3/clusters/local?action=backupEtcd"),
        ("BREW", "/k8s/clusters/local/v1/pods"),
    ],
)
def test_leaves_other_paths_alone(method: str, target: str) -> None:
    assert read_console(method, target, "browser", "") is None


def test_a_method_that_writes_is_no_read() -> None:
    created = read_console("POST", "/api/endpoints/2/docker/containers/create?name=x", "browser", "")
    assert created == says("portainer", "create", "containers", **ALL)
    deleted = read_console("DELETE", "/v1/apps.deployments/shop/web", "browser", "")
    assert deleted == says("rancher", "delete", "deployments", **ONE)
    config = read_console("POST", "/v3/clusters/local?action=generateKubeconfig", "browser", "")
    assert config == says("rancher", "get", "kubeconfig", scope="one", name="local")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/application.ApplicationService/ResourceTree", says("argo-cd", "list", "everything", **ALL)),
        ("/cluster.ClusterService/Get", says("argo-cd", "get", "clusters")),
        ("/etcdserverpb.KV/Range", says("", "list", "everything", scope="everything", traits=("etcd-path",))),
        ("/etcdserverpb.KV/Put", None),
        ("/shop.v1.Orders/List", None),
    ],
)
def test_reads_grpc(target: str, expected: Console | None) -> None:
    assert read_console_grpc("POST", target) == expected
    assert read_console_grpc("GET", target) is None


def test_every_hint_and_route_names_a_known_console() -> None:
    words = load("console_routes.yml")
    names = set(dict(hints()).values())
    assert {row[0] for row in words["routes"]} | {one["console"] for one in words["proxied"]} <= names
    assert set(words["queries"]) | set(words["agents"].values()) <= names
    fixed = {row[5] for row in words["routes"]} - {
        "*",
        "applications",
        "repositories",
    }  # these two are custom resources
    assert {kind for kind in fixed if resource_class(kind) == "custom"} == set()


@given(st.text(), st.text())
def test_never_raises(method: str, rest: str) -> None:
    for target in (rest, "/v1/" + rest, "/k8s/clusters/c/" + rest, "/api/endpoints/1/docker/" + rest):
        for given_method in (method, "GET", "POST"):
            read_console(given_method, target, "browser", "rancher")
            read_console_grpc(given_method, target)
