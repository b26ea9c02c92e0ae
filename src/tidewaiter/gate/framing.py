"""Where the head of a request ends, and whether every server would read it alike. Pure; RFC 9112.

h11 finds the borders of messages. What is checked here is where it and Go's net/http (that is dockerd) are known to
differ, or where either of them forgives more than the RFC: a request may only be watched, or decided, when both see the
same one. Read in net/http of Go 1.24: HTTP/1.0 with Transfer-Encoding is taken as a request without a body.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MOST_HEAD = 1 << 20  # bytes; net/http's own default (DefaultMaxHeaderBytes)
_END = re.compile(rb"\n\r?\n")
_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}) ([^\x00-\x20\x7f]+) HTTP/(1\.[01])\r?\n")
_GLIMPSE = re.compile(rb"\s*([A-Za-z]{1,32})[ \t]+([^\x00-\x20\x7f]+)")
_FOLDED = re.compile(rb"\n[ \t]")
_LOOSE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\x00")
_LENGTH = re.compile(rb"\n(?:content-length)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_CODING = re.compile(rb"\ntransfer-encoding[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_UPGRADE = re.compile(rb"\nupgrade[ \t]*:", re.IGNORECASE)
_MOST_DIGITS = 18  # of a length that fits 63 bits


class Head(NamedTuple):
    """A request line as sent, and the same head with a plain target: what is told of framing does not hang on it."""

    method: str
    target: bytes
    version: str  # "1.0" or "1.1"
    plain: bytes
    upgrade: bool


def head_end(data: bytes | bytearray, start: int = 0) -> int:
    """Give the place behind the blank line that ends a head; 0 when it is not there yet."""
    found = _END.search(data, max(0, start - 2))
    return found.end() if found else 0


def read_head(data: bytes) -> Head | None:
    """Take the request line of a whole head apart; None when it is none of HTTP/1.0 or HTTP/1.1.

    The target may hold bytes above 0x7f, which Go takes and h11 does not: hence the plain copy.
    """
    found = _LINE.match(data)
    if found is None:
        return None
    plain = b"%b / HTTP/%b\r\n" % (found[1], found[3]) + data[found.end() :]
    return Head(found[1].decode(), found[2], found[3].decode(), plain, _UPGRADE.search(data) is not None)


def ambiguity(head: Head) -> str | None:
    """Say why two servers might not agree on where this request ends; None when they would."""
    codings = _CODING.findall(head.plain)
    if codings and head.version == "1.0":
        return "Transfer-Encoding in HTTP/1.0"
    if codings and (len(codings) > 1 or codings[0].strip().lower() != b"chunked"):
        return "an unusual Transfer-Encoding"
    lengths = _LENGTH.findall(head.plain)
    if len(lengths) > 1:
        return "more than one Content-Length"
    if codings and lengths:
        return "Content-Length and Transfer-Encoding"
    if lengths and not (lengths[0].strip().isdigit() and len(lengths[0].strip()) <= _MOST_DIGITS):
        return "a Content-Length that is no number"
    return None


def looseness(head: Head) -> str | None:
    """Say what of a head servers forgive, each in its way: reason enough not to decide on it."""
    if _LOOSE.search(head.plain):
        return "a line that does not end in CR LF"
    if _FOLDED.search(head.plain):
        return "a folded header line"
    if head.method == "CONNECT":
        return "CONNECT"
    if not head.target.isascii():
        return "bytes above 0x7f in the target"
    return None


def glimpse(data: bytes) -> tuple[str | None, bytes | None]:
    """Give what looks like method and target in bytes that cannot be parsed: for the record, never for a decision."""
    found = _GLIMPSE.match(data[:MOST_HEAD])
    return (found[1].decode(), found[2]) if found else (None, None)
