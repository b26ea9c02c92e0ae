from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from whole import DATA

from tidewaiter import __version__
from tidewaiter.cli import app

LOG = DATA / "scenarios" / "cluster.audit.jsonl.gz"
MODULE = [sys.executable, "-m", "tidewaiter"]
PLAIN = {"PATH": os.environ["PATH"], "TERM": "xterm"}


def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    command = [*MODULE, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, env=PLAIN, **options)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["scan", LOG], 0),
        (["scan", LOG, "--fail-on", "high"], 10),
        (["scan", DATA / "scenarios"], 3),
        (["scan"], 2),
        (["scan", "/no/such.log"], 1),
    ],
)
def test_every_exit_status_of_the_real_program(arguments: list[Any], status: int) -> None:
    done = run(*arguments)
    assert done.returncode == status
    assert bool(done.stdout) is (status in {0, 3, 10})
    assert bool(done.stderr) is (status in {1, 2})
    assert b"Traceback" not in done.stderr


def test_standard_input_of_the_real_program() -> None:
    piped = run("scan", "-", "--format", "jsonl", input=LOG.read_bytes())
    assert (piped.returncode, piped.stdout.count(b"\n")) == (0, 5)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["scan", LOG, "--format", "json", "--persona", "hunter"], 0),
        (["scan", LOG, "--persona", "hunter", "--fail-on", "high"], 10),  # what was found was found
        (["rules", "list"], 0),
        (["demo"], 0),
    ],
    ids=["json", "text", "rules", "demo"],
)
def test_a_reader_that_goes_away_ends_it_quietly(arguments: list[Any], status: int) -> None:
    """As in `tidewaiter scan … | head -1`: the pipe is closed before anything is written."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*MODULE, *map(str, arguments)], stdout=writing, stderr=-1, env=PLAIN, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (status, b"")


def on_a_terminal(*arguments: object, **environment: str) -> bytes:
    """Give what a command writes on a terminal, progress included."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*MODULE, *map(str, arguments)], stdin=-3, stdout=theirs, stderr=theirs, env=PLAIN | environment
    ) as program:
        os.close(theirs)
        shown = b""
        while piece := _piece(ours):
            shown += piece
        assert program.wait(30) == 0
    os.close(ours)
    return shown


def _piece(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux: the other side is closed
        return b""


def test_a_terminal_gets_colour_and_progress() -> None:
    shown = on_a_terminal("scan", LOG)
    assert b"\x1b[31;1mHIGH\x1b[0m" in shown
    assert b"\r\x1b[K0:00  " in shown


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colour_can_be_switched_off(environment: dict[str, str]) -> None:
    shown = on_a_terminal("scan", LOG, "--no-progress", **environment)
    assert b"HIGH  confidence" in shown
    assert b"\x1b" not in shown


def test_version(tidewaiter: Any) -> None:
    assert tidewaiter("--version") == (0, f"tidewaiter, version {__version__}\n", "")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_has_examples_and_the_exit_status(option: str, tidewaiter: Any) -> None:
    done = tidewaiter(option)
    assert (done.status, done.err) == (0, "")
    assert "Examples:" in done.out
    assert "Exit status:" in done.out


@pytest.mark.parametrize("command", sorted(app.commands))
def test_every_command_has_help(command: str, tidewaiter: Any) -> None:
    done = tidewaiter(command, "--help")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"Usage: tidewaiter {command} ")


def test_without_a_command_there_is_help(tidewaiter: Any) -> None:
    done = tidewaiter()
    assert (done.status, done.out, done.err.splitlines()[0]) == (
        2,
        "",
        "Usage: tidewaiter [OPTIONS] COMMAND [ARGS]...",
    )


def test_a_mistake_of_ours_ends_as_an_error_and_debug_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tidewaiter: Any
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("tidewaiter.keeping._finding", broken)
    (tmp_path / "f.jsonl").write_text("x\n")
    plain = tidewaiter("show", "F-1", "--from", tmp_path / "f.jsonl")
    assert (plain.status, plain.err.splitlines()[0]) == (1, "error: unexpected ZeroDivisionError: oh")
    assert "Traceback" not in plain.err
    debug = tidewaiter("--debug", "show", "F-1", "--from", tmp_path / "f.jsonl")
    assert (debug.status, debug.err.splitlines()[0]) == (1, "Traceback (most recent call last):")


def test_an_interruption_says_so(monkeypatch: pytest.MonkeyPatch, tidewaiter: Any) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tidewaiter.cli.output.wording", interrupted)
    done = tidewaiter("demo")
    # The empty line ends the one on which a terminal shows ^C.
    assert (done.status, done.err.splitlines()[:2]) == (1, ["", "error: interrupted"])
