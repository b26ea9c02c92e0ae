"""Which requests in a web server's or proxy's log are requests to a container API, and what they do.

A log of a proxy holds the paths of every application behind it, and an application may have a path /containers/json
or /api/v1/events. A target counts only when something beside the path's last words is telling: the version prefix of
an engine, the client, a namespace, a query that only Kubernetes knows.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any, NamedTuple

from tidewaiter.meaning import console_api, engine_api, kube_api
from tidewaiter.meaning.agents import tool_name
from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Meaning, Plane

_ENGINE_VERSION = re.compile(r"0*1\.0*[1-9]\d(?:\.\d+)?")  # 1.10 to 1.99; /v2.0/networks is OpenStack
_KUBE_VERSION = re.compile(r"v\d{1,2}(?:(?:alpha|beta)\d{1,2})?")
_KUBE_AGENT = re.compile(r" kubernetes/(?:[0-9a-f]{7,40}|\$Format)")  # client-go's default
_LONGEST = 4096


class Target(NamedTuple):
    """A request that was believed: what it does, and to which plane it speaks."""

    meaning: Meaning
    plane: Plane


@cache
def _words() -> dict[str, Any]:
    return dict(load("console_routes.yml"))


def read_web(method: str, target: str, agent: str) -> Target | None:
    """Say what a request in a web log does; None when it is not believed to be for a container API."""
    if len(target) > _LONGEST:
        return _read(method, target, agent)
    return _remembered(method, target, agent)


def _read(method: str, target: str, agent: str) -> Target | None:
    engine = engine_api.read_target(method, target)
    if engine and _is_engine(target, agent):
        return Target(engine, "engine")
    console = console_api.read_dashboard(method, target)
    if console:
        return Target(console, "web")
    if target.startswith(("/api", "/openapi/")) and _is_kubernetes(target, agent):
        found = kube_api.read_path(method, target)
        return Target(found, "web") if found else None
    return None


_remembered = lru_cache(maxsize=16384)(_read)


def _is_engine(target: str, agent: str) -> bool:
    if _ENGINE_VERSION.fullmatch(engine_api.engine_version(target)):
        return True
    return engine_api.normalise_target(target).startswith("/libpod/") or _program(agent) in _words()["engine_agents"]


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
