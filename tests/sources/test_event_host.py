from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tidewaiter.model import Activity, Actor, Origin
from tidewaiter.sources.contract import Tally
from tidewaiter.sources.event_host import (
    EventHost,
    account_of,
    endpoint_of_pipe,
    is_service,
    program_name,
    shortened,
)
from tidewaiter.sources.event_log import LINUX_SYSMON, SECURITY, SYSMON, Entry
from tidewaiter.sources.host_process import Endpoint, Process

AT = datetime(2026, 11, 23, 9, 21, 54, tzinfo=UTC)
ORIGIN = Origin(source="windows-event", path="golden.log", line=1, offset=0)
DOCKER = r"C:\Program Files\Docker\docker.exe"
START = {"newprocessname": DOCKER, "commandline": f'"{DOCKER}" ps -a', "newprocessid": "0x2f8"}
ANNA = {"subjectusername": "anna", "subjectdomainname": "CORP", "subjectlogonid": "0xe4716"}
PIPE = {"pipename": r"\docker_engine", "image": DOCKER, "user": r"CORP\anna", "processid": "12"}


def entry(provider: str, event: int, **data: Any) -> Entry:
    at, whole = data.pop("at", AT), data.pop("whole", True)
    return Entry(provider=provider, event=event, at=at, host="WS12", record="7", data=data, whole=whole)


def read(*entries: Entry) -> tuple[list[Activity], Tally]:
    tally = Tally("golden.log")
    host = EventHost(tally)
    found = [activity for one in entries for activity in host.read(one, ORIGIN)]
    host.finish()
    return found, tally


def test_a_process_start_of_windows_in_full() -> None:
    parent = {"parentprocessname": r"C:\Windows\System32\inetsrv\w3wp.exe"}
    (found,), tally = read(entry(SECURITY, 4688, **START, **ANNA, **parent))
    assert found == Activity(
        id=found.id,
        at=AT,
        actor=Actor(kind="host-user", name=r"CORP\anna", realm="WS12"),
        plane="host",
        verb="list",
        kind="containers",
        resource_class="workload",
        scope="everything",
        tool="docker",
        text=f'"{DOCKER}" ps -a',
        traits=("under-web-server",),
        origin=ORIGIN,
    )
    assert (tally.kept, tally.first, tally.last) == (1, AT, AT)


def test_a_named_pipe_in_full() -> None:
    (found,), _ = read(entry(SYSMON, 18, **PIPE))
    assert found == Activity(
        id=found.id,
        at=AT,
        actor=Actor(kind="host-user", name=r"CORP\anna", realm="WS12"),
        plane="host",
        verb="connect",
        kind="socket",
        resource_class="other",
        name=r"\\.\pipe\docker_engine",
        outcome="answered",
        tool="docker",
        text=r"docker connects to \\.\pipe\docker_engine",
        traits=("local-socket",),
        origin=ORIGIN,
    )


@pytest.mark.parametrize(
    ("data", "actor", "traits"),
    [
        ({**ANNA}, r"CORP\anna", ()),
        ({**ANNA, "targetusername": "-", "targetdomainname": "-"}, r"CORP\anna", ()),
        # runas: the account of the new process is another, the person is the same.
        ({**ANNA, "targetusername": "svc", "targetdomainname": "CORP"}, r"CORP\anna", ()),
        # The system starts the first process of a session.
        (
            {"subjectusername": "WS12$", "subjectlogonid": "0x3e7", "targetusername": "anna", "targetlogonid": "0x9"},
            "anna",
            (),
        ),
        (
            {"subjectusername": "WS12$", "subjectdomainname": "CORP", "subjectlogonid": "0x3E7"},
            r"CORP\WS12$",
            ("no-login",),
        ),
        (
            {"subjectusername": "shop", "subjectdomainname": "IIS APPPOOL", "subjectlogonid": "0x77"},
            r"IIS APPPOOL\shop",
            ("no-login",),
        ),
        ({"subjectusersid": "S-1-5-18", "subjectusername": "-"}, "S-1-5-18", ("no-login",)),
        ({}, "unknown", ()),
    ],
)
def test_who_starts_a_process_of_windows(data: dict[str, str], actor: str, traits: tuple[str, ...]) -> None:
    (found,), _ = read(entry(SECURITY, 4688, **START, **data))
    assert (found.actor.name, found.traits) == (actor, traits)


@pytest.mark.parametrize(
    ("provider", "data", "actor", "traits"),
    [
        (SYSMON, {"user": r"CORP\anna", "logonid": "0xe4716"}, r"CORP\anna", ()),
        (SYSMON, {"user": r"NT AUTHORITY\СИСТЕМА", "logonid": "0x3e7"}, r"NT AUTHORITY\СИСТЕМА", ("no-login",)),
        (SYSMON, {"user": "-"}, "unknown", ()),
        (LINUX_SYSMON, {"user": "anna", "terminalsessionid": "7"}, "anna", ()),
        (LINUX_SYSMON, {"user": "www-data", "terminalsessionid": "4294967295"}, "www-data", ("no-login",)),
        (LINUX_SYSMON, {"user": "root"}, "root", ()),
    ],
)
def test_who_sysmon_names(provider: str, data: dict[str, str], actor: str, traits: tuple[str, ...]) -> None:
    (found,), _ = read(entry(provider, 1, image="docker", commandline="docker ps", **data))
    assert (found.actor.name, found.traits) == (actor, traits)


