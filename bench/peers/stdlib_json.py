"""Peer: `json.loads` of every line, then task T in dictionaries: what a script of an afternoon does."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from bench.peers.duckdb_ndjson import DISCOVERY
from bench.runs import Job

NAME = "Python json.loads per line, whole task"
_REVIEWS = {"selfsubjectaccessreviews", "selfsubjectrulesreviews"}
_discovery = re.compile(DISCOVERY).search


class _Slot:
    """What one user did in ten minutes."""

    __slots__ = ("namespaces", "refused", "requests", "resources", "rest")

    def __init__(self) -> None:
        self.requests, self.refused, self.rest = 0, 0, 0
        self.resources: set[str] = set()
        self.namespaces: set[str] = set()

    def add(self, event: dict[str, Any]) -> None:
        """Count one relevant event."""
        ref = event.get("objectRef") or {}
        self.requests += 1
        self.refused += (event.get("responseStatus") or {}).get("code") == 403
        if resource := ref.get("resource"):
            self.resources.add(resource)
        if namespace := ref.get("namespace"):
            self.namespaces.add(namespace)
        texts = (event["auditID"], event["requestURI"], event.get("userAgent", ""), (event.get("sourceIPs") or [""])[0])
        self.rest += sum(map(len, texts)) + sum(len(ref.get(key, "")) for key in ("name", "apiGroup", "subresource"))


def relevant(event: dict[str, Any]) -> bool:
    """Say whether task T keeps an event."""
    if event.get("stage") != "ResponseComplete":
        return False
    verb = event.get("verb")
    if verb == "list":
        return True
    if verb == "get":
        return bool(_discovery(event.get("requestURI", "")))
    return verb == "create" and (event.get("objectRef") or {}).get("resource") in _REVIEWS


def job(file: Path) -> Job:
    """Give the job that answers task T on one file."""
    return Job(NAME, (sys.executable, "-m", "bench.peers.stdlib_json", str(file)))


def answer(file: str) -> list[int]:
    """Give the same six numbers as the DuckDB peer."""
    slots: dict[tuple[str | None, str], _Slot] = {}
    with Path(file).open("rb") as lines:
        for line in lines:
            event = json.loads(line)
            if relevant(event):
                key = (event["user"].get("username"), event["requestReceivedTimestamp"][:15])
                slots.setdefault(key, _Slot()).add(event)
    made = slots.values()
    return [
        len(slots),
        sum(slot.requests for slot in made),
        sum(len(slot.resources) for slot in made),
        sum(len(slot.namespaces) for slot in made),
        sum(slot.refused for slot in made),
        sum(slot.rest for slot in made),
    ]


if __name__ == "__main__":
    print(json.dumps(answer(sys.argv[1])))
