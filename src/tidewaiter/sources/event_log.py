"""One event of the Windows event log, or of Sysmon for Linux, whatever JSON it is written as.

Shapes: `evtx_dump` and PT's event log collector (`Event.System`, `Event.EventData`), Velociraptor (`System` on top),
winlogbeat 6 to 9 (`winlog.event_data`), Wazuh (`data.win.eventdata`), and flat records: NXLog `to_json`,
`Get-WinEvent | ConvertTo-Json`, the tables SecurityEvent and WindowsEvent of Microsoft Sentinel.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec

from tidewaiter.meaning.vocabulary import load
from tidewaiter.sources.linewise import number_of
from tidewaiter.sources.nested import field
from tidewaiter.sources.timestamps import any_time

LINUX_SYSMON = "Linux-Sysmon"
SYSMON = "Microsoft-Windows-Sysmon"
SECURITY = "Microsoft-Windows-Security-Auditing"
PROCESS_CREATE, NETWORK_CONNECT, PIPE_CONNECTED = 1, 3, 18  # of Sysmon
NEW_PROCESS = 4688  # of Security

_EVENT_KEYS = ("EventID", "EventId", "event_id", "EventCode", "Id")
_PROVIDER_KEYS = ("SourceName", "ProviderName", "Provider", "EventSourceName", "source_name", "provider_name")
_CHANNEL_KEYS = ("Channel", "LogName", "log_name", "channel")
_HOST_KEYS = ("Computer", "Hostname", "MachineName", "ComputerName", "computer_name")
_RECORD_KEYS = ("EventRecordID", "EventRecordId", "RecordNumber", "RecordId", "record_number", "record_id")
_TIME_KEYS = ("EventTime", "TimeCreated", "SystemTime", "@timestamp", "TimeGenerated", "timestamp")
_JSON_DATE = re.compile(r"/Date\((\d{1,15})(?:[+-]\d{4})?\)/\Z")  # DateTime in ConvertTo-Json of PowerShell 5
_LINE = re.compile(r"^[ \t]*([A-Za-z][\w ]{1,40}):(.*)$", re.MULTILINE)
_MESSAGE = 32_768  # characters of a rendered message that are read


@cache
def _words() -> dict[str, Any]:
    words: dict[str, Any] = load("windows_events.yml")
    return words


@cache
def _template(provider: str, event: int) -> tuple[int, tuple[str, ...]]:
    """Give the names of an event's values in order, and how many there are at least."""
    for one in _words()["templates"]:
        if (one["provider"], one["event"]) == (provider, event):
            return one["least"], tuple(one["names"].lower().split())
    return 0, ()


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One event, as far as it is known."""

    provider: str
    event: int
    at: datetime | None
    host: str
    record: str  # number of the record in its channel, "" when not known
    data: dict[str, str]  # names in lower case, as Wazuh writes them in its own way
    whole: bool = True  # False: the end was cut off on the way
    zoned: bool = True  # False: the time had no zone and was read as UTC

    def get(self, name: str) -> str:
        """Give a value, or "" for what is absent or written as absent."""
        value = self.data.get(name, "")
        return "" if value == "-" else value


def entry_of_json(record: Mapping[str, Any]) -> Entry | None:
    """Read an event of any of the shapes; None when the record is of none of them."""
    inner = record.get("Event")
    whole = inner if isinstance(inner, dict) else record
    if isinstance(whole.get("System"), dict):
        return _of_system(whole["System"], whole)
    win = field(record, "data.win") or record.get("win")
    if isinstance(win, dict) and isinstance(win.get("system"), dict):
        return _of_wazuh(win, record)
    if field(record, "winlog.event_id") is not None or field(record, "winlog.event_data") is not None:
        return _of_winlogbeat(record)
    return _of_flat(record)


def make(provider: str, number: object, times: Iterable[object], host: str, record: str, data: dict[str, str]) -> Entry:
    """Put an event together; the time that Sysmon itself took goes before the time of logging."""
    event = number_of(number)
    own = data.get("utctime", "") if provider in {SYSMON, LINUX_SYSMON} else ""
    at = _naive(own)
    zoned = True
    written = [time for time in times if time]
    if at is None:
        at = next((found for time in written if (found := _time(time))), None)
    if at is None:
        at = next((found for time in written if isinstance(time, str) and (found := _naive(time))), None)
        zoned = at is None
    return Entry(
        provider=provider,
        event=-1 if event is None else event,
        at=at,
        host=host or "host",
        record=record,
        data=data,
        zoned=zoned,
    )


def provider_of(name: str, channel: str) -> str:
    """Name the provider; the channel stands in where a record names no provider."""
    if name:
        return name
    if channel == "Security":
        return SECURITY
    return channel.removesuffix("/Operational")


def is_known(entry: Entry) -> bool:
    """Tell whether an event names a provider that can only be meant as one of these logs."""
    return entry.provider.startswith("Microsoft-Windows-") or entry.provider == LINUX_SYSMON


def _of_system(system: dict[str, Any], whole: Mapping[str, Any]) -> Entry | None:
    if "EventID" not in system:
        return None
    created = system.get("TimeCreated")
    return make(
        provider_of(_attribute(system.get("Provider"), "Name"), _text(system.get("Channel"))),
        _text(system.get("EventID")),
        (_attribute(created, "SystemTime"), created),
        _text(system.get("Computer")),
        _text(system.get("EventRecordID")),
        _data(whole.get("EventData")),
    )


def _of_wazuh(win: dict[str, Any], record: Mapping[str, Any]) -> Entry:
    system = win["system"]
    return make(
        provider_of(_text(system.get("providerName")), _text(system.get("channel"))),
        system.get("eventID"),
        (system.get("systemTime"), record.get("timestamp")),
        _text(system.get("computer")),
        _text(system.get("eventRecordID")),
        _data(win.get("eventdata")),
    )


def _of_winlogbeat(record: Mapping[str, Any]) -> Entry:
    def of(path: str) -> str:
        return _text(field(record, path))

    data = _data(field(record, "winlog.event_data"))
    prefix = "winlog.event_data."
    data |= {key[len(prefix) :].lower(): _text(value) for key, value in record.items() if key.startswith(prefix)}
    provider = provider_of(of("winlog.provider_name"), of("winlog.channel"))
    for name, moved in _words()["moved"].items():
        if not data.get(name.lower()) and (value := of(moved)):
            data[name.lower()] = value
    if "user" not in data and (user := of("user.name")):
        data["user"] = f"{domain}\\{user}" if (domain := of("user.domain")) else user
    number = of("winlog.event_id") or of("event.code")
    host = of("winlog.computer_name") or of("host.name")
    return make(provider, number, (of("@timestamp"),), host, of("winlog.record_id"), data)


def _of_flat(record: Mapping[str, Any]) -> Entry | None:
    number = _first(record, _EVENT_KEYS)
    channel = _first(record, _CHANNEL_KEYS)
    provider = provider_of(_first(record, _PROVIDER_KEYS), channel)
    host = _first(record, _HOST_KEYS)
    if number_of(number) is None or not provider or not host:
        return None
    data = {key.lower(): _text(value) for key, value in record.items() if isinstance(value, str | int)}
    for inner in ("EventData", "event_data"):
        data |= _data(record.get(inner))
    event = number_of(number) or 0
    data = _message(record, provider, event) | _properties(record.get("Properties"), provider, event) | data
    times = (record.get(key) for key in _TIME_KEYS)
    return make(provider, number, times, host, _first(record, _RECORD_KEYS), data)


def _properties(values: object, provider: str, event: int) -> dict[str, str]:
    least, names = _template(provider, event)
    if not isinstance(values, list) or not least <= len(values) <= len(names):
        return {}
    return {name: text for name, value in zip(names, values, strict=False) if (text := _attribute(value, "Value"))}


def _message(record: Mapping[str, Any], provider: str, event: int) -> dict[str, str]:
    """Read the rendered message: of Sysmon its labels are the names, of 4688 they are English words."""
    message = record.get("Message")
    if not isinstance(message, str) or (provider != SYSMON and (provider, event) != (SECURITY, NEW_PROCESS)):
        return {}
    found: dict[str, str] = {}
    for label, value in _LINE.findall(message[:_MESSAGE]):
        name = label if provider == SYSMON else _words()["labels"].get(label, "")
        if name and value.strip():
            found.setdefault(name.lower(), value.strip())
    return found


def _data(value: object) -> dict[str, str]:
    """Read EventData: a map, or a list of named values under Data."""
    if not isinstance(value, dict):
        return {}
    found = {key.lower(): _text(inner) for key, inner in value.items() if isinstance(key, str)}
    named = value.get("Data")
    for one in named if isinstance(named, list) else [named]:
        name = _attribute(one, "Name")
        if name:
            found[name.lower()] = _text(one)
    return found


def _attribute(value: object, name: str) -> str:
    """Give an XML attribute as the converters write it: plain, with "@", or under "#attributes"."""
    if not isinstance(value, dict):
        return ""
    attributes = value.get("#attributes")
    inner = attributes.get(name) if isinstance(attributes, dict) else None
    return _text(value.get(name) or value.get(f"@{name}") or inner)


def _text(value: object) -> str:
    """Give the text of a value, or of an element that became an object because it had attributes."""
    if isinstance(value, dict):
        value = next((value[key] for key in ("text", "#text", "Value", "_") if key in value), "")
    if isinstance(value, list) and len(value) == 1:  # fields of Elasticsearch are lists
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)


def _first(record: Mapping[str, Any], keys: Iterable[str]) -> str:
    return next((text for key in keys if (text := _text(record.get(key)))), "")


def _time(value: object) -> datetime | None:
    if isinstance(value, str):
        found = _JSON_DATE.match(value)
        return any_time(int(found[1])) if found else any_time(value)
    if isinstance(value, dict):
        return _time(value.get("value") or value.get("SystemTime"))
    return any_time(value)


def _naive(text: str) -> datetime | None:
    """Read a time that carries no zone, as UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else None
