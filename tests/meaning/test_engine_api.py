from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.meaning.engine_api import engine_version, normalise_target, read_grpc, read_target
from tidewaiter.meaning.vocabulary import load, resource_class
from tidewaiter.model import Meaning

LIST = Meaning(verb="list", kind="containers", scope="everything")
DISGUISED = Meaning(verb="list", kind="containers", scope="everything", traits=("encoded",))


def one(verb: str, kind: str, name: str | None, *traits: str) -> Meaning:
    return Meaning(verb=verb, kind=kind, scope="one" if name else "everything", name=name, traits=traits)  # type: ignore[arg-type]


# The request-target table measured on Docker Engine 20.10.24 and 26.1.5: what the daemon served, and what it did not.
SERVED = [
    ("/containers/json", LIST),
    ("/v1.41/containers/json", LIST),
    ("/v1.24/containers/json?all=1", LIST),
    ("/v1.41/containers/json?filters=%7B%22id%22%3A%5B%22a%22%5D%7D", LIST),
    ("/v01.41/containers/json", LIST),
    ("/v1.041/containers/json", LIST),
    ("/v1.41.0/containers/json", LIST),
    ("/v9.99/containers/json", LIST),
    ("http://evil/v1.41/containers/json", LIST),
    ("http://[::1]/containers/json", LIST),
    ("http:/v1.24/containers/json", LIST),
    ("/containers/json?x=\"é'", LIST),
    ("/v1.41/%63ontainers/json", DISGUISED),
    ("/v1.41/%63%6Fntainers/json", DISGUISED),
    ("/v1.41/containers%2Fjson?all=1", DISGUISED),
    ("/%76%31.41/containers/json", DISGUISED),
    ("/v1.41%2Fcontainers/json", DISGUISED),
    ("/v1.41/images/lab%2Fweb:2.1/json", one("get", "images", "lab/web:2.1")),
    ("/v1.41/images/l%61b/json", one("get", "images", "lab", "encoded")),
    ("/v1.41/images/lab%2Fweb%2Fjson", one("get", "images", "lab/web", "encoded")),
    ("/images/lab/web:2.1/history", one("get", "images", "lab/web:2.1")),
    ("/containers/%D0%B8/json", one("get", "containers", "и")),
    ("/containers/%ff/json", one("get", "containers", "\ufffd")),
]
# Redirected (301) or not found (404), as measured: asked for all the same, and a status says that it failed.
ASKED_FOR = [
    ("//v1.41//containers//json", LIST),
    ("/v1.41/containers/json/", LIST),
    ("/images/../containers/json", one("list", "containers", None, "dot-path")),
    ("/./v1.41/./volumes", one("list", "volumes", None, "dot-path")),
    ("/%2e%2e/containers/json", one("list", "containers", None, "dot-path")),
    ("/info/..%2fimages/json", one("list", "images", None, "dot-path", "encoded")),
    ("/containers/%2Fweb/json", one("get", "containers", "web")),
    ("/libpod/containers/json", LIST),
]
NOT_KNOWN = [
    "/v1.41/containers/json;x",
    "/v1.41/containers/json#frag",
    "/v1.41/containers/json%3Fall=1",
    "/Containers/JSON",
    "/shop/v2/images/json",
    "/shop/../etc/passwd",
    "/containers/%zz/json",
    "/containers/\x00/json",
    "containers/json",
    "*",
    "",
    "/",
    "//",
    "/..",
    "/v1.41/",
    "http://evil",
    "/v4.3.1/libpod/%63ontainers/json",
]


@pytest.mark.parametrize(("target", "meaning"), SERVED)
def test_reads_what_the_daemon_serves(target: str, meaning: Meaning) -> None:
    assert read_target("GET", target) == meaning


@pytest.mark.parametrize(("target", "meaning"), ASKED_FOR)
def test_reads_what_was_asked_for_though_not_served(target: str, meaning: Meaning) -> None:
    assert read_target("GET", target) == meaning


