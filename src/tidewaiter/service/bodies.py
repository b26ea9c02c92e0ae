"""From the body of a request to lines for the journal: one record a line, as the readers of files know it.

Nothing is decoded that need not be: the items of a list are found, not understood. What cannot be taken apart is kept
as it came, on one line, where the reader of the format counts it as unreadable.

What senders write, as their documentation and source say:
* kube-apiserver: an EventList (audit.k8s.io/v1) whose items have no kind and no apiVersion, unlike the log's lines.
* Fluent Bit 3, http output: `json` is one array, `json_lines` and `json_stream` are objects one behind the other, all
  three as application/json; `msgpack` (the default) is not read here.
* Vector 0.4x, http sink: codec json is one array, with newline_delimited framing lines; codec text is lines.
* Falco 0.4x, http_output: one object a request, text/plain unless `json_output` is on.
* Google Pub/Sub push: one object with the message in base64, which the engine takes out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from tidewaiter.sources.contract import Block, Tally
from tidewaiter.sources.documents import documents

# What msgspec raises: RecursionError for values thousands deep, UnicodeError for escapes that are no text.
BAD_DATA = (msgspec.MsgspecError, UnicodeError, RecursionError)
_BOM = b"\xef\xbb\xbf"
_FLAT = bytes.maketrans(b"\r\n", b"  ")  # raw line ends stand between tokens only: RFC 8259, section 7
_HEAD = b'{"level":"'  # how Go begins an item
_EVENT = b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"'  # and a line of the log
_VERSION = re.compile(rb'"apiVersion"\s*:\s*"audit\.k8s\.io/v1"')
_BEGINNING = 200  # bytes of a list before its items
_EMPTY = re.compile(rb"[\s\0\x1e]*(?:\[\s*\][\s\0\x1e]*)?")  # nothing, or a list of nothing
_MOST_PIECES = 100_000  # of a broken body that are told apart; what is left is kept as it is
_MOST_BROKEN = 1_000  # broken values in it after which nothing more is looked for
_LARGE = 1 << 20  # bytes of a body that is looked at before a list of all its values is made
_SPACE = b" \t\r\n\0\x1e,[]"


class Lines(NamedTuple):
    """Records, one a line, each line with its end."""

    data: bytes
    records: int
    whole: int = 0  # pieces among them that could not be taken apart


class NotJson(ValueError):  # noqa: N818 - it is what the body is
    """The body was to be JSON, and nothing in it is."""


class WrongForm(ValueError):  # noqa: N818
    """The body has a form that is not read here; the message says which to choose instead."""


class _List(msgspec.Struct):
    kind: Any = None
    apiVersion: Any = None  # noqa: N815 - the field's own name
    items: list[msgspec.Raw] | None = None


_list = msgspec.json.Decoder(_List)
_value = msgspec.json.Decoder(msgspec.Raw)
_values = msgspec.json.Decoder(list[msgspec.Raw])

NONE = Lines(b"", 0)


def kubernetes(body: bytes) -> Lines:
    """Take an EventList apart; the lines are those of kube-apiserver's log file. Never raises.

    An error answer would bring the whole batch again and then lose it (Kubernetes 1.36, audit/webhook/webhook.go:
    retryOnError retries whatever the answer; after five attempts the batch is dropped). So whatever comes is kept.
    """
    if _dense(body):
        return _seen_through(body)
    try:
        found = _list.decode(body)
        if not isinstance(found.kind, str) or not found.kind.endswith("List"):
            return _one(body)
        lines = _joined(found.items or [])
    except BAD_DATA:  # no list, or one bad item in it: find the others
        return _seen_through(body)
    return _as_logged(lines) if found.apiVersion == "audit.k8s.io/v1" else lines


def _seen_through(body: bytes) -> Lines:
    lines = _scanned(body)
    return _as_logged(lines) if _VERSION.search(body[:_BEGINNING]) else lines


def records(body: bytes, media: str = "") -> Lines:
    """Take records of any kind apart: JSON in each of its forms, or lines of text.

    Raises NotJson for a body that says it is JSON and is not, WrongForm for a form that is not read.
    """
    kind = media.partition(";")[0].strip().lower()
    if "msgpack" in kind:
        raise WrongForm("MessagePack is not read; send JSON (Fluent Bit: `format json_lines`)")
    if kind.startswith("multipart/") or "protobuf" in kind:
        raise WrongForm(f"{kind} is not read; send JSON or lines of text")
    is_json = kind.endswith(("json", "json-seq", "jsonl", "jsonlines"))
    body = body.removeprefix(_BOM)
    first = body.lstrip(b" \t\r\n\x1e")[:1]
    if not first:
        return NONE
    if kind == "text/plain" or (first not in b"{[" and not is_json):
        return _text(body)
    if first not in b"{[":
        raise NotJson("it does not begin with { or [")
    found = _json(body)
    if found is None:
        found = _scanned(body)
        objects = found.data.startswith((b"{", b"[")) or b"\n{" in found.data
        if is_json and (found.whole == found.records or not objects):
            raise NotJson("no JSON object was found in it")
        if not is_json and (found.whole or not objects):
            return _text(body)  # lines of text, of which the first begins with a bracket
    return found


def json_only(body: bytes, hint: str) -> Lines:
    """Take JSON apart, whatever the request says it is. Raises NotJson, with a hint for text."""
    first = body.removeprefix(_BOM).lstrip(b" \t\r\n\x1e")[:1]
    if first and first not in b"{[":
        raise NotJson(hint)
    return records(body, "application/json")


def _json(body: bytes) -> Lines | None:
    """Take JSON apart that is one value a line, or one value; None when it is neither."""
    if _dense(body):
        return None
    try:
        return _joined(list(_opened(_value.decode_lines(body))))
    except BAD_DATA:  # not one value a line
        pass
    try:
        return _joined(list(_opened([_value.decode(body)])))
    except BAD_DATA:
        return None


def _opened(values: list[msgspec.Raw]) -> Iterator[msgspec.Raw]:
    for value in values:
        if bytes(memoryview(value)[:1]) == b"[":
            yield from _values.decode(value)
        else:
            yield value


def _one(body: bytes) -> Lines:
    """Keep a document as it is, on one line."""
    text = body.strip(b" \t\r\n\0")
    return Lines(text.translate(_FLAT) + b"\n", 1) if text else NONE


def _text(body: bytes) -> Lines:
    whole = body if body.endswith(b"\n") else body + b"\n"
    return Lines(whole, whole.count(b"\n"))


def _joined(items: list[msgspec.Raw]) -> Lines:
    """Write values one a line."""
    if not items:
        return NONE
    data = b"\n".join(items)
    if data.count(b"\n") != len(items) - 1 or b"\r" in data:  # some are written over several lines
        data = b"\n".join(msgspec.json.format(bytes(item), indent=-1) for item in items)
    return Lines(data + b"\n", len(items))


def _as_logged(lines: Lines) -> Lines:
    """Begin each item as a line of the log begins: the reader is quickest with what it knows best."""
    data = lines.data
    if data.startswith(_HEAD):
        data = _EVENT + data[len(_HEAD) :]
    return lines._replace(data=data.replace(b"\n" + _HEAD, b"\n" + _EVENT))


def _dense(body: bytes) -> bool:
    """Tell whether a large body may be millions of tiny values, of which a list would be many times as large."""
    return len(body) > _LARGE and body.count(b",") + body.count(b"\n") > len(body) // 6


def _is_empty(body: bytes) -> bool:
    return _EMPTY.fullmatch(body) is not None


class _HopelessError(Exception):
    """Too much is broken to look for more."""


class _Patience(Tally):
    def cannot_read(self, *, line: int, offset: int, reason: str, raw: bytes | memoryview = b"") -> None:
        super().cannot_read(line=line, offset=offset, reason=reason, raw=raw)
        if self.unreadable >= _MOST_BROKEN:
            raise _HopelessError


def _scanned(body: bytes) -> Lines:
    """Take apart what is broken somewhere: follow brackets instead of decoding; what is between values is kept too.

    Nothing here grows with depth, so that one item nested thousands deep costs only itself.
    """
    tally = _Patience("")
    parts: list[bytes] = []
    whole, end = 0, 0
    hopeless = False
    try:
        for block in documents([Block(body, 0, 1)], tally):
            if tally.unreadable and (between := body[end : block.offset].strip(_SPACE)):
                parts.append(between.translate(_FLAT))
                whole += 1
            parts.append(bytes(block.data).translate(_FLAT))
            end = block.offset + len(block.data)
            hopeless = len(parts) >= _MOST_PIECES
            if hopeless:
                break
    except _HopelessError:
        hopeless = True
    rest = body[end:].strip(_SPACE)
    if rest and (hopeless or tally.unreadable or not parts):
        parts.append(rest if hopeless else rest.translate(_FLAT))  # many lines of text stay lines
        whole += 1
    if not parts:
        return NONE if _is_empty(body) else Lines(body.translate(_FLAT) + b"\n", 1, 1)
    data = b"\n".join(parts) + b"\n"
    return Lines(data, data.count(b"\n"), whole)
