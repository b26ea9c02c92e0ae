"""A real Docker daemon, a real audit daemon and a real nginx, whose own logs the product reads. See README.md."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from integration import live

from tidewaiter.model import Activity, Actor, Origin, Outcome, Plane, Verb
from tidewaiter.sources import catalogue
from tidewaiter.sources.contract import Tally, Unreadable
from tidewaiter.sources.opening import inputs

pytestmark = pytest.mark.real

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
NOWHERE = Origin(source="", path="", line=0, offset=0)
GREP = "grep 'docker ps' /etc/hostname"
SERVICE = ["docker", "image", "ls", "--filter", "label=tidewaiter-live"]  # on no other command line of the machine


class Recording(NamedTuple):
    """What the servers wrote while the story was played."""

    reader: str  # in the group docker, looks around
    bystander: str  # in the group docker, only looks alike
    outsider: str  # not in the group docker, tries
    audit: Path
    dockerd: Path
    before: dict[str, str]  # audit settings of the kernel
    containers: tuple[str, ...]
    began: datetime


@contextmanager
def skipped_without_servers() -> Iterator[None]:
    """Skip with the reason when this machine cannot do it; fail where it must (CI sets the variable)."""
    try:
        yield
    except live.Unavailable as reason:
        if os.environ.get("TIDEWAITER_REQUIRE_REAL") == "1":
            pytest.fail(f"TIDEWAITER_REQUIRE_REAL=1, but {reason}")
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Play the story, and stop all servers before anything is looked at."""
    folder = tmp_path_factory.mktemp("docker")
    with skipped_without_servers(), ExitStack() as undo:
        live.need("dockerd", "docker", "auditd", "auditctl", "curl")
        before = live.audit_status()
        engine = undo.enter_context(live.engine(folder))
        reader, bystander = (undo.enter_context(live.account(word, "docker")) for word in ("reader", "bystander"))
        outsider = undo.enter_context(live.account("outsider"))
        recorder = undo.enter_context(live.recorder(folder))
        began = datetime.now(UTC)
        for login, account, argv, code in story(engine, reader, bystander, outsider):
            done = live.run_as(login, account, argv, home=folder)
            assert done.returncode == code, f"{account}: {argv}: {done.stderr}"
        recorder.settle()
        for log in (recorder.log, engine.log):
            shutil.copy(log, folder / f"recorded-{log.name}")
    return Recording(
        reader=reader,
        bystander=bystander,
        outsider=outsider,
        audit=folder / f"recorded-{recorder.log.name}",
        dockerd=folder / f"recorded-{engine.log.name}",
        before=before,
        containers=engine.containers,
        began=began,
    )


def story(
    engine: live.Engine, reader: str, bystander: str, outsider: str
) -> list[tuple[str | None, str, list[str], int]]:
    """List who logged in, with whose rights what is run, and the status with which it ends."""
    encoded = f"http://localhost/v{engine.api}/containers%2Fjson"
    return [
        (reader, reader, ["docker", "ps"], 0),
        (reader, reader, ["docker", "container", "ls"], 0),
        (reader, reader, ["curl", "-s", "--unix-socket", str(live.SOCKET), encoded], 0),
        (reader, reader, ["sh", "-c", "docker inspect $(docker ps -aq)"], 0),
        (reader, "root", ["docker", "images"], 0),  # as after sudo or su
        (bystander, bystander, ["echo", "docker", "ps"], 0),
        (bystander, bystander, ["docker", "inspect", "--help"], 0),
        (bystander, bystander, ["docker", "ps", "--help"], 0),
        (bystander, bystander, ["sh", "-c", GREP], 1),
        (outsider, outsider, ["docker", "ps"], 1),
        (None, "root", SERVICE, 0),
    ]


def activities_of(log: Path) -> tuple[list[Activity], Tally]:
    """Read one log with the product; nothing in it may be unreadable."""
    unreadable: list[Unreadable] = []
    [found] = inputs([str(log)], report=unreadable.append)
    with catalogue.read(found) as reading:
        activities = [activity for batch in reading.batches() for activity in batch]
        assert unreadable + reading.tally.places == []
        return activities, reading.tally


def told(activity: Activity) -> Activity:
    """Take out what differs from run to run: time, place, and the API version."""
    text = re.sub(r"/v\d\.\d+/", "/vN/", activity.text)
    return msgspec.structs.replace(activity, id="", at=LONG_AGO, origin=NOWHERE, text=text)


