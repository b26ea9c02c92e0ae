"""A finding as an event of Falco, which falcosidekick passes on to some seventy services.

What falcosidekick 2.31 refuses (types.FalcoPayload.Check): an event without priority, rule or time, or with empty
output_fields. It takes one event a request. The rule becomes a label of its metrics, so there are few of them.
"""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tidewaiter.meaning.techniques import tactics
from tidewaiter.sinks.cef import signature
from tidewaiter.sinks.document import Context, Document, digest, seen, techniques
from tidewaiter.sinks.flat import flat
from tidewaiter.sinks.jsonl import encoded
from tidewaiter.sinks.safe_text import inert
from tidewaiter.wording import Wording

PRIORITIES = {"info": "Informational", "low": "Notice", "medium": "Warning", "high": "Error", "critical": "Critical"}
_FIELD = 500  # characters; chat services that are behind it refuse long ones


def event(finding: Document, _: Wording, context: Context) -> bytes:
    """Give a finding as one event of Falco."""
    at, priority = seen(finding, context), PRIORITIES[finding["level"]]
    made: dict[str, Any] = {
        "uuid": str(uuid5(NAMESPACE_URL, f"tidewaiter:{finding['id']}:{digest(finding)}")),
        "output": f"{at:%H:%M:%S.%f}000: {priority} {inert(finding['headline'], limit=400)} (id={finding['id']})",
        "priority": priority,
        "rule": signature(finding)[1],
        "time": f"{at:%Y-%m-%dT%H:%M:%S.%f}000Z",
        "source": "tidewaiter",
        "output_fields": _fields(finding, context),
        "tags": _tags(finding),
        "hostname": context.host if context.host != "-" else "tidewaiter",
    }
    return encoded(made)


def _fields(finding: Document, context: Context) -> dict[str, str | int | float]:
    """Give Falco's own names for what it has a name for, then ours; all values are text or numbers."""
    fields: dict[str, str | int | float] = {}
    if finding["actor"]["name"]:
        fields["user.name"] = inert(finding["actor"]["name"], limit=_FIELD)
    named = [one for one in finding["looked_at"]["namespaces"] if one != "*"]
    if len(named) == 1:
        fields["k8s.ns.name"] = inert(named[0], limit=_FIELD)
    for key, value in flat(finding, context).items():
        fields[f"tidewaiter.{key}"] = _field(key, value)
    return fields


def _field(key: str, value: str | float) -> str | int | float:
    """Make a text inert; an address of our own is there to be followed."""
    return inert(value, limit=_FIELD) if isinstance(value, str) and key != "link" else value


def _tags(finding: Document) -> list[str]:
    found = techniques(finding)
    phases = {name.lower().replace(" ", "_") for one in found for _, name in tactics(one)}
    return sorted({*found, *(f"mitre_{phase}" for phase in phases), "tidewaiter"})
