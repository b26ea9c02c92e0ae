from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench import labels
from bench.scores import Case


def write(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("user", "shown"),
    [
        ("ana@dev.example", "ana@dev.example"),
        ("system:serviceaccount:shop:web", "shop/web"),
        ("system:node:node-2", "node-2"),
        ("system:kube-scheduler", "system:kube-scheduler"),
        ("system:anonymous", "10.0.0.9"),
        ("", "10.0.0.9"),
    ],
)
def test_a_user_is_named_as_the_product_shows_it(user: str, shown: str) -> None:
    assert labels.shown_name(user, "10.0.0.9") == shown


def test_a_driver_step_becomes_a_case_of_all_its_actors(tmp_path: Path) -> None:
    actors = [{"user": "system:serviceaccount:web:console", "source_ip": "10.0.0.1"}]
    record = {
        "id": 4,
        "scenario": "dash",
        "label": "benign",
        "actors": actors,
        "impersonated": ["ana"],
        "start": "2026-06-01T00:00:00Z",
        "end": "2026-06-01T00:02:00Z",
        "first_event": "2026-06-01T00:00:01Z",
        "last_event": None,
    }
    nobody = record | {"actors": [], "impersonated": []}
    first, last = datetime(2026, 6, 1, 0, 0, 1, tzinfo=UTC), datetime(2026, 6, 1, 0, 2, tzinfo=UTC)
    assert labels.kubernetes_cases(write(tmp_path / "l", record, nobody)) == [
        Case("4", "dash", "benign", frozenset({"web/console", "ana"}), first, last)
    ]


def test_lines_of_the_log_are_joined_to_cases_by_audit_id(tmp_path: Path) -> None:
    log, events = tmp_path / "log.gz", tmp_path / "events.gz"
    log.write_bytes(gzip.compress(b'{"auditID":"x"}\n{"auditID":"y"}\n{"auditID":"x"}\n'))
    events.write_bytes(gzip.compress(b"auditID,label_id,scenario,label\nx,12,sweep,malicious\n"))
    assert labels.case_of_line(log, events) == {1: "12", 3: "12"}


def test_steps_are_known_by_user_certificate_or_url(tmp_path: Path) -> None:
    common = {"label": "malicious", "start": 10.0, "end": 11.0}
    path = write(
        tmp_path / "steps",
        common | {"step": "1", "user": "ana"},
        common | {"step": "2", "cert": "petr"},
        common | {"step": "3", "cert": "nocn"},
        common | {"step": "4", "url": "http://127.0.0.1:8375/v1.41/info?a=b"},
        common | {"step": "5", "user": "unseen"},
    )
    made = labels.step_cases(path, frozenset("1234"))
    assert [step.id for step in labels.step_cases(path, None, frozenset({8375}))] == ["4"]
    assert [(step.id, step.names, step.target) for step in made] == [
        ("1", {"ana"}, ""),
        ("2", {"petr"}, ""),
        ("3", frozenset(), ""),
        ("4", frozenset(), "/v1.41/info"),
    ]


def test_labels_are_taken_out_before_the_product_reads(tmp_path: Path) -> None:
    path = write(
        tmp_path / "log",
        {"record": {"a": 1}, "step": "1", "label": "benign"},
        {"b": 2, "step": None, "label": None, "harness": False},
        {"c": 3, "harness": True},
    )
    assert list(labels.without_labels(path)) == ['{"a": 1}', '{"b": 2}']
    assert labels.visible_steps(path) == {"1"}


def test_uids_are_named_by_enriched_lines_and_by_peer_credentials() -> None:
    enriched = [
        'type=SYSCALL msg=audit(1.0:1): ppid=1 auid=1012 uid=0 gid=0\x1dAUID="ci" UID="root" GID="root"',
        'type=SYSCALL msg=audit(1.0:2): auid=4294967295 uid=33\x1dAUID="unset" UID="www-data"',
    ]
    peers: list[dict[str, Any]] = [{"record": {"peer": {"uid": 1010, "user": "olga"}}}, {"record": {}}]
    assert labels.uid_names(enriched, peers) == {"1012": "ci", "0": "root", "33": "www-data", "1010": "olga"}


def test_events_are_placed_by_line_where_a_file_has_one_a_line(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{}\n\n{}\n", encoding="utf-8")
    (tmp_path / "b.json").write_text("[{},{}]\n", encoding="utf-8")
    rows = [{"file": file, "event": event, "label": f"l{event}"} for file in ("a.jsonl", "b.json") for event in (0, 1)]
    found = labels.event_labels(write(tmp_path / "expected", *rows), tmp_path)
    assert found == ({("a.jsonl", 1): "l0", ("a.jsonl", 3): "l1"}, ["b.json"])
