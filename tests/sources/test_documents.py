from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewaiter.sources.contract import Block, Tally
from tidewaiter.sources.documents import documents, one_line


def cut(data: bytes, size: int) -> Iterator[Block]:
    for at in range(0, len(data), size):
        yield Block(memoryview(data)[at : at + size], at, data.count(b"\n", 0, at) + 1)


def read(data: bytes, size: int = 1 << 20, max_document: int = 64 << 20) -> tuple[list[Block], Tally]:
    tally = Tally("x.json")
    return list(documents(cut(data, size), tally, max_document)), tally


VALUES = [
    # name, input, values
    ("nothing", b"", []),
    ("white space", b" \n\n", []),
    ("one object", b'{"a": 1}', [{"a": 1}]),
    ("pretty", b'{\n  "a": {\n    "b": [1, 2]\n  }\n}\n', [{"a": {"b": [1, 2]}}]),
    ("concatenated", b'{"a":1}{"a":2}\n\n{"a":3}', [{"a": 1}, {"a": 2}, {"a": 3}]),
    ("RFC 7464", b'\x1e{"a":1}\n\x1e{"a":2}\n', [{"a": 1}, {"a": 2}]),
    ("commas between", b'{"a":1},\n{"a":2},\n', [{"a": 1}, {"a": 2}]),
    ("array", b'[{"a":1}, {"a":2}]', [{"a": 1}, {"a": 2}]),
    ("empty array", b"[]", []),
    ("two arrays", b'[{"a":1}]\n[{"a":2}]', [{"a": 1}, {"a": 2}]),
    ("array of anything", b'[1, "x]", null, [2, [3]], -1.5e3]', [1, "x]", None, [2, [3]], -1500.0]),
    ("brackets in strings", rb'{"a": "}{\"]\\", "b": "\\"}', [{"a": '}{"]\\', "b": "\\"}]),
    ("column 0", b'{\n"a":\n{\n"b":\n[\n{\n"c":1\n},\n{\n}\n]\n}\n}', [{"a": {"b": [{"c": 1}, {}]}}]),
    ("event list", b'{"kind":"EventList","metadata":{},"items":[{"a":1},{"a":2}]}', [{"a": 1}, {"a": 2}]),
    ("keys sorted", b'{"apiVersion":"v1","items":[{"a":1},{"a":2}],"kind":"List"}', [{"a": 1}, {"a": 2}]),
    ("empty list", b'{"kind":"EventList","items":[]}', []),
    ("list of nothing", b'{"kind":"PodList","items":null}', [{"kind": "PodList", "items": None}]),
    ("after a list", b'{"kind":"XList","items":[1],"m":{"n":[{}]}}{"b":2}', [1, {"b": 2}]),
    ("lists in an array", b'[{"kind":"XList","items":[1]},{"kind":"XList","items":[2]}]', [1, 2]),
    (
        "a list in a list stays",
        b'{"kind":"L_List","items":[{"kind":"List","items":[1]}]}',
        [{"kind": "List", "items": [1]}],
    ),
    ("items of no list", b'{"kind":"Event","items":[1]}', [{"kind": "Event", "items": [1]}]),
    ("no kind", b'{"items":[1]}', [{"items": [1]}]),
    ("kind inside", b'{"items":[1],"a":{"kind":"List"}}', [{"items": [1], "a": {"kind": "List"}}]),
    ("key ends in kind", rb'{"x\"kind":"List","items":[1]}', [{'x"kind': "List", "items": [1]}]),
]


@pytest.mark.parametrize("size", [1, 3, 1 << 20])
@pytest.mark.parametrize(("data", "values"), [case[1:] for case in VALUES], ids=[case[0] for case in VALUES])
def test_gives_the_values(data: bytes, values: list[Any], size: int) -> None:
    blocks, tally = read(data, size)
    assert [json.loads(bytes(block.data)) for block in blocks] == values
    assert tally.places == []


