"""From a process event of any host sensor to activities: a program was started, a socket was connected.

Sensors differ in how they write an event; what it means does not. auditd, laurel and others fill a `Process`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from hashlib import blake2b
from typing import Any

import msgspec

from tidewaiter.meaning.commandline import quote, read_command
from tidewaiter.meaning.vocabulary import load, resource_class
from tidewaiter.model import Activity, Actor, Meaning, Origin, Outcome

_TEXT = 500  # characters of a command line kept for people
_MEMO = 20_000
_AGAIN = 1.0  # seconds in which repeated connects of one process are one act (the docker CLI tries three times)
_EXEC_ERRORS: dict[int, Outcome] = {-13: "refused", -1: "refused"}  # EACCES, EPERM
_CONNECT_ERRORS: dict[int, Outcome] = {-13: "refused", -1: "refused", -115: "unknown"}  # -115: EINPROGRESS
_DELETED = " (deleted)"  # the kernel's mark behind the path of a file that is gone
_NOT_FOUND = -2  # ENOENT: a shell tries the directories of PATH one after another

Read = Callable[..., tuple[Meaning, ...]]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An address behind which an engine, runtime or cluster component answers."""

    name: str  # path, or host:port
    engine: str
    trait: str


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """Who did something on a host, as a sensor of processes saw it."""

    event: str  # the sensor's own identifier of the event, unique on the host
    at: datetime
    host: str = "host"
    login: str | None = None  # account that logged in; None when the process belongs to no login
    account: str | None = None  # account it acts as
    pid: int | None = None
    exe: str | None = None
    comm: str | None = None
    exit: int = 0  # negative errno of a system call that failed
    inside_container: bool = False
    container: str | None = None
    origin: Origin


@cache
def _sockets() -> tuple[tuple[tuple[str, str], ...], dict[int, tuple[str, str]]]:
    table: dict[str, Any] = load("sockets.yml")
    paths = tuple((path if path.startswith("/") else f"/{path}", engine) for path, engine in table["paths"].items())
    return paths, {port: (engine, trait) for port, (engine, trait) in table["ports"].items()}


def endpoint_of_path(path: str) -> Endpoint | None:
    """Name the engine behind a Unix socket, or None."""
    for end, engine in _sockets()[0]:
        if path.endswith(end) or path == end[1:]:
            return Endpoint(name=path, engine=engine, trait="local-socket")
    return None


def endpoint_of_port(host: str, port: int) -> Endpoint | None:
    """Name the engine or component behind a well-known TCP port, or None."""
    found = _sockets()[1].get(port)
    if found is None:
        return None
    shown = f"[{host}]" if ":" in host else host
    return Endpoint(name=f"{shown}:{port}", engine=found[0], trait=found[1])


def is_engine_port(port: int) -> bool:
    """Say whether an engine or component is known behind this port."""
    return port in _sockets()[1]


def program(process: Process) -> str | None:
    """Name the program by its file, or by the name it gave itself when the file is not known."""
    # runc starts a container from a memory file that audit shows as "/".
    exe = (process.exe or "").removesuffix(_DELETED).rpartition("/")[2]
    return exe or process.comm or None


class HostReader:
    """Turns process events into activities; remembers the connects it just told."""

    def __init__(self, read: Read = read_command) -> None:
        self._read = read
        self._connects: dict[tuple[str, int | None, str, Outcome], datetime] = {}

    def started(self, process: Process, argv: Sequence[str]) -> list[Activity]:
        """Give what starting this program means; nothing when the file to start did not exist."""
        return self.told(process, argv, self.understand(argv, process.exe))

    def understand(self, argv: Sequence[str], exe: str | None) -> tuple[Meaning, ...]:
        """Say what a command means, whoever ran it: the cheap question, to be asked first."""
        return self._read(argv, exe=exe.removesuffix(_DELETED) if exe else None) if argv else ()

    def told(
        self, process: Process, argv: Sequence[str], meanings: Sequence[Meaning], *, shown: str | None = None
    ) -> list[Activity]:
        """Give the activities of a process start that was understood.

        `shown` stands in for the text when the arguments are not known.
        """
        if process.exit == _NOT_FOUND or not meanings:
            return []
        outcome: Outcome = "unknown" if process.exit >= 0 else _EXEC_ERRORS.get(process.exit, "failed")
        text = _short(shown) if shown is not None else _short(quote(argv))
        return [
            _activity(process, meaning, outcome, text, _identity(process, str(index), *argv))
            for index, meaning in enumerate(meanings)
        ]

    def connected(self, process: Process, endpoint: Endpoint) -> list[Activity]:
        """Give the connection to an engine, once for the tries of one process within a second."""
        outcome: Outcome = "answered" if process.exit >= 0 else _CONNECT_ERRORS.get(process.exit, "failed")
        key = (process.host, process.pid, endpoint.name, outcome)
        before = self._connects.get(key)
        if before is not None and abs((process.at - before).total_seconds()) <= _AGAIN:
            return []
        _bounded(self._connects)[key] = process.at
        tool = program(process)
        meaning = Meaning(verb="connect", kind="socket", name=endpoint.name, tool=tool, traits=(endpoint.trait,))
        told = f"{tool or '?'} connects to {endpoint.name}"
        return [_activity(process, meaning, outcome, told, _identity(process, "connect", endpoint.name))]


def _bounded(memo: dict[Any, Any]) -> dict[Any, Any]:
    if len(memo) >= _MEMO:  # hostile variety costs speed, never memory
        memo.clear()
    return memo


def _activity(process: Process, meaning: Meaning, outcome: Outcome, told: str, identity: str) -> Activity:
    traits = set(meaning.traits)
    if process.login is None and process.account is not None:
        traits.add("no-login")
    if process.inside_container:
        traits.add("inside-container")
    return Activity(
        id=identity,
        at=process.at,
        actor=actor(process),
        plane="host",
        verb=meaning.verb,
        kind=meaning.kind,
        resource_class=resource_class(meaning.kind),
        scope=meaning.scope,
        namespace=meaning.namespace,
        name=meaning.name,
        outcome=outcome,
        tool=meaning.tool,
        container=process.container,
        text=told,
        traits=tuple(sorted(traits)),
        origin=process.origin,
    )


def actor(process: Process) -> Actor:
    """Name the account behind a process: the login, which outlives sudo, else the account it acts as."""
    name = process.login or process.account
    if name is None:
        return Actor(kind="unknown", name="unknown", realm=process.host)
    return Actor(kind="host-user", name=name, realm=process.host)


def _identity(process: Process, *parts: str) -> str:
    whole = "\x1f".join((process.host, process.event, *parts))
    return blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def _short(whole: str) -> str:
    """Cut a text to what people read, without what a terminal would obey."""
    if not whole.isprintable():
        whole = "".join(letter if letter.isprintable() else "\ufffd" for letter in whole[: _TEXT + 1])
    return whole if len(whole) <= _TEXT else f"{whole[: _TEXT - 1]}…"