@pytest.mark.parametrize("target", NOT_KNOWN)
def test_passes_over_what_the_daemon_refuses_or_does_not_know(target: str) -> None:
    assert read_target("GET", target) is None


@pytest.mark.parametrize(
    ("method", "target", "meaning"),
    [
        ("HEAD", "/_ping", one("probe", "daemon", None)),
        ("GET", "/v1.41/info", one("get", "daemon", None)),
        ("GET", "/version", one("discover", "version", None)),
        ("GET", "/system/df", one("list", "everything", None)),
        ("GET", "/events", one("watch", "events", None)),
        ("GET", "/events?filters={}&since=1795425433", one("list", "events", None)),
        ("GET", "/events?filters=until=1", one("watch", "events", None)),
        ("GET", "/networks", one("list", "networks", None)),
        ("GET", "/networks/", one("list", "networks", None)),
        ("GET", "/networks/shop", one("get", "networks", "shop")),
        ("GET", "/volumes/data", one("get", "volumes", "data")),
        ("GET", "/plugins", one("list", "plugins", None)),
        ("GET", "/plugins/vieux/sshfs:latest/json", one("get", "plugins", "vieux/sshfs:latest")),
        ("GET", "/swarm", one("get", "swarm", None)),
        ("GET", "/swarm/unlockkey", one("get", "swarm/unlockkey", None)),
        ("GET", "/nodes", one("list", "swarm-nodes", None)),
        ("GET", "/nodes/n1", one("get", "swarm-nodes", "n1")),
        ("GET", "/services/s1/logs", one("logs", "swarm-services", "s1")),
        ("GET", "/tasks", one("list", "tasks", None)),
        ("GET", "/secrets", one("list", "swarm-secrets", None)),
        ("GET", "/configs", one("list", "swarm-configs", None)),
        ("GET", "/exec/e1/json", one("get", "exec-sessions", "e1")),
        ("GET", "/containers/web/logs?stdout=1", one("logs", "containers", "web")),
        ("GET", "/containers/web/top?ps_args=aux", one("get", "containers", "web")),
        ("GET", "/containers/web/stats", one("get", "containers", "web")),
        ("GET", "/containers/web/changes", one("get", "containers", "web")),
        ("GET", "/distribution/lab/web/json", one("get", "manifests", "lab/web")),
        ("GET", "/images/search?term=x", one("list", "registries", None)),
        # neighbours of the technique
        ("GET", "/containers/web/export", one("get", "containers/export", "web")),
        ("HEAD", "/containers/web/archive?path=/etc", one("get", "containers/archive", "web")),
        ("POST", "/containers/create?name=x", one("create", "containers", None)),
        ("POST", "/containers/web/exec", one("exec", "containers", "web")),
        ("POST", "/exec/e1/start", one("exec", "exec-sessions", "e1")),
        ("POST", "/containers/web/start", one("update", "containers", "web")),
        ("DELETE", "/containers/web?force=1", one("delete", "containers", "web")),
        ("POST", "/build", one("create", "images", None)),
        ("POST", "/session", one("connect", "build-cache", None)),
        # podman
        ("GET", "/v4.3.1/libpod/containers/json", LIST),
        ("GET", "/v4.9.4-rhel/libpod/pods/json", one("list", "pods", None)),
        ("GET", "/v5.0.0/libpod/images/lab%2Fweb/json", one("get", "images", "lab/web")),
        ("GET", "/v4.0.0/libpod/generate/kube?names=web", one("get", "pods", None)),
        ("GET", "/v4.0.0/libpod/containers/web/exists", one("get", "containers", "web")),
        ("GET", "/libpod/_ping", one("probe", "daemon", None)),
        ("GET", "/v5.6.0/libpod/artifacts/json", one("list", "images", None)),
        # CRI-O
        ("GET", "/config", one("get", "daemon", None)),
        ("GET", "/containers/" + "0f" * 32, one("get", "containers", "0f" * 32)),
        # answered with 404
        ("HEAD", "/containers/json", LIST),
    ],
)
def test_reads_routes(method: str, target: str, meaning: Meaning) -> None:
    assert read_target(method, target) == meaning


