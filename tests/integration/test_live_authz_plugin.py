"""The authorization plugin under a real Docker daemon, asked over its Unix socket and over TLS.

The daemon runs on sockets and folders of its own. Everything else it does is in test_live_gate.py.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from integration import live, live_gate
from integration.live_gate import IMAGE, docker
from integration.test_live_docker import skipped_without_servers

pytestmark = pytest.mark.real

_NAME = f"tidewaiter-live-{os.getpid()}"
_PLUGINS = Path("/run/docker/plugins")
_GIVES_UP = 15.0  # seconds: dockerd tries after 1, 2, 4 and 8


class Engine(NamedTuple):
    """A daemon that is told to ask our plugin."""

    folder: Path
    docker: Path  # its socket
    tls: str  # host:port
    settings: Path  # daemon.json
    process: subprocess.Popen[bytes]

    def ask(self, *names: str) -> None:
        """Tell the daemon which plugins to ask, without a restart."""
        self.settings.write_text(json.dumps({"authorization-plugins": names} if names else {}))
        log = self.folder / "dockerd.log"
        before = log.read_bytes().count(b"Reloaded configuration")
        self.process.send_signal(signal.SIGHUP)
        live.wait_until(lambda: log.read_bytes().count(b"Reloaded configuration") > before, "the daemon's reload")

    def as_person(self, name: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run the docker command over TLS with the certificate of a person."""
        files = [f"--tlscacert={self.folder}/ca.pem", f"--tlscert={self.folder}/{name}.pem"]
        files += [f"--tlskey={self.folder}/{name}.key", "--tlsverify", f"--host=tcp://{self.tls}"]
        environment = {"PATH": live.PATH, "HOME": "/nonexistent", "LC_ALL": "C"}
        return subprocess.run(
            ["docker", *files, *arguments],
            capture_output=True,
            timeout=live_gate.PATIENCE,
            env=environment,
            check=False,
        )


class Plugin(NamedTuple):
    """A running plugin."""

    log: Path
    errors: Path
    process: subprocess.Popen[bytes]

    def worker(self) -> int:
        """Give the pid of the process that answers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return int(children)

    def records(self, wanted: int, *, of: str = "") -> list[dict[str, Any]]:
        """Wait for so many records whose target holds a text, and give them."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            lines = self.log.read_text().splitlines() if self.log.exists() else []
            found[:] = [one for one in map(json.loads, lines) if of in one["target"]]
            return len(found) >= wanted

        live.wait_until(there, f"{wanted} records of {of!r} in {self.log}: {found}", seconds=8)
        return found


@contextmanager
def _plugin(folder: Path, name: str, *options: str) -> Iterator[Plugin]:
    log, errors = folder / f"{name}.jsonl", folder / f"{name}.err"
    command = [sys.executable, "-m", "tidewaiter", "gate", "plugin", "--socket", str(_PLUGINS / f"{_NAME}.sock")]
    with errors.open("wb") as file:
        process = subprocess.Popen([*command, "--log", str(log), *options], stdout=file, stderr=file)
    running = Plugin(log, errors, process)
    try:
        live.wait_until(lambda: process.poll() is not None or b"listens at" in errors.read_bytes(), "the plugin")
        assert process.poll() is None, errors.read_text()
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(live._STOPPED)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with skipped_without_servers(), ExitStack() as undo:
        live.need("dockerd", "docker", "busybox", "setpriv", "openssl")
        undo.enter_context(live._removed("/etc/docker/key.json", "/etc/docker", str(_PLUGINS), "/run/docker"))
        folder = undo.enter_context(live._short_folder())
        _certificates(folder, ["alice", "bob"])
        path, settings, errors = folder / "d.sock", folder / "daemon.json", folder / "dockerd.log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        settings.write_text(json.dumps({"authorization-plugins": [_NAME]}))
        options = f"-D --config-file {settings} -H unix://{path} -H tcp://{address} --tlsverify"
        options += f" --tlscacert {folder}/ca.pem --tlscert {folder}/server.pem --tlskey {folder}/server.key"
        options += f" --data-root {folder}/data --exec-root {folder}/exec -p {folder}/pid --storage-driver=vfs"
        options += " --iptables=false --ip6tables=false --ip-forward=false --bridge=none"
        with _plugin(folder, "first"):  # the daemon does not start without it
            process = undo.enter_context(live._server(["dockerd", *options.split()], errors))
            live._up(process, errors, lambda: live.answers(path) and docker(path, "version").returncode == 0)
            live_gate._fill(folder, path)
            begun = docker(path, "run", "-d", "--network", "none", "--name", "web", IMAGE, "sleep", "600")
            if begun.returncode:
                raise live.Unavailable(f"no container can run here: {begun.stderr.decode(errors='replace').strip()}")
        running = Engine(folder, path, address, settings, process)
        try:
            yield running
        finally:
            running.ask()
            docker(path, "rm", "-f", "web")


