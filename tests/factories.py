"""Complete values of the model in one call: `activity(verb="get")`. What a test does not name does not matter to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tidewaiter.model import (
    Activity,
    Actor,
    Episode,
    Explanation,
    Finding,
    Link,
    LookedAt,
    Origin,
    Sighting,
    Surprise,
    Verdict,
)
from tidewaiter.store import Context, Occurrence

AT = datetime(2026, 11, 23, 2, 14, 7, tzinfo=UTC)
UNTIL = datetime(2026, 11, 23, 2, 15, 44, tzinfo=UTC)


def actor(**over: Any) -> Actor:
    """Give a service account."""
    return Actor(**{"kind": "service-account", "name": "shop/web", "realm": "kubernetes", **over})


def origin(**over: Any) -> Origin:
    """Give a place in an audit log."""
    return Origin(**{"source": "kube-audit", "path": "audit.log", "line": 181, "offset": 240113, **over})


def activity(**over: Any) -> Activity:
    """Give a list of all pods, answered."""
    complete = {
        "id": "5f2b1c7d9e0a4b3c8d7e",
        "at": AT,
        "actor": actor(),
        "plane": "kubernetes",
        "verb": "list",
        "kind": "pods",
        "resource_class": "workload",
        "scope": "everything",
        "outcome": "answered",
        "address": "10.42.3.17",
        "tool": "curl/8.5",
        "text": "list /api/v1/pods?limit=500",
        "traits": ("all-namespaces", "raw-http"),
        "origin": origin(),
    }
    return Activity(**{**complete, **over})


def surprise(**over: Any) -> Surprise:
    """Give a new kind of resource."""
    complete = {
        "measure": "new-kind",
        "observed": "nodes",
        "usual": "pods, services",
        "peers": "0 of 23",
        "history_days": 41,
        "bits": 9.2,
    }
    return Surprise(**{**complete, **over})


def sighting(**over: Any) -> Sighting:
    """Give a list of all pods, recognised."""
    complete = {
        "recogniser": "kube-list-everything@1",
        "at": AT,
        "activity": "5f2b1c7d9e0a4b3c8d7e",
        "text": "list /api/v1/pods?limit=500",
        "evidence": {"selection": {"verb": "list", "scope": "everything"}},
        "origin": origin(),
    }
    return Sighting(**{**complete, **over})


def link(**over: Any) -> Link:
    """Give a list of secrets by the same actor, answered."""
    complete = {
        "at": UNTIL,
        "what": "reads secrets",
        "technique": "T1552.007",
        "text": "list /api/v1/secrets",
        "outcome": "answered",
        "bits": 4.0,
        "recogniser": "kube-read-secrets@1",
        "activity": "0c1d2e3f4a5b6c7d8e9f",
        "origin": origin(line=190, offset=250001),
    }
    return Link(**{**complete, **over})


def looked_at(**over: Any) -> LookedAt:
    """Give eleven requests over all namespaces."""
    complete = {
        "kinds": ("nodes", "pods"),
        "namespaces": ("*",),
        "scope": "everything",
        "requests": 11,
        "answered": 5,
        "refused": 6,
    }
    return LookedAt(**{**complete, **over})


def explanation(**over: Any) -> Explanation:
    """Give the words of a finding."""
    complete = {
        "what": "service account shop/web made 11 requests: 5 answered, 6 refused.",
        "why": "In 41 days of history it never read this kind: nodes.",
        "innocent": ("A backup job: a schedule at this hour would confirm it.",),
        "next": ("Which pod has this address?\nkubectl get pods --all-namespaces",),
        "means": "Somebody tries door after door.",
        "contain": ("Stop it. Breaks: the shop.\nkubectl delete pods",),
    }
    return Explanation(**{**complete, **over})


def verdict(**over: Any) -> Verdict:
    """Give tidewaiter's own verdict."""
    return Verdict(**{"decision": "suspicious", "by": "tidewaiter", "why": "high", **over})


def finding(**over: Any) -> Finding:
    """Give a service account that lists everything; `from_` is the beginning."""
    complete = {
        "id": "F-3kq9x2m7",
        "techniques": ("T1613",),
        "level": "high",
        "confidence": 0.93,
        "headline": "service account shop/web lists everything it can reach",
        "actor": actor(),
        "plane": "kubernetes",
        "from_": AT,
        "until": UNTIL,
        "addresses": ("10.42.3.17",),
        "tools": ("curl/8.5",),
        "looked_at": looked_at(),
        "surprises": (surprise(),),
        "sightings": (sighting(),),
        "explanation": explanation(),
        "verdict": verdict(),
    }
    return Finding(**{**complete, **over})


def context(**over: Any) -> Context:
    """Give what the recognisers said of `activity()`: a store has it as number 1."""
    complete = {
        "context": 1,
        "a": activity(),
        "recognised": ("kube-list-everything@1",),
        "tripwires": (),
        "weight": 2.0,
        "role": "evidence",
        "network": "10.42.3.0/24",
        "network_kind": "private",
        "learn": False,
    }
    return Context(**{**complete, **over})


def occurrence(**over: Any) -> Occurrence:
    """Give one time at which `context()` happened."""
    complete = {
        "context": 1,
        "id": "5f2b1c7d9e0a4b3c8d7e",
        "at": AT,
        "text": "list /api/v1/pods?limit=500",
        "line": 181,
        "off": 240113,
    }
    return Occurrence(**{**complete, **over})


def episode(**over: Any) -> Episode:
    """Give a service account that read nodes for the first time, as the baseline measured and weighed it."""
    complete = {
        "actor": actor(),
        "plane": "kubernetes",
        "opens": AT,
        "closes": UNTIL,
        "kinds": ("nodes",),
        "namespaces": ("*",),
        "tools": ("curl/8.5",),
        "addresses": ("10.42.3.17",),
        "scope": "everything",
        "requests": 11,
        "answered": 5,
        "refused": 6,
        "reviews": 0,
        "from_public": False,
        "history": 41,
        "idle_days": 1,
        "estate_days": 41,
        "arrival_days": 3,
        "departures": (),
        "breadth": (),
        "tripwires": (),
        "evidence": ("kube-list-everything@1",),
        "usual": {"kind": ("pods", "services")},
        "state": "warm",
        "estate_learning": False,
        "surprises": (surprise(),),
        "tripwire_bits": 0.0,
    }
    return Episode(**{**complete, **over})
