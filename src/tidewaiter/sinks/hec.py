"""A finding as an event of Splunk's HTTP Event Collector ("Format events for HTTP Event Collector", Splunk 9).

Several events are put one after another, not into a list. Splunk cannot replace an event: an update is one more with
the same `finding_id`, which is an indexed field, so `| dedup finding_id` shows the latest.
"""

from __future__ import annotations

from typing import Any

from tidewaiter.sinks.document import Context, Document, micros, recognisers, seen, techniques
from tidewaiter.sinks.jsonl import encoded
from tidewaiter.wording import Wording

_SOURCE = "tidewaiter"
_SOURCETYPE = "tidewaiter:finding"


def event(finding: Document, _: Wording, context: Context) -> bytes:
    """Give a finding as one event: the whole document, and as indexed fields what a search begins with."""
    made: dict[str, Any] = {"time": micros(seen(finding, context)) // 1000 / 1000}
    if context.host != "-":
        made["host"] = context.host
    made |= {"source": _SOURCE, "sourcetype": _SOURCETYPE}
    if context.index:
        made["index"] = context.index
    return encoded({**made, "event": finding, "fields": _fields(finding, context)})


def _fields(finding: Document, context: Context) -> dict[str, str | list[str]]:
    """Give indexed fields: text or lists of text, nothing nested, or the whole request is refused."""
    fields: dict[str, str | list[str]] = {
        **{str(name): str(value) for name, value in sorted(context.labels.items())},
        "finding_id": finding["id"],
        "level": finding["level"],
        "verdict": finding["verdict"]["decision"],
        "techniques": techniques(finding),
        "rules": recognisers(finding),
    }
    if finding["plane"]:
        fields["plane"] = finding["plane"]
    return {name: value for name, value in fields.items() if value}
