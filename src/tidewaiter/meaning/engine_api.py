"""What a request to a container engine's HTTP API does, from its method and request target.

The target is read as dockerd reads it, because a filter that reads it otherwise can be walked around: Go takes the
path of an absolute-form target, decodes percent-escapes once (`%2F` too), and gorilla/mux then matches it with or
without a `/v1.41` prefix. Measured on Docker Engine 20.10.24 and 26.1.5. Podman 4.3 matches its own libpod tree
without decoding. The routes are data: `packs/vocabulary/engine_routes.yml`.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Meaning, Verb

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?://[^/?]*)?(?=[/?]|\Z)")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_VERSION = re.compile(r"/v[0-9.]+(?=/)")
_LIBPOD_VERSION = re.compile(r"/v[0-9][0-9A-Za-z.-]*(?=/libpod/)")
_NEEDLESS_ESCAPE = re.compile(r"%(?:3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])")  # of a letter or a digit
_UNCLEAN = re.compile(r"//|/\.{1,2}(?:/|\Z)")  # Go's path.Clean would change it: answered with 301
_MEMO_TARGET = 4096  # characters; longer targets are read, but not remembered


class _Split(NamedTuple):
    raw: str  # path as sent, version included
    path: str  # as the mux sees it, version included; "" when the daemon refuses to read it
    query: str


class _Route(NamedTuple):
    pattern: re.Pattern[str]
    verb: Verb
    kind: str


def normalise_target(target: str) -> str:
    """Give the path that the daemon's router sees, without version prefix; "" when it would not read the target."""
    path = _split(target).path
    return path[_version_end(path) :]


def engine_version(target: str) -> str:
    """Give the version in front of the path, such as "1.41" (encoded or not); "" when there is none."""
    path = _split(target).path
    return path[2 : _version_end(path)]


def read_target(method: str, target: str) -> Meaning | None:
    """Say what a request does; None when it is no route of an engine, or one that the engine would not serve.

    Paths that are answered with a redirect (`//containers/json`, `/./info`) or with 404 (`/containers/json/`, HEAD
    of a list) give None. A version that the daemon refuses (`/v9.99/…`) is still read: the outcome says it failed.
    """
    if len(target) > _MEMO_TARGET:
        return _read(method, target)
    return _remembered(method, target)


def _read(method: str, target: str) -> Meaning | None:
    split = _split(target)
    libpod = _LIBPOD_VERSION.match(split.raw)
    if libpod:
        return _match("libpod", method, split.raw[libpod.end() :], split)
    if split.path == "/libpod/_ping":
        return _match("libpod", method, split.path, split)
    return _match("docker", method, split.path[_version_end(split.path) :], split)


_remembered = lru_cache(maxsize=16384)(_read)


def _split(target: str) -> _Split:
    """Take a request target apart as Go's net/url does: no fragment, escapes decoded once, bad ones refused."""
    absolute = _ABSOLUTE.match(target)
    raw, _, query = target[absolute.end() if absolute else 0 :].partition("?")
    if not raw.startswith("/") or _BROKEN_ESCAPE.search(raw) or _CONTROL.search(target):
        return _Split(raw, "", query)
    path = raw
    if "%" in raw:
        path = unquote_to_bytes(raw.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")
    return _Split(raw, path, query)


def _version_end(path: str) -> int:
    found = _VERSION.match(path)
    return found.end() if found else 0


def _match(tree: str, method: str, path: str, split: _Split) -> Meaning | None:
    if _UNCLEAN.search(path):
        return None
    for route in _routes(tree).get((method, _head(path, tree)), ()):
        found = route.pattern.fullmatch(path)
        if found is None:
            continue
        groups = found.groupdict()
        name = groups.get("name") or groups.get("id")
        if name and tree == "libpod":
            name = unquote_to_bytes(name.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")
        verb = route.verb
        if route.kind == "events" and re.search(r"(?:\A|&)(?:since|until)=", split.query):
            verb = "list"  # the past is sent first
        return Meaning(
            verb=verb,
            kind=route.kind,
            scope="one" if name else "everything",
            name=name,
            traits=("encoded",) if _is_disguised(route, split) else (),
        )
    return None


def _is_disguised(route: _Route, split: _Split) -> bool:
    """Tell a disguise from the escapes that client libraries write: they escape slashes in names, never in routes."""
    if _NEEDLESS_ESCAPE.search(split.raw):
        return True
    if "%2f" not in split.raw.lower():
        return False
    plain = _LIBPOD_VERSION.match(split.raw) or _VERSION.match(split.raw)
    return route.pattern.fullmatch(split.raw[plain.end() if plain else 0 :]) is None


def _head(path: str, tree: str) -> str:
    """Give the first part of a path, which is a literal in every route; it finds the few routes worth trying."""
    return path.split("/", 3)[2] if tree == "libpod" else path.split("/", 2)[1] if path else ""


@cache
def _routes(tree: str) -> dict[tuple[str, str], tuple[_Route, ...]]:
    found: dict[tuple[str, str], list[_Route]] = {}
    for methods, path, verb, kind in load("engine_routes.yml")[tree]:
        route = _Route(_pattern(path), verb, kind)
        for method in methods.split():
            found.setdefault((method, _head(path, tree)), []).append(route)
    return {key: tuple(routes) for key, routes in found.items()}


def _pattern(path: str) -> re.Pattern[str]:
    text = re.escape(path).replace(r"\{name\}", "(?P<name>.+)").replace(r"\{id\}", "(?P<id>[^/]+)")
    return re.compile(text, re.DOTALL)
