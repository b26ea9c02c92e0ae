"""Read the labels of the data sets into cases. Only the evaluation does this; the product never sees a label."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bench.scores import Case

_PAIRS = (re.compile(r'\bauid=(\d+)\b.*\bAUID="([^"]+)"'), re.compile(r'(?<!a)\buid=(\d+)\b.*\bUID="([^"]+)"'))
_UNSET = "4294967295"
_ACCOUNT, _NODE = "system:serviceaccount:", "system:node:"


class Sensor(NamedTuple):
    """One log of a labelled capture, and which steps it can show at all."""

    log: str
    steps: str
    visible: str = ""  # file whose records name the steps that left a trace; empty: all of them
    slack: float = 0.1  # seconds; a log that writes whole seconds needs one more
    ports: frozenset[int] = frozenset()  # steps sent to other ports passed another proxy
    wrapped: bool = False  # the labels stand in the records: they are taken out before the product reads them

    @property
    def files(self) -> tuple[str, ...]:
        """Give every file it needs."""
        return tuple(name for name in (self.log, self.steps, self.visible) if name)


_NGINX = frozenset({8375, 8376, 8443})
SENSORS = (
    Sensor("host/audit_raw.log", "host/steps.jsonl", "host/audit_raw.labels.jsonl"),
    Sensor("host/audit_enriched_run2.log", "host/steps_run2.jsonl", "host/audit_enriched_run2.labels.jsonl"),
    Sensor("host/audit_laurel.jsonl", "host/steps.jsonl", "host/audit_raw.labels.jsonl"),
    Sensor("host/dockerd_debug.log", "host/steps.jsonl", "host/dockerd_debug.labels.jsonl"),
    Sensor("host/dockerd_journal_run2.jsonl", "host/steps_run2.jsonl", "host/dockerd_journal_run2.labels.jsonl"),
    Sensor("host/authz.jsonl", "host/steps.jsonl", "host/authz.jsonl", wrapped=True),
    Sensor("host/socket_peercred.jsonl", "host/steps.jsonl", "host/socket_peercred.jsonl", wrapped=True),
    Sensor("host/proc_connector.jsonl", "host/steps.jsonl", "host/proc_connector.jsonl", wrapped=True),
    Sensor("host/docker_events.jsonl", "host/steps.jsonl", "host/docker_events.jsonl", wrapped=True),
    Sensor("host/execve_bpftrace.log", "host/steps.jsonl", slack=1.0),
    Sensor("tls/authz.jsonl", "tls/steps.jsonl", "tls/authz.jsonl", wrapped=True),
    Sensor("tls/dockerd_debug.log", "tls/steps.jsonl", "tls/dockerd_debug.labels.jsonl"),
    Sensor("proxy/nginx.access.log", "proxy/steps.jsonl", slack=1.0, ports=_NGINX),
    Sensor("proxy/nginx.json.log", "proxy/steps.jsonl", slack=1.0, ports=_NGINX),
    Sensor("proxy/haproxy.log", "proxy/steps.jsonl", slack=1.0, ports=frozenset({8475, 8476, 8477, 8478})),
    Sensor("proxy/caddy.json.log", "proxy/steps.jsonl", ports=frozenset({8575, 8576})),
    Sensor("podman/podman_debug.log", "podman/steps.jsonl", slack=1.0),
)


def records(path: Path) -> Iterator[dict[str, Any]]:
    """Read JSON lines."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def shown_name(user: str, address: str) -> str:
    """Give the name under which the product shows a Kubernetes user; no accepted credential: its address."""
    if user in {"", "system:anonymous"}:
        return address
    if user.startswith(_ACCOUNT):
        return user.removeprefix(_ACCOUNT).replace(":", "/", 1)
    return user.removeprefix(_NODE)


def kubernetes_cases(path: Path) -> list[Case]:
    """Read `cluster.labels.jsonl`: one case a driver step."""
    made = []
    for record in records(path):
        names = {shown_name(actor["user"], actor["source_ip"]) for actor in record["actors"]} | set(
            record["impersonated"]
        )
        if not names:
            continue
        start, end = (datetime.fromisoformat(record.get(key) or record[other]) for key, other in _SPAN)
        made.append(Case(str(record["id"]), record["scenario"], record["label"], frozenset(names), start, end))
    return made


_SPAN = (("first_event", "start"), ("last_event", "end"))


def case_of_line(log: Path, events: Path) -> dict[int, str]:
    """Map lines of the audit log to the case of their request, by auditID."""
    with gzip.open(events, "rt", encoding="utf-8", newline="") as rows:
        case_of = {row["auditID"]: row["label_id"] for row in csv.DictReader(rows)}
    made = {}
    with gzip.open(log, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            case = case_of.get(json.loads(line)["auditID"])
            if case is not None:
                made[number] = case
    return made


def step_cases(path: Path, visible: frozenset[str] | None, ports: frozenset[int] = frozenset()) -> list[Case]:
    """Read a `steps*.jsonl`: a case is a step. Proxies tell steps apart by URL, others by user or certificate."""
    made = []
    for record in records(path):
        url = urlsplit(record.get("url", ""))
        if (visible is not None and record["step"] not in visible) or (ports and url.port not in ports):
            continue
        # A certificate without a common name, a proxy, a daemon's own log: nobody can say who it was.
        name = record.get("user") or record.get("cert", "").replace("nocn", "")
        start, end = (datetime.fromtimestamp(record[key], UTC) for key in ("start", "end"))
        made.append(
            Case(
                record["step"], record["step"], record["label"], frozenset({name} if name else ()), start, end, url.path
            )
        )
    return made


def visible_steps(path: Path) -> frozenset[str]:
    """Give the steps that left a trace in a sensor, from the records that name them."""
    return frozenset(record["step"] for record in records(path) if record.get("step"))


def sensor_cases(sensor: Sensor, root: Path) -> list[Case]:
    """Give the steps that a sensor can show."""
    visible = visible_steps(root / sensor.visible) if sensor.visible else None
    return step_cases(root / sensor.steps, visible, sensor.ports)


def without_labels(path: Path) -> Iterator[str]:
    """Give the records of a capture as the sensor wrote them: what the harness added or did itself is gone."""
    for record in records(path):
        if not record.get("harness"):
            inner = record.get("record", {key: value for key, value in record.items() if key not in _ADDED})
            yield json.dumps(inner, ensure_ascii=False)


_ADDED = frozenset({"step", "label", "harness"})


def uid_names(enriched: Iterable[str], peers: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Map uids to user names, from an ENRICHED audit log and from SO_PEERCRED records: a RAW log knows only uids."""
    made = {}
    for line in enriched:
        for pair in _PAIRS:
            if (found := pair.search(line)) and found[1] != _UNSET:
                made[found[1]] = found[2]
    for record in peers:
        peer = record["record"].get("peer") or {}
        if peer.get("user"):
            made[str(peer["uid"])] = peer["user"]
    return made


def event_labels(path: Path, root: Path) -> tuple[dict[tuple[str, int], str], list[str]]:
    """Read `expected.jsonl` for the files with one event a line, keyed by line; and give the names of the others."""
    by_file: dict[str, dict[int, str]] = {}
    for record in records(path):
        by_file.setdefault(record["file"], {})[record["event"]] = record["label"]
    labels: dict[tuple[str, int], str] = {}
    others = []
    for file, events in by_file.items():
        text = (root / file).read_text(encoding="utf-8", errors="replace")
        lines = [number for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        if len(lines) == len(events):
            labels |= {(file, lines[event]): label for event, label in events.items()}
        else:
            others.append(file)
    return labels, others
