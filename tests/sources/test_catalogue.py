from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.model import Activity, Actor, Origin
from tidewaiter.sources import catalogue
from tidewaiter.sources.catalogue import LARGE_SAMPLE, SAMPLE, Reading, read, recognise_format, sources
from tidewaiter.sources.contract import Block, Source, Tally, Unreadable
from tidewaiter.sources.opening import Input, inputs
from tidewaiter.sources.streams import Pieces, Stream

WHEN = datetime(2026, 1, 2, tzinfo=UTC)


class ToyReader:
    """Lines that say "toy"; the last one is held back until the end."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.held: list[Activity] = []

    def feed(self, block: Block) -> Iterable[Activity]:
        at = block.offset
        for number, line in enumerate(bytes(block.data).splitlines(keepends=True)):
            self.tally.records += 1
            if b"toy" in line:
                yield from self.held
                self.held = [toy(line.decode().strip(), block.line + number, at, self.tally.path)]
            else:
                self.tally.cannot_read(line=block.line + number, offset=at, reason="no toy", raw=line)
            at += len(line)

    def finish(self) -> Iterable[Activity]:
        return self.held


def toy(text: str, line: int, offset: int, path: str) -> Activity:
    return Activity(
        id=text,
        at=WHEN,
        actor=Actor(kind="unknown", name="", realm=""),
        plane="host",
        verb="list",
        kind="toys",
        resource_class="other",
        text=text,
        origin=Origin(source="toy", path=path, line=line, offset=offset),
    )


def a_source(name: str, word: bytes) -> Source:
    def sniff(lines: Sequence[bytes]) -> int:
        assert all(line and b"\n" not in line and not line.endswith(b"\r") for line in lines)
        return sum(word in line for line in lines)

    return Source(name=name, plane="host", title=name, sniff=sniff, reader=ToyReader)


TOY = a_source("toy", b'"toy":')
CAR = a_source("car", b"car")
DOLL = a_source("doll", b"car")
KNOWN = (DOLL, TOY, CAR)
FILLER = b"nothing to see here\n"
ITEMS = [{"toy": number} for number in range(3)]
PRETTY = json.dumps({"kind": "ToyList", "items": ITEMS}, indent=2).encode()

GUESSES: list[tuple[str, bytes, bool, Source | None, str, str]] = [
    # name, sample, whole, source, framing, why
    ("nothing", b"", True, None, "lines", "empty"),
    ("white space", b" \r\n\n", True, None, "lines", "empty"),
    ("zero bytes", bytes(100), True, None, "lines", "binary: nothing but zero bytes"),
    ("one line", b'{"toy":1}\r\n', True, TOY, "lines", "1 of 1 lines"),
    ("no line end", b'{"toy":1}', True, TOY, "lines", "1 of 1 lines"),
    ("a line that may go on", b'{"toy":1}', False, None, "lines", "unknown-format"),
    ("after a gap", bytes(70) + b'{"toy":1}\n', True, TOY, "lines", "1 of 1 lines"),
    ("after a banner", FILLER * 40 + b'{"toy":1}\n', True, TOY, "lines", "1 of 41 lines"),
    ("after a long banner", FILLER * 60 + b'{"toy":1}\n', True, TOY, "lines", "1 of 11 lines"),
    ("the larger share", b'"toy":\n"toy":\ncar\n', True, TOY, "lines", "2 of 3 lines"),
    ("equal shares go by name", b"car\n", True, CAR, "lines", "1 of 1 lines"),
    ("byte order mark", b'\xef\xbb\xbf{"toy":1}\n', True, TOY, "lines", "1 of 1 lines"),
    ("UTF-16", '{"toy":1}\n'.encode("utf-16"), True, TOY, "lines", "1 of 1 lines"),
    ("pretty list", PRETTY, True, TOY, "documents", "3 of 3 documents"),
    (
        "kind last",
        json.dumps({"items": ITEMS, "kind": "ToyList"}, indent=1).encode(),
        True,
        TOY,
        "documents",
        "3 of 3 documents",
    ),
    (
        "a list on one line goes by line",
        json.dumps(ITEMS).encode().replace(b" ", b""),
        True,
        TOY,
        "lines",
        "1 of 1 lines",
    ),
    ("spaced list on one line", b'[{"toy" :1},{"toy" :2}]', True, TOY, "documents", "2 of 2 documents"),
    ("items a line", b'[\n{"toy":1},\n{"toy":2}\n]', True, TOY, "documents", "2 of 2 documents"),
    ("pretty but cut", PRETTY[:-30], False, TOY, "documents", "2 of 2 documents"),
    ("first value not complete", b'{\n "x": {\n  "toy": 1', False, None, "lines", "unknown-format"),
    ("broken JSON goes by line", b'{"x":\n{"toy":1}\n}}}\n', True, TOY, "documents", "1 of 1 documents"),
    ("text", FILLER, True, None, "lines", "unknown-format"),
    ("ELF", b"\x7fELF\2\1\1" + b"toy", True, None, "lines", "binary: a program"),
    ("SQLite", b"SQLite format 3\0", True, None, "lines", "binary: an SQLite database"),
    ("pcap", b"\xd4\xc3\xb2\xa1\2\0", True, None, "lines", "binary: a packet capture"),
    ("evtx", b"ElfFile\0", True, None, "lines", "binary: a Windows event log; convert it with `evtx_dump -o jsonl`"),
    ("tar", b"a".ljust(257, b"\0") + b"ustar", True, None, "lines", "binary: a tar archive; unpack it first"),
    (
        "control characters",
        bytes(range(1, 256)) * 4,
        True,
        None,
        "lines",
        "binary: too many control characters for a text",
    ),
    (
        "UTF-16 without a mark",
        '{"toy":1}\n'.encode("utf-16-le"),
        True,
        None,
        "lines",
        "binary: UTF-16 without a byte order mark; convert it to UTF-8 with iconv",
    ),
]


@pytest.mark.parametrize(
    ("sample", "whole", "source", "framing", "why"), [case[1:] for case in GUESSES], ids=[case[0] for case in GUESSES]
)
def test_recognises(sample: bytes, whole: bool, source: Source | None, framing: Any, why: str) -> None:
    assert recognise_format(sample, whole=whole, known=KNOWN)[:3] == (source, framing, why)


def test_sources_are_the_modules_that_have_one() -> None:
    names = [source.name for source in sources()]
    folder = Path(catalogue.__file__).parent
    modules = [path.stem for path in folder.glob("*.py") if "\nSOURCE = " in path.read_text()]
    assert len(names) == len(modules) == len(set(names))
    assert names == sorted(names)


def unexpected(problem: Unreadable) -> None:
    pytest.fail(str(problem))


def an_input(data: bytes) -> Input:
    return Input("toys.log", lambda: BytesIO(data), len(data))


def texts(reading: Reading, **options: int) -> list[list[tuple[str, int, int]]]:
    with reading:
        return [
            [(one.text, one.origin.line, one.origin.offset) for one in batch] for batch in reading.batches(**options)
        ]


@pytest.mark.parametrize(("block_size", "batches"), [(10, [1, 1, 1, 1]), (1 << 20, [2, 1, 1])])
def test_lines_come_in_batches_of_a_block(block_size: int, batches: list[int]) -> None:
    reading = read(an_input(b'"toy":1\n"toy":2\nx\n"toy":3\n"toy":4'), known=KNOWN)
    assert (reading.source, reading.framing, reading.why) == (TOY, "lines", "4 of 5 lines")
    found = texts(reading, block_size=block_size)
    assert [len(batch) for batch in found] == batches
    assert list(chain(*found)) == [('"toy":1', 1, 0), ('"toy":2', 2, 8), ('"toy":3', 4, 18), ('"toy":4', 5, 26)]
    place = Unreadable(path="toys.log", line=3, offset=16, reason="no toy", sample=b"x\n")
    assert (reading.tally.records, reading.tally.places) == (5, [place])
    assert texts(reading) == []


def test_documents_come_with_their_places() -> None:
    reading = read(an_input(PRETTY), known=KNOWN)
    first = PRETTY.index(b'{\n      "toy": 0')
    expected = [(f'{{       "toy": {number}     }}', 4 + 3 * number, first + 28 * number) for number in range(3)]
    assert texts(reading, block_size=7) == [expected]


def test_documents_are_gathered_to_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "BATCH", 2)
    assert [
        len(batch) for batch in texts(read(an_input(b'[\n{"toy":1},{"toy":2},{"toy":3},{"toy":4}]'), known=KNOWN))
    ] == [2, 2]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (FILLER * (SAMPLE // len(FILLER) + 50), b'"toy":1\n' * 40_000),  # a long banner
        (b"", b'{"x":"' + b"y" * SAMPLE + b'","toy":1}\n' + FILLER * 60_000),  # a first line larger than a sample
        (bytes(3 * SAMPLE + 5), b'"toy":1\n'),  # a gap
    ],
    ids=["banner", "long line", "gap"],
)
def test_looks_further_before_giving_up(before: bytes, after: bytes) -> None:
    reading = read(an_input(before + after), known=KNOWN)
    assert (reading.source, reading.framing) == (TOY, "lines")
    first = texts(reading)[0][0]
    assert first[1:] == (before.count(b"\n") + 1, len(before))


def test_gives_up_on_text_after_a_large_sample() -> None:
    data = FILLER * (LARGE_SAMPLE // len(FILLER) + 1) + b'"toy":1\n'
    reading = read(an_input(data), known=KNOWN)
    assert (reading.source, reading.why, texts(reading)) == (None, "unknown-format", [])
    assert reading.tally.places == []


def cut(data: bytes) -> Input:
    def broken() -> Any:
        yield data
        raise OSError(5, "Input/output error")

    return Input("toys.log", lambda: Pieces(broken(), lambda: None), None)


@pytest.mark.parametrize("size", [1, 10_000])
def test_a_failing_disk_costs_the_rest_only(size: int) -> None:
    reading = read(cut(b'"toy":1\n' * size + b'"to'), known=KNOWN)
    assert sum(map(len, texts(reading))) == size
    place = Unreadable(
        path="toys.log", line=size + 1, offset=8 * size, reason="read-error: Input/output error", sample=b'"to'
    )
    assert reading.tally.places == [place]


def test_an_input_that_fails_at_once_says_so() -> None:
    reading = read(cut(b""), known=KNOWN)
    assert (reading.source, reading.why) == (None, "read-error: Input/output error")
    assert reading.tally.places == [Unreadable(path="toys.log", line=1, offset=0, reason=reading.why)]


def test_an_input_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    path = tmp_path / "toys.log"
    path.write_bytes(b'"toy":1\n')
    (found,) = inputs([str(path)], report=unexpected)
    path.unlink()
    reading = read(found, known=KNOWN)
    assert (reading.source, reading.why) == (None, "read-error: No such file or directory")
    assert reading.tally.places == [Unreadable(path=str(path), line=1, offset=0, reason=reading.why)]


def test_a_file_from_path_to_activities(tmp_path: Path) -> None:
    path = tmp_path / "toys"
    path.write_bytes(gzip.compress(b'"toy":1\n"toy":2\n' * 30_000)[:-20])
    (found,) = inputs([str(path)], report=unexpected)
    reading = read(found, known=KNOWN)
    assert sum(map(len, texts(reading))) > 50_000
    assert [place.reason.split(":")[0] for place in reading.tally.places] == ["cut-short"]


@pytest.mark.parametrize("data", [b'"toy":1\n', b"binary\1\2\3"])
def test_the_file_is_given_back(data: bytes) -> None:
    opened: list[BytesIO] = []

    def take() -> Stream:
        opened.append(BytesIO(data))
        return opened[0]

    with read(Input("toys.log", take, None), known=KNOWN) as reading:
        list(reading.batches())
    assert opened[0].closed
