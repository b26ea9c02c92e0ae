"""Syslog messages out of a byte stream: both framings of RFC 6587, which senders mix up freely.

Octet counting is `LENGTH SPACE MESSAGE` (3.4.1; the only one of RFC 5425, TLS), the other ends a message with a line
end or a zero byte (3.4.2). The first bytes of a connection say which one it is: a number, a space, and then `<` or `{`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_COUNTED = re.compile(rb"([1-9]\d{0,8}) [<{]")
_MAYBE_COUNTED = re.compile(rb"[1-9]\d{0,8}(?: |\Z)")
_LENGTH = re.compile(rb"([1-9]\d{0,8}) ")
_MAYBE_LENGTH = re.compile(rb"[1-9]\d{0,8}\Z")
_SPACES = b" \r\n\0"


class FramingError(ValueError):
    """The sender counts octets, and what follows is no count: nothing tells where the next message begins."""


class Frames:
    """Cuts the bytes of one connection into messages."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._buffer = bytearray()
        self._counting: bool | None = None  # not known yet
        self._skip = 0  # octets left of a message that is too long
        self._skipping_line = False
        self.too_long = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give the messages that are complete now. Raises FramingError."""
        self._buffer += data
        if self._counting is None:
            self._decide()
        if self._counting is None:
            return
        yield from self._counted() if self._counting else self._lines()

    def finish(self) -> tuple[bytes, bool]:
        """Give the last line, if it has no end, when the connection ends; or tell that a counted message was cut."""
        rest = bytes(self._buffer).strip(_SPACES)
        if self._counting:
            return b"", bool(rest or self._skip)
        return (b"" if self._skipping_line else rest), False

    def _decide(self) -> None:
        start = bytes(self._buffer[:12]).lstrip(b"\r\n\0")
        if not start or _MAYBE_COUNTED.fullmatch(start):
            return  # too little to tell
        self._counting = _COUNTED.match(start) is not None
        if self._counting:
            del self._buffer[: len(self._buffer) - len(self._buffer.lstrip(b"\r\n\0"))]

    def _counted(self) -> Iterator[bytes]:
        at, size = 0, len(self._buffer)
        while True:
            if self._skip:
                step = min(self._skip, size - at)
                self._skip -= step
                at += step
            while at < size and self._buffer[at] in _SPACES:
                at += 1  # some senders put a line end behind a counted message
            head = _LENGTH.match(self._buffer, at)
            if head is None:
                if at < size and not _MAYBE_LENGTH.match(self._buffer, at):
                    raise FramingError
                break
            length = int(head[1])
            if length > self._longest:
                self.too_long += 1
                self._skip = length
                at = head.end()
                continue
            if head.end() + length > size:
                break
            yield bytes(self._buffer[head.end() : head.end() + length])
            at = head.end() + length
        del self._buffer[:at]

    def _lines(self) -> Iterator[bytes]:
        *lines, rest = re.split(rb"[\n\0]", self._buffer)
        self._buffer = bytearray(rest)
        for line in lines:
            if self._skipping_line:
                self._skipping_line = False
            elif len(line) > self._longest:
                self.too_long += 1
            else:
                yield bytes(line)
        if len(self._buffer) > self._longest:
            if not self._skipping_line:
                self.too_long += 1
            self._skipping_line = True
            self._buffer.clear()


def one_line(message: bytes) -> bytes:
    """Make one line of a message: line ends inside become spaces, so that a sender cannot make two records of one."""
    message = message.strip(b" \r\n\0")
    return re.sub(rb"[\r\n\0]+", b" ", message) + b"\n" if message else b""
