import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.sinks.safe_text import inert, safe

ANYTHING = st.text(st.characters(exclude_categories=()))  # lone surrogates as well

CASES = {
    "plain": ("kubectl get pods -A", "kubectl get pods -A"),
    "other scripts stay": ("служба café 北京 مرحبا", "служба café 北京 مرحبا"),
    "colour": ("\x1b[31mred", r"\x1b[31mred"),
    "terminal title": ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
    "eight-bit CSI": ("\x9b2J", r"\u009b2J"),
    "line ends and tabs": ("a\nb\rc\td", r"a\nb\rc\td"),
    "line separators": ("a\u2028b\u2029c\x85d", r"a\u2028b\u2029c\u0085d"),
    "right-to-left override": ("txt.\u202egol", r"txt.\u202egol"),
    "isolate": ("\u2066x\u2069", r"\u2066x\u2069"),
    "zero width": ("do\u200bcker\ufeff", r"do\u200bcker\ufeff"),
    "soft hyphen": ("do\u00adcker", r"do\u00adcker"),
    "no-break space": ("a\u00a0b", r"a\u00a0b"),
    "hangul filler and blank braille": ("\u3164\u2800", r"\u3164\u2800"),
    "variation selector": ("a\ufe0f", r"a\ufe0f"),
    "tag characters": ("\U000e0041", r"\U000e0041"),
    "a byte that was not UTF-8": ("\udcff", r"\xff"),
    "lone surrogate": ("\ud800", r"\ud800"),
    "letters with marks": ("e\u0301\u0323", "e\u0301\u0323"),
    "tower of marks": ("e" + "\u0301" * 4, "e" + "\u0301" * 2 + r"\u0301\u0301"),
    "backslash": (r"C:\x1b", r"C:\x1b"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("text", "shown"), CASES.values(), ids=CASES)
def test_makes_visible(text: str, shown: str) -> None:
    assert safe(text) == shown


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        ("abc\x1bde", 6, "abc…"),  # not inside the escape
        ("abc\x1bde", 8, r"abc\x1b…"),
        ("a\x1b", 5, r"a\x1b"),
        ("\x1b", 1, "…"),
        ("x" * 10_000_000, 5, "xxxx…"),
    ],
)
def test_cuts(text: str, limit: int, shown: str) -> None:
    assert safe(text, limit=limit) == shown


@given(ANYTHING, st.integers(1, 300))
def test_is_harmless_whatever_comes(text: str, limit: int) -> None:
    shown = safe(text, limit=limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert safe(shown, limit=limit) == shown


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("docker ps -a", "docker ps -a"),
        ("<script>alert(1)</script>", "\u2039script\u203aalert(1)\u2039/script\u203a"),
        ("<!channel> <@U12>", "\u2039!channel\u203a \u2039@U12\u203a"),
        ("@everyone @HERE ana@here.example @ana", "@ everyone @ HERE ana@ here.example @ana"),
        ("[log in](https://evil.example)", "[log in] (hxxps://evil.example)"),
        ("HTTP://evil ftp://evil http:x", "hxxp://evil fxp://evil http:x"),
        ("a\x1b[2J\nb", r"a\x1b[2J\nb"),
    ],
)
def test_markup_of_chats_and_mail_is_inert(text: str, plain: str) -> None:
    assert inert(text) == plain


def test_what_is_inert_is_cut() -> None:
    assert inert("a" * 300, limit=100) == "a" * 99 + "…"
