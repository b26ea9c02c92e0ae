from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from factories import activity, actor, origin

from tidewaiter.model import Activity
from tidewaiter.sources.contract import Block, Source, Tally
from tidewaiter.sources.envelope.lanes import Counts, Lane, Place, absorb
from tidewaiter.sources.envelope.shapes import NOTHING, Around

AT = datetime(2026, 6, 1, tzinfo=UTC)


class Late:
    """Gives each record one block later, as readers do that wait for more lines; "bad" records cannot be read."""

    plane = "host"

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self._waiting: list[tuple[int, str]] = []

    def feed(self, block: Block) -> Iterator[Activity]:
        yield from self.finish()
        for line, text in enumerate(bytes(block.data).decode().splitlines(), block.line):
            if text == "bad":
                self.tally.cannot_read(line=line, offset=0, reason="broken-json", raw=text.encode())
                continue
            self.tally.records += 1
            self.tally.note("seen")
            self._waiting.append((line, text))

    def finish(self) -> Iterator[Activity]:
        for line, text in self._waiting:
            self.tally.kept += 1
            self.tally.saw(AT)
            who = actor(kind="host-user", name=text, realm="host")
            yield activity(plane=self.plane, actor=who, origin=origin(line=line))
        self._waiting = []


class LateInCluster(Late):
    plane = "kubernetes"


def lane(reader: type[Late] = Late, outer: Tally | None = None) -> Lane:
    source = Source(name="late", plane="host", title="late", sniff=len, reader=reader)
    return Lane(source, outer or Tally("x.log"))


def test_a_record_that_was_held_back_keeps_its_place() -> None:
    one = lane()
    for line in range(200):
        one.add(b"ana", Place(line * 10, line * 100, NOTHING))
        found = list(one.read())
        if line:
            assert [(item.origin.line, item.origin.offset) for item in found if isinstance(item, Activity)] == [
                ((line - 1) * 10, (line - 1) * 100)
            ]
    assert [item.origin.line for item in one.finish() if isinstance(item, Activity)] == [1990]


def test_a_place_that_was_forgotten_is_the_oldest_that_is_known() -> None:
    one = lane()
    for line in range(100):
        one.add(b"ana", Place(line, 0, NOTHING))
        list(one.read())
    assert (one.place(1).line, one.place(100).line) == (37, 99)


@pytest.mark.parametrize(
    ("reader", "around", "realm"),
    [
        (Late, Around(None, "m1", "prod"), "m1"),
        (Late, NOTHING, "host"),
        (LateInCluster, Around(None, "m1", "prod"), "prod"),
        (LateInCluster, Around(None, "m1", None), "host"),
    ],
)
def test_the_wrapper_names_the_realm(reader: type[Late], around: Around, realm: str) -> None:
    one = lane(reader)
    one.add(b"ana", Place(1, 0, around))
    assert [item.actor.realm for item in [*one.read(), *one.finish()] if isinstance(item, Activity)] == [realm]


def test_what_a_lane_counted_is_added_once() -> None:
    outer = Tally("x.log")
    one = lane(outer=outer)
    before = Counts()
    for line, record in enumerate((b"ana", b"bad", b"bo"), 7):
        one.add(record, Place(line, line * 100, NOTHING))
        list(one.read())
        before = absorb(outer, one, before)
    list(one.finish())
    absorb(outer, one, before)
    assert (outer.records, outer.kept, outer.unreadable, outer.notes) == (2, 2, 1, {"seen": 2})
    assert [(place.line, place.offset, place.sample) for place in outer.places] == [(8, 800, b"bad")]
    assert (outer.first, outer.last) == (AT, AT)


def test_the_time_of_a_wrapper_is_that_of_its_record() -> None:
    one = lane()
    one.add(b"ana", Place(1, 0, Around("2026-06-01T00:00:00Z")))
    one.add(b"bo", Place(2, 0, Around("no time")))
    one.add(b"cy", Place(3, 0, Around("2026-06-01 00:00:00.000")))  # as clouds export it: UTC
    assert [one.tally.time_of_line(line) for line in (1, 2, 3)] == [AT, None, AT]
