"""Leaves audit lines unparsed that cannot matter, by looking at a few places of a line that kube-apiserver wrote.

Go writes the keys of an event in one order: kind, apiVersion, level, auditID, stage, requestURI, verb, and only then
anything nested. In a line that begins this way, the first `"verb":"` that no `{` precedes is the event's own verb,
since a quote inside a string is escaped. Three quarters of a cluster's lines are updates, patches, answered reads of
one named object and watches that go on from a known version: none of these is kept by `kube_audit`, so they need no
decoding. A line of any other form (a shipper's key order, white space, escapes in the target, cut or glued lines) is
parsed: odd form costs time, never a record. A line left unparsed is not checked to its last byte.

The decisions are in `_triage.c`, because in Python they cost more than decoding every line does (2.1 against 1.9 CPU
s for 1 GB, against 0.2 in C). Where it could not be compiled, every line is decoded, and the findings are the same:
a test compares both over shuffled keys, white space, escapes and odd targets.
"""

from __future__ import annotations

from collections.abc import Callable

Place = tuple[int, int, int]  # start, end without the line end, number of lines before it
# The lines worth parsing, and how many lines there are.
Triage = Callable[[bytes | memoryview], tuple[list[Place], int]]


def triage(*, native: bool = True) -> Triage | None:
    """Give the compiled triage; None when every line has to be parsed."""
    if not native:
        return None
    try:
        from tidewaiter.sources._triage import worth_parsing  # noqa: PLC0415 - it may not be there
    except ImportError:
        return None
    return worth_parsing
