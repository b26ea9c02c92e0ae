"""Events as XML: of the Windows event log, or of Sysmon for Linux.

Schema: Microsoft Learn, "Event Schema". Written one event a line by forwarders and `wevtutil`, many in a line by
"Save as XML" of the Event Viewer, over many lines by `evtx_dump`.

Nothing is ever fetched or expanded: a DOCTYPE is refused, every `&` that is not one of the five entities of XML or a
character reference stands for itself, and the depth is bounded. So no parser beyond Python's own expat is needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple
from xml.parsers.expat import ExpatError, ParserCreate

import msgspec

from tidewaiter.sources.event_log import Entry, make, provider_of

LONGEST = 1 << 20  # bytes of one event; Windows itself allows 64 KB
_DEPTH = 16
_START = re.compile(rb"<Event[\s>]")
_END = b"</Event>"
_FRAME = re.compile(rb"(?:<\?xml[^>]*>)?(?:</?Events[^>]*>|Record \d+)?\Z")  # what exports put around the events
_NUMBER = re.compile(rb"<EventID(?:\s[^<>]*)?>(\d{1,9})<")
_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)")
_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}));")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # no character of XML 1.0
_ROOT = re.compile(r"<Event(?:\s[^>]*)?>")
_DATA = re.compile(r"<Data Name=(?:\"([^\"<]+)\"|'([^'<]+)')>")
_SYSTEM = re.compile(r"<(EventID|Computer|EventRecordID|Channel)(?:\s[^<>]*)?>([^<]*)</")
_ATTRIBUTE = re.compile(r"<(Provider|TimeCreated)\s(?:Guid=[^\s<>]+ )?(?:Name|SystemTime)=(?:\"([^\"<]*)\"|'([^'<]*)')")
_KEPT = {"EventID", "Computer", "EventRecordID", "Channel"}
_ATTRIBUTES = {"Provider": "Name", "TimeCreated": "SystemTime"}


class Raw(NamedTuple):
    """The text of one event, and where it starts."""

    text: bytes
    line: int
    offset: int


class _RefusedError(Exception):
    """The text is XML that no event is written in."""


class Events:
    """Cuts lines into events; an event may span lines, and a line may hold many."""

    def __init__(self) -> None:
        self._begun: tuple[int, int] | None = None  # line and offset of the event whose end is waited for
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, line: bytes, number: int, offset: int) -> Iterator[Raw]:
        """Give the events that end in this line, or whose end is missing before it."""
        at, end = 0, -1
        while True:
            if self._begun is None:
                found = _START.search(line, at)
                if found is None:
                    return
                self._begun = (number, offset + found.start())
                at, look = found.start(), found.end()
            else:
                look = at
            following = _START.search(line, look)
            border = following.start() if following else len(line)
            if end <= at:  # looked for once, however many events have no end
                place = line.find(_END, at)
                end = place + len(_END) if place >= 0 else len(line) + 1
            if end <= border:
                yield self._close(line[at:end])
                at = end
            elif following:
                yield self._close(line[at:border])
                at = border
            else:
                self._pieces.append(line[at:])
                self._size += len(line) - at
                if self._size > LONGEST:
                    yield self._close(b"")
                return

    def is_strange(self, line: bytes) -> bool:
        """Tell whether a line that is about to be added belongs to no event and to no frame around events."""
        return self._begun is None and _START.search(line) is None and not _FRAME.match(line.strip())

    def finish(self) -> Iterator[Raw]:
        """Give the event whose end never came."""
        if self._begun is not None:
            yield self._close(b"")

    def _close(self, rest: bytes) -> Raw:
        number, offset = self._begun or (1, 0)
        text = b"\n".join([*self._pieces, rest])
        self._begun, self._size = None, 0
        self._pieces.clear()
        return Raw(text, number, offset)


def number_in(text: bytes) -> int | None:
    """Give the number of the event without reading it; None when it is not found."""
    found = _NUMBER.search(text)
    return int(found[1]) if found else None


def entry_of_xml(text: bytes) -> Entry | None:
    """Read one event; what is broken or cut is read as far as it goes. None when not even its number is there."""
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text or len(text) > LONGEST:
        return None
    plain = _AMPERSAND.sub("&amp;", _CONTROL.sub("\ufffd", text.decode("utf-8", "replace")))
    plain = _REFERENCE.sub(_reference, plain)
    system, data = _parsed(plain) or _salvaged(plain)
    if not system.get("EventID"):
        return None
    entry = make(
        provider_of(system.get("Provider", ""), system.get("Channel", "")),
        system["EventID"],
        (system.get("TimeCreated"),),
        system.get("Computer", ""),
        system.get("EventRecordID", ""),
        data,
    )
    return entry if system.get("whole") else msgspec.structs.replace(entry, whole=False)


def _reference(found: re.Match[str]) -> str:
    """Keep a character reference, unless XML 1.0 does not allow the character."""
    number = int(found[1], 16) if found[1] else int(found[2])
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF or (number < 0x20 and number not in {9, 10, 13}):  # noqa: PLR2004
        return "\ufffd"
    return "\ufffd" if number in {0xFFFE, 0xFFFF} else found[0]


def _parsed(text: str) -> tuple[dict[str, str], dict[str, str]] | None:
    reading = _Reading()
    parser = ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.text
    parser.StartDoctypeDeclHandler = reading.refuse
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except (ExpatError, _RefusedError):
        return None
    return {**reading.system, "whole": "yes"}, reading.data


class _Reading:
    """Collects what is under System and EventData."""

    def __init__(self) -> None:
        self.system: dict[str, str] = {}
        self.data: dict[str, str] = {}
        self._path: list[str] = []
        self._name = ""
        self._text: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self._path) >= _DEPTH:
            raise _RefusedError
        name = tag.rpartition(":")[2]
        self._path.append(name)
        self._text.clear()
        part = self._path[1] if len(self._path) > 1 else ""
        if part == "System" and name in _ATTRIBUTES:
            self.system.setdefault(name, attributes.get(_ATTRIBUTES[name], ""))
        elif part == "EventData" and name == "Data":
            self._name = attributes.get("Name", "").lower()

    def text(self, piece: str) -> None:
        self._text.append(piece)

    def end(self, _: str) -> None:
        name = self._path.pop()
        part = self._path[1] if len(self._path) > 1 else ""
        if part == "System" and name in _KEPT:
            self.system.setdefault(name, "".join(self._text).strip())
        elif part == "EventData" and name == "Data" and self._name:
            self.data.setdefault(self._name, "".join(self._text))
            self._name = ""
        self._text.clear()

    def refuse(self, *_: object) -> None:
        raise _RefusedError


def _salvaged(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """Take what is complete out of an event that is cut, or that its sensor did not escape."""
    root = _ROOT.match(text)
    head, _, rest = text.partition("</System>") if root else ("", "", "")
    system = {name: unescape(value).strip() for name, value in _SYSTEM.findall(head)}
    system |= {name: unescape(one or other) for name, one, other in _ATTRIBUTE.findall(head)}
    data: dict[str, str] = {}
    at = 0
    while found := _DATA.search(rest, at):
        at = rest.find("</Data>", found.end())
        if at < 0:
            break
        data.setdefault((found[1] or found[2]).lower(), unescape(rest[found.end() : at]))
    return system, data
