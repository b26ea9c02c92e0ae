"""Reads logs of events, XML and JSON alike, for the sources that differ in their provider only."""

from __future__ import annotations

from collections.abc import Iterator

from tidewaiter.model import Activity, Origin
from tidewaiter.sources.contract import Tally
from tidewaiter.sources.event_host import NUMBERS, EventHost
from tidewaiter.sources.event_log import LINUX_SYSMON, Entry, entry_of_json, is_known
from tidewaiter.sources.event_xml import Events, Raw, entry_of_xml, number_in
from tidewaiter.sources.linewise import LineReader, json_object

_LINUX = LINUX_SYSMON.encode()
_SCHEMA = b"schemas.microsoft.com/win/2004/08/events/event"


class EventReader(LineReader):
    """Reads one log of events of any provider."""

    def __init__(self, tally: Tally, source: str) -> None:
        super().__init__(tally, source)
        self._events = Events()
        self._host = EventHost(tally)

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give the activities of the events that end in this line."""
        if raw.lstrip()[:1] == b"{":
            yield from self._json(raw, origin)
            return
        if self._events.is_strange(raw):
            self.cannot_read("not-an-event", raw, origin)
        for event in self._events.add(raw, origin.line, origin.offset):
            yield from self._xml(event)

    def finish(self) -> Iterator[Activity]:
        """Give the event whose end never came, and say what this log could not show."""
        for event in self._events.finish():
            yield from self._xml(event)
        self._host.finish()

    def _json(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        record = json_object(raw)
        entry = entry_of_json(record) if record else None
        if entry is None or entry.event < 0:
            self.cannot_read("not-an-event", raw, origin)
            return
        self.tally.records += 1
        yield from self._host.read(entry, origin)

    def _xml(self, event: Raw) -> Iterator[Activity]:
        origin = Origin(source=self._source, path=self.tally.path, line=event.line, offset=event.offset)
        number = number_in(event.text)
        entry = entry_of_xml(event.text) if number is None or number in NUMBERS else _other(number)
        if entry is None:
            self.cannot_read("not-an-event", event.text, origin)
            return
        self.tally.records += 1
        yield from self._host.read(entry, origin)


def _other(number: int) -> Entry:
    """Stand for an event that is not one of those read."""
    return Entry(provider="", event=number, at=None, host="", record="", data={})


def is_event(line: bytes, *, linux: bool) -> bool:
    """Tell whether a line is an event, or the start of one, of Sysmon for Linux or of Windows."""
    if line.lstrip()[:1] == b"{":
        record = None if b'"winlog' in line else json_object(line)  # winlogbeat writes ECS
        entry = entry_of_json(record) if record else None
        return entry is not None and entry.event >= 0 and is_known(entry) and (entry.provider == LINUX_SYSMON) == linux
    head = line.lstrip()[:512]
    if linux:
        return _LINUX in head and (b"<Event" in head or head.startswith(b"<Provider "))
    return b"<Event" in head and _SCHEMA in head and _LINUX not in head
