"""Puts the parts of a line together, for each stream of each container, in flat memory, and losing no text.

A line that grows beyond `LIMIT` is given in windows that overlap: nothing of it is left out, and what lies across the
edge of two windows is whole in the second one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from tidewaiter.disclosure.entries import Entry, Writer

LIMIT = 256 << 10  # characters of a window
OVERLAP = 4 << 10  # longer than any value that is recognised
MOST_OPEN = 1000  # lines that wait for their end at the same time
# ECMA-48: CSI, OSC and other string sequences (ended by BEL or ST), two-character escapes.
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]{0,64}[ -/]{0,16}[@-~]|[\]PX^_][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)|[ -/]{0,4}[0-~])"
    r"|\x9b[0-?]{0,64}[@-~]"
)


class Start(NamedTuple):
    """Where a part of a line comes from."""

    at: int  # index of its first character in the window
    line: int
    offset: int


class Line(NamedTuple):
    """A line of a container, or a window of a very long one."""

    text: str
    writer: Writer
    at: datetime | None  # of the first part
    starts: tuple[Start, ...]
    seen: int = 0  # characters at the front that the window before held already
    goes_on: bool = False  # another window follows

    def place(self, index: int) -> Start:
        """Say in which record of the file a character lies."""
        found = self.starts[0]
        for start in self.starts:
            if start.at <= index:
                found = start
        return found


class _Open(NamedTuple):
    parts: list[str]
    starts: list[Start]
    size: int
    seen: int
    at: datetime | None


class Joiner:
    """Joins entries to lines. Every method changes what is held."""

    def __init__(self, limit: int = LIMIT, overlap: int = OVERLAP) -> None:
        self._limit = limit
        self._overlap = overlap
        self._open: dict[Writer, _Open] = {}
        self.long_lines = 0  # lines that did not fit into one window

    def take(self, entry: Entry) -> Iterator[Line]:
        """Take a record; gives the lines, or windows, that are complete with it."""
        held = self._open.pop(entry.writer, None)
        if held is None and entry.whole and len(entry.text) <= self._limit:
            yield Line(entry.text, entry.writer, entry.at, (Start(0, entry.line, entry.offset),))
            return
        held = held or _Open([], [], 0, 0, entry.at)
        held.parts.append(entry.text)
        held.starts.append(Start(held.size, entry.line, entry.offset))
        held = held._replace(size=held.size + len(entry.text))
        while held.size > self._limit:
            window, held = self._window(held, entry.writer)
            yield window
        if entry.whole:
            yield _line(held, entry.writer)
            return
        if len(self._open) >= MOST_OPEN:
            oldest = next(iter(self._open))
            yield _line(self._open.pop(oldest), oldest)
        self._open[entry.writer] = held

    def finish(self) -> Iterator[Line]:
        """Give the lines whose end never came."""
        for writer, held in self._open.items():
            yield _line(held, writer)
        self._open = {}

    def _window(self, held: _Open, writer: Writer) -> tuple[Line, _Open]:
        self.long_lines += not held.seen
        text = "".join(held.parts)
        window = Line(text[: self._limit], writer, held.at, tuple(held.starts), held.seen, goes_on=True)
        cut = self._limit - self._overlap
        last = max(number for number, start in enumerate(held.starts) if start.at <= cut)
        starts = [start._replace(at=max(0, start.at - cut)) for start in held.starts[last:]]
        rest = text[cut:]
        return window, _Open([rest], starts, len(rest), self._overlap, held.at)


def _line(held: _Open, writer: Writer) -> Line:
    return Line("".join(held.parts), writer, held.at, tuple(held.starts), held.seen)


class Clean(NamedTuple):
    """A text without what a terminal would obey, and the way back to the original."""

    text: str
    gaps: tuple[tuple[int, int], ...]  # index in the clean text, characters left out before it so far

    def original(self, index: int) -> int:
        """Say where a character of the clean text stood."""
        left_out = 0
        for at, before in self.gaps:
            if at > index:
                break
            left_out = before
        return index + left_out


def clean(text: str) -> Clean:
    """Take colour and other escape sequences out, and write bytes that are no UTF-8 as U+FFFD or what they make up."""
    if not text.isascii():
        # Parts of one character that a cut tore apart find together here; length may shrink by three for each.
        text = text.encode("utf-8", "surrogateescape" if _escaped(text) else "replace").decode("utf-8", "replace")
    if "\x1b" not in text and "\x9b" not in text:
        return Clean(text, ())
    pieces, gaps, at, removed, kept = [], [], 0, 0, 0
    for match in _ESCAPES.finditer(text):
        pieces.append(text[at : match.start()])
        kept += match.start() - at
        removed += match.end() - match.start()
        gaps.append((kept, removed))
        at = match.end()
    pieces.append(text[at:])
    return Clean("".join(pieces), tuple(gaps))


def _escaped(text: str) -> bool:
    """Tell whether all lone surrogates stand for bytes (PEP 383), so that the text can be encoded with them."""
    return not _OTHER_SURROGATES.search(text)


_OTHER_SURROGATES = re.compile("[\ud800-\udc7f\udd00-\udfff]")
