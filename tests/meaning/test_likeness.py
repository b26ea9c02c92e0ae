from __future__ import annotations

import pytest
from factories import actor

from tidewaiter.meaning.likeness import likeness, node_pool, own_groups, workload


@pytest.mark.parametrize(
    ("kind", "name", "groups", "container", "expected"),
    [
        ("user", "ana", (), None, ()),
        ("user", "ana", ("dev", "ops"), None, ("groups:dev, ops",)),
        ("service-account", "shop/web", (), None, ("account:web",)),
        ("service-account", "shop/web", (), "cart-6d4b75cb6d-hx2z9", ("workload:cart", "account:web")),
        ("node", "worker-17", ("dev",), None, ("pool:worker-",)),
        ("anonymous", "198.51.100.7", (), None, ()),
        ("host-user", "root", (), None, ()),
    ],
)
def test_who_is_like_whom(
    kind: str, name: str, groups: tuple[str, ...], container: str | None, expected: tuple[str, ...]
) -> None:
    assert likeness(actor(kind=kind, name=name), groups, container) == expected


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        ("cart-6d4b75cb6d-hx2z9", "cart"),  # a deployment
        ("node-exporter-x7k2p", "node-exporter"),  # a daemon set, a job
        ("backup-29384760-x7k2p", "backup"),  # a scheduled job
        ("db-0", "db"),  # a stateful set
        ("my-shell", "my-shell"),  # made by hand
        ("-0", "-0"),  # no name at all
    ],
)
def test_a_pod_is_of_a_workload(pod: str, expected: str) -> None:
    assert workload(pod) == expected


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ("worker-1", "worker-"),
        ("worker-12", "worker-"),
        ("gke-prod-pool-a-1f2e3d4c-x7z9", "gke-prod-pool-a-fedc"),
        ("gke-prod-pool-a-1f2e3d4c-abcd", "gke-prod-pool-a-fedc"),
        ("ip-10-0-1-23.eu-west-1.compute.internal", "ip----.eu-west-.compute.internal"),
        ("aks-blue-12345678-vmss00000a", "aks-blue--vmss"),
    ],
)
def test_a_node_is_of_a_pool(node: str, expected: str) -> None:
    assert node_pool(node) == expected


def test_groups_that_everybody_is_in_say_nothing() -> None:
    assert own_groups(["ops", "system:authenticated", "dev", "dev", 7]) == ("dev", "ops")
