r"""Findings as JSON: one a line (`tidewaiter.finding/1`), or one report (`tidewaiter.report/1`).

The output is UTF-8 and one line per value whatever a log holds: characters that a terminal obeys or a line reader takes
for a line end are written as \uXXXX, which is the same JSON (RFC 8259, section 7). Lone surrogates are not: they become
a visible escape, because strict readers refuse them (RFC 8259, section 8.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from tidewaiter.model import Finding
from tidewaiter.sinks.summary import Summary
from tidewaiter.wording.visible import without_surrogates

REPORT = "tidewaiter.report/1"

_encoder = msgspec.json.Encoder()
# DEL, C1 controls (NEL ends a line, CSI steers a terminal), marks and overrides of direction, zero-width characters,
# line and paragraph separators, byte order mark.
_UNSAFE = re.compile("[\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]")
_BEYOND_ASCII = re.compile("[^\x00-\x7e]")


def line(finding: Finding) -> bytes:
    """Give one finding as one line, with its line end."""
    return encoded(finding) + b"\n"


def lines(findings: Iterable[Finding]) -> Iterator[bytes]:
    """Give findings one a line, as they come."""
    return map(line, findings)


def report(findings: Iterable[Finding], summary: Summary) -> Iterator[bytes]:
    """Give one JSON document with all findings, a piece at a time: `summary` may be filled after the last finding."""
    yield b'{"schema":' + encoded(REPORT) + b',"findings":['
    for number, finding in enumerate(findings):
        yield (b",\n" if number else b"\n") + encoded(finding)
    yield b'\n],"summary":' + encoded(summary) + b"}\n"


def encoded(value: Any) -> bytes:
    """Encode a value of the model as one line of JSON that is harmless to print."""
    try:
        data = _encoder.encode(value)
    except UnicodeEncodeError:
        data = _encoder.encode(_encodable(msgspec.to_builtins(value, builtin_types=(datetime, bytes))))
    if data.isascii() and b"\x7f" not in data:
        return data
    return _UNSAFE.sub(_escape, data.decode("utf-8")).encode("utf-8")


def encoded_ascii(value: Any) -> bytes:
    """Encode a value as one line of JSON without any character beyond ASCII, for channels that know no other."""
    return _BEYOND_ASCII.sub(_escape, encoded(value).decode("utf-8")).encode("ascii")


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code <= 0xFFFF:  # noqa: PLR2004 - the basic plane
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def _encodable(value: Any) -> Any:
    """Copy built-in values with lone surrogates made visible."""
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(item) for item in value]
    return value.astimezone(UTC) if isinstance(value, datetime) else value
