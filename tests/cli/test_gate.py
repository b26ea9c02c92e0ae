from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tidewaiter.cli.gate import gate


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tidewaiter", "gate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


_POLICY = '[[allow]]\nwho = { anyone = true }\nroutes = ["GET /_ping"]\n'


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ([], "error: nowhere to listen"),
        (["--listen", "/run/docker.sock"], "error: not an address of a Unix socket: '/run/docker.sock'"),
        (["--listen", "unix:///x", "--docker", "tcp://x:1"], "error: not an address of a Unix socket"),
        (["--listen", "unix:///x", "--docker", "unix:///x"], "error: the gate cannot stand in front of itself"),
        (["--mode", "enforce"], "error: mode enforce needs a policy"),
        (["--tls", "tcp://127.0.0.1:0"], "error: TLS needs all three files"),
        (["--tls-cert", "x"], "error: TLS needs all three files"),
        (["--mode", "allow"], "error: Invalid value for '--mode'"),
        (["nonsense"], "error: No such command 'nonsense'"),
    ],
)
def test_mistakes_are_said_before_anything_begins(options: list[str], problem: str) -> None:
    done = run(*options)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(problem)


def test_a_policy_with_a_mistake_is_said_before_anything_begins(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("[[alow]]\n")
    done = run("--listen", f"unix://{tmp_path}/s", "--mode", "enforce", "--policy", str(tmp_path / "p.toml"))
    assert done.returncode == 2
    assert str(tmp_path / "p.toml") in done.stderr


def test_a_log_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    done = run("--listen", f"unix://{tmp_path}/s", "--log", f"{tmp_path}/nowhere/gate.jsonl")
    assert done.returncode == 1
    assert done.stderr == f"error: No such file or directory\nwhere: {tmp_path}/nowhere/gate.jsonl\n"


def test_it_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(_POLICY)
    options = ["--listen", f"unix://{tmp_path}/s", "--docker", f"unix://{tmp_path}/d", "--log", f"{tmp_path}/l"]
    command = [
        sys.executable,
        "-m",
        "tidewaiter",
        "gate",
        *options,
        "--mode",
        "enforce",
        "--policy",
        f"{tmp_path}/p.toml",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == (
            f"tidewaiter gate: mode enforce, listens on unix:{tmp_path}/s, dockerd is behind {tmp_path}/d\n"
        )
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"{tmp_path}/s")
            client.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 503 ")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert Path(f"{tmp_path}/l").stat().st_mode & 0o777 == 0o640


def test_its_other_commands_stand_below_it() -> None:
    assert sorted(gate.commands) == ["learn", "plugin"]
