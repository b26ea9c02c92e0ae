from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.meaning import kube_api
from tidewaiter.meaning.kube_api import Request, parse_path, read_path, read_request, returns_existing
from tidewaiter.meaning.vocabulary import load, resource_class, traits
from tidewaiter.model import Meaning, Verb


def everything(verb: Verb, kind: str, *traits: str) -> Meaning:
    return Meaning(verb=verb, kind=kind, scope="everything", traits=traits)


def within(verb: Verb, kind: str, *traits: str, namespace: str = "shop") -> Meaning:
    return Meaning(verb=verb, kind=kind, scope="namespace", namespace=namespace, traits=traits)


def one(verb: Verb, kind: str, name: str, namespace: str | None = None, *traits: str) -> Meaning:
    return Meaning(verb=verb, kind=kind, scope="one", namespace=namespace, name=name, traits=traits)


EVERY_POD = everything("list", "pods", "all-namespaces")
NEW_PODS = everything("watch", "pods", "all-namespaces")
EVERY_POD_WATCHED = everything("list", "pods", "all-namespaces", "initial-events")
READS = [
    # core group and named groups, cluster-wide and in a namespace
    ("/api/v1/pods", EVERY_POD),
    ("/api/v1/pods?limit=500", EVERY_POD),
    ("/api/v1/nodes", everything("list", "nodes")),
    ("/api/v1/namespaces", everything("list", "namespaces")),
    ("/api/v1/namespaces/shop/pods", within("list", "pods")),
    ("/api/v1/namespaces/shop/pods/web-0", one("get", "pods", "web-0", "shop")),
    ("/api/v1/nodes/n1", one("get", "nodes", "n1")),
    ("/apis/apps/v1/deployments", everything("list", "deployments", "all-namespaces")),
    ("/apis/apps/v1/namespaces/shop/deployments/web", one("get", "deployments", "web", "shop")),
    ("/apis/rbac.authorization.k8s.io/v1/clusterroles", everything("list", "clusterroles")),
    ("/apis/example.com/v1alpha1/widgets", everything("list", "widgets", "all-namespaces")),
    ("/apis/metrics.k8s.io/v1beta1/nodes", everything("list", "nodemetrics", "substitute")),
    ("/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods", within("list", "podmetrics", "substitute")),
    ("/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/web-0", one("get", "podmetrics", "web-0", "shop")),
    ("/apis/custom.metrics.k8s.io/v1beta1/namespaces/shop/pods/*/cpu", within("list", "podmetrics")),
    # kinds that give away another one
    ("/apis/coordination.k8s.io/v1/leases", everything("list", "leases", "all-namespaces", "substitute")),
    (
        "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
        within("list", "leases", "substitute", namespace="kube-node-lease"),
    ),
    ("/apis/coordination.k8s.io/v1/namespaces/shop/leases", within("list", "leases")),
    (
        "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1",
        one("get", "leases", "n1", "kube-node-lease"),
    ),
    ("/apis/storage.k8s.io/v1/csinodes", everything("list", "csinodes", "substitute")),
    ("/apis/storage.k8s.io/v1/csinodes?watch=1", everything("list", "csinodes", "initial-events", "substitute")),
    ("/apis/storage.k8s.io/v1/csinodes/n1", one("get", "csinodes", "n1")),
    ("/api/v1/namespaces/shop/events", within("list", "events", "substitute")),
    # a namespace lies in itself, says the API server
    ("/api/v1/namespaces/shop", one("get", "namespaces", "shop", "shop")),
    ("/api/v1/namespaces/shop/status", one("get", "namespaces", "shop", "shop")),
    ("/api/v1/namespaces/shop/finalize", one("get", "namespaces", "shop", "shop")),
    # subresources
    ("/api/v1/namespaces/shop/pods/web-0/log?follow=true", one("logs", "pods", "web-0", "shop")),
    ("/api/v1/namespaces/shop/pods/web-0/exec?command=id", one("exec", "pods", "web-0", "shop")),
    ("/api/v1/namespaces/shop/pods/web-0/attach", one("exec", "pods", "web-0", "shop")),
    ("/api/v1/namespaces/shop/pods/web-0/portforward", one("connect", "pods/portforward", "web-0", "shop")),
    ("/api/v1/namespaces/shop/pods/web-0/proxy/", one("get", "pods/proxy", "web-0", "shop")),
    ("/api/v1/namespaces/shop/services/https:web:/proxy/x/y", one("get", "services/proxy", "https:web:", "shop")),
    (
        "/api/v1/namespaces/shop/services/ksm:8080/proxy/metrics",
        one("get", "services/proxy", "ksm:8080", "shop", "substitute"),
    ),
    (
        "/api/v1/namespaces/shop/pods/prom-0:9090/proxy/api/v1/query?query=up",
        one("get", "pods/proxy", "prom-0:9090", "shop", "substitute"),
    ),
    ("/api/v1/namespaces/shop/pods/web-0/status", one("get", "pods", "web-0", "shop")),
    ("/apis/apps/v1/namespaces/shop/deployments/web/scale", one("get", "deployments", "web", "shop")),
    ("/api/v1/nodes/n1/proxy", one("get", "nodes/proxy", "n1", None, "node-proxy")),
    ("/api/v1/nodes/n1/proxy/", one("get", "nodes/proxy", "n1", None, "node-proxy")),
    ("/api/v1/nodes/n1/proxy/debug/pprof", one("get", "nodes/proxy", "n1", None, "node-proxy")),
    ("/api/v1/nodes/n1/proxy/pods", one("list", "nodes/pods", "n1", None, "node-proxy")),
    ("/api/v1/nodes/https:n1:10250/proxy/runningpods/", one("list", "nodes/pods", "n1", None, "node-proxy")),
    ("/api/v1/nodes/n1:10250/proxy/configz", one("get", "nodes/configz", "n1", None, "node-proxy")),
    ("/api/v1/nodes/n1/proxy/stats/summary", one("get", "nodes/stats", "n1", None, "node-proxy")),
    ("/api/v1/nodes/n1/proxy/metrics/cadvisor", one("get", "nodes/metrics", "n1", None, "node-proxy")),
    ("/api/v1/nodes/n1/proxy/logs/syslog", one("get", "nodes/log", "n1", None, "node-proxy")),
    ("/api/v1/nodes/n1/proxy/healthz", one("probe", "nodes/healthz", "n1", None, "node-proxy")),
    ("/api/v1/nodes/n1/proxy/containerLogs/shop/web-0/web", one("logs", "pods", "web-0", "shop", "node-proxy")),
    ("/api/v1/nodes/n1/proxy/exec/shop/web-0/web?command=id", one("exec", "pods", "web-0", "shop", "node-proxy")),
    ("/api/v1/nodes/n1/log", one("get", "nodes/log", "n1")),
    ("/api/v1/nodes/n1/metrics", one("get", "nodes/metrics", "n1")),
    ("/api/v1/nodes/n1/pods", one("list", "nodes/pods", "n1")),
    ("/apis/example.com/v1/things/t/pods", one("get", "things", "t")),
    # watches: a list, unless they say where to go on
    ("/api/v1/pods?watch=1", EVERY_POD_WATCHED),
    ("/api/v1/pods?watch=true&resourceVersion=0", EVERY_POD_WATCHED),
    ("/api/v1/pods?watch", EVERY_POD_WATCHED),
    ("/api/v1/pods?watch=yes&resourceVersion=77", NEW_PODS),
    ("/api/v1/pods?watch=false", EVERY_POD),
    ("/api/v1/pods?watch=False", EVERY_POD),
    ("/api/v1/pods?watch=0", EVERY_POD),
    ("/api/v1/pods?watch=0&watch=1", EVERY_POD),
    ("/api/v1/pods?watch=1&watch=0", EVERY_POD_WATCHED),
    ("/api/v1/pods?w%61tch=1&resourceVersion=5&sendInitialEvents=true", EVERY_POD_WATCHED),
    ("/api/v1/namespaces/shop/pods?watch=1", within("list", "pods", "initial-events")),
    ("/api/v1/namespaces/shop/pods/web-0?watch=1", one("get", "pods", "web-0", "shop")),
    # the deprecated form of a watch
    ("/api/v1/watch/pods", EVERY_POD_WATCHED),
    ("/api/v1/watch/pods?resourceVersion=9", NEW_PODS),
    ("/api/v1/watch/namespaces/shop/pods", within("list", "pods", "initial-events")),
    ("/api/v1/watch/namespaces/shop/pods/web-0", one("list", "pods", "web-0", "shop", "initial-events")),
    ("/apis/apps/v1/watch/deployments?resourceVersion=5", everything("watch", "deployments", "all-namespaces")),
    # selectors and pretending
    ("/api/v1/namespaces/shop/pods?fieldSelector=metadata.name%3Dweb-0", one("list", "pods", "web-0", "shop")),
    ("/api/v1/pods?fieldSelector=metadata.name==web-0,spec.nodeName=n1", one("list", "pods", "web-0")),
    ("/api/v1/pods?fieldSelector=spec.nodeName%3Dn1", Meaning(verb="list", kind="pods", scope="namespace")),
    ("/api/v1/pods?fieldSelector=spec.nodeName%3D", EVERY_POD),
    ("/api/v1/pods?fieldSelector=status.phase%3DRunning", EVERY_POD),
    ("/api/v1/pods?fieldSelector=metadata.namespace%3Dshop", within("list", "pods")),
    (
        "/api/v1/events?fieldSelector=involvedObject.name%3Dn1%2CinvolvedObject.kind%3DNode",
        one("list", "events", "n1"),
    ),
    ("/api/v1/pods?fieldSelector=metadata.name!=web-0", EVERY_POD),
    ("/api/v1/pods?fieldSelector=a%3Db&fieldSelector=metadata.name%3Dweb-0", EVERY_POD),
    ("/api/v1/pods?labelSelector=metadata.name%3Dweb-0", EVERY_POD),
    ("/api/v1/pods?dryRun=All", everything("list", "pods", "all-namespaces", "dry-run")),
    # other spellings of a path
    ("/api/v1/pods/", EVERY_POD),
    ("//api//v1///pods", EVERY_POD),
    ("/api/v1/%70ods", EVERY_POD),
    ("/api/v1/namespaces%2Fshop%2Fpods", within("list", "pods")),
    ("%2Fapi%2Fv1%2Fpods", EVERY_POD),
    ("/api/v1/namespaces/sh%6Fp/pods", within("list", "pods")),
    ("/api/v1/pods#here", EVERY_POD),
    ("api/v1/pods", EVERY_POD),
    # what names no resource
    ("/", everything("discover", "api")),
    ("", everything("discover", "api")),
    ("/api", everything("discover", "api")),
    ("/api/", everything("discover", "api")),
    ("/api/v1", everything("discover", "api")),
    ("/apis", everything("discover", "api")),
    ("/apis?timeout=32s", everything("discover", "api")),
    ("/apis/apps", everything("discover", "api")),
    ("/apis/apps/v1/", everything("discover", "api")),
    ("/openapi/v2", everything("discover", "api")),
    ("/openapi/v3/apis/apps/v1", everything("discover", "api")),
    ("/swagger.json", everything("discover", "api")),
    ("/.well-known/openid-configuration", everything("discover", "api")),
    ("/openid/v1/jwks", everything("discover", "api")),
    ("/version", everything("discover", "version")),
    ("/v%65rsion/", everything("discover", "version")),
    ("/livez?verbose", everything("probe", "health")),
    ("/readyz/etcd", everything("probe", "health")),
    ("/metrics/slis", everything("get", "metrics")),
    ("/logs/kube-apiserver.log", everything("get", "logs")),
    ("/debug/pprof/heap", everything("get", "debug")),
]


