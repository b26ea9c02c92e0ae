"""Makes text from logs harmless to look at: whatever a terminal would obey or hide becomes a written escape.

`str.isprintable` is false for the Unicode categories Other (controls, bidirectional marks and overrides, zero-width
characters, lone surrogates, private use, unassigned) and Separator, except for the plain space.
"""

from __future__ import annotations

import re
import unicodedata

# Printable by category, yet nothing to see: fillers, blank braille, variation selectors.
_HIDDEN = frozenset(map(chr, (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0))) | frozenset(
    map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)
_MARKS = 2  # combining marks on one letter; living languages need no more, towers of them paint over other lines
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_SURROGATES = re.compile("[\ud800-\udfff]")
_OPEN_ESCAPE = re.compile(r"\\(?:x[0-9a-f]?|u[0-9a-f]{0,3}|U[0-9a-f]{0,7})?\Z")
_ASCII_END = 0x80
_WIDE = 0xFFFF


def visible(text: str) -> str:
    r"""Write every character that is not plainly seen as an escape such as \x1b or \u202e.

    A backslash stays as it is: the result is to be read, not to be decoded. A byte that was not UTF-8 (U+DC80 to
    U+DCFF, PEP 383) becomes \x80 to \xff, other characters from U+0080 on \uXXXX.
    """
    if text.isascii():
        return text if text.isprintable() else "".join(c if c.isprintable() else escape(c) for c in text)
    shown, marks = [], 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        plain = character.isprintable() and character not in _HIDDEN and marks <= _MARKS
        shown.append(character if plain else escape(character))
    return "".join(shown)


def escape(character: str) -> str:
    r"""Write one character as \n, \xNN, \uNNNN or \UNNNNNNNN."""
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004 - PEP 383: a byte that was not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < _ASCII_END:
        return _SHORT.get(character) or f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _WIDE else f"\\U{code:08x}"


def without_surrogates(text: str) -> str:
    """Write lone surrogates as escapes, so that the text can be encoded as UTF-8; nothing else changes."""
    return _SURROGATES.sub(lambda match: escape(match[0]), text)


def cut(text: str, limit: int) -> str:
    """Cut a visible text to `limit` characters, never inside an escape, and mark the cut."""
    if len(text) <= limit:
        return text
    return _OPEN_ESCAPE.sub("", text[: limit - 1]) + "…"
