"""Says cheaply which audit events of a block may matter, so that the others are never taken apart.

Sound, not sharp: an event is set aside only when no line of it can matter. Each test looks at one line alone, so
neither the order of records nor what stands between them can lose an event; the reader then gathers all lines of the
events named here. What passes needlessly costs time only. The tests follow what `meaning/commandline.py` reacts to: the
program's name decides, then words of its arguments; a test runs both ways over the same commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Protocol

from tidewaiter.meaning import triggers
from tidewaiter.meaning.commandline import SUBCOMMAND_WORDS, TOOL_WORDS
from tidewaiter.meaning.raw_http import http_names, is_interpreter
from tidewaiter.meaning.tools import known_programs, tool_names
from tidewaiter.meaning.vocabulary import load
from tidewaiter.meaning.wrappers import wrappers
from tidewaiter.sources.auditd_fields import endpoint, plain
from tidewaiter.sources.auditd_kept import Span
from tidewaiter.sources.auditd_records import call_of

_START = b"type=SYSCALL msg=audit("
_IDENTITY = re.compile(rb"\d+\.\d+:\d+")
# One pass for the arguments, the addresses and the complaints of auditd; the kernel's own lines have numbers.
_RECORD = re.compile(rb"type=(?:EXECVE|1309|SOCKADDR|1306|DAEMON_ERR) (?:msg=)?audit\(([^)\n]*\):[^\n]*)")
# Greedy up to the last exe=: the fields before it are written by the kernel, so it is the first, too.
_SYSCALL = re.compile(rb'type=(?:SYSCALL|1300) (?:msg=)?audit\(([^)\n]*)\):[^\n]* exe=("[^"\n]*"|[^\s\x1d]*)')
_ADDRESS = re.compile(rb" saddr=(\{[^}\n]*\}|[^\s\x1d]*)")
_VALUE = re.compile(rb'=("[^"]*"|\S+)')
_FIRST = re.compile(rb'[^)]*\): argc=(\d{1,7}) a0=("[^"]*"|[^\s\x1d]+)')
_BORDER = re.compile(rb"[\s\x1d]")
_HEX = re.compile(rb"=([0-9A-Fa-f]{2,})(?![^\s\x1d])")
_SHELL_WORD = re.compile(rb"[^\s;|&()<>{}=]+")
_MARKS = re.compile(triggers.SHELL_MARKS.encode())
# In lower case.
_PLACES = re.compile(f"{triggers.PLACES}|{triggers.around_marks()}".encode())
_LETTERS = re.compile(rb"[a-z]+")
# Upper case becomes lower case and what is no letter a blank: split() then gives the runs of letters.
_RUNS = bytes(code | 32 if 65 <= code <= 90 else code if 97 <= code <= 122 else 32 for code in range(256))  # noqa: PLR2004 - ASCII
# Shells with encodings and quoting of their own.
_OTHER_SHELLS = frozenset(name for name, wrapper in wrappers().items() if wrapper.dialect)
_LAST = {b"%d" % (count + 1): b" a%d=" % count for count in range(100)}  # argc -> how the last argument begins
_HEAD = 200  # bytes in which a SYSCALL record says what was called and how it ended
_LONG = 1000  # the kernel splits arguments from about 7500 characters on
_MEMO = 50_000
# What a program's name says of its arguments: they may always mean something, they ask for a URL, they are code, they
# are another command, they may be those of a renamed tool, they never mean anything; or a pattern they must match.
_SURE, _CLIENT, _INTERPRETER, _CARRIER, _OTHER, _DULL = "sure", "client", "interpreter", "carrier", "other", "dull"


class Sieve(Protocol):
    """Two questions to a block of lines; wrong answers may only be on the side of too much."""

    lines: int  # line ends in the block that was last asked about

    def settled(self, data: bytes) -> tuple[list[Span], list[bytes]]:
        """Give the spans to be looked at, and the identifiers of the events that need not be."""

    def wanted(self, data: bytes) -> set[bytes] | None:
        """Give the identifiers of the events of which a line may matter; None for all."""


class Everything:
    """The plain way: sets nothing aside."""

    lines = 0

    def settled(self, data: bytes) -> tuple[list[Span], list[bytes]]:
        """Give the whole block."""
        self.lines = data.count(b"\n")
        return [Span(0, len(data), 0, self.lines)], []

    def wanted(self, data: bytes) -> None:
        """Ask for all events."""


class Needles:
    """The tests for one run; remembers what it has judged, because most records repeat."""

    def __init__(self) -> None:
        interpreters = {name for name in http_names() if is_interpreter(name)}
        metadata = TOOL_WORDS.difference(tool_names(), wrappers(), http_names(), triggers.argument_marks())
        sure = {*tool_names(), *_OTHER_SHELLS, *metadata} | http_names() - interpreters
        http = load("tools/http.yml")
        self._clients = _whole_names(name for client in http["clients"].values() for name in client["names"].split())
        # Programs that mean something only with certain arguments, by their plain names; the pattern is their sort.
        self._seldom = {name.encode(): pattern for name, pattern in triggers.argument_marks().items()}
        self._patterns = {pattern: re.compile(pattern.encode()) for pattern in self._seldom.values()}
        # Whether a client may ask an engine, a cluster or a cloud for something.
        self._patterns[_CLIENT] = re.compile(triggers.client_marks().encode(), re.IGNORECASE)
        # Under a name with something behind it a program may be none of these, but a renamed tool.
        self._nearly = _names({*triggers.argument_marks(), *interpreters})
        self._sure = _names(sure)  # what it is called with decides
        self._interpreters = _whole_names(interpreters.difference(wrappers()))
        self._scripts = _beginnings(tool_names())
        self._carriers = _names(
            TOOL_WORDS.union(wrappers()).difference(sure, triggers.argument_marks())
        )  # runs what stands in its arguments
        self._carried = _beginnings({*sure, *triggers.telling_programs()})
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
        self._spoken: dict[tuple[str, bytes], bool] = {}
        self.lines = 0

    def settled(self, data: bytes) -> tuple[list[Span], list[bytes]]:
        """Set aside the events that stand here in one piece and cannot matter: the spans that remain, and their ids.

        In one piece: a SYSCALL line, an EXECVE line with all arguments (or of a program whose arguments are of no
        interest), and further lines of the same event only. What comes later under that identifier can add nothing.
        """
        parts = data.split(_START)
        spans: list[Span] = []
        gone: list[bytes] = []
        before = _tail(parts[0])  # what stands in front of the marker on its line
        position = len(parts[0]) - before
        line = parts[0].count(b"\n")
        start = start_line = 0
        alone = True  # no other event begins on the same line: a line end was lost
        matters = self._matters
        for part in parts[1:]:
            after = 0 if part.endswith(b"\n") else _tail(part)
            end = position + before + len(_START) + len(part) - after
            lines = part.count(b"\n")
            identity = part[: part.find(b")")]
            if (
                part.count(b" msg=audit(" + identity + b")") == lines - 1
                and alone
                and not (before and self._strange(data[position : position + before], part, lines))
                and not matters(part)
                and _IDENTITY.fullmatch(identity)
            ):
                gone.append(identity)
                if start < position:
                    spans.append(Span(start, position, start_line, line - start_line))
                start, start_line = end, line + lines
            position, before, alone = end, after, lines > 0
            line += lines
        if start < len(data):
            spans.append(Span(start, len(data), start_line, line - start_line))
        self.lines = line
        return spans, gone

    @staticmethod
    def _strange(before: bytes, part: bytes, lines: int) -> bool:
        """Say whether what stands in front of an event is a record that lost its line end, or another host's name."""
        return b"type=" in before or part.count(before) < lines - 1

    def _matters(self, part: bytes) -> bool:
        """Say whether an event in one piece, from behind its first "audit(" on, may matter or is not complete."""
        at = part.find(b"type=EXECVE ")
        program = part.find(b" exe=", 0, at) if at >= 0 else -1
        if program < 0:
            return _may_get_arguments(part)
        value = part[program + 5 : part.find(b" ", program + 5)]
        wanted = self._programs.get(value)
        if wanted or (wanted is None and self._program(value)):
            return True
        first = _FIRST.match(part, at)
        if first is None:
            return True
        end = part.find(b"\n", at)
        sort = self._sorts.get(first[2]) or self._sort(first[2])
        if sort is not _DULL and (end - at > _LONG or self._speak(sort, part[first.end() : end])):
            return True
        # More records of the arguments may follow elsewhere, until the last argument is there in one piece.
        last = _LAST.get(first[1]) or b" a%d=" % (int(first[1]) - 1)
        return part.find(last, at) < 0

    def wanted(self, data: bytes) -> set[bytes]:
        """Give the identifiers of the events of which a line in this block may matter."""
        found = self._by_records(data)
        programs = _SYSCALL.findall(data)
        telling = {value for value in {value for _, value in programs} if self._program(value)}
        if telling:
            found.update([identity for identity, value in programs if value in telling])
        return found

    def _by_records(self, data: bytes) -> set[bytes]:
        found: set[bytes] = set()
        going_on: set[bytes] = set()
        dull: set[bytes] = set()
        first_argument, sorts = _FIRST.match, self._sorts.get
        for body in _RECORD.findall(data):
            first = first_argument(body)
            if first is None:
                address = _ADDRESS.search(body)
                if address is None or endpoint(address[1]) is not None:
                    (found if address else going_on).add(body[: body.find(b")")])
            elif (sorts(first[2]) or self._sort(first[2])) is _DULL:
                if len(body) > _LONG:
                    dull.add(body[: body.find(b")")])
            elif self.arguments(body):
                found.add(body[: body.find(b")")])
        # Further records of a long list do not name the program; its first one does, and speaks for them all.
        return found | (going_on - dull)

    def arguments(self, body: bytes) -> bool:
        """Say whether an EXECVE record may belong to a command that means something."""
        first = _FIRST.match(body)
        if first is None:  # a long list goes on here
            return True
        sort = self._sorts.get(first[2]) or self._sort(first[2])
        return sort is not _DULL and self._speak(sort, body[first.end() :])

    def _speak(self, sort: str, words: bytes) -> bool:
        """Say whether the arguments behind a program of some sort may mean something; as they stand in the record."""
        if sort is _SURE or b"]=" in words or b"_len=" in words:  # a name may lie across the pieces of an argument
            return True
        known = self._spoken.get((sort, words))
        if known is None:
            known = _bounded(self._spoken)[sort, words] = self._hear(sort, words)
        return known

    def _hear(self, sort: str, words: bytes) -> bool:
        if sort is _OTHER:
            if words.count(b"=") == words.count(b'="'):  # all values are quoted, and hold no quote themselves
                return not self._commands.isdisjoint(words.split(b'"')[1::2])
            return not self._raw.isdisjoint(_VALUE.findall(words))
        hexadecimal = _HEX.findall(words)
        if hexadecimal:
            words = b" ".join((words, *map(plain, hexadecimal)))
        pattern = self._patterns.get(sort)
        if pattern is not None:
            return pattern.search(words) is not None
        if sort is _INTERPRETER:  # whether it runs a tool's script, or code that speaks to one
            runs = words.translate(_RUNS).split()
            return _PLACES.search(words.lower()) is not None or not self._scripts.isdisjoint(runs)
        return self._tells(words)

    def _sort(self, value: bytes) -> str:
        """Say, and remember, what the name a program was called by says of its arguments."""
        name = _file_name(plain(value))
        if name in self._seldom:
            sort = self._seldom[name]
        elif self._clients.fullmatch(name):
            sort = _CLIENT
        elif self._sure.match(name):
            sort = _SURE
        elif self._interpreters.fullmatch(name):
            sort = _INTERPRETER
        elif self._carriers.match(name):
            sort = _CARRIER
        elif self._nearly.match(name):
            sort = _SURE
        else:
            sort = _DULL if name in self._dull else _OTHER
        _bounded(self._sorts)[value] = sort
        return sort

    def _tells(self, words: bytes) -> bool:
        """Say whether a tool's name, a sub-command's or a way to spell one is among the words."""
        if _MARKS.search(words) is not None:
            return True
        bare = words.translate(None, b"\"'").lower()  # quotes inside a word vanish in a shell: d"oc"ker is docker
        if _PLACES.search(bare) is not None or not self._carried.isdisjoint(bare.translate(_RUNS).split()):
            return True
        return not self._commands.isdisjoint(_SHELL_WORD.findall(bare))

    def _program(self, value: bytes) -> bool:
        wanted = self._programs.get(value)
        if wanted is None:
            path = plain(_BORDER.split(value, 1)[0]).removesuffix(b" (deleted)")
            wanted = self._tool.match(_file_name(path)) is not None
            _bounded(self._programs)[value] = wanted
        return wanted