@pytest.mark.parametrize(("target", "meaning"), READS)
def test_reads_a_get(target: str, meaning: Meaning) -> None:
    assert read_path("GET", target) == meaning
    assert read_path("head", target) == meaning


@pytest.mark.parametrize(
    ("method", "target", "meaning"),
    [
        ("POST", "/api/v1/namespaces/shop/pods", within("create", "pods")),
        ("post", "/api/v1/namespaces/shop/pods/web-0/exec", one("exec", "pods", "web-0", "shop")),
        ("POST", "/api/v1/namespaces/shop/pods/web-0/attach", one("exec", "pods", "web-0", "shop")),
        ("POST", "/api/v1/namespaces/shop/pods/web-0/portforward", one("connect", "pods/portforward", "web-0", "shop")),
        (
            "POST",
            "/api/v1/namespaces/shop/serviceaccounts/ci/token",
            one("create", "serviceaccounts/token", "ci", "shop"),
        ),
        (
            "PATCH",
            "/api/v1/namespaces/shop/pods/web-0/ephemeralcontainers",
            one("update", "pods/ephemeralcontainers", "web-0", "shop"),
        ),
        (
            "PUT",
            "/apis/certificates.k8s.io/v1/certificatesigningrequests/x/approval",
            one("update", "certificatesigningrequests/approval", "x"),
        ),
        ("POST", "/api/v1/nodes/n1/proxy/run/shop/web-0/web", one("exec", "pods", "web-0", "shop", "node-proxy")),
        ("POST", "/api/v1/nodes/n1/proxy/x", one("create", "nodes/proxy", "n1", None, "node-proxy")),
        ("DELETE", "/api/v1/pods?dryRun=All", everything("list", "pods", "all-namespaces", "dry-run")),
        ("DELETE", "/api/v1/nodes/n1?dryRun=All", one("get", "nodes", "n1", None, "dry-run")),
        ("DELETE", "/api/v1/nodes/n1?dryRun=Nothing", one("delete", "nodes", "n1", None, "dry-run")),
        ("PUT", "/api/v1/nodes/n1/status", one("update", "nodes", "n1")),
        ("PATCH", "/api/v1/nodes/n1?dryRun=All", one("update", "nodes", "n1", None, "dry-run")),
        ("DELETE", "/api/v1/namespaces/shop/pods", within("delete", "pods")),
        ("DELETE", "/api/v1/namespaces/shop/pods/web-0", one("delete", "pods", "web-0", "shop")),
        ("DELETE", "/api/v1/namespaces/shop/pods/web-0/proxy/x", one("delete", "pods/proxy", "web-0", "shop")),
        ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", everything("review", "access")),
        (
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
            everything("review", "access", "rules-review"),
        ),
        ("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", everything("review", "access", "others-rights")),
        (
            "POST",
            "/apis/authorization.k8s.io/v1/namespaces/shop/localsubjectaccessreviews",
            everything("review", "access", "others-rights"),
        ),
        ("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", everything("review", "identity")),
        ("POST", "/apis/authentication.k8s.io/v1/tokenreviews", everything("review", "identity", "others-rights")),
        ("GET", "/healthz", everything("probe", "health")),
    ],
)
def test_reads_other_methods(method: str, target: str, meaning: Meaning) -> None:
    assert read_path(method, target) == meaning


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/containers/json"),
        ("GET", "/api-docs"),
        ("GET", "/Api/v1/pods"),
        ("GET", "/ui"),
        ("GET", "*"),
        ("OPTIONS", "/api/v1/pods"),
        ("", "/api/v1/pods"),
        ("POST", "/version"),
        ("CONNECT", "/api"),
    ],
)
def test_passes_over_what_is_nothing_of_the_api(method: str, target: str) -> None:
    assert read_path(method, target) is None


