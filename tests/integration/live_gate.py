"""Starts a Docker daemon on a socket of its own, and tidewaiter's gate in front of it.

Nothing of the machine's own Docker is touched: daemon and gate have their sockets, data and state in one folder.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from integration import live

IMAGE = "tidewaiter/lab:1"
APPLETS = ("sh", "cat", "echo", "ls", "sleep", "true", "false", "wc", "seq", "read", "stty", "nc", "touch", "head")
_LARGE = 100_000  # bytes
PATIENCE = 20.0  # seconds for one command


class Lab(NamedTuple):
    """A daemon with an image and a container that runs."""

    folder: Path
    docker: Path  # its socket
    web: str  # id of the container "web"


class Running(NamedTuple):
    """A gate."""

    socket: Path
    log: Path
    errors: Path
    process: subprocess.Popen[bytes]

    def records(self, *, settle: float = 0.4) -> list[dict[str, Any]]:
        """Give what it wrote so far, once nothing more comes."""
        size = -1
        while self.log.exists() and size != (size := self.log.stat().st_size):
            time.sleep(settle)
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def workers(self) -> list[int]:
        """Give the pids of the processes that do the work."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]


@contextmanager
def lab() -> Iterator[Lab]:
    """Run a daemon with an image and a container that runs; no network, no firewall rules."""
    live.need("dockerd", "docker", "busybox", "setpriv")
    with ExitStack() as undo:
        undo.enter_context(live._removed("/etc/docker/key.json", "/etc/docker", "/run/docker/plugins", "/run/docker"))
        folder = undo.enter_context(live._short_folder())
        path = folder / "dockerd.sock"
        options = f"-D -H unix://{path} --data-root {folder}/data --exec-root {folder}/exec -p {folder}/pid"
        options += " --iptables=false --ip6tables=false --ip-forward=false --bridge=none --storage-driver=vfs"
        errors = folder / "dockerd.log"
        process = undo.enter_context(live._server(["dockerd", *options.split()], errors))
        live._up(process, errors, lambda: live.answers(path) and docker(path, "version").returncode == 0)
        _fill(folder, path)
        begun = docker(path, "run", "-d", "--network", "none", "--name", "web", IMAGE, "sh", "-c", _WEB)
        if begun.returncode:
            raise live.Unavailable(f"no container can run here: {begun.stderr.decode(errors='replace').strip()}")
        undo.callback(docker, path, "rm", "-f", "web")
        yield Lab(folder, path, begun.stdout.decode().strip())


_WEB = "echo first; echo second >&2; while true; do sleep 1; done"


def _fill(folder: Path, path: Path) -> None:
    root = folder / "root" / "bin"
    root.mkdir(parents=True)
    shutil.copy(str(shutil.which("busybox", path=live.PATH)), root / "busybox")
    for name in APPLETS:
        (root / name).symlink_to("busybox")
    (folder / "root" / "etc").mkdir()
    (folder / "root" / "tmp").mkdir()
    (folder / "root" / "etc" / "motd").write_text("hello from the lab\n")
    archive = subprocess.run(["tar", "-c", "-C", folder / "root", "."], capture_output=True, check=True).stdout
    done = docker(path, "import", "--change", 'CMD ["/bin/sh"]', "-", IMAGE, stdin=archive)
    if done.returncode:
        raise live.Unavailable(f"no image can be made: {done.stderr.decode(errors='replace').strip()}")


def docker(
    path: Path, *arguments: str, stdin: bytes | None = b"", more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run the docker command against a socket."""
    environment = {"PATH": live.PATH, "HOME": "/nonexistent", "LC_ALL": "C", "DOCKER_HOST": f"unix://{path}"}
    return subprocess.run(
        ["docker", *arguments],
        input=stdin,
        capture_output=True,
        timeout=PATIENCE,
        env={**environment, **(more or {})},
        check=False,
    )


@contextmanager
def gate(lab: Lab, name: str, *options: str, log: Path | None = None) -> Iterator[Running]:
    """Run a gate in front of the daemon."""
    path, errors = lab.folder / f"{name}.sock", lab.folder / f"{name}.err"
    log = log or lab.folder / f"{name}.jsonl"
    command = [
        "setpriv",
        "--pdeathsig",
        "TERM",
        sys.executable,
        "-m",
        "tidewaiter",
        "gate",
        "--listen",
        f"unix://{path}",
    ]
    command += ["--docker", f"unix://{lab.docker}", "--log", str(log), *options]
    with errors.open("wb") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    try:
        live.wait_until(
            lambda: process.poll() is not None or b"listens on" in errors.read_bytes(), f"the gate: {errors}"
        )
        assert process.poll() is None, errors.read_text()
        yield Running(path, log, errors, process)
    finally:
        workers = Running(path, log, errors, process).workers() if process.poll() is None else []
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(live._STOPPED)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            for worker in workers:
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)


def raw(path: Path, *pieces: bytes, end: bool = True, pause: float = 0.1, patience: float = 3.0) -> bytes:
    """Send bytes as they are, end that direction, and give everything that comes back until the other one ends."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(patience)
        client.connect(str(path))
        for piece in pieces:
            client.sendall(piece)
            time.sleep(pause)
        if end:
            client.shutdown(socket.SHUT_WR)
        return read_all(client)


def read_all(client: socket.socket) -> bytes:
    """Read until the end, or until nothing comes for the socket's patience."""
    found = bytearray()
    with suppress(TimeoutError, ConnectionResetError):
        while data := client.recv(1 << 16):
            found += data
    return bytes(found)


_NORMAL: Sequence[tuple[bytes, bytes]] = (
    (rb"sha256:[0-9a-f]{64}", b"sha256:ID"),
    (rb"\b[0-9a-f]{64}\b", b"ID"),
    (rb"\b[0-9a-f]{12}\b", b"ID"),
    (rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", b"TIME"),
    (rb"Date: [^\r]+", b"Date: TIME"),
    (rb"(?:About )?(?:an?|\d+) (?:second|minute|hour)s?(?: ago)?", b"AGO"),
    (rb"Less than a second(?: ago)?", b"AGO"),
    (rb"(?m)^ *(?:File Descriptors|Goroutines|System Time|EventsListeners|Runtimes): .*$", b"VARIES"),
)


def normal(data: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """Leave out what differs by nature: ids, times, and what a daemon counts of itself."""
    if len(data) > _LARGE:  # an archive; compared as a whole
        data = b"%d bytes, sha256 %s" % (len(data), sha256(data).hexdigest().encode())
    for pattern, instead in (*_NORMAL, *more):
        data = re.sub(pattern, instead, data)
    return data
