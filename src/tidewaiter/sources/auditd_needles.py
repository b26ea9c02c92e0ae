"""Says cheaply which audit events of a block may matter, so that the others are never taken apart.

Sound, not sharp: an event is set aside only when no line of it can matter. Each test looks at one line alone, so
neither the order of records nor what stands between them can lose an event; the reader then gathers all lines of the
events named here. What passes needlessly costs time only. The tests follow what `meaning/commandline.py` reacts to: the
program's name decides, then words of its arguments; a test runs both ways over the same commands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tidewaiter.meaning.commandline import SUBCOMMAND_WORDS, TOOL_WORDS
from tidewaiter.meaning.raw_http import http_names, is_interpreter
from tidewaiter.meaning.tools import known_programs, tool_names
from tidewaiter.meaning.wrappers import wrappers
from tidewaiter.sources.auditd_fields import endpoint, plain

_EXECVE = re.compile(rb"type=(?:EXECVE|1309) (?:msg=)?audit\(([^)\n]*)\):([^\n]*)")  # the kernel writes the number
_IDENTITY = re.compile(rb"audit\(([\d.]+:\d+)\)")
_PROGRAM = re.compile(rb' exe=("[^"\n]*"|[^\s\x1d]*)')
_ADDRESS = re.compile(rb" saddr=(\{[^}\n]*\}|[^\s\x1d]*)")
_VALUE = re.compile(rb'=("[^"]*"|\S+)')
_FIRST = re.compile(rb' argc=\d+ a0=("[^"]*"|[^\s\x1d]+)')
_SPLIT = re.compile(rb"_len=|\]=")  # a name may lie across the pieces of a split argument
_SHELL_WORD = re.compile(rb"[^\s;|&()<>{}]+")
# With these a shell puts a word together or another program spells it, so that the word itself need not be there.
_HAZARD = re.compile(
    rb"[$`\\?*\[]|\{[^{}]*,|%[sbq]|\b(?:base64|base32|xxd|rev|tr|sed)\b|/dev/tcp/"
    # Sockets, ports and libraries of engines in tunnels and in code.
    rb"|\.sock|:(?:2375|2376|4243)|docker|podman|containerd|kube|crio|/(?:containers|images)/json",
    re.IGNORECASE,
)
_OTHER_SHELLS = frozenset({"powershell", "pwsh", "cmd"})  # with encodings and quoting of their own
_FEW = 16  # values that are found faster one by one than by looking at every field
_MEMO = 50_000
_SURE, _CARRIER, _OTHER, _DULL = "sure", "carrier", "other", "dull"  # what a program's name says of its arguments


class Needles:
    """The tests for one run; remembers what it has judged, because most records repeat."""

    def __init__(self) -> None:
        clients = {name for name in http_names() if not is_interpreter(name)}
        sure = {*tool_names(), *clients, *_OTHER_SHELLS}
        self._sure = _names(sure, start=True)  # what it is called with decides
        self._carriers = _names(TOOL_WORDS.union(wrappers()) - sure, start=True)  # runs what stands in its arguments
        self._carried = _names(sure)
        self._tool = _names(tool_names(), start=True)
        self._commands = frozenset(word.encode() for word in SUBCOMMAND_WORDS)
        self._dull = frozenset(name.encode() for name in known_programs() - TOOL_WORDS)
        # As the words stand in a record: quoted, bare, or in hex by a program that quotes everything.
        self._raw = frozenset(
            form
            for word in self._commands
            for form in (b'"%b"' % word, word, word.hex().encode(), word.hex().upper().encode())
        )
        self._sorts: dict[bytes, str] = {}
        self._programs: dict[bytes, bool] = {}
        self._addresses: dict[bytes, bool] = {}

    def __call__(self, data: bytes) -> set[bytes]:
        """Give the identifiers of the events of which a line in this block may matter."""
        found = set(self._by_arguments(data))
        found.update(_by_value(data, _PROGRAM, self._programs, self._program))
        found.update(_by_value(data, _ADDRESS, self._addresses, _leads_to_engine))
        return found

    def _by_arguments(self, data: bytes) -> Iterator[bytes]:
        judge = self.arguments
        for identity, arguments in _EXECVE.findall(data):
            if judge(arguments):
                yield identity

    def arguments(self, body: bytes) -> bool:
        """Say whether an EXECVE record may belong to a command that means something."""
        first = _FIRST.match(body)
        if first is None:  # the arguments of a long list go on here
            return True
        sort = self._sorts.get(first[1])
        if sort is None:
            sort = self._sort(_file_name(plain(first[1])))
            _bounded(self._sorts)[first[1]] = sort
        if sort is _DULL:
            return False
        if sort is _SURE or _SPLIT.search(body):
            return True
        values = _VALUE.findall(body, first.end())
        return self._tells(b" ".join(map(plain, values))) if sort is _CARRIER else not self._raw.isdisjoint(values)

    def _sort(self, name: bytes) -> str:
        if self._sure.match(name):
            return _SURE
        if self._carriers.match(name):
            return _CARRIER
        return _DULL if name in self._dull else _OTHER

    def _tells(self, words: bytes) -> bool:
        # Quotes inside a word vanish in a shell: d"oc"ker is docker. A backslash is a hazard.
        bare = words.translate(None, b"\"'")
        if self._carried.search(bare) is not None or _HAZARD.search(words) is not None:
            return True
        return not self._commands.isdisjoint(_SHELL_WORD.findall(bare))

    def _program(self, value: bytes) -> bool:
        return self._tool.match(_file_name(plain(value))) is not None


def _file_name(path: bytes) -> bytes:
    """Give the name without folders, and without the dash of a login shell."""
    return path.rpartition(b"/")[2].rpartition(b"\\")[2].removeprefix(b"-")


def _leads_to_engine(value: bytes) -> bool:
    return endpoint(value) is not None


def _by_value(
    data: bytes, field: re.Pattern[bytes], memo: dict[bytes, bool], judge: Callable[[bytes], bool]
) -> Iterator[bytes]:
    """Judge each distinct value of a field once, then find the events that hold one that may matter."""
    telling = set()
    for value in set(field.findall(data)):
        wanted = memo.get(value)
        if wanted is None:
            wanted = _bounded(memo)[value] = judge(value)
        if wanted:
            telling.add(value)
    if not telling:
        return
    for at in _places(data, field, telling):
        identity = _IDENTITY.search(data, data.rfind(b"\n", 0, at) + 1, at)
        if identity:
            yield identity[1]


def _places(data: bytes, field: re.Pattern[bytes], values: set[bytes]) -> Iterator[int]:
    """Give the offsets at which a field has one of these values; too many offsets do no harm."""
    if len(values) > _FEW:
        yield from (found.start() for found in field.finditer(data) if found[1] in values)
        return
    for value in values:
        wanted = b"=" + value
        at = data.find(wanted)
        while at >= 0:
            yield at
            at = data.find(wanted, at + 1)


def _bounded(memo: dict[bytes, Any]) -> dict[bytes, Any]:
    if len(memo) >= _MEMO:  # hostile variety costs speed, never memory
        memo.clear()
    return memo


def _names(words: Iterable[str], *, start: bool = False) -> re.Pattern[bytes]:
    """Give a pattern that finds any of these program names, with a version, an extension or a plug-in's name behind."""
    root: dict[str, Any] = {}
    for word in words:
        node = root
        for letter in word.lower():
            node = node.setdefault(letter, {})
        node[""] = {}
    before = "" if start else r"(?<![A-Za-z0-9_.])"
    return re.compile(f"{before}{_branch(root)}(?:v\\d|(?![A-Za-z]))".encode(), re.IGNORECASE)


def _branch(node: dict[str, Any]) -> str:
    # Common beginnings are tried once: 2.5 times as fast as a flat list of alternatives.
    branches = [re.escape(letter) + _branch(rest) for letter, rest in sorted(node.items()) if letter]
    if not branches:
        return ""
    return f"(?:{'|'.join(branches)}){'?' if '' in node else ''}"
