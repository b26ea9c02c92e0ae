"""Lines of an audit log that are kept while records of their events may still come."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from itertools import compress
from typing import NamedTuple


class Span(NamedTuple):
    """A run of whole lines within a block."""

    start: int
    end: int
    line: int  # lines of the block before it
    lines: int  # line ends in it


class Place(NamedTuple):
    """One line, with where it is in the input."""

    offset: int
    line: int
    text: bytes


class Chunk:
    """Some lines with their events; small blocks are gathered in one chunk, so that few are kept."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.ids: list[bytes] = []  # the event of each line, b"" for none
        self.events: dict[bytes, None] = {}  # every event seen, also those whose lines were not kept
        self.start = self.end = 0  # offsets
        self._taken: dict[bytes, int] = {}  # event -> up to which index its lines were given
        self._firsts: list[int] = []  # index of the first line of each span, its line number, its offset
        self._numbers: list[int] = []
        self._offsets: list[int] = []
        self._span = self._index = self._offset = -1  # of the line that was asked for last

    def add(self, data: bytes, spans: Iterable[Span], *, line: int, offset: int) -> int:
        """Take in these spans of a block that begins at `line` and `offset`; give the index of their first line."""
        first = at = len(self.lines)
        if not self.lines and not self.events:
            self.start = offset
        self.end = offset + len(data)
        kept = []
        for span in spans:
            self._firsts.append(at)
            self._numbers.append(line + span.line)
            self._offsets.append(offset + span.start)
            kept.append(data[span.start : span.end])
            at += span.lines
        text = kept[0] if len(kept) == 1 else b"".join(kept)
        if text:
            self.lines += text.split(b"\n")
            if not self.lines[-1]:
                self.lines.pop()
        return first

    def place(self, index: int) -> Place:
        """Say where a line is."""
        at = bisect_right(self._firsts, index) - 1
        if at != self._span or index < self._index:
            self._span, self._index, self._offset = at, self._firsts[at], self._offsets[at]
        # Lines are asked for in order: go on from the last one.
        self._offset += sum(map(len, self.lines[self._index : index])) + index - self._index
        self._index = index
        return Place(self._offset, self._numbers[at] + index - self._firsts[at], self.lines[index])

    def take(self, wanted: Collection[bytes], unused: tuple[bytes, ...]) -> Iterator[Place]:
        """Give the lines of some events that were not given before; those that begin with one of `unused` never."""
        size, taken = len(self.ids), self._taken
        found = {identity for identity in self.events.keys() & wanted if taken.get(identity, 0) < size}
        if not found:
            return
        before = {identity: taken.get(identity, 0) for identity in found}
        taken.update(dict.fromkeys(found, size))
        for index in compress(range(size), map(found.__contains__, self.ids)):
            if index >= before[self.ids[index]] and not self.lines[index].startswith(unused):
                yield self.place(index)