def test_takes_a_target_apart_as_the_api_server_does() -> None:
    assert [
        parse_path("GET", "/apis/apps/v1/namespaces/shop/deployments/web/scale?a=b"),
        parse_path("DELETE", "/api/v1/namespaces/shop/pods"),
        parse_path("GET", "/api/v1/nodes/n1/proxy/stats/summary?x=1"),
        parse_path("GET", "/apis/apps/v1"),
        parse_path("GET", "/api/v1"),
    ] == [
        Request("get", "deployments", "scale", "apps", "shop", "web", "a=b"),
        Request("delete", "pods", "", "", "shop"),
        Request("get", "nodes", "proxy", "", "", "n1", "x=1", "stats/summary"),
        None,
        None,
    ]


def test_an_audit_event_says_more_than_its_path() -> None:
    assert [
        read_request(Request("list", "pods", name="web-0")),  # with fieldSelector metadata.name
        read_request(Request("deletecollection", "pods", namespace="shop")),
        read_request(Request("proxy", "pods", namespace="shop")),
        read_request(Request("", "pods")),
    ] == [one("list", "pods", "web-0"), within("delete", "pods"), None, None]


@pytest.mark.parametrize(
    ("query", "existing"),
    [
        ("watch=1", True),
        ("", True),
        ("resourceVersion=", True),
        ("resourceVersion=0", True),
        ("resourceVersion=000", True),
        ("resourceVersion=%30", True),
        ("resourceVersion=1", False),
        ("resourceVersion=01", False),
        ("watch=1&resourceVersion=5123&timeoutSeconds=10", False),
        ("labelSelector=a%3Db&resourceVersion=5", False),
        ("resourceVersion=5&fieldSelector=a%3Db", False),
        ("resource%56ersion=5", False),
        ("resourceVersion=0&resourceVersion=5", True),
        ("resourceVersion=5&resourceVersion=0", False),
        ("resourceVersion&resourceVersion=5", True),
        ("resource%56ersion=0&resourceVersion=5", True),
        ("xresourceVersion=5", True),
        ("resourceVersionMatch=NotOlderThan&resourceVersion=5", False),
        # Go leaves a malformed parameter out
        ("resourceVersion=5%zz", True),
        ("resourceVersion=5;x", True),
        ("a;b&resourceVersion=5", False),
        ("sendInitialEvents=true&resourceVersion=5", True),
        ("resourceVersion=5&sendInitialEvents=1", True),
        ("resourceVersion=5&sendInitialEvents", True),
        ("resourceVersion=5&sendInitialEvents=false", False),
        ("resourceVersion=5&sendInitialEvents=0&sendInitialEvents=1", False),
        ("resourceVersion=5&send%49nitialEvents=true", True),
        ("&&resourceVersion=5&", False),
    ],
)
def test_tells_whether_a_watch_first_returns_what_exists(query: str, existing: bool) -> None:
    assert returns_existing(query) is existing


