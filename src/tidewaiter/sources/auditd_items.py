"""Linux audit events as JSON "items": one object an event, the text of its records in lists by type.

`{"eventid", "node", "timestamp", "timestampfractional", "items": {"SYSCALL": […], "EXECVE": […], …}}` is what MaxPatrol
SIEM makes of auditd records that came by syslog (github.com/Security-Experts-Community/open-xp-rules, Apache-2.0,
`auditd_syslog_structured`). The text of a record is auditd's own, see `auditd_fields`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from tidewaiter.model import Activity, Origin
from tidewaiter.sources.auditd_fields import Arguments, addresses, endpoint, fields, text
from tidewaiter.sources.auditd_process import process_of
from tidewaiter.sources.auditd_records import call_of, time_of
from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.host_process import HostReader, Process
from tidewaiter.sources.linewise import LineReader, json_object, text_of

NAME = "auditd-items"
_UNSET = re.compile(rb" auid=(?:4294967295|-1|unset)(?: |\Z)")
_LOCAL = re.compile(rb"saddr=(?:0100|0001)")
_DIGITS = re.compile(r"\d{1,20}\Z", re.ASCII)

Items = dict[str, list[bytes]]


class AuditdItemsReader(LineReader):
    """Reads audit events; each line stands alone."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._host = HostReader(matcher=tally.matcher)
        self._execs = self._unset = self._local = False

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give the activities of one event."""
        record = json_object(raw)
        if record is None or not _is_event(record):
            self.cannot_read("not-an-audit-record", raw, origin)
            return
        items = _items(record["items"])
        self.tally.records += 1
        self._look_for_gaps(items)
        process = _process(record, items, origin)
        if process is None:
            self.cannot_read("no-time", raw, origin)
            return
        for activity in self._activities(items, process):
            yield self.keep(activity)

    def _look_for_gaps(self, items: Items) -> None:
        self._execs = self._execs or "EXECVE" in items
        self._unset = self._unset or any(_UNSET.search(body) for body in items.get("SYSCALL", ()))
        self._local = self._local or any(_LOCAL.search(body) for body in items.get("SOCKADDR", ()))

    def _activities(self, items: Items, process: Process) -> list[Activity]:
        call = next((call for body in items.get("SYSCALL", ()) if (call := call_of(body))), None)
        if "EXECVE" in items:
            return self._started(items, process)
        if call == "exec" and process.exit >= 0 and process.exe:
            argv = (process.exe,)
            found = self._host.told(process, argv, self._host.understand(argv, process.exe), shown=_title(items))
            if found:
                self.tally.note("auditd-no-arguments")
            return found
        if call in {"connect", "unknown"}:
            targets = (endpoint(value) for value in addresses(items.get("SOCKADDR", ())))
            target = next((one for one in targets if one), None)
            return self._host.connected(process, target) if target else []
        return []

    def _started(self, items: Items, process: Process) -> list[Activity]:
        arguments = Arguments()
        for body in items["EXECVE"]:
            arguments.add(body)
        found = self._host.started(process, arguments.argv())
        if found and not arguments.complete():
            self.tally.note("auditd-cut-arguments")
        if found and "SYSCALL" not in items:
            self.tally.note("auditd-no-syscall")
        return found

    def finish(self) -> Iterator[Activity]:
        """Say what this log could not show; nothing is ever held back."""
        if self.tally.records:
            if not self._execs:
                self.tally.note("auditd-no-execve")
            elif not self._unset:
                self.tally.note("auditd-no-unset-auid")
            if not self._local:
                self.tally.note("auditd-no-connect")
        yield from ()


def _is_event(record: dict[str, Any]) -> bool:
    return isinstance(record.get("items"), dict) and "eventid" in record and "timestamp" in record


def _items(items: dict[str, Any]) -> Items:
    """Give the texts by record type; some writers leave out the list around a single one."""
    found: Items = {}
    for kind, bodies in items.items():
        texts = [body for body in (bodies if isinstance(bodies, list) else [bodies]) if isinstance(body, str)]
        if texts:
            found[kind] = [body.encode("utf-8", "replace") for body in texts]
    return found


def _process(record: dict[str, Any], items: Items, origin: Origin) -> Process | None:
    seconds, fraction = str(record["timestamp"]), str(record.get("timestampfractional", "0"))
    serial = str(record["eventid"])
    if not _DIGITS.match(seconds) or not _DIGITS.match(fraction):
        return None
    # The same identity as auditd's own log of the event has: "seconds.milliseconds:serial".
    event = f"{seconds}.{fraction}:{serial}"
    at = time_of(event.encode("utf-8", "replace"))
    if at is None:
        return None
    known = fields(items["SYSCALL"][0]) if "SYSCALL" in items else {}
    return process_of(known, event=event, at=at, host=text_of(record.get("node")), origin=origin)


def _title(items: Items) -> str | None:
    title = fields(items.get("PROCTITLE", [b""])[0]).get(b"proctitle")
    return text(title).replace("\0", " ") if title else None


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are audit events in this form."""
    return sum(
        b'"items"' in line and b'"eventid"' in line and (record := json_object(line)) is not None and _is_event(record)
        for line in lines
    )


SOURCE = Source(
    name=NAME,
    plane="host",
    title="Linux audit events as JSON items (MaxPatrol SIEM)",
    sniff=sniff,
    reader=AuditdItemsReader,
)
