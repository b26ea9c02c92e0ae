from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.meaning.neighbour_api import read_neighbour
from tidewaiter.meaning.vocabulary import load, resource_class, traits
from tidewaiter.model import Meaning

KUBELET = {"scope": "everything", "traits": ("kubelet-path",)}
ETCD = {"scope": "everything", "traits": ("etcd-path",)}
POD = {"scope": "one", "namespace": "shop", "name": "web", "traits": ("kubelet-path",)}
ALL = {"scope": "everything"}


@pytest.mark.parametrize(
    ("method", "target", "verb", "kind", "rest"),
    [
        ("GET", "/runningpods/", "list", "pods", KUBELET),
        ("GET", "/containerLogs/shop/web/c?tailLines=10", "logs", "pods", POD),
        ("GET", "/stats/summary", "get", "nodes/stats", KUBELET),
        ("GET", "/configz", "get", "nodes/configz", KUBELET),
        ("POST", "/run/shop/web/c", "exec", "pods", POD),
        ("POST", "/v3/kv/range", "list", "everything", ETCD),
        ("GET", "/v2/keys/registry/pods?recursive=true", "list", "everything", ETCD),
        ("GET", "/v2/_catalog?n=100", "list", "images", ALL),
        ("GET", "/v2/library/web/tags/list", "list", "images", {"scope": "one", "name": "library/web"}),
        ("GET", "/api/v1.3/docker", "list", "containers", ALL),
        ("GET", "/api/v1.3/subcontainers/docker/x", "list", "containers", ALL),
        ("GET", "/api/rawdata", "list", "services", ALL),
        ("GET", "/config_dump?include_eds", "list", "services", ALL),
        ("GET", "/v1/catalog/service/web", "get", "services", {"scope": "one", "name": "web"}),
        ("GET", "/api/v1/query?query=sum(kube_pod_status_phase)", "list", "pods", ALL),
        ("GET", "/api/v1/query_range?query=rate%28container_cpu_usage_seconds_total%29", "list", "containers", ALL),
        ("GET", "/api/v1/series?match[]=kube_node_info", "list", "nodes", ALL),
        ("GET", "/api/v1/series?match[]=kube_lease_owner", "list", "metrics", ALL),
    ],
)
def test_reads_paths_that_only_one_program_has(
    method: str, target: str, verb: str, kind: str, rest: dict[str, Any]
) -> None:
    assert read_neighbour(method, target, "curl") == Meaning(verb=verb, kind=kind, **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/pods"),
        ("GET", "/metrics"),
        ("GET", "/spec"),
        ("GET", "/clusters"),
        ("POST", "/run/tests"),
        ("GET", "/v2/library/web/manifests/latest"),  # a pull
        ("HEAD", "/v2/"),
        ("GET", "/v2/keys/shop"),
        ("GET", "/api/v1/query?query=up"),
        ("GET", "/api/v1/query?query=http_requests_total"),
        ("GET", "/api/v1/labels"),
        ("POST", "/v2/_catalog"),
    ],
)
def test_leaves_what_other_programs_have_alone(method: str, target: str) -> None:
    assert read_neighbour(method, target, "curl") is None


def test_believes_a_tool_for_kubelets() -> None:
    assert read_neighbour("GET", "/pods/", "kubeletctl") == Meaning(
        verb="list", kind="pods", scope="everything", traits=("kubelet-path",)
    )


def test_every_route_has_a_class_and_its_traits_are_known() -> None:
    rows = load("console_routes.yml")["neighbours"]
    assert {row[3] for row in rows if resource_class(row[3]) == "custom"} == set()
    assert {row[4] for row in rows} - {""} <= set(traits())


@given(st.text(), st.text())
def test_never_raises(method: str, rest: str) -> None:
    for target in (rest, "/v2/" + rest, "/api/v1/query?query=" + rest, "/containerLogs/" + rest):
        for given_method in (method, "GET"):
            read_neighbour(given_method, target, "kubeletctl")
