"""One format inside of a wrapper: its reader, where its records lie in the outer input, and what it counted."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from tidewaiter.model import Activity, Actor
from tidewaiter.sources.contract import Block, Occurrence, RepeatingReader, Source, Tally
from tidewaiter.sources.envelope.shapes import NOTHING, Around
from tidewaiter.sources.timestamps import any_time

_REMEMBERED = 64  # blocks whose places are kept, for readers that hold records back
_GENERIC_REALMS = frozenset({"host", "engine"})
_TEMPLATES = 20_000

Item = Activity | Occurrence


class Place(NamedTuple):
    """Where in the outer input a record lies, and what its wrappers say of it."""

    line: int
    offset: int
    around: Around


class Lane:
    """One format inside the wrapper: its reader, and where its records lie in the outer input."""

    def __init__(self, source: Source, outer: Tally) -> None:
        self.source = source
        self.tally = Tally(outer.path, native=outer.native, matcher=outer.matcher)
        self.tally.time_of_line = self._time_of
        self.reader = source.reader(self.tally)
        self._feed: Callable[[Block], Iterable[Item]] = (
            self.reader.occurrences if isinstance(self.reader, RepeatingReader) else self.reader.feed
        )
        self._next = 1
        self._lines: list[bytes] = []
        self._places: list[Place] = []
        self._starts: deque[int] = deque([1], maxlen=_REMEMBERED)
        self._kept: deque[list[Place]] = deque([self._places], maxlen=_REMEMBERED)
        self._templates: dict[tuple[int, Around], tuple[Activity, Activity]] = {}

    def add(self, record: bytes, place: Place) -> None:
        """Put a record behind the ones that wait to be read."""
        self._lines.append(record)
        self._places.append(place)

    def read(self) -> Iterator[Item]:
        """Read what waits, and give it with its place in the outer input."""
        if not self._lines:
            return
        data = b"\n".join(self._lines) + b"\n"
        block = Block(data, 0, self._next)
        for item in self._feed(block):
            yield self._placed(item)
        self._next += len(self._lines)
        self._lines = []
        self._places = []
        self._starts.append(self._next)
        self._kept.append(self._places)

    def finish(self) -> Iterator[Item]:
        """Give what the reader held back."""
        for item in self.reader.finish():
            yield self._placed(item)

    def place(self, line: int) -> Place:
        """Say where in the outer input the record of an inner line lies."""
        index = bisect_right(self._starts, line) - 1
        if index < 0:
            index, line = 0, self._starts[0]
        places = self._kept[index]
        at = line - self._starts[index]
        return places[min(at, len(places) - 1)] if places else Place(1, 0, NOTHING)

    def _time_of(self, line: int) -> datetime | None:
        at = self.place(line).around.at
        # A time without a zone (Log Analytics, CloudWatch Insights, Panther) is UTC in all exports of clouds.
        return any_time(at) or (any_time(f"{at}Z") if isinstance(at, str) else None)

    def _placed(self, item: Item) -> Item:
        if isinstance(item, Occurrence):
            place = self.place(item.line)
            template = item.template
            if place.around.host or place.around.cluster:
                template = self._at_home(template, place.around)
            return item._replace(template=template, line=place.line, offset=place.offset)
        place = self.place(item.origin.line)
        origin = msgspec.structs.replace(item.origin, line=place.line, offset=place.offset)
        return msgspec.structs.replace(item, origin=origin, actor=_at_home(item, place.around))

    def _at_home(self, template: Activity, around: Around) -> Activity:
        key = (id(template), around._replace(at=None))
        found = self._templates.get(key)
        if found is None:
            if len(self._templates) >= _TEMPLATES:
                self._templates.clear()
            changed = msgspec.structs.replace(template, actor=_at_home(template, around))
            found = self._templates[key] = (template, changed)  # holding the first keeps its identity its own
        return found[1]


def _at_home(activity: Activity, around: Around) -> Actor:
    """Name the cluster or host of an actor, if the record itself did not."""
    actor = activity.actor
    if activity.plane == "kubernetes":
        realm = around.cluster
    else:
        realm = around.host if actor.realm in _GENERIC_REALMS else None
    return msgspec.structs.replace(actor, realm=realm) if realm else actor


class Counts(NamedTuple):
    """What a lane had counted when it was last added to the tally of the input."""

    records: int = 0
    unreadable: int = 0
    kept: int = 0
    places: int = 0
    notes: Mapping[str, int] = MappingProxyType({})


def absorb(outer: Tally, lane: Lane, before: Counts) -> Counts:
    """Add what a lane counted since `before` to the tally of the input, with places in the input."""
    inner = lane.tally
    outer.records += inner.records - before.records
    outer.kept += inner.kept - before.kept
    for key, times in inner.notes.items():
        if times > before.notes.get(key, 0):
            outer.note(key, times - before.notes.get(key, 0))
    for bound in (inner.first, inner.last):
        if bound is not None:
            outer.saw(bound)
    told = inner.places[before.places :]
    for one in told:
        place = lane.place(one.line)
        outer.cannot_read(line=place.line, offset=place.offset, reason=one.reason, raw=one.sample)
    outer.unreadable += inner.unreadable - before.unreadable - len(told)
    return Counts(inner.records, inner.unreadable, inner.kept, len(inner.places), dict(inner.notes))
