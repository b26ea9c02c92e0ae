"""What a request to a container engine's HTTP API does, from its method and request target.

The target is read as dockerd reads it, because a filter that reads it otherwise can be walked around: Go takes the
path of an absolute-form target, decodes percent-escapes once (`%2F` too), and gorilla/mux then matches it with or
without a `/v1.41` prefix. Measured on Docker Engine 20.10.24 and 26.1.5. Podman 4.3 matches its own libpod tree
without decoding. CRI-O has two routes of its own; containerd and CRI runtimes speak gRPC (`read_grpc`). The routes are
data: `packs/vocabulary/engine_routes.yml`.
"""

from __future__ import annotations

import posixpath
import re
from functools import cache, lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Meaning, Verb

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?://[^/?]*)?(?=[/?]|\Z)")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_VERSION = re.compile(r"/v[0-9.]+(?=/)")
_LIBPOD_VERSION = re.compile(r"/v[0-9][0-9A-Za-z.-]*(?=/libpod/)")
_NEEDLESS_ESCAPE = re.compile(r"%(?:3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])")  # of a letter or a digit
_UNCLEAN = re.compile(r"//|/\.{1,2}(?:/|\Z)")  # Go's path.Clean would change it: answered with 301
_DOTS = re.compile(r"/\.{1,2}(?:/|\Z)")
_GRPC = re.compile(r"/([A-Za-z_][\w.]{0,200})/([A-Za-z_]\w{0,100})\Z")
_API_VERSION = re.compile(r"\.v\d+(?:(?:alpha|beta)\d+)?(?=\.)")
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
    path = _cleaned(_split(target).path)
    return path[2 : _version_end(path)]


def read_target(method: str, target: str) -> Meaning | None:
    """Say what a request asks for; None when it is no route of an engine.

    Asked for is not served: a redirect answers `//containers/json` and `/./info`, 404 answers `/containers/json/` and
    HEAD of a list, 400 a version out of range. Whoever knows the status says that it failed. A way round by dot
    segments is never an accident of a client: those get the trait `dot-path`.
    """
    if len(target) > _MEMO_TARGET:
        return _read(method, target)
    return _remembered(method, target)


def read_grpc(method: str, target: str) -> Meaning | None:
    """Say what a gRPC call to a container runtime does: `POST /runtime.v1.RuntimeService/ListPodSandbox`."""
    found = _GRPC.match(target.partition("?")[0]) if method == "POST" else None
    methods = _grpc().get(_API_VERSION.sub("", found[1])) if found else None
    if found is None or methods is None:
        return None
    verb, kind = methods.get(found[2], (None, ""))
    return Meaning(verb=verb, kind=kind, scope="everything" if verb in {"list", "watch"} else None) if verb else None


@cache
def _grpc() -> dict[str, dict[str, tuple[Verb, str]]]:
    table = load("engine_routes.yml")["grpc"]
    return {service: {name: (verb, kind) for name, (verb, kind) in rows.items()} for service, rows in table.items()}


def _read(method: str, target: str) -> Meaning | None:
    split = _split(target)
    found = _served(method, split) or _match("crio", method, split.path, split)
    if found or not split.path:
        return found
    clean = _Split(_cleaned(split.raw), _cleaned(split.path), split.query)
    method = "GET" if method == "HEAD" else method
    # libpod without a version in front is not served, but tried.
    found = _served(method, clean) or _match("libpod", method, clean.path, clean)
    if found is None or not _DOTS.search(split.path):
        return found
    return msgspec.structs.replace(found, traits=tuple(sorted({*found.traits, "dot-path"})))


def _cleaned(path: str) -> str:
    """Give a path without doubled slashes, dot segments and a slash at its end."""
    if not _UNCLEAN.search(path) and not path.endswith("/"):
        return path
    return "/" + posixpath.normpath(path).lstrip("/") if path else ""


def _served(method: str, split: _Split) -> Meaning | None:
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
    parts = path.split("/", 3)
    place = 2 if tree == "libpod" else 1
    return parts[place] if len(parts) > place else ""


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
    text = text.replace(r"\{hex\}", "(?P<id>[0-9a-f]{64})")
    return re.compile(text, re.DOTALL)
