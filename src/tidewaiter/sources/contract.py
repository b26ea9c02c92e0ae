"""What a source gives and gets: the contract between the input layer and the readers of formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol, runtime_checkable

import msgspec

from tidewaiter.model import Activity, Plane, RecordKind, RuleMatch

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


class Matcher(Protocol):
    """The user's own rules over original records; a reader that is given one asks it about every record."""

    def wants(self, kind: RecordKind) -> bool:
        """Tell whether any rule is about such records: if not, nothing need be asked."""

    def matches(self, kind: RecordKind, record: Mapping[str, Any]) -> tuple[RuleMatch, ...]:
        """Give the rules that hold for a record."""


class Tally:
    """What a reader counts about its input while reading. Every method changes the tally."""

    def __init__(self, path: str, *, native: bool = True, matcher: Matcher | None = None) -> None:
        self.path = path
        self.matcher = matcher  # None, as nearly always: records that are not relevant need not even be decoded
        self.native = native  # readers may use optional native libraries; findings are the same without
        self.records = 0  # records of the format, relevant or not, readable or not
        self.unreadable = 0
        self.foreign = 0  # records inside a wrapper that are of no known format
        self.first: datetime | None = None  # earliest and latest time among *kept* records
        self.last: datetime | None = None
        self.kept = 0  # activities
        self.notes: dict[str, int] = {}  # visibility: id of the catalogue's cannot.* -> how often
        self.places: list[Unreadable] = []
        self.keep_places = 1000
        # A reader that counts the lines of a block while reading it may say so here: then nobody counts them again.
        self.lines_of_block: int | None = None
        # Gives the time that the wrapper of a record states, for records without one of their own.
        self.time_of_line: Callable[[int], datetime | None] = _no_time

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


def _no_time(line: int) -> datetime | None:  # noqa: ARG001 - the shape of Tally.time_of_line
    return None


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
