"""Findings as alerts of Prometheus Alertmanager: the body of `POST /api/v2/alerts` (api/v2/openapi.yaml, 0.27).

Labels are an alert's identity, so they hold only what stays the same while a finding grows, and no name or command
that an attacker writes. One exception: routes ask for `severity`, and a level may rise. An update with another level
ends the alert of the earlier one, where the sender knows it; else it ends by itself, and an inhibition hides it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from tidewaiter.sinks.document import Context, Document, closed, link, moment, techniques, texts
from tidewaiter.sinks.jsonl import encoded
from tidewaiter.sinks.safe_text import inert, safe
from tidewaiter.wording import Wording

FIRES = timedelta(hours=24)  # an episode does not end by itself; for so long somebody should be looking at it
_NOT_NAME = re.compile(r"[^a-zA-Z0-9_]")
_LABEL = 100  # characters
_SENTENCES = 2000
_SEEN = 5


def alerts(findings: Sequence[Document], _: Wording, context: Context) -> bytes:
    """Give findings as a list of alerts."""
    return encoded([alert for finding in findings for alert in _alerts(finding, context)]) + b"\n"


def _alerts(finding: Document, context: Context) -> Iterator[dict[str, Any]]:
    yield _alert(finding, finding["level"], context, fires=not closed(finding))
    earlier = context.earlier.get(finding["id"], finding["level"])
    if earlier != finding["level"]:
        yield _alert(finding, earlier, context, fires=False)


def _alert(finding: Document, level: str, context: Context, *, fires: bool) -> dict[str, Any]:
    starts, until = moment(finding["from"]), moment(finding["until"])
    made: dict[str, Any] = {"labels": labels(finding, level, context), "annotations": _annotations(finding)}
    if starts:
        made["startsAt"] = starts
    ends = _end(context.now, until, fires=fires)
    if ends:
        made["endsAt"] = max(ends, starts) if starts else ends  # an end before the start is refused
    address = link(finding, context)
    return {**made, "generatorURL": address} if address else made


def _end(now: datetime | None, until: datetime | None, *, fires: bool) -> datetime | None:
    """Say when an alert ends. Without a clock a firing one has no end, and Alertmanager's resolve_timeout decides."""
    if fires:
        return now + FIRES if now else None
    return now or until


def labels(finding: Document, level: str, context: Context) -> dict[str, str]:
    """Give what tells one alert from another; none of it changes with an update but the level."""
    actor = finding["actor"]
    site = {_NOT_NAME.sub("_", name): str(value) for name, value in sorted(context.labels.items())}
    ours = {
        "alertname": "TidewaiterFinding",
        "finding": finding["id"],
        "severity": level,
        "plane": finding["plane"] or "",
        "actor_kind": actor["kind"],
        "realm": safe(actor["realm"], limit=_LABEL),
    }
    return {name: value for name, value in {**site, **ours}.items() if value}


def _annotations(finding: Document) -> dict[str, str]:
    explanation = finding["explanation"]
    made = {
        "summary": inert(finding["headline"], limit=400),
        "description": _lines(explanation["what"], explanation["why"]),
        "confidence": str(finding["confidence"]),
        "techniques": inert(", ".join(techniques(finding)), limit=400),
        "addresses": inert(", ".join(finding["addresses"]), limit=400),
        "seen": "\n".join(inert(text) for text, _ in zip(texts(finding), range(_SEEN), strict=False)),
        "next": "\n".join(_lines(question) for question in explanation["next"][:1]),
        "verdict": inert(f"{finding['verdict']['decision']} ({finding['verdict']['by']})"),
    }
    return {name: text for name, text in made.items() if text}


def _lines(*texts_of: str) -> str:
    """Make each line of our own sentences inert; the line ends between them stay."""
    return "\n".join(inert(line, limit=_SENTENCES) for text in texts_of for line in text.split("\n"))