def _may_get_arguments(part: bytes) -> bool:
    """Say whether an event without arguments may still be an exec or a connect that matters."""
    if call_of(part[:_HEAD]) is None:
        return False
    # A file that does not exist was not started: a shell tries the folders of PATH. PROCTITLE ends an event.
    return b" exit=-2 " not in part[:_HEAD] or b"type=PROCTITLE " not in part or b"type=SOCKADDR " in part


def _tail(part: bytes) -> int:
    """Count the bytes of a line that has begun but not ended."""
    return len(part) - part.rfind(b"\n") - 1


def _file_name(path: bytes) -> bytes:
    """Give the name without folders, and without the dash of a login shell."""
    return path.rpartition(b"/")[2].rpartition(b"\\")[2].removeprefix(b"-")


def _bounded(memo: dict[Any, Any]) -> dict[Any, Any]:
    if len(memo) >= _MEMO:  # hostile variety costs speed, never memory
        memo.clear()
    return memo


def _beginnings(words: Iterable[str]) -> frozenset[bytes]:
    """Give the letters that names of programs begin with, also with the v of a version behind them."""
    begun = {found[0] for word in words if (found := _LETTERS.match(word.lower().encode()))}
    return frozenset(begun | {word + b"v" for word in begun})


def _whole_names(words: Iterable[str]) -> re.Pattern[bytes]:
    """Give a pattern for any of these program names in full, with a version or an extension at most."""
    return re.compile(rf"(?:{'|'.join(map(re.escape, words))})(?:-?\d[\d.]*)?(?:\.exe)?".encode(), re.IGNORECASE)


def _names(words: Iterable[str]) -> re.Pattern[bytes]:
    """Give a pattern for any of these program names, with a version, an extension or a plug-in's name behind."""
    longest = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?:{longest})(?:v\d|(?![A-Za-z]))".encode(), re.IGNORECASE)
