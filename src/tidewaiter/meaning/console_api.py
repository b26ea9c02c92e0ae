"""What a request to the backend of the Kubernetes Dashboard asks the cluster behind it.

Source: the routes of kubernetes/dashboard 2.7 and 7, `/api/v1/pod/NAMESPACE/NAME`: kinds in the singular, which tells
them from the API server's own paths. `_all` or no namespace stands for all of them.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any
from urllib.parse import unquote

import msgspec

from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Meaning, Verb

_PREFIX = "/api/v1/"
_THROUGH_API_SERVER = re.compile(r"/api/v1/namespaces/[^/]+/services/[^/]*kubernetes-dashboard[^/]*/proxy(?=/)")
_METHODS: dict[str, Verb] = {"POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete"}
_LONGEST = 4096  # characters of a target; a longer one is no console's
_ALL = frozenset({"", "_all", " "})


@cache
def _words() -> dict[str, Any]:
    words: dict[str, Any] = load("console_routes.yml")["dashboard"]
    return words | {"ambiguous": frozenset(words["ambiguous"]), "queries": frozenset(words["queries"])}


def read_dashboard(method: str, target: str, *, known: bool = False) -> Meaning | None:
    """Say what a request to the Kubernetes Dashboard reads; None when it is none, or only the Dashboard's own business.

    `known`: the log says that the Dashboard was asked. It may also be reached through the API server's service proxy.
    """
    return _read(method, target, known) if len(target) <= _LONGEST else None


@lru_cache(maxsize=16384)
def _read(method: str, target: str, known: bool) -> Meaning | None:
    path, _, query = target.partition("#")[0].partition("?")
    through = _THROUGH_API_SERVER.match(path)
    if through:
        path = path[through.end() :]
    if not path.startswith(_PREFIX):
        return None
    parts = [unquote(part) for part in path[len(_PREFIX) :].rstrip("/").split("/")]
    if not (through or known) and parts[0] in _words()["ambiguous"] and not _is_telling(query):
        return None
    meaning = _resource(parts)
    if meaning is None or method in {"GET", "HEAD"} or meaning.verb == "exec":
        return meaning
    verb = _METHODS.get(method)
    return msgspec.structs.replace(meaning, verb=verb, traits=()) if verb else None


def _is_telling(query: str) -> bool:
    return any(pair.partition("=")[0] in _words()["queries"] for pair in query.split("&"))


def _resource(parts: list[str]) -> Meaning | None:
    words, first = _words(), parts[0]
    if first == "log" and len(parts) >= 3 and parts[1] not in {"source", "file"}:  # noqa: PLR2004 - log/NAMESPACE/POD
        return Meaning(verb="logs", kind="pods", scope="one", namespace=parts[1], name=parts[2])
    if first == "_raw":  # _raw/KIND[/namespace/NAMESPACE]/name/NAME
        return _raw(parts)
    if first in words["cluster"]:
        return _one_of(words["cluster"][first], parts[1:], None)
    if first in words["namespaced"]:
        namespace = parts[1] if len(parts) > 1 else ""
        return _one_of(words["namespaced"][first], parts[2:], None if namespace in _ALL else namespace, namespaced=True)
    return None


def _one_of(kind: str, rest: list[str], namespace: str | None, *, namespaced: bool = False) -> Meaning:
    """Read what follows the kind and the namespace: nothing, a name, or a name and something that belongs to it."""
    words = _words()
    if not rest:
        everywhere = namespaced and namespace is None
        return Meaning(
            verb="list",
            kind=kind,
            scope="namespace" if namespace else "everything",
            namespace=namespace,
            traits=("all-namespaces",) if everywhere else (),
        )
    below = rest[1] if len(rest) > 1 else ""
    if below == "shell":
        return Meaning(verb="exec", kind=kind, scope="one", namespace=namespace, name=rest[0])
    if below in words["namespaced"]:  # node/NAME/pod, deployment/NAMESPACE/NAME/event
        return Meaning(
            verb="list",
            kind=words["namespaced"][below],
            scope="namespace" if namespace else "everything",
            namespace=namespace,
        )
    return Meaning(verb="get", kind=kind, scope="one", namespace=namespace, name=rest[0])


def _raw(parts: list[str]) -> Meaning | None:
    words = _words()
    kind = (words["namespaced"] | words["cluster"]).get(parts[1]) if len(parts) > 1 else None
    names = dict(zip(parts[2::2], parts[3::2], strict=False))
    if kind is None or "name" not in names:
        return None
    return Meaning(verb="get", kind=kind, scope="one", namespace=names.get("namespace"), name=names["name"])
