"""What the gate says of real callers, what it lets through, and what happens when a part of it is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration import live, live_gate
from integration.live_gate import IMAGE, PATIENCE, Lab, Running, docker, raw, read_all
from integration.test_live_docker import activities_of, skipped_without_servers

pytestmark = pytest.mark.real

_PING = b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n"
_IMAGES = b"GET /images/json HTTP/1.1\r\nHost: docker\r\n\r\n"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with skipped_without_servers(), live_gate.lab() as running:
        yield running


@pytest.fixture
def gate(lab: Lab) -> Iterator[Running]:
    log = lab.folder / "gate.jsonl"
    log.unlink(missing_ok=True)
    with live_gate.gate(lab, "gate") as running:
        yield running


def lists(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the callers of listings of containers."""
    return [one["caller"] for one in records if one["target"].partition("?")[0].endswith("/containers/json")]


def test_two_people_are_told_apart_also_behind_sudo(lab: Lab, gate: Running, tmp_path: Path) -> None:
    command = ["docker", "-H", f"unix://{gate.socket}", "ps"]
    lab.folder.chmod(0o711)
    with skipped_without_servers(), live.account("reader", "docker") as reader, live.account("admin") as admin:
        assert live.run_as(reader, reader, command, home=tmp_path).returncode == 0
        assert live.run_as(admin, "root", [*command, "-a"], home=tmp_path).returncode == 0
        assert live.run_as(admin, admin, command, home=tmp_path).returncode == 1  # not of the group docker
        first, second = lists(gate.records())
    assert first["exe"] == second["exe"] == str(Path(str(shutil.which("docker", path=live.PATH))).resolve())
    assert (first["user"], first["login_user"], first["command"]) == (reader, reader, command)
    assert (second["user"], second["uid"], second["login_user"]) == ("root", 0, admin)
    assert second["command"] == [*command, "-a"]
    assert first["login_uid"] == first["uid"] != second["login_uid"]
    assert (first["container"], first["ssh"], first["certificate"], first["address"]) == (None,) * 4
    found, tally = activities_of(gate.log)
    assert tally.unreadable == 0
    assert [(one.actor.kind, one.actor.name, one.verb, one.outcome) for one in found] == [
        ("host-user", reader, "list", "answered"),
        ("host-user", admin, "list", "answered"),
    ]


def test_a_container_is_named_with_its_image(lab: Lab, gate: Running) -> None:
    client = shutil.which("docker", path=live.PATH)
    mounts = ["-v", f"{gate.socket}:/var/run/docker.sock", "-v", f"{client}:/bin/docker:ro"]
    done = docker(
        lab.docker, "run", "--rm", "--network", "none", "--name", "inside", *mounts, IMAGE, "docker", "ps", "-q"
    )
    assert done.returncode == 0, done.stderr
    (caller,) = lists(gate.records())
    assert caller["container"] is not None
    assert len(caller["container"]) == 64
    assert (caller["uid"], caller["image"], caller["command"]) == (0, IMAGE, ["docker", "ps", "-q"])
    found, _ = activities_of(gate.log)
    assert [(one.actor.kind, one.container) for one in found] == [("container", caller["container"][:12])]