def _certificates(folder: Path, people: Sequence[str]) -> None:
    """Make an authority, a certificate of the daemon, and one of each person."""
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj"]
    live.run([*make, "/CN=authority", "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem"])
    for name in ("server", *people):
        use = "subjectAltName=IP:127.0.0.1" if name == "server" else "extendedKeyUsage=clientAuth"
        signed = ["-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key", "-addext", use]
        live.run(
            [*make, f"/O=lab/CN={name}", *signed, "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem"]
        )


def _shape(record: dict[str, Any]) -> tuple[str, str, int | None, bool]:
    """Give what a request was, without ids and version."""
    target = re.sub(r"/[0-9a-f]{64}\b", "/ID", re.sub(r"^/v[\d.]+", "", record["target"]))
    return record["method"], target, record["status"], record["upgraded"]


def test_every_request_of_the_docker_command_is_recorded(engine: Engine, tmp_path: Path) -> None:
    with _plugin(tmp_path, "observe") as plugin:
        assert docker(engine.docker, "ps", "-q").returncode == 0
        assert docker(engine.docker, "inspect", "--type=container", "web").returncode == 0
        assert docker(engine.docker, "exec", "web", "echo", "hello").stdout == b"hello\n"
        records = plugin.records(9)
    assert [_shape(one) for one in records if one["target"] != "/_ping"] == [
        ("GET", "/containers/json", 200, False),
        ("GET", "/containers/web/json", 200, False),
        ("GET", "/containers/web/json", 200, False),
        ("POST", "/containers/web/exec", 201, False),
        ("POST", "/exec/ID/start", None, True),
        ("GET", "/exec/ID/json", 200, False),
    ]
    assert {(one["listener"], one["mode"], one["decision"]) for one in records} == {("plugin", "observe", "allowed")}
    assert {str(value) for one in records for value in one["caller"].values()} == {"None"}


def test_a_caller_over_tls_has_a_name(engine: Engine, tmp_path: Path) -> None:
    shown = live.run(["openssl", "x509", "-in", f"{engine.folder}/alice.pem", "-noout", "-fingerprint", "-sha256"])
    with _plugin(tmp_path, "observe") as plugin:
        assert engine.as_person("alice", "ps").returncode == 0
        (record,) = plugin.records(1, of="/containers/json")
    assert record["caller"]["certificate"] == {
        "subject": None,
        "names": ["alice"],
        "fingerprint": shown.partition("=")[2].strip().replace(":", "").lower(),
    }


def test_a_learnt_policy_lets_pass_what_was_seen_and_nothing_else(engine: Engine, tmp_path: Path) -> None:
    with _plugin(tmp_path, "observe") as plugin:
        assert engine.as_person("alice", "ps").returncode == 0
        plugin.records(1, of="/containers/json")
    learn = [sys.executable, "-m", "tidewaiter", "gate", "learn", str(plugin.log)]
    policy = tmp_path / "gate.toml"
    policy.write_bytes(subprocess.run(learn, capture_output=True, check=True).stdout)
    with _plugin(tmp_path, "enforce", "--mode", "enforce", "--policy", str(policy)) as plugin:
        assert engine.as_person("alice", "ps", "-q").returncode == 0
        refused = engine.as_person("alice", "exec", "web", "true")
        stranger = engine.as_person("bob", "ps")
        nobody = docker(engine.docker, "ps")
        records = plugin.records(4, of="/containers/")
    why = b"is not among the routes of alice"
    assert (refused.returncode, why in refused.stderr) == (1, True), refused.stderr
    assert (stranger.returncode, b"no entry of the policy is for the certificate bob" in stranger.stderr) == (1, True)
    assert (nobody.returncode, b"a caller of whom nothing is known" in nobody.stderr) == (1, True)
    assert [(one["decision"], one["rule"], one["status"]) for one in records] == [
        ("allowed", "alice: GET /containers/json", 200),
        ("denied", None, 403),
        ("denied", None, 403),
        ("denied", None, 403),
    ]


_ANYONE = '[[allow]]\nwho = {{ anyone = true }}\nroutes = ["HEAD,GET /_ping", {routes}]\n'


def test_a_policy_is_read_again_and_a_log_is_begun_again(engine: Engine, tmp_path: Path) -> None:
    policy = tmp_path / "gate.toml"
    policy.write_text(_ANYONE.format(routes='"GET /info"'))
    with _plugin(tmp_path, "enforce", "--mode", "enforce", "--policy", str(policy)) as plugin:
        assert docker(engine.docker, "ps").returncode == 1
        plugin.records(1, of="/containers/json")
        plugin.log.rename(tmp_path / "old.jsonl")
        policy.write_text(_ANYONE.format(routes='"GET /containers/json"'))
        os.kill(plugin.process.pid, signal.SIGHUP)
        live.wait_until(lambda: docker(engine.docker, "ps").returncode == 0, "the new policy")
        assert plugin.records(1, of="/containers/json")[-1]["decision"] == "allowed"
        policy.write_text("broken")
        os.kill(plugin.process.pid, signal.SIGHUP)
        live.wait_until(lambda: b"stays in force" in plugin.errors.read_bytes(), "the complaint")
        assert docker(engine.docker, "ps").returncode == 0