@pytest.mark.parametrize(
    ("one", "texts"),
    [
        (entry(LINUX_SYSMON, 1, image="/bin/bash", commandline="bash -c docker ps -a"), ["bash -c 'docker ps -a'"]),
        (entry(SYSMON, 1, image=r"C:\x\kubectl.exe", commandline="KUBECTL.EXE  get pods"), ["KUBECTL.EXE  get pods"]),
        (entry(SYSMON, 1, image=r"C:\x\notepad.exe", commandline="notepad.exe"), []),
        (entry(SYSMON, 1), []),
        (entry(SYSMON, 17, **PIPE), []),  # the engine itself
        (entry(SYSMON, 18, **{**PIPE, "pipename": r"\lsass"}), []),
        (
            entry(SYSMON, 3, image="curl", destinationip="10.0.0.1", destinationport="2375"),
            ["curl connects to 10.0.0.1:2375"],
        ),
        (entry(SYSMON, 3, image="x", destinationip="::1", destinationport="2375"), ["x connects to [::1]:2375"]),
        (entry(SYSMON, 3, image="curl", destinationip="10.0.0.1", destinationport="443"), []),
        (entry(SYSMON, 3, image="d", destinationport="2375", initiated="false"), []),
        (entry("Microsoft-Windows-Kernel-General", 1, commandline="docker ps"), []),
        (entry(SECURITY, 1, commandline="docker ps"), []),
    ],
)
def test_events(one: Entry, texts: list[str]) -> None:
    assert [activity.text for activity in read(one)[0]] == texts


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (entry(SYSMON, 1, at=None, commandline="docker ps"), "no-time"),
        (entry(LINUX_SYSMON, 1, whole=False, image="/usr/bin/docker"), "cut-short"),
    ],
)
def test_what_cannot_be_read_is_counted(one: Entry, reason: str) -> None:
    found, tally = read(one)
    assert (found, tally.unreadable, [place.reason for place in tally.places]) == ([], 1, [reason])


SYSMON_START = entry(SYSMON, 1, image="docker", commandline="docker ps")
BARE = entry(SECURITY, 4688, newprocessname=DOCKER, **ANNA)


@pytest.mark.parametrize(
    ("entries", "notes"),
    [
        ([], {}),
        ([SYSMON_START, entry(SYSMON, 18)], {}),
        ([SYSMON_START], {"windows-no-pipes": 1}),
        ([entry(SYSMON, 18)], {"events-no-process-start": 1}),
        ([entry("", 7036)], {"events-no-process-start": 1}),
        ([BARE, BARE], {"windows-no-command-line": 2, "windows-no-pipes": 1}),
        ([BARE, entry(SECURITY, 4688, **START)], {"windows-no-pipes": 1}),
        ([entry(LINUX_SYSMON, 1, image="docker", commandline="docker ps", whole=False)], {"event-log-cut": 1}),
    ],
)
def test_what_a_log_cannot_show(entries: list[Entry], notes: dict[str, int]) -> None:
    assert read(*entries)[1].notes == notes


def test_a_time_without_a_zone_is_told() -> None:
    one = Entry(provider=SYSMON, event=18, at=AT, host="w", record="", data=dict(PIPE), zoned=False)
    assert read(one)[1].notes["event-log-no-zone"] == 1


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        (r"\docker_engine", (r"\\.\pipe\docker_engine", "docker")),
        (r"\DOCKER_ENGINE", (r"\\.\pipe\DOCKER_ENGINE", "docker")),
        (r"\\.\pipe\containerd-containerd", (r"\\.\pipe\containerd-containerd", "containerd")),
        ("//./pipe/docker_engine", (r"\\.\pipe\docker_engine", "docker")),
        (r"\Device\NamedPipe\docker_engine", (r"\\.\pipe\docker_engine", "docker")),
        ("docker_engine", (r"\\.\pipe\docker_engine", "docker")),
        (r"\x\docker_engine", None),
        (r"\docker_engine2", None),
        ("", None),
    ],
)
def test_pipes(path: str, endpoint: tuple[str, str] | None) -> None:
    made = endpoint and Endpoint(name=endpoint[0], engine=endpoint[1], trait="local-socket")
    assert endpoint_of_pipe(path) == made


@pytest.mark.parametrize(
    ("path", "name"), [(DOCKER, "docker"), ("curl.EXE", "curl"), ("C:/x/kubectl", "kubectl"), ("", "")]
)
def test_program_names(path: str, name: str) -> None:
    assert program_name(path) == name


@pytest.mark.parametrize(
    ("exe", "known"), [(DOCKER, (None, "docker")), ("/usr/bin/docker", ("/usr/bin/docker", "x")), (None, (None, "x"))]
)
def test_only_paths_of_windows_are_shortened(exe: str | None, known: tuple[str | None, str]) -> None:
    found = shortened(Process(event="1", at=AT, exe=exe, comm="x", origin=ORIGIN))
    assert (found.exe, found.comm) == known


@pytest.mark.parametrize(
    ("domain", "name", "account"),
    [("CORP", "anna", r"CORP\anna"), ("-", "anna", "anna"), ("", "anna", "anna"), ("CORP", "-", None), ("", "", None)],
)
def test_accounts(domain: str, name: str, account: str | None) -> None:
    assert account_of(domain, name) == account


@pytest.mark.parametrize(
    ("account", "session", "service"),
    [
        (r"NT AUTHORITY\SYSTEM", "", True),
        (r"nt service\docker", "", True),
        ("WS12$", "0x3E7", True),
        (r"CORP\anna", "0x1", False),
        (None, "", False),
    ],
)
def test_services(account: str | None, session: str, service: bool) -> None:
    assert is_service(account, session) == service
