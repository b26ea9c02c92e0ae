"""What a request asks of other programs that hold the same inventory: kubelet, etcd, registries, Prometheus, cAdvisor.

A log of a proxy does not say which program answered: a path counts only when no other program has it. The paths are
data: `packs/vocabulary/console_routes.yml`, with their sources.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Meaning, Scope, Verb

_PLACES = {
    "{ns}": "(?P<ns>[^/]+)",
    "{name}": "(?P<name>[^/]+)",
    "{pod}": "(?P<pod>[^/]+)",
    "{kind}": "(?P<kind>[a-z_]+)",
    "{number}": r"\d{1,6}",
    "{cluster}": "(?P<cluster>local|c-[a-z0-9-]{5,12})",
    "{project}": "(?P<project>(?:local|c-[a-z0-9-]{5,12})(?::|%3[Aa])p-[a-z0-9]{5,12})",
    "{repository}": "(?P<name>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)",  # OCI distribution specification 1.1, "name"
    "{any}": ".+",
}
_PLACE = re.compile(r"\{[a-z]+\}")


class Route(NamedTuple):
    """A route out of a table of vocabulary."""

    methods: frozenset[str]
    pattern: re.Pattern[str]
    verb: Verb
    kind: str
    rest: tuple[Any, ...]  # the other columns of its table


def route(methods: str, path: str, verb: Verb, kind: str, *rest: Any) -> Route:
    """Make a route of a row: literal text and {places}."""
    made, at = "", 0
    for place in _PLACE.finditer(path):
        made += re.escape(path[at : place.start()]) + _PLACES[place[0]]
        at = place.end()
    pattern = re.compile(made + re.escape(path[at:]) + "/?", re.DOTALL)
    return Route(frozenset(methods.split()), pattern, verb, kind, rest)


@cache
def _routes() -> tuple[Route, ...]:
    return tuple(route(*row) for row in load("console_routes.yml")["neighbours"])


@cache
def _prometheus() -> tuple[frozenset[str], re.Pattern[str], dict[str, str]]:
    words = load("console_routes.yml")
    kinds = words["dashboard"]["namespaced"] | words["dashboard"]["cluster"] | words["prometheus"]["kinds"]
    kinds |= {"container": "containers"}
    return frozenset(words["prometheus"]["paths"]), re.compile(words["prometheus"]["metric"]), kinds


@cache
def _kubelet() -> tuple[frozenset[str], dict[str, tuple[Verb, str]]]:
    words = load("console_routes.yml")["kubelet_agents"]
    return frozenset(words["agents"]), {path: (verb, kind) for path, (verb, kind) in words["paths"].items()}


def read_neighbour(method: str, target: str, program: str) -> Meaning | None:
    """Say what a request reads from one of these programs; `program` is what the client calls itself."""
    path, _, query = target.partition("#")[0].partition("?")
    for one in _routes():
        found = one.pattern.fullmatch(path) if method in one.methods else None
        if found:
            return _meaning(one, found, one.rest[0])
    agents, paths = _kubelet()
    if program in agents and method == "GET":
        verb, kind = paths.get(path.rstrip("/"), (None, ""))
        if verb:
            return Meaning(verb=verb, kind=kind, scope="everything", traits=("kubelet-path",))
    return read_prometheus(path, query)


def read_prometheus(path: str, query: str) -> Meaning | None:
    """Say what inventory a query of Prometheus reads, by the first metric that it names."""
    paths, metric, kinds = _prometheus()
    if path.rstrip("/") not in paths:
        return None
    found = metric.search(unquote_plus(query))
    if found is None:
        return None
    word = next(group for group in found.groups() if group)
    return Meaning(verb="list", kind=kinds.get(word, "metrics"), scope="everything")


def _meaning(one: Route, found: re.Match[str], trait: str) -> Meaning:
    groups = found.groupdict()
    scope: Scope = "one" if groups.get("name") else "everything"
    return Meaning(
        verb=one.verb,
        kind=one.kind,
        scope=scope,
        namespace=groups.get("ns"),
        name=groups.get("name"),
        traits=(trait,) if trait else (),
    )
