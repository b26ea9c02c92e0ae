r"""A finding as QRadar's Log Event Extended Format 2.0 (IBM DSM guide, "LEEF event components"), one line.

The format has no escapes: what separates must not occur. Attributes are separated by `^`, which syslog relays leave
alone (rsyslog writes a tab as #011); in values it becomes the visible \x5e, and so does `|` in the header. An equal
sign needs nothing: a key ends at the first one. Line ends of our own sentences become " / ".
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tidewaiter import __version__
from tidewaiter.sinks.cef import SEVERITIES, signature
from tidewaiter.sinks.document import Context, Document, link, moment, recognisers, seen, techniques, texts
from tidewaiter.sinks.flat import fitted
from tidewaiter.sinks.safe_text import safe
from tidewaiter.wording import Wording

_HEADER = str.maketrans({"|": r"\x7c", "^": r"\x5e"})
_VALUE = str.maketrans({"^": r"\x5e"})
_TIME_FORMAT = "yyyy-MM-dd'T'HH:mm:ss.SSSZ"  # of Java's SimpleDateFormat, as devTimeFormat wants it
_WHOLE = 100  # what is bounded by this is never cut further
_LONG = 4000
_LEAST = {"cat", "devTime", "devTimeFormat", "sev", "src", "findingId", "level", "headline"}


def line(finding: Document, _: Wording, context: Context) -> bytes:
    """Give a finding as one LEEF line of at most `context.size` bytes."""
    return fitted(lambda limit: _line(finding, context, limit).encode(), context.size)


def _line(finding: Document, context: Context, limit: int) -> str:
    technique, _ = signature(finding)
    header = ["LEEF:2.0", "tidewaiter", "tidewaiter", __version__, technique]
    head = "|".join(safe(part, limit=_WHOLE).translate(_HEADER) for part in header)
    pairs = [*_predefined(finding, context), *_own(finding, context)]
    if not limit:  # a very small message: only what a finding is looked up by
        pairs = [(key, value, _WHOLE) for key, value, _ in pairs if key in _LEAST]
    values = ((key, _value(value, most if most <= _WHOLE else min(most, limit))) for key, value, most in pairs)
    return f"{head}|^|" + "^".join(f"{key}={value}" for key, value in values if value)


def _value(value: Any, limit: int) -> str:
    text = value.replace("\n", " / ") if isinstance(value, str) else str(value or "")
    return safe(text, limit=limit).strip().translate(_VALUE)


def _predefined(finding: Document, context: Context) -> Iterator[tuple[str, Any, int]]:
    """Give the attributes that QRadar knows by name."""
    actor = finding["actor"]
    yield "cat", finding["plane"], _WHOLE
    yield "devTime", _time(seen(finding, context)), _WHOLE
    yield "devTimeFormat", _TIME_FORMAT, _WHOLE
    yield "sev", SEVERITIES[finding["level"]], _WHOLE
    yield "src", next(iter(finding["addresses"]), ""), _WHOLE
    yield "usrName", _inert(actor["name"]), _LONG
    yield "realm", _inert(actor["realm"]), _LONG
    yield "role", actor["kind"], _WHOLE


def _own(finding: Document, context: Context) -> Iterator[tuple[str, Any, int]]:
    """Give attributes of our own; none has the name of a predefined one."""
    looked_at, verdict = finding["looked_at"], finding["verdict"]
    yield "findingId", finding["id"], _WHOLE
    yield "level", finding["level"], _WHOLE
    yield "confidencePercent", round(finding["confidence"] * 100), _WHOLE
    yield "headline", finding["headline"], _LONG
    yield "firstSeen", _time(moment(finding["from"])), _WHOLE
    yield "techniques", ", ".join(techniques(finding)), _LONG
    yield "addresses", _inert(", ".join(finding["addresses"])), _LONG
    yield "tools", _inert(", ".join(finding["tools"])), _LONG
    yield "kinds", _inert(", ".join(looked_at["kinds"])), _LONG
    yield "namespaces", _inert(", ".join(looked_at["namespaces"])), _LONG
    yield "scope", looked_at["scope"], _WHOLE
    yield "requests", str(looked_at["requests"]), _WHOLE
    yield "answered", str(looked_at["answered"]), _WHOLE
    yield "refused", str(looked_at["refused"]), _WHOLE
    yield "rules", ", ".join(recognisers(finding)), _LONG
    yield "seen", _inert(" / ".join(texts(finding))), _LONG
    yield "followedBy", ", ".join(dict.fromkeys(one["what"] for one in finding["chain"])), _LONG
    yield "verdict", verdict["decision"], _WHOLE
    yield "verdictBy", _inert(verdict["by"]), _LONG
    yield "why", finding["explanation"]["why"], _LONG
    yield "link", link(finding, context), _LONG


def _inert(text: str) -> str:
    r"""Write the line ends of a log as \n, before those of our own sentences become separators."""
    return safe(text, limit=_LONG)


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}+0000" if at else ""
