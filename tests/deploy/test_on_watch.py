"""The demonstration of README, for real: gate and service, two people, a container, and their names in the findings."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from integration import live, live_gate
from integration.live_gate import IMAGE, docker
from running import free_port

pytestmark = pytest.mark.real


@contextmanager
def skipped_without_servers() -> Iterator[None]:
    try:
        yield
    except live.Unavailable as problem:
        if os.environ.get("TIDEWAITER_REQUIRE_REAL"):
            raise
        pytest.skip(str(problem))


DAYS = 14


def records(port: int) -> float:
    """Ask the service how much it has read."""
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        found = re.search(rb"^tidewaiter_records_total (\S+)", answer.read(), re.MULTILINE)
        return float(found[1]) if found else 0.0
    return 0.0


def past(record: dict[str, object], days: int) -> Iterator[str]:
    """Give the same request of somebody else on each of the days before."""
    for day in range(days, 0, -1):
        at = (datetime.now(UTC) - timedelta(days=day)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        caller = dict(record["caller"], user="backup", uid=34, login_user=None, login_uid=None)  # type: ignore[call-overload]
        yield json.dumps({**record, "time": at, "id": f"past-{day}", "caller": caller})


@contextmanager
def serving(folder: Path, log: Path) -> Iterator[Path]:
    """Run the service over the records of the gate; gives where its findings go."""
    out, port = folder / "findings.jsonl", free_port()
    (folder / "tidewaiter.toml").write_text(
        f'state = "{folder}/state"\npersona = "hunter"\n[http]\nport = {port}\n'
        f'[[tail]]\nkind = "file"\npaths = ["{folder}/past.jsonl", "{log}"]\n'
        f'[[sink]]\ntype = "file"\nname = "out"\npath = "{out}"\n[[route]]\nsinks = ["out"]\nlevel = "info"\n'
    )
    command = [sys.executable, "-m", "tidewaiter", "serve", "--config", str(folder / "tidewaiter.toml")]
    errors = folder / "serve.err"
    with errors.open("wb") as file:
        process = subprocess.Popen(command, stderr=file)
    try:
        live.wait_until(lambda: b"ready" in errors.read_bytes(), "the service")
        live.wait_until(lambda: records(port) >= DAYS, "the past")
        time.sleep(1)  # what was read is judged
        yield out
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_two_people_and_a_container_are_named(tmp_path: Path) -> None:
    with skipped_without_servers(), live_gate.lab() as lab, live_gate.gate(lab, "gate") as gate:
        lab.folder.chmod(0o711)
        assert docker(gate.socket, "ps").returncode == 0
        (tmp_path / "past.jsonl").write_text("\n".join(past(gate.records()[-1], DAYS)) + "\n")
        os.truncate(gate.log, 0)
        command = ["docker", "-H", f"unix://{gate.socket}", "ps"]
        client = shutil.which("docker", path=live.PATH)
        mounts = ["-v", f"{gate.socket}:/var/run/docker.sock", "-v", f"{client}:/bin/docker:ro"]
        with (
            live.account("ada", "docker") as ada,
            live.account("grace") as grace,
            serving(tmp_path, gate.log) as out,
        ):
            assert live.run_as(ada, ada, command, home=tmp_path).returncode == 0
            assert live.run_as(grace, "root", [*command, "-a"], home=tmp_path).returncode == 0
            assert (
                docker(lab.docker, "run", "--rm", "--network", "none", *mounts, IMAGE, "docker", "ps").returncode == 0
            )

            def told() -> dict[str, dict[str, object]]:
                lines = out.read_text().splitlines() if out.exists() else []
                found = map(json.loads, lines)
                return {one["actor"]["name"]: one for one in found if one["actor"]["name"] != "backup"}  # of the past

            live.wait_until(lambda: len(told()) == 3, "three findings")
            found = told()
        (container,) = found.keys() - {ada, grace}
        (seen,) = [
            one["caller"]["container"]
            for one in gate.records()
            if one["caller"]["container"] and "json" in one["target"]
        ]
    assert container == seen[:12]
    assert [found[one]["level"] for one in (ada, grace, container)] == ["info", "info", "medium"]
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    for one in (ada, grace, container):
        assert str(found[one]["headline"]).partition(one)[2] in readme
