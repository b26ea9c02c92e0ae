"""A disk that is really full, a small file system of its own: nothing acknowledged is lost, and it passes by itself."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import Place, wait

from tidewaiter.store import Store

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system"),
]
SIZE = 48  # MB


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield Place(tmp_path, state=small / "state")
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)


def event(number: int) -> bytes:
    """Give an event that is kept: somebody who was never seen lists everything."""
    return json.dumps(
        {
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "stage": "ResponseComplete",
            "auditID": f"event-{number}", "requestURI": "/api/v1/pods", "verb": "list",
            "user": {"username": f"user-{number % 50}", "groups": ["system:authenticated"]},
            "sourceIPs": ["10.0.0.7"], "userAgent": "kubectl/v1.32.1",
            "objectRef": {"resource": "pods", "apiVersion": "v1"},
            "responseStatus": {"metadata": {}, "code": 200},
            "requestReceivedTimestamp": f"2026-06-01T08:00:00.{number % 1_000_000:06d}Z",
            "stageTimestamp": f"2026-06-01T08:00:00.{number % 1_000_000:06d}Z",
            "annotations": {"padding": "x" * 2000},
        }
    ).encode()  # fmt: skip


def test_a_full_disk_is_said_nothing_acknowledged_is_lost_and_it_passes(place: Place) -> None:
    small = place.state.parent
    number, acknowledged, refused = 0, 0, 0

    def send() -> int:
        return place.send([event(at) for at in range(number, number + 200)])

    with place.running():
        assert send() == 200
        number += 200
        ballast = small / "ballast"
        free = os.statvfs(small).f_bavail * os.statvfs(small).f_frsize
        ballast.write_bytes(b"\0" * (free - (2 << 20)))
        for _ in range(40):
            status = send()
            assert status in {200, 503}
            if status == 200:
                number += 200
            else:
                refused += 1
        acknowledged = number
        assert refused
        assert not place.ready()
        ballast.unlink()
        wait(place.ready, 60)
        for _ in range(3):  # what was refused is sent again
            assert send() == 200
            number += 200
        assert number == acknowledged + 600
        wait(lambda: place.metric("tidewaiter_records_kept_total") >= 600, 60)
        time.sleep(1)
    with Store(place.state / "store") as store:
        kept = Counter(identity.partition("@")[0] for (identity,) in store.rows("SELECT id FROM occurrence"))
    assert set(kept) == {f"event-{at}" for at in range(number)}
    assert set(kept.values()) == {1}
