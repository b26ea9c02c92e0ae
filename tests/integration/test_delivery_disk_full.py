"""A disk that is really full: nothing is half kept, nothing that was sent is sent again, and it goes on by itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import parcels
import pytest
from integration import live
from parcels import Reply, receiver

from tidewaiter.delivery.delivery import Delivery
from tidewaiter.delivery.outbox import Outbox
from tidewaiter.errors import StoreError
from tidewaiter.settings.delivery import Delivery as Settings
from tidewaiter.settings.delivery import FileSink, HttpSink
from tidewaiter.wording import Wording

pytestmark = pytest.mark.real


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of two megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mounted, capture_output=True, check=False).returncode:
        if os.environ.get("TIDEWAITER_REQUIRE_REAL") == "1":
            pytest.fail("TIDEWAITER_REQUIRE_REAL=1, but nothing can be mounted")
        pytest.skip("nothing can be mounted")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    outbox = Outbox(small / "outbox.sqlite")
    kept: list[str] = []
    with receiver(lambda _: Reply()) as there:
        sinks = (HttpSink(name="hook", url=there.url), FileSink(name="file", path=str(small / "findings")))
        delivery = Delivery(outbox, Settings(sinks=sinks), {}, Wording("en"))
        delivery.start()
        ballast = small / "ballast"
        for n in range(40, 50):
            delivery.offer([parcels.finding(f"F-{n}")])
            kept.append(f"F-{n}")
        _fill(ballast)  # some of them are on their way
        refused = 0
        for n in range(40):
            try:
                delivery.offer([parcels.finding(f"F-{n}", headline="x" * 20_000)])
                kept.append(f"F-{n}")
            except StoreError:
                refused += 1
        ballast.unlink()
        live.wait_until(lambda: _offered(delivery, "F-last"), "room")
        live.wait_until(lambda: not any(one.account.pending for one in delivery.status().sinks), "deliveries")
        delivery.stop()
    outbox.close()
    assert refused > 0
    taken = [name for request in there.requests for name in request.ids]
    assert sorted(taken) == sorted([*kept, "F-last"])
    written = (small / "findings").read_bytes()
    assert [written.count(f'"id":"{name}"'.encode()) for name in taken] == [1] * len(taken)
    assert written.count(b"\n") == len(taken)


def _fill(ballast: Path) -> None:
    file = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(file, b"x" * 4096)
    except OSError:  # no space left
        os.close(file)


def _offered(delivery: Delivery, name: str) -> bool:
    try:
        delivery.offer([parcels.finding(name)])
    except StoreError:
        return False
    return True
