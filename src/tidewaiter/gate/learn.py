"""Learns from records who uses which routes of the engine: what a policy has to allow so that nothing changes.

Reads gate records ("tidewaiter.gate/1"), also those of the authorization plugin, and the plugin calls that other
programs wrote down. What was denied or refused teaches nothing, nor does a caller of whom nothing is known, nor a
request for something that is no route of an engine. Everything left out is counted by its reason.

Callers are put together only as far as their records allow: by certificate; by the image of their container, else by
the container; by the account of the process, and by the login beside it where the two differ (sudo).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple

import msgspec

from tidewaiter.gate.authz_calls import Call
from tidewaiter.gate.authz_story import Story
from tidewaiter.gate.caller import NOBODY, Caller, caller_of
from tidewaiter.gate.policy import Policy
from tidewaiter.gate.record_writer import SCHEMA
from tidewaiter.gate.route_patterns import Power, known, power, request_of
from tidewaiter.sources.docker_authz import unwrap
from tidewaiter.sources.linewise import json_object, number_of, text_of
from tidewaiter.sources.timestamps import time_of

_REFUSED = frozenset({401, 403, 407})
_SHORT_ID = 12
_PROGRAMS = 8  # named beside an entry

Key = tuple[tuple[str, str | int], ...]  # what `who` of an entry says


class Seen(NamedTuple):
    """One request of a record."""

    at: datetime
    caller: Caller
    method: str
    target: str
    denied: bool
    status: int | None


class Use:
    """How often and when something was done; changes with every request."""

    def __init__(self) -> None:
        self.times = 0
        self.first: datetime | None = None
        self.last: datetime | None = None

    def saw(self, at: datetime) -> None:
        """Count one request."""
        self.times += 1
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)


class RouteUse(Use):
    """The use of one route by one kind of caller."""

    def __init__(self, flat: str, deep: str, gives: Power | None) -> None:
        super().__init__()
        self.flat, self.deep, self.gives = flat, deep, gives
        self.has_slashes = False

    @property
    def pattern(self) -> str:
        """Give the narrowest pattern for all that was seen."""
        return self.deep if self.has_slashes else self.flat


class CallerUse(Use):
    """The use of the engine by one kind of caller."""

    def __init__(self) -> None:
        super().__init__()
        self.routes: dict[str, RouteUse] = {}  # by flat pattern
        self.programs: set[str] = set()


class Lessons:
    """What was learnt so far; changes with every record."""

    def __init__(self, *, current: Policy | None = None, since: datetime | None = None) -> None:
        self.all = Use()  # what could be learnt from, allowed by the current policy or not
        self.callers: dict[Key, CallerUse] = {}  # what the current policy does not allow yet
        self.left_out: Counter[str] = Counter()  # denied, refused, nobody, no-route, lost
        self.used: set[str] = set()  # rules of the current policy
        self._current, self._since = current, since
        self._begun: dict[str, Seen] = {}  # requests whose end was not seen yet
        numbers = count()
        self._calls = Story(mode="observe", host="", name=lambda: f"call-{next(numbers)}")

    def take(self, raw: bytes) -> bool:
        """Learn from one line; False when it is no record of a request to an engine."""
        document = json_object(raw)
        if document is None:
            return False
        if document.get("schema") == SCHEMA:
            return self._gate_record(document)
        return self._plugin_call(document)

    def finish(self) -> None:
        """Learn from requests that were still going on at the end."""
        for record in self._calls.finish():
            self._learn(Seen(record.time, record.caller, record.method or "", record.target or "", False, None))
        for seen in self._begun.values():
            self._learn(seen)
        self._begun.clear()

    def _gate_record(self, document: Mapping[str, Any]) -> bool:
        if document.get("phase") == "lost":
            self.left_out["lost"] += number_of(document.get("lost")) or 1
            return True
        at = time_of(dict(document))
        if at is None:
            return False
        caller = document.get("caller")
        try:
            asked = caller_of(caller) if isinstance(caller, dict) else NOBODY
        except msgspec.ValidationError:
            return False
        seen = Seen(
            at,
            asked,
            text_of(document.get("method")),
            text_of(document.get("target")),
            document.get("decision") == "denied",
            number_of(document.get("status")),
        )
        name = text_of(document.get("id"))
        if document.get("phase") == "begun":
            self._begun[name] = seen
            return True
        self._begun.pop(name, None)
        self._learn(seen)
        return True

    def _plugin_call(self, document: dict[str, Any]) -> bool:
        found = unwrap(document)
        if found is None or found.at is None:
            return False
        try:
            call = msgspec.json.decode(msgspec.json.encode(found.body), type=Call)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return False
        story = self._calls
        told = story.answered(call, found.at) if found.is_answer else story.asked(call, found.at, "allowed", None)
        for record in told:
            method, target = record.method or "", record.target or ""
            if record.phase == "done":
                self._learn(Seen(record.time, record.caller, method, target, False, record.status))
        return True

    def _learn(self, seen: Seen) -> None:
        if self._since and seen.at < self._since:
            return
        reason = self._take_in(seen)
        if reason:
            self.left_out[reason] += 1
        else:
            self.all.saw(seen.at)

    def _take_in(self, seen: Seen) -> str | None:
        """Learn from a request, or say why not."""
        if seen.denied:
            return "denied"
        if seen.status in _REFUSED:
            return "refused"
        request = request_of(seen.method, seen.target)
        route = known(request) if request else None
        if request is None or route is None:
            return "no-route"
        judged = self._current.decide(seen.caller, seen.method, seen.target) if self._current else None
        if judged and judged.allowed:
            self.used.add(str(judged.rule))
            return None
        key = who_of(seen.caller)
        if key is None:
            return "nobody"
        caller = self.callers.setdefault(key, CallerUse())
        caller.saw(seen.at)
        if seen.caller.exe and len(caller.programs) < _PROGRAMS:
            caller.programs.add(seen.caller.exe)
        use = caller.routes.get(route.flat)
        if use is None:
            use = caller.routes[route.flat] = RouteUse(route.flat, route.deep, power(request))
        use.saw(seen.at)
        use.has_slashes = use.has_slashes or "/" in route.name
        return None


def who_of(caller: Caller) -> Key | None:
    """Say what an entry for this caller and others like it has to name; None when nothing sure is known of it."""
    shown = caller.certificate
    if shown and shown.names and shown.names[0]:
        return (("certificate", shown.names[0]),)
    if shown and shown.fingerprint:
        return (("certificate_fingerprint", shown.fingerprint),)
    if caller.container:
        return (("container_image", caller.image),) if caller.image else (("container", caller.container[:_SHORT_ID]),)
    if caller.exe is None and not caller.command:
        return None  # gone before one could look: it may have been in a container
    return tuple(_account(caller)) or None


def _account(caller: Caller) -> Iterator[tuple[str, str | int]]:
    if caller.user is None and caller.uid is None:
        return
    if caller.login_user and caller.login_uid != caller.uid:
        yield "login_user", caller.login_user
    if caller.user:
        yield "user", caller.user
    elif caller.uid is not None:
        yield "uid", caller.uid
