"""OpenTelemetry logs over HTTP: from the request to lines of OTLP/JSON, and the answers that senders expect.

OTLP 1.5 (https://opentelemetry.io/docs/specs/otlp/#otlphttp): protobuf or JSON, the answer in the form of the request,
`partial_success` only when something was rejected; 429 and 503 are tried again, 400 is not.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from tidewaiter.service.bodies import BAD_DATA, Lines, NotJson, WrongForm

PROTOBUF = "application/x-protobuf"
JSON = "application/json"


class _Scope(msgspec.Struct):
    logRecords: list[msgspec.Raw] | None = None  # noqa: N815 - the fields' own names


class _Resource(msgspec.Struct):
    scopeLogs: list[_Scope] | None = None  # noqa: N815


class _Request(msgspec.Struct):
    resourceLogs: list[_Resource] | None = None  # noqa: N815


_request = msgspec.json.Decoder(_Request)
_FLAT = bytes.maketrans(b"\r\n", b"  ")


class Taken(NamedTuple):
    """What a request brought."""

    lines: Lines
    rejected: int = 0
    why: str = ""


def from_json(body: bytes) -> Taken:
    """Take OTLP/JSON as it is, on one line: the engine knows this wrapper. Raises NotJson.

    What should be a request and cannot be decoded is kept: an error answer would make the sender drop all of it.
    """
    data = body.strip(b" \t\r\n").translate(_FLAT) + b"\n"
    try:
        found = _request.decode(body)
    except BAD_DATA as problem:
        if data.startswith(b"{") and b'"resourceLogs"' in data:
            return Taken(Lines(data, 1, 1))
        raise NotJson(f"no ExportLogsServiceRequest: {problem}") from None
    count, bad = 0, 0
    for resource in found.resourceLogs or ():
        for scope in resource.scopeLogs or ():
            records = scope.logRecords or []
            odd = sum(bytes(memoryview(one)[:1]) != b"{" for one in records)
            count, bad = count + len(records) - odd, bad + odd
    return Taken(Lines(data, count) if count else Lines(b"", 0), bad, "these log records are no objects" if bad else "")


def from_protobuf(body: bytes) -> Taken:
    """Write the protobuf of a request as OTLP/JSON, a line for each resource. Raises NotJson and WrongForm."""
    try:
        from google.protobuf.message import DecodeError  # noqa: PLC0415 - an extra
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest  # noqa: PLC0415
    except ImportError:
        raise WrongForm("protobuf needs `pip install 'tidewaiter[otlp]'`; or let the exporter send JSON") from None
    request = ExportLogsServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError:
        raise NotJson("no ExportLogsServiceRequest in protobuf") from None
    lines: list[bytes] = []
    count = 0
    for resource_logs in request.resource_logs:
        scopes = [_scope(one) for one in resource_logs.scope_logs if one.log_records]
        if scopes:
            count += sum(len(scope["logRecords"]) for scope in scopes)
            resource = {"attributes": _pairs(resource_logs.resource.attributes)}
            lines.append(msgspec.json.encode({"resourceLogs": [{"resource": resource, "scopeLogs": scopes}]}))
    return Taken(Lines(b"\n".join(lines) + b"\n" if lines else b"", count))


def _scope(scope: Any) -> dict[str, Any]:
    return {"scope": {"name": scope.scope.name}, "logRecords": [_record(one) for one in scope.log_records]}


def _record(record: Any) -> dict[str, Any]:
    written: dict[str, Any] = {
        "timeUnixNano": str(record.time_unix_nano),
        "observedTimeUnixNano": str(record.observed_time_unix_nano),
        "severityText": record.severity_text,
        "body": _any(record.body),
        "attributes": _pairs(record.attributes),
    }
    if not record.time_unix_nano:  # 0 is unknown: then the time of observation counts
        del written["timeUnixNano"]
    return written


def _pairs(pairs: Any) -> list[dict[str, Any]]:
    return [{"key": pair.key, "value": _any(pair.value)} for pair in pairs]


def _any(value: Any) -> dict[str, Any]:
    """Write an AnyValue as protobuf's JSON mapping does: 64-bit numbers as text, bytes in base64."""
    kind = value.WhichOneof("value")
    if kind not in _WRITTEN:
        return {}
    name, write = _WRITTEN[kind]
    return {name: write(getattr(value, kind))}


_WRITTEN: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "string_value": ("stringValue", str),
    "int_value": ("intValue", str),
    "double_value": ("doubleValue", float),
    "bool_value": ("boolValue", bool),
    "bytes_value": ("bytesValue", lambda value: base64.b64encode(value).decode()),
    "array_value": ("arrayValue", lambda value: {"values": [_any(one) for one in value.values]}),
    "kvlist_value": ("kvlistValue", lambda value: {"values": _pairs(value.values)}),
}


def success(taken: Taken, *, protobuf: bool) -> bytes:
    """Give the body of the answer 200: an ExportLogsServiceResponse."""
    if protobuf:
        return _field(1, _number(1, taken.rejected) + _field(2, taken.why.encode())) if taken.rejected else b""
    if not taken.rejected:
        return b"{}"
    said = {"rejectedLogRecords": str(taken.rejected), "errorMessage": taken.why}
    return msgspec.json.encode({"partialSuccess": said})


def failure(message: str, *, protobuf: bool) -> bytes:
    """Give the body of an answer that is an error: a google.rpc.Status."""
    return _field(2, message.encode()) if protobuf else msgspec.json.encode({"message": message})


# Two small messages are written by hand (protobuf encoding: https://protobuf.dev/programming-guides/encoding/), so that
# an answer needs no extra.
def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:  # noqa: PLR2004 - seven bits a byte
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data
