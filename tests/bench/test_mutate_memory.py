from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import pytest

from bench.mutate import LOG
from bench.mutate_memory import held, table
from bench.subjects import Subject, count_lines
from tidewaiter.model import Activity
from tidewaiter.sources.contract import Block, Tally


class Reader:
    """A reader that keeps nothing, or a megabyte for each block of records."""

    def __init__(self, tally: Tally, hoards: bool) -> None:
        self._tally = tally
        self._hoards = hoards
        self._kept: list[bytes] = []

    def feed(self, block: Block) -> Iterable[Activity]:
        self._tally.records += bytes(block.data).count(b"\n")
        if self._hoards:
            self._kept.append(bytes(1_000_000))
        return ()

    def finish(self) -> Iterable[Activity]:
        return ()


def subject(hoards: bool) -> Subject:
    return Subject("lines", {}, (b"a", b"b"), partial(Reader, hoards=hoards), count_lines)


@pytest.mark.parametrize(("hoards", "megabytes"), [(False, (0, 0, 0)), (True, (1, 5, 10))])
def test_what_a_reader_keeps_is_measured(hoards: bool, megabytes: tuple[int, int, int]) -> None:
    found = held(subject(hoards), 10 * LOG, seed=1)
    assert tuple(round(part) for part in found) == megabytes


def test_the_most_comes_first_and_too_much_is_said() -> None:
    rows = table([("small", (1.0, 2.0, 3.04)), ("large", (10.0, 60.0, 100.1))]).splitlines()[2:]
    assert rows == ["| large | 10.0 | 60.0 | 100.1 | no |", "| small | 1.0 | 2.0 | 3.0 | yes |"]
