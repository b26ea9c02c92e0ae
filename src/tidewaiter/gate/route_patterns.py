"""A request as the engine's router reads it, and the patterns of routes that a policy is made of.

A filter that reads a request target otherwise than the daemon can be walked around, so the target is read by
`meaning.engine_api`, which was measured on Docker Engine 20.10.24 and 26.1.5. What the daemon would only redirect
(doubled slashes, dot segments) or refuse to read is no route.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl

from tidewaiter.meaning.engine_api import engine_version, normalise_target
from tidewaiter.meaning.vocabulary import load

Power = Literal["root", "content"]  # packs/vocabulary/engine_power.yml says what they mean

_UNCLEAN = re.compile(r"//|/\.{1,2}(?:/|\Z)")
_ROUTE = re.compile(r"(\*|[A-Z]+(?:,[A-Z]+)*) +(/\S*)")
_VERSION = re.compile(r"/v\d[\d.]*/")
_PLACE = re.compile(r"\{(?:name|id)\}")
_WORD = re.compile(r"[a-z]{1,30}")
_QUERY_ERROR = re.compile(r";|%(?![0-9A-Fa-f]{2})")
_LONGEST_VERSION = 20
_MEMO_TARGET = 1024  # characters; longer targets are read, but not remembered


class Request(NamedTuple):
    """One request, read as the daemon reads it."""

    method: str
    path: str  # decoded, without the version in front
    query: str  # as sent
    version: tuple[int, ...]  # of the API, () when the path has none


class Route(NamedTuple):
    """A pattern of requests: `GET,HEAD /containers/*/json`."""

    text: str
    methods: frozenset[str]  # empty: any
    pattern: re.Pattern[str]

    def covers(self, request: Request) -> bool:
        """Tell whether a request is one of these."""
        return (not self.methods or request.method in self.methods) and bool(self.pattern.fullmatch(request.path))


def request_of(method: str, target: str) -> Request | None:
    """Read a request; None when the daemon would not read the target, or would only redirect it to another."""
    return _remembered(method, target) if len(target) <= _MEMO_TARGET else _request_of(method, target)


def _request_of(method: str, target: str) -> Request | None:
    path = normalise_target(target)
    if not path or _UNCLEAN.search(path):
        return None
    return Request(method, path, target.partition("?")[2], _numbers(engine_version(target)))


_remembered = lru_cache(maxsize=4096)(_request_of)


def _numbers(version: str) -> tuple[int, ...]:
    """Read a version as the daemon compares it: parts that are no number count as 0."""
    return tuple(int(part or 0) for part in version[:_LONGEST_VERSION].split(".")) if version else ()


def parameters(query: str) -> dict[str, list[str]] | None:
    """Give the values of each parameter; None for a query that versions of the daemon read differently.

    Go before 1.17 separates at `;` too, later versions refuse it, and refuse broken escapes.
    """
    if _QUERY_ERROR.search(query):
        return None
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="surrogateescape"):
        found.setdefault(name, []).append(value)
    return found


def route(text: str) -> Route:
    """Read a pattern of a policy. Raises ValueError with what is wrong with it."""
    found = _ROUTE.fullmatch(text.strip())
    if found is None:
        raise ValueError('a route is a method and a path, such as "GET /containers/json"')
    methods, path = found[1], found[2]
    if _VERSION.match(path):
        raise ValueError("a route has no version in front: it holds for all")
    if "?" in path or "%" in path or "#" in path:
        raise ValueError("a route is a decoded path without a query; parameters are named by themselves")
    if _UNCLEAN.search(path):
        raise ValueError("a route has no empty segment and no dot segment: the engine would only redirect it")
    if any("*" in part and part not in {"*", "**"} for part in path.split("/")):
        raise ValueError("* stands for a whole segment, ** for one or more")
    return Route(text.strip(), frozenset() if methods == "*" else frozenset(methods.split(",")), _pattern(path))


def _pattern(path: str) -> re.Pattern[str]:
    parts = {"*": "[^/]+", "**": ".+"}
    return re.compile("/".join(parts.get(part) or re.escape(part) for part in path.split("/")), re.DOTALL)


class Known(NamedTuple):
    """A route that the engine has, as the patterns that cover a request for it."""

    flat: str  # "GET /images/*/json"
    deep: str  # "GET /images/**/json": for names with slashes
    name: str  # of the object that the request is about; "" when the route names none

    @property
    def pattern(self) -> str:
        """Give the narrowest pattern that covers the request and others of the route."""
        return self.deep if "/" in self.name else self.flat


class _Row(NamedTuple):
    tree: str
    path: str
    pattern: re.Pattern[str]


def known(request: Request) -> Known | None:
    """Find the route of an engine that a request is for; None when there is none."""
    for row in _table().get((request.method, _head(request.path)), ()):
        found = row.pattern.fullmatch(request.path)
        if found is None:
            continue
        groups = found.groupdict()
        path = row.path
        if row.tree == "libpod" and "id" in groups:
            # There it is what to do (start, exec), not with what: a star would give more than was seen.
            if not _WORD.fullmatch(groups["id"]):
                return None
            path = path.replace("{id}", groups["id"])
        flat = _PLACE.sub("*", path)
        deep = _PLACE.sub("*", path.replace("{name}", "**"))
        return Known(
            f"{request.method} {flat}", f"{request.method} {deep}", groups.get("name") or groups.get("id") or ""
        )
    return None


def _head(path: str) -> str:
    """Give the first parts of a path, which are literal in every route; they find the few worth trying."""
    parts = path.split("/", 3)
    return "/".join(parts[1:3]) if parts[1] == "libpod" else parts[1]


@cache
def _table() -> dict[tuple[str, str], list[_Row]]:
    found: dict[tuple[str, str], list[_Row]] = {}
    tables: dict[str, Any] = load("engine_routes.yml")
    for tree in ("docker", "libpod"):
        for methods, path, *_ in tables[tree]:
            text = re.escape(path).replace(r"\{name\}", "(?P<name>.+)").replace(r"\{id\}", "(?P<id>[^/]+)")
            for method in methods.split():
                found.setdefault((method, _head(path)), []).append(_Row(tree, path, re.compile(text, re.DOTALL)))
    return found


def power(request: Request) -> Power | None:
    """Say whether a route makes its user root on the host, or hands out content; None for all others."""
    return next((kind for kind, pattern in _powers() if pattern.covers(request)), None)


@cache
def _powers() -> tuple[tuple[Power, Route], ...]:
    table: dict[Power, list[str]] = load("engine_power.yml")
    return tuple((kind, route(text)) for kind, texts in table.items() for text in texts)
