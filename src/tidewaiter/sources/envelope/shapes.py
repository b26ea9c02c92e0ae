"""The wrappers that only carry: what tells one, and how to take it off. What they look like is data."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol

import msgspec

from tidewaiter.meaning.vocabulary import load
from tidewaiter.sources.envelope.paths import each, first, holds, looked_up, pairs
from tidewaiter.sources.linewise import json_object

MAX_UNPACKED = 64 << 20  # bytes of one payload that is gzip inside base64
_GZIP = b"\x1f\x8b"
_SPLIT_AT = 16 << 10  # dockerd 20.10 and 26 cut longer lines; collectors leave the newline of shorter ones out


class Around(NamedTuple):
    """What the wrappers of a record say about it; `at` is a time in any of the forms `timestamps.any_time` reads."""

    at: Any = None
    host: str | None = None
    cluster: str | None = None

    def within(self, outer: Around) -> Around:
        """Fill what is not known from the wrapper around this one."""
        if outer is NOTHING:
            return self
        at = self.at if self.at is not None else outer.at
        return Around(at, self.host or outer.host, self.cluster or outer.cluster)


NOTHING = Around()


class Piece(NamedTuple):
    """A record as it lay in a wrapper."""

    data: bytes
    around: Around = NOTHING
    more: bool = False  # goes on in the next piece of the same stream
    stream: str = ""
    problem: str = ""  # why there is no record in this place: one bad item costs only itself


class NotWrappedError(ValueError):
    """The wrapper is there, but what it should hold is not."""


class Wrapper(Protocol):
    """One kind of wrapper."""

    @property
    def name(self) -> str:
        """Its id."""

    @property
    def title(self) -> str:
        """One line for people."""

    @property
    def loose(self) -> bool:
        """Whether other records may look like it: it is tried where no format is recognised as it stands."""

    def holds(self, raw: bytes, value: dict[str, Any] | None) -> bool:
        """Tell whether a record, also given as decoded JSON object if it is one, is such a wrapper."""

    def unwrap(self, raw: bytes, value: dict[str, Any] | None) -> list[Piece]:
        """Take a wrapper off that `holds` knew. Raises NotWrappedError when there is nothing in it to read."""

    def remark(self, value: dict[str, Any] | None) -> str | None:
        """Say what an input cannot show if *every* record of it is like this one: id of a cannot.* message."""


class JsonWrapper(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON object with records in it."""

    name: str
    title: str
    has: dict[str, str]
    loose: bool = False
    skip: dict[str, str] = {}
    items: str = ""
    payload: tuple[str, ...] = ()
    encoded: str | None = None
    time: tuple[str, ...] = ()
    host: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    cluster_pattern: str | None = None
    remarks: dict[str, dict[str, str]] = {}
    stream: tuple[str, ...] = ()
    partial: str | dict[str, str] | None = None

    def holds(self, raw: bytes, value: dict[str, Any] | None) -> bool:  # noqa: ARG002 - the protocol's
        """Tell whether this object is such a wrapper."""
        if value is None:
            return False
        if self.has:
            return all(holds(value, path, kind) for path, kind in self.has.items())
        return any(holds(value, path, "text") for path in self.payload)

    def unwrap(self, raw: bytes, value: dict[str, Any] | None) -> list[Piece]:  # noqa: ARG002 - the protocol's
        """Give the records in it; none from a control message."""
        if value is None:
            raise NotWrappedError("no JSON object")
        if any(first(value, path) == wanted for path, wanted in self.skip.items()):
            return []
        if not self.items:
            return [self._piece(value, ())]
        return [self._piece_or_problem(item, around) for item, around in each(value, self.items)]

    def remark(self, value: dict[str, Any] | None) -> str | None:
        """Say what an input of such records only cannot show."""
        for path, by_value in self.remarks.items():
            said = by_value.get(str(first(value, path)))
            if said:
                return said
        return None

    def _piece_or_problem(self, item: Any, around: tuple[Any, ...]) -> Piece:
        try:
            return self._piece(item, around)
        except (NotWrappedError, RecursionError) as problem:
            return Piece(b"", problem=str(problem))

    def _piece(self, item: Any, around: tuple[Any, ...]) -> Piece:
        found = item
        if self.payload:
            found = next((one for path in self.payload if (one := first(item, path)) is not None), None)
        data = as_bytes(found)
        if data is None:
            raise NotWrappedError(f"{self.name} without {' or '.join(self.payload)}")
        if self.encoded:
            data = unpacked(data)
        return Piece(data, self._around(item, around), *self._goes_on(item, data))

    def _around(self, item: Any, around: tuple[Any, ...]) -> Around:
        cluster = looked_up(item, around, self.cluster) if self.cluster else None
        if self.cluster_pattern is not None and cluster is not None:
            match = re.search(self.cluster_pattern, str(cluster))
            cluster = match[1] if match else None
        return Around(
            looked_up(item, around, self.time) if self.time else None,
            _name(looked_up(item, around, self.host)) if self.host else None,
            _name(cluster),
        )

    def _goes_on(self, item: Any, data: bytes) -> tuple[bool, str]:
        if self.partial is None:
            return False, ""
        stream = str(looked_up(item, (), self.stream)) if self.stream else ""
        if isinstance(self.partial, str):  # "no-newline"
            return len(data) >= _SPLIT_AT and not data.endswith(b"\n"), stream
        return all(first(item, path) == wanted for path, wanted in self.partial.items()), stream