BROKEN = [
    # name, input, values that survive, (line, reason) of each place
    (
        "text before",
        b'Warning: x\n{"a":1}\n',
        [{"a": 1}],
        [(1, "broken-json: text outside of any value; 11 bytes left out")],
    ),
    (
        "cut, then whole",
        b'{\n "a": 1,\n{\n "a": 2\n}\n',
        [{"a": 2}],
        [(1, "broken-json: a new object starts before the last one ended; 11 bytes left out")],
    ),
    (
        "cut in a string",
        b'{\n "a": "x\n{\n "a": 2\n}\n',
        [{"a": 2}],
        [(1, "broken-json: a string that does not end on its line; 11 bytes left out")],
    ),
    (
        "cut after a colon",
        b'{\n "a":\n{\n "a": 2\n}\n{\n "a": 3\n}\n',
        [{"a": 2}, {"a": 3}],
        [(1, "broken-json: a new object starts before the last one ended; 8 bytes left out")],
    ),
    (
        "wrong bracket",
        b'{"a":[1}\n{"a":2}',
        [{"a": 2}],
        [(1, "broken-json: ']' expected, '}' found; 9 bytes left out")],
    ),
    (
        "stray bracket",
        b'{"a":1}]\n{"a":2}',
        [{"a": 1}, {"a": 2}],
        [(1, "broken-json: ']' where a value should start; 2 bytes left out")],
    ),
    (
        "cut at the end",
        b'{"a":1}\n{"a":',
        [{"a": 1}],
        [(2, "broken-json: the input ends inside a value; 5 bytes left out")],
    ),
    ("cut list", b'[{"a":1},\n', [{"a": 1}], [(2, "broken-json: the input ends inside a list; 0 bytes left out")]),
    (
        "broken item",
        b'{"kind":"EventList","items":[\n  {"a":1},\n  {"a":]},\n  {"a":3}\n]}',
        [{"a": 1}, {"a": 3}],
        [(3, "broken-json: '}' expected, ']' found; 11 bytes left out")],
    ),
    (
        "cut list, then a document",
        b'{"kind":"EventList","items":[\n  {"a":1},\n  {"a":\n{"a":3}\n',
        [{"a": 1}, {"a": 3}],
        [(3, "broken-json: the input ends inside a value; 6 bytes left out")],
    ),
    (
        "too long",
        b'{"a":"%s"}\n{"a":2}' % (b"x" * 100),
        [{"a": 2}],
        [(1, "document-too-long: more than 50 bytes; 109 bytes left out")],
    ),
]


@pytest.mark.parametrize("size", [1, 4, 20])
@pytest.mark.parametrize(("data", "values", "places"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_broken_json_costs_only_itself(
    data: bytes, values: list[Any], places: list[tuple[int, str]], size: int
) -> None:
    blocks, tally = read(data, size, max_document=50)
    assert [json.loads(bytes(block.data)) for block in blocks] == values
    assert [(place.line, place.reason) for place in tally.places] == places


def test_a_list_larger_than_a_document_may_be_is_read_item_by_item() -> None:
    items = [{"a": "x" * 30, "n": n} for n in range(100)]
    early = json.dumps({"kind": "EventList", "items": items}).encode()
    late = json.dumps({"items": items, "kind": "EventList"}).encode()
    for data in (early, late, json.dumps(items).encode()):
        blocks, tally = read(data, 64, max_document=200)
        assert ([json.loads(bytes(block.data)) for block in blocks], tally.places) == (items, [])


def test_something_left_out_by_the_input_ends_the_document_before_it() -> None:
    tally = Tally("x.json")
    found = list(documents([Block(b'{"a":1}\n{"b":', 0, 1), Block(b'{"c":3}', 100, 7)], tally))
    assert found == [Block(b'{"a":1}', 0, 1), Block(b'{"c":3}', 100, 7)]
    assert [(place.line, place.offset, place.sample) for place in tally.places] == [(2, 8, b'{"b":')]


def test_opening_brackets_without_end_are_read_in_bounded_time() -> None:
    blocks, tally = read(b"{\n" * 20_000)
    assert (blocks, tally.unreadable > 0) == ([], True)


def test_one_line_keeps_every_place() -> None:
    assert one_line(Block(b'{\r\n"a":1}', 5, 2)) == Block(b'{  "a":1}\n', 5, 2)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5) | st.just("kind"), inner, max_size=4)
    ),
    max_leaves=20,
)
containers = st.lists(json_values, max_size=5) | st.dictionaries(st.text(max_size=5), json_values, max_size=5)


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(containers, max_size=5),
    indent=st.sampled_from([None, 0, 1, 2, "\t"]),
    ascii_only=st.booleans(),
    between=st.sampled_from(["\n", "\r\n", "", "\n\n "]),
    size=st.integers(1, 200),
)
def test_gives_what_a_parser_gives(
    values: list[Any], indent: int | str | None, ascii_only: bool, between: str, size: int
) -> None:
    data = between.join(json.dumps(value, indent=indent, ensure_ascii=ascii_only) for value in values).encode()
    blocks, tally = read(data, size)
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    assert [json.loads(bytes(block.data)) for block in blocks] == flat
    assert tally.places == []
    for block in blocks:
        assert data[block.offset : block.offset + len(block.data)] == block.data
        assert block.line == data.count(b"\n", 0, block.offset) + 1
        assert json.loads(bytes(one_line(block).data)) == json.loads(bytes(block.data))


@settings(max_examples=200, deadline=None)
@given(
    parts=st.lists(
        st.sampled_from([b"{", b"}", b"[", b"]", b'"', b"\n", b",", b":", b'"kind":"XList"', b'"items":[', b"1", b" "])
    ),
    size=st.integers(1, 20),
    max_document=st.integers(1, 50),
)
def test_never_raises_and_goes_on_after_anything(parts: list[bytes], size: int, max_document: int) -> None:
    data = b"".join(parts)
    blocks, tally = read(data, size, max_document)
    for block in blocks:
        assert data[block.offset : block.offset + len(block.data)] == block.data
    for place in tally.places:
        assert data[place.offset :].startswith(place.sample)
        assert place.line == data.count(b"\n", 0, place.offset) + 1
