"""Benign shapes of a host with an engine, and the same accounts once they leave their shape: a fortnight of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import NamedTuple

from audit_text import event
from fortnight import DAYS, EVENT_DAY, moment

AGENT = "Go-http-client/1.1"
CLIENT = "Docker-Client/26.1.5 (linux)"
DOCKER, CURL = "/usr/bin/docker", "/usr/bin/curl"
IDS = tuple(f"{number:02x}" * 32 for number in range(1, 9))


class Call(NamedTuple):
    """One request through the socket's proxy."""

    at: datetime
    user: str
    uid: int
    exe: str
    agent: str
    request: str
    status: int = 200


class Start(NamedTuple):
    """One program that an account started."""

    at: datetime
    uid: int
    exe: str
    argv: tuple[str, ...]


class HostStory(NamedTuple):
    """One shape: who, what is innocently new about them, and what breaks it."""

    actor: str
    quiet: Callable[[], bytes]
    broken: Callable[[], bytes]
    told: frozenset[str]


def _calls(begin: datetime, who: tuple[str, int, str, str], paths: Iterable[str], status: int = 200) -> list[Call]:
    return [
        Call(begin + number * timedelta(milliseconds=20), *who, f"GET {path} HTTP/1.1", status)
        for number, path in enumerate(paths)
    ]


NETDATA = ("netdata", 201, "/usr/libexec/netdata/plugins.d/go.d.plugin", AGENT)
CI = ("ci", 1012, DOCKER, CLIENT)
BOB = ("bob", 1004, DOCKER, CLIENT)


@cache
def _socket_habits() -> tuple[Call, ...]:
    """An agent that asks every half hour, CI with its builds, a person who looks in now and then."""
    rng, made = Random(3), list[Call]()  # noqa: S311 (seeded, not secret)
    for day in range(DAYS):
        for half in range(48):
            begin = moment(day) - timedelta(hours=9) + half * timedelta(minutes=30, seconds=rng.random())
            stats = [f"/v1.41/containers/{one}/stats?stream=0&one-shot=1" for one in IDS[:3]]
            made += _calls(begin, NETDATA, ["/v1.41/containers/json?size=1", *stats])
        for job in range(3):
            begin = moment(day, f"{8 + 3 * job}:{rng.randrange(60)}:0")
            made += _calls(begin, CI, ["/_ping", "/v1.45/images/json", "/v1.45/containers/json?all=1"])
        if day % 7 < 5:
            made += _calls(moment(day, f"{rng.randint(9, 16)}:20:0"), BOB, ["/_ping", "/v1.45/containers/json"])
    return tuple(made)


def _proxied(calls: Iterable[Call]) -> bytes:
    made = []
    for call in sorted(calls):
        peer = {"pid": 4000 + call.uid, "uid": call.uid, "gid": call.uid, "user": call.user, "exe": call.exe}
        record = {"ts": call.at.timestamp(), "dur_ms": 3.1, "rl": call.request, "ua": call.agent, "status": call.status}
        made.append(json.dumps({**record, "peer": {**peer, "cmdline": [call.exe]}}) + "\n")
    return "".join(made).encode()


def _agent() -> list[Call]:
    # An upgrade: another version of the API, and a look at every container and image at start.
    inspected = [f"/v1.45/containers/{one}/json" for one in IDS]
    newer = (*NETDATA[:3], "netdata/2.1")
    started = ["/v1.45/info", "/v1.45/containers/json?all=1", *inspected, "/v1.45/images/json"]
    return [*_socket_habits(), *_calls(moment(EVENT_DAY, "10:10:00"), newer, started)]


def _agent_broken() -> list[Call]:
    hand = (*NETDATA[:2], CURL, "curl/8.5.0")
    kinds = ("images", "networks", "volumes", "secrets", "configs", "services", "nodes", "swarm", "plugins")
    around = ["/version", "/containers/json?all=1", *(f"/{kind}" for kind in kinds), "/system/df"]
    return [*_agent(), *_calls(moment(EVENT_DAY, "14:02:00"), hand, around)]


# A shell that completes names (docker 26: its script asks with --format), and an editor's plug-in that polls.
_COMPLETION = (
    ("docker", "container", "ls", "--format", "{{.ID}} {{.Names}}", "--no-trunc"),
    ("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"),
)
_POLL = ("docker", "container", "ls", "--format", "{{json .}}", "--all", "--no-trunc")


@cache
def _host_habits() -> tuple[Start, ...]:
    rng, made = Random(5), list[Start]()  # noqa: S311 (seeded, not secret)
    for day in range(DAYS):
        if day % 7 > 4:
            continue
        for number in range(20):
            at = moment(day, "8:30:00") + number * timedelta(minutes=25, seconds=rng.random())
            made.append(Start(at, 1001, DOCKER, _POLL))
            if rng.random() < 0.3:
                made += [Start(at + timedelta(seconds=40 + n), 1001, DOCKER, one) for n, one in enumerate(_COMPLETION)]
        at = moment(day, f"{rng.randint(9, 15)}:11:00")
        made += [Start(at, 1004, DOCKER, ("docker", "ps")), Start(at, 1004, "/usr/bin/ls", ("ls", "-la"))]
        made.append(Start(moment(day, "7:00:10"), 1012, DOCKER, ("docker", "image", "ls", "-q")))
    return tuple(made)


def _audited(starts: Iterable[Start]) -> bytes:
    lines = [
        line
        for number, one in enumerate(sorted(starts))
        for line in event(
            one.argv, serial=number + 1, seconds=one.at.timestamp(), exe=one.exe, auid=one.uid, uid=one.uid
        )
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def _typed(clock: str, *commands: Sequence[str], every: float = 2.0) -> list[Start]:
    begin = moment(EVENT_DAY, clock)
    return [
        Start(begin + number * timedelta(seconds=every), 1001, f"/usr/bin/{argv[0]}", tuple(argv))
        for number, argv in enumerate(commands)
    ]


def _editor() -> list[Start]:
    # A hundred completions in five minutes; then the plug-in's tree of networks and volumes is unfolded.
    unfolded = [("docker", kind, "ls", "--format", "{{json .}}") for kind in ("network", "volume")]
    return [*_host_habits(), *_typed("10:00:00", *_COMPLETION * 50, every=3.0), *_typed("11:00:00", *unfolded)]


def _editor_broken() -> list[Start]:
    socket = ("curl", "-s", "--unix-socket", "/var/run/docker.sock")
    by_hand = [(*socket, f"http://d/{target}") for target in ("info", "containers/json", "secrets", "images/json")]
    inspected = [("docker", "inspect", *IDS), ("docker", "secret", "ls"), ("docker", "node", "ls")]
    return [*_editor(), *_typed("16:20:00", ("id",), *by_hand, *inspected)]


HOST_STORIES: dict[str, HostStory] = {
    "metrics agent on docker.sock": HostStory(
        "netdata",
        lambda: _proxied(_agent()),
        lambda: _proxied(_agent_broken()),
        frozenset({"new-kind"}),
    ),
    "shell completion and editor polling": HostStory(
        "uid 1001", lambda: _audited(_editor()), lambda: _audited(_editor_broken()), frozenset({"new-kind"})
    ),
}
