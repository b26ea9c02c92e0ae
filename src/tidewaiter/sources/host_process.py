"""From a process event of any host sensor to activities: a program was started, a socket was connected.

Sensors differ in how they write an event; what it means does not. auditd, laurel and others fill a `Process`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cache, lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

from tidewaiter.meaning.commandline import quote, read_command
from tidewaiter.meaning.vocabulary import load, resource_class
from tidewaiter.meaning.wrappers import wrappers
from tidewaiter.model import Activity, Actor, Meaning, Origin, Outcome, RecordKind, RuleMatch
from tidewaiter.sources.contract import Matcher
from tidewaiter.sources.process_record import OwnStarts, Start

_TEXT = 500  # characters of a command line kept for people
_SPLIT = 65_536  # characters of a joined command line that are read
_MEMO = 20_000
_AGAIN = 1.0  # seconds in which repeated connects of one process are one act (the docker CLI tries three times)
_EXEC_ERRORS: dict[int, Outcome] = {-13: "refused", -1: "refused"}  # EACCES, EPERM
_CONNECT_ERRORS: dict[int, Outcome] = {-13: "refused", -1: "refused", -115: "unknown"}  # -115: EINPROGRESS
_DELETED = " (deleted)"  # the kernel's mark behind the path of a file that is gone
_VERSION = re.compile(r"[-.]?\d+(?:\.\d+)*\Z")
# A word in quotes that ends where the quotes end.
_QUOTED = re.compile(r"(?:'[^']*'|\"(?:[^\"\\]|\\.)*\")(?=\s|\Z)", re.DOTALL)
PROCESS_RECORDS: tuple[RecordKind, ...] = ("linux-process", "windows-process", "macos-process")
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
    login_recorded: bool = True  # False: this sensor never says who logged in, so None means nothing
    account: str | None = None  # account it acts as
    pid: int | None = None
    exe: str | None = None
    comm: str | None = None
    parent: str | None = None  # path or name of the program that started it, when the sensor tells
    parent_pid: int | None = None
    exit: int = 0  # negative errno of a system call that failed
    inside_container: bool = False
    container: str | None = None
    more: dict[str, Any] = {}  # further fields by Sigma's names; only filled when the user's own rules ask
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


@cache
def _web_servers() -> frozenset[str]:
    return frozenset(load("programs.yml")["web-servers"].split())


@lru_cache(maxsize=4096)
def is_web_server(name: str) -> bool:
    """Say whether a program, given by path, name or process title, is a web or application server."""
    # /usr/sbin/php-fpm8.2, `nginx: worker process`, C:\xampp\apache\bin\HTTPD.EXE
    plain = re.split(r"[/\\]", name.removesuffix(_DELETED).partition(": ")[0])[-1].lower().removesuffix(".exe")
    return plain in _web_servers() or _VERSION.sub("", plain) in _web_servers()


def program(process: Process) -> str | None:
    """Name the program by its file, or by the name it gave itself when the file is not known."""
    # runc starts a container from a memory file that audit shows as "/".
    exe = (process.exe or "").removesuffix(_DELETED).rpartition("/")[2]
    return exe or process.comm or None


@cache
def _shells() -> frozenset[str]:
    return frozenset(name for name, wrapper in wrappers().items() if wrapper.shell)


@cache
def _script_start() -> re.Pattern[str]:
    """Find the option behind which a shell, su or an interpreter takes a whole script as one argument."""
    shells = "|".join(sorted(map(re.escape, _shells()), key=len, reverse=True))
    # Every repetition is bounded or possessive: a log may hold a hostile line of a megabyte.
    option = r"(?:\s++(?:[-+][oO]|--rcfile|--init-file)\s++\S++|\s++[-+][\w-]++){0,8}?"
    return re.compile(
        rf"(?:\A|[\s/\"'-])(?:(?:{shells}){option}\s++-[a-zA-Z]{{0,8}}c|(?:su|runuser)(?:\s++[\w.-]++){{0,6}}?\s++-c"
        rf"|(?:python[\d.]*+|perl|ruby|node|nodejs|php){option}\s++-[a-zA-Z]{{0,8}}[ceEr])\s++(?=\S)"
    )


def split_command(text: str, *, quoted: bool = True) -> list[str]:
    """Split a command line that a sensor gives as one string: as a POSIX shell does, at blanks when quotes don't pair.

    Few sensors quote what needs it; most join the arguments by blanks, and then the borders are lost for good. What
    follows `sh -c` is taken as one argument, unless it is quoted. With `quoted=False` (the sensor is known to quote
    nothing) every quote is a letter of an argument.
    """
    text = text[:_SPLIT].strip()
    start = _script_start().search(text)
    if start is None:
        return _words(text, quoted=quoted)
    script = text[start.end() :]
    if quoted and _QUOTED.match(script):
        return _words(text, quoted=True)
    if quoted and len(script) > 1 and script[0] in "\"'" and script[-1] == script[0]:
        script = script[1:-1]  # put in quotes by a sensor that leaves the quotes inside as they are (Tetragon)
    return [*_words(text[: start.end()], quoted=quoted), script]


def _words(text: str, *, quoted: bool) -> list[str]:
    try:
        words = shlex.split(text) if quoted else text.split()
    except ValueError:  # a quote without its partner, or a backslash at the end
        words = text.split()
    return _with_templates(words) if "{{" in text else words


def _with_templates(words: Iterable[str]) -> list[str]:
    """Put a Go template together again: in `--format {{.Name}} {{json .Mounts}} web` nothing but its braces tell it."""
    found: list[list[str]] = []
    is_open = False  # the last word began a template, or is one
    braces = 0  # that the last word left open; counted as they come, for a hostile line may be all braces
    for word in words:
        more = word.count("{{") - word.count("}}")
        if is_open and ("{{" in word or braces > 0):
            found[-1].append(word)
            braces += more
        else:
            found.append([word])
            is_open, braces = "{{" in word, more
    return list(map(" ".join, found))


def parent_of(names: Iterable[str | None]) -> str | None:
    """Choose what to call the parent from the ancestors of a process, nearest first: the first that is no shell.

    A web server starts `sh -c`, and the shell starts the tool.
    """
    known = [name for name in names if name]
    told = (name for name in known if name.rpartition("/")[2].removeprefix("-") not in _shells())
    return next(told, known[0] if known else None)


class HostReader:
    """Turns process events into activities; remembers the connects it just told."""

    def __init__(self, read: Read = read_command, *, matcher: Matcher | None = None) -> None:
        """Take how commands are understood, and the user's own rules about process starts (`Tally.matcher`)."""
        self._read = read
        asked = matcher is not None and any(map(matcher.wants, PROCESS_RECORDS))
        self._own = OwnStarts(matcher) if matcher is not None and asked else None
        self.asks_all = asked  # every start has to be told, understood or not
        self._connects: dict[tuple[str | int | None, ...], datetime] = {}

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
        rules = self._matched(process, argv, shown) if self._own is not None and process.exit >= 0 else ()
        if rules and not meanings:
            meanings = (Meaning(verb="start", kind="processes", tool=program(process)),)
        if process.exit == _NOT_FOUND or not meanings:
            return []
        outcome: Outcome = "unknown" if process.exit >= 0 else _EXEC_ERRORS.get(process.exit, "failed")
        text = _short(shown) if shown is not None else _short(quote(argv))
        found = [
            _activity(process, meaning, outcome, text, _identity(process, str(index), *argv))
            for index, meaning in enumerate(meanings)
        ]
        return [msgspec.structs.replace(found[0], rules=rules), *found[1:]] if rules else found

    def _matched(self, process: Process, argv: Sequence[str], shown: str | None) -> tuple[RuleMatch, ...]:
        if self._own is None:
            return ()
        p = process
        start = Start(p.host, p.container, p.pid, p.parent_pid, p.exe, p.comm, p.account, p.parent, p.more)
        return self._own.matches(start, argv, shown)

    def connected(self, process: Process, endpoint: Endpoint) -> list[Activity]:
        """Give the connection to an engine, once for the tries of one process within a second."""
        outcome: Outcome = "answered" if process.exit >= 0 else _CONNECT_ERRORS.get(process.exit, "failed")
        tool = program(process)
        key = (process.host, process.container, process.pid, tool, endpoint.name, outcome)
        before = self._connects.get(key)
        if before is not None and abs((process.at - before).total_seconds()) <= _AGAIN:
            return []
        _bounded(self._connects)[key] = process.at
        name, tool = _short(endpoint.name), _short(tool) if tool else None
        meaning = Meaning(verb="connect", kind="socket", name=name, tool=tool, traits=(endpoint.trait,))
        told = _short(f"{tool or '?'} connects to {name}")
        return [_activity(process, meaning, outcome, told, _identity(process, "connect", endpoint.name))]


def _bounded(memo: dict[Any, Any]) -> dict[Any, Any]:
    if len(memo) >= _MEMO:  # hostile variety costs speed, never memory
        memo.clear()
    return memo


def _activity(process: Process, meaning: Meaning, outcome: Outcome, told: str, identity: str) -> Activity:
    traits = set(meaning.traits)
    if process.login is None and process.account is not None and process.login_recorded:
        traits.add("no-login")
    if process.inside_container:
        traits.add("inside-container")
    if process.parent is not None and is_web_server(process.parent):
        traits.add("under-web-server")
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
    """Name who is behind a process: the login, which outlives sudo, else its container, else the account it acts as."""
    if process.login is None and process.container is not None:  # root of one container is not root of another
        return Actor(kind="container", name=process.container, realm=process.host)
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
