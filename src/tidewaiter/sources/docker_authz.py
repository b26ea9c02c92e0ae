"""What a Docker authorization plugin receives, one JSON object a line: the bodies of AuthZReq and AuthZRes.

Documentation: https://docs.docker.com/engine/extend/plugins_authorization/ ; behaviour measured on Docker Engine
20.10.24 and 26.1.5. The body has no time, no address and no request number, so whoever writes it to a file puts it
into an envelope of his own: any key may hold it, at most two levels down, and the time is read from ts, time, timestamp
or at.
Request and answer are joined by content and order. An answer without ResponseStatusCode says nothing (the daemon leaves
it out for streams, for _ping and for many errors), and streams are answered when they end: a request waits for its
answer through at most 1000 newer requests or 60 seconds, then it is told without one. A plugin that closes the
connection gets the same request again about a second later: those are two activities.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from tidewaiter.meaning.engine_api import read_target
from tidewaiter.model import Activity, Actor, Meaning, Origin
from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.http_activity import NOT_RECORDED, is_kept, outcome_of, request_activity
from tidewaiter.sources.linewise import LineReader, digest, json_object, number_of, text_of
from tidewaiter.sources.timestamps import time_of

NAME = "docker-authz"
_WAITING = 1000  # newer requests
_PATIENCE = timedelta(seconds=60)
_DEPTH = 2  # levels of a plugin's own envelope
_ANSWER_FIELDS = ("ResponseStatusCode", "ResponseHeaders", "ResponseBody")
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)

_Key = tuple[str, str, str, str]  # method, target, user, agent: all that a request and its answer share


class Record(NamedTuple):
    """One request or one answer, out of its envelope."""

    body: dict[str, Any]
    at: datetime | None
    is_answer: bool


class _Pending(NamedTuple):
    record: Record
    meaning: Meaning
    raw: str  # digest of the line
    origin: Origin
    number: int  # of the request


class DockerAuthzReader(LineReader):
    """Reads one plugin's record; holds requests back until their answer came, within bounds."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._pending: OrderedDict[int, _Pending] = OrderedDict()
        self._by_key: dict[_Key, deque[int]] = {}
        self._requests = 0

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give what is complete with this line: answered requests, and those that waited long enough."""
        record = unwrap(json_object(raw))
        if record is None:
            self.cannot_read("not-an-authz-record", raw, origin)
            return
        self.tally.records += 1
        if record.is_answer and self._requests:
            asked = self._asked(_key(record.body))
            if asked:
                yield self.keep(normalise(asked.record, asked.meaning, record, id=asked.raw, origin=asked.origin))
            return
        self._requests += not record.is_answer
        meaning = read_target(text_of(record.body.get("RequestMethod")), text_of(record.body.get("RequestUri")))
        if record.at is None:
            self.cannot_read("no-time", raw, origin)
            return
        yield from self._overdue(record.at)
        if meaning is None or not is_kept(meaning):
            return
        if record.is_answer:  # a plugin that records answers only
            yield self.keep(normalise(record, meaning, record, id=digest(raw), origin=origin))
            return
        self._by_key.setdefault(_key(record.body), deque()).append(self._requests)
        self._pending[self._requests] = _Pending(record, meaning, digest(raw), origin, self._requests)

    def _asked(self, key: _Key) -> _Pending | None:
        """Take the oldest request of this content out of those that wait."""
        numbers = self._by_key.get(key)
        if not numbers:
            return None
        found = self._pending.pop(numbers.popleft())
        if not numbers:
            del self._by_key[key]
        return found

    def _overdue(self, now: datetime) -> Iterator[Activity]:
        while self._pending:
            oldest = next(iter(self._pending.values()))
            at = oldest.record.at
            if at is None or (self._requests - oldest.number <= _WAITING and now - at <= _PATIENCE):
                return
            yield from self._tell(oldest)

    def _tell(self, pending: _Pending) -> Iterator[Activity]:
        self._asked(_key(pending.record.body))  # the oldest of all is the oldest of its content
        yield self.keep(normalise(pending.record, pending.meaning, None, id=pending.raw, origin=pending.origin))

    def finish(self) -> Iterator[Activity]:
        """Give the requests whose answer never came."""
        while self._pending:
            yield from self._tell(next(iter(self._pending.values())))


def unwrap(record: dict[str, Any] | None) -> Record | None:
    """Find the plugin's input in a line, at most two levels inside an envelope, and the time beside or around it."""
    found = _find(record, _DEPTH) if record else None
    if found is None:
        return None
    body, around = found[-1], found
    at = next((at for one in reversed(around) if (at := time_of(one)) is not None), None)
    marks = {value for one in around[:-1] for value in one.values() if isinstance(value, str)}
    says_answer = any(mark.endswith("AuthZRes") for mark in marks)
    says_request = any(mark.endswith("AuthZReq") for mark in marks)
    return Record(body, at, says_answer or (not says_request and any(key in body for key in _ANSWER_FIELDS)))


