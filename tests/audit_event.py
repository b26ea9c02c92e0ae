"""Makes lines of a Kubernetes audit log for tests: complete, in Go's order and escaping, except for what is given."""

from __future__ import annotations

import json
from typing import Any

_EVENT = {
    "kind": "Event",
    "apiVersion": "audit.k8s.io/v1",
    "level": "Metadata",
    "auditID": "5c1f2a7e-0000-4000-8000-000000000001",
    "stage": "ResponseComplete",
    "requestURI": "/api/v1/namespaces/shop/pods?limit=500",
    "verb": "list",
    "user": {"username": "ana@dev.example", "groups": ["system:authenticated"]},
    "impersonatedUser": None,
    "sourceIPs": ["10.0.0.9"],
    "userAgent": "kubectl/v1.32.5 (linux/amd64) kubernetes/9894294",
    "objectRef": {"resource": "pods", "namespace": "shop", "apiVersion": "v1"},
    "responseStatus": {"metadata": {}, "code": 200},
    "requestObject": None,
    "responseObject": None,
    "requestReceivedTimestamp": "2026-06-01T08:00:00.000001Z",
    "stageTimestamp": "2026-06-01T08:00:00.004000Z",
    "annotations": {"authorization.k8s.io/decision": "allow"},
}
_OBJECT_FREE = {"verb": "get", "objectRef": None}


def event(**given: Any) -> dict[str, Any]:
    """Give an answered list of pods; what is given as None is left out."""
    return {key: value for key, value in {**_EVENT, **given}.items() if value is not None}


def line(**given: Any) -> bytes:
    """Write such an event as kube-apiserver does."""
    return as_go_writes(event(**given))


def address(uri: str, **given: Any) -> bytes:
    """Write the read of a URL that is no resource."""
    return line(**{**_OBJECT_FREE, "requestURI": uri, **given})


def as_go_writes(value: object) -> bytes:
    """Write JSON on one line, compact, with those letters escaped that Go's encoder escapes."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for char in "&<>\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text.encode() + b"\n"
