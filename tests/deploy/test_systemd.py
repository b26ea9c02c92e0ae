"""The units are valid, hardened, fit together, and name files and options that there are."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest
from click import Context

from tidewaiter.cli import app

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted([*DEPLOY.glob("systemd/*.service"), *DEPLOY.glob("systemd/*.socket")])
PROGRAM = "/opt/tidewaiter/bin/tidewaiter"
# Worst exposure that systemd-analyze may find, in tenths (systemd 252 found 13, 21 and 6).
EXPOSURE = {"tidewaiter.service": 15, "tidewaiter-gate.service": 25, "tidewaiter-gate-plugin.service": 10}


class _Many(dict[str, str]):
    """Keeps all values of a key that stands there several times."""

    def __setitem__(self, key: str, value: object) -> None:
        if isinstance(value, list) and key in self and isinstance(self[key], list):
            value = [*self[key], *value]
        super().__setitem__(key, value)  # type: ignore[assignment]


def unit(path: Path) -> RawConfigParser:
    parsed = RawConfigParser(strict=False, dict_type=_Many, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(path.read_text())
    return parsed


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_takes_the_unit(path: Path, tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze here")
    for one in UNITS:  # a program that exists here, and all units beside each other
        (tmp_path / one.name).write_text(one.read_text().replace(PROGRAM, "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / path.name], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if str(tmp_path) in line or line.startswith(path.name)]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize(("name", "most"), EXPOSURE.items())
def test_the_unit_is_hardened(name: str, most: int) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze here")
    command = ["systemd-analyze", "security", "--offline=yes", f"--threshold={most}", "--no-pager"]
    done = subprocess.run([*command, DEPLOY / "systemd" / name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", [one for one in UNITS if one.suffix == ".service"], ids=lambda path: path.name)
def test_what_is_started_has_these_options(path: Path) -> None:
    for command in re.findall(r"^ExecStart(?:Pre)?=(.+)$", path.read_text(), re.MULTILINE):
        program, *words = shlex.split(command)
        assert program == PROGRAM
        found, inner = app.commands[words[0]], words[1:]
        if inner and inner[0] in getattr(found, "commands", {}):
            found, inner = found.commands[inner[0]], inner[1:]  # type: ignore[attr-defined]
        known = {name for option in found.get_params(Context(found)) for name in option.opts}
        assert {word for word in inner if word.startswith("-")} <= known


def test_dockerd_and_the_gate_change_places() -> None:
    moved = unit(DEPLOY / "systemd/docker.socket.d/tidewaiter.conf")["Socket"]
    gate = (DEPLOY / "systemd/tidewaiter-gate.service").read_text()
    taken = unit(DEPLOY / "systemd/tidewaiter-gate.socket")["Socket"]
    assert moved["ListenStream"].split() == ["/run/tidewaiter/dockerd.sock"]
    assert (moved["SocketMode"], moved["SocketGroup"]) == ("0600", "root")
    assert "--docker unix:///run/tidewaiter/dockerd.sock" in gate
    assert (taken["ListenStream"], taken["SocketMode"], taken["SocketGroup"]) == ("/run/docker.sock", "0660", "docker")
    text = (DEPLOY / "systemd/docker.socket.d/tidewaiter.conf").read_text()
    assert text.index("ListenStream=\n") < text.index("ListenStream=/run"), "the first one empties the list"


@pytest.mark.skipif(not Path("/lib/systemd/system/docker.socket").exists(), reason="no docker.socket of a package here")
def test_the_drop_in_changes_what_the_package_has() -> None:
    """Debian's docker.socket listens where the gate is to listen, and its docker.service takes what it is handed."""
    package = Path("/lib/systemd/system")
    listens = unit(package / "docker.socket")["Socket"]["ListenStream"]
    assert listens in {"/run/docker.sock", "/var/run/docker.sock"}
    assert "-H fd://" in (package / "docker.service").read_text()


def test_the_plugin_is_there_before_docker() -> None:
    socket = unit(DEPLOY / "systemd/tidewaiter-gate-plugin.socket")
    assert socket["Socket"]["ListenStream"] == "/run/docker/plugins/tidewaiter.sock"
    assert socket["Socket"]["SocketMode"] == "0600"
    assert "docker.service" in socket["Unit"]["Before"]


def test_logs_are_rotated_as_logrotate_understands(tmp_path: Path) -> None:
    if not shutil.which("logrotate", path="/usr/sbin:/usr/bin:/sbin"):
        pytest.skip("no logrotate here")
    log = tmp_path / "gate.jsonl"
    log.write_text("{}\n")
    log.chmod(0o640)
    text = (DEPLOY / "logrotate/tidewaiter").read_text().replace("/var/log/tidewaiter", str(tmp_path))
    (tmp_path / "conf").write_text(text.replace("systemctl kill", f"echo >{tmp_path}/signal"))
    (tmp_path / "conf").chmod(0o644)
    command = ["/usr/sbin/logrotate", "--force", "--state", str(tmp_path / "state"), str(tmp_path / "conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.glob("gate*")) == ["gate.jsonl.1"]
    assert (tmp_path / "signal").exists()


@pytest.mark.parametrize(
    ("program", "file"), [("systemd-sysusers", "sysusers.conf"), ("systemd-tmpfiles", "tmpfiles.conf")]
)
def test_accounts_and_folders_are_made(program: str, file: str, tmp_path: Path) -> None:
    if not shutil.which(program):
        pytest.skip(f"no {program} here")
    (tmp_path / "etc").mkdir()
    for name in ("passwd", "group"):
        (tmp_path / "etc" / name).write_text("root:x:0:0:root:/root:/bin/sh\n" if name == "passwd" else "root:x:0:\n")
    users = DEPLOY / "systemd/sysusers.conf"
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}", users], check=True, capture_output=True)
    assert "tidewaiter:" in (tmp_path / "etc/passwd").read_text()
    if program == "systemd-tmpfiles":
        command = [program, f"--root={tmp_path}", "--create", str(DEPLOY / "systemd" / file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert (tmp_path / "run/tidewaiter").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "etc/tidewaiter").stat().st_mode & 0o777 == 0o750
