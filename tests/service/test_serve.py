"""The whole service as a process: what it takes in comes out as findings, through stops, reloads and mistakes."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from running import AUDIT, Place, wait


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def events() -> list[bytes]:
    return AUDIT.read_bytes().splitlines()


def test_what_comes_in_is_judged_and_goes_out_once(place: Place) -> None:
    with place.running():
        assert place.send(events()) == 200
        wait(lambda: len(place.told()) == 2)
        assert place.send(events()) == 200  # again, as senders do
        time.sleep(1.5)
    assert {name for name, _ in place.told()} == {"default/default", "node-2"}
    with place.running():  # after a restart nothing is told anew
        time.sleep(2)
    assert len(place.told()) == 2
    shown = subprocess.run(
        [sys.executable, "-m", "tidewaiter", "show", "F-3", "--state", str(place.folder / "state")],
        capture_output=True,
        check=True,
    )
    assert b"default/default" in shown.stdout


def test_what_was_acknowledged_before_a_kill_is_told_after_it(place: Place) -> None:
    with place.running() as process:
        assert place.send(events()) == 200
        process.kill()
        process.wait()
    with place.running():
        wait(lambda: len(place.told()) == 2)
    assert len(place.told()) == 2


def test_sighup_brings_new_tails_and_a_mistake_changes_nothing(place: Place) -> None:
    log = place.folder / "audit.log"
    log.write_bytes(AUDIT.read_bytes())
    with place.running() as process:
        place.config.write_text("[http]\nport = 0\n", encoding="utf-8")
        process.send_signal(signal.SIGHUP)
        wait(lambda: b"the configuration stays as it was" in place.log.read_bytes())
        place.configure(f'[[tail]]\nkind = "file"\npaths = ["{log}"]\n')
        process.send_signal(signal.SIGHUP)
        wait(lambda: len(place.told()) == 2)
    assert b"Expected `int` >= 1" in place.log.read_bytes()


def test_two_do_not_share_a_state(place: Place) -> None:
    with place.running():
        other = subprocess.run(
            [sys.executable, "-m", "tidewaiter", "serve", "--config", str(place.config)],
            capture_output=True,
            check=False,
        )
    assert other.returncode == 1
    assert b"another tidewaiter serves from this state folder" in other.stderr


def test_an_address_that_is_taken_ends_with_a_hint(place: Place) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", place.port))
        taken.listen()
        done = subprocess.run(
            [sys.executable, "-m", "tidewaiter", "serve", "--config", str(place.config)],
            capture_output=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 2
    assert b"cannot listen" in done.stderr
    assert b"hint:" in done.stderr


def test_metrics_are_told_once_each(place: Place) -> None:
    with place.running():
        place.send(events())
        wait(lambda: len(place.told()) == 2)
        with urllib.request.urlopen(place.url("/metrics")) as answer:
            text = answer.read().decode()
    samples = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(samples) == len(set(samples))
    assert 'tidewaiter_outbox_pending{sink="out"} 0.0' in text
    assert "tidewaiter_records_total 25.0" in text
