"""Templates of Kubernetes audit lines, written as kube-apiserver 1.36 writes them.

The Go encoder's key order and its escaping of `&`, `<` and `>` decide how fast a reader or a byte filter is, so they
are kept exactly. A template has four holes, in the order of the line: auditID, resourceVersion, the time the request
was received, the time of the stage. A line without a resourceVersion swallows that hole (`%.0s`).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

ID, VERSION, AT, DONE = "@{id}", "@{version}", "@{at}", "@{done}"  # `{` never stands in a URI or a name here
KUBECTL = "kubectl/{} (linux/amd64) kubernetes/{}"
Json = dict[str, Any]


class Caller(NamedTuple):
    """Who sends requests, from where and with which program."""

    user: Json
    address: str
    agent: str
    reason: str  # of the authorizer
    impersonated: Json | None = None


class Kind(NamedTuple):
    """One kind of resource: its plural, its API group and version, and whether it lives in a namespace."""

    resource: str
    group: str
    version: str
    namespaced: bool


def kinds(table: str) -> dict[str, Kind]:
    """Read `resource group version namespaced|cluster` lines; the core group is written `-`."""
    rows = [row.split() for row in table.strip().splitlines()]
    return {
        r: Kind(r, "" if group == "-" else group, version, where == "namespaced") for r, group, version, where in rows
    }


KINDS = kinds("""
pods - v1 namespaced
services - v1 namespaced
endpoints - v1 namespaced
configmaps - v1 namespaced
secrets - v1 namespaced
events - v1 namespaced
serviceaccounts - v1 namespaced
persistentvolumeclaims - v1 namespaced
replicationcontrollers - v1 namespaced
resourcequotas - v1 namespaced
limitranges - v1 namespaced
nodes - v1 cluster
namespaces - v1 cluster
persistentvolumes - v1 cluster
deployments apps v1 namespaced
replicasets apps v1 namespaced
statefulsets apps v1 namespaced
daemonsets apps v1 namespaced
jobs batch v1 namespaced
cronjobs batch v1 namespaced
ingresses networking.k8s.io v1 namespaced
networkpolicies networking.k8s.io v1 namespaced
endpointslices discovery.k8s.io v1 namespaced
leases coordination.k8s.io v1 namespaced
horizontalpodautoscalers autoscaling v2 namespaced
poddisruptionbudgets policy v1 namespaced
roles rbac.authorization.k8s.io v1 namespaced
rolebindings rbac.authorization.k8s.io v1 namespaced
clusterroles rbac.authorization.k8s.io v1 cluster
clusterrolebindings rbac.authorization.k8s.io v1 cluster
storageclasses storage.k8s.io v1 cluster
csinodes storage.k8s.io v1 cluster
customresourcedefinitions apiextensions.k8s.io v1 cluster
certificates cert-manager.io v1 namespaced
tokenreviews authentication.k8s.io v1 cluster
subjectaccessreviews authorization.k8s.io v1 cluster
selfsubjectreviews authentication.k8s.io v1 cluster
selfsubjectaccessreviews authorization.k8s.io v1 cluster
selfsubjectrulesreviews authorization.k8s.io v1 cluster
""")


def digest(*parts: str) -> str:
    """Give 64 hexadecimal digits that depend on nothing but the parts."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()


def uuid(*parts: str) -> str:
    """Give a stable UUID for a name."""
    d = digest(*parts)
    return f"{d[:8]}-{d[8:12]}-4{d[13:16]}-a{d[17:20]}-{d[20:32]}"


def account(namespace: str, name: str, node: str) -> Json:
    """Give the user of a service account whose token is bound to a pod."""
    full = f"{namespace}:{name}"
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    about = "authentication.kubernetes.io"
    extra = {
        f"{about}/credential-id": [f"JTI={uuid('jti', full)}"],
        f"{about}/node-name": [node],
        f"{about}/node-uid": [uuid("node", node)],
        f"{about}/pod-name": [f"{name}-{digest(full)[:9]}-{digest(full)[9:14]}"],
        f"{about}/pod-uid": [uuid("pod", full)],
    }
    return {
        "username": f"system:serviceaccount:{full}",
        "uid": uuid("sa", full),
        "groups": groups,
        "extra": extra,
    }


def certificate(username: str, *groups: str) -> Json:
    """Give the user of a client certificate."""
    extra = {"authentication.kubernetes.io/credential-id": [f"X509SHA256={digest(username)}"]}
    return {"username": username, "groups": [*groups, "system:authenticated"], "extra": extra}


def path(kind: Kind, namespace: str = "", name: str = "", sub: str = "") -> str:
    """Give the request path of a collection or an object."""
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    place = f"/namespaces/{namespace}" if namespace else ""
    return root + place + f"/{kind.resource}" + (f"/{name}" if name else "") + (f"/{sub}" if sub else "")


