"""Who may use which routes of the engine: whatever no entry allows is denied.

    [[allow]]
    name = "deploy"                               # shown in records and refusals; may be left out
    who = { user = "deploy" }                     # every key must hold; several values: one of them
    routes = ["GET /containers/json", "POST /containers/*/start"]
    parameters = { all = ["", "0", "false"] }     # "" is also: not given

A policy decides on the caller, the method, the path and the query. It does not read bodies: whoever may create a
container may make it privileged, with any mount, and `learn` says so beside such routes. Deciding is pure.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tidewaiter.errors import ConfigError
from tidewaiter.gate.caller import Caller
from tidewaiter.gate.route_patterns import Request, Route, parameters, request_of, route
from tidewaiter.gate.who import Who, told

_ENTRY = re.compile(r"[ \t]*\[\[[ \t]*allow[ \t]*\]\]")
_HINT = "docs/how-to/docker-gate-policy.md explains every key; tidewaiter gate learn writes entries from what was seen"
# net/http takes parameters of these from a form in the body first, which a policy never sees.
_FORM_METHODS = frozenset({"POST", "PUT", "PATCH"})
# Before API 1.24 the body of "start" may hold a whole host configuration: privileged, any mount.
_PLAIN_START = (1, 24)
_START = route("POST /containers/**/start")


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy says of one request."""

    allowed: bool
    rule: str | None  # the entry and its route that allow
    why: str  # one sentence for the caller


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[allow]]` as written."""

    who: Who
    routes: tuple[str, ...]
    name: str = ""
    parameters: dict[str, tuple[str, ...]] = {}


class Entry(NamedTuple):
    """One `[[allow]]`, ready to decide."""

    name: str
    who: Who
    routes: tuple[Route, ...]
    parameters: Mapping[str, frozenset[str]]

    def route_for(self, request: Request) -> Route | None:
        """Find the first route that covers a request, whatever its parameters are."""
        return next((one for one in self.routes if one.covers(request)), None)


class Policy(NamedTuple):
    """All entries, in the order of the file."""

    entries: tuple[Entry, ...] = ()

    def decide(self, caller: Caller, method: str, target: str) -> Decision:
        """Decide on one request: allowed when an entry allows it, otherwise denied with the reason."""
        request = request_of(method, target)
        if request is None:
            return _denied("the request target cannot be read as one route of the engine")
        if request.version and request.version < _PLAIN_START and _START.covers(request):
            return _denied("before API version 1.24 a start can give a container any privilege")
        names, reasons = [], []
        for entry in self.entries:
            if not entry.who.is_met_by(caller):
                continue
            names.append(entry.name)
            covering = entry.route_for(request)
            wrong = covering and _wrong_parameter(entry, request)
            if covering and not wrong:
                return Decision(allowed=True, rule=f"{entry.name}: {covering.text}", why=f"{entry.name} allows it")
            if wrong:
                reasons.append(f"{entry.name} does not allow it with this {wrong}")
        if reasons:
            return _denied("; ".join(reasons))
        if names:
            return _denied(f"{request.method} {request.path} is not among the routes of {', '.join(names)}")
        return _denied(f"no entry of the policy is for {told(caller)}")


def _denied(why: str) -> Decision:
    return Decision(allowed=False, rule=None, why=why)


def _wrong_parameter(entry: Entry, request: Request) -> str | None:
    """Name what is wrong with the parameters; None when they are as the entry wants them."""
    if not entry.parameters:
        return None
    given = parameters(request.query)
    if given is None:
        return "query, which is not well formed"
    for name, values in entry.parameters.items():
        if not values.issuperset(given.get(name) or [""]):
            return f"parameter {name}"
    return None


def load(path: Path) -> Policy:
    """Read a policy from a file. Raises ConfigError with the place of what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(f"the policy cannot be read: {problem}", where=str(path), hint=_HINT) from problem
    return parse(text, where=str(path))


def parse(text: str, *, where: str) -> Policy:
    """Read a policy from its text; `where` is the file's name for errors."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ConfigError(f"the policy is no TOML: {problem}", where=where, hint=_HINT) from problem
    sections = document.pop("allow", [])
    if document:
        raise ConfigError(f"a policy has no key {', '.join(map(repr, document))}", where=where, hint=_HINT)
    if not isinstance(sections, list):
        raise ConfigError("allow is a list of tables: write [[allow]]", where=where, hint=_HINT)
    lines = [number for number, line in enumerate(text.splitlines(), 1) if _ENTRY.match(line)]
    return Policy(tuple(_entries(sections, lines, where)))


def _entries(sections: Sequence[Any], lines: Sequence[int], where: str) -> Iterator[Entry]:
    for number, section in enumerate(sections, 1):
        # Entries may be written in other ways too (allow = [{…}]): then there is no line to name.
        line = f"{lines[number - 1]}" if len(lines) == len(sections) else ""
        try:
            yield _entry(section, number)
        except (msgspec.ValidationError, ValueError) as problem:
            place = ":".join(part for part in (where, line) if part)
            raise ConfigError(str(problem), where=f"{place} (entry {number})", hint=_HINT) from problem


def _entry(section: Any, number: int) -> Entry:
    written = msgspec.convert(section, _Section)
    if not written.routes:
        raise ValueError("routes is empty: the entry allows nothing")
    found = Entry(
        name=written.name or f"allow[{number}]",
        who=written.who,
        routes=tuple(map(_route, written.routes)),
        parameters={name: frozenset(values) for name, values in written.parameters.items()},
    )
    if found.parameters:
        _must_hold_in_the_query(found.routes)
    return found


def _route(text: str) -> Route:
    try:
        return route(text)
    except ValueError as problem:
        raise ValueError(f"route {text!r}: {problem}") from problem


def _must_hold_in_the_query(routes: Sequence[Route]) -> None:
    for one in routes:
        if not one.methods or one.methods & _FORM_METHODS:
            raise ValueError(
                f"route {one.text!r}: parameters can be limited for GET, HEAD and DELETE only; in other requests a "
                "form in the body overrides the query, and a policy does not read bodies"
            )
