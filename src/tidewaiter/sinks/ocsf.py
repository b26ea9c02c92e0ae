"""A finding as a Detection Finding of the Open Cybersecurity Schema Framework: class 2004, schema 1.8.0.

The first state of a finding creates it, a later one updates it, a person's verdict that it is nothing closes it; all
have the same `finding_info.uid`. `metadata.uid` names the event, so a repeated delivery is seen to be one.
"""

from __future__ import annotations

from typing import Any

from tidewaiter import __version__
from tidewaiter.model import LEVELS
from tidewaiter.sinks import ocsf_parts as parts
from tidewaiter.sinks.cef import signature
from tidewaiter.sinks.document import Context, Document, closed, digest, link, micros, millis, seen
from tidewaiter.sinks.jsonl import encoded
from tidewaiter.wording import Wording

VERSION = "1.8.0"
_CLASS = 2004
_ACTIVITIES = {1: "Create", 2: "Update", 3: "Close"}
_STATUSES = {1: "New", 2: "In Progress", 3: "Suppressed"}
_SEVERITIES = dict(zip(LEVELS, ("Informational", "Low", "Medium", "High", "Critical"), strict=True))
_CONFIDENCES = {1: "Low", 2: "Medium", 3: "High"}
_SURE, _LIKELY = 0.75, 0.4


def line(finding: Document, _: Wording, context: Context) -> bytes:
    """Give a finding as one event."""
    return encoded(event(finding, context))


def event(finding: Document, context: Context) -> dict[str, Any]:
    """Give a finding as the members of one event."""
    activity, level = _activity(finding, context), finding["level"]
    status = 3 if closed(finding) else 1 if activity == 1 else 2
    sure = 3 if finding["confidence"] >= _SURE else 2 if finding["confidence"] >= _LIKELY else 1
    starts, ends = millis(finding["from"]), millis(finding["until"])
    made = {
        "activity_id": activity,
        "activity_name": _ACTIVITIES[activity],
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": _CLASS,
        "class_name": "Detection Finding",
        "type_uid": _CLASS * 100 + activity,
        "type_name": f"Detection Finding: {_ACTIVITIES[activity]}",
        "severity_id": LEVELS.index(level) + 1,
        "severity": _SEVERITIES[level],
        "confidence_id": sure,
        "confidence": _CONFIDENCES[sure],
        "confidence_score": round(finding["confidence"] * 100),
        "status_id": status,
        "status": _STATUSES[status],
        "status_detail": f"{finding['verdict']['decision']}, says {finding['verdict']['by']}",
        "comment": finding["verdict"]["why"],
        "is_alert": activity != 3 and finding["verdict"]["decision"] in {"suspicious", "malicious"},  # noqa: PLR2004
        "time": micros(seen(finding, context)) // 1000,
        "start_time": starts,
        "end_time": ends,
        "duration": None if starts is None or ends is None else ends - starts,
        "count": finding["looked_at"]["requests"],
        "message": finding["headline"],
        "metadata": _metadata(finding, context),
        "finding_info": _info(finding, context),
        "evidences": parts.evidences(finding),
        "anomaly_analyses": parts.anomalies(finding),
        "resources": parts.resources(finding),
        "observables": parts.observables(finding),
        "remediation": parts.remediation(finding),
        "unmapped": _unmapped(finding),
    }
    return parts.without_nothing(made)


def _activity(finding: Document, context: Context) -> int:
    if closed(finding):
        return 3
    return 2 if finding["id"] in context.updates else 1


def _metadata(finding: Document, context: Context) -> dict[str, Any]:
    return parts.without_nothing({
        "version": VERSION,
        "product": parts.product(),
        "uid": f"{finding['id']}-{digest(finding)}",
        "correlation_uid": finding["id"],
        "event_code": signature(finding)[0],
        "labels": [f"{name}={value}" for name, value in sorted(context.labels.items())],
        "logged_time": micros(context.now) // 1000 if context.now else None,
        "log_provider": "tidewaiter",
        "log_version": __version__,
    })  # fmt: skip


def _info(finding: Document, context: Context) -> dict[str, Any]:
    explanation = finding["explanation"]
    sightings, chain = finding["sightings"], finding["chain"]
    return parts.without_nothing({
        "uid": finding["id"],
        "title": finding["headline"],
        "desc": f"{explanation['what']}\n{explanation['why']}",
        "types": parts.tactic_names(finding["techniques"]),
        "first_seen_time": millis(finding["from"]),
        "last_seen_time": millis(finding["until"]),
        "product": parts.product(),
        "analytic": {
            "uid": "tidewaiter", "name": "tidewaiter", "version": __version__, "type_id": 2, "type": "Behavioral",
        },
        "related_analytics": parts.analytics(finding),
        "attacks": parts.attacks(finding),
        "data_sources": sorted({one["origin"]["source"] for one in [*sightings, *chain]}),
        "related_events": parts.related(finding),
        "src_url": link(finding, context),
    })  # fmt: skip


def _unmapped(finding: Document) -> dict[str, Any]:
    """Give what the schema has no place for, under our own names."""
    explanation = finding["explanation"]
    return parts.without_nothing({
        "plane": finding["plane"],
        "tools": finding["tools"],
        "looked_at": finding["looked_at"],
        "actor_via": finding["actor"]["via"],
        "means": explanation.get("means"),
        "innocent": explanation["innocent"],
        "next": explanation["next"],
        "verdict": finding["verdict"],
    })  # fmt: skip