@pytest.mark.parametrize(
    ("method", "target"),
    [("POST", "/containers/json"), ("OPTIONS", "/info"), ("get", "/info"), ("", "/info")],
)
def test_a_method_that_a_route_does_not_have_means_nothing(method: str, target: str) -> None:
    assert read_target(method, target) is None


@pytest.mark.parametrize(
    ("target", "path", "version"),
    [
        ("/v1.41/info?a=b", "/info", "1.41"),
        ("/%761%2E41%2Finfo", "/info", "1.41"),
        ("http://h/v1.41/info", "/info", "1.41"),
        ("/info", "/info", ""),
        ("/v1.41", "/v1.41", ""),
        ("/version", "/version", ""),
        ("/containers/%2525/json", "/containers/%25/json", ""),
        ("/%zz", "", ""),
    ],
)
def test_normalises_a_target(target: str, path: str, version: str) -> None:
    assert (normalise_target(target), engine_version(target)) == (path, version)


@pytest.mark.parametrize(
    ("target", "meaning"),
    [
        ("/runtime.v1.RuntimeService/ListPodSandbox", one("list", "pods", None)),
        ("/runtime.v1alpha2.ImageService/ListImages", one("list", "images", None)),
        ("/runtime.v1.RuntimeService/ContainerStatus", Meaning(verb="get", kind="containers")),
        ("/containerd.services.containers.v1.Containers/List", one("list", "containers", None)),
        ("/containerd.services.tasks.v1.Tasks/List?x=y", one("list", "tasks", None)),
        ("/runtime.v1.RuntimeService/UpdateContainerResources", None),
        ("/grpc.health.v1.Health/Check", None),
        ("/shop.v1.Orders/List", None),
        ("/runtime.v1.RuntimeService/ListPodSandbox/x", None),
    ],
)
def test_reads_grpc_methods(target: str, meaning: Meaning | None) -> None:
    assert read_grpc("POST", target) == meaning
    assert read_grpc("GET", target) is None


def test_every_grpc_method_has_a_kind_with_a_class() -> None:
    kinds = {kind for methods in load("engine_routes.yml")["grpc"].values() for _, kind in methods.values()}
    assert {kind for kind in kinds if resource_class(kind) == "custom"} == set()


def test_every_route_has_a_kind_with_a_class_and_can_be_reached() -> None:
    for tree, prefix in (("docker", ""), ("libpod", "/v4.0.0"), ("crio", "")):
        for methods, path, verb, kind in load("engine_routes.yml")[tree]:
            target = prefix + path.replace("{name}", "n").replace("{id}", "i").replace("{hex}", "a" * 64)
            for method in methods.split():
                meaning = read_target(method, target)
                assert meaning is not None, path
                assert (meaning.verb, meaning.kind) == (verb, kind), path
            assert resource_class(kind) != "custom", kind


@given(st.text(), st.text())
def test_never_raises_and_always_says_the_same(method: str, target: str) -> None:
    for candidate in (target, "/containers/" + target + "/json", "/v1.41/" + target, "/v4.0/libpod/images/" + target):
        assert read_target("GET", candidate) == read_target("GET", candidate)
        assert normalise_target(candidate) == normalise_target(candidate)
        read_target(method, candidate)


@given(st.sampled_from([target for target, _ in SERVED[:6]]), st.data())
def test_percent_encoding_changes_nothing_but_the_trait(target: str, data: st.DataObject) -> None:
    path, mark, query = target.partition("?")
    chosen = data.draw(st.sets(st.integers(1, len(path) - 1)))
    encoded = "".join(f"%{ord(char):02x}" if at in chosen else char for at, char in enumerate(path))
    meaning = read_target("GET", encoded + mark + query)
    assert meaning in (LIST, DISGUISED)
    assert normalise_target(encoded) == normalise_target(path)


def test_a_very_long_target_is_read_without_being_remembered() -> None:
    assert read_target("GET", "/containers/json?x=" + "y" * 100_000) == LIST
    assert read_target("GET", "/" + "a/" * 100_000) is None
