"""What a request to a Kubernetes API server does, from its path or from the attributes an audit event gives.

Paths follow the API conventions of Kubernetes 1.36: `/api/v1/…` for the core group, `/apis/GROUP/VERSION/…` for the
others, `namespaces/NS/RESOURCE/NAME/SUBRESOURCE` below. `/api/v1/watch/…` is the deprecated form of a watch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote, unquote_plus

from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Meaning, Scope, Verb

_METHOD_VERBS: dict[str, Verb] = {"POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete"}
_AUDIT_VERBS: dict[str, Verb] = {
    "get": "get",
    "list": "list",
    "watch": "watch",
    "create": "create",
    "update": "update",
    "patch": "update",
    "delete": "delete",
    "deletecollection": "delete",
}


# A query whose first resourceVersion is a number above zero; nothing that decides is percent-encoded.
_GOES_ON = re.compile(r"(?:(?!resourceVersion[=&])[^&%]*&)*resourceVersion=[1-9][0-9]*(?:&[^%]*)?\Z")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_READING = frozenset({"GET", "HEAD"})
_NODE_ADDRESS = re.compile(r"\Ahttps?:|:[0-9]*\Z")  # around the name in nodes/https:NAME:10250/proxy


class Request(NamedTuple):
    """The attributes of one request, as the authorizer sees them."""

    verb: str  # get, list, watch, create, update, patch, delete, deletecollection
    resource: str
    subresource: str = ""
    group: str = ""
    namespace: str = ""
    name: str = ""
    query: str = ""  # raw, without "?"
    rest: str = ""  # what follows "proxy/" when the server carries the request on


@cache
def _words() -> dict[str, Any]:
    words: dict[str, Any] = load("kube_requests.yml")
    words["cluster_wide"] = frozenset(words["cluster_wide"])
    words["heartbeats"] = frozenset(words["heartbeats"])
    words["telling_paths"] = frozenset(words["telling_paths"])
    return words


def parse_path(method: str, target: str) -> Request | None:
    """Take a request target apart, as the API server does; None when it names no resource."""
    path, _, query = target.partition("#")[0].partition("?")
    parts = [part for part in unquote(path).split("/") if part]  # decoded first: `%2F` parts as well as `/` does
    if len(parts) >= 3 and parts[0] == "api":  # noqa: PLR2004 - /api/VERSION/RESOURCE
        group, rest = "", parts[2:]
    elif len(parts) >= 4 and parts[0] == "apis":  # noqa: PLR2004 - /apis/GROUP/VERSION/RESOURCE
        group, rest = parts[1], parts[3:]
    else:
        return None
    watched = rest[0] == "watch" and len(rest) > 1
    if watched:
        rest = rest[1:]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]  # a namespace lies in itself, says the API server
        if len(rest) > 2 and rest[2] not in {"status", "finalize"}:  # noqa: PLR2004 - namespaces/NS/RESOURCE
            rest = rest[2:]
    resource, name, subresource = rest[0], "", ""
    if len(rest) > 1:
        name = rest[1]
    if len(rest) > 2:  # noqa: PLR2004 - RESOURCE/NAME/SUBRESOURCE
        subresource = rest[2]
    verb = _verb(method, query, named=bool(name), watched=watched)
    carried = "/".join(rest[3:]) if subresource == "proxy" else ""
    return Request(verb, resource, subresource, group, namespace, name, query, carried)


def _verb(method: str, query: str, *, named: bool, watched: bool) -> str:
    if watched:
        return "watch"
    method = method.upper()
    if method not in _READING:
        return _METHOD_VERBS.get(method, "")
    if named:  # the parameter `watch` counts for collections only
        return "get"
    return "watch" if _truthy(_first(query, "watch")) else "list"


def _parameters(query: str) -> Iterator[tuple[str, str]]:
    """Take a query apart as Go's net/url does, which leaves out what is malformed and goes on."""
    for pair in query.split("&"):
        if pair and ";" not in pair and not _BAD_ESCAPE.search(pair):
            key, _, value = pair.partition("=")
            yield unquote_plus(key), unquote_plus(value)


def _first(query: str, key: str) -> str | None:
    """Give the value of a parameter; of a repeated one the API server takes the first."""
    return next((value for name, value in _parameters(query) if name == key), None)


def _truthy(value: str | None) -> bool:
    """Read a boolean as Kubernetes does: absent, "0" and "false" are false, everything else is true."""
    return value is not None and value.lower() not in {"0", "false"}


def read_path(method: str, target: str) -> Meaning | None:
    """Say what a request target on an API server does; None when it is nothing of Kubernetes' API."""
    request = parse_path(method, target)
    if request:
        return read_request(request)
    return read_non_resource(target) if method.upper() in _READING else None


def read_non_resource(target: str) -> Meaning | None:
    """Say what a path that names no resource asks for: API discovery, version, health."""
    path = target.partition("#")[0].partition("?")[0]
    first = unquote(path).strip("/").partition("/")[0]
    found = _words()["non_resource"].get(first)
    if found is None:
        return None
    verb, kind = found
    return Meaning(verb=verb, kind=kind, scope="everything")


def read_request(request: Request) -> Meaning | None:
    """Say what a request does; None when its verb is not one of the API's."""
    verb = _AUDIT_VERBS.get(request.verb)
    if verb is None:
        return None
    query = request.query
    initial = verb == "watch" and returns_existing(query)
    dry = "dryRun=" in query
    if verb == "delete" and pretends(query):  # gives back what it would delete: the same disclosure as a read
        request = request._replace(verb="get" if request.name else "list")
    request, part = _narrowed(request)
    return _meaning(request._replace(query=""), initial=initial, dry=dry, part=part)