def _find(record: dict[str, Any], depth: int) -> list[dict[str, Any]] | None:
    """Give the way from the outermost object to the one with the request."""
    if isinstance(record.get("RequestMethod"), str) and isinstance(record.get("RequestUri"), str):
        return [record]
    if depth:
        for value in record.values():
            inner = _find(value, depth - 1) if isinstance(value, dict) else None
            if inner:
                return [record, *inner]
    return None


def _key(body: dict[str, Any]) -> _Key:
    return (
        text_of(body.get("RequestMethod")),
        text_of(body.get("RequestUri")),
        text_of(body.get("User")),
        _agent(body),
    )


def _agent(body: dict[str, Any]) -> str:
    headers = body.get("RequestHeaders")
    return text_of(headers.get("User-Agent")) if isinstance(headers, dict) else ""


def normalise(request: Record, meaning: Meaning, answer: Record | None, *, id: str, origin: Origin) -> Activity:  # noqa: A002
    """Put a request into normal form, with the outcome of its answer when there is one."""
    body = request.body
    assert request.at is not None  # noqa: S101 - the reader refuses records without a time
    return request_activity(
        meaning,
        id=id,
        at=request.at,
        actor=actor_of(body),
        origin=origin,
        text=f"{text_of(body.get('RequestMethod'))} {text_of(body.get('RequestUri'))}",
        outcome=outcome_of(number_of(answer.body.get("ResponseStatusCode"))) if answer else "unknown",
        agent=_agent(body),
        disclosed=_disclosed(answer),
    )


def actor_of(body: dict[str, Any]) -> Actor:
    """Say who asked: the common name of a client certificate, else the certificate, else nobody knows.

    On the Unix socket and over plain TCP the daemon gives no user at all.
    """
    user = text_of(body.get("User"))
    if user:
        return Actor(kind="user", name=user, realm="engine")
    certificates = body.get("RequestPeerCertificates")
    if isinstance(certificates, list) and certificates and isinstance(certificates[0], str):
        return Actor(kind="user", name=f"certificate sha256:{_fingerprint(certificates[0])}", realm="engine")
    return Actor(kind="unknown", name=NOT_RECORDED, realm="engine")


def _fingerprint(encoded: str) -> str:
    """Give the first 12 digits of a certificate's SHA-256 fingerprint, as `openssl x509 -fingerprint` prints it.

    The daemon sends base64 of a PEM block, the leaf first.
    """
    data = _base64(encoded.encode("utf-8", "replace"))
    block = _PEM.search(data)
    return sha256(_base64(block[1]) if block else data).hexdigest()[:12]


def _base64(data: bytes) -> bytes:
    try:
        return b64decode(data)
    except binascii.Error:
        return data


def _disclosed(answer: Record | None) -> int | None:
    """Give the bytes of the answer's body, which is there only when it was JSON."""
    body = text_of(answer.body.get("ResponseBody")) if answer else ""
    return len(body) // 4 * 3 - body[-2:].count("=") if body else None


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that hold what an authorization plugin receives."""
    return sum(b'"RequestMethod"' in line and b'"RequestUri"' in line for line in lines)


SOURCE = Source(
    name=NAME,
    plane="engine",
    title="Docker authorization plugin (AuthZReq and AuthZRes as JSON, one a line)",
    sniff=sniff,
    reader=DockerAuthzReader,
    blind_to=("engine-no-local-caller",),
)
