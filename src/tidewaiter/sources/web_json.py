r"""Takes records of web servers' and proxies' JSON logs apart.

The shapes are data: `packs/vocabulary/access_shapes.yml`. `escape=json` of nginx passes bytes that are not UTF-8, and a
format without it writes `\x22`, which is no JSON: both are read all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec

from tidewaiter.meaning.vocabulary import load
from tidewaiter.meaning.web_target import Behind
from tidewaiter.sources import logfmt
from tidewaiter.sources.linewise import MAX_TEXT, json_object, number_of, text_of
from tidewaiter.sources.web_person import claimed_name, headers_of
from tidewaiter.sources.web_request import WebRequest
from tidewaiter.sources.web_text import address_of

_HEX = re.compile(rb"(?<!\\)((?:\\\\)*)\\x([0-9A-Fa-f]{2})")
_COMMON_NAME = re.compile(r"(?:\A|[,/+])\s*CN=((?:\\.|[^,/+\\])+)", re.IGNORECASE)
_LONGEST_NAME = 200
_BLOCKED = "blocked request"  # wollomatic/socket-proxy


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What one server calls the fields of a request."""

    name: str
    needs: tuple[str, ...]
    not_: tuple[str, ...] = msgspec.field(default=(), name="not")
    line: tuple[str, ...] = ()
    method: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    address: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    certificate: tuple[str, ...] = ()
    verified: tuple[str, ...] = ()
    agent: tuple[str, ...] = ()
    size: tuple[str, ...] = ()
    time: tuple[str, ...] = ()
    upstream: tuple[str, ...] = ()
    upstream_is: str = ""
    host: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    forwarded: tuple[str, ...] = ()
    grpc: tuple[str, ...] = ()


class WebRecord(NamedTuple):
    """One record, taken apart."""

    request: WebRequest
    shape: Shape
    record: Mapping[str, Any]

    def times(self) -> list[object]:
        """Give what may be the record's time, the best first."""
        return [value for path in self.shape.time if (value := _get(self.record, path)) is not None]

    def claimed(self) -> str:
        """Give the name that headers or tokens in the record claim."""
        maps = [_get(self.record, path) for path in self.shape.headers]
        return claimed_name(headers_of(self.record, maps))


@cache
def shapes() -> tuple[Shape, ...]:
    """Give the known shapes, in the order in which they are tried."""
    return msgspec.convert(load("access_shapes.yml")["shapes"], tuple[Shape, ...])


def is_slog(raw: bytes) -> bool:
    """Tell whether a line is a record about a request that Go's log/slog wrote as text."""
    return raw.startswith(b"time=") and b" URL=" in raw and len(raw) <= MAX_TEXT


def decode(raw: bytes) -> dict[str, Any] | None:
    r"""Decode a line; `\xNN`, which nginx writes without escape=json, is read as what it stands for.

    So is a record that log/slog wrote as text, `time=… level=… msg=… URL=…`: wollomatic/socket-proxy's default.
    """
    if is_slog(raw):
        return dict(logfmt.parse(raw.decode("utf-8", "replace")) or {})
    found = json_object(raw)
    if found is None and b"\\x" in raw:
        found = json_object(_HEX.sub(rb"\1\\u00\2", raw))
    return found


def read_record(record: Mapping[str, Any]) -> WebRecord | None:
    """Give the request of a record; None when it fits no shape."""
    for shape in shapes():
        if _fits(record, shape):
            request = _request(record, shape)
            if request:
                return WebRecord(request, shape, record)
    return None


def is_program_record(record: Mapping[str, Any]) -> bool:
    """Tell whether a record is what a program says about itself, as those beside an access log in one stream are."""
    message = record.get("msg", record.get("message"))
    return isinstance(message, str) and ("level" in record or "severity" in record or "logger" in record)


def _fits(record: Mapping[str, Any], shape: Shape) -> bool:
    return all(any(_get(record, path) is not None for path in one.split("|")) for one in shape.needs) and not any(
        _get(record, path) is not None for path in shape.not_
    )


@cache
def _members(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def _get(record: Mapping[str, Any], path: str, *, whole: bool = False) -> Any:
    """Follow a path; None when it leads nowhere. Of a list the first element is given, unless it is wanted whole."""
    if path in record:
        value = record[path]
    else:
        value = record
        for member in _members(path):
            value = value.get(member) if isinstance(value, dict) else None
            if value is None:
                return None
    return value[0] if isinstance(value, list) and value and not whole else value


def _first(record: Mapping[str, Any], paths: Sequence[str]) -> str:
    return next((text for path in paths if (text := text_of(_get(record, path))) and text != "-"), "")


def _number(record: Mapping[str, Any], paths: Sequence[str]) -> int | None:
    return next((number for path in paths if (number := number_of(_get(record, path))) is not None), None)


def _request(record: Mapping[str, Any], shape: Shape) -> WebRequest | None:
    line = _first(record, shape.line)
    if not line:
        method, target = _first(record, shape.method), _first(record, shape.target)
        query = _first(record, shape.query)
        line = f"{method} {target}{'?' + query if query and '?' not in target else ''}" if method and target else ""
    status = _number(record, shape.status)
    if shape.name == "socket-proxy-slog" and status is None:
        status = 403 if record.get("msg") == _BLOCKED else None
    address = _first(record, shape.address)
    relayed = "" if address else _first(record, shape.forwarded).rpartition(",")[2].strip()
    peer = address or relayed
    if not line or (status is None and not shape.upstream_is) or not peer:
        return None
    verified = _first(record, shape.verified) or "SUCCESS"
    return WebRequest(
        line=line,
        status=status,
        address=address_of(peer) or peer,
        user=_first(record, shape.user),
        certificate=common_name(_first(record, shape.certificate)) if verified == "SUCCESS" else "",
        agent=_first(record, shape.agent),
        size=_number(record, shape.size),
        behind=Behind(shape.upstream_is or _names(record, shape.upstream), _first(record, shape.host)),
        forwarded=bool(relayed),
        grpc=_number(record, shape.grpc),
    )


def _names(record: Mapping[str, Any], paths: Sequence[str]) -> str:
    """Give all names of an upstream; Traefik's end with the provider that made them, `web@docker`."""
    found = (_get(record, path, whole=True) for path in paths)
    lists = (value if isinstance(value, list) else [value] for value in found)
    names = (text_of(one).partition("@")[0] for values in lists for one in values)
    return " ".join(name for name in names if name not in {"", "-"})


def common_name(subject: str) -> str:
    """Give the CN of a distinguished name (RFC 2253, or OpenSSL's old form with slashes); without one, the whole."""
    found = _COMMON_NAME.search(subject)
    return re.sub(r"\\(.)", r"\1", found[1]) if found else subject[:_LONGEST_NAME]
