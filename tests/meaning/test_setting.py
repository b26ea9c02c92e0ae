from __future__ import annotations

from tidewaiter.meaning.setting import LISTED, UNKNOWN, Setting, is_open, variable


def test_marks_are_told_from_words() -> None:
    assert [is_open(word) for word in (LISTED, UNKNOWN, variable("A"), "a" + UNKNOWN, "a", "$A", "")] == [
        True,
        True,
        True,
        True,
        False,
        False,
        False,
    ]


def test_traits_are_added_to_a_copy() -> None:
    bare = Setting()
    assert bare.with_traits("in-shell", "via-sudo").traits == {"in-shell", "via-sudo"}
    assert bare.traits == frozenset()
