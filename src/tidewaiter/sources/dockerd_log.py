"""Log of the Docker daemon: logfmt text (20.10, 26) or `--log-format json` (26), alone or behind a syslog header.

Documentation: https://docs.docker.com/engine/daemon/logs/ ; behaviour measured on Docker Engine 20.10.24 and 26.1.5.
Requests are logged only by `dockerd -D`, as `Calling GET /v1.41/…` (later sources: `handling GET request` with the
fields `method` and `request-url`), and never with a user, an address, a user agent or a result: those activities
have an actor "not recorded" and an unknown outcome. Without -D only failures are logged (`Handler for … returned
error: …`); they become failed activities, unless the request itself was logged within the minute before. The failure
of a request that was logged is not joined to it.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tidewaiter.meaning.engine_api import normalise_target, read_target
from tidewaiter.model import Activity, Actor, Meaning, Origin, Outcome
from tidewaiter.sources import logfmt
from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.http_activity import NOT_RECORDED, is_kept, outcome_of, request_activity
from tidewaiter.sources.linewise import MAX_TEXT, LineReader, digest, json_object, number_of, text_of
from tidewaiter.sources.timestamps import rfc3339

NAME = "dockerd-log"
_CALLING = re.compile(r"Calling ([A-Z]+) (.+)\Z", re.DOTALL)
_HANDLER = re.compile(r"Handler for ([A-Z]+) (.+?) returned error: ", re.DOTALL)
_TLS = "TLS handshake error from "
_SYSLOG = re.compile(  # RFC 3164, or with the time of RFC 3339: time, host, program, perhaps its pid
    rb"(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\d\d-\d\dT\S{8,30})"
    rb" (\S{1,255}) ([^\s:\[]{1,64})(?:\[\d+\])?: "
)
_GO_LOG = re.compile(rb"\d{4}[-/]\d\d[-/]\d\d \d\d:\d\d:\d\d(?:\.\d+)? ")  # the standard library's log package
# dockerd writes nine digits of the second always (RFC3339NanoFixed); podman, Traefik and others with logrus write none.
_NANOSECONDS = re.compile(r"T\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d)\Z")
_LOGFMT = re.compile(rb'time="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d)" level=')
_LEVELS = frozenset({"trace", "debug", "info", "warning", "error", "fatal", "panic"})  # as logrus writes them
_REQUEST = re.compile(rb"(?:Calling|Handler for|handling) [A-Z]{3,7} (?:/|request)")  # no other program says so
_INTERESTING = re.compile(rb"Calling |Handler for |request-url|TLS handshake error")
_REMEMBERED = 4096  # requests whose failure may still be logged
_MAY_STILL_FAIL = timedelta(minutes=1)
_SAME_FAILURE = timedelta(milliseconds=50)  # some failures of swarm routes are logged twice, half a millisecond apart


class Entry(NamedTuple):
    """One line of the daemon, whatever carried it."""

    message: str
    level: str
    time: str
    method: str  # of the later form, else ""
    target: str
    status: int | None
    host: str  # "" when the record does not say


class Request(NamedTuple):
    """A request that the daemon logged."""

    method: str
    target: str
    outcome: Outcome
    is_failure: bool  # the line says only that it failed


class DockerdLogReader(LineReader):
    """Reads one daemon's log; remembers the last requests, so that a failure is not told twice."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._told: OrderedDict[tuple[str, str], tuple[datetime, timedelta]] = OrderedDict()  # its failure is no news
        self._daemon_lines = 0
        self._debug_lines = 0

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give the activity of one line, if it is a request."""
        if len(raw) > MAX_TEXT:
            self.cannot_read("line-too-long", raw, origin)
            return
        carried = _SYSLOG.match(raw)
        host = carried[1].decode("utf-8", "replace") if carried else ""
        if carried:
            if carried[2] != b"dockerd":
                self.tally.records += 1
                return
            raw = raw[carried.end() :]
        if raw.startswith(b"{"):
            yield from self._json(raw, host, origin)
        elif _GO_LOG.match(raw):
            self._plain(raw.decode("utf-8", "replace"))
        else:
            yield from self._text(raw, host, origin)

    def _json(self, raw: bytes, host: str, origin: Origin) -> Iterator[Activity]:
        record = json_object(raw)
        if record is None:
            self.cannot_read("not-json", raw, origin)
            return
        yield from self._entry(_from_fields(record, host), raw, origin)

    def _text(self, raw: bytes, host: str, origin: Origin) -> Iterator[Activity]:
        if raw.startswith(b"time=") and not _INTERESTING.search(raw):
            self._count(debug=b" level=debug " in raw)  # most lines; cheaper than taking them apart
            return
        fields = logfmt.parse(raw.decode("utf-8", "replace")) if raw.startswith(b"time=") else None
        if fields is None or "msg" not in fields:
            self.cannot_read("not-a-daemon-line", raw, origin)
            return
        yield from self._entry(_from_fields(fields, host), raw, origin)

    def _plain(self, message: str) -> None:
        self._count(debug=False)
        if _TLS in message:
            self.tally.note("dockerd-tls-refused")

    def _count(self, *, debug: bool) -> None:
        self.tally.records += 1
        self._daemon_lines += 1
        self._debug_lines += debug

    def _entry(self, entry: Entry, raw: bytes, origin: Origin) -> Iterator[Activity]:
        self._count(debug=entry.level == "debug")
        if _TLS in entry.message:
            self.tally.note("dockerd-tls-refused")
        request = request_of(entry)
        meaning = read_target(request.method, request.target) if request else None
        if request is None or meaning is None or not is_kept(meaning):
            return
        found = normalise(entry, request, meaning, raw=raw, origin=origin)
        if found is None:
            self.cannot_read("no-time", raw, origin)
        elif not self._told_before(request, found.at):
            yield self.keep(found)

    def _told_before(self, request: Request, at: datetime) -> bool:
        """Tell whether this line is the failure of something told already; remember it otherwise.

        Later engines log the path of a failure without its query, hence the normal form of the path.
        """
        key = (request.method, normalise_target(request.target))
        told, how_long = self._told.pop(key, (at, timedelta(-1)))
        if request.is_failure and at - told <= how_long:
            self._told[key] = (told, how_long)
            return True
        self._told[key] = (at, _SAME_FAILURE if request.is_failure else _MAY_STILL_FAIL)
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return False

    def finish(self) -> Iterable[Activity]:
        """Say when the log could not show requests at all."""
        if self._daemon_lines and not self._debug_lines:
            self.tally.note("dockerd-no-debug")
        return ()


def _from_fields(fields: dict[str, Any], host: str) -> Entry:
    return Entry(
        message=text_of(fields.get("msg")),
        level=text_of(fields.get("level")),
        time=text_of(fields.get("time")),
        method=text_of(fields.get("method")),
        target=text_of(fields.get("request-url")),
        status=number_of(fields.get("status")),
        host=host,
    )


def request_of(entry: Entry) -> Request | None:
    """Give the request that a line of the daemon is about; None for all its other lines."""
    if entry.method and entry.target:
        failure = not entry.message.startswith("handling ")
        return Request(entry.method, entry.target, "failed" if failure else outcome_of(entry.status), failure)
    called = _CALLING.match(entry.message)
    if called:
        return Request(called[1], called[2], "unknown", is_failure=False)
    failed = _HANDLER.match(entry.message)
    return Request(failed[1], failed[2], "failed", is_failure=True) if failed else None


def normalise(entry: Entry, request: Request, meaning: Meaning, *, raw: bytes, origin: Origin) -> Activity | None:
    """Put a logged request into normal form; None when the line has no time.

    The id is made from the daemon's own line: whatever carried it, it is told once.
    """
    at = rfc3339(entry.time)
    if at is None:
        return None
    return request_activity(
        meaning,
        id=digest(raw),
        at=at,
        actor=Actor(kind="unknown", name=NOT_RECORDED, realm=entry.host or "engine"),
        origin=origin,
        text=f"{request.method} {request.target}",
        outcome=request.outcome,
    )


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that a Docker daemon wrote."""
    return sum(map(_is_daemon_line, lines))


def _is_daemon_line(line: bytes) -> bool:
    carried = _SYSLOG.match(line)
    if carried:
        return carried[2] == b"dockerd"
    if line.startswith(b"{"):
        record = json_object(line[:MAX_TEXT]) or {}
        time, message = text_of(record.get("time")), text_of(record.get("msg")).encode("utf-8", "replace")
        return (
            text_of(record.get("level")) in _LEVELS
            and bool(message)
            and bool(_NANOSECONDS.search(time) or _REQUEST.match(message))
        )
    if line.startswith(b"time=") and b" msg=" in line:
        return bool(_LOGFMT.match(line) or _REQUEST.search(line))
    return bool(_GO_LOG.match(line)) and _TLS.encode() in line


SOURCE = Source(
    name=NAME,
    plane="engine",
    title="Docker daemon log (dockerd -D: logfmt or JSON)",
    sniff=sniff,
    reader=DockerdLogReader,
    blind_to=("engine-no-caller", "engine-no-outcome"),
)
