"""What a request to a web console asks for, for the consoles that have routes of their own or pass requests on.

Headlamp, Rancher, OpenShift's console and Portainer pass requests on to an API server or an engine: those mean what the
path behind the prefix means. Argo CD, Rancher and Portainer have routes of their own as well. Some look like anybody's
(`/api/v1/applications`): they count only with a telling query, client, or name of the upstream or host. The routes are
data: `packs/vocabulary/console_routes.yml`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

import msgspec

from tidewaiter.meaning import engine_api, kube_api
from tidewaiter.meaning.neighbour_api import Route, read_prometheus, route
from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Meaning, Scope, Verb

_STEVE = re.compile(r"/v1/(?:(?P<group>[a-z0-9-]+(?:\.[a-z0-9-]+)*)\.)?(?P<type>[a-z]+)(?P<rest>(?:/[^/]+){0,3})/?\Z")
_GRPC = re.compile(r"/([A-Za-z_][\w.]{0,200})/([A-Za-z_]\w{0,100})\Z")
_METHODS: dict[str, Verb] = {"POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete"}


class Console(NamedTuple):
    """A request to a web console: which one, and what it does."""

    name: str  # "" when it is no console's but a store's (etcd, Hubble)
    meaning: Meaning


class _Prefix(NamedTuple):
    console: str
    pattern: re.Pattern[str]
    speaks: str


@cache
def _words() -> dict[str, Any]:
    words: dict[str, Any] = dict(load("console_routes.yml"))
    words["proxied"] = [_Prefix(one["console"], re.compile(one["prefix"]), one["speaks"]) for one in words["proxied"]]
    words["routes"] = [route(*row[2:], row[0], row[1]) for row in words["routes"]]
    words["core"] = frozenset(words["kubernetes"]["core"])
    return words


@cache
def hints() -> tuple[tuple[str, str], ...]:
    """Give the words by which the name of an upstream or host tells a console, with the console's name."""
    return tuple(_words()["hints"].items())


def read_console(method: str, target: str, program: str, hint: str) -> Console | None:
    """Say what a request to a console does; None when it is not believed to be one.

    `program` is what the client calls itself; `hint` the console that stands behind the proxy, "" when nobody knows.
    """
    path, _, query = target.partition("#")[0].partition("?")
    for prefix in _words()["proxied"]:
        found = prefix.pattern.match(path)
        if found:
            meaning = _behind(prefix.speaks, method, path[found.end() :], query)
            return Console(prefix.console, meaning) if meaning else None
    hint = hint or _words()["agents"].get(program, "")
    for one in _words()["routes"]:
        own = _own_route(one, method, path, query, hint)
        if own:
            return own
    if path.startswith("/v1/") and (hint == "rancher" or _is_steve(path, query)):
        meaning = _steve(method, path)
        return Console("rancher", meaning) if meaning else None
    return None


def read_console_grpc(method: str, target: str) -> Console | None:
    """Say what a gRPC call to a console or a store does: `POST /application.ApplicationService/List`."""
    found = _GRPC.match(target.partition("?")[0]) if method == "POST" else None
    entry = _words()["grpc"].get(re.sub(r"\.v\d+(?=\.)", "", found[1])) if found else None
    row = entry[1].get(found[2]) if entry and found else None
    if entry is None or row is None:
        return None
    verb, kind = row
    traits = ("etcd-path",) if found and found[1].startswith("etcdserverpb.") else ()
    scope: Scope | None = "everything" if verb == "list" else None
    return Console(entry[0], Meaning(verb=verb, kind=kind, scope=scope, traits=traits))


def _behind(speaks: str, method: str, path: str, query: str) -> Meaning | None:
    target = f"{path}?{query}" if query else path
    if speaks == "engine":
        return engine_api.read_target(method, target)
    if speaks == "steve":
        return _steve(method, path)
    if speaks == "prometheus":
        return read_prometheus(path, query)
    return kube_api.read_path(method, target)


def _own_route(one: Route, method: str, path: str, query: str, hint: str) -> Console | None:
    console, telling = one.rest
    found = one.pattern.fullmatch(path) if method in one.methods else None
    if found is None or not (telling or hint == console or _asks_for(console, query)):
        return None
    if one.kind == "kubeconfig" and "generateKubeconfig" not in query:
        return None
    groups = found.groupdict()
    kind, name = one.kind, groups.get("name") or groups.get("pod") or groups.get("cluster") or groups.get("project")
    if kind == "*":
        kind, name = _words()["kinds"].get(groups["kind"], groups["kind"]), None
    listed = one.verb in {"list", "watch"} and kind != "everything"
    return Console(
        console,
        Meaning(
            verb=one.verb,
            kind=kind,
            scope="one" if name and not listed else "namespace" if groups.get("ns") else "everything",
            namespace=groups.get("ns"),
            name=None if listed else name,
        ),
    )


def _asks_for(console: str, query: str) -> bool:
    """Tell whether a query holds a parameter that only this console has."""
    wanted = _words()["queries"].get(console, ())
    return any(
        pair.startswith(one) if "=" in one else pair.partition("=")[0] == one
        for pair in query.replace("%5B", "[").replace("%5D", "]").split("&")
        for one in wanted
    )


def _is_steve(path: str, query: str) -> bool:
    found = _STEVE.match(path)
    if found is None:
        return False
    group = found["group"] or ""
    groups = _words()["steve_groups"]
    if any(group == one or group.endswith(f".{one}") for one in groups):
        return True
    return not group and found["type"] in _words()["core"] and _asks_for("rancher", query)


def _steve(method: str, path: str) -> Meaning | None:
    """Read a path of Rancher's Steve API: `/v1/[GROUP.]TYPE[/NAMESPACE][/NAME]`."""
    found = _STEVE.match(path)
    if found is None:
        return None
    kind, parts = found["type"] + ("s" if found["type"][-1] != "s" else ""), found["rest"].strip("/").split("/")
    namespace = name = None
    if kube_api.is_cluster_wide(kind):
        name = parts[0] or None
    else:
        namespace, name = parts[0] or None, parts[1] if len(parts) > 1 else None
    everywhere = not name and not namespace and not kube_api.is_cluster_wide(kind)
    meaning = Meaning(
        verb="get" if name else "list",
        kind=kind,
        scope="one" if name else "namespace" if namespace else "everything",
        namespace=namespace,
        name=name,
        traits=("all-namespaces",) if everywhere else (),
    )
    if method in {"GET", "HEAD"}:
        return meaning
    verb = _METHODS.get(method)
    return msgspec.structs.replace(meaning, verb=verb, traits=()) if verb else None
