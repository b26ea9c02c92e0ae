"""Kubernetes audit log: `audit.k8s.io/v1` Event, one JSON object a line, or EventList as the webhook sends it.

Documentation: https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/ ; behaviour measured on
kube-apiserver 1.36. One request has one to three lines (stages); they share one `Activity.id`, and the store keeps
the one that knows most. A 401 has a single line, stage ResponseStarted, with an empty user. The client may choose
`auditID` itself, so the id also holds what it cannot choose (see `kube_audit_event.identity`).

A request that names one existing object is no discovery, unless a person's program asks or a secret is read; nor is a
watch that says where to go on. Both are told by `requestURI`, which kube-apiserver always writes: a get or a watch
without one is passed over. Writes are kept where they may be the next step (see `kept_writes` of the vocabulary).

How an answer is asked for (as a Table, or as metadata only) stands in the Accept header, which no audit event has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

from tidewaiter.meaning import kube_api
from tidewaiter.meaning.agents import is_by_hand
from tidewaiter.meaning.console_api import read_dashboard
from tidewaiter.meaning.vocabulary import resource_class
from tidewaiter.model import Activity, Meaning, Origin, Outcome
from tidewaiter.sources import kube_audit_event as parts
from tidewaiter.sources.contract import Block, Occurrence, Reader, Source, Tally
from tidewaiter.sources.kube_audit_event import BAD_DATA, NONE, Client, Event
from tidewaiter.sources.kube_audit_own import RuledReader
from tidewaiter.sources.kube_audit_review import kubelet_request, may_be
from tidewaiter.sources.kube_audit_triage import Triage, triage
from tidewaiter.sources.timestamps import rfc3339

NAME = "kube-audit"
_CHUNK = 1 << 16  # bytes decoded in one call; small enough that one bad line costs little


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
        self._templates: dict[tuple[bytes, str | None, str, str, bool], tuple[Activity, str] | None] = {}
        self._stages: dict[str | None, int] = {}
        self._reads = False
        self._read_ends: dict[Outcome, int] = {}  # how the different reads ended, one for each template

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
        if not self._reads:  # also of reads that are not kept: whether the policy lets any through
            self._reads = _ANY_READ.search(block.data) is not None
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
            events = parts.event.decode_lines(memoryview(raw)[start:end])
        except BAD_DATA:
            events = []
        starts = _starts(raw, start, end) if len(events) == lines else None
        if starts is None:  # a broken or blank line: find it
            while start < end:
                stop = raw.find(b"\n", start, end) + 1 or end
                self._line(raw[start:stop].removesuffix(b"\n"), line, base + start, found)
                start, line = stop, line + 1
            return
        self.tally.records += lines
        for index, event in enumerate(events):
            if event.verb in _WRITES and not _TELLING_WRITE.search(event.requestURI or ""):
                continue
            self.read_event(event, line + index, base + starts[index], found)

    def _line(self, text: bytes | memoryview, line: int, offset: int, found: list[Occurrence]) -> None:
        try:
            event = parts.event.decode(text)
        except BAD_DATA as problem:
            if bytes(text).strip():
                self._cannot_read(problem, line, offset, bytes(text))
            return
        self.tally.records += 1
        self.read_event(event, line, offset, found)

    def read_event(self, event: Event, line: int, offset: int, found: list[Occurrence]) -> None:
        """Add the activities of one event to `found`; an EventList is unpacked, and a bad item costs only itself."""
        try:
            if event.items is NONE or event.kind is None or not event.kind.endswith("List"):
                self._occurrence(event, line, offset, found)
                return
            items = parts.items.decode(event.items) or []
        except BAD_DATA as problem:
            self._cannot_read(problem, line, offset)
            return
        self.tally.records += len(items) - 1
        for item in items:
            try:
                self._occurrence(parts.event.decode(item), line, offset, found)
            except BAD_DATA as problem:
                self._cannot_read(problem, line, offset, bytes(item))

    def _cannot_read(self, problem: Exception, line: int, offset: int, raw: bytes = b"") -> None:
        self.tally.cannot_read(line=line, offset=offset, reason=f"not-an-event: {problem}", raw=raw)

    def _occurrence(self, event: Event, line: int, offset: int, found: list[Occurrence]) -> None:
        """Add the activity of one event, if it is one that is kept."""
        uri, verb = event.requestURI or "", event.verb
        if not verb:
            self.tally.note("kube-no-verb")
            return
        if verb in _WRITES and not _TELLING_WRITE.search(uri):
            return
        ref = bytes(event.objectRef)
        # The target belongs to the key only where it says more than the objectRef does.
        selected = "fieldSelector" in uri or "dryRun" in uri
        telling = verb == "watch" or selected or b'"proxy"' in ref or not _RESOURCE.match(ref)
        same = [event.user, event.impersonatedUser, event.sourceIPs, ref, event.responseStatus]
        if verb == "create" and may_be(ref, bytes(event.user)):
            same += [event.requestObject, event.responseObject]
        legacy = _LEGACY in bytes(event.annotations)
        key = (b"\n".join(same), event.userAgent, verb, uri if telling else "", legacy)
        try:
            template = self._templates[key]
        except KeyError:
            target = uri if telling else uri.partition("?")[0]
            made = self._template(event, verb, target, len(same) > _PARTS)
            template = (made, parts.username(bytes(event.user))) if made else None
            _bounded(self._templates)[key] = template
        if template is None:
            return
        activity, name = template
        stamp = event.requestReceivedTimestamp or event.stageTimestamp
        at = (rfc3339(stamp) if stamp else None) or self.tally.time_of_line(line)
        if at is None:
            self.tally.cannot_read(line=line, offset=offset, reason="no-time")
            return
        self._stages[event.stage] = self._stages.get(event.stage, 0) + 1
        text = activity.text or f"{verb} {uri[:_TEXT]}"
        found.append(Occurrence(activity, parts.identity(event, name), at, text, line, offset))

    def _template(self, event: Event, verb: str, uri: str, reviewed: bool) -> Activity | None:
        """Understand an event but for its time and place; None when such an event is not kept."""
        if verb == "watch" and not (uri and kube_api.returns_existing(uri.partition("?")[2])):
            return None
        through = self._kubelet_request(event) if reviewed else None
        if through is not None:
            return through if through.actor.kind != "component" and through.verb != "probe" else None
        shape = _shape(parts.object_ref.decode(event.objectRef) or parts.ObjectRef(), verb, uri)
        if shape is None:
            return None
        ended, denied = parts.outcome(event.responseStatus)
        meaning = shape.meaning
        client = parts.client(bytes(event.user), bytes(event.impersonatedUser), bytes(event.sourceIPs), event.userAgent)
        if not _is_kept(shape, ended, client):
            return None
        if meaning.verb == "review" and event.audit_level() == "Metadata":
            self.tally.note("kube-reviews-without-body")
        if meaning.verb in _READS:
            self._read_ends[ended] = self._read_ends.get(ended, 0) + 1
        traits = {*meaning.traits, *client.traits, *denied}
        if client.nameless and ended == "refused":
            traits.add("bad-credential")
        if _LEGACY in bytes(event.annotations):
            traits.add("legacy-token")
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
            node=client.node,
            credential=client.credential,
            claimed=client.claimed,
            groups=client.groups,
            traits=tuple(sorted(traits)),
            origin=Origin(source=NAME, path=self._path, line=0, offset=0),
        )

    def _kubelet_request(self, event: Event) -> Activity | None:
        """Understand the review of a kubelet as the request that made it ask; None when the review does not say."""
        found = kubelet_request(bytes(event.user), bytes(event.requestObject), bytes(event.responseObject))
        if found is None:
            return None
        meaning = found.meaning
        return Activity(
            id="",
            at=_NO_TIME,
            actor=found.actor,
            plane="kubernetes",
            verb=meaning.verb,
            kind=meaning.kind,
            resource_class=resource_class(meaning.kind),
            scope=meaning.scope,
            name=meaning.name,
            outcome=found.outcome,
            container=found.container,
            text=found.text,
            traits=meaning.traits,
            origin=Origin(source=NAME, path=self._path, line=0, offset=0),
        )

    def finish(self) -> Iterable[Activity]:
        """Say what this log could not show; nothing is ever held back."""
        ends = self._read_ends
        if set(self._stages) == {"RequestReceived"}:
            self.tally.note("kube-only-request-received", self._stages["RequestReceived"])
        elif ends.get("refused", 0) >= _ENOUGH and not ends.get("answered"):
            self.tally.note("kube-only-refused", ends["refused"])
        if self.tally.records and not ends and not self._reads:
            self.tally.note("kube-no-reads")
        return ()


_ANY_READ = re.compile(rb'"verb"\s*:\s*"(?:get|list|watch)"')
_WRITES = frozenset({"update", "patch", "delete", "deletecollection"})
# Targets of the writes that are looked at: permissions, approvals, debug containers, and what only pretends. The native
# triage looks for the same.
_TELLING_WRITE = re.compile(
    r"\A/apis/rbac\.authorization\.k8s\.io/|/(?:approval|ephemeralcontainers)(?:\?|\Z)|\?.*dryRun=|%", re.DOTALL
)
_LEGACY = b'"authentication.k8s.io/legacy-token"'  # an annotation of the API server, since Kubernetes 1.26
_PARTS = 5  # of an event that always belong to the key of its template
_READING = frozenset({"get", "list", "watch", "head"})
_READS = frozenset({"list", "get", "discover", "logs"})
_NOT_KEPT = frozenset({"watch", "probe", "delete"})
_ENOUGH = 20  # different reads, all of them refused, before one may say that answered ones are not recorded
# Reading one object whose name one knows is no discovery; every controller does it all day. Guessing names is seen by
# the refusals and the failures.
_HARMLESS = frozenset({"answered", "unknown"})
_RESOURCE = re.compile(rb'\A\{"resource":"[^"]')  # as Go begins an objectRef
_OPENS, _CLOSES = b"{}"
_NO_TIME = datetime(1, 1, 1, tzinfo=UTC)  # of a template
_TEXT = 500  # characters of a request target kept for people
_MEMO = 50_000
_Memo = TypeVar("_Memo", bound="dict[Any, Any]")


def _starts(raw: bytes, start: int, end: int) -> list[int] | None:
    """Give where the lines of a chunk start; None where a line is not one object from its first byte to its last.

    A decoder takes line ends for white space: an object broken over two lines and two objects on one line would make
    up for each other, and every line between them would be told as its neighbour.
    """
    found = []
    while start < end:
        stop = raw.find(b"\n", start, end)
        last = (stop if stop >= 0 else end) - 1
        if raw[start] != _OPENS or (raw[last] != _CLOSES and raw[last - 1 : last + 1] != b"}\r"):
            return None
        found.append(start)
        start = stop + 1 or end
    return found


def _bounded(memo: _Memo) -> _Memo:
    if len(memo) >= _MEMO:  # hostile variety costs speed, never memory
        memo.clear()
    return memo


def _is_kept(shape: _Shape, ended: Outcome, client: Client) -> bool:
    """Tell whether an event of this sort matters, once it is known how it ended and who sent it."""
    kind, meaning = client.actor.kind, shape.meaning
    if shape.passing and ended in _HARMLESS:
        secret = meaning.kind == "secrets" and kind not in {"component", "node"}
        # Whoever has no credential is nobody's controller.
        return meaning.name is not None and (secret or kind == "anonymous" or is_by_hand(client.tool))
    # Controllers make pods and grant permissions all day.
    return kind != "component" or meaning.verb not in {"create", "update"}


def _shape(target: parts.ObjectRef, verb: str, uri: str) -> _Shape | None:
    """Say what a request means, if it is of a sort that is kept."""
    uri = uri.replace("#", "%23")  # a server knows of no fragments
    request = _request(target, verb, uri)
    if request is None:
        meaning = kube_api.read_non_resource(uri) if uri and verb in _READING and not target.resource else None
    elif verb in _WRITES or verb == "create":
        meaning = kube_api.read_request(request) if kube_api.is_kept_write(request) else None
    else:
        meaning = None if kube_api.is_heartbeat(request) else _dashboard(request, uri) or kube_api.read_request(request)
    if meaning is None or meaning.verb in _NOT_KEPT:
        return None
    passing = request is not None and meaning.verb == "get" and "/" not in meaning.kind
    return _Shape(meaning, resource_class(meaning.kind), passing and "dry-run" not in meaning.traits)


def _dashboard(request: kube_api.Request, uri: str) -> Meaning | None:
    """Say what somebody reads in the Kubernetes Dashboard through the API server's proxy."""
    found = read_dashboard("GET", uri) if request.rest and request.resource == "services" else None
    return found and msgspec.structs.replace(found, traits=tuple(sorted({*found.traits, "web-console"})))


def _request(ref: parts.ObjectRef, verb: str, uri: str) -> kube_api.Request | None:
    """Give the request that an objectRef, or else a path, tells of; None when it names no resource."""
    if not ref.resource:
        request = kube_api.parse_path("GET", uri) if verb in _READING else None
        return request._replace(verb=verb) if request else None  # the server's own word for it counts
    carried = kube_api.parse_path("GET", uri) if ref.subresource == "proxy" else None
    return kube_api.Request(
        verb,
        ref.resource,
        ref.subresource or "",
        ref.apiGroup or "",
        ref.namespace or "",
        ref.name or "",
        uri.partition("?")[2],
        carried.rest if carried else "",
    )


def reader(tally: Tally) -> Reader:
    """Make the reader of one input."""
    plain = KubeAuditReader(tally, triage(native=tally.native))
    own = tally.matcher
    return RuledReader(plain, tally, own, NAME) if own is not None and own.wants("kube-audit") else plain


SOURCE = Source(
    name=NAME,
    plane="kubernetes",
    title="Kubernetes audit log (audit.k8s.io/v1 events, one a line, or EventList)",
    sniff=parts.sniff,
    reader=reader,
    blind_to=("kube-kubelet-direct", "kube-no-requests-below-metadata"),
)
