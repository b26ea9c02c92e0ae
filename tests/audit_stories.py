"""Lines of a Kubernetes audit log and the activities that the reader makes of them, by name."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from audit_event import address, line

from tidewaiter.model import Activity, Actor, Origin

STAMP = "2026-06-01T08:00:00.000001Z"


def identity(who: str, verb: str, uri: str, stamp: str = STAMP) -> str:
    """Name a request by what its client cannot choose, beside the auditID that it can."""
    said = blake2b(f"{who}\0{verb}\0{uri}".encode(), digest_size=8).hexdigest()
    return f"5c1f2a7e-0000-4000-8000-000000000001@{stamp}#{said}"


def request(line: int = 1, offset: int = 0, who: str = "ana@dev.example", **given: Any) -> Activity:
    """Give what the event of `audit_event.line()` becomes; `who` is the user as the server names it."""
    text = given.get("text", "list /api/v1/namespaces/shop/pods?limit=500")
    complete: dict[str, Any] = {
        "id": identity(who, *text.split(" ", 1)),
        "at": datetime(2026, 6, 1, 8, 0, 0, 1, UTC),
        "actor": Actor(kind="user", name="ana@dev.example", realm="kubernetes"),
        "plane": "kubernetes",
        "verb": "list",
        "kind": "pods",
        "resource_class": "workload",
        "scope": "namespace",
        "namespace": "shop",
        "outcome": "answered",
        "address": "10.0.0.9",
        "tool": "kubectl/1.32",
        "text": text,
        "origin": Origin(source="kube-audit", path="audit.log", line=line, offset=offset),
    }
    return Activity(**{**complete, **given})


def anonymous(**given: Any) -> Activity:
    return request(**{"who": "", "actor": Actor(kind="anonymous", name="10.0.0.9", realm="kubernetes"), **given})


POD: dict[str, Any] = {"resource": "pods", "namespace": "shop", "name": "web-0", "apiVersion": "v1"}
DASHBOARD = "/api/v1/namespaces/kd/services/kubernetes-dashboard/proxy"
LONG_URI = "/api/v1/namespaces/shop/pods?x=" + "y" * 9000
POD_URI = "/api/v1/namespaces/shop/pods/web-0"
EXEC: dict[str, Any] = {
    "requestURI": f"{POD_URI}/exec?command=id",
    "verb": "get",
    "objectRef": {**POD, "subresource": "exec"},
}
LOG: dict[str, Any] = {"requestURI": f"{POD_URI}/log", "verb": "get", "objectRef": {**POD, "subresource": "log"}}
MACHINE = "web/v0.0.0 (linux/amd64) kubernetes/$Format"  # reads single objects all day
ONE: dict[str, Any] = {"verb": "get", "requestURI": POD_URI, "objectRef": POD, "userAgent": MACHINE}
SECRET: dict[str, Any] = {
    **ONE,
    "requestURI": "/api/v1/namespaces/shop/secrets/s",
    "objectRef": {"resource": "secrets", "namespace": "shop", "name": "s"},
}
ROLE_URI = "/apis/rbac.authorization.k8s.io/v1/clusterroles/x"
ROLE: dict[str, Any] = {
    "requestURI": ROLE_URI,
    "objectRef": {"resource": "clusterroles", "apiGroup": "rbac.authorization.k8s.io", "name": "x"},
}
DISCOVERED: dict[str, Any] = {
    "verb": "discover",
    "resource_class": "api",
    "kind": "api",
    "scope": "everything",
    "namespace": None,
}
ONE_POD: dict[str, Any] = {"scope": "one", "name": "web-0"}
FORBIDDEN: dict[str, Any] = {"metadata": {}, "status": "Failure", "reason": "Forbidden", "code": 403}
EVERYWHERE: dict[str, Any] = {"scope": "everything", "namespace": None}

STORIES: list[tuple[str, bytes, list[Activity]]] = [
    ("list", line(), [request()]),
    ("request received", line(stage="RequestReceived", responseStatus=None), [request(outcome="unknown")]),
    ("refused", line(responseStatus=FORBIDDEN), [request(outcome="refused")]),
    ("failed", line(responseStatus={"code": 500}), [request(outcome="failed")]),
    ("not changed since", address("/api", responseStatus={"code": 304}), [request(text="get /api", **DISCOVERED)]),
    (
        "bad credential: one line, no user",
        line(stage="ResponseStarted", user={}, responseStatus={"code": 401}),
        [anonymous(outcome="refused", traits=("bad-credential",))],
    ),
    (
        "bad credential, user null",
        line(stage="ResponseStarted", user=None, responseStatus={"code": 401}).replace(
            b'"sourceIPs"', b'"user":null,"sourceIPs"'
        ),
        [anonymous(outcome="refused", traits=("bad-credential",))],
    ),
    (
        "anonymous is no bad credential",
        line(user={"username": "system:anonymous", "groups": ["system:unauthenticated"]}, responseStatus=FORBIDDEN),
        [anonymous(outcome="refused", who="system:anonymous")],
    ),
    (
        "impersonated",
        line(
            user={"username": "system:serviceaccount:console:web"},
            impersonatedUser={"username": "bo", "groups": ["dev"]},
        ),
        [
            request(
                who="system:serviceaccount:console:web",
                actor=Actor(kind="user", name="bo", realm="kubernetes", via="system:serviceaccount:console:web"),
                traits=("impersonating",),
                groups=("dev",),
            )
        ],
    ),
    (
        "impersonation denied: only the sentence tells",
        line(
            responseStatus={
                **FORBIDDEN,
                "message": 'User "ana" cannot impersonate-on:user-info:list resource "secrets"',
            }
        ),
        [request(outcome="refused", traits=("impersonating",))],
    ),
    (
        "the last address is the peer",
        line(sourceIPs=["10.1.1.1", "10.2.2.2", "127.0.0.1"]),
        [request(address="127.0.0.1", claimed="10.1.1.1", traits=("forwarded",))],
    ),
    ("no address, no agent", line(sourceIPs=None, userAgent=None), [request(address=None, tool=None)]),
    ("no addresses", line(sourceIPs=[]), [request(address=None)]),
    (
        "anonymous without an address",
        line(user={}, sourceIPs=None),
        [anonymous(actor=Actor(kind="anonymous", name="unknown address", realm="kubernetes"), address=None)],
    ),
    (
        "a token bound to a pod",
        line(
            user={
                "username": "system:serviceaccount:shop:web",
                "extra": {"authentication.kubernetes.io/pod-name": ["web-0"]},
            }
        ),
        [
            request(
                who="system:serviceaccount:shop:web",
                actor=Actor(kind="service-account", name="shop/web", realm="kubernetes"),
                container="web-0",
            )
        ],
    ),
    (
        "extra without values",
        line(user={"username": "ana@dev.example", "extra": {"authentication.kubernetes.io/pod-name": None, "x": []}}),
        [request()],
    ),
    (
        "no object: discovery",
        address("/apis/apps/v1?timeout=32s"),
        [request(text="get /apis/apps/v1?timeout=32s", **DISCOVERED)],
    ),
    (
        "no object: head",
        address("/version", verb="head"),
        [request(text="head /version", **{**DISCOVERED, "kind": "version", "resource_class": "topology"})],
    ),
    ("no object: health", address("/readyz?verbose"), []),
    ("no object: a write", address("/api", verb="post"), []),
    (
        "no object: metrics",
        address("/metrics"),
        [request(text="get /metrics", verb="get", kind="metrics", resource_class="other", **EVERYWHERE)],
    ),
    (
        "an empty object is none",
        address("/api", objectRef={}) + address("/version", objectRef={}),
        [
            request(text="get /api", **DISCOVERED),
            request(
                text="get /version",
                line=2,
                offset=len(address("/api", objectRef={})),
                **{**DISCOVERED, "kind": "version", "resource_class": "topology"},
            ),
        ],
    ),
    ("no object, but a path to one: the verb counts", line(objectRef=None), [request()]),
    ("no object, a collection that was got", address("/api/v1/pods"), []),
    (
        "list with fieldSelector",
        line(
            requestURI="/api/v1/pods?fieldSelector=metadata.name%3Dweb-0",
            objectRef={"resource": "pods", "name": "web-0"},
        ),
        [
            request(
                text="list /api/v1/pods?fieldSelector=metadata.name%3Dweb-0", scope="one", namespace=None, name="web-0"
            )
        ],
    ),
    (
        "watch with initial events",
        line(verb="watch", requestURI="/api/v1/pods?sendInitialEvents=true&watch=true", objectRef={"resource": "pods"}),
        [
            request(
                text="watch /api/v1/pods?sendInitialEvents=true&watch=true",
                traits=("all-namespaces", "initial-events"),
                **EVERYWHERE,
            )
        ],
    ),
    (
        "watch from zero",
        line(verb="watch", requestURI="/api/v1/namespaces/shop/pods?watch=1&resourceVersion=0"),
        [request(text="watch /api/v1/namespaces/shop/pods?watch=1&resourceVersion=0", traits=("initial-events",))],
    ),
    (
        "watch that goes on",
        line(verb="watch", requestURI="/api/v1/namespaces/shop/pods?watch=1&resourceVersion=815"),
        [],
    ),
    ("watch, nobody knows from where", line(verb="watch", requestURI=None), []),
    ("one object that is there", line(**ONE), []),
    ("one object, asked for", line(responseStatus=None, **ONE), []),
    (
        "one object, with a person's program",
        line(**{**ONE, "userAgent": "curl/8.5.0"}),
        [request(verb="get", tool="curl/8.5", text=f"get {POD_URI}", **ONE_POD)],
    ),
    ("a secret, by a kubelet", line(user={"username": "system:node:n1"}, **SECRET), []),
    (
        "a secret, by a program",
        line(user={"username": "system:serviceaccount:shop:web"}, **SECRET),
        [
            request(
                who="system:serviceaccount:shop:web",
                actor=Actor(kind="service-account", name="shop/web", realm="kubernetes"),
                verb="get",
                kind="secrets",
                resource_class="config",
                tool="web",
                text="get /api/v1/namespaces/shop/secrets/s",
                scope="one",
                name="s",
            )
        ],
    ),
    (
        "one object that is not there",
        line(verb="get", requestURI=POD_URI, objectRef=POD, responseStatus={"code": 404}),
        [request(verb="get", outcome="failed", text=f"get {POD_URI}", **ONE_POD)],
    ),
    (
        "exec",
        line(responseStatus={"code": 101}, **EXEC),
        [request(verb="exec", text=f"get {POD_URI}/exec?command=id", **ONE_POD)],
    ),
    ("logs", line(**LOG), [request(verb="logs", text=f"get {POD_URI}/log", **ONE_POD)]),
    (
        "dry run",
        line(requestURI="/api/v1/namespaces/shop/pods?dryRun=All"),
        [request(text="list /api/v1/namespaces/shop/pods?dryRun=All", traits=("dry-run",))],
    ),
    (
        "access review",
        line(
            verb="create",
            requestURI="/x",
            objectRef={"resource": "selfsubjectrulesreviews", "apiGroup": "authorization.k8s.io"},
            responseStatus={"code": 201},
        ),
        [
            request(
                verb="review",
                kind="access",
                resource_class="authority",
                text="create /x",
                traits=("rules-review",),
                **EVERYWHERE,
            )
        ],
    ),
    (
        "a pod is made",
        line(verb="create", responseStatus={"code": 201}),
        [request(verb="create", text="create /api/v1/namespaces/shop/pods?limit=500")],
    ),
    (
        "a pod is made by a controller",
        line(
            verb="create",
            user={"username": "system:serviceaccount:kube-system:replicaset-controller"},
            userAgent="kube-controller-manager/v1.36.2 (linux/amd64)",
        ),
        [],
    ),
    (
        "pretends to make a pod",
        line(verb="create", requestURI="/api/v1/namespaces/shop/pods?dryRun=All"),
        [request(verb="create", text="create /api/v1/namespaces/shop/pods?dryRun=All", traits=("dry-run",))],
    ),
    ("something else is made", line(verb="create", objectRef={"resource": "configmaps", "namespace": "shop"}), []),
    (
        "a role is changed",
        line(verb="patch", **ROLE),
        [
            request(
                verb="update",
                kind="clusterroles",
                resource_class="authority",
                text=f"patch {ROLE_URI}",
                scope="one",
                namespace=None,
                name="x",
            )
        ],
    ),
    (
        "pretends to delete all",
        line(verb="deletecollection", requestURI="/api/v1/namespaces/shop/pods?dryRun=All"),
        [request(text="deletecollection /api/v1/namespaces/shop/pods?dryRun=All", traits=("dry-run",))],
    ),
    (
        "a browser",
        line(userAgent="Mozilla/5.0 (X11; Linux x86_64)"),
        [request(tool="browser", traits=("web-console",))],
    ),
    (
        "the dashboard, through the proxy",
        line(
            verb="get",
            requestURI=f"{DASHBOARD}/api/v1/pod/shop",
            objectRef={
                "resource": "services",
                "subresource": "proxy",
                "namespace": "kd",
                "name": "kubernetes-dashboard",
            },
        ),
        [request(text=f"get {DASHBOARD}/api/v1/pod/shop", traits=("web-console",))],
    ),
    (
        "a kubelet, through the proxy",
        line(
            verb="get",
            requestURI="/api/v1/nodes/n1/proxy/pods?x=1",
            objectRef={"resource": "nodes", "subresource": "proxy", "name": "n1"},
        ),
        [
            request(
                kind="nodes/pods",
                resource_class="topology",
                text="get /api/v1/nodes/n1/proxy/pods?x=1",
                scope="one",
                namespace=None,
                name="n1",
                traits=("node-proxy",),
            )
        ],
    ),
    (
        "an old token",
        line(annotations={"authentication.k8s.io/legacy-token": "system:serviceaccount:shop:web"}),
        [request(traits=("legacy-token",))],
    ),
    ("update", line(verb="update", requestURI=POD_URI, objectRef=POD), []),
    ("delete of all", line(verb="deletecollection"), []),
    (
        "lease",
        line(verb="get", requestURI="/x", objectRef={"resource": "leases", "name": "n1"}, responseStatus={"code": 404}),
        [],
    ),
    (
        "another zone",
        line(requestReceivedTimestamp="2026-06-01T10:00:00.000001+02:00"),
        [
            request(
                id=identity(
                    "ana@dev.example",
                    "list",
                    "/api/v1/namespaces/shop/pods?limit=500",
                    "2026-06-01T10:00:00.000001+02:00",
                )
            )
        ],
    ),
    ("no time of arrival", line(requestReceivedTimestamp=None, stageTimestamp=STAMP), [request()]),
    (
        "a long target",
        line(requestURI=LONG_URI),
        [
            request(
                id=identity("ana@dev.example", "list", LONG_URI),
                text="list " + ("/api/v1/namespaces/shop/pods?x=" + "y" * 9000)[:500],
            )
        ],
    ),
]