def reference(kind: Kind, namespace: str = "", name: str = "", sub: str = "") -> Json:
    """Give the objectRef in Go's order, without empty fields (the core group has none)."""
    fields = {
        "resource": kind.resource,
        "namespace": namespace,
        "name": name,
        "apiGroup": kind.group,
        "apiVersion": kind.version,
        "resourceVersion": "",
        "subresource": sub,
    }
    return {key: value for key, value in fields.items() if value}


def allowed_by(binding: str, subject: str) -> str:
    """Give the authorizer's sentence for a cluster role binding."""
    return f'RBAC: allowed by ClusterRoleBinding "{binding}" of ClusterRole "{binding}" to {subject}'


def template(
    caller: Caller,
    verb: str,
    uri: str,
    ref: Json | None = None,
    *,
    code: int = 200,
    stage: str = "ResponseComplete",
    level: str = "Metadata",
    request: Json | None = None,
    response: Json | None = None,
) -> str:
    """Give one audit line (with its newline) as a template with four holes."""
    event: Json = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": level,
        "auditID": ID,
        "stage": stage,
        "requestURI": uri,
        "verb": verb,
        "user": caller.user if code != 401 else {},
    }
    if caller.impersonated:
        event["impersonatedUser"] = caller.impersonated
    event |= {"sourceIPs": [caller.address], "userAgent": caller.agent}
    if ref:
        event["objectRef"] = ref
    event["responseStatus"] = _status(caller, verb, ref, code)
    if request:
        event["requestObject"] = request
    if response:
        event["responseObject"] = response
    event |= {"requestReceivedTimestamp": AT, "stageTimestamp": DONE}
    if code != 401:  # a 401 never reached the authorizer (measured)
        forbidden = code == 403
        event["annotations"] = {
            "authorization.k8s.io/decision": "forbid" if forbidden else "allow",
            "authorization.k8s.io/reason": "" if forbidden else caller.reason,
        }
    return _with_holes(event)


def _status(caller: Caller, verb: str, ref: Json | None, code: int) -> Json:
    if code == 401:
        failure = {"status": "Failure", "message": "Unauthorized", "reason": "Unauthorized"}
        return {"metadata": {}, **failure, "code": code}
    if code == 403:
        what = (ref or {}).get("resource", "nonresource")
        who = caller.user["username"]
        message = (
            f'{what} is forbidden: User "{who}" cannot {verb} resource "{what}" in API group "" at the cluster scope'
        )
        reason = {"status": "Failure", "message": message, "reason": "Forbidden", "details": {"kind": what}}
        return {"metadata": {}, **reason, "code": code}
    return {"metadata": {}, "code": code}


def _with_holes(event: Json) -> str:
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    for character, escape in (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e"), ("%", "%%")):
        text = text.replace(character, escape)
    # The four holes are filled by position; a version stands in the URI, just after the id, or nowhere.
    swallowed = "%s" if VERSION in text else '%s"%.0s'
    text = text.replace(f'{ID}"' if VERSION not in text else ID, swallowed, 1)
    for hole in (VERSION, AT, DONE):
        text = text.replace(hole, "%s", 1)
    return text + "\n"


def read(caller: Caller, verb: str, resource: str, namespace: str = "", *, query: str = "", code: int = 200) -> str:
    """Give a list, or another read of a collection."""
    kind = KINDS[resource]
    uri = path(kind, namespace) + (f"?{query}" if query else "")
    return template(caller, verb, uri, reference(kind, namespace), code=code)


def named(
    caller: Caller, verb: str, resource: str, namespace: str, name: str, sub: str = "", *, code: int = 200
) -> str:
    """Give a request for one object."""
    kind = KINDS[resource]
    return template(caller, verb, path(kind, namespace, name, sub), reference(kind, namespace, name, sub), code=code)


def review(caller: Caller, resource: str) -> str:
    """Give the creation of an access review."""
    return template(caller, "create", path(KINDS[resource]), reference(KINDS[resource]), code=201)


def discover(caller: Caller, target: str, *, code: int = 200) -> str:
    """Give a request for an address without a resource: /api, /apis, /version, /healthz."""
    return template(caller, "get", target, code=code)


def watch(
    caller: Caller, resource: str, namespace: str = "", *, initial: bool = False, stage: str = "ResponseStarted"
) -> str:
    """Give a watch: of an established client (resourceVersion=N), or of one that asks for every object first."""
    kind = KINDS[resource]
    since = "resourceVersionMatch=NotOlderThan&sendInitialEvents=true" if initial else f"resourceVersion={VERSION}"
    seconds = 300 + int(digest(caller.agent, resource)[:4], 16) % 300
    times = f"timeout={seconds // 60}m{seconds % 60}s&timeoutSeconds={seconds}"
    uri = f"{path(kind, namespace)}?allowWatchBookmarks=true&{since}&{times}&watch=true"
    return template(caller, "watch", uri, reference(kind, namespace), stage=stage)