def certificates(folder: Path) -> Path:
    """Make a CA, a server's certificate and those of two clients, one of them of a stranger's CA."""
    for ca in ("ca", "stranger"):
        subject = ["-subj", f"/CN={ca}", "-days", "2", "-nodes", "-newkey", "rsa:2048"]
        live.run(["openssl", "req", "-x509", *subject, "-keyout", f"{folder}/{ca}.key", "-out", f"{folder}/{ca}.pem"])
    for name, ca, whose, names in (
        ("server", "ca", "/CN=gate", "IP:127.0.0.1"),
        ("alice", "ca", "/O=platform/OU=devs/CN=alice", "email:alice@example.org"),
        ("mallory", "stranger", "/CN=alice", "DNS:alice"),
    ):
        request = ["-subj", whose, "-nodes", "-newkey", "rsa:2048", "-keyout", f"{folder}/{name}.key"]
        live.run(["openssl", "req", "-new", *request, "-out", f"{folder}/{name}.csr"])
        (folder / "names").write_text(f"subjectAltName={names}\n")
        signer = ["-CA", f"{folder}/{ca}.pem", "-CAkey", f"{folder}/{ca}.key", "-CAcreateserial", "-days", "2"]
        extension = ["-extfile", f"{folder}/names", "-out", f"{folder}/{name}.pem"]
        live.run(["openssl", "x509", "-req", "-in", f"{folder}/{name}.csr", *signer, *extension])
    return folder


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def over_tls(port: int, files: Path, name: str, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = ["docker", "-H", f"tcp://127.0.0.1:{port}", "--tlsverify", "--tlscacert", f"{files}/ca.pem"]
    command += ["--tlscert", f"{files}/{name}.pem", "--tlskey", f"{files}/{name}.key", *words]
    environment = {"PATH": live.PATH, "HOME": "/nonexistent", "DOCKER_BUILDKIT": "0"}
    return subprocess.run(command, input=stdin, capture_output=True, timeout=PATIENCE, env=environment, check=False)


def test_client_certificates_name_the_caller(lab: Lab, tmp_path: Path) -> None:
    files, port = certificates(tmp_path), free_port()
    options = ["--tls", f"tcp://127.0.0.1:{port}", "--tls-cert", f"{files}/server.pem"]
    options += ["--tls-key", f"{files}/server.key", "--client-ca", f"{files}/ca.pem"]
    large = bytes(range(256)) * 8000
    with live_gate.gate(lab, "tls", *options) as running:
        direct = docker(lab.docker, "ps", "-q", "--no-trunc")
        through = over_tls(port, files, "alice", "ps", "-q", "--no-trunc")
        assert (through.returncode, through.stdout) == (direct.returncode, direct.stdout)
        # The end of standard input is close_notify alone, and the answer comes after it.
        echoed = over_tls(port, files, "alice", "exec", "-i", "web", "cat", stdin=large)
        assert (echoed.returncode, echoed.stdout) == (0, large)
        assert over_tls(port, files, "alice", "cp", "web:/etc/motd", "-").returncode == 0
        assert over_tls(port, files, "mallory", "ps").returncode == 1
        assert raw_tcp(port, _PING) != b"OK"
        records = running.records()
    (caller,) = lists([one for one in records if one["target"]])
    shown = live.run(["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", f"{files}/alice.pem"])
    assert caller["certificate"] == {
        "subject": "CN=alice,OU=devs,O=platform",
        "names": ["alice", "alice@example.org"],
        "fingerprint": shown.partition("=")[2].strip().replace(":", "").lower(),
    }
    assert caller["address"].startswith("127.0.0.1:")
    refused = [one for one in records if one["target"] is None]
    assert {one["decision"] for one in refused} == {"denied"}
    assert all(one["blind"].startswith("TLS: ") for one in refused)
    assert len(refused) >= 2  # the stranger, perhaps several times, and who spoke no TLS


def raw_tcp(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=3) as client:
        client.sendall(data)
        return read_all(client)


_POLICY = """
[[allow]]
name = "look"
who = { uid = 0 }
routes = ["HEAD /_ping", "GET /_ping", "GET /version", "GET /containers/json"]
"""


def test_enforce_refuses_what_no_entry_allows(lab: Lab) -> None:
    policy = lab.folder / "policy.toml"
    policy.write_text(_POLICY)
    with live_gate.gate(lab, "refuse", "--mode", "enforce", "--policy", str(policy)) as running:
        assert docker(running.socket, "ps").returncode == 0
        images = docker(running.socket, "images")
        assert images.returncode == 1
        assert images.stderr.startswith(b"Error response from daemon: tidewaiter gate: ")
        assert docker(running.socket, "exec", "web", "true").returncode == 1
        # Nothing of a refused request reaches dockerd, and neither does one hidden behind an allowed one.
        before = calls(lab)
        smuggled = b"GET /_ping HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + _IMAGES
        assert raw(running.socket, smuggled).startswith(b"HTTP/1.1 400 Bad Request\r\n")
        answers = raw(running.socket, _PING + _IMAGES + _PING)
        assert [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]] == [b"200", b"403", b"200"]
        assert calls(lab)[len(before) :] == ["GET /_ping", "GET /_ping"]
        decided = {(one["decision"], one["status"], one["rule"]) for one in running.records() if one["target"]}
        assert ("denied", 403, None) in decided
        assert {rule for how, _, rule in decided if how == "allowed"} >= {"look: GET /containers/json"}


def calls(lab: Lab) -> list[str]:
    """Give the requests that dockerd has seen, by its debug log."""
    text = (lab.folder / "dockerd.log").read_text(errors="replace")
    return [line.partition('msg="Calling ')[2].rstrip('"') for line in text.splitlines() if "Calling " in line]


def test_warn_passes_and_says_what_it_would_refuse(lab: Lab) -> None:
    policy = lab.folder / "policy.toml"
    policy.write_text(_POLICY)
    with live_gate.gate(lab, "warn", "--mode", "warn", "--policy", str(policy)) as running:
        assert docker(running.socket, "images").returncode == 0
        (record,) = [one for one in running.records() if one["target"].endswith("/images/json")]
    assert (record["decision"], record["status"], record["rule"], record["mode"]) == ("warned", 200, None, "warn")


