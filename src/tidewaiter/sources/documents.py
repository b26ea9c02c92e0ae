"""From JSON that is not one object a line to one block a document: pretty-printed, concatenated, or in one large list.

Memory is bounded by one item, not by the file: a top-level array is taken apart, and so is `items` of an object whose
`kind` ends in List (Kubernetes EventList, the body of an audit webhook, `kubectl get -o json`).

This is a scanner for the ends of values, not a parser: it follows brackets and strings (RFC 8259) and lets the
reader of the format judge what is between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tidewaiter.sources.contract import SAMPLE_BYTES, Block, Tally

MAX_DOCUMENT = 64 << 20

_OPEN = {ord("{"): ord("}"), ord("["): ord("]")}
_CLOSING = frozenset(_OPEN.values())
_CURLY, _SQUARE, _QUOTE = ord("{"), ord("["), ord('"')
_INDENT_MOST = 80
_OPEN_STRING = "a string that does not end on its line"

# All text up to the next bracket that is not in a string. Possessive: without way back, a long string costs no stack.
_TEXT = re.compile(rb'(?:[^"{}\[\]]++|"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+")*+')
_BETWEEN = re.compile(rb"[\s,\x1e\0]*+")  # \x1e: RFC 7464 writes it before each value
_SCALAR = re.compile(rb'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"|[^\s,\[\]{}"]++')
# The quote of a key is never escaped, and no value is followed by a colon.
_KIND = re.compile(rb'(?<!\\)"kind"\s*:\s*"([^"\\]*)"')
# `items` of a Kubernetes list; the others hold the records of wrappers (see envelopes.yml).
_ITEMS = re.compile(
    rb'(?<!\\)"(?:items|[Rr]ecords|events|logEvents|entries|results|values|streams|resourceLogs|value)"\s*:\s*\Z'
)
# A broken file may make the scanner go back. It reads no byte more than this many times on average.
_READ_AGAIN = 4


def documents(blocks: Iterable[Block], tally: Tally, max_document: int = MAX_DOCUMENT) -> Iterator[Block]:
    """Give one block for each JSON value, with the place of its first byte; its bytes may hold line ends.

    Blocks may be cut anywhere. What is no JSON is counted with its place (`broken-json`, `document-too-long`), and
    the scanner goes on at the next line that starts with `{`, or, in a list, like the first line of the broken item.
    """
    scanner = Scanner(tally, max_document)
    for block in blocks:
        yield from scanner.feed(block)
    yield from scanner.finish()


def one_line(block: Block) -> Block:
    """Write a document on one line of the same length, so that readers of lines can read it and places stay right."""
    # Raw line ends stand between tokens only: RFC 8259, section 7, wants them escaped in strings.
    data = bytes(block.data).translate(_FLAT) + b"\n"
    return Block(data, block.offset, block.line)


_FLAT = bytes.maketrans(b"\r\n", b"  ")


class _Skip(NamedTuple):
    """A broken value whose end is looked for."""

    line: int
    offset: int
    reason: str
    sample: bytes
    resume: re.Pattern[bytes]
    like_top: bool  # items stand at the start of a line, as documents do: they cannot be told apart


class Scanner:
    """Finds the ends of JSON values in bytes that come piece by piece."""

    def __init__(self, tally: Tally, max_document: int = MAX_DOCUMENT) -> None:
        self._tally = tally
        self._max = max_document
        self._reset()

    def _reset(self) -> None:
        self._buffer = bytearray()
        self._at = 0  # what is before this place in the buffer was scanned
        self._offset = 0  # of the buffer's first byte, in the input
        self._line = 1  # of _counted
        self._counted = 0  # place in the buffer up to which line ends were counted
        self._last = False  # no more bytes will come
        self._want = 0  # size of the buffer below which another try is vain
        self._credit = 0  # bytes that may be read again
        self._stack = bytearray()  # the closing brackets we wait for
        self._base = 0  # 1 inside a top-level array, else 0
        self._floor = 0  # depth at which values stand: _base, or two more inside `items`
        self._start: int | None = None  # of the value we are in
        self._silent = False  # the value is what follows `items` in an object that was taken apart
        self._kind: bytes | None = None  # of the object we are in
        self._undecided: int | None = None  # place of an array `items` met before `kind`
        self._indent = b""  # white space between the start of the line and the value
        self._skip: _Skip | None = None

    def feed(self, block: Block) -> Iterator[Block]:
        """Take more bytes and give the values that are complete now."""
        if block.offset != self._offset + len(self._buffer):  # something was left out, or this is the first block
            yield from self.finish()
            self._reset()
            self._offset, self._line = block.offset, block.line
        self._buffer += block.data
        self._credit += len(block.data) * _READ_AGAIN
        if len(self._buffer) >= self._want:
            yield from self._scan()
            self._forget()

    def finish(self) -> Iterator[Block]:
        """Give what is complete without more bytes, and count what is not."""
        self._last = True
        yield from self._scan()
        end = len(self._buffer)
        if self._stack and not self._skip:
            self._broken(end, "the input ends inside a list")
        if self._skip:
            self._report(self._skip, end)
            self._skip = None

    def _scan(self) -> Iterator[Block]:
        self._want = 0
        while True:
            if self._skip:
                going = self._resume(self._skip)
            elif self._start is None:
                value, going = self._between()
                if value:
                    yield value
            else:
                value, going = self._inside(self._start)
                if value:
                    yield value
            if not going:
                return

    def _between(self) -> tuple[Block | None, bool]:
        """Step over what stands between values, up to the start or end of something."""
        buffer = self._buffer
        at = self._after(_BETWEEN)
        if at == len(buffer):
            row = buffer.rfind(b"\n", max(self._at, at - _INDENT_MOST), at)
            self._at = at if row < 0 else row  # how far the next value is indented may matter
            return None, False
        self._at = at
        byte = buffer[at]
        if byte == _SQUARE and not self._stack:
            self._stack.append(_OPEN[byte])
            self._base = self._floor = 1
            self._at += 1
        elif byte in _OPEN:
            self._begin(at, silent=False)
        elif self._stack and byte == self._stack[-1]:
            self._close_array(at)
        elif byte in _CLOSING:
            self._broken(at, f"'{chr(byte)}' where a value should start")
        elif self._stack:
            return self._scalar(at)
        else:
            self._broken(at, "text outside of any value")
        return None, True

    def _after(self, pattern: re.Pattern[bytes]) -> int:
        match = pattern.match(self._buffer, self._at)
        return match.end() if match else self._at

    def _begin(self, at: int, *, silent: bool) -> None:
        self._start = at
        self._silent = silent
        self._kind = None
        self._undecided = None
        self._indent = b""
        if not silent:
            row = self._buffer.rfind(b"\n", max(0, at - _INDENT_MOST), at) + 1
            if row and self._buffer[row:at].isspace():
                self._indent = bytes(self._buffer[row:at])
            self._stack.append(_OPEN[self._buffer[at]])
            self._at = at + 1

    def _close_array(self, at: int) -> None:
        self._stack.pop()
        self._at = at + 1
        if self._floor > self._base:  # the end of `items`: the rest of the object around it is of no use
            self._floor = self._base
            self._begin(self._at, silent=True)
        else:
            self._base = self._floor = 0

    def _scalar(self, at: int) -> tuple[Block | None, bool]:
        match = _SCALAR.match(self._buffer, at)
        end = match.end() if match else len(self._buffer)
        if end == len(self._buffer) and not self._last and self._buffer.find(b"\n", at) < 0:
            self._wait()
            return None, False
        if match is None:
            self._broken(at, _OPEN_STRING)
            return None, True
        self._at = end
        return self._block(at, end), True

    def _inside(self, start: int) -> tuple[Block | None, bool]:
        """Follow brackets from where the scan stands to the end of the value."""
        buffer, stack, floor = self._buffer, self._stack, self._floor
        listable = floor == self._base and not self._silent and buffer[start] == _CURLY
        at = self._at
        size = len(buffer)
        text = _TEXT.match
        while True:
            match = text(buffer, at)
            end = match.end() if match else at
            if end == size or buffer[end] == _QUOTE:
                return None, self._stuck(start, at, end)
            byte = buffer[end]
            if listable and len(stack) == floor + 1 and self._is_list(at, end, byte):
                self._descend(end + 1)
                return None, True
            at = end + 1
            if byte in _OPEN:
                if byte == _CURLY and buffer[end - 1 : end] == b"\n" and not self._may_open(end):
                    self._broken(end - 1, "a new object starts before the last one ended")
                    return None, True
                stack.append(_OPEN[byte])
            elif byte != stack[-1]:
                self._broken(at, f"'{chr(stack[-1])}' expected, '{chr(byte)}' found")
                return None, True
            else:
                stack.pop()
                if len(stack) <= floor:
                    self._at = at
                    return self._complete(start, at), True

    def _is_list(self, at: int, end: int, byte: int) -> bool:
        """Look at the text between two brackets, directly inside the object, for `kind` and `items`."""
        if kind := _KIND.search(self._buffer, at, end):
            self._kind = kind[1]
        if byte == _SQUARE and _ITEMS.search(self._buffer, at, end):
            if self._kind is None:
                self._undecided = end + 1
            else:
                return self._kind.endswith(b"List")
        return False

    def _descend(self, at: int) -> None:
        """Go on with the items of the object as values, from the byte after the bracket of their array."""
        del self._stack[self._floor + 1 :]
        self._stack.append(_OPEN[_SQUARE])
        self._floor += 2
        self._start = None
        self._at = at

    def _complete(self, start: int, end: int) -> Block | None:
        """End the value; an object that turned out to be a list is gone through again, item by item."""
        if self._undecided is not None and (self._kind or b"").endswith(b"List"):
            self._stack.append(_OPEN[_CURLY])
            self._descend(self._undecided)
            return None
        self._start = None
        return None if self._silent else self._block(start, end)

    def _may_open(self, at: int) -> bool:
        """Whether JSON allows an object here: after a colon in an object, after a bracket or comma in an array."""
        before = bytes(self._buffer[max(0, at - SAMPLE_BYTES) : at]).rstrip()[-1:]
        return before in ((b":",) if self._stack[-1] == _OPEN[_CURLY] else (b"[", b",")) or not before

    def _stuck(self, start: int, at: int, end: int) -> bool:
        """Decide what to do at the end of the buffer, or at a string without end; True to go on at once."""
        broken_string = end < len(self._buffer) and self._buffer.find(b"\n", end) >= 0
        if broken_string:
            self._broken(self._buffer.find(b"\n", end), _OPEN_STRING)
            return True
        if len(self._buffer) - start > self._max:
            if self._undecided is not None:
                self._descend(self._undecided)  # too large to wait for its kind
            else:
                self._broken(end, f"more than {self._max} bytes", key="document-too-long")
            return True
        if self._last:
            self._broken(end, "the input ends inside a value")
            return True
        self._at = at
        self._wait()
        return False

    def _wait(self) -> None:
        # Whoever is stuck reads the text since the last bracket again: not for every small piece.
        self._want = len(self._buffer) + (len(self._buffer) - self._at) // 2

    def _block(self, start: int, end: int) -> Block:
        return Block(bytes(self._buffer[start:end]), self._offset + start, self._line_of(start))

    def _line_of(self, at: int) -> int:
        if at >= self._counted:
            self._line += self._buffer.count(b"\n", self._counted, at)
        else:
            self._line -= self._buffer.count(b"\n", at, self._counted)
        self._counted = at
        return self._line

    def _forget(self) -> None:
        """Drop what was scanned and will not be needed again."""
        done = self._at if self._start is None else self._start
        if self._silent and self._start is not None:
            done = self._start = self._at
        self._line_of(done)
        del self._buffer[:done]
        self._offset += done
        self._at -= done
        self._counted = 0
        self._want = max(0, self._want - done)
        if self._start is not None:
            self._start -= done
        if self._undecided is not None:
            self._undecided -= done

    def _broken(self, at: int, why: str, key: str = "broken-json") -> None:
        """Give the value up that started last; `at` is where it became clear. Goes over to skipping."""
        start = at if self._start is None else self._start
        indent = b"" if self._start is None else self._indent
        self._skip = _Skip(
            line=self._line_of(start),
            offset=self._offset + start,
            reason=f"{key}: {why}",
            sample=bytes(self._buffer[start : start + SAMPLE_BYTES]),
            resume=re.compile(b"\n(" + indent + b")?{"),
            like_top=not indent and self._floor == self._base,
        )
        # What follows the start of the broken value may be whole: go back there, unless that was done too often.
        again = at - start if at - start <= self._credit else 0
        self._credit -= again
        self._at = at - again
        self._start = None
        del self._stack[self._floor :]

    def _resume(self, skip: _Skip) -> bool:
        """Look for the next line where a value may start."""
        match = skip.resume.search(self._buffer, self._at)
        if match is None:
            self._at = max(self._at, len(self._buffer) - _INDENT_MOST - len(b"\n{"))
            return False
        if not match[1] and not skip.like_top:  # less indented than the broken item: a new document
            self._stack.clear()
            self._base = self._floor = 0
        self._at = match.end() - 1
        self._report(skip, self._at)
        self._skip = None
        return True

    def _report(self, skip: _Skip, end: int) -> None:
        reason = f"{skip.reason}; {self._offset + end - skip.offset} bytes left out"
        self._tally.cannot_read(line=skip.line, offset=skip.offset, reason=reason, raw=skip.sample)
