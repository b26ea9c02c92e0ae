from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tidewaiter.model import Activity, Actor, Origin
from tidewaiter.sources.host_process import (
    Endpoint,
    HostReader,
    Process,
    actor,
    endpoint_of_path,
    endpoint_of_port,
    is_engine_port,
    parent_of,
    program,
    split_command,
)

AT = datetime(2026, 11, 23, 9, 21, 54, tzinfo=UTC)
ORIGIN = Origin(source="auditd", path="audit.log", line=3, offset=99)
SOCKET = Endpoint(name="/run/docker.sock", engine="docker", trait="local-socket")


def process(**over: Any) -> Process:
    complete = {
        "event": "1.1:7",
        "at": AT,
        "login": "anna",
        "account": "root",
        "pid": 5,
        "exe": "/usr/bin/x",
        "origin": ORIGIN,
    }
    return Process(**{**complete, **over})


def test_a_started_program_in_full() -> None:
    (found,) = HostReader().started(process(exe="/usr/bin/docker"), ["docker", "ps", "--filter", "name=a b"])
    assert found == Activity(
        id=found.id,
        at=AT,
        actor=Actor(kind="host-user", name="anna", realm="host"),
        plane="host",
        verb="list",
        kind="containers",
        resource_class="workload",
        scope="everything",
        outcome="unknown",
        tool="docker",
        text="docker ps --filter 'name=a b'",
        origin=ORIGIN,
    )


@pytest.mark.parametrize(
    ("code", "outcomes"), [(0, ["unknown"]), (-2, []), (-13, ["refused"]), (-1, ["refused"]), (-8, ["failed"])]
)
def test_outcome_of_a_start(code: int, outcomes: list[str]) -> None:
    assert [one.outcome for one in HostReader().started(process(exit=code), ["docker", "ps"])] == outcomes


@pytest.mark.parametrize(
    ("code", "outcome"), [(0, "answered"), (-13, "refused"), (-111, "failed"), (-2, "failed"), (-115, "unknown")]
)
def test_outcome_of_a_connect(code: int, outcome: str) -> None:
    (found,) = HostReader().connected(process(exit=code), SOCKET)
    assert (found.verb, found.kind, found.name, found.outcome, found.tool, found.traits, found.text) == (
        "connect",
        "socket",
        "/run/docker.sock",
        outcome,
        "x",
        ("local-socket",),
        "x connects to /run/docker.sock",
    )


@pytest.mark.parametrize(
    ("over", "who", "traits"),
    [
        ({}, Actor(kind="host-user", name="anna", realm="host"), ()),
        ({"host": "web7"}, Actor(kind="host-user", name="anna", realm="web7"), ()),
        ({"login": None}, Actor(kind="host-user", name="root", realm="host"), ("no-login",)),
        ({"login": None, "account": None}, Actor(kind="unknown", name="unknown", realm="host"), ()),
        ({"login": None, "login_recorded": False}, Actor(kind="host-user", name="root", realm="host"), ()),
        ({"login": None, "container": "web-1"}, Actor(kind="container", name="web-1", realm="host"), ("no-login",)),
        ({"container": "web-1"}, Actor(kind="host-user", name="anna", realm="host"), ()),
        ({"inside_container": True}, Actor(kind="host-user", name="anna", realm="host"), ("inside-container",)),
    ],
)
def test_who(over: dict[str, Any], who: Actor, traits: tuple[str, ...]) -> None:
    assert actor(process(**over)) == who
    (found,) = HostReader().started(process(**over), ["docker", "ps"])
    assert (found.actor, found.traits) == (who, traits)


def test_each_meaning_is_an_activity_of_its_own() -> None:
    reader, argv = HostReader(), ["sh", "-c", "docker ps; docker images"]
    found = reader.started(process(), argv)
    assert [(one.verb, one.kind) for one in found] == [("list", "containers"), ("list", "images")]
    assert len({one.id for one in found}) == 2
    assert [one.id for one in HostReader().started(process(), argv)] == [one.id for one in found]
    others = [process(event="1.1:8"), process(host="b")]
    assert all(one.id not in {got.id for got in found} for other in others for one in reader.started(other, argv))


