r"""Drops audit lines that cannot matter before they are parsed, when the optional extra `hyperscan` is there.

A line is kept when any JSON reading of it could be an event that `kube_audit` keeps. What decides are the values of
`verb` and `requestURI`; both can be found as raw bytes because a JSON string's delimiters cannot be escaped and no
white space can stand inside a token, so key order and white space do not matter. Only an escape can hide a letter:
lines with a letter escaped are always kept, and so are those with any escape inside `requestURI` but a `\u0026` in the
query, which is how Go writes `&`. A test shuffles keys, white space and escapes; each needle, and each alternative in it, that is taken
away fails it.

Not covered: several values under one key. Parsers disagree about these, and kube-apiserver never writes them. A line
that is broken inside, not at its end, and holds no needle counts as a record instead of as unreadable.
"""

from __future__ import annotations

import re
from typing import Protocol

try:
    import hyperscan
except ImportError:  # the extra `fast` is not installed, or not built for this machine
    hyperscan = None  # type: ignore[assignment,unused-ignore]  # mypy says so only where it is installed

_URI = rb'"requestURI"\s*:\s*"'
_S = rb'[^/"?\\\n]+'  # one segment of a path
_REST = rb'([^"\\\n]|\\u0026)*'
_QUERY = rb"(\?" + _REST + rb')?"'
_AND = rb"(&|\\u0026)"
_VERSION = b"resourceVersion"
_SUBRESOURCES = b"log|exec|attach|portforward|proxy|token|stats|metrics|spec|configz"


def _next_verb(verbs: bytes) -> bytes:
    """Give what may stand after a URI's closing quote: one of these verbs as Go writes it, or what Go never writes."""
    go = b',"verb":"'
    odd = b"|".join(re.escape(go[:at]) + b"[^" + re.escape(go[at : at + 1]) + b"]" for at in range(len(go)))
    return b"(" + re.escape(go) + b"(" + verbs + b')"|' + odd + b")"


def _not_going_on() -> bytes:
    """Give an expression for a query whose first resourceVersion, if any, is not plainly a number above zero."""
    rest = rb'[^&"\\\n]*'
    shorter = [
        _VERSION[:at] + b"([^" + _VERSION[at : at + 1] + rb'&"\\\n]' + rest + b")?" for at in range(len(_VERSION))
    ]
    other = b"(" + b"|".join([*shorter, _VERSION + rb'[^=&"\\\n]' + rest]) + b")"  # a parameter of another name
    zero = _VERSION + rb'(=(0*|[0-9]*[^0-9&"\\\n]' + rest + b"))?"
    return rb"(\?(" + other + _AND + b")*(" + other + b"|" + zero + b"(" + _AND + _REST + b")?))?"


NEEDLES: tuple[bytes, ...] = (
    rb'"list"',
    rb'List"',  # an EventList is unpacked
    rb'reviews"',  # access reviews, whichever API group they are of
    # API discovery, and what is no resource at all; a read of one named object that was answered is not kept.
    _URI + b"/apis?(/" + _S + b"){0,2}/?" + _QUERY + _next_verb(b"get|head"),
    _URI + b"([^/]|/[^a])",
    _URI + rb'[^?"\\\n]*//',
    # What reads more than the object that it names; from the path only where there is no objectRef.
    rb'"subresource"\s*:\s*"(' + _SUBRESOURCES + b'|pods)"',
    b"/(" + _SUBRESOURCES + rb')["?/]',
    rb'/nodes/[^/"]+/pods["?/]',
    rb'"code"\s*:\s*([4-9]|[0-9]{4})',
    # A watch that names where to go on returns changes only; every other one lists.
    _URI + rb'[^?"\\\n]*' + _not_going_on() + b'"' + _next_verb(b"watch"),
    rb"sendInitialEvents",
    # A percent sign in the path or in a parameter's name could hide a name.
    _URI + rb'[^?%"\\\n]*(%|\?(' + _REST + _AND + rb')?[^=&"\\\n]*%)',
    # An escape that hides a letter, or anything in a target. The path of a target holds none at all.
    rb"\\u00[4-7]",
    _URI + rb'[^?"\\\n]*\\',
    _URI + rb'([^"\\\n]|\\u0026)*\\([^u]|u[^0]|u0[^0]|u00[^2]|u002[^6])',
    rb"(^|[^}])\n",  # what does not end like an event is no event: it has to be counted
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
        if raw and not raw.endswith(b"\n"):
            note(len(raw))  # the last line of the input may have been cut
        ends.sort()  # the library promises no order
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