def expected(
    actor: Actor,
    plane: Plane,
    text: str,
    *,
    verb: Verb = "list",
    kind: str = "containers",
    name: str | None = None,
    tool: str | None = "docker",
    traits: tuple[str, ...] = (),
    outcome: Outcome = "unknown",
    disclosed: int | None = None,
    address: str | None = None,
) -> Activity:
    """Give an activity as `told` leaves it."""
    classes = {"containers": "workload", "images": "images"}
    return Activity(
        id="",
        at=LONG_AGO,
        actor=actor,
        plane=plane,
        verb=verb,
        kind=kind,
        resource_class=classes[kind],
        scope="one" if name else "everything",
        name=name,
        outcome=outcome,
        disclosed=disclosed,
        address=address,
        tool=tool,
        text=text,
        traits=traits,
        origin=NOWHERE,
    )


def host_user(name: str) -> Actor:
    return Actor(kind="host-user", name=name, realm="host")


def reads(activities: list[Activity], name: str) -> list[Activity]:
    """Give what an account did, without the bare connections."""
    return [told(one) for one in activities if one.actor.name == name and one.verb != "connect"]


def test_the_audit_log_pins_each_read_on_the_account_that_logged_in(recording: Recording) -> None:
    activities, _ = activities_of(recording.audit)
    me = host_user(recording.reader)
    whole = "sh -c 'docker inspect $(docker ps -aq)'"
    newest, oldest = recording.containers
    inspect = f"docker inspect {newest} {oldest}"
    curl = f"curl -s --unix-socket {live.SOCKET} http://localhost/vN/containers%2Fjson"
    assert reads(activities, recording.reader) == [
        expected(me, "host", "docker ps"),
        expected(me, "host", "docker container ls"),
        expected(me, "host", curl, tool="curl", traits=("encoded", "local-socket", "raw-http")),
        expected(me, "host", whole, traits=("in-shell", "names-only")),
        expected(me, "host", whole, verb="get", traits=("in-shell", "mass-detail")),
        expected(me, "host", "docker ps -aq", traits=("names-only",)),
        expected(me, "host", inspect, verb="get", name=newest),
        expected(me, "host", inspect, verb="get", name=oldest),
        expected(me, "host", "docker images", kind="images"),
    ]


def test_commands_that_only_look_alike_are_no_reads(recording: Recording) -> None:
    activities, _ = activities_of(recording.audit)
    assert reads(activities, recording.bystander) == []
    # … although they were recorded.
    log = recording.audit.read_text(encoding="utf-8", errors="replace")
    for argv in (
        'a0="echo" a1="docker" a2="ps"',
        'a0="docker" a1="inspect" a2="--help"',
        'a0="docker" a1="ps" a2="--help"',
        f'a0="sh" a1="-c" a2={GREP.encode().hex().upper()}',
    ):
        assert argv in log


def test_connections_to_the_socket_are_seen_granted_and_refused(recording: Recording) -> None:
    activities, _ = activities_of(recording.audit)
    connects = {
        (one.actor.name, one.tool, one.name, one.outcome)
        for one in activities
        if one.verb == "connect" and one.actor.name in {recording.reader, recording.outsider}
    }
    assert connects == {
        (recording.reader, "docker", "/var/run/docker.sock", "answered"),  # as the program wrote it
        (recording.reader, "curl", "/run/docker.sock", "answered"),
        (recording.outsider, "docker", "/var/run/docker.sock", "refused"),
    }


def test_a_service_without_a_login_is_root_and_says_so(recording: Recording) -> None:
    activities, tally = activities_of(recording.audit)
    ours = [told(one) for one in activities if "tidewaiter-live" in one.text]
    text = " ".join(SERVICE)
    assert ours == [expected(host_user("root"), "host", text, kind="images", traits=("no-login",))]
    assert tally.notes == {}, "a log that shows everything is called blind"


def test_the_daemon_log_shows_the_requests_and_that_nobody_is_named(recording: Recording) -> None:
    activities, _ = activities_of(recording.dockerd)
    nobody = Actor(kind="unknown", name="not recorded", realm="engine")
    labelled = "GET /vN/images/json?filters=%7B%22label%22%3A%7B%22tidewaiter-live%22%3Atrue%7D%7D"
    newest, oldest = recording.containers
    assert [told(one) for one in activities if one.at >= recording.began] == [
        expected(nobody, "engine", "GET /vN/containers/json", tool=None),  # docker ps
        expected(nobody, "engine", "GET /vN/containers/json", tool=None),  # docker container ls
        expected(nobody, "engine", "GET /vN/containers%2Fjson", tool=None, traits=("encoded",)),
        expected(nobody, "engine", "GET /vN/containers/json?all=1", tool=None),
        expected(nobody, "engine", f"GET /vN/containers/{newest}/json", verb="get", name=newest, tool=None),
        expected(nobody, "engine", f"GET /vN/containers/{oldest}/json", verb="get", name=oldest, tool=None),
        expected(nobody, "engine", "GET /vN/images/json", kind="images", tool=None),
        expected(nobody, "engine", labelled, kind="images", tool=None),
    ]


