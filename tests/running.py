"""Runs the service as a process, with a configuration of its own, on loopback."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

AUDIT = Path(__file__).parent / "data" / "kubernetes" / "audit.jsonl"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Place:
    """A folder with a configuration for the service."""

    def __init__(self, folder: Path, *, state: Path | None = None) -> None:
        self.folder = folder
        self.state = state or folder / "state"
        self.port = free_port()
        self.config = folder / "tidewaiter.toml"
        self.out = folder / "out.jsonl"
        self.log = folder / "log"
        self.configure()

    def configure(self, more: str = "", level: str = "medium") -> None:
        self.config.write_text(
            f'state = "{self.state}"\n[http]\nport = {self.port}\n'
            f'[[sink]]\ntype = "file"\nname = "out"\npath = "{self.out}"\n'
            f'[[route]]\nsinks = ["out"]\nlevel = "{level}"\n{more}',
            encoding="utf-8",
        )

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tidewaiter", "serve", "--config", str(self.config)], stderr=log
            )
        try:
            wait(self.ready)
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                assert process.wait(40) == 0

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(self.url("/readyz")) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def send(self, lines: list[bytes]) -> int:
        body = b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[' + b",".join(lines) + b"]}"
        request = urllib.request.Request(
            self.url("/v1/kubernetes/audit/prod"), body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refusal:
            return refusal.code

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(self.url("/metrics")) as answer:
            lines = answer.read().decode().splitlines()
        return next((float(line.split()[-1]) for line in lines if line.split(" ")[0] == name), 0.0)

    def told(self) -> list[tuple[str, str]]:
        if not self.out.exists():
            return []
        found = [json.loads(line) for line in self.out.read_bytes().splitlines()]
        return [(one["actor"]["name"], one["level"]) for one in found]


def wait(what: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.05)
