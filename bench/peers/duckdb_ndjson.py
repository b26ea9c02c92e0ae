"""Peer: DuckDB's typed `read_ndjson` doing task T in one query, one thread: the best whole-file peer known to us."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb

from bench.runs import Job

NAME = "DuckDB read_ndjson, typed, 1 thread"

# RE2-safe; the same text is used by every peer.
DISCOVERY = (
    r"^/(?:version|openapi)(?:[/?]|$)|^/apis?(?:/[^/?]+){0,2}/?(?:\?|$)"
    r"|^/(?:api/[^/?]+|apis/[^/?]+/[^/?]+)/(?:[^/?]+|namespaces/[^/?]+/[^/?]+)/?(?:\?|$)"
)

# 14 fields are projected; the sum of lengths forces the engine to read those that nothing else needs.
TASK = f"""
WITH relevant AS (
    SELECT "user".username AS username, substr(requestReceivedTimestamp, 1, 15) AS slot,
           objectRef.resource AS resource, objectRef.namespace AS namespace, responseStatus.code AS code,
           length(auditID) + length(requestURI) + length(coalesce(userAgent, '')) + length(coalesce(objectRef.name, ''))
           + length(coalesce(objectRef.apiGroup, '')) + length(coalesce(objectRef.subresource, ''))
           + length(coalesce(sourceIPs[1], '')) AS rest
    FROM read_ndjson(?, maximum_object_size = 16777216, columns = {{
        stage: 'VARCHAR', verb: 'VARCHAR', requestURI: 'VARCHAR', auditID: 'VARCHAR',
        "user": 'STRUCT(username VARCHAR)', sourceIPs: 'VARCHAR[]', userAgent: 'VARCHAR',
        objectRef: 'STRUCT(resource VARCHAR, namespace VARCHAR, name VARCHAR, apiGroup VARCHAR, subresource VARCHAR)',
        responseStatus: 'STRUCT(code INTEGER)', requestReceivedTimestamp: 'VARCHAR'}})
    WHERE stage = 'ResponseComplete' AND (verb = 'list'
        OR (verb = 'get' AND regexp_matches(requestURI, '{DISCOVERY}'))
        OR (verb = 'create' AND objectRef.resource IN ('selfsubjectaccessreviews', 'selfsubjectrulesreviews')))
), per_slot AS (
    SELECT username, slot, count(*) AS requests, count(DISTINCT resource) AS resources,
           count(DISTINCT namespace) AS namespaces, count(*) FILTER (WHERE code = 403) AS refused, sum(rest) AS rest
    FROM relevant GROUP BY username, slot
)
SELECT count(*), sum(requests), sum(resources), sum(namespaces), sum(refused), sum(rest) FROM per_slot
"""  # noqa: S608 - the only thing put in is the constant above


def job(file: Path) -> Job:
    """Give the job that answers task T on one file."""
    return Job(NAME, (sys.executable, "-m", "bench.peers.duckdb_ndjson", str(file)))


def answer(file: str) -> list[int]:
    """Give groups, requests, and the sums of resources, namespaces, refusals and lengths over the groups."""
    with duckdb.connect(config={"threads": 1}) as engine:
        row = engine.execute(TASK, [file]).fetchone()
    return [int(value or 0) for value in row or ()]


if __name__ == "__main__":
    print(json.dumps(answer(sys.argv[1])))
