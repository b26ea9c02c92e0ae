"""kill -9 at random points of a delivering process: nothing that was acknowledged is lost, nothing is doubled."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from integration import delivering
from parcels import Reply, Request, receiver

KILLS = int(os.environ.get("TIDEWAITER_KILLS", "10"))
MOST, LAST = 100_000, 5  # lots that a process offers until it is killed; lots of the one that is not
_TESTS = Path(__file__).parents[1]


def test_a_crash_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """The file holds every state once; an idempotent receiver, which knows a finding by id and content, too."""
    chance = random.Random(1613)  # noqa: S311 - seeded, not secret
    received: list[tuple[str, str]] = []

    def reply(request: Request) -> Reply:
        received.extend(_states(request.body))
        return Reply(chance.choice([200, 200, 200, 503]))  # also after it has taken them

    lots = 0  # that were acknowledged
    with receiver(reply) as there:
        for _ in range(KILLS):
            process = _started(tmp_path, there.url, lots, MOST)
            assert process.stdout
            process.stdout.readline()
            time.sleep(chance.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
            said = [line for line in process.communicate()[0].splitlines(keepends=True) if line.endswith("\n")]
            lots = max([lots, *(int(line) + 1 for line in said)])
        killed_at = lots
        done, _ = _started(tmp_path, there.url, lots, LAST).communicate(timeout=60)
    lots = int(done.split()[-1]) + 1
    assert lots == killed_at + LAST > 2 * KILLS, "it was killed before it did anything"
    written = list(_states((tmp_path / "findings").read_bytes()))
    _complete(set(written), lots)
    _complete(set(received), lots)
    assert {state: n for state, n in Counter(written).items() if n > 1} == {}


def _started(folder: Path, url: str, first: int, count: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(_TESTS), "NO_PROXY": "*"}
    argv = [sys.executable, "-m", "integration.delivering", str(folder), url, str(first), str(count)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment)


def _states(lines: bytes) -> list[tuple[str, str]]:
    return [(one["id"], one["level"]) for one in map(json.loads, lines.splitlines())]


def _complete(states: set[tuple[str, str]], lots: int) -> None:
    """Every finding was delivered in its last state; an earlier one may have been replaced before it was sent."""
    last = {(f"F-{lot}-{n}", "high") for lot in range(lots) for n in range(1, delivering.EACH)}
    last |= {(f"F-{lot}-0", "critical") for lot in range(lots)}
    assert last - states == set()
    # What was killed between being written down and being acknowledged is delivered too, and offered again.
    assert states - last <= {(f"F-{lot}-0", "high") for lot in range(lots)}