@pytest.mark.parametrize("mode", ["observe", "enforce"])
def test_a_gate_that_is_killed_comes_back_at_once(lab: Lab, mode: str) -> None:
    policy = lab.folder / "policy.toml"
    policy.write_text(_POLICY)
    with live_gate.gate(lab, f"killed-{mode}", "--mode", mode, "--policy", str(policy)) as running:
        with socket.socket(socket.AF_UNIX) as kept:
            kept.settimeout(5)
            kept.connect(str(running.socket))
            kept.sendall(_PING)
            assert kept.recv(1000).startswith(b"HTTP/1.1 200")
            (worker,) = running.workers()
            os.kill(worker, signal.SIGKILL)
            # Connections through it are cut, in every mode …
            assert kept.recv(1000) == b""
        # … and new ones are served, without one refusal in between.
        assert docker(running.socket, "ps").returncode == 0
        assert running.workers() != [worker]
        assert b"ended by signal 9" in running.errors.read_bytes()
        if mode == "enforce":
            assert docker(running.socket, "images").returncode == 1


def test_the_worker_outlives_the_keeper(lab: Lab) -> None:
    with live_gate.gate(lab, "orphan") as running:
        (worker,) = running.workers()
        running.process.kill()
        running.process.wait()
        assert docker(running.socket, "ps").returncode == 0
        os.kill(worker, signal.SIGTERM)
        live.wait_until(lambda: not live.answers(running.socket), "the end of the worker")


def test_a_full_disk_stops_nobody_and_is_told(lab: Lab) -> None:
    log = lab.folder / "full.jsonl"
    log.symlink_to("/dev/full")
    with live_gate.gate(lab, "full", log=log) as running:
        for _ in range(3):
            assert docker(running.socket, "ps").returncode == 0
        live.wait_until(lambda: b"No space left" in running.errors.read_bytes(), "the complaint")
        log.unlink()
        running.process.send_signal(signal.SIGHUP)  # as logrotate does
        assert docker(running.socket, "images").returncode == 0
        live.wait_until(lambda: log.exists() and b"/images/json" in log.read_bytes(), "the records")
        records = running.records()
        assert (log.stat().st_mode & 0o777) == 0o640
    assert len(lists(records)) == 3  # they waited


def test_a_log_that_was_renamed_is_begun_anew_on_sighup(gate: Running) -> None:
    assert docker(gate.socket, "ps").returncode == 0
    before = gate.records()
    old = gate.log.with_suffix(".1")
    gate.log.rename(old)
    gate.process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    assert docker(gate.socket, "images").returncode == 0
    live.wait_until(lambda: gate.log.exists() and b"/images/json" in gate.log.read_bytes(), "the new log")
    assert [json.loads(line) for line in old.read_text().splitlines()] == before


def test_many_connections_at_once(gate: Running) -> None:
    wrong: list[bytes] = []

    def ask() -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(str(gate.socket))
            for _ in range(10):
                client.sendall(_PING)
                answer = client.recv(4096)
                if not answer.startswith(b"HTTP/1.1 200 OK\r\n"):
                    wrong.append(answer)

    threads = [threading.Thread(target=ask) for _ in range(150)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len([one for one in gate.records() if one["target"] == "/_ping"]) == 1500


def test_what_lasts_is_told_when_it_begins_and_costs_nothing(gate: Running) -> None:
    command = ["docker", "-H", f"unix://{gate.socket}", "events"]
    followers = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(5)]
    try:
        live.wait_until(lambda: gate.log.exists() and gate.log.read_bytes().count(b'"begun"') == 5, "five beginnings")
        (worker,) = gate.workers()
        before = cpu(worker)
        time.sleep(3)
        assert cpu(worker) - before <= 1  # ticks of 10 ms
    finally:
        for one in followers:
            one.send_signal(signal.SIGINT)
            one.wait(5)
    done = [one for one in gate.records() if one["target"].endswith("/events")]
    assert sorted(one["phase"] for one in done) == ["begun"] * 5 + ["done"] * 5
    assert len({one["id"] for one in done}) == 5


def cpu(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_a_daemon_that_is_not_there_is_said(lab: Lab) -> None:
    nowhere = lab._replace(docker=lab.folder / "nowhere.sock")
    with live_gate.gate(nowhere, "absent") as running:
        done = docker(running.socket, "ps")
    assert done.returncode == 1
    assert b"tidewaiter gate: the Docker daemon cannot be reached" in done.stderr


_ACTIVATE = """
import os, sys
os.dup2(int(sys.argv.pop(1)), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.executable, [sys.executable, "-m", "tidewaiter", "gate", *sys.argv[1:]])
"""


def test_sockets_of_systemd_are_served(lab: Lab) -> None:
    path, log = lab.folder / "activated.sock", lab.folder / "activated.jsonl"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        # The socket is descriptor 3 of the gate, as systemd hands it over.
        command = [sys.executable, "-c", _ACTIVATE, str(listener.fileno()), "--docker", f"unix://{lab.docker}"]
        process = subprocess.Popen([*command, "--log", str(log)], pass_fds=[listener.fileno()])
        try:
            assert docker(path, "ps").returncode == 0
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)
    running = Running(path, log, log, process)
    assert {one["listener"] for one in running.records()} == {f"unix:{path}"}
