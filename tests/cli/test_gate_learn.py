"""`tidewaiter gate learn` and what `tidewaiter gate plugin` refuses; the plugin itself: tests/integration."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.gate.caller import Caller
from tidewaiter.gate.policy import parse


def _record(**more: Any) -> bytes:
    document = {
        "schema": "tidewaiter.gate/1",
        "time": "2026-11-23T02:14:07Z",
        "id": "a",
        "phase": "done",
        "method": "GET",
        "target": "/v1.41/containers/json",
        "status": 200,
        "decision": "allowed",
        "caller": {"uid": 1001, "user": "deploy", "exe": "/usr/bin/docker"},
    }
    return json.dumps(document | more).encode() + b"\n"


_DEPLOY = Caller(uid=1001, user="deploy", exe="/usr/bin/docker")


def test_a_policy_is_learnt_from_logs_of_any_sort(tmp_path: Path, tidewaiter: Callable[..., Any]) -> None:
    (tmp_path / "gate.jsonl").write_bytes(_record() + b"\n" + _record(target="/info"))
    (tmp_path / "gate.jsonl.1.gz").write_bytes(gzip.compress(_record(target="/version")))
    done = tidewaiter("gate", "learn", tmp_path)
    assert (done.status, done.err) == (0, "")
    policy = parse(done.out, where="x")
    allowed = [policy.decide(_DEPLOY, "GET", target).allowed for target in ("/info", "/version", "/images/json")]
    assert allowed == [True, True, False]


def test_a_difference_goes_to_a_file(tmp_path: Path, tidewaiter: Callable[..., Any]) -> None:
    log, policy, out = tmp_path / "gate.jsonl", tmp_path / "gate.toml", tmp_path / "gate.diff"
    log.write_bytes(_record())
    policy.write_text('[[allow]]\nwho = { uid = 5 }\nroutes = ["GET /info"]\n')
    done = tidewaiter("gate", "learn", log, "--policy", policy, "-o", out, "--lang", "ru")
    assert (done.status, done.out, done.err) == (0, "", "")
    text = out.read_text()
    assert f"--- {policy}\n+++ {policy}\n@@" in text
    assert "# Выучено по 1 запросу" in text
    assert "это время не использовано: allow[1]: GET /info" in text


def test_since_leaves_out_what_was_before(tmp_path: Path, tidewaiter: Callable[..., Any]) -> None:
    log = tmp_path / "gate.jsonl"
    log.write_bytes(_record())
    done = tidewaiter("gate", "learn", log, "--since", "2026-11-24")
    assert (done.status, done.out) == (0, "# Nothing was seen that a policy could be learnt from.\n")


def test_what_cannot_be_read_is_told(tmp_path: Path, tidewaiter: Callable[..., Any]) -> None:
    log = tmp_path / "gate.jsonl"
    log.write_bytes(_record() + b"something else\n")
    done = tidewaiter("gate", "learn", log)
    assert (done.status, done.err) == (
        3,
        f"{log}:2: no record of the gate\n1 lines or files could not be read\n",
    )
    assert "[[allow]]" in done.out


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (("learn",), 2, "error: Missing argument 'LOG…'"),
        (("learn", "/none.jsonl"), 1, "error: there is no such file or folder"),
        (("learn", "{log}", "--since", "soon"), 2, "error: not a time: 'soon'"),
        (("learn", "{log}", "--policy", "/none.toml"), 2, "error: the policy cannot be read"),
        (("learn", "{log}", "--policy", "{log}"), 2, "error: the policy is no TOML"),
        (("plugin",), 2, "error: Missing option '--log'"),
        (("plugin", "--log", "{log}", "--mode", "enforce"), 2, "error: enforce needs a policy"),
        (("plugin", "--log", "{log}", "--mode", "warn", "--policy", "{log}"), 2, "error: the policy is no TOML"),
        (("plugin", "--log", "{log}", "--socket", "{log}"), 2, "error: there is something that is no socket"),
    ],
)
def test_what_cannot_be_done_is_told(
    words: tuple[str, ...], status: int, error: str, tmp_path: Path, tidewaiter: Callable[..., Any]
) -> None:
    log = tmp_path / "gate.jsonl"
    log.write_bytes(_record())
    done = tidewaiter("gate", *(word.format(log=log) for word in words))
    assert (done.status, done.out, done.err[: len(error)]) == (status, "", error), done.err


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tw-", dir="/tmp") as name:
        yield Path(name)


def _started(folder: Path, log: Path) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "tidewaiter",
        "gate",
        "plugin",
        "--socket",
        str(folder / "p.sock"),
        "--log",
        str(log),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_the_plugin_starts_and_stops(folder: Path) -> None:
    with _started(folder, folder / "plugin.jsonl") as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"tidewaiter gate plugin: listens at ")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert not (folder / "p.sock").exists()


def test_a_log_that_cannot_be_written_ends_the_plugin(folder: Path) -> None:
    with _started(folder, folder / "none" / "plugin.jsonl") as process:
        _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors.splitlines()) == (
        1,
        [b"error: No such file or directory", f"where: {folder}/none/plugin.jsonl".encode()],
    )


def test_a_killed_worker_has_a_successor(folder: Path) -> None:
    with _started(folder, folder / "plugin.jsonl") as process:
        assert process.stderr is not None
        process.stderr.readline()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        os.kill(int(children.read_text()), signal.SIGKILL)
        said = [process.stderr.readline(), process.stderr.readline()]
        time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert b"ended by signal 9" in said[0]
    assert b"listens at" in said[1]
