"""Log of podman's API service (`podman system service`): logfmt text, with an access line for each request.

Documentation: https://docs.podman.io/en/latest/markdown/podman-system-service.1.html ; measured on podman 4.3.1.
Requests are written in the Combined Log Format when they end (podman 3.2 and later; `@` is a client on the Unix socket,
the referrer may be empty), and older services with --log-level=debug write `APIHandler(…) -- Method: GET URL: /info`
when they begin. Of a request that is told twice the access line is taken: it knows the status. A path that the service
does not know leaves `Failed Request: (404:Not Found) for GET:'/x'` and nothing else.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from tidewaiter.meaning.engine_api import read_target
from tidewaiter.meaning.web_target import Target
from tidewaiter.model import Activity, Origin
from tidewaiter.sources import logfmt
from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.http_activity import is_kept
from tidewaiter.sources.linewise import MAX_TEXT, LineReader, digest
from tidewaiter.sources.timestamps import rfc3339
from tidewaiter.sources.web_request import Occurrences, WebRequest, normalise
from tidewaiter.sources.web_text import WebLine, read_clf

NAME = "podman-service"
_ASKED = re.compile(r"APIHandler(?:\([^)]{0,40}\))? -- Method: ([A-Z]{1,16}) URL: (\S+)")
_FAILED = re.compile(r"Failed Request: \((\d{3}):[^)]{0,60}\) for ([A-Z]{1,16}):'(.*)'\Z", re.DOTALL)
_REQUEST = re.compile(r"([A-Z]{1,16}) (\S.*?)(?: HTTP/\d(?:\.\d)?)?\Z", re.DOTALL)
_LOGFMT = re.compile(rb'time="?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)"? level=[a-z]+ msg=')
# What only podman's service says, in the order of how often.
_MARKS = (
    b"IdleTracker:",
    b"Failed Request: (",
    b"APIHandler",
    b"API service",
    b"podman",
    b"Called service.",
    b"libpod",
)
_WAITING = 1000
_PATIENCE = timedelta(seconds=60)

_Key = tuple[str, str]


class _Asked(NamedTuple):
    key: _Key
    at: datetime
    target: Target
    id: str
    origin: Origin


class PodmanServiceReader(LineReader):
    """Reads one service's log; holds requests back until their access line came, within bounds."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._occurrences = Occurrences()
        self._waiting: OrderedDict[int, _Asked] = OrderedDict()
        self._by_key: dict[_Key, deque[int]] = {}
        self._count = 0

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give what is complete with this line."""
        if len(raw) > MAX_TEXT:
            self.cannot_read("line-too-long", raw, origin)
            return
        if raw.startswith(b"time="):
            self.tally.records += 1
            if b"APIHandler" in raw:
                yield from self._begun(raw, origin)
            elif b"Failed Request" in raw:
                yield from self._failed(raw, origin)
            return
        line = read_clf(raw)
        if line is None:
            self.cannot_read("not-a-podman-line", raw, origin)
            return
        self.tally.records += 1
        yield from self._ended(line, raw, origin)

    def _begun(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        fields = logfmt.parse(raw.decode("utf-8", "replace")) or {}
        found = _ASKED.search(fields.get("msg", ""))
        target = _target(found[1], found[2]) if found else None
        if found is None or target is None:
            return
        at = rfc3339(fields.get("time", ""))
        if at is None:
            self.cannot_read("no-time", raw, origin)
            return
        yield from self._overdue(at)
        self._count += 1
        asked = _Asked((found[1], found[2]), at, target, self._id(raw, fields["time"]), origin)
        self._waiting[self._count] = asked
        self._by_key.setdefault(asked.key, deque()).append(self._count)

    def _failed(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        fields = logfmt.parse(raw.decode("utf-8", "replace")) or {}
        found = _FAILED.match(fields.get("msg", ""))
        target = _target(found[2], found[3]) if found else None
        if found is None or target is None:
            return
        at = rfc3339(fields.get("time", ""))
        if at is None:
            self.cannot_read("no-time", raw, origin)
            return
        request = WebRequest(line=f"{found[2]} {found[3]}", status=int(found[1]))
        yield self.keep(normalise(request, target, id=self._id(raw, fields["time"]), at=at, origin=origin))

    def _ended(self, line: WebLine, raw: bytes, origin: Origin) -> Iterator[Activity]:
        found = _REQUEST.match(line.request.line)
        target = _target(found[1], found[2]) if found else None
        if found is None or target is None:
            return
        at = line.time(line.stamp)
        if at is None:
            self.cannot_read("no-time", raw, origin)
            return
        self._take((found[1], found[2]))
        yield self.keep(normalise(line.request, target, id=self._id(raw, line.stamp), at=at, origin=origin))

    def _id(self, raw: bytes, stamp: str) -> str:
        return digest(raw, str(self._occurrences.number(stamp, raw)))

    def _take(self, key: _Key) -> None:
        """Forget the oldest request of this content: it is told."""
        numbers = self._by_key.get(key)
        if numbers:
            del self._waiting[numbers.popleft()]
            if not numbers:
                del self._by_key[key]

    def _overdue(self, now: datetime) -> Iterator[Activity]:
        while self._waiting:
            oldest = next(iter(self._waiting.values()))
            if len(self._waiting) <= _WAITING and now - oldest.at <= _PATIENCE:
                return
            yield self._tell(oldest)

    def _tell(self, asked: _Asked) -> Activity:
        self._take(asked.key)  # the oldest of all is the oldest of its content
        request = WebRequest(line=" ".join(asked.key))
        return self.keep(normalise(request, asked.target, id=asked.id, at=asked.at, origin=asked.origin))

    def finish(self) -> Iterator[Activity]:
        """Give the requests whose end was not logged."""
        while self._waiting:
            yield self._tell(next(iter(self._waiting.values())))


def _target(method: str, target: str) -> Target | None:
    meaning = read_target(method, target)
    return Target(meaning, "engine") if meaning and is_kept(meaning) else None


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that podman's service wrote; logfmt is others' as well, so one line must be telling."""
    texts = [line for line in lines if len(line) <= MAX_TEXT]
    own = [line for line in texts if _LOGFMT.match(line)]
    sockets = [line for line in texts if line.startswith((b"@ - - [", b"- - - [")) and read_clf(line) is not None]
    if not any(mark in line for line in own for mark in _MARKS) and not (sockets and not own):
        return 0
    return len(own) + sum(line[:1] not in b"{t" and read_clf(line) is not None for line in texts)


SOURCE = Source(
    name=NAME,
    plane="engine",
    title="Podman API service log (podman system service)",
    sniff=sniff,
    reader=PodmanServiceReader,
    blind_to=("podman-no-caller",),
)
