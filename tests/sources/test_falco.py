from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from reading import as_json_lines, assert_survives, read

from tidewaiter.sources.falco import SOURCE, fields_of_text, sniff

DATA = Path(__file__).parent.parent / "data"
EXEC = {
    "container.id": "host",
    "evt.type": "execve",
    "proc.cmdline": "docker ps",
    "proc.exepath": "/usr/bin/docker",
    "proc.name": "docker",
    "user.loginuid": 1007,
    "user.name": "olga",
    "user.uid": 1007,
}


def line(fields: dict[str, Any] | None, **over: Any) -> bytes:
    alert = {"rule": "r", "priority": "Notice", "output": "", "time": "2026-11-23T13:36:02Z", "output_fields": fields}
    return json.dumps({**alert, **over}).encode() + b"\n"


@pytest.mark.parametrize("name", ["alerts.jsonl", "alerts.txt"])
def test_golden(name: str) -> None:
    found, tally = read(SOURCE, (DATA / "falco" / name).read_bytes())
    told = {"records": tally.records, "unreadable": tally.unreadable, "notes": tally.notes}
    check_golden(DATA / "falco" / f"{name}.golden.jsonl", as_json_lines(found) + json.dumps(told) + "\n")


@pytest.mark.parametrize(
    ("over", "who", "traits"),
    [
        ({}, "host-user olga", ()),
        ({"user.name": "root", "user.uid": 0}, "host-user uid 1007", ()),
        ({"user.name": "root", "user.uid": 0, "user.loginname": "olga"}, "host-user olga", ()),
        ({"user.loginuid": -1}, "host-user olga", ("no-login",)),
        ({"user.loginuid": "4294967295", "user.loginname": "<NA>"}, "host-user olga", ("no-login",)),
        ({"user.loginuid": None}, "host-user olga", ()),  # the rule does not print it
        ({"user.loginuid": -1, "user.name": "<NA>"}, "host-user uid 1007", ("no-login",)),
        (
            {"user.loginuid": -1, "container.id": "45dd76eff80f"},
            "container 45dd76eff80f",
            ("inside-container", "no-login"),
        ),
        (
            {"user.loginuid": -1, "container.id": "45dd76eff80f", "k8s.pod.name": "web-1"},
            "container web-1",
            ("inside-container", "no-login"),
        ),
        ({"container.id": ""}, "host-user olga", ()),
        ({"container.id": None}, "host-user olga", ()),
        ({"proc.pname": "apache2"}, "host-user olga", ("under-web-server",)),
        ({"proc.pname": "sh", "proc.aname[2]": "apache2"}, "host-user olga", ("under-web-server",)),
        ({"proc.pname": "cron", "proc.aname[2]": "apache2"}, "host-user olga", ()),
    ],
)  # fmt: skip
def test_who(over: dict[str, Any], who: str, traits: tuple[str, ...]) -> None:
    (found,) = read(SOURCE, line({**EXEC, **over}))[0]
    assert (f"{found.actor.kind} {found.actor.name}", found.traits, found.actor.realm) == (who, traits, "host")


def test_falcosidekick_may_write_underscores_for_dots() -> None:
    dotted, tally = read(SOURCE, line(EXEC, uuid="1", hostname="a"))
    flat, other = read(
        SOURCE, line({name.replace(".", "_"): value for name, value in EXEC.items()}, uuid="1", hostname="a")
    )
    assert [msgspec.to_builtins(one) for one in flat] == [msgspec.to_builtins(one) for one in dotted]
    assert (tally.notes, other.notes) == ({}, {})


SOCKET = {"evt.type": "connect", "fd.name": "/run/docker.sock", "proc.name": "agent", "proc.cmdline": "agent"}
TCP = {"evt.type": "connect", "proc.name": "agent", "proc.cmdline": "agent"}


@pytest.mark.parametrize(
    ("fields", "gives"),
    [
        (EXEC, ["docker ps unknown"]),
        ({**EXEC, "proc.cmdline": "docker-credentia list", "proc.exepath": "/usr/bin/docker-credential-x"}, []),
        ({**EXEC, "proc.cmdline": "id"}, []),
        ({"evt.type": "execve"}, []),
        (SOCKET, ["agent connects to /run/docker.sock unknown"]),
        ({**SOCKET, "evt.res": "SUCCESS"}, ["agent connects to /run/docker.sock answered"]),
        ({**SOCKET, "evt.res": "EACCES"}, ["agent connects to /run/docker.sock refused"]),
        ({**SOCKET, "evt.res": "ENOTSOCK"}, ["agent connects to /run/docker.sock failed"]),
        ({**SOCKET, "evt.rawres": -13}, ["agent connects to /run/docker.sock refused"]),
        ({**SOCKET, "evt.rawres": "0"}, ["agent connects to /run/docker.sock answered"]),
        ({**SOCKET, "evt.type": "openat"}, []),
        ({**SOCKET, "evt.type": None}, []),
        ({**SOCKET, "evt.type": None, "fd.type": "unix"}, ["agent connects to /run/docker.sock unknown"]),
        ({**SOCKET, "fd.name": "/run/other.sock"}, []),
        ({**TCP, "fd.name": "10.0.0.5:40000->10.0.0.9:10250"}, ["agent connects to 10.0.0.9:10250 unknown"]),
        ({**TCP, "fd.name": "10.0.0.5:2375->10.0.0.9:40000"}, []),
        ({**TCP, "fd.name": "[::1]:4000->[::2]:2375"}, ["agent connects to [::2]:2375 unknown"]),
        ({**TCP, "fd.sip": "10.0.0.9", "fd.sport": 2375}, ["agent connects to 10.0.0.9:2375 unknown"]),
        ({**TCP, "fd.sip": "10.0.0.9", "fd.sport": "2375"}, ["agent connects to 10.0.0.9:2375 unknown"]),
        ({**TCP, "fd.lport": 2375, "fd.rport": 10250, "fd.name": "?"}, []),
    ],
)
def test_events(fields: dict[str, Any], gives: list[str]) -> None:
    found, tally = read(SOURCE, line(fields))
    assert [f"{one.text} {one.outcome}" for one in found] == gives
    assert (tally.records, tally.unreadable) == (1, 0)


