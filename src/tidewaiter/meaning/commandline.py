"""What a command line does: engines, clusters and their sockets, behind any wrapper, shell string or renamed program.

`read_command` decides on parsed meaning: `docker exec web sh -c 'echo docker images'` runs a program in a container and
reads nothing. Facts of the tools are data in `packs/vocabulary/tools/`, `wrappers.yml` and `programs.yml`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from functools import lru_cache

from tidewaiter.meaning import files, network, powershell, raw_http, renamed, triggers
from tidewaiter.meaning.code import read_code
from tidewaiter.meaning.invocation import meanings
from tidewaiter.meaning.options import parse
from tidewaiter.meaning.script import MAX_DEPTH, read_script
from tidewaiter.meaning.setting import UNKNOWN, Setting
from tidewaiter.meaning.tools import Grammar, grammars, known_programs, tool_names
from tidewaiter.meaning.wrappers import Peeled, peel, wrappers
from tidewaiter.model import Meaning

MAX_MEANINGS = 64  # of one command line
MAX_COMMANDS = 2048  # commands of one command line, through all shells and wrappers
MAX_NAME = 256  # characters of an object's name that are kept
MAX_QUOTED = 2000
_MEMO_SIZE = 1024  # characters of a command line that is remembered

_SOCAT_RUNS = re.compile(r"(?:EXEC|SYSTEM|SHELL):([^,]+)", re.IGNORECASE)
_EXTENSION = re.compile(r"\.(?:exe|cmd|bat|com)\Z", re.IGNORECASE)
_VERSION = re.compile(r"[-_.]?v?\d+(?:\.\d+)*(?:-\w+)?\Z")
# What the names of released files end with: `cdk_linux_amd64`, `kubectl-linux-arm64`, `rakkess-amd64-linux`.
_PLATFORM = re.compile(
    r"[-_](?:(?:linux|darwin|windows|macos|freebsd)(?:[-_](?:amd64|x86_64|x64|386|i386|arm64|aarch64|armv?\d?\w*|ppc64le|s390x))?"
    r"|(?:amd64|x86_64|arm64|aarch64)(?:[-_](?:linux|darwin|windows))?)(?:[-_](?:upx|static|musl|thin))?\Z",
    re.IGNORECASE,
)

_HTTP = raw_http.http_names()
_ARGUMENTS = {name: re.compile(pattern) for name, pattern in triggers.argument_marks().items()}
TOOL_WORDS: frozenset[str] = frozenset({*tool_names(), *wrappers(), *_HTTP, *_ARGUMENTS, *network.metadata_programs()})
"""Every program name that `read_command` reacts to: tools, wrappers, shells, clients, interpreters, readers of files.

