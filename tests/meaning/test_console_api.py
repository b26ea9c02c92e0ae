from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.meaning.console_api import read_dashboard
from tidewaiter.meaning.vocabulary import load, resource_class
from tidewaiter.model import Meaning, Verb

ONE = {"scope": "one", "namespace": "shop", "name": "web"}
EVERYWHERE = {"scope": "everything", "traits": ("all-namespaces",)}
IN_SHOP = {"scope": "namespace", "namespace": "shop"}
PROXIED = "/api/v1/namespaces/kd/services/https:kubernetes-dashboard:443/proxy/api/v1/secret"


@pytest.mark.parametrize(
    ("target", "verb", "kind", "rest"),
    [
        ("/api/v1/pod", "list", "pods", EVERYWHERE),
        ("/api/v1/pod/%5Fall?page=1", "list", "pods", EVERYWHERE),
        ("/api/v1/pod/shop", "list", "pods", IN_SHOP),
        ("/api/v1/pod/shop/web", "get", "pods", ONE),
        ("/api/v1/pod/shop/web/event", "list", "events", IN_SHOP),
        ("/api/v1/pod/shop/web/shell/c", "exec", "pods", ONE),
        ("/api/v1/deployment/shop", "list", "deployments", IN_SHOP),
        ("/api/v1/node", "list", "nodes", {"scope": "everything"}),
        ("/api/v1/node/n1", "get", "nodes", {"scope": "one", "name": "n1"}),
        ("/api/v1/node/n1/pod", "list", "pods", {"scope": "everything"}),
        ("/api/v1/namespace", "list", "namespaces", {"scope": "everything"}),
        ("/api/v1/service/shop?itemsPerPage=10", "list", "services", IN_SHOP),
        ("/api/v1/log/shop/web/c?logFilePosition=end", "logs", "pods", ONE),
        ("/api/v1/_raw/pod/namespace/shop/name/web", "get", "pods", ONE),
        ("/api/v1/_raw/node/name/n1", "get", "nodes", {"scope": "one", "name": "n1"}),
        (PROXIED, "list", "secrets", EVERYWHERE),
    ],
)
def test_reads_the_dashboards_own_paths(target: str, verb: Verb, kind: str, rest: dict[str, Any]) -> None:
    assert read_dashboard("GET", target) == Meaning(verb=verb, kind=kind, **rest)


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/api/v1/pods",  # the API server's
        "/api/v1/settings/global",
        "/api/v1/csrftoken/login",
        "/api/v1/login",
        "/api/v1/job",  # any application's
        "/api/v1/service/default?page=1",
        "/api/v1/event?limit=10",
        "/api/v1/_raw/pod",
        "/api/v1/_raw",
        "/api/v2/pod",
        "/api/v1/namespaces/kd/services/web/proxy/api/v1/secret",
        "/api/v1/pod/" + "x" * 5000,
    ],
)
def test_leaves_other_paths_alone(target: str) -> None:
    assert read_dashboard("GET", target) is None


def test_a_path_of_any_application_counts_when_the_dashboard_is_known_to_be_asked() -> None:
    assert read_dashboard("GET", "/api/v1/job", known=True) == Meaning(
        verb="list", kind="jobs", scope="everything", traits=("all-namespaces",)
    )
    assert read_dashboard("GET", "/api/v1/settings/global", known=True) is None


def test_a_method_that_writes_is_no_read() -> None:
    expected = Meaning(verb="delete", kind="pods", scope="one", namespace="shop", name="web")
    assert read_dashboard("DELETE", "/api/v1/pod/shop/web") == expected
    assert read_dashboard("BREW", "/api/v1/pod/shop/web") is None


def test_every_kind_has_a_class() -> None:
    words = load("console_routes.yml")["dashboard"]
    kinds = {*words["namespaced"].values(), *words["cluster"].values()}
    assert {kind for kind in kinds if resource_class(kind) == "custom"} == set()


@given(st.text())
def test_never_raises(rest: str) -> None:
    for target in (rest, "/api/v1/" + rest, "/api/v1/pod/" + rest, "/api/v1/_raw/" + rest):
        read_dashboard("GET", target)