@lru_cache(maxsize=65536)
def _meaning(request: Request, *, initial: bool, dry: bool, part: bool) -> Meaning:
    words = _words()
    verb: Verb = _AUDIT_VERBS[request.verb]
    kind = words["renames"].get(f"{request.resource}.{request.group}", request.resource)
    traits = ["dry-run"] if dry else []
    if initial:  # the server sends every existing object first: the same disclosure as a list
        verb = "list"
        traits.append("initial-events")
    if request.resource in words["reviews"] and verb == "create":
        kind, *more = words["reviews"][request.resource]
        return Meaning(verb="review", kind=kind, scope="everything", traits=tuple(sorted([*traits, *more])))
    if request.name == "*" and verb == "get":  # custom.metrics.k8s.io: of every object
        request, verb = request._replace(name=""), "list"
    if request.resource == "nodes" and request.subresource == "proxy":
        return _through_kubelet(request, verb, traits)
    table = words["subresources"]
    sub = table.get(f"{request.resource}/{request.subresource}") or table.get(request.subresource)
    if sub:
        verb = sub[0] if verb in {"get", "list", "create"} else verb
        kind = f"{kind}/{request.subresource}" if sub[1] else kind
    whole = verb in {"list", "watch"} and not request.name
    if whole and not request.namespace and not part and kind not in words["cluster_wide"]:
        traits.append("all-namespaces")
    if (whole and _gives_away_another(request, kind)) or _is_telling(request):
        traits.append("substitute")
    return Meaning(
        verb=verb,
        kind=kind,
        scope="namespace" if part and not request.name else _scope(request),
        namespace=request.namespace or None,
        name=request.name or None,
        traits=tuple(sorted(traits)),
    )


def _through_kubelet(request: Request, verb: Verb, traits: list[str]) -> Meaning:
    """Say what a request to nodes/NAME/proxy/PATH asks the kubelet of that node."""
    segments = request.rest.split("/")
    found, kind = _words()["kubelet"].get(segments[0], ("get", "nodes/proxy"))
    # Paths such as exec/NAMESPACE/POD/CONTAINER name a pod; what they do does not depend on the method.
    acts = found in {"exec", "connect", "create", "logs"}
    namespace, name = segments[1:3] if acts and len(segments) > 2 else ("", "")  # noqa: PLR2004
    return Meaning(
        verb=found if acts or verb in {"get", "list", "watch"} else verb,
        kind=kind,
        scope="one",
        namespace=namespace or None,
        name=name or _NODE_ADDRESS.sub("", request.name) or None,
        traits=tuple(sorted({*traits, "node-proxy"})),
    )


def _gives_away_another(request: Request, kind: str) -> bool:
    words = _words()
    if kind == "leases" and request.namespace not in {"", words["node_leases"]}:
        return False
    return kind in words["substitutes"] and not request.subresource


def _is_telling(request: Request) -> bool:
    return request.subresource == "proxy" and request.rest.strip("/") in _words()["telling_paths"]


def _narrowed(request: Request) -> tuple[Request, bool]:
    """Take the field selector of a collection into account; tells also whether it leaves a part of the cluster."""
    if request.verb not in {"list", "watch"} or "fieldSelector" not in request.query:
        return request, False
    words, part = _words(), False
    name, namespace = request.name, request.namespace
    for term in (_first(request.query, "fieldSelector") or "").split(","):
        field, _, wanted = term.partition("=")
        wanted = wanted.removeprefix("=")
        if wanted and field in words["selects_one"]:
            name = name or wanted
        elif wanted and field == "metadata.namespace":
            namespace = namespace or wanted
        elif wanted and field in words["selects_part"]:
            part = True
    return request._replace(name=name, namespace=namespace), part


def _scope(request: Request) -> Scope:
    if request.name:
        return "one"
    return "namespace" if request.namespace else "everything"


def returns_existing(query: str) -> bool:
    """Tell whether a watch with this query first returns every existing object.

    Kubernetes API reference, "watch": with `sendInitialEvents=true`, and with no `resourceVersion` or with zero, the
    stream begins with synthetic ADDED events.
    """
    if _GOES_ON.match(query) and "sendInitialEvents" not in query:
        return False  # what nearly every watch looks like, told without taking the query apart
    # Zero may be written with any number of digits. What is no number is refused by the server.
    return _truthy(_first(query, "sendInitialEvents")) or not (_first(query, "resourceVersion") or "").strip("0")


def pretends(query: str) -> bool:
    """Tell whether the server is asked only to say what it would do (`dryRun=All`, the one value there is)."""
    return "dryRun" in query and _first(query, "dryRun") == "All"


def is_heartbeat(request: Request) -> bool:
    """Tell whether this is leader election or a node's sign of life: a lease read or written by name."""
    return request.resource in _words()["heartbeats"] and bool(request.name)


def is_cluster_wide(kind: str) -> bool:
    """Tell whether a built-in kind lives outside of namespaces."""
    return kind in _words()["cluster_wide"]


def is_kept_write(request: Request) -> bool:
    """Tell whether a write belongs to the story of looking around: reviews, programs run in a pod, what may follow."""
    words = _words()
    kept = words["kept_writes"]
    if request.verb == "create":
        if request.resource in words["reviews"]:
            return True
        return request.subresource in kept["subresources"]["create"] or (
            not request.subresource and request.resource in kept["create"]
        )
    if request.verb in {"update", "patch"}:
        return request.subresource in kept["subresources"]["update"] or (
            not request.subresource and request.resource in kept["update"]
        )
    return request.verb in {"delete", "deletecollection"} and pretends(request.query)
