"""How much the service takes in, how fast it answers, and how soon a finding is out.

Batches of 400 audit events go to a real `tidewaiter serve` over HTTP, as kube-apiserver sends them: kept connections, a
steady rate, each batch at its own moment whether the one before was answered or not. Identities and times are new in
each batch. Now and then a batch holds one more event, of an intruder that nobody knew: the time until its finding is in
the file of the sink is the time to finding. Generator and service share the machine.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import queue
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

BATCH = 400
TEMPLATES = 48
_TOKEN = b"@@@@@@@@"
_TIME = b"2000-01-01T00:00:00.000000Z"
_PORT = 16131
_CONNECTIONS = 8


class Sent(NamedTuple):
    """One batch: when it was due, when it was answered, and with what."""

    due: float
    answered: float
    status: int


def templates(source: Path) -> list[bytes]:
    """Make batches of recorded or generated lines, with holes for identities and times."""
    lines: list[bytes] = []
    with source.open("rb") as log:
        for number, line in enumerate(log):
            if len(lines) == BATCH * TEMPLATES:
                break
            event = json.loads(line)
            event["auditID"] = f"{number:08x}-0000-4000-8000-0000{_TOKEN.decode()}"
            for key in ("requestReceivedTimestamp", "stageTimestamp"):
                event[key] = _TIME.decode()
            lines.append(json.dumps(event, separators=(",", ":")).encode())
    return [
        b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[' + b",".join(part) + b"]}\n"
        for part in (lines[start : start + BATCH] for start in range(0, len(lines), BATCH))
        if len(part) == BATCH
    ]


def intruder(number: int) -> bytes:
    """Give an event that is a finding by itself: an account asks for the list of everything it may do."""
    event = {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "stage": "ResponseComplete",
        "auditID": f"ffffffff-{number % 0x10000:04x}-4000-8000-0000{_TOKEN.decode()}",
        "requestURI": "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", "verb": "create",
        "user": {"username": f"system:serviceaccount:bench:intruder-{number}", "groups": ["system:serviceaccounts"]},
        "sourceIPs": ["10.9.8.7"], "userAgent": "kubectl/v1.32.1 (linux/amd64) kubernetes/abcdef0",
        "objectRef": {
            "resource": "selfsubjectrulesreviews", "apiGroup": "authorization.k8s.io", "apiVersion": "v1",
        },
        "responseStatus": {"metadata": {}, "code": 201},
        "requestObject": {"kind": "SelfSubjectRulesReview", "spec": {"namespace": "bench"}},
        "requestReceivedTimestamp": _TIME.decode(), "stageTimestamp": _TIME.decode(),
    }  # fmt: skip
    return json.dumps(event, separators=(",", ":")).encode()


def _now() -> bytes:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()


class Load:
    """Sends batches at a rate for some time."""

    def __init__(self, bodies: Sequence[bytes], rate: int, seconds: float, every: float) -> None:
        self._bodies, self._rate, self._seconds, self._every = bodies, rate, seconds, every
        self._queue: queue.Queue[tuple[float, bytes] | None] = queue.Queue()
        self.sent: list[Sent] = []
        self.planted: dict[int, float] = {}
        self._chance = random.Random(1)

    def run(self) -> None:
        """Send; returns when everything was answered."""
        threads = [threading.Thread(target=self._send) for _ in range(_CONNECTIONS)]
        for thread in threads:
            thread.start()
        for item in self._due():
            self._queue.put(item)
        for _ in threads:
            self._queue.put(None)
        for thread in threads:
            thread.join()

    def _due(self) -> Iterator[tuple[float, bytes]]:
        """Give batches when they are due."""
        begin = time.monotonic()
        pause = BATCH / self._rate
        plant = begin + self._every
        for number in range(int(self._seconds / pause)):
            due = begin + number * pause
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            body = self._bodies[number % len(self._bodies)]
            if due >= plant:
                plant += self._every * self._chance.uniform(0.5, 1.5)
                who = len(self.planted)
                self.planted[who] = time.time()
                body = body[:-3] + b"," + intruder(who) + body[-3:]
            yield due, body.replace(_TOKEN, b"%08x" % number).replace(_TIME, _now())

    def _send(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", _PORT, timeout=60)
        while (item := self._queue.get()) is not None:
            due, body = item
            connection.request("POST", "/v1/kubernetes/audit/bench", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            self.sent.append(Sent(due, time.monotonic(), answer.status))
        connection.close()


def configuration(folder: Path) -> Path:
    """Write the configuration of the service."""
    path = folder / "tidewaiter.toml"
    path.write_text(
        f'state = "{folder}/state"\n[http]\nport = {_PORT}\nsource_requests = 1000\nsource_bytes = 1e9\n'
        f'[[sink]]\ntype = "file"\nname = "out"\npath = "{folder}/findings.jsonl"\n'
        '[[route]]\nsinks = ["*"]\nlevel = "info"\n',
        encoding="utf-8",
    )
    return path


def begun(config: Path) -> subprocess.Popen[bytes]:
    """Start the service and wait until it is ready."""
    service = subprocess.Popen([sys.executable, "-m", "tidewaiter", "serve", "--config", str(config)])
    for _ in range(200):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{_PORT}/readyz") as answer:
                if answer.status == 200:
                    return service
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the service does not get ready")


class Watch(threading.Thread):
    """Looks at the service while it works: memory, processor time, and when each finding came out."""

    def __init__(self, pid: int, findings: Path) -> None:
        super().__init__(daemon=True)
        self._pid, self._findings = pid, findings
        self.memory: list[float] = []
        self.out: dict[int, float] = {}
        self.stop = threading.Event()

    def run(self) -> None:
        """Look ten times a second."""
        offset = 0
        looks = 0
        while not self.stop.wait(0.1):
            looks += 1
            if looks % 10 == 0:
                self.memory.append(_rss(self._pid))
            if not self._findings.exists():
                continue
            with self._findings.open("rb") as log:
                log.seek(offset)
                for line in log:
                    if not line.endswith(b"\n"):
                        break
                    offset += len(line)
                    name = json.loads(line)["actor"]["name"]
                    if name.startswith("bench/intruder-"):
                        self.out.setdefault(int(name.rpartition("-")[2]), time.time())


def _rss(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def measure(bodies: Sequence[bytes], rate: int, seconds: float, every: float) -> dict[str, Any]:
    """Run one rate against a service of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        service = begun(configuration(folder))
        try:
            watch = Watch(service.pid, folder / "findings.jsonl")
            watch.start()
            load = Load(bodies, rate, seconds, every)
            before, began = _cpu(service.pid), time.monotonic()
            load.run()
            took = time.monotonic() - began
            cpu = _cpu(service.pid) - before
            deadline = time.monotonic() + 60
            while len(watch.out) < len(load.planted) and time.monotonic() < deadline:
                time.sleep(0.1)
            watch.stop.set()
            watch.join()
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(60)
    acknowledged = [1000 * (one.answered - one.due) for one in load.sent if one.status == 200]
    found = [watch.out[who] - at for who, at in load.planted.items() if who in watch.out]
    size = statistics.mean(map(len, bodies))
    return {
        "asked events/s": rate,
        "got events/s": round(BATCH * len(acknowledged) / took),
        "MB/s": round(size * len(acknowledged) / took / 1e6, 1),
        "refused": sum(one.status != 200 for one in load.sent),
        "ack p50 ms": round(_quantile(acknowledged, 0.5), 1),
        "ack p99 ms": round(_quantile(acknowledged, 0.99), 1),
        "finding p50 s": round(_quantile(found, 0.5), 2),
        "finding p99 s": round(_quantile(found, 0.99), 2),
        "planted": len(load.planted),
        "found": len(found),
        "cores": round(cpu / took, 2),
        "memory MB at 25/50/75/100 %": [
            round(watch.memory[int((len(watch.memory) - 1) * part / 4)]) for part in (1, 2, 3, 4)
        ],
    }


def main() -> None:
    """Measure the rates asked for, one after the other."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rates", type=int, nargs="+", default=[5000, 20000, 50000])
    options.add_argument("--seconds", type=float, default=125)
    options.add_argument("--every", type=float, default=2.0, help="seconds between two intruders")
    options.add_argument("--file", type=Path, default=Path("bench/data/k200.jsonl"))
    asked = options.parse_args()
    bodies = templates(asked.file)
    for rate in asked.rates:
        print(json.dumps(measure(bodies, rate, asked.seconds, asked.every)), flush=True)


if __name__ == "__main__":
    main()
