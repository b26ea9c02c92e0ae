"""How the same records are cut into files and blocks, packed, repeated or damaged changes no finding."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from functools import cache
from random import Random

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from whole import lines, of_files, placeless, unreadable

from tidewaiter.model import Finding
from tidewaiter.pipeline import Report

KUBERNETES = "scenarios/cluster.audit.jsonl.gz"
# One record a line: these may be cut between any two lines, and their lines may come in any order.
LINEWISE = {
    KUBERNETES: 7,
    "engine/socket_proxy.jsonl": 4,
    "engine/dockerd26.log": 1,
    "web/nginx_combined.log": 3,
    "web/nginx.jsonl": 4,
}
# Records of several lines, interleaved: these are read whole.
STATEFUL = {"auditd/raw.log": 6, "laurel/laurel.jsonl": 6}
FEW = settings(max_examples=8, deadline=None)

BROKEN = [
    b"not json\n",
    b"{\n",
    b'{"kind":"Event","apiVersion":"audit.k8s.io/v1"\n',
    b'{"kind":"Ev\x00ent","stage":"ResponseComplete"}\n',
    b'{"kind":"Event",\xff\xfe}\n',
    b'{"a":' + b"[" * 2000 + b"\n",
]


@cache
def whole(name: str) -> Report:
    return of_files({name.rpartition("/")[2]: b"".join(lines(name))})


def expected(name: str) -> list[Finding]:
    return placeless(whole(name).findings)


@pytest.mark.parametrize(("name", "number"), [*LINEWISE.items(), *STATEFUL.items()])
def test_there_is_something_to_lose(name: str, number: int) -> None:
    assert (len(whole(name).findings), unreadable(whole(name))) == (number, 0)


@FEW
@given(st.data())
def test_any_cut_into_files_in_any_order_gives_the_same(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(LINEWISE)))
    all_lines = lines(name)
    cuts = sorted(data.draw(st.lists(st.integers(1, len(all_lines) - 1), max_size=4, unique=True)))
    pieces = [b"".join(all_lines[a:b]) for a, b in zip([0, *cuts], [*cuts, len(all_lines)], strict=True)]
    order = data.draw(st.permutations(range(len(pieces))))
    found = of_files({f"{number}.log": pieces[number] for number in order})
    assert placeless(found.findings) == expected(name)
    assert unreadable(found) == 0
    assert sum(item.tally.records for item in found.read) == sum(item.tally.records for item in whole(name).read)


@FEW
@given(st.sampled_from([*LINEWISE, *STATEFUL]), st.integers(1, 200_000), st.booleans())
def test_any_size_of_block_gives_the_same(name: str, block_size: int, native: bool) -> None:
    content = {name.rpartition("/")[2]: b"".join(lines(name))}
    found = of_files(content, block_size=block_size, native=native)
    # The very same, with places: a block is nothing that shows.
    assert _pathless(found) == _pathless(whole(name))


def _pathless(found: Report) -> list[tuple[Finding, list[tuple[int, int]]]]:
    places = [[(seen.origin.line, seen.origin.offset) for seen in one.sightings] for one in found.findings]
    return list(zip(placeless(found.findings), places, strict=True))


@pytest.mark.parametrize("name", [*LINEWISE, *STATEFUL])
def test_reading_twice_changes_nothing(name: str) -> None:
    content = b"".join(lines(name))
    assert placeless(of_files({"a.log": content, "b.log": content}).findings) == expected(name)


@FEW
@given(st.sampled_from(sorted(LINEWISE)), st.integers(0, 1 << 30))
def test_late_records_change_nothing(name: str, seed: int) -> None:
    late = list(lines(name))
    Random(seed).shuffle(late)  # noqa: S311 - no secret
    assert placeless(of_files({"late.log": b"".join(late)}).findings) == expected(name)


@FEW
@given(st.integers(0, 1 << 30))
def test_repeated_records_change_nothing(seed: int) -> None:
    """Of a format whose records have an identity: two equal lines of an access log are two requests."""
    random = Random(seed)  # noqa: S311 - no secret
    repeated = [*lines(KUBERNETES), *random.choices(lines(KUBERNETES), k=150)]
    random.shuffle(repeated)
    assert placeless(of_files({"repeated.log": b"".join(repeated)}).findings) == expected(KUBERNETES)


@FEW
@given(st.lists(st.tuples(st.integers(0, 516), st.sampled_from(BROKEN)), min_size=1, max_size=12))
def test_broken_lines_are_counted_and_change_nothing_else(damage: list[tuple[int, bytes]]) -> None:
    mixed = list(lines(KUBERNETES))
    for at, broken in sorted(damage, reverse=True):
        mixed.insert(at, broken)
    found = of_files({"broken.log": b"".join(mixed)})
    assert placeless(found.findings) == expected(KUBERNETES)
    assert (unreadable(found), found.incomplete) == (len(damage), True)


@pytest.mark.parametrize("first", [b"[1, 2\n", b"[\n", b'{"items": [\n', b"[1,\n2,\n"])
def test_a_document_that_never_ends_does_not_swallow_the_log(first: bytes) -> None:
    """How many pieces of it are unreadable is a matter of taste, that the rest is read is not."""
    found = of_files({"open.log": first + b"".join(lines(KUBERNETES))})
    assert placeless(found.findings) == expected(KUBERNETES)
    assert unreadable(found) >= 1


def test_a_hole_of_zero_bytes_is_told_and_changes_nothing_else() -> None:
    """What a log leaves that is cut to nothing while its writer goes on where it was."""
    all_lines = lines(KUBERNETES)
    found = of_files({"hole.log": b"".join([*all_lines[:100], bytes(5000), *all_lines[100:]])})
    assert placeless(found.findings) == expected(KUBERNETES)
    assert (unreadable(found), [item.tally.notes.get("nul-gap") for item in found.read]) == (0, [1])


@settings(FEW, max_examples=5)
@given(st.integers(0, 516), st.floats(0.05, 0.95))
def test_a_line_that_was_cut_loses_only_itself(at: int, part: float) -> None:
    """The record of a request that is written half counts as unreadable; its neighbours are read."""
    all_lines = list(lines(KUBERNETES))
    cut = all_lines[at][: int(len(all_lines[at]) * part)] + b"\n"
    found = of_files({"cut.log": b"".join([*all_lines[:at], cut, *all_lines[at + 1 :]])})
    without = of_files({"without.log": b"".join([*all_lines[:at], *all_lines[at + 1 :]])})
    assert placeless(found.findings) == placeless(without.findings)
    assert unreadable(found) == 1


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "a.log.gz": gzip.compress,
    "a.log.bz2": bz2.compress,
    "a.log.xz": lzma.compress,
    "a.log.zst": zstandard.ZstdCompressor().compress,
    "no-suffix": gzip.compress,
    "two-members.gz": lambda data: gzip.compress(data[: len(data) // 2]) + gzip.compress(data[len(data) // 2 :]),
}


@pytest.mark.parametrize("packed", PACKED)
def test_a_packed_copy_gives_the_same(packed: str) -> None:
    found = of_files({packed: PACKED[packed](b"".join(lines(KUBERNETES)))})
    assert placeless(found.findings) == expected(KUBERNETES)
    assert unreadable(found) == 0


def test_what_was_packed_is_read_up_to_where_it_is_cut() -> None:
    packed = gzip.compress(b"".join(lines(KUBERNETES)))
    found = of_files({"cut.gz": packed[: len(packed) * 3 // 4]})
    assert [(place.reason.partition(":")[0]) for item in found.read for place in item.tally.places][-1] == "cut-short"
    assert 100 < sum(item.tally.records for item in found.read) < len(lines(KUBERNETES))
