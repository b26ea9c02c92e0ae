from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.disclosure.entries import Entry, Writer
from tidewaiter.disclosure.joining import MOST_OPEN, Joiner, Line, Start, clean

OUT, ERR = Writer(stream="stdout"), Writer(stream="stderr")


def entry(text: str, *, whole: bool, writer: Writer = OUT, line: int = 1) -> Entry:
    return Entry(text, whole, writer, None, line, line * 100)


def joined(entries: Iterable[Entry], joiner: Joiner | None = None) -> list[Line]:
    joiner = joiner or Joiner()
    return [line for one in entries for line in joiner.take(one)] + list(joiner.finish())


def test_parts_are_joined_for_each_stream_and_keep_their_places() -> None:
    lines = joined(
        [
            entry("ab", whole=False, line=1),
            entry("error", whole=True, writer=ERR, line=2),
            entry("cd", whole=False, line=3),
            entry("e", whole=True, line=4),
            entry("rest", whole=False, line=5),
        ]
    )
    assert lines == [
        Line("error", ERR, None, (Start(0, 2, 200),)),
        Line("abcde", OUT, None, (Start(0, 1, 100), Start(2, 3, 300), Start(4, 4, 400))),
        Line("rest", OUT, None, (Start(0, 5, 500),)),
    ]
    assert [lines[1].place(index).line for index in range(5)] == [1, 1, 3, 3, 4]


def test_a_very_long_line_comes_in_windows_that_overlap() -> None:
    joiner = Joiner(limit=8, overlap=4)
    assert joined([entry("0123456", whole=False, line=1), entry("789abc", whole=True, line=2)], joiner) == [
        Line("01234567", OUT, None, (Start(0, 1, 100), Start(7, 2, 200)), 0, goes_on=True),
        Line("456789ab", OUT, None, (Start(0, 1, 100), Start(3, 2, 200)), 4, goes_on=True),
        Line("89abc", OUT, None, (Start(0, 2, 200),), 4),
    ]
    assert joiner.long_lines == 1


def test_only_so_many_lines_wait_for_their_end() -> None:
    entries = [entry("x", whole=False, writer=Writer(container=str(number))) for number in range(MOST_OPEN + 1)]
    joiner = Joiner()
    assert [line.writer.container for one in entries for line in joiner.take(one)] == ["0"]
    assert len(list(joiner.finish())) == MOST_OPEN


@given(
    st.lists(st.tuples(st.text(max_size=20), st.booleans(), st.sampled_from([OUT, ERR, Writer("b")]))),
    st.integers(2, 30),
    st.integers(0, 12),
)
def test_joining_loses_no_text_and_adds_none(parts: list[tuple[str, bool, Writer]], limit: int, overlap: int) -> None:
    entries = [entry(text, whole=whole, writer=writer, line=n) for n, (text, whole, writer) in enumerate(parts, 1)]
    lines = joined(entries, Joiner(limit, min(overlap, limit - 1)))
    for writer in (OUT, ERR, Writer("b")):
        wanted, rest = [], ""
        for one in entries:
            if one.writer == writer:
                rest += one.text
                if one.whole:
                    wanted.append(rest)
                    rest = ""
        found, held = [], ""
        for line in lines:
            if line.writer == writer:
                held += line.text[line.seen :]
                assert len(line.text) <= limit
                if not line.goes_on:
                    found.append(held)
                    held = ""
        assert [text for text in found if text] == [text for text in [*wanted, rest] if text]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[1mdb.password\x1b[0m = x", "db.password = x"),
        ("pass\x1b[31;1mword=x", "password=x"),
        ("\x1b]8;;https://x\x07link\x1b]8;;\x1b\\", "link"),
        ("a\x9b2Kb", "ab"),
        ("\x1b(Bx\x1b=y", "xy"),
        ("\udcd0\udcb0", "а"),  # noqa: RUF001 - two bytes of one letter, which a cut tore apart
        ("\udcff", "\ufffd"),
        ("\ud800", "?"),
        ("\x1b", "\x1b"),
    ],
)
def test_what_a_terminal_would_obey_is_taken_out(text: str, shown: str) -> None:
    assert clean(text).text == shown


@given(st.text(st.characters(max_codepoint=0x7F), max_size=60))
def test_the_way_back_leads_to_the_same_character(text: str) -> None:
    found = clean(text)
    assert [text[found.original(index)] for index in range(len(found.text))] == list(found.text)


@given(st.text())
def test_a_clean_text_can_be_encoded(text: str) -> None:
    clean(text).text.encode("utf-8")
