"""Which requests in a web server's or proxy's log are requests to a container API, and what they do.

A log of a proxy holds the paths of every application behind it, and an application may have a path /containers/json
or /api/v1/events. A target counts only when something beside the path's last words is telling: the version prefix of
an engine, the client, a namespace, a query that only Kubernetes knows, the name of the upstream the proxy sent it to.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any, NamedTuple

from tidewaiter.meaning import console_api, engine_api, kube_api
from tidewaiter.meaning.agents import tool_name
from tidewaiter.meaning.neighbour_api import read_neighbour
from tidewaiter.meaning.proxied_console import hints, read_console, read_console_grpc
from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Meaning, Plane

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,15}://[^/?]*(?=[/?]|\Z)")
_ENGINE_VERSION = re.compile(r"0*1\.0*[1-9]\d(?:\.\d+)?")  # 1.10 to 1.99; /v2.0/networks is OpenStack
_KUBE_VERSION = re.compile(r"v\d{1,2}(?:(?:alpha|beta)\d{1,2})?")
_KUBE_AGENT = re.compile(r" kubernetes/(?:[0-9a-f]{7,40}|\$Format)")  # client-go's default
_CRIO_CONTAINER = re.compile(r"/containers/[0-9a-f]{64}")
_WORD = re.compile(r"[a-z]+")
_LONGEST = 4096
_DASHBOARD = "kubernetes-dashboard"


class Target(NamedTuple):
    """A request that was believed: what it does, to which plane it speaks, and through which console."""

    meaning: Meaning
    plane: Plane
    console: str = ""


class Behind(NamedTuple):
    """What a proxy says about where it sent a request; "" where it does not say."""

    upstream: str = ""  # names of backend, server, service or router
    host: str = ""  # the name under which the client asked


@cache
def _words() -> dict[str, Any]:
    words: dict[str, Any] = dict(load("console_routes.yml"))
    words["engine_upstreams"] = {key: frozenset(names) for key, names in words["engine_upstreams"].items()}
    return words


def read_web(method: str, target: str, agent: str, behind: Behind = Behind()) -> Target | None:  # noqa: B008 - immutable
    """Say what a request in a web log does; None when it is not believed to be for a container API."""
    if len(target) > _LONGEST:
        return _read(method, target, agent, behind)
    return _remembered(method, target, agent, behind)


def _read(method: str, target: str, agent: str, behind: Behind) -> Target | None:
    engine = engine_api.read_target(method, target)
    if engine and _is_engine(target, agent, behind.upstream):
        return Target(engine, "engine")
    absolute = _ABSOLUTE.match(target)
    path = target[absolute.end() :] if absolute else target
    if not path.startswith("/") or len(path) > _LONGEST:
        return None
    hint = _console_behind(f"{behind.upstream} {behind.host} {absolute[0] if absolute else ''}")
    program = _program(agent)
    console = read_console(method, path, program, hint)
    if console:
        return Target(console.meaning, "web", console.name)
    dashboard = console_api.read_dashboard(method, path, known=hint == _DASHBOARD)
    if dashboard:
        return Target(dashboard, "web", _DASHBOARD)
    if path.startswith(("/api", "/openapi/")) and _is_kubernetes(path, agent):
        found = kube_api.read_path(method, path)
        return Target(found, "web", hint) if found else None
    return _grpc(method, path) or _neighbour(method, path, program)


_remembered = lru_cache(maxsize=16384)(_read)


def _grpc(method: str, path: str) -> Target | None:
    runtime = engine_api.read_grpc(method, path)
    if runtime:
        return Target(runtime, "engine")
    console = read_console_grpc(method, path)
    return Target(console.meaning, "web", console.name) if console else None


def _neighbour(method: str, path: str, program: str) -> Target | None:
    found = read_neighbour(method, path, program)
    return Target(found, "web") if found else None


def _console_behind(names: str) -> str:
    names = names.lower()
    return next((console for word, console in hints() if word in names), "")


def _is_engine(target: str, agent: str, upstream: str) -> bool:
    if _ENGINE_VERSION.fullmatch(engine_api.engine_version(target)):
        return True
    path = engine_api.normalise_target(target)
    if path.startswith("/libpod/") or _CRIO_CONTAINER.fullmatch(path) or _program(agent) in _words()["engine_agents"]:
        return True
    names = set(_WORD.findall(upstream.lower()))
    words = _words()["engine_upstreams"]
    return bool(names & words["words"]) and not names & words["not"]


def _program(agent: str) -> str:
    return (tool_name(agent) or "").partition("/")[0]


def _is_kubernetes(target: str, agent: str) -> bool:
    words = _words()["kubernetes"]
    if _KUBE_AGENT.search(agent) or _program(agent) in words["agents"]:
        return True
    path, _, query = target.partition("?")
    if path.rstrip("/") in {"/apis", "/openapi/v2", "/openapi/v3"}:
        return True
    parts = path.strip("/").split("/")
    if parts[0] == "apis":
        group, rest = parts[1], parts[2:]
        return ("." in group or group in words["groups"]) and (not rest or bool(_KUBE_VERSION.fullmatch(rest[0])))
    request = kube_api.parse_path("GET", target)
    if request is None or parts[:2] != ["api", "v1"] or request.resource not in words["core"]:
        return False
    asked = {pair.partition("=")[0] for pair in query.split("&")}
    return bool(request.namespace) or request.resource not in words["ambiguous"] or bool(asked & set(words["queries"]))