def test_a_start_that_brings_its_own_privileges_is_refused(engine: Engine, tmp_path: Path) -> None:
    """API 1.23 takes a host configuration with the start: the reason for a rule of the policy."""
    body = '{"Binds":["/etc:/hostetc"]}'
    start = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", str(engine.docker), "-d", body]
    start += ["-H", "Content-Type: application/json", "http://d/v1.23/containers/late/start"]
    policy = tmp_path / "gate.toml"
    policy.write_text(_ANYONE.format(routes='"POST /containers/*/start", "GET /containers/*/json"'))
    with _plugin(tmp_path, "observe"):
        assert docker(engine.docker, "create", "--name", "late", "--network", "none", IMAGE, "true").returncode == 0
    with _plugin(tmp_path, "enforce", "--mode", "enforce", "--policy", str(policy)):
        assert live.run(start) == "403"
    with _plugin(tmp_path, "again"):
        taken = live.run(start)
        binds = docker(engine.docker, "inspect", "-f", "{{.HostConfig.Binds}}", "late").stdout
        docker(engine.docker, "rm", "-f", "late")
    assert (taken, binds) in {("204", b"[/etc:/hostetc]\n"), ("400", b"[]\n")}  # engines from 25 on know no 1.23


def test_a_stream_is_recorded_while_it_goes_on(engine: Engine, tmp_path: Path) -> None:
    with _plugin(tmp_path, "observe") as plugin:
        command = ["docker", "-H", f"unix://{engine.docker}", "events"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as stream:
            begun = plugin.records(1, of="/events")
            stream.terminate()
        both = plugin.records(2, of="/events")
    assert [one["phase"] for one in begun] == ["begun"]
    assert [(one["phase"], one["id"]) for one in both] == [("begun", begun[0]["id"]), ("done", begun[0]["id"])]


def test_a_killed_worker_is_replaced_and_docker_hardly_notices(engine: Engine, tmp_path: Path) -> None:
    with _plugin(tmp_path, "observe") as plugin:
        first = plugin.worker()
        os.kill(first, signal.SIGKILL)
        began = time.monotonic()
        assert docker(engine.docker, "ps").returncode == 0
        took = time.monotonic() - began
        plugin.records(1, of="/containers/json")
        assert plugin.worker() != first
    assert took < _GIVES_UP / 2


def test_without_its_plugin_the_daemon_refuses_everything(engine: Engine, tmp_path: Path) -> None:
    """Fail-closed, also in observe mode; containers go on, and the daemon recovers by itself."""
    ping = ["curl", "-s", "-w", "%{http_code}", "--unix-socket", str(engine.docker), "http://d/_ping"]
    with _plugin(tmp_path, "killed") as plugin:
        worker = plugin.worker()
        plugin.process.kill()
        plugin.process.wait()
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    began = time.monotonic()
    answer = subprocess.run(ping, capture_output=True, timeout=60, check=True).stdout
    assert (answer[-3:], f"plugin {_NAME} failed with error".encode() in answer) == (b"500", True), answer
    assert _GIVES_UP - 1 < time.monotonic() - began < _GIVES_UP + 10
    with _plugin(tmp_path, "back"):
        assert docker(engine.docker, "inspect", "-f", "{{.State.Running}}", "web").stdout == b"true\n"


def test_a_daemon_that_was_told_otherwise_asks_nobody_and_says_it_does(engine: Engine, tmp_path: Path) -> None:
    """What `docker info` says of plugins is what was once true."""
    with _plugin(tmp_path, "observe") as plugin:
        engine.ask()
        try:
            shown = docker(engine.docker, "info", "-f", "{{.Plugins.Authorization}}").stdout.decode().strip()
        finally:
            engine.ask(_NAME)
        assert docker(engine.docker, "ps", "-q").returncode == 0
        records = plugin.records(2)
    assert shown in {f"[{_NAME}]", "[]"}  # stale in 20.10
    assert [_shape(one)[1] for one in records] == ["/_ping", "/containers/json"]


def test_a_plugin_under_two_names_is_found_out(engine: Engine, tmp_path: Path) -> None:
    other = _PLUGINS / f"{_NAME}-b.sock"
    other.symlink_to(_PLUGINS / f"{_NAME}.sock")
    try:
        with _plugin(tmp_path, "observe") as plugin:
            engine.ask(_NAME, f"{_NAME}-b")
            for number in range(8):
                live.run(["curl", "-s", "--unix-socket", str(engine.docker), f"http://d/images/json?n={number}"])
            engine.ask(_NAME)
            records = plugin.records(11)
    finally:
        other.unlink()
    assert [one["target"][-1] for one in records] == [*"00112234567"]
    assert b"5 requests were delivered twice" in plugin.errors.read_bytes()
