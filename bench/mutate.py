"""Damage records of every format and every wrapper: nothing may crash, and nothing may vanish without a count.

    python bench/mutate.py --records 100000 --seed 1 --write
    python bench/mutate.py --only kube-audit --records 5000

For every log of damaged records: what was read and what was unreadable add up to what was given; what was kept came
out; every activity is one that all later stages can take. A failure names the seed and shows the record.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec

if not __package__:  # started as a file, not with -m
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.mutations import damaged, shuffled
from bench.subjects import Item, Subject, envelopes, formats, is_blank
from tidewaiter.model import Activity
from tidewaiter.recognise.pack import Pack, packaged
from tidewaiter.sources.contract import Block, Occurrence, Tally

LOG = 800  # records of one log; places of unreadable pieces are kept for 1000
TEXT = 2_000  # characters; the longest text that any reader promises is shorter
NAME = 4_096
# Unreadable, although known to be a record of the format: it says of what, but not when, or breaks off behind that.
_KNOWN_BUT_UNREADABLE = frozenset({"no-time", "cut-short"})
_SHOWN = 400  # bytes of a record that made something fail


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
    seconds: float = 0.0

    def plus(self, other: Counted) -> Counted:
        """Add up."""
        return Counted(*(one + two for one, two in zip(self, other, strict=True)))


class CountingTally(Tally):
    """A tally that also knows which unreadable pieces it counts as records as well."""

    known = 0

    def cannot_read(self, *, line: int, offset: int, reason: str, raw: bytes | memoryview = b"") -> None:
        """Count one unreadable piece."""
        super().cannot_read(line=line, offset=offset, reason=reason, raw=raw)
        self.known += reason.partition(":")[0] in _KNOWN_BUT_UNREADABLE

    def seen(self) -> int:
        """Give how many records were counted in one way or the other, each once."""
        return self.records - self.known + self.unreadable + self.foreign


def log_of(subject: Subject, random: Random, records: int) -> list[bytes]:
    """Make the lines of a log of damaged records; a few stay sound."""
    source = subject.seeds
    start = random.randrange(len(source))
    lines = [source[(start + index) % len(source)] for index in range(records)]
    if subject.whole:
        lines = shuffled(random, lines)
    found = [line if random.random() < 0.1 else damaged(random, line, source) for line in lines]
    return b"\n".join(found).split(b"\n")


def run(subject: Subject, lines: Sequence[bytes], random: Random, pack: Pack) -> tuple[Counted, list[Failure]]:
    """Read a log block by block, and check everything that must hold."""
    began = time.perf_counter()
    tally = CountingTally("damaged.log")
    fed = subject.fed(tally)
    failures: list[Failure] = []
    items: list[Item] = []
    seen = 0
    try:
        for block, its_lines in _blocks(lines, random):
            items += fed.feed(block)
            if not subject.whole and (tally.seen() - seen < _given(subject, its_lines, items, fed, tally)):
                pass
            seen = tally.seen()
        items += fed.finish()
    except Exception:  # noqa: BLE001 - a crash is what is looked for
        failures.append(Failure(subject.name, traceback.format_exc(limit=-4), b"\n".join(lines)))
    raise NotImplementedError