A program may carry a version or an extension behind it (`python3.11`, `kubectl-1.29`, `docker.exe`) or be a plug-in
(`kubectl-who_can`), so a filter over bytes must look for the name as a prefix of the program's name.
"""
SUBCOMMAND_WORDS: frozenset[str] = renamed.subcommand_words()
"""Sub-command words: when `read_command` reacts to a program it does not know, one of these is an argument."""

# Programs whose arguments need not be looked at: known, and nothing of what is read here.
_DULL = known_programs() - TOOL_WORDS
_TOOLS = tool_names()


def read_command(argv: Sequence[str], *, exe: str | None = None) -> tuple[Meaning, ...]:
    """Give every thing a command line does that matters, in order: inventory reads, exec, create, delete, connect.

    `argv` is the program with its arguments, `exe` the file that the kernel says was run, when the sensor tells it.
    Anything is accepted; a string that cannot be read means nothing.
    """
    if not argv:
        return ()
    name = argv[0].rpartition("/")[2].removeprefix("-")  # a login shell
    unknown = not _program(name) and not _is_tool(exe)
    if unknown and (name in _DULL or SUBCOMMAND_WORDS.isdisjoint(argv)):
        return ()
    marks = _ARGUMENTS.get(name)
    if marks is not None and not marks.search("\n".join(argv[1:])) and not _is_tool(exe):
        return ()
    words = tuple(argv)
    if sum(map(len, words)) <= _MEMO_SIZE:
        return _remembered(words, exe)
    return _read(words, exe)


def _is_tool(exe: str | None) -> bool:
    return exe is not None and _program(exe) in _TOOLS


def quote(argv: Sequence[str]) -> str:
    """Give a command line as a person would type it, in one printable line of at most 2,000 characters."""
    size, words = 0, []
    for word in argv:
        words.append(word[: MAX_QUOTED + 1])
        size += len(word) + 1
        if size > MAX_QUOTED:
            break
    text = shlex.join(words)
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else _visible(letter) for letter in text)
    return text if len(text) <= MAX_QUOTED else text[: MAX_QUOTED - 1] + "…"


def _visible(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def _read(words: tuple[str, ...], exe: str | None) -> tuple[Meaning, ...]:
    reading = _Reading()
    found = reading.command(words, Setting(), exe)
    return tuple(_tidy(meaning) for meaning in found[:MAX_MEANINGS])


_remembered = lru_cache(maxsize=8192)(_read)


def _tidy(meaning: Meaning) -> Meaning:
    """Cut what a hostile command line put into names: size, control characters, halves of surrogate pairs."""
    if _is_tidy(meaning.name) and _is_tidy(meaning.namespace) and _is_tidy(meaning.kind):
        return meaning
    return Meaning(
        verb=meaning.verb,
        kind=meaning.kind if _is_tidy(meaning.kind) else "unknown",
        scope=meaning.scope,
        namespace=_cut(meaning.namespace),
        name=_cut(meaning.name),
        tool=meaning.tool,
        traits=meaning.traits,
    )


def _is_tidy(text: str | None) -> bool:
    return text is None or (len(text) <= MAX_NAME and text.isprintable())


def _cut(text: str | None) -> str | None:
    if text is None or _is_tidy(text):
        return text
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:MAX_NAME])


def _program(word: str) -> str:
    """Give the known name of a program without folder, extension and version; "" when it is not known."""
    name = word.rpartition("/")[2]
    return _known_name(name) if len(name) <= MAX_NAME else ""


@lru_cache(maxsize=4096)
def _known_name(name: str) -> str:
    if "\\" in name:
        name = name.rpartition("\\")[2]
    name = name.removeprefix("-")  # a login shell
    if _EXTENSION.search(name):
        name = _EXTENSION.sub("", name).lower()
    if name in TOOL_WORDS:
        return name
    name = _PLATFORM.sub("", name)
    plain = _VERSION.sub("", name)
    # Windows and macOS know no case in the names of files.
    for guess in (plain, name, plain.lower(), name.lower()):
        if guess in TOOL_WORDS:
            return guess
    return "kubectl" if name.startswith("kubectl-") else ""


def _plugin_words(word: str) -> tuple[str, ...]:
    """Give the sub-command words in the name of a plug-in: `kubectl-who_can` is `kubectl who-can`."""
    name = _PLATFORM.sub("", _EXTENSION.sub("", word.rpartition("/")[2]))
    if not name.startswith("kubectl-") or _VERSION.fullmatch(name.removeprefix("kubectl")):
        return ()
    return tuple(part.replace("_", "-") for part in name.split("-")[1:])


class _Reading:
    """The reading of one command line: counts commands, so that a hostile one comes to an end."""

    def __init__(self) -> None:
        self.left = MAX_COMMANDS

    def command(self, words: Sequence[str], setting: Setting, exe: str | None = None) -> list[Meaning]:
        """Say what one simple command does."""
        self.left -= 1
        if not words or self.left < 0 or setting.depth > MAX_DEPTH:
            return []
        program = _program(words[0])
        actual = _program(exe) if exe else ""
        if program in _TOOLS:
            found = self.tool(grammars()[_TOOLS[program]], [*_plugin_words(words[0]), *words[1:]], setting)
        elif actual in _TOOLS:  # the kernel's word against the program's own
            found = self.tool(grammars()[_TOOLS[actual]], words[1:], setting.with_traits("renamed-binary"))
        elif program in wrappers():
            found = self.wrapped(program, words[1:], setting)
        elif program in _HTTP:
            found = self.http(program, words[1:], setting)
        elif program in _ARGUMENTS:
            found = self.reader(program, words[1:], setting)
        elif program:
            found = [network.metadata(program, setting)]
        elif words[0].startswith("/dev/tcp/"):
            found = raw_http.read_network_file(words[0], setting)
        else:
            found = self.unknown(words, setting)
        return found

    def tool(self, grammar: Grammar, words: Sequence[str], setting: Setting) -> list[Meaning]:
        """Read a known tool, and the command it runs inside a container."""
        invocation = parse(grammar, words)
        if invocation is None:
            return []
        found = meanings(invocation, setting)
        script = invocation.value(invocation.action.command.script.split())
        if script:
            inside = Setting(setting.traits | {"inside-container", "in-shell"}, depth=setting.depth + 1)
            found += read_script(script, inside, self.command)
        if invocation.inner:
            inside = Setting(setting.traits | {"inside-container"}, depth=setting.depth + 1)
            inside = setting if invocation.action.command.args == "command" else inside
            found += self.command(invocation.inner, inside)
        return found

    def wrapped(self, program: str, words: Sequence[str], setting: Setting) -> list[Meaning]:
        """Read what a wrapper or a shell runs."""
        if wrappers()[program].dialect == "powershell":
            return self.powershell(words, setting)
        peeled = peel(program, words, fed_by_listing=setting.fed_by_listing)
        if peeled is None:
            return []
        outer = setting
        variables = {**setting.variables, **peeled.variables} if peeled.variables else setting.variables
        setting = setting.with_traits(*peeled.traits)._replace(variables=variables, depth=setting.depth + 1)
        found = [meaning for value in peeled.tunnels for meaning in raw_http.read_tunnel(value, setting)]
        script = outer.given if peeled.reads_input else peeled.script
        if script is not None:
            return found + read_script(script, setting._replace(given=None), self.command)
        if wrappers()[program].shell:  # a script file: read when it bears a tool's name, as the podman-docker shim does
            known = bool(peeled.words) and _program(peeled.words[0]) in _TOOLS
            return found + self.command(peeled.words, outer) if known else found
        return found + self.command(self.fed(peeled, outer), setting)

    def fed(self, peeled: Peeled, setting: Setting) -> Sequence[str]:
        """Put the known input of xargs in the place of the unknown."""
        if setting.given is None or UNKNOWN not in peeled.words:
            return peeled.words
        at = peeled.words.index(UNKNOWN)
        given = setting.given.splitlines()[:1] if peeled.lines else setting.given.split()
        return [*peeled.words[:at], *given, *peeled.words[at + 1 :]]

    def http(self, program: str, words: Sequence[str], setting: Setting) -> list[Meaning]:
        """Read an HTTP client, or an interpreter that runs a tool's script or code of its own."""
        if raw_http.is_interpreter(program):
            place = next((at for at, word in enumerate(words) if not word.startswith("-")), len(words))
            if place < len(words) and not any(word in {"-c", "-e", "-m"} for word in words[:place]):
                family = _TOOLS.get(_program(words[place]))
                if family is not None:
                    return self.tool(grammars()[family], words[place + 1 :], setting)
            return read_code(program, words, setting, self.command)
        found = raw_http.read_tool(program, words, setting)
        if program == "socat":
            for started in filter(None, map(_SOCAT_RUNS.match, words)):
                found += read_script(started[1], setting.with_traits("in-shell"), self.command)
        return found

    def reader(self, program: str, words: Sequence[str], setting: Setting) -> list[Meaning]:
        """Read a program that prints or lists files, asks for names or sweeps over ports."""
        if program in network.resolvers():
            return network.read_resolver(program, words, setting)
        if program in network.scanners():
            return network.read_scanner(program, words, setting)
        found = files.read_files(program, words, setting)
        at = 0
        while at < len(words):
            word = words[at]
            at += 1
            if word in {"-exec", "-execdir", "-ok", "-okdir"}:
                begin, at = at, next((end for end in range(at, len(words)) if words[end] in {";", "+"}), len(words))
                found += self.command(words[begin:at], setting._replace(depth=setting.depth + 1))
            elif "system(" in word or "getline" in word:
                found += read_code(program, [word], setting, self.command)
        return found

    def powershell(self, words: Sequence[str], setting: Setting) -> list[Meaning]:
        """Read what PowerShell is told to run, what that decodes, and what it asks by the classes of .NET."""
        told = powershell.read_options(words)
        if told is None:
            return []
        inner = setting.with_traits("in-shell", *(["encoded"] if told.encoded else []))
        inner = inner._replace(depth=setting.depth + 1, given=None)
        found = read_script(powershell.as_posix(told.script), inner, self.command)
        for text in powershell.decoded_inside(told.script):
            found += read_script(powershell.as_posix(text), inner.with_traits("encoded"), self.command)
        if not found:
            found = read_code("powershell", [told.script], inner, self.command)
        return found

    def unknown(self, words: Sequence[str], setting: Setting) -> list[Meaning]:
        """Read a program of an unknown name as the tool that its arguments speak of, if they speak clearly."""
        if SUBCOMMAND_WORDS.isdisjoint(words):
            return []
        invocation = renamed.suspect(words)
        return meanings(invocation, setting.with_traits("renamed-binary")) if invocation else []
