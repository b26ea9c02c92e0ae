"""Whether anything is lost or told twice when the service is killed: `bench/crash.py --kills 100`.

A sender posts batches of audit events, and sends a batch again until it is answered with 200, as kube-apiserver does;
the service is killed with SIGKILL at random moments and started again. In the end every acknowledged event must be in
the store once, and every intruder's finding in the sink's file once for each state of it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from tidewaiter.store import Store

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.serve import _PORT, _TIME, _TOKEN, _now, begun, configuration, intruder

_EVENTS = 20  # of a batch
_ACTORS = 400  # who take turns


def batch(number: int) -> tuple[bytes, list[str]]:
    """Give a body of new events, each of them worth keeping, and their audit IDs."""
    items = [
        intruder((number * _EVENTS + at) % _ACTORS)
        .replace(_TOKEN, b"%08x" % (number * _EVENTS + at))
        .replace(_TIME, _now())
        for at in range(_EVENTS)
    ]
    body = b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[' + b",".join(items) + b"]}"
    return body, [json.loads(item)["auditID"] for item in items]


class Sender(threading.Thread):
    """Sends one batch after the other until told to stop; what was answered with 200 is acknowledged."""

    def __init__(self, pause: float) -> None:
        super().__init__(daemon=True)
        self.stop = threading.Event()
        self.acknowledged: list[str] = []
        self.again = 0
        self._pause = pause

    def run(self) -> None:
        """Send."""
        number = 0
        while not self.stop.is_set():
            body, names = batch(number)
            while not self._post(body):
                self.again += 1
                time.sleep(0.05)
            self.acknowledged += names
            number += 1
            time.sleep(self._pause)

    def _post(self, body: bytes) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", _PORT, timeout=10)
        try:
            connection.request("POST", "/v1/kubernetes/audit/crash", body, {"Content-Type": "application/json"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def campaign(folder: Path, kills: int, seed: int, pause: float) -> dict[str, object]:
    """Kill the service so many times while it is sent to; give what was found in the end."""
    config = configuration(folder)
    chance = random.Random(seed)
    sender = Sender(pause)
    service = begun(config)
    sender.start()
    for _ in range(kills):
        time.sleep(chance.uniform(0.0, 1.5))
        service.kill()
        service.wait()
        service = begun(config)
    time.sleep(1)
    sender.stop.set()
    sender.join()
    actors = {f"intruder-{number}" for number in range(min(_ACTORS, len(sender.acknowledged)))}
    _wait_until_told(folder / "findings.jsonl", actors, service)
    return checked(folder, sender) | {"kills": kills, "batches sent again": sender.again}


def _wait_until_told(path: Path, names: set[str], service: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and names - set(_told(path)):
        time.sleep(0.5)
    service.send_signal(signal.SIGTERM)
    service.wait(60)


def _told(path: Path) -> Counter[str]:
    if not path.exists():
        return Counter()
    lines = [line for line in path.read_bytes().split(b"\n") if line]
    return Counter(json.loads(line)["actor"]["name"].rpartition("/")[2] for line in lines)


def checked(folder: Path, sender: Sender) -> dict[str, object]:
    """Count what is lost and what is there twice."""
    acknowledged = set(sender.acknowledged)
    with Store(folder / "state" / "store") as store:
        kept = Counter(identity.partition("@")[0] for (identity,) in store.rows("SELECT id FROM activity"))
    told = _told(folder / "findings.jsonl")
    states = Counter((folder / "findings.jsonl").read_bytes().split(b"\n"))
    return {
        "acknowledged events": len(acknowledged),
        "lost from the store": len(acknowledged - set(kept)),
        "twice in the store": sum(times > 1 for times in kept.values()),
        "actors": min(_ACTORS, len(acknowledged)),
        "without a finding": min(_ACTORS, len(acknowledged)) - len(told),
        "findings told twice in the same words": sum(times - 1 for line, times in states.items() if line and times > 1),
    }


def main() -> None:
    """Run the campaign and print what it found; fails when anything was lost or doubled in the store."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--kills", type=int, default=100)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--pause", type=float, default=0.02, help="seconds between two batches")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = campaign(Path(folder), asked.kills, asked.seed, asked.pause)
    print(json.dumps(result))
    if result["lost from the store"] or result["twice in the store"] or result["without a finding"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
