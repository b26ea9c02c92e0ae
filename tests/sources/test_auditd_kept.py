from __future__ import annotations

from tidewaiter.sources.auditd_kept import Chunk, Place, Span


def chunk(*parts: tuple[bytes, list[Span]]) -> Chunk:
    made = Chunk()
    offset, line = 100, 7
    for data, spans in parts:
        first = made.add(data, spans, line=line, offset=offset)
        made.ids += [one[:1] for one in made.lines[first:]]
        made.events.update(dict.fromkeys(made.ids))
        offset, line = offset + len(data), line + data.count(b"\n")
    return made


def test_lines_left_out_still_count_for_the_places_of_others() -> None:
    #               0    3    6    9
    one = chunk((b"a1\nb1\nc1\na2\n", [Span(0, 3, 0, 1), Span(6, 12, 2, 2)]))
    assert list(one.take({b"a", b"c"}, ())) == [Place(100, 7, b"a1"), Place(106, 9, b"c1"), Place(109, 10, b"a2")]
    assert (one.start, one.end) == (100, 112)


def test_what_was_taken_is_not_given_again_but_new_lines_are() -> None:
    one = chunk((b"a1\nb1\n", [Span(0, 6, 0, 2)]))
    assert [place.text for place in one.take({b"a"}, ())] == [b"a1"]
    assert list(one.take({b"a"}, ())) == []
    assert one.add(b"a2\nb2\n", [Span(0, 6, 0, 2)], line=9, offset=106) == 2
    one.ids += [b"a", b"b"]
    assert [place.text for place in one.take({b"a", b"b"}, ())] == [b"b1", b"a2", b"b2"]


def test_a_line_that_was_not_wanted_when_it_came_is_given_later() -> None:
    one = chunk((b"a1\n", [Span(0, 3, 0, 1)]))
    assert [place.text for place in one.take({b"a"}, ())] == [b"a1"]
    for text in (b"a2\n", b"a3\n"):
        one.add(text, [Span(0, 3, 0, 1)], line=8, offset=103)
        one.ids.append(b"a")
    assert [place.text for place in one.take({b"a"}, ())] == [b"a2", b"a3"]


def test_lines_of_no_use_are_left_out() -> None:
    one = chunk((b"a1\na x\n", [Span(0, 7, 0, 2)]))
    assert list(one.take({b"a"}, (b"a ",))) == [Place(100, 7, b"a1")]


def test_places_may_be_asked_for_in_any_order() -> None:
    one = chunk((b"a1\nb\nc333\n", [Span(0, 10, 0, 3)]))
    assert [one.place(index) for index in (2, 0, 1)] == [
        Place(105, 9, b"c333"),
        Place(100, 7, b"a1"),
        Place(103, 8, b"b"),
    ]


def test_a_block_of_which_nothing_is_kept() -> None:
    one = chunk((b"a1\n", []))
    assert (one.lines, one.end) == ([], 103)
