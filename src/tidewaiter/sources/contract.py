"""What a source gives and gets: the contract between the input layer and the readers of formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, runtime_checkable

import msgspec

from tidewaiter.model import Activity, Plane

SAMPLE_BYTES = 256  # of an unreadable record, kept for `--unreadable`


class Block(NamedTuple):
    """A run of complete lines of one input.

    Every line ends with a newline, except possibly the last line of the input. Line ends are kept as they were.
    """

    data: bytes | memoryview
    offset: int  # of the first byte, in the decompressed input
    line: int  # 1-based number of the first line


class Occurrence(NamedTuple):
    """One activity of which only time and place are its own: a template says the rest, and serves many."""

    template: Activity
    id: str
    at: datetime
    text: str
    line: int
    offset: int

    def activity(self) -> Activity:
        """Give it in full."""
        origin = msgspec.structs.replace(self.template.origin, line=self.line, offset=self.offset)
        return msgspec.structs.replace(self.template, id=self.id, at=self.at, text=self.text, origin=origin)


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of input that could not be read, with its place."""

    path: str
    line: int
    offset: int
    reason: str  # key of the message catalogue plus ":" and a detail, or plain words
    sample: bytes = b""  # the first SAMPLE_BYTES of it


class Tally:
    """What a reader counts about its input while reading. Every method changes the tally."""

    def __init__(self, path: str, *, native: bool = True) -> None:
        self.path = path
        self.native = native  # readers may use optional native libraries; findings are the same without
        self.records = 0  # records of the format, relevant or not, readable or not
        self.unreadable = 0
        self.first: datetime | None = None  # earliest and latest time among *kept* records
        self.last: datetime | None = None
        self.kept = 0  # activities
        self.notes: dict[str, int] = {}  # visibility: id of the catalogue's cannot.* -> how often
        self.places: list[Unreadable] = []
        self.keep_places = 1000
        # A reader that counts the lines of a block while reading it may say so here: then nobody counts them again.
        self.lines_of_block: int | None = None

    def cannot_read(self, *, line: int, offset: int, reason: str, raw: bytes | memoryview = b"") -> None:
        """Count one unreadable piece and keep its place (the first `keep_places` of them)."""
        self.unreadable += 1
        if len(self.places) < self.keep_places:
            sample = bytes(raw[:SAMPLE_BYTES])
            self.places.append(Unreadable(path=self.path, line=line, offset=offset, reason=reason, sample=sample))

    def saw(self, at: datetime) -> None:
        """Widen the time span by one kept record."""
        if self.first is None or at < self.first:
            self.first = at
        if self.last is None or at > self.last:
            self.last = at

    def note(self, key: str, times: int = 1) -> None:
        """Count a fact about what this input can or cannot show."""
        self.notes[key] = self.notes.get(key, 0) + times


class Reader(Protocol):
    """Reads one input of one format, block by block; may hold a bounded state between blocks."""

    def feed(self, block: Block) -> Iterable[Activity]:
        """Give the activities that are complete with this block. Raises nothing for bad data: it counts it."""

    def finish(self) -> Iterable[Activity]:
        """Give what was still waiting for more lines."""


@runtime_checkable
class RepeatingReader(Reader, Protocol):
    """A reader of records that repeat a few hundred shapes: it can give them without making each activity whole."""

    def occurrences(self, block: Block) -> Iterable[Occurrence]:
        """Give the same as `feed`, as occurrences of templates."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One format: its name, how to recognise it by content, and how to read it."""

    name: str  # "kube-audit"; also Origin.source
    plane: Plane
    title: str  # one line for `tidewaiter sources --list`
    sniff: Callable[[Sequence[bytes]], int]  # how many of these sample lines are of this format
    reader: Callable[[Tally], Reader]
    blind_to: tuple[str, ...] = ()  # ids of the catalogue's cannot.*: what this sensor never shows
