from __future__ import annotations

from collections.abc import Iterator

import pytest
from factories import activity

from tidewaiter.model import Activity, Origin
from tidewaiter.sources.contract import Block, Tally
from tidewaiter.sources.linewise import LineReader, digest, json_object, lines, number_of, text_of


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"a\nb", [(b"a", 7, 100), (b"b", 8, 102)]),
        (b"a\r\n\n  \nb\n", [(b"a", 7, 100), (b"b", 10, 107)]),
        (b"\x00\n\xff", [(b"\x00", 7, 100), (b"\xff", 8, 102)]),
    ],
)
def test_gives_lines_with_their_places(data: bytes, expected: list[tuple[bytes, int, int]]) -> None:
    assert list(lines(Block(data, 100, 7))) == expected
    assert list(lines(Block(memoryview(data), 100, 7))) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"a":1}', {"a": 1}),
        (b'{"a":"\xff"}', {"a": "\ufffd"}),
        (b"[1]", None),
        (b'{"a":', None),
        (b"\x00", None),
        (b'{"a":"\\ud800"}', None),
        (b'{"a":' * 50_000, None),
        (b'{"a":1e999}', None),
    ],
)
def test_decodes_objects_and_nothing_else(raw: bytes, expected: object) -> None:
    assert json_object(raw) == expected


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        ("7", 7),
        (-1, -1),
        (True, None),
        ("", None),
        ("7.0", None),
        ("\u0667", None),  # a digit, but not of ASCII
        (7.5, None),
        (None, None),
        ("9" * 40, None),
        (2**63 - 1, 2**63 - 1),
        (2**63, None),  # more than a column of the store holds
        (str(2**63), None),
        (-(2**63), None),
    ],
)
def test_reads_whole_numbers(value: object, number: int | None) -> None:
    assert number_of(value) == number


def test_reads_text() -> None:
    assert [text_of(one) for one in ("a", 1, None, ["a"])] == ["a", "", "", ""]


def test_a_digest_keeps_its_parts_apart() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("a", b"b") == digest(b"a", "b")


class Deep(LineReader):
    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        if raw == b"deep":
            raise RecursionError
        yield self.keep(activity(origin=origin))


def test_a_record_nested_too_deep_costs_only_itself() -> None:
    tally = Tally("x")
    found = list(Deep(tally, "deep").feed(Block(b"a\ndeep\nb\n", 0, 1)))
    assert [one.origin.line for one in found] == [1, 3]
    assert [(place.line, place.offset, place.reason) for place in tally.places] == [
        (2, 2, "not-an-event: nested too deep")
    ]
