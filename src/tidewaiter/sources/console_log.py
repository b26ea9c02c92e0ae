"""What web consoles log about themselves: the Kubernetes Dashboard 2, and Argo CD's server (text or JSON).

Sources: kubernetes/dashboard 2.7 (src/app/backend/handler/filter.go: "Incoming … request from …", "Outcoming response
to … with … status code") and argoproj/argo-cd 2.x (util/grpc/logging.go: "received unary call …" with the claims of the
token, which Argo CD has verified; "finished unary call with code …"). A request and its answer are two lines, joined by
the client's port, or by service, method and start. A request waits for its answer through at most 1000 newer requests.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from tidewaiter.meaning.proxied_console import read_console_grpc
from tidewaiter.meaning.web_target import Target
from tidewaiter.model import Activity, Origin
from tidewaiter.sources import logfmt
from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.http_activity import is_kept
from tidewaiter.sources.linewise import MAX_TEXT, LineReader, digest, json_object, text_of
from tidewaiter.sources.timestamps import rfc3339
from tidewaiter.sources.web_person import name_in_claims
from tidewaiter.sources.web_request import Occurrences, WebRequest, normalise, target_of
from tidewaiter.sources.web_text import address_of, read_dashboard_log

NAME = "console-log"
_DASHBOARD = re.compile(
    rb"\d{4}/\d\d/\d\d [\d:]{8} \[\d{4}-\d\d-\d\dT[\d:.]{8,18}Z\] (?P<what>Incoming|Outcoming) "
    rb".*?(?:request from|response to) (?P<peer>\S{1,128}?)(?::(?: |\Z)| with (?P<status>\d{3}) status code)",
    re.DOTALL,
)
_GO_LOG = re.compile(rb"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ")  # the Dashboard's other lines
_CODE = re.compile(r"finished \w+ call with code (\w+)")
_STATUS = {"OK": 0, "PermissionDenied": 7, "Unauthenticated": 16}
_OTHER_STATUS = 2  # UNKNOWN
_WAITING = 1000


class _Asked(NamedTuple):
    key: str
    request: WebRequest
    target: Target
    at: datetime
    id: str
    origin: Origin


class ConsoleLogReader(LineReader):
    """Reads one console's log; holds requests back until their answer came, within bounds."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._occurrences = Occurrences()
        self._waiting: OrderedDict[int, _Asked] = OrderedDict()
        self._by_key: dict[str, deque[int]] = {}
        self._count = 0

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give what is complete with this line."""
        if len(raw) > MAX_TEXT:
            self.cannot_read("line-too-long", raw, origin)
        elif raw[:1] == b"{" or raw.startswith(b"time="):
            yield from self._argo(raw, origin)
        elif _GO_LOG.match(raw):
            self.tally.records += 1
            yield from self._dashboard(raw, origin)
        else:
            self.cannot_read("not-a-console-line", raw, origin)

    def _dashboard(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        found = _DASHBOARD.match(raw)
        if found is None:
            return
        key = found["peer"].decode("utf-8", "replace")
        if found["what"] == b"Outcoming":
            yield from self._answered(key, int(found["status"] or 0) or None, None)
            return
        line = read_dashboard_log(raw)
        target = target_of(line.request) if line else None
        if line and target:
            yield from self._asked(key, line.request, target, line.time(line.stamp), line.stamp, raw, origin)

    def _argo(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        fields = json_object(raw) if raw[:1] == b"{" else logfmt.parse(raw.decode("utf-8", "replace"))
        if fields is None:
            self.cannot_read("not-a-console-line", raw, origin)
            return
        self.tally.records += 1
        service, method, start = (text_of(fields.get(f"grpc.{key}")) for key in ("service", "method", "start_time"))
        message, key = text_of(fields.get("msg")), f"{service}/{method}/{start}"
        finished = _CODE.match(message)
        if finished:
            yield from self._answered(key, 200, _STATUS.get(finished[1], _OTHER_STATUS))
            return
        found = read_console_grpc("POST", f"/{service}/{method}")
        if found is None or not is_kept(found.meaning) or not message.startswith("received "):
            return
        name = _object(fields.get("grpc.request.content")).get("name")
        meaning = msgspec.structs.replace(found.meaning, scope="one", name=name) if text_of(name) else found.meaning
        stamp = text_of(fields.get("time"))
        request = WebRequest(
            line=f"POST /{service}/{method}",
            address=address_of(text_of(fields.get("source.ip"))) or "",
            verified=name_in_claims(_object(fields.get("grpc.request.claims"))),
        )
        target = Target(meaning, "web", found.name)
        yield from self._asked(key, request, target, rfc3339(stamp), stamp, raw, origin)

    def _asked(
        self,
        key: str,
        request: WebRequest,
        target: Target,
        at: datetime | None,
        stamp: str,
        raw: bytes,
        origin: Origin,
    ) -> Iterator[Activity]:
        if at is None:
            self.cannot_read("no-time", raw, origin)
            return
        if len(self._waiting) >= _WAITING:
            yield self._tell(next(iter(self._waiting.values())), None, None)
        self._count += 1
        identity = digest(raw, str(self._occurrences.number(stamp, raw)))
        self._waiting[self._count] = _Asked(key, request, target, at, identity, origin)
        self._by_key.setdefault(key, deque()).append(self._count)

    def _answered(self, key: str, status: int | None, code: int | None) -> Iterator[Activity]:
        numbers = self._by_key.get(key)
        if numbers:
            yield self._tell(self._waiting[numbers[0]], status, code)

    def _tell(self, asked: _Asked, status: int | None, code: int | None) -> Activity:
        numbers = self._by_key[asked.key]
        del self._waiting[numbers.popleft()]
        if not numbers:
            del self._by_key[asked.key]
        request = asked.request._replace(status=status, grpc=code)
        return self.keep(normalise(request, asked.target, id=asked.id, at=asked.at, origin=asked.origin))

    def finish(self) -> Iterator[Activity]:
        """Give the requests whose answer was not logged."""
        while self._waiting:
            yield self._tell(next(iter(self._waiting.values())), None, None)


def _object(value: object) -> Mapping[str, Any]:
    """Give an object that a field holds, as such or as JSON text."""
    if isinstance(value, dict):
        return value
    return json_object(value) or {} if isinstance(value, str) else {}


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines about requests; lines of other programs look like a console's other lines."""
    return sum(len(line) <= MAX_TEXT and _is_request(line) for line in lines)


def _is_request(line: bytes) -> bool:
    return _DASHBOARD.match(line) is not None or (
        (line[:1] == b"{" or line.startswith(b"time=")) and b"grpc.service" in line and b"Service" in line
    )


SOURCE = Source(
    name=NAME,
    plane="web",
    title="Log of a web console itself (Kubernetes Dashboard 2, Argo CD server)",
    sniff=sniff,
    reader=ConsoleLogReader,
    blind_to=("web-behind-proxy",),
)