def test_a_name_the_kernel_cut_is_made_whole() -> None:
    fields = {**EXEC, "proc.cmdline": "kubectl-who_can list pods", "proc.exepath": "/opt/kubectl-who_can"}
    assert [one.text for one in read(SOURCE, line(fields))[0]] == ["kubectl-who_can list pods"]


def test_further_alerts_on_a_process_tell_its_command_once() -> None:
    opened = {**EXEC, "evt.type": "openat", "proc.pid": 5}
    times = ["13:00:00", "13:00:59", "13:02:30"]
    alerts = b"".join(line(opened, time=f"2026-11-23T{time}Z") for time in times)
    assert [f"{one.at:%H:%M:%S}" for one in read(SOURCE, alerts)[0]] == ["13:00:00", "13:02:30"]
    started = line({**opened, "evt.type": "execve"}) + line({**opened, "evt.type": "execve"}, uuid="2")
    assert len(read(SOURCE, started)[0]) == 2


TEXTS: list[tuple[str, dict[str, str]]] = [
    (
        "Notice A shell (user=root k8s.pod=web-1 container=6721dba88c18 command=kubectl get pods -A parent=sh image=a)",
        {
            "user.name": "root",
            "k8s.pod.name": "web-1",
            "container.id": "6721dba88c18",
            "proc.cmdline": "kubectl get pods -A",
            "proc.pname": "sh",
        },
    ),
    ("x | command=docker ps --filter name=web", {"proc.cmdline": "docker ps --filter name=web"}),
    ("x (command=a connection=1.1.1.1:2->2.2.2.2:3)", {"proc.cmdline": "a", "fd.name": "1.1.1.1:2->2.2.2.2:3"}),
    (
        "K8s (user=ann target=x/pods verb=list uri=/api/v1/pods resp=200)",
        {"ka.user.name": "ann", "ka.verb": "list", "ka.uri": "/api/v1/pods", "ka.response.code": "200"},
    ),
    ("nothing of use", {}),
    ("", {}),
]


@pytest.mark.parametrize(("text", "fields"), TEXTS)
def test_the_text_of_a_rule(text: str, fields: dict[str, str]) -> None:
    assert fields_of_text(text) == fields


def test_an_alert_without_fields_is_read_from_its_text_and_counted() -> None:
    text = "13:36:02.000000000: Notice x (user=olga user_loginuid=1007 command=docker ps container_id=host)"
    (found,), tally = read(SOURCE, line({}, output=text))
    assert (found.text, found.actor.name, tally.notes) == ("docker ps", "uid 1007", {"falco-text-only": 1})


def test_an_alert_without_a_command_is_counted() -> None:
    data = line({"evt.type": "execve", "proc.name": "docker"}) + line({"evt.type": "execve", "proc.name": "kubeletctl"})
    found, tally = read(SOURCE, data)
    assert ([one.text for one in found], tally.notes) == (["kubeletctl"], {"falco-no-command": 2})


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"rubbish", "not-an-event"),
        (b'{"rule":5}', "not-an-event"),
        (b'{"rule":"r","priority":"High","output":""}', "not-an-event"),
        (b"2026-11-23T13:36:02.000000000+0000: Loud text", "not-an-event"),
        (line(EXEC, time=None).strip(), "no-time"),
        (line(EXEC, time="13:36:02").strip(), "no-time"),
        (b"13:36:02.929908828: Notice A shell (command=docker ps)", "no-time"),
    ],
)
def test_bad_lines_are_counted_with_their_place(raw: bytes, reason: str) -> None:
    found, tally = read(SOURCE, line(EXEC) + raw + b"\n\n" + line(EXEC))
    (place,) = tally.places
    assert (len(found), place.line, place.offset, place.reason) == (2, 2, len(line(EXEC)), reason)


VALUE = st.none() | st.integers(-5, 9999) | st.text(max_size=6) | st.lists(st.text(max_size=2), max_size=2)
NAMES = st.sampled_from([*EXEC, *SOCKET, "ka.verb", "ka.uri", "ka.response.code", "ka.sourceips", "fd.sip", "fd.sport"])


@given(st.dictionaries(NAMES, VALUE), st.text(max_size=30), st.binary(max_size=20))
def test_odd_shapes_are_counted_never_raised(fields: dict[str, Any], text: str, tail: bytes) -> None:
    assert_survives(SOURCE, line(fields) + line(None, output=text) + line({**EXEC, **fields}) + tail)


def test_sniff() -> None:
    lines = (DATA / "falco" / "alerts.jsonl").read_bytes().splitlines()
    assert sniff([*lines, b"", b'{"rule":"r","priority":"P1","output":"x"}', b'{"priority":"Notice"}', b"13:36 x"]) == 6
    assert sniff((DATA / "falco" / "alerts.txt").read_bytes().splitlines()) == 2
