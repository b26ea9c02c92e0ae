"""What readers of line-based formats share: lines with their places, and JSON that never raises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from tidewaiter.model import Activity, Origin
from tidewaiter.sources.contract import Block, Tally

MAX_TEXT = 1 << 20  # bytes of a line that is matched by patterns; no HTTP server takes a longer request line
_LARGEST = (1 << 63) - 1
_json = msgspec.json.Decoder()


class LineReader(ABC):
    """Reads one record a line; a subclass says in `read` what one line gives."""

    def __init__(self, tally: Tally, source: str) -> None:
        self.tally = tally
        self._source = source

    @abstractmethod
    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give the activities that are complete with this line."""

    def feed(self, block: Block) -> Iterator[Activity]:
        """Give the activities that are complete with this block."""
        for raw, line, offset in lines(block):
            origin = Origin(source=self._source, path=self.tally.path, line=line, offset=offset)
            try:
                yield from self.read(raw, origin)
            except RecursionError:  # JSON nested so deep that it can just be decoded, and nothing more
                self.cannot_read("not-an-event: nested too deep", raw, origin)

    def finish(self) -> Iterable[Activity]:
        """Give what was still waiting for more lines."""
        return ()

    def keep(self, activity: Activity) -> Activity:
        """Count an activity as kept."""
        self.tally.kept += 1
        self.tally.saw(activity.at)
        return activity

    def cannot_read(self, reason: str, raw: bytes, origin: Origin) -> None:
        """Count a line as unreadable."""
        self.tally.cannot_read(line=origin.line, offset=origin.offset, reason=reason, raw=raw)


def lines(block: Block) -> Iterator[tuple[bytes, int, int]]:
    """Give each line that is not blank, without its end, with its number and its place."""
    data = block.data if isinstance(block.data, bytes) else bytes(block.data)
    line, offset = block.line, block.offset
    for whole in data.split(b"\n"):
        raw = whole.strip(b"\r")
        if raw and not raw.isspace():
            yield raw, line, offset
        line += 1
        offset += len(whole) + 1


def json_object(raw: bytes | str) -> dict[str, Any] | None:
    """Decode a JSON object; None when it is anything else. Bytes that are not UTF-8 become U+FFFD.

    A client chooses part of most records: one bad byte in a user agent must not hide the request.
    """
    try:
        found = _json.decode(raw)
    except UnicodeDecodeError:
        return json_object(raw.decode("utf-8", "replace")) if isinstance(raw, bytes) else None
    except (msgspec.MsgspecError, RecursionError):  # the latter: nested thousands deep
        return None
    return found if isinstance(found, dict) else None


def text_of(value: object) -> str:
    """Give a value of a JSON record when it is a string, else ""."""
    return value if isinstance(value, str) else ""


def number_of(value: object) -> int | None:
    """Give a whole number of at most 64 bits that a record holds as a number or as digits, else None."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:  # noqa: PLR2004 - of 64 bits
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    # JSON has numbers of any size, the store has not: one absurd size of an answer must not end a scan.
    return value if -_LARGEST <= value <= _LARGEST else None


def digest(*parts: bytes | str) -> str:
    """Make an id from the content of a record."""
    found = blake2b(digest_size=10)
    for part in parts:
        found.update(part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass"))
        found.update(b"\x1f")
    return found.hexdigest()
