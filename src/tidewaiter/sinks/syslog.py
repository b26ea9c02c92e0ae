r"""Messages of syslog, RFC 5424: a header, structured data, and a finding as words, flat JSON, CEF or LEEF.

Words are UTF-8 and begin with a byte order mark, as section 6.4 asks. JSON is written in ASCII, where none is needed.
CEF and LEEF come without one although they may hold UTF-8: their readers look for the name of the format at the
beginning. One message is one line in every form, so both framings of RFC 6587 (and that of RFC 5425) carry it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from tidewaiter import __version__
from tidewaiter.sinks import cef, flat, leef
from tidewaiter.sinks.document import Context, Document, seen, techniques
from tidewaiter.sinks.jsonl import encoded_ascii
from tidewaiter.sinks.safe_text import safe
from tidewaiter.wording import Wording

Payload: TypeAlias = Callable[[Document, Wording, Context], bytes]

SEVERITIES = {"critical": 2, "high": 3, "medium": 4, "low": 5, "info": 6}
_BOM = b"\xef\xbb\xbf"
_NOT_PRINTED = re.compile(r"[^!-~]")  # what is not PRINTUSASCII, the alphabet of HOSTNAME
_PARAM = str.maketrans({"\\": r"\\", '"': r"\"", "]": r"\]"})
_HOST = 255  # characters
_SHORTEST = 25  # characters of a value, ids included


def words(finding: Document, wording: Wording, context: Context) -> bytes:
    """Give a finding as structured data and a sentence for people."""
    level = wording.say(f"level.{finding['level']}")
    said = f"{level} {finding['headline']}"
    return flat.fitted(
        lambda limit: (
            b"%b %b %b%b"
            % (
                _header(finding, context),
                _data(finding, context, limit),
                _BOM,
                safe(said, limit=max(limit, _SHORTEST)).encode(),
            )
        ),
        context.size,
    )


def of_json(finding: Document, _: Wording, context: Context) -> bytes:
    """Give a finding as flat JSON in ASCII."""
    header = _header(finding, context)
    return flat.fitted(
        lambda limit: b"%b - %b" % (header, encoded_ascii(flat.flat(finding, context, limit=limit))), context.size
    )


def of_cef(finding: Document, wording: Wording, context: Context) -> bytes:
    """Give a finding as CEF."""
    return _around(cef.line, finding, wording, context)


def of_leef(finding: Document, wording: Wording, context: Context) -> bytes:
    """Give a finding as LEEF."""
    return _around(leef.line, finding, wording, context)


def framed(message: bytes) -> bytes:
    """Put the length of a message in octets before it: octet counting, RFC 6587 section 3.4.1 and RFC 5425."""
    return b"%d %b" % (len(message), message)


def _around(payload: Payload, finding: Document, wording: Wording, context: Context) -> bytes:
    start = _header(finding, context) + b" - "
    inner = msgspec.structs.replace(context, size=context.size - len(start))
    return start + payload(finding, wording, inner)


def _header(finding: Document, context: Context) -> bytes:
    """Give everything before the structured data: PRI, version, time, host, program, no process id, kind of message."""
    priority = context.facility * 8 + SEVERITIES[finding["level"]]
    host = _NOT_PRINTED.sub("-", context.host)[:_HOST] or "-"
    at = seen(finding, context)
    return f"<{priority}>1 {at:%Y-%m-%dT%H:%M:%S.%f}Z {host} tidewaiter - finding".encode()


def _data(finding: Document, context: Context, limit: int) -> bytes:
    """Give the structured data: who made it (registered with IANA), and what a filter of a relay may ask for."""
    params = {
        "id": finding["id"],
        "level": finding["level"],
        "confidence": str(finding["confidence"]),
        "techniques": ", ".join(techniques(finding)),
        "plane": finding["plane"] or "",
        "actorKind": finding["actor"]["kind"],
        "actor": finding["actor"]["name"],
        "address": next(iter(finding["addresses"]), ""),
        "namespaces": ", ".join(finding["looked_at"]["namespaces"]),
        "requests": str(finding["looked_at"]["requests"]),
        "verdict": finding["verdict"]["decision"],
    }
    ours = "".join(f' {name}="{_param(value, limit)}"' for name, value in params.items() if value)
    return f'[origin software="tidewaiter" swVersion="{__version__}"][tidewaiter@{context.enterprise}{ours}]'.encode()


def _param(value: str, limit: int) -> str:
    return safe(value, limit=max(limit, _SHORTEST)).translate(_PARAM)
