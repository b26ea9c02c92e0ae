"""Reads logfmt as Go's logrus writes it: `key=value` pairs, values quoted by strconv.Quote where needed.

Documentation: https://brandur.org/logfmt and https://pkg.go.dev/strconv#Quote .
"""

from __future__ import annotations

import re

_PAIR = re.compile(r'([^\s="]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?=\s|\Z)\s*', re.DOTALL)
_ESCAPE = re.compile(r"(?:\\x[0-9a-fA-F]{2})+|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\.", re.DOTALL)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_LAST = 0x10FFFF


def parse(text: str) -> dict[str, str] | None:
    """Give the pairs of one line; None when any part of it is something else, such as a quote that never ends."""
    pairs: dict[str, str] = {}
    at = 0
    while at < len(text):
        found = _PAIR.match(text, at)
        if found is None:
            return None
        key, quoted, bare = found.groups()
        pairs[key] = unquote(quoted) if quoted is not None else bare
        at = found.end()
    return pairs or None


def unquote(text: str) -> str:
    r"""Undo the escapes of strconv.Quote; a run of `\xNN` is decoded as UTF-8, where it can be."""
    return _ESCAPE.sub(lambda found: _unescape(found[0]), text) if "\\" in text else text


def _unescape(escape: str) -> str:
    kind = escape[1]
    if kind == "x" and len(escape) >= 4:  # noqa: PLR2004 - \xNN
        return bytes.fromhex(escape.replace("\\x", "")).decode("utf-8", "replace")
    if kind in "uU" and len(escape) > 2:  # noqa: PLR2004 - \uNNNN
        digits = escape[2:]
        point = int(digits, 16)
        surrogate = 0xD800 <= point <= 0xDFFF  # noqa: PLR2004
        return "\ufffd" if surrogate or point > _LAST else chr(point)
    return _PLAIN.get(kind, kind)
