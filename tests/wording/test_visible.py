import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.wording.visible import cut, escape, without_surrogates


@pytest.mark.parametrize(
    ("character", "written"),
    [
        ("\n", r"\n"),
        ("\x00", r"\x00"),
        ("\x7f", r"\x7f"),
        ("\x80", r"\u0080"),
        ("\udc80", r"\x80"),
        ("\ud800", r"\ud800"),
        ("\udd00", r"\udd00"),
        ("\U0001f600", r"\U0001f600"),
    ],
)
def test_escape(character: str, written: str) -> None:
    assert escape(character) == written


@given(st.text(st.characters(exclude_categories=())))
def test_without_surrogates_can_be_encoded_and_changes_nothing_else(text: str) -> None:
    shown = without_surrogates(text)
    shown.encode("utf-8")
    kept = [character for character in text if not "\ud800" <= character <= "\udfff"]
    rest = iter(shown)
    assert all(character in rest for character in kept)


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [(r"ab\x1b", 5, r"ab…"), (r"ab\u202ecd", 8, "ab…"), (r"ab\U000e0041", 9, "ab…"), ("abc", 3, "abc")],
)
def test_cut_keeps_escapes_whole(text: str, limit: int, shown: str) -> None:
    assert cut(text, limit) == shown