def test_tries_of_one_process_within_a_second_are_one_act() -> None:
    reader = HostReader()
    seen = []
    tries: list[tuple[float, dict[str, Any]]] = [(0, {}), (0.2, {}), (0.9, {}), (1.2, {})]
    tries += [(0.3, {"pid": 6}), (0.3, {"exit": -13}), (0.3, {"host": "b"}), (0.3, {"container": "c"})]
    tries += [(0.3, {"pid": None}), (0.3, {"pid": None}), (0.3, {"pid": None, "exe": "/usr/bin/y"})]
    for number, (seconds, over) in enumerate(tries):
        at = AT + timedelta(seconds=seconds)
        seen.append(len(reader.connected(process(at=at, event=f"1.1:{number}", **over), SOCKET)))
    assert seen == [1, 0, 0, 1, 1, 1, 1, 1, 1, 0, 1]


def test_a_file_that_is_gone_is_still_the_tool() -> None:
    (found,) = HostReader().started(process(exe="/usr/bin/docker (deleted)"), ["quiet", "ps"])
    assert (found.tool, found.traits) == ("docker", ("renamed-binary",))


@pytest.mark.parametrize(
    ("exe", "comm", "name"),
    [
        ("/usr/bin/curl", "curl", "curl"),
        ("/", "runc", "runc"),  # a memory file
        ("/opt/agent (deleted)", "a", "agent"),
        (None, "curl", "curl"),
        (None, None, None),
    ],
)
def test_program(exe: str | None, comm: str | None, name: str | None) -> None:
    assert program(process(exe=exe, comm=comm)) == name


@pytest.mark.parametrize(
    ("path", "engine"),
    [
        ("/var/run/docker.sock", "docker"),
        ("/run/user/1000/docker.sock", "docker"),
        ("docker.sock", "docker"),  # relative to a folder
        ("/run/podman/podman.sock", "podman"),
        ("/run/k3s/containerd/containerd.sock", "containerd"),
        ("/run/mydocker.sock", None),
        ("/run/docker.sock.old", None),
        ("", None),
    ],
)
def test_sockets(path: str, engine: str | None) -> None:
    found = endpoint_of_path(path)
    assert (found.engine if found else None) == engine


@pytest.mark.parametrize(
    ("host", "port", "found"),
    [
        ("10.0.0.9", 2375, Endpoint(name="10.0.0.9:2375", engine="docker", trait="engine-port")),
        ("::1", 10250, Endpoint(name="[::1]:10250", engine="kubelet", trait="kubelet-port")),
        ("10.0.0.9", 2379, Endpoint(name="10.0.0.9:2379", engine="etcd", trait="etcd-port")),
        ("10.0.0.9", 443, None),
    ],
)
def test_ports(host: str, port: int, found: Endpoint | None) -> None:
    assert endpoint_of_port(host, port) == found
    assert is_engine_port(port) is (found is not None)


