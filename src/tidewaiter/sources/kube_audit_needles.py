r"""Drops audit lines that cannot matter before they are parsed, when the optional extra `hyperscan` is there.

A line is kept when any JSON reading of it could be an event that `kube_audit` keeps. What decides are the values of
`verb` and `requestURI`; both can be found as raw bytes because a JSON string's delimiters cannot be escaped and no
white space can stand inside a token, so key order and white space do not matter. Only an escape can hide a letter,
`\/` a slash and `\u00XX` any other: lines with an escape of that kind are always kept. (Go's encoder escapes only
`&`, `<` and `>`, which no needle holds.) A test shuffles keys, white space and escapes, and mutated needles fail it.

Not covered: several values under one key. Parsers disagree about these, and kube-apiserver never writes them.
"""

from __future__ import annotations

import re
from typing import Protocol

try:
    import hyperscan
except ImportError:  # the extra `fast` is not installed, or not built for this machine
    hyperscan = None

_URI = rb'"requestURI"\s*:\s*"'
_S = rb'([^/"?\\\n]|\\.)+'  # one segment of a path
_QUERY = rb'(\?([^"\\\n]|\\.)*)?"'
_FOLLOW = b"resourceVersion="


def _next_verb(verb: bytes) -> bytes:
    """Give what may stand after a URI's closing quote: this verb as Go writes it, or what Go never writes."""
    go = b',"verb":"'
    odd = b"|".join(re.escape(go[:at]) + b"[^" + re.escape(go[at : at + 1]) + b"]" for at in range(len(go)))
    return b"(" + re.escape(go + verb) + b'"|' + odd + b")"


def _not_going_on() -> bytes:
    """Give an expression for a query that names no resourceVersion above zero, parameter by parameter."""
    rest = rb'[^&"\\\n]*'
    ways = [
        re.escape(_FOLLOW[:at]) + b"([^" + re.escape(_FOLLOW[at : at + 1]) + rb'&"\\\n]' + rest + b")?"
        for at in range(len(_FOLLOW))
    ]
    parameter = b"(" + b"|".join([*ways, _FOLLOW + rb'([^1-9&"\\\n]' + rest + b")?"]) + b")"
    return rb"(\?" + parameter + rb"((&|\\u0026)" + parameter + b")*)?"


NEEDLES: tuple[bytes, ...] = (
    rb'"list"',
    rb'List"',  # an EventList is unpacked
    rb'reviews"',  # access reviews, whichever API group they are of
    # API discovery, and what is no resource at all; a read of one named object that was answered is not kept.
    _URI + b"/((version|openapi)(/" + _S + b")*|apis?(/" + _S + b"){0,2}/?)" + _QUERY + _next_verb(b"get"),
    _URI + rb"(/?\"|/?\?|[^/]|/[^a]|/a[^p]|/ap[^i]|/api[^s/?\"]|/apis[^/?\"])",
    rb'/(log|exec|attach|portforward|proxy|token|stats|metrics|spec|configz|ephemeralcontainers)["?/]',
    rb'/nodes/[^/"]+/pods["?/]',
    rb'"code"\s*:\s*[45]',
    # A watch that names where to go on returns changes only; every other one lists.
    _URI + rb'[^?"\\\n]*' + _not_going_on() + b'"' + _next_verb(b"watch"),
    rb"sendInitialEvents=",
    # A percent sign in a parameter's name could hide the name.
    _URI + rb'[^?"\\\n]*\?(([^"\\\n]|\\.)*(&|\\u0026))?[^=&"\\\n]*%',
    rb"\\(/|u00([4-7]|2[fF]|3[fF]))",  # an escape that could hide a letter, a slash or a question mark
)


class LineFilter(Protocol):
    """Finds the lines of a block that may hold something relevant."""

    def lines(self, raw: bytes) -> tuple[list[tuple[int, int, int]], int]:
        """Give (start, end, index) of each line to parse, and the number of lines in the block."""


class _Hyperscan:
    """Runs all needles over a block in one pass."""

    def __init__(self, needles: tuple[bytes, ...]) -> None:
        self._database = hyperscan.Database()
        self._database.compile(expressions=list(needles), ids=[0] * len(needles), flags=[0] * len(needles))

    def lines(self, raw: bytes) -> tuple[list[tuple[int, int, int]], int]:
        ends: list[int] = []
        note = ends.append
        self._database.scan(raw, match_event_handler=lambda _needle, _start, end, _flags, _context: note(end))
        kept: list[tuple[int, int, int]] = []
        find = raw.find
        stop = index = 0  # end of the last kept line, and how many lines lie before it
        for end in ends:
            if end <= stop:
                continue
            start = raw.rfind(b"\n", stop, end - 1) + 1 or stop
            while stop < start:  # jumping from line end to line end is faster than counting where lines are long
                stop = find(b"\n", stop) + 1
                index += 1
            stop = find(b"\n", end - 1) + 1 or len(raw)
            kept.append((start, stop, index))
            index += 1
        return kept, index + raw.count(b"\n", stop) + (stop < len(raw) and raw[-1:] != b"\n")


def line_filter(*, native: bool = True, needles: tuple[bytes, ...] = NEEDLES) -> LineFilter | None:
    """Give the native filter, or None when every line has to be parsed."""
    return _Hyperscan(needles) if native and hyperscan is not None else None
