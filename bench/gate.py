"""What the Docker gate adds to a request: the same requests over kept connections, directly and through the gate.

Needs a running dockerd and the right to use its socket. Client and gate take turns within each run, so that a busy
moment of the machine hits both; the figures are the median of the runs. `--connections` adds others that are busy at
the same time.

    python bench/gate.py --docker /run/docker.sock --runs 5 --write
"""

from __future__ import annotations

import argparse
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

if not __package__:  # started as a file, not with -m
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.runs import write_section

TARGETS = ("/_ping", "/v1.41/containers/json")
WAYS = ("directly", "gate, observe", "gate, enforce")
_POLICY = '[[allow]]\nwho = { anyone = true }\nroutes = ["GET /_ping", "GET /containers/json", "GET /info"]\n'
_SLICE = 100  # requests of one way before it is the next one's turn
README = Path(__file__).with_name("README.md")


class Figures(NamedTuple):
    """Milliseconds of one way and target."""

    p50: float
    p90: float
    p99: float


class Kept:
    """A client with one kept connection that does as little as it can."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))

    def ask(self, target: str) -> float:
        """Send a request and read its answer; gives the seconds that took."""
        began = time.perf_counter()
        self._socket.sendall(f"GET {target} HTTP/1.1\r\nHost: docker\r\n\r\n".encode())
        data = bytearray(self._socket.recv(1 << 16))
        while not _is_whole(data):
            data += self._socket.recv(1 << 16)
        took = time.perf_counter() - began
        if not data.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"{target}: {bytes(data[:200])!r}")
        return took

    def close(self) -> None:
        """Let the connection go."""
        self._socket.close()


def _is_whole(data: bytearray) -> bool:
    head, blank, body = bytes(data).partition(b"\r\n\r\n")
    if not blank:
        return False
    if b"\r\nTransfer-Encoding: chunked" in head:
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(head.partition(b"\r\nContent-Length: ")[2].split(b"\r\n")[0])


@contextmanager
def gate(docker: Path, folder: Path, mode: str) -> Iterator[Path]:
    """Run a gate in front of a daemon; gives its socket."""
    path, policy = folder / f"{mode}.sock", folder / "policy.toml"
    policy.write_text(_POLICY, encoding="utf-8")
    command = [sys.executable, "-m", "tidewaiter", "gate", "--listen", f"unix://{path}", "--docker", f"unix://{docker}"]
    command += ["--log", str(folder / f"{mode}.jsonl"), "--mode", mode, "--policy", str(policy)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None  # noqa: S101 - it is a pipe
        if b"listens on" not in process.stderr.readline():
            raise SystemExit("the gate did not start")
        yield path
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@contextmanager
def company(path: Path, connections: int) -> Iterator[None]:
    """Keep other connections busy: each asks ten times a second."""
    stop = threading.Event()

    def ask(client: Kept) -> None:
        while not stop.wait(0.1):
            client.ask("/_ping")

    clients = [Kept(path) for _ in range(connections)]
    threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        for client in clients:
            client.close()


def measure(paths: dict[str, Path], target: str, requests: int) -> dict[str, Figures]:
    """Ask every way as often, taking turns."""
    clients = {way: Kept(path) for way, path in paths.items()}
    took: dict[str, list[float]] = {way: [] for way in paths}
    for client in clients.values():
        client.ask(target)
    for _ in range(max(1, requests // _SLICE)):
        for way, client in clients.items():
            took[way] += [client.ask(target) for _ in range(_SLICE)]
    for client in clients.values():
        client.close()
    return {way: _figures(times) for way, times in took.items()}


def _figures(times: list[float]) -> Figures:
    cuts = statistics.quantiles(times, n=100)
    return Figures(cuts[49] * 1000, cuts[89] * 1000, cuts[98] * 1000)


def table(runs: list[dict[str, dict[str, Figures]]]) -> str:
    """Give the medians of all runs as a table."""
    rows = ["| request | way | p50 ms | p90 ms | p99 ms | added p50 |", "| --- | --- | ---: | ---: | ---: | ---: |"]
    for target in runs[0]:
        ways = runs[0][target]
        middle = {
            way: Figures(
                *(statistics.median(column) for column in zip(*(run[target][way] for run in runs), strict=True))
            )
            for way in ways
        }
        plain = middle[WAYS[0]].p50
        for way, one in middle.items():
            added = "" if way == WAYS[0] else f"{one.p50 - plain:+.3f}"
            rows.append(f"| `{target}` | {way} | {one.p50:.3f} | {one.p90:.3f} | {one.p99:.3f} | {added} |")
    return "\n".join(rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docker", type=Path, default=Path("/run/docker.sock"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--connections", type=int, default=0, help="other connections, each with ten requests a second")
    parser.add_argument("--write", action="store_true", help="put the figures into README.md")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with gate(chosen.docker, folder, "observe") as watched, gate(chosen.docker, folder, "enforce") as guarded:
            paths = dict(zip(WAYS, (chosen.docker, watched, guarded), strict=True))
            with company(watched, chosen.connections):
                runs = [
                    {target: measure(paths, target, chosen.requests) for target in TARGETS} for _ in range(chosen.runs)
                ]
    machine = f"{datetime.now(UTC):%Y-%m-%d}, median of {chosen.runs}, Linux {platform.release()}"
    text = f"{machine}, Python {platform.python_version()}, {chosen.connections} other connections.\n\n{table(runs)}"
    print(text)
    if chosen.write:
        write_section(README, "gate", text)


if __name__ == "__main__":
    main()
