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
# With these a shell puts a word together or a program spells it, so that the word itself need not be there.
_MARKS = re.compile(rb"[$`\\?*\[{%]")
_SPELLERS = ("base64", "base32", "xxd", "rev", "tr", "sed")
# What code and tunnels hold that lead to an engine or a cluster, in lower case.
_PLACES = re.compile(rb"docker|podman|kube|containerd|incluster|\.sock|/json|/dev/tcp/|:2375|:2376|:4243")
_LETTERS = re.compile(rb"[a-z]+")
_OTHER_SHELLS = frozenset({"powershell", "pwsh", "cmd"})  # with encodings and quoting of their own
_MEMO = 50_000
_SURE, _CARRIER, _OTHER, _DULL = "sure", "carrier", "other", "dull"  # what a program's name says of its arguments


class Needles:
    """The tests for one run; remembers what it has judged, because most records repeat."""

    def __init__(self) -> None:
        clients = {name for name in http_names() if not is_interpreter(name)}
        sure = {*tool_names(), *clients, *_OTHER_SHELLS}
        self._sure = _names(sure)  # what it is called with decides
        self._carriers = _names(TOOL_WORDS.union(wrappers()) - sure)  # runs what stands in its arguments
        self._carried = _beginnings({*sure, *_SPELLERS})
        self._tool = _names(tool_names())
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
        found = self._by_arguments(data)
        found.update(_by_value(data, _PROGRAM, self._programs, self._program))
        found.update(_by_value(data, _ADDRESS, self._addresses, _leads_to_engine))
        return found

    def _by_arguments(self, data: bytes) -> set[bytes]:
        found, dull = set(), set()
        for identity, body in _EXECVE.findall(data):
            sort = self.arguments(body)
            if sort is True:
                found.add(identity)
            elif sort is None:
                dull.add(identity)
        # A long list goes on in records that do not name the program. Two hosts may use the same identifier.
        return found if b"node=" in data else found - dull

    def arguments(self, body: bytes) -> bool | None:
        """Say whether an EXECVE record may belong to a command that means something; None: no record of it can."""
        first = _FIRST.match(body)
        if first is None:  # the arguments of a long list go on here
            return True
        sort = self._sorts.get(first[1])
        if sort is None:
            sort = self._sort(_file_name(plain(first[1])))
            _bounded(self._sorts)[first[1]] = sort
        if sort is _DULL:
            return None
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
        """Say whether a tool's name, a sub-command's or a way to spell one is among the words."""
        if _MARKS.search(words) is not None:
            return True
        bare = words.translate(None, b"\"'").lower()  # quotes inside a word vanish in a shell: d"oc"ker is docker
        if not self._carried.isdisjoint(_LETTERS.findall(bare)) or _PLACES.search(bare) is not None:
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
    """Find the events in which a field has a value that may matter; each distinct value is judged once."""
    for found in field.finditer(data):
        value = found[1]
        wanted = memo.get(value)
        if wanted is None:
            wanted = _bounded(memo)[value] = judge(value)
        if wanted:
            at = found.start()
            identity = _IDENTITY.search(data, data.rfind(b"\n", 0, at) + 1, at)
            if identity:
                yield identity[1]


def _bounded(memo: dict[bytes, Any]) -> dict[bytes, Any]:
    if len(memo) >= _MEMO:  # hostile variety costs speed, never memory
        memo.clear()
    return memo


def _beginnings(words: Iterable[str]) -> frozenset[bytes]:
    """Give the letters that names of programs begin with, also with the v of a version behind them."""
    begun = {found[0] for word in words if (found := _LETTERS.match(word.lower().encode()))}
    return frozenset(begun | {word + b"v" for word in begun})


def _names(words: Iterable[str]) -> re.Pattern[bytes]:
    """Give a pattern for any of these program names, with a version, an extension or a plug-in's name behind."""
    longest = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?:{longest})(?:v\d|(?![A-Za-z]))".encode(), re.IGNORECASE)