_names = st.sampled_from(
    [
        "resourceVersion",
        "resource%56ersion",
        "resourceVersionMatch",
        "sendInitialEvents",
        "send%49nitialEvents",
        "watch",
        "x",
        "",
    ]
)
_values = st.sampled_from(
    ["", "=", "=0", "=00", "=1", "=42", "=05", "=true", "=false", "=%35", "=%30", "=5%z", "=5;6", "=a=b"]
)
_queries = st.lists(st.tuples(_names, _values).map("".join), max_size=5).map("&".join)


def _as_go_reads_it(query: str) -> bool:
    """The same question, answered by another parser of queries."""
    sound = "&".join(pair for pair in query.split("&") if ";" not in pair and "%z" not in pair)
    found = parse_qs(sound, keep_blank_values=True)
    sent = found.get("sendInitialEvents", ["false"])[0].lower() not in {"false", "0"}
    return sent or found.get("resourceVersion", [""])[0] in {"", "0", "00"}


@given(_queries)
def test_the_quick_look_and_the_slow_one_agree(query: str) -> None:
    whole = returns_existing(query)
    # A percent sign ahead keeps the quick pattern from matching, and means nothing.
    assert whole == returns_existing("%41=b&" + query) == _as_go_reads_it(query)


@given(st.sampled_from(["GET", "POST", "DELETE", "x"]), st.text() | st.text(alphabet="/%?&=#;.apivs012wtch"))
def test_never_raises_and_always_says_the_same(method: str, target: str) -> None:
    for candidate in (target, "/api/v1/" + target, "/apis/apps/v1/" + target, "/api/v1/pods?" + target):
        assert read_path(method, candidate) == read_path(method, candidate)
        assert isinstance(returns_existing(target), bool)