class TextWrapper(msgspec.Struct, frozen=True, kw_only=True):
    """A header before the record."""

    name: str
    title: str
    header: str
    loose: bool = False
    partial: str | None = None

    def holds(self, raw: bytes, value: dict[str, Any] | None) -> bool:
        """Tell whether this line begins with such a header."""
        return value is None and _compiled(self.header).fullmatch(raw) is not None

    def unwrap(self, raw: bytes, value: dict[str, Any] | None) -> list[Piece]:  # noqa: ARG002 - the protocol's
        """Give what stands behind the header."""
        match = _compiled(self.header).fullmatch(raw)
        if match is None:
            raise NotWrappedError(f"no header of {self.name}")
        said = {key: text.decode("utf-8", "replace") for key, text in match.groupdict().items() if key != "payload"}
        around = Around(said.get("time"), said.get("host"))
        more = self.partial is not None and said.get("tag") == self.partial
        return [Piece(match["payload"], around, more, said.get("stream", ""))]

    def remark(self, value: dict[str, Any] | None) -> str | None:  # noqa: ARG002 - the protocol's
        """Say nothing: a header tells nothing of what was left out."""
        return None


@cache
def _compiled(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode(), re.DOTALL)


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def as_bytes(value: Any) -> bytes | None:
    """Write a payload as bytes: text, an object, or (journald, for text that is no UTF-8) a list of byte values."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, dict):
        if "values" in value and len(value) == 1:  # OTLP kvlistValue
            value = pairs(value)
        return msgspec.json.encode(value)
    if isinstance(value, list) and value:
        if all(isinstance(one, int) and 0 <= one < 256 for one in value):  # noqa: PLR2004 - a byte
            return bytes(value)
        return as_bytes(value[-1]) if isinstance(value[-1], str | list) else None  # a journal field that came twice
    return None


def unpacked(data: bytes) -> bytes:
    """Decode base64, and gzip inside it. Raises NotWrappedError when it is neither, or is larger than MAX_UNPACKED."""
    try:
        found = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise NotWrappedError("not base64") from None
    if not found.startswith(_GZIP):
        return found
    inflate = zlib.decompressobj(wbits=31)
    try:
        found = inflate.decompress(found, MAX_UNPACKED)
    except zlib.error as problem:
        raise NotWrappedError(f"damaged gzip: {problem}") from None
    if inflate.unconsumed_tail:
        raise NotWrappedError(f"more than {MAX_UNPACKED} bytes unpacked")
    return found


def as_object(raw: bytes) -> dict[str, Any] | None:
    """Decode a record that is a JSON object, else None."""
    return json_object(raw) if raw.lstrip()[:1] == b"{" else None


@cache
def carriers() -> Sequence[Wrapper]:
    """Give the wrappers that only carry, in the order of the vocabulary."""
    table = load("envelopes.yml")
    found: list[Wrapper] = []
    found += (msgspec.convert(one, JsonWrapper) for one in table["json"])
    found += (msgspec.convert(one, TextWrapper) for one in table["text"])
    return tuple(found)
