from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.labels import Sensor
from bench.sensors import earlier, innocent


@pytest.mark.parametrize(
    ("line", "moved"),
    [
        (
            "type=SYSCALL msg=audit(1795425714.696:14002): auid=1012",
            "type=SYSCALL msg=audit(1795252914.696:14002): auid=1012",
        ),
        ('{"ID":"1795425714.704:14003"}', '{"ID":"1795252914.704:14003"}'),
        ('{"ts": 1795425714.8055246, "uid": 1012}', '{"ts": 1795252914.8055246, "uid": 1012}'),
        ("auid=4294967295 ses=4294967295", "auid=4294967295 ses=4294967295"),
        ("x=11795425714.5", "x=11795425714.5"),
    ],
)
def test_times_are_moved_and_nothing_else(line: str, moved: str) -> None:
    assert earlier([line], 2) == moved + "\n"


def test_records_of_innocent_steps_are_taken_by_their_event(tmp_path: Path) -> None:
    log = [f"type={kind} msg=audit(1795425714.{event}:{event}): x" for event in (1, 2) for kind in ("SYSCALL", "CWD")]
    (tmp_path / "audit.log").write_text("\n".join([*log, "type=EOE"]) + "\n", encoding="utf-8")
    known = [
        {"event_id": "1795425714.1:1", "step": "B1", "label": "benign"},
        {"event_id": "1795425714.2:2", "step": "M1", "label": "malicious"},
    ]
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(one) + "\n" for one in known), encoding="utf-8")
    assert list(innocent(tmp_path, Sensor("audit.log", "steps.jsonl", "labels.jsonl"))) == log[:2]


def test_records_that_hold_their_label_lose_it(tmp_path: Path) -> None:
    records = [{"record": {"ts": 1.5}, "step": "B1", "label": "benign"}, {"record": {"ts": 2.5}, "label": "malicious"}]
    (tmp_path / "peers.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    sensor = Sensor("peers.jsonl", "steps.jsonl", "peers.jsonl", wrapped=True)
    assert list(innocent(tmp_path, sensor)) == ['{"ts": 1.5}']