@given(st.sampled_from([target for target, _ in READS if "%" not in target and target.startswith("/")]), st.data())
def test_percent_encoding_changes_nothing(target: str, data: st.DataObject) -> None:
    path, mark, query = target.partition("?")
    chosen = data.draw(st.sets(st.integers(0, len(path) - 1)))
    encoded = "".join(f"%{ord(char):02X}" if at in chosen and char != "#" else char for at, char in enumerate(path))
    assert read_path("GET", encoded + mark + query) == read_path("GET", target)


@pytest.mark.parametrize(
    ("question", "yes", "no"),
    [
        (kube_api.is_heartbeat, Request("get", "leases", name="x"), Request("list", "leases")),
        (kube_api.is_kept_write, Request("create", "pods", "exec"), Request("create", "pods", "binding")),
        (kube_api.is_kept_write, Request("create", "tokenreviews"), Request("create", "events")),
        (kube_api.is_kept_write, Request("create", "deployments"), Request("create", "deployments", "scale")),
        (kube_api.is_kept_write, Request("patch", "clusterroles"), Request("patch", "clusterroles", "status")),
        (kube_api.is_kept_write, Request("update", "x", "approval"), Request("update", "pods")),
        (kube_api.is_kept_write, Request("delete", "pods", query="dryRun=All"), Request("delete", "pods")),
        (kube_api.is_kept_write, Request("deletecollection", "x", query="dryRun=All"), Request("get", "pods")),
        (kube_api.pretends, "a=b&dry%52un=All&dryRun=All", "dryRun=None&dryRun=All"),
        (kube_api.is_cluster_wide, "nodes", "pods"),
    ],
)
def test_answers_yes_and_no(question: Callable[[Any], bool], yes: object, no: object) -> None:
    assert (question(yes), question(no)) == (True, False)


def test_every_word_of_the_table_is_known() -> None:
    words = load("kube_requests.yml")
    kinds = [*words["renames"].values(), *words["cluster_wide"], *words["heartbeats"]]
    kinds += [kind for pair in words["substitutes"].items() for kind in pair]
    kinds += [kind for _, kind in words["kubelet"].values()]
    kinds += [*words["kept_writes"]["create"], *words["kept_writes"]["update"]]
    kinds += [kind for _, kind in words["non_resource"].values()] + [kind for kind, *_ in words["reviews"].values()]
    assert [kind for kind in kinds if resource_class(kind) == "custom"] == []
    assert {trait for _, *more in words["reviews"].values() for trait in more} <= set(traits())
