"""Damage records of every format and every wrapper: nothing may crash, and nothing may vanish without a count.

    python bench/mutate.py --records 100000 --seed 1 --write
    python bench/mutate.py --only kube-audit --records 5000

For every log of damaged records: each record is counted as read, as unreadable or as of another format; what was kept
came out; where blocks end changes nothing; every activity is one that the later stages can take. One log in twenty goes
the whole way, from recognising the format to the findings. A failure shows the record that made it.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec

if not __package__:  # started as a file, not with -m
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.runs import write_section
from bench.subjects import Item, Log, Range, Subject, envelopes, events_named, formats, is_blank, log_of
from tidewaiter.model import Activity
from tidewaiter.pipeline import scan
from tidewaiter.recognise.pack import Pack, packaged
from tidewaiter.sources import catalogue
from tidewaiter.sources.contract import Block, Occurrence, Tally, Unreadable
from tidewaiter.sources.opening import Input
from tidewaiter.store import Store
from tidewaiter.wording import Wording

LOG = 800  # records of one log; the places of 1000 unreadable pieces are kept
SOUND = 60  # records before the damaged ones, where a format has to be recognised
WHOLE_WAY = 20  # one log of so many
TEXT = 2_100  # characters; the longest text that a reader promises is shorter
SLOW = 1.0  # CPU seconds for one block; hostile text must not cost more than its length
# Unreadable, and counted as a record as well: it says of what, but not when, or breaks off behind that.
_KNOWN = frozenset({"no-time", "cut-short"})
_SHOWN = 500  # bytes of a record that made something fail


Sums = tuple[int, int, int]  # records, unreadable pieces, records of no known format


class Failure(NamedTuple):
    """Something that must not happen."""

    subject: str
    what: str
    record: bytes

    def __str__(self) -> str:
        return f"{self.subject}: {self.what}\n    {self.record[:_SHOWN]!r}"


class Counted(NamedTuple):
    """What became of the records of one subject."""

    given: int = 0
    read: int = 0
    unreadable: int = 0
    foreign: int = 0
    kept: int = 0

    def plus(self, other: Counted) -> Counted:
        """Add up."""
        return Counted(*(one + two for one, two in zip(self, other, strict=True)))


class CountingTally(Tally):
    """A tally that knows which unreadable pieces it counts as records as well."""

    known = 0

    def cannot_read(self, *, line: int, offset: int, reason: str, raw: bytes | memoryview = b"") -> None:
        """Count one unreadable piece."""
        super().cannot_read(line=line, offset=offset, reason=reason, raw=raw)
        self.known += reason.partition(":")[0] in _KNOWN

    def sums(self) -> Sums:
        """Give what was counted: records, unreadable pieces, records of no known format."""
        return self.records, self.unreadable, self.foreign


def miscounted(given: Range, sums: Sums, known: int | None = None) -> str:
    """Say whether so many records cannot have been counted like this; "" when they can.

    Each is counted once: as read, unreadable, or foreign. Only one that is known to be of the format, but has no time
    or breaks off, is a record and unreadable; `known` says how many did, where that is certain.
    """
    records, unreadable, foreign = sums
    together = records + unreadable + foreign
    most = given.most if given.most is not None else together
    if together < given.least or max(records + foreign, unreadable) > most:
        return f"{given} given, counted {records} records, {unreadable} unreadable, {foreign} foreign"
    if known is not None and not given.least <= together - known <= most:
        return f"{given} given, counted {records} records, {unreadable} unreadable ({known} of them both)"
    return ""


class Run:
    """One log while it is read by a reader of its own."""

    def __init__(self, subject: Subject) -> None:
        self.tally = CountingTally("damaged.log")
        self.items: list[Item] = []
        self._fed = subject.fed(self.tally)

    def feed(self, block: Block) -> str:
        """Read a block; gives what went wrong, "" for nothing."""
        began = time.process_time()
        try:
            self.items += self._fed.feed(block)
        except Exception:  # noqa: BLE001 - a crash is what is looked for
            return traceback.format_exc(limit=-5)
        spent = time.process_time() - began
        return f"slow: {spent:.1f} seconds" if spent > SLOW else ""

    def finish(self) -> str:
        """End the log; gives what went wrong."""
        try:
            self.items += self._fed.finish()
        except Exception:  # noqa: BLE001 - a crash is what is looked for
            return traceback.format_exc(limit=-5)
        kept, given = self.tally.kept, len(self.items)
        return f"{kept} activities counted, {given} given" if kept != given else ""

    def activities(self) -> list[Activity]:
        """Give what came out, in full."""
        return [item.activity() if isinstance(item, Occurrence) else item for item in self.items]


def run(subject: Subject, log: Log, random: Random, pack: Pack) -> tuple[Counted, list[Failure]]:
    """Read a log in two ways, by lines and by blocks, and check everything that must hold."""
    failures: list[Failure] = []
    one = Run(subject)
    unread = 0
    for block in blocks(log.lines, None):
        before = one.tally.sums()
        wrong = one.feed(block)
        sums = _since(before, one.tally.sums())
        given = subject.given([bytes(block.data).removesuffix(b"\n")])
        unread += min(sums[1], given.most or sums[1])
        wrong = wrong or ("" if subject.whole else miscounted(given, sums))
        if wrong:
            failures.append(Failure(subject.name, wrong, bytes(block.data)))
    whole = Run(subject)
    for block in blocks(log.lines, random):
        wrong = whole.feed(block)
        if wrong:
            failures.append(Failure(subject.name, wrong, bytes(block.data)))
    failures += [Failure(subject.name, wrong, b"\n".join(log.lines)) for wrong in _ends(subject, log, one, whole)]
    found = one.activities()
    failures += [Failure(subject.name, wrong, b"") for wrong in _faults(found, one.tally.places, log, pack)]
    tally = whole.tally if subject.whole else one.tally
    given = subject.given(log.lines)
    total = given.most if given.most is not None else sum(tally.sums()) - tally.known
    unread = tally.unreadable if subject.whole or given.most is None else unread
    return Counted(total, total - unread - tally.foreign, unread, tally.foreign, tally.kept), failures


def _since(before: Sums, now: Sums) -> Sums:
    return now[0] - before[0], now[1] - before[1], now[2] - before[2]


def _ends(subject: Subject, log: Log, one: Run, whole: Run) -> Iterator[str]:
    """Say what is wrong with whole logs, read by lines and by blocks."""
    yield from (wrong for wrong in (one.finish(), whole.finish()) if wrong)
    first, second = one.tally, whole.tally
    if log.exact is not None:
        yield from filter(None, [miscounted(Range(log.exact, log.exact), second.sums())])
    if subject.whole:
        yield from filter(None, [miscounted(subject.given(log.lines), second.sums(), second.known)])
    elif not _alike(subject, (first.sums(), first.notes), (second.sums(), second.notes)):
        yield f"by lines {first.sums()} {first.notes}, by blocks {second.sums()} {second.notes}"
    if _told(subject, log, one) != _told(subject, log, whole):
        yield "other activities by lines than by blocks"


def _alike(
    subject: Subject, one: tuple[tuple[int, ...], dict[str, int]], two: tuple[tuple[int, ...], dict[str, int]]
) -> bool:
    """Compare what was counted in two ways of reading.

    A broken line that cannot matter is unreadable only where all of it was looked at.
    """
    return subject.unparsed or one == two


def _told(subject: Subject, log: Log, run: Run) -> list[Activity]:
    """Give what came out, in the order of the log.

    Where records span lines, only of those whose lines are all sound: damaged ones may be told apart in other ways.
    """
    found = sorted((one for one in run.activities() if not _is_odd(one)), key=lambda one: (one.origin.line, one.id))
    if not subject.whole:
        return found
    seeds = set(subject.seeds)
    damaged_events = {name for line in log.lines if line not in seeds for name in events_named(line)}
    return [one for one in found if damaged_events.isdisjoint(events_named(log.lines[one.origin.line - 1]))]


def _is_odd(one: Activity) -> bool:
    """Tell whether a resource has a slash in its name: whoever goes by the path alone (the native triage) skips it."""
    _, slash, subresource = one.kind.partition("/")
    return bool(slash) and (not subresource or subresource not in re.split(r"[/?\s]", one.text))


def blocks(lines: Sequence[bytes], random: Random | None) -> Iterator[Block]:
    """Cut lines into blocks of one line, or of several with a random; the last has no line end."""
    at = offset = 0
    while at < len(lines):
        some = lines[at : at + (random.choice((1, 2, 7, 50, 300)) if random else 1)]
        data = b"\n".join(some) + (b"\n" if at + len(some) < len(lines) else b"")
        yield Block(memoryview(data) if random and random.random() < 0.5 else data, offset, at + 1)
        at += len(some)
        offset += len(data)


def _faults(found: Iterable[Activity], places: Iterable[Unreadable], log: Log, pack: Pack) -> Iterator[str]:
    starts = [0]
    for line in log.lines:
        starts.append(starts[-1] + len(line) + 1)
    for activity in found:
        for wrong in faults_of(activity, pack):
            yield f"{wrong}: {activity!r}"[:3000]
        if not _is_place(activity.origin.line, activity.origin.offset, starts):
            yield f"{activity.origin} is outside of the log"
    for place in places:
        if not _is_place(place.line, place.offset, starts):
            yield f"{place} is outside of the log"


def _is_place(line: int, offset: int, starts: Sequence[int]) -> bool:
    return 1 <= line < len(starts) and starts[line - 1] <= offset < starts[line]


def faults_of(activity: Activity, pack: Pack) -> Iterator[str]:
    """Say what is wrong with an activity, for any later stage."""
    if activity.at.utcoffset() != timedelta(0):
        yield "not in UTC"
    if len(activity.text) > TEXT:
        yield f"text of {len(activity.text)} characters"
    if activity.plane == "host" and not activity.text.isprintable():
        yield "text that a terminal would obey"
    if activity.disclosed is not None and not 0 <= activity.disclosed < 1 << 63:
        yield "disclosed more than a column holds"
    try:
        if msgspec.json.decode(msgspec.json.encode(activity), type=Activity) != activity:
            yield "not the same after a copy"
        pack.recognise(activity)
    except Exception:  # noqa: BLE001 - a crash is what is looked for
        yield traceback.format_exc(limit=-4)


class Told(NamedTuple):
    """Everything that came out of an input."""

    activities: list[bytes]
    counts: tuple[int, ...]
    notes: dict[str, int]
    places: list[tuple[int, int, str]]


def through(data: bytes, *, native: bool, block_size: int) -> tuple[Told, catalogue.Reading]:
    """Read bytes as the product does, from recognising the format on."""
    found = Input("damaged.log", lambda: BytesIO(data), len(data))
    with catalogue.read(found, native=native) as reading:
        items = [item for batch in reading.items(block_size=block_size) for item in batch]
    plain = [item.activity() if isinstance(item, Occurrence) else item for item in items]
    tally = reading.tally
    counts = (tally.records, tally.unreadable, tally.foreign, tally.kept)
    # Which of the formats in a wrapper comes first is a matter of blocks.
    told = sorted(msgspec.json.encode(one) for one in plain)
    return Told(
        told, counts, tally.notes, sorted(place[1:4] for place in map(msgspec.structs.astuple, tally.places))
    ), reading


def whole_way(subject: Subject, random: Random, records: int) -> list[Failure]:
    """Read a log whose format has to be recognised, in two ways, and scan it up to the findings."""
    sound = [subject.seeds[index % len(subject.seeds)] for index in range(SOUND)]
    # A run of zero bytes is a gap that a crash left, and no part of a record (see sources/blocks.py).
    lines = [line for line in log_of(subject, random, records).lines if b"\0" not in line and not is_blank(line)]
    data = b"\n".join([*sound, *lines]) + b"\n"
    try:
        told, reading = through(data, native=True, block_size=1 << 20)
        again, _ = through(data, native=False, block_size=random.choice((70_000, 200_000)))
        wrong = _misread(subject, reading, [*sound, *lines])
        if told != again and not (subject.unparsed and told.activities == again.activities):
            wrong = f"native and plain differ: {told.counts} {told.notes}, {again.counts} {again.notes}"
        with tempfile.TemporaryDirectory() as folder, Store() as store:
            path = Path(folder, "damaged.log")
            path.write_bytes(data)
            found = scan([str(path)], store=store, pack=packaged(), wording=Wording("en"), persona="hunter")
            msgspec.json.encode(found.findings)
    except Exception:  # noqa: BLE001 - a crash is what is looked for
        wrong = traceback.format_exc(limit=-8)
    return [Failure(subject.name, wrong, data)] if wrong else []


def _misread(subject: Subject, reading: catalogue.Reading, lines: Sequence[bytes]) -> str:
    given = subject.given(lines)
    if reading.source is None or (given.most is not None and subject.name != reading.source.name):
        return f"taken for {reading.source.name if reading.source else reading.why} in {reading.wrappers}"
    tally = reading.tally
    if reading.framing == "documents":
        return ""
    return miscounted(given, (tally.records, tally.unreadable, tally.foreign))


def campaign(subject: Subject, *, records: int, seed: int, pack: Pack) -> tuple[Counted, list[Failure], float]:
    """Damage so many records of one subject, log by log."""
    random = Random(f"{subject.name} {seed}")
    began = time.perf_counter()
    counted = Counted()
    failures: list[Failure] = []
    for number in range(-(-records // LOG)):
        size = min(LOG, records - number * LOG)
        found, wrong = run(subject, log_of(subject, random, size), random, pack)
        counted = counted.plus(found)
        failures += wrong
        if number % WHOLE_WAY == 0:
            failures += whole_way(subject, random, size)
    return counted, failures, time.perf_counter() - began


def table(rows: Iterable[tuple[str, Counted, int, float]]) -> str:
    """Render what became of the records of each subject."""
    text = ["| format | given | read | unreadable | other | kept | failures | s |", "| --- |" + " ---: |" * 7]
    for name, counted, failures, seconds in rows:
        cells = [f"{number:,}" for number in (*counted, failures)]
        text.append(f"| {name} | {' | '.join(cells)} | {seconds:.0f} |")
    return "\n".join(text)


def main() -> None:
    """Read the arguments, damage, check and print; ends with 1 when anything failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=100_000, help="damaged records of each format (default: 100000)")
    parser.add_argument("--envelope-records", type=int, help="of each wrapper (default: a tenth; 0: none)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="formats and wrappers whose name begins like this")
    parser.add_argument(
        "--seeds", action="store_true", help="only say which file gives how many sound records to which"
    )
    parser.add_argument("--write", action="store_true", help="replace the table in bench/README.md")
    asked = parser.parse_args()
    number = asked.records // 10 if asked.envelope_records is None else asked.envelope_records
    rows = [row for subject in formats() if (row := _asked(subject, asked, asked.records))]
    wrapped = [row for subject in envelopes() if number and (row := _asked(subject, asked, number))]
    if wrapped:
        total = Counted()
        for row in wrapped:
            total = total.plus(row[1])
        shown = f"{len(wrapped)} wrappers with records of two sorts"
        rows.append((shown, total, sum(row[2] for row in wrapped), sum(row[3] for row in wrapped)))
    if rows and asked.write:
        text = f"{datetime.now(UTC):%Y-%m-%d}, seed {asked.seed}.\n\n{table(rows)}\n"
        write_section(Path(__file__).parent / "README.md", "mutations", text)
    sys.exit(any(row[2] for row in rows))


Row = tuple[str, Counted, int, float]


def _asked(subject: Subject, asked: argparse.Namespace, records: int) -> Row | None:
    """Run the campaign of one subject, if it was asked for, and print what came of it."""
    if not subject.name.startswith(asked.only):
        return None
    if asked.seeds:
        print(f"{subject.name}: {', '.join(f'{file} {number}' for file, number in subject.files.items())}")
        return None
    if not subject.seeds:
        print(
            f"{subject.name}: not damaged: no sample in tests/data is recognised as this", file=sys.stderr, flush=True
        )
        return None
    counted, failures, seconds = campaign(subject, records=records, seed=asked.seed, pack=packaged())
    row = (subject.name, counted, len(failures), seconds)
    print(table([row]).splitlines()[-1], flush=True)
    for failure in failures[:5]:
        print(failure, file=sys.stderr, flush=True)
    return row


if __name__ == "__main__":
    main()
