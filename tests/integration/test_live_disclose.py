"""A real Docker daemon whose containers wrote secrets: what its API and its files say of them is the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from disclosure.fakes import AWS_KEY, PASSWORD
from integration import live
from integration.test_live_docker import skipped_without_servers

pytestmark = pytest.mark.real

IMAGE = "tidewaiter/live:1"
# The key lies across the place where Docker cuts: after 16 KiB.
LONG = f"printf '%16374s %s read\\n' x {AWS_KEY}"
WRITERS = {
    "writer": ([], f"{LONG}; echo DB_PASSWORD={PASSWORD} >&2; echo nginx/1.25.3"),
    "terminal": (["--tty"], f"{LONG}; echo node v18.17.1"),
    "keeper": (["--log-driver", "local"], "echo peer 10.1.2.3:9999"),
    "labelled": (["--env", f"DB_PASS={PASSWORD}", "--log-opt", "env=DB_PASS"], "echo quiet"),
    "mute": (["--log-driver", "none"], "echo nobody will know"),
}


class Said(NamedTuple):
    """What `tidewaiter disclose` said, and with which status."""

    api: tuple[int, str]
    files: tuple[int, str]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Said]:
    folder = tmp_path_factory.mktemp("disclose")
    with skipped_without_servers(), live.engine(folder):
        home = Path(live.run(["docker", "info", "--format", "{{.DockerRootDir}}"]).strip())
        for name, (options, script) in WRITERS.items():
            command = ["docker", "run", "--network", "none", "--name", name, *options, IMAGE, "sh", "-c", script]
            try:
                live.run(command)
            except RuntimeError as problem:
                raise live.Unavailable(f"no container can be started: {problem}") from problem
        yield Said(disclose("--docker"), disclose(str(home / "containers")))


def disclose(*arguments: str) -> tuple[int, str]:
    """Run the command line as a user would."""
    command = [sys.executable, "-m", "tidewaiter", "disclose", *arguments, "--format", "json", "--no-second-opinion"]
    environment = {"PATH": live.PATH, "DOCKER_HOST": f"unix://{live.SOCKET}"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert done.returncode in {0, 3}, done.stderr
    return done.returncode, done.stdout


def told(out: str) -> set[tuple[str, str, str | None]]:
    found = json.loads(out)["disclosures"]
    return {
        (one["kind"], ",".join(one["streams"]), one["container"])
        for one in found
        if one["kind"] != "environment-variable"
    }


def test_the_api_gives_every_container_that_keeps_a_log(said: Said) -> None:
    status, out = said.api
    assert told(out) == {
        ("aws-access-key", "stdout", "writer"),
        ("secret-setting", "stderr", "writer"),
        ("product-version", "stdout", "writer"),
        ("aws-access-key", "stdout", "terminal"),
        ("product-version", "stdout", "terminal"),
        ("internal-endpoint", "stdout", "keeper"),
    }
    summary = json.loads(out)["summary"]
    # A log that is not kept is said, and is no success.
    assert [place["path"] for place in summary["places"]] == ["docker:mute"]
    assert status == 3


def test_the_files_say_the_same_and_what_the_log_driver_adds(said: Said) -> None:
    status, out = said.files
    assert {(kind, streams) for kind, streams, _ in told(out)} == {
        ("aws-access-key", "stdout"),
        ("secret-setting", "stderr"),
        ("product-version", "stdout"),
        ("secret-setting", "log-opt"),
    }
    # The driver "local" is binary: only the engine can read it. The engine's own files are no logs.
    assert status == 3
    aside = {(reason.partition(":")[0], path) for path, reason in set_aside(out)}
    assert {path for reason, path in aside if reason == "binary"} == {"container.log"}
    assert {path for reason, path in aside if reason == "not-a-log"} >= {"config.v2.json", "hostconfig.json"}


def set_aside(out: str) -> list[tuple[str, str]]:
    return [(Path(aside["path"]).name, aside["reason"]) for aside in json.loads(out)["summary"]["set_aside"]]


def test_a_record_of_a_file_has_its_time(said: Said) -> None:
    assert all(one["first"]["at"] for one in json.loads(said.files[1])["disclosures"])


def test_no_secret_is_told(said: Said) -> None:
    for _, out in said:
        assert AWS_KEY[4:] not in out
        assert PASSWORD[4:] not in out
