"""Findings as the body of a `_bulk` request of Elasticsearch and OpenSearch, in fields of the Elastic Common Schema.

In an index the id of the finding is the id of the document, so an update takes the place of what was there. A data
stream takes new documents only: there every state is a document of its own, named by finding and content; a repeated
delivery is answered with 409 for that document, which means that it has arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tidewaiter import __version__
from tidewaiter.meaning.techniques import tactics, technique_name
from tidewaiter.model import LEVELS
from tidewaiter.sinks.document import (
    Context,
    Document,
    digest,
    link,
    numeric_addresses,
    recognisers,
    seen,
    techniques,
)
from tidewaiter.sinks.flat import flat
from tidewaiter.sinks.jsonl import encoded
from tidewaiter.wording import Wording

_ECS = "8.17.0"
# An index made by the first document guesses its fields: a name that looks like a date would refuse every later one.
TEMPLATE: dict[str, Any] = {
    "index_patterns": ["tidewaiter-*"],
    "template": {
        "mappings": {
            "date_detection": False,
            "properties": {
                "@timestamp": {"type": "date"},
                "event": {"properties": {"start": {"type": "date"}, "end": {"type": "date"}}},
                "source": {"properties": {"ip": {"type": "ip"}}},
                "related": {"properties": {"ip": {"type": "ip"}}},
                "tidewaiter": {"properties": {"first_seen": {"type": "date"}, "last_seen": {"type": "date"}}},
            },
        }
    },
}
_NAMED = frozenset({"user", "service-account", "node", "component", "host-user"})  # actors whose name is a user's


def bulk(findings: Sequence[Document], _: Wording, context: Context) -> bytes:
    """Give findings as pairs of lines, an action and a document; the last line ends as every one does."""
    pairs = ((action(finding, context), ecs(finding, context)) for finding in findings)
    return b"".join(encoded(what) + b"\n" + encoded(finding) + b"\n" for what, finding in pairs)


def action(finding: Document, context: Context) -> dict[str, Any]:
    """Say what is to be done with a finding: put it under its id, or add this state of it."""
    where = {"_index": context.index} if context.index else {}
    if context.append_only:
        return {"create": {**where, "_id": f"{finding['id']}-{digest(finding)}"}}
    return {"index": {**where, "_id": finding["id"]}}


def ecs(finding: Document, context: Context) -> dict[str, Any]:
    """Give a finding in fields of ECS; what it has no field for lies flat under `tidewaiter`."""
    made = {
        "@timestamp": f"{seen(finding, context):%Y-%m-%dT%H:%M:%S.%fZ}",
        "ecs": {"version": _ECS},
        "message": finding["headline"],
        "event": _event(finding, context),
        "rule": {"id": recognisers(finding), "ruleset": "tidewaiter"},
        "threat": _threat(finding),
        "observer": _without_nothing({
            "vendor": "tidewaiter", "product": "tidewaiter", "version": __version__,
            "hostname": context.host if context.host != "-" else None,
        }),
        **_who(finding),
        "labels": {name: str(value) for name, value in sorted(context.labels.items())},
        "tidewaiter": flat(finding, context),
    }  # fmt: skip
    if finding["plane"] == "kubernetes":
        made["orchestrator"] = _without_nothing({"type": "kubernetes", "namespace": finding["looked_at"]["namespaces"]})
    return _without_nothing(made)


def _event(finding: Document, context: Context) -> dict[str, Any]:
    return _without_nothing({
        "kind": "alert",
        "category": ["intrusion_detection"],
        "type": ["info"],
        "module": "tidewaiter",
        "dataset": "tidewaiter.finding",
        "provider": "tidewaiter",
        "id": finding["id"],
        "start": finding["from"],
        "end": finding["until"],
        "severity": LEVELS.index(finding["level"]) + 1,
        "risk_score": round(finding["confidence"] * 100),
        "reason": finding["explanation"]["why"],
        "url": link(finding, context),
    })  # fmt: skip


def _threat(finding: Document) -> dict[str, Any]:
    found = techniques(finding)
    parents = list(dict.fromkeys(one.partition(".")[0] for one in found))
    children = [one for one in found if "." in one]
    phases = dict.fromkeys(phase for one in found for phase in tactics(one))
    return _without_nothing({
        "framework": "MITRE ATT&CK" if found else None,
        "technique": _without_nothing({**_named(parents), "subtechnique": _named(children)}),
        "tactic": _without_nothing({"id": [one for one, _ in phases], "name": [name for _, name in phases]}),
    })  # fmt: skip


def _named(found: Sequence[str]) -> dict[str, Any]:
    return _without_nothing({"id": found, "name": [name for one in found if (name := technique_name(one))]})


def _who(finding: Document) -> dict[str, Any]:
    actor, addresses = finding["actor"], numeric_addresses(finding)
    made: dict[str, Any] = {}
    related: dict[str, Any] = {"ip": addresses}
    if actor["kind"] in _NAMED:
        made["user"] = {"name": actor["name"], "domain": actor["realm"]}
        related["user"] = [name for name in (actor["name"], actor["via"]) if name]
    if addresses:
        made["source"] = {"ip": addresses[0], "address": addresses[0]}
    if finding["tools"]:
        made["user_agent"] = {"original": finding["tools"]}
    return {**made, "related": _without_nothing(related)}


def _without_nothing(made: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in made.items() if value not in (None, "", [], {})}