def test_scan_finds_the_account_that_looked_around_and_nothing_of_the_bystander(recording: Recording) -> None:
    findings = scan(recording.audit, recording.dockerd)
    by_name = {finding["actor"]["name"]: finding for finding in findings}
    assert len(by_name) == len(findings)
    assert recording.bystander not in by_name
    assert "not recorded" in by_name
    found = by_name[recording.reader]
    assert found["actor"] == {"kind": "host-user", "name": recording.reader, "realm": "host", "via": None}
    assert found["techniques"] == ["T1613"]
    assert found["looked_at"]["scope"] == "everything"
    assert found["level"] in {"medium", "high", "critical"}  # somebody has to look: the request was disguised
    sighted = {re.sub(r"/v\d\.\d+/", "/vN/", sighting["text"]) for sighting in found["sightings"]}
    assert sighted >= {
        "docker ps",
        "docker container ls",
        f"curl -s --unix-socket {live.SOCKET} http://localhost/vN/containers%2Fjson",
        "sh -c 'docker inspect $(docker ps -aq)'",
    }


def scan(*logs: Path) -> list[dict[str, Any]]:
    """Run the command line as a user would."""
    command = [sys.executable, "-m", "tidewaiter", "scan", *map(str, logs), "--format", "jsonl", "--persona", "hunter"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_machine_is_left_as_it_was(recording: Recording) -> None:
    after = live.audit_status()
    assert {key: after[key] for key in ("enabled", "pid", "backlog_limit")} == {
        key: recording.before[key] for key in ("enabled", "pid", "backlog_limit")
    }
    assert "tidewaiter-live" not in live.run(["auditctl", "-l"])
    assert not live.SOCKET.exists()
    accounts = Path("/etc/passwd").read_text(encoding="utf-8")
    assert not [name for name in (recording.reader, recording.bystander, recording.outsider) if name in accounts]


class Proxied(NamedTuple):
    """What nginx wrote, and how many bytes curl got for each request."""

    combined: Path
    json: Path
    sizes: tuple[int, ...]
    curl: str  # "curl/7.88"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Proxied:
    """Send requests to the Docker daemon through nginx, and stop both before anything is looked at."""
    folder = tmp_path_factory.mktemp("nginx")
    with skipped_without_servers(), ExitStack() as undo:
        engine = undo.enter_context(live.engine(folder))
        server = undo.enter_context(live.proxy(folder, engine, [("viewer", "right")]))
        requests = (
            ("viewer:right", "containers/json", 200),
            ("viewer:right", "containers%2Fjson", 200),
            ("viewer:right", "images/json", 403),
            ("viewer:wrong", "containers/json", 401),
        )
        sizes = []
        for credential, target, status in requests:
            url = f"{server.url}/v{engine.api}/{target}"
            told_by_curl = ["-o", "/dev/null", "-w", "%{http_code} %{size_download}"]
            code, size = live.run(["curl", "-s", *told_by_curl, "-u", credential, url]).split()
            assert int(code) == status, target
            sizes.append(int(size))
        version = live.run(["curl", "--version"]).split()[1]
    return Proxied(server.combined, server.json, tuple(sizes), "curl/" + ".".join(version.split(".")[:2]))


@pytest.mark.parametrize("log", ["combined", "json"])
def test_nginx_in_front_of_the_socket_names_the_person(proxied: Proxied, log: str) -> None:
    activities, tally = activities_of(getattr(proxied, log))
    viewer = Actor(kind="user", name="viewer", realm="engine")
    # A name with a refused request is only a claim; the address is not.
    client = Actor(kind="address", name="127.0.0.1", realm="engine")
    plain, encoded = "GET /vN/containers/json", "GET /vN/containers%2Fjson"
    common: dict[str, Any] = {"tool": proxied.curl, "address": "127.0.0.1"}
    first, second = proxied.sizes[:2]
    assert [told(one) for one in activities] == [
        expected(viewer, "engine", plain, outcome="answered", disclosed=first, **common),
        expected(viewer, "engine", encoded, outcome="answered", disclosed=second, traits=("encoded",), **common),
        expected(client, "engine", "GET /vN/images/json", kind="images", outcome="refused", **common),
        expected(client, "engine", plain, outcome="refused", **common),
    ]
    assert tally.records == len(proxied.sizes)
