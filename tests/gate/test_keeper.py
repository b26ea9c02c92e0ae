from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# In a program of its own: it forks, and takes the signals of its process.
_PROGRAM = """
import os, signal, sys, time
from tidewaiter.gate.keeper import keep

def work():
    with open(sys.argv[1], "a") as file:
        file.write(f"{os.getpid()}\\n")
    signal.signal(signal.SIGHUP, lambda *_: open(sys.argv[1], "a").write("HUP\\n"))
    if sys.argv[2] == "wait":
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        while True:
            time.sleep(1)
    return int(sys.argv[2])

sys.exit(keep(work, lambda text: print(text, file=sys.stderr, flush=True)))
"""


def start(log: Path, what: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _PROGRAM, str(log), what], stderr=subprocess.PIPE)


def lines(log: Path, count: int) -> list[str]:
    deadline = time.monotonic() + 10
    while not log.exists() or len(log.read_text().splitlines()) < count:
        assert time.monotonic() < deadline, log
        time.sleep(0.02)
    return log.read_text().splitlines()


@pytest.mark.parametrize("status", [0, 1, 2])
def test_who_ends_by_himself_is_not_started_again(tmp_path: Path, status: int) -> None:
    with start(tmp_path / "log", str(status)) as program:
        assert program.wait(10) == status
    assert len(lines(tmp_path / "log", 1)) == 1


def test_who_is_killed_is_started_again_and_signals_are_passed_on(tmp_path: Path) -> None:
    with start(tmp_path / "log", "wait") as program:
        (first,) = lines(tmp_path / "log", 1)
        os.kill(int(first), signal.SIGKILL)
        _, second = lines(tmp_path / "log", 2)
        time.sleep(0.2)
        program.send_signal(signal.SIGHUP)
        assert lines(tmp_path / "log", 3)[2] == "HUP"
        program.send_signal(signal.SIGTERM)
        assert program.wait(10) == 0
        assert program.stderr is not None
        assert program.stderr.read() == b"the gate was ended by signal 9; it is started again\n"
    assert not Path(f"/proc/{second}").exists()
