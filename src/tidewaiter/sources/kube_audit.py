"""Kubernetes audit log: `audit.k8s.io/v1` Event, one JSON object a line, or EventList as the webhook sends it.

Documentation: https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/ ; behaviour measured on
kube-apiserver 1.36. One request has one to three lines (stages); they share one `Activity.id`, and the store keeps
the one that knows most. A 401 has a single line, stage ResponseStarted, with an empty user. The client may choose
`auditID` itself, so the id also holds the time (in microseconds) and the target.

A request that names one existing object is no discovery, nor is a watch that says where to go on. Both are told by
`requestURI`, which kube-apiserver always writes: a get or a watch without one is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar
from zlib import crc32

import msgspec

from tidewaiter.meaning import kube_api
from tidewaiter.meaning.agents import tool_name
from tidewaiter.meaning.kube_identity import kube_actor
from tidewaiter.meaning.vocabulary import resource_class
from tidewaiter.model import Activity, Actor, Meaning, Origin, Outcome
from tidewaiter.sources.contract import Block, Occurrence, Reader, Source, Tally
from tidewaiter.sources.kube_audit_triage import Triage, triage
from tidewaiter.sources.timestamps import rfc3339

NAME = "kube-audit"
_CHUNK = 1 << 16  # bytes decoded in one call; small enough that one bad line costs little
_NONE = msgspec.Raw(b"null")
# What msgspec raises for bad data: RecursionError when it is nested thousands deep, the Unicode errors for text that
# is not UTF-8, or was escaped to a lone surrogate.
_BAD_DATA = (msgspec.MsgspecError, UnicodeDecodeError, UnicodeEncodeError, RecursionError)


class Event(msgspec.Struct):
    """The fields of an audit event that matter here; everything else is skipped by the decoder.

    Parts that repeat from event to event stay raw and are understood once (see `Reader`).
    """

    verb: str | None = None
    stage: str | None = None
    requestURI: str | None = None  # noqa: N815 - the field's own name
    kind: str | None = None
    auditID: str | None = None  # noqa: N815
    user: msgspec.Raw = _NONE
    impersonatedUser: msgspec.Raw = _NONE  # noqa: N815
    sourceIPs: msgspec.Raw = _NONE  # noqa: N815
    userAgent: str | None = None  # noqa: N815
    objectRef: msgspec.Raw = _NONE  # noqa: N815
    responseStatus: msgspec.Raw = _NONE  # noqa: N815
    requestReceivedTimestamp: str | None = None  # noqa: N815
    stageTimestamp: str | None = None  # noqa: N815
    level: str | None = None
    items: msgspec.Raw = _NONE  # of an EventList


class _User(msgspec.Struct):
    username: str | None = None
    extra: dict[str, list[str] | None] | None = None


class _ObjectRef(msgspec.Struct):
    resource: str | None = None
    namespace: str | None = None
    name: str | None = None
    apiGroup: str | None = None  # noqa: N815
    subresource: str | None = None


class _Status(msgspec.Struct):
    code: int | None = None
    status: str | None = None
    message: str | None = None


_event = msgspec.json.Decoder(Event)
_items = msgspec.json.Decoder(list[msgspec.Raw] | None)
_user = msgspec.json.Decoder(_User | None)
_ref = msgspec.json.Decoder(_ObjectRef | None)
_status = msgspec.json.Decoder(_Status | None)
_addresses = msgspec.json.Decoder(list[str] | None)


class _Client(NamedTuple):
    """What the repeated parts of an event say about who sent it."""

    actor: Actor
    address: str | None
    tool: str | None
    container: str | None
    traits: tuple[str, ...]
    nameless: bool  # no user at all: the credential was not accepted


class _Shape(NamedTuple):
    """What the request of an event means."""

    meaning: Meaning
    resource_class: str
    passing: bool  # reads one object whose name is known: no discovery, unless it fails


class KubeAuditReader:
    """Reads audit events block by block. Parts that repeat (user, target, status) are understood once."""

    def __init__(self, tally: Tally, triage: Triage | None = None) -> None:
        self.tally = tally
        self._path = tally.path
        self._triage = triage
        self._templates: dict[tuple[bytes, str | None, str, str], Activity | None] = {}
        self._stages: dict[str | None, int] = {}

    def feed(self, block: Block) -> list[Activity]:
        """Give the activities of one block of lines."""
        return [item.activity() for item in self.occurrences(block)]

    def occurrences(self, block: Block) -> list[Occurrence]:
        """Give the same, as occurrences of templates: most records repeat a few thousand of them."""
        found: list[Occurrence] = []
        self._read(block, found)
        if found:
            self.tally.kept += len(found)
            times = [item.at for item in found]
            self.tally.saw(min(times))
            self.tally.saw(max(times))
        return found

    def _read(self, block: Block, found: list[Occurrence]) -> None:
        if self._triage is not None:
            kept, lines = self._triage(block.data)
            self.tally.lines_of_block = lines
            if len(kept) * 2 <= lines:  # else whole chunks decode faster than so many single lines
                self.tally.records += lines - len(kept)
                view = memoryview(block.data)
                for start, end, index in kept:
                    self._line(view[start:end], block.line + index, block.offset + start, found)
                return
        raw = bytes(block.data)
        start, line, size = 0, block.line, len(raw)
        while start < size:
            end = size if size - start <= _CHUNK else raw.rfind(b"\n", start, start + _CHUNK) + 1
            if end <= start:  # one line longer than a chunk
                end = raw.find(b"\n", start) + 1 or size
            lines = raw.count(b"\n", start, end) + (end == size and raw[-1:] != b"\n")
            self._chunk(raw, start, end, block.offset, line, lines, found)
            start, line = end, line + lines

    def _chunk(
        self, raw: bytes, start: int, end: int, base: int, line: int, lines: int, found: list[Occurrence]
    ) -> None:
        try:
            events = _event.decode_lines(memoryview(raw)[start:end])
        except _BAD_DATA:
            events = []
        if len(events) != lines:  # a broken or blank line: find it
            while start < end:
                stop = raw.find(b"\n", start, end) + 1 or end
                self._line(raw[start:stop].removesuffix(b"\n"), line, base + start, found)
                start, line = stop, line + 1
            return
        self.tally.records += lines
        at, seen = start, 0
        for index, event in enumerate(events):
            if event.verb in _SKIPPED_VERBS:
                continue
            while seen < index:
                at = raw.find(b"\n", at) + 1
                seen += 1
            self.read_event(event, line + index, base + at, found)

    def _line(self, text: bytes | memoryview, line: int, offset: int, found: list[Occurrence]) -> None:
        try:
            event = _event.decode(text)
        except _BAD_DATA as problem:
            if bytes(text).strip():
                self._cannot_read(problem, line, offset, bytes(text))
            return
        self.tally.records += 1
        if event.verb not in _SKIPPED_VERBS:
            self.read_event(event, line, offset, found)

    def read_event(self, event: Event, line: int, offset: int, found: list[Occurrence]) -> None:
        """Add the activities of one event to `found`; an EventList is unpacked, and a bad item costs only itself."""
        try:
            if event.items is _NONE or event.kind is None or not event.kind.endswith("List"):
                self._occurrence(event, line, offset, found)
                return
            items = _items.decode(event.items) or []
        except _BAD_DATA as problem:
            self._cannot_read(problem, line, offset)
            return
        self.tally.records += len(items) - 1
        for item in items:
            try:
                self._occurrence(_event.decode(item), line, offset, found)
            except _BAD_DATA as problem:
                self._cannot_read(problem, line, offset, bytes(item))

    def _cannot_read(self, problem: Exception, line: int, offset: int, raw: bytes = b"") -> None:
        self.tally.cannot_read(line=line, offset=offset, reason=f"not-an-event: {problem}", raw=raw)

    def _occurrence(self, event: Event, line: int, offset: int, found: list[Occurrence]) -> None:
        """Add the activity of one event, if it is one that is kept."""
        uri, verb = event.requestURI or "", event.verb
        if not verb:
            self.tally.note("kube-no-verb")
            return
        if verb in _SKIPPED_VERBS:
            return
        ref = bytes(event.objectRef)
        # The target belongs to the key only where it says more than the objectRef does.
        telling = verb == "watch" or "fieldSelector" in uri or "dryRun" in uri or not _RESOURCE.search(ref)
        parts = b"\n".join((event.user, event.impersonatedUser, event.sourceIPs, ref, event.responseStatus))
        key = (parts, event.userAgent, verb, uri if telling else "")
        try:
            template = self._templates[key]
        except KeyError:
            target = uri if telling else uri.partition("?")[0]
            template = _bounded(self._templates)[key] = self._template(event, verb, target)
        if template is None:
            return
        stamp = event.requestReceivedTimestamp or event.stageTimestamp
        at = rfc3339(stamp) if stamp else None
        if at is None:
            self.tally.cannot_read(line=line, offset=offset, reason="no-time")
            return
        self._stages[event.stage] = self._stages.get(event.stage, 0) + 1
        identity = f"{(event.auditID or '')[:64]}@{stamp}#{crc32(uri.encode('utf-8', 'surrogatepass')):x}"
        found.append(Occurrence(template, identity, at, f"{verb} {uri[:_TEXT]}", line, offset))

    def _template(self, event: Event, verb: str, uri: str) -> Activity | None:
        """Understand an event but for its time and place; None when such an event is not kept."""
        if verb == "watch" and not (uri and kube_api.returns_existing(uri.partition("?")[2])):
            return None
        shape = _shape(_ref.decode(event.objectRef) or _ObjectRef(), verb, uri)
        if shape is None:
            return None
        ended, denied = outcome(_status.decode(event.responseStatus))
        if shape.passing and ended in _HARMLESS:
            return None
        meaning = shape.meaning
        if meaning.verb == "review" and event.level == "Metadata":
            self.tally.note("kube-reviews-without-body")
        client = _client(bytes(event.user), bytes(event.impersonatedUser), bytes(event.sourceIPs), event.userAgent)
        nameless = ("bad-credential",) if client.nameless and ended == "refused" else ()
        return Activity(
            id="",
            at=_NO_TIME,
            actor=client.actor,
            plane="kubernetes",
            verb=meaning.verb,
            kind=meaning.kind,
            resource_class=shape.resource_class,
            scope=meaning.scope,
            namespace=meaning.namespace,
            name=meaning.name,
            outcome=ended,
            address=client.address,
            tool=client.tool,
            container=client.container,
            traits=tuple(sorted({*meaning.traits, *client.traits, *denied, *nameless})),
            origin=Origin(source=NAME, path=self._path, line=0, offset=0),
        )

    def finish(self) -> Iterable[Activity]:
        """Say what this log could not show; nothing is ever held back."""
        if set(self._stages) == {"RequestReceived"}:
            self.tally.note("kube-only-request-received", self._stages["RequestReceived"])
        if self.tally.records and not self._stages:
            self.tally.note("kube-no-reads")
        return ()


_SKIPPED_VERBS = frozenset({"update", "patch", "delete", "deletecollection"})
_READING = frozenset({"get", "list", "watch", "head"})
_NOT_KEPT = frozenset({"watch", "probe", "update", "delete"})
# Reading one object whose name one knows is no discovery; every controller does it all day. Guessing names is seen by
# the refusals and the failures.
_HARMLESS = frozenset({"answered", "unknown"})
_RESOURCE = re.compile(rb'\A\{"resource":"[^"]')  # as Go begins an objectRef
_NO_TIME = datetime(1, 1, 1, tzinfo=UTC)  # of a template
_TEXT = 500  # characters of a request target kept for people
_MEMO = 50_000
_Memo = TypeVar("_Memo", bound="dict[Any, Any]")


def _bounded(memo: _Memo) -> _Memo:
    if len(memo) >= _MEMO:  # hostile variety costs speed, never memory
        memo.clear()
    return memo


def _client(own: bytes, target: bytes, peers: bytes, agent: str | None) -> _Client:
    user = _user.decode(own) or _User()
    name, via = user.username or "", None
    traits: list[str] = []
    if target != b"null":
        via, name = name, (_user.decode(target) or _User()).username or ""
        traits.append("impersonating")
    addresses = _addresses.decode(peers) or []
    if len(addresses) > 1:
        traits.append("forwarded")
    # The last entry is the peer of the connection; the earlier ones are copied from headers that anyone can set.
    address = addresses[-1] if addresses else None
    tool = tool_name(agent)
    pods = (user.extra or {}).get("authentication.kubernetes.io/pod-name") or [None]
    actor = kube_actor(name, tool=tool, address=address, via=via)
    return _Client(actor, address, tool, pods[0], tuple(traits), not user.username)


def _shape(target: _ObjectRef, verb: str, uri: str) -> _Shape | None:
    """Say what a request means, if it is of a sort that is kept."""
    uri = uri.replace("#", "%23")  # a server knows of no fragments
    request = _request(target, verb, uri)
    if request is None:
        meaning = kube_api.read_non_resource(uri) if uri and verb in _READING and not target.resource else None
    else:
        meaning = None if kube_api.is_heartbeat(request) else kube_api.read_request(request)
    if meaning is None or meaning.verb in _NOT_KEPT:
        return None
    passing = request is not None and meaning.verb == "get" and "/" not in meaning.kind
    return _Shape(meaning, resource_class(meaning.kind), passing)


def _request(ref: _ObjectRef, verb: str, uri: str) -> kube_api.Request | None:
    """Give the request that an objectRef, or else a path, tells of; None when it names no resource or is not kept."""
    if not ref.resource:
        request = kube_api.parse_path("GET", uri) if verb in _READING else None
        return request._replace(verb=verb) if request else None  # the server's own word for it counts
    request = kube_api.Request(
        verb,
        ref.resource,
        ref.subresource or "",
        ref.apiGroup or "",
        ref.namespace or "",
        ref.name or "",
        uri.partition("?")[2],
    )
    return None if verb == "create" and not kube_api.is_kept_create(request) else request


def outcome(status: _Status | None) -> tuple[Outcome, tuple[str, ...]]:
    """Say how a request ended: HTTP 401 and 403 are refusals, other codes from 400 are failures."""
    if status is None or status.code is None:
        return "unknown", ()
    if status.code in {401, 403}:
        # Denied impersonation leaves no trace but this sentence (measured on 1.36; older ones word the rest otherwise).
        denied = "cannot impersonate" in (status.message or "")
        return "refused", ("impersonating",) if denied else ()
    return ("answered", ()) if status.code < 400 else ("failed", ())  # noqa: PLR2004


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are audit events or lists of them."""
    return sum(b"audit.k8s.io/" in line or (b'"auditID"' in line and b'"stage"' in line) for line in lines)


def reader(tally: Tally) -> Reader:
    """Make the reader of one input."""
    return KubeAuditReader(tally, triage(native=tally.native))


SOURCE = Source(
    name=NAME,
    plane="kubernetes",
    title="Kubernetes audit log (audit.k8s.io/v1 events, one a line, or EventList)",
    sniff=sniff,
    reader=reader,
    blind_to=("kube-kubelet-direct", "kube-no-requests-below-metadata"),
)