def test_text_is_short_and_printable() -> None:
    (long,) = HostReader().started(process(), ["docker", "ps", "--filter", f"name={'y' * 9000}"])
    assert (len(long.text), long.text[-1]) == (500, "…")
    (hostile,) = HostReader().started(process(), ["docker", "ps", "\x1b[2J"])
    assert hostile.text.isprintable()
    reader = HostReader()
    argv = ["docker", "ps"]
    (shown,) = reader.told(process(), argv, reader.understand(argv, None), shown="a\x1bb")
    assert shown.text == "a\ufffdb"


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ("docker ps -a", ["docker", "ps", "-a"]),
        ("sh -c 'docker ps'", ["sh", "-c", "docker ps"]),
        ("grep it's docker ps", ["grep", "it's", "docker", "ps"]),  # a quote that was an argument's own
        ("docker ps \\", ["docker", "ps", "\\"]),
        ("", []),
        ("  ", []),
        ("sh -c docker ps; id", ["sh", "-c", "docker ps; id"]),
        ("/bin/bash -l -ec docker ps", ["/bin/bash", "-l", "-ec", "docker ps"]),
        ("sudo -u x bash -c docker ps", ["sudo", "-u", "x", "bash", "-c", "docker ps"]),
        ("-bash -c docker ps", ["-bash", "-c", "docker ps"]),
        ("su - ci -c docker ps", ["su", "-", "ci", "-c", "docker ps"]),
        ("sh -c 'docker ps' name", ["sh", "-c", "docker ps", "name"]),
        ('sh -c "echo "a b""', ["sh", "-c", 'echo "a b"']),
        ('sh -c "echo \\"a b\\""', ["sh", "-c", 'echo "a b"']),
        ("sh -c echo 'it", ["sh", "-c", "echo 'it"]),
        ("python3.11 -c import docker; x", ["python3.11", "-c", "import docker; x"]),
        ("perl -we print 1", ["perl", "-we", "print 1"]),
        ("ssh-keygen -c x y", ["ssh-keygen", "-c", "x", "y"]),
        ("sh deploy.sh -c a b", ["sh", "deploy.sh", "-c", "a", "b"]),
        ("bash -o pipefail -c docker ps | tee x", ["bash", "-o", "pipefail", "-c", "docker ps | tee x"]),
    ],
)
def test_a_joined_command_line_is_split(text: str, argv: list[str]) -> None:
    assert split_command(text) == argv


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ("grep 'docker ps", ["grep", "'docker", "ps"]),
        ("docker ps --format '{{.ID}} {{.Names}}'", ["docker", "ps", "--format", "'{{.ID}} {{.Names}}'"]),
        ("docker inspect -f {{.A}} {{json .B}} web db", ["docker", "inspect", "-f", "{{.A}} {{json .B}}", "web", "db"]),
        ("docker inspect -f {{ .A }} web", ["docker", "inspect", "-f", "{{ .A }}", "web"]),
        ("docker inspect -f {{ .A", ["docker", "inspect", "-f", "{{ .A"]),
        ('sh -c "docker" ps', ["sh", "-c", '"docker" ps']),
        ("sh -c docker ps", ["sh", "-c", "docker ps"]),
    ],
)
def test_a_sensor_that_quotes_nothing(text: str, argv: list[str]) -> None:
    assert split_command(text, quoted=False) == argv


def test_a_hostile_command_line_takes_no_time() -> None:
    for text in ("sh -o " * 200_000, "sh -" + "c" * 1_000_000, "su a " * 300_000, "'" * 99_999):
        assert sum(map(len, split_command(text))) <= 65_536


@pytest.mark.parametrize(
    ("names", "parent"),
    [
        (["bash", "sshd"], "sshd"),
        (["/bin/sh", "/usr/sbin/apache2", "systemd"], "/usr/sbin/apache2"),
        (["-bash", None, "", "login"], "login"),
        (["bash", "sh"], "bash"),
        ([], None),
        ([None], None),
    ],
)
def test_the_parent_is_the_first_ancestor_that_is_no_shell(names: list[str | None], parent: str | None) -> None:
    assert parent_of(names) == parent


@pytest.mark.parametrize(
    ("parent", "traits"),
    [
        (None, ()),
        ("/usr/sbin/apache2", ("under-web-server",)),
        ("/usr/sbin/php-fpm8.2", ("under-web-server",)),
        ("/usr/sbin/nginx (deleted)", ("under-web-server",)),
        ("nginx: worker process", ("under-web-server",)),
        ("C:\\xampp\\apache\\bin\\HTTPD.EXE", ("under-web-server",)),
        ("/usr/bin/bash", ()),
        ("/usr/bin/java", ()),
        ("", ()),
    ],
)
def test_a_program_that_a_web_server_started(parent: str | None, traits: tuple[str, ...]) -> None:
    (found,) = HostReader().started(process(parent=parent), ["docker", "ps"])
    assert found.traits == traits


def test_what_a_connect_names_is_short_and_printable() -> None:
    odd = Endpoint(name="/\x1b[2J" + "v" * 9000 + "/run/docker.sock", engine="docker", trait="local-socket")
    (found,) = HostReader().connected(process(exe=None, comm="a\nb"), odd)
    assert (found.tool, found.text[:24]) == ("a\ufffdb", "a\ufffdb connects to /\ufffd[2Jvvv")
    assert (len(found.text), len(found.name or "")) == (500, 500)
