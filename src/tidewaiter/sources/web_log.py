"""The reader of web access logs: every known layout in one file, as servers with several formats write it.

A source of the family says which layout recognises a file as its own; a line of another layout is read all the same.
What servers say about themselves between the lines (starts, errors, connections) is a record that is not kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime

from tidewaiter.model import Activity, Origin
from tidewaiter.sources.contract import Tally
from tidewaiter.sources.linewise import MAX_TEXT, LineReader, digest
from tidewaiter.sources.timestamps import any_time
from tidewaiter.sources.web_json import decode, is_program_record, is_slog, read_record
from tidewaiter.sources.web_request import Occurrences, WebRequest, normalise, target_of
from tidewaiter.sources.web_text import (
    WebLine,
    is_haproxy,
    read_alb,
    read_clf,
    read_dashboard_log,
    read_envoy,
    read_haproxy,
)

Parse = Callable[[bytes], WebLine | None]

_LAYOUTS: tuple[Parse, ...] = (read_clf, read_haproxy, read_envoy, read_alb, read_dashboard_log)
# What a program says about itself, in the same stream or file.
_BESIDE = re.compile(
    rb"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ "  # klog: ingress-nginx's controller
    rb"|\d{4}/\d\d/\d\d \d\d:\d\d:\d\d (?:\[[a-z]+\] \d+#\d+: |\[\d{4}-)"  # nginx's errors; the Dashboard's own log
    rb"|\d{4}/\d\d/\d\d \d\d:\d\d:\d\d [A-Z]"  # Go's log package
    rb"|\[[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d[.\d]* \d{4}\] \["  # Apache's errors
    rb"|\[(?:NOTICE|WARNING|ALERT)\] +(?:\d+/\d+ )?\("  # haproxy
    rb"|(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d [\d:]{8} \S+ haproxy\[\d+\]: "
    rb"|\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+\]\[\d+\]\[[a-z]+\]"  # Envoy
    rb"|\d{4}-\d\d-\d\dT\S{8,30}\s+(?:trace|debug|info|warn|warning|error|fatal)\s"  # Istio's agent
    rb"|\d{4}-\d\d-\d\dT\S{8,30}\s+(?:TRC|DBG|INF|WRN|ERR|FTL)\s"  # Traefik 3
    rb"|time=\"?[^\s\"]{19,40}\"? level="  # logrus: Traefik 2; log/slog
)


class WebLogReader(LineReader):
    """Reads one access log; `own` is the layout of its source, which is tried first."""

    def __init__(self, tally: Tally, source: str, own: Parse | None) -> None:
        super().__init__(tally, source)
        self._occurrences = Occurrences()
        self._layouts = (*(one for one in (own,) if one), *(one for one in _LAYOUTS if one is not own))

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give the activity of one line, if it is a request to a container API."""
        if raw.startswith(b"{") or is_slog(raw):
            yield from self._json(raw, origin)
            return
        if len(raw) > MAX_TEXT:
            self.cannot_read("line-too-long", raw, origin)
            return
        line = next((found for layout in self._layouts if (found := layout(raw))), None)
        if line is None:
            if _BESIDE.match(raw) or is_haproxy(raw):
                self.tally.records += 1
            else:
                self.cannot_read("not-an-access-line", raw, origin)
            return
        self.tally.records += 1
        if not line.zoned:
            self._notes_zone()
        yield from self._kept(line.request, line.stamp, lambda: line.time(line.stamp), raw, origin)

    def _json(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        record = decode(raw)
        found = read_record(record) if record else None
        if record is None or found is None:
            if record is not None and is_program_record(record):
                self.tally.records += 1
            else:
                self.cannot_read("not-an-access-record", raw, origin)
            return
        self.tally.records += 1
        times = found.times()
        stamp = repr(times[:1])
        yield from self._kept(
            found.request,
            stamp,
            lambda: next((at for value in times if (at := any_time(value))), None),
            raw,
            origin,
            found.claimed,
        )

    def _kept(
        self,
        request: WebRequest,
        stamp: str,
        time: Callable[[], datetime | None],
        raw: bytes,
        origin: Origin,
        claimed: Callable[[], str] = str,
    ) -> Iterator[Activity]:
        target = target_of(request)
        if target is None:
            return
        at = time()
        if at is None:
            self.cannot_read("no-time", raw, origin)
            return
        request = request._replace(claimed=claimed())
        number = self._occurrences.number(stamp, raw)
        yield self.keep(normalise(request, target, id=digest(raw, str(number)), at=at, origin=origin))

    def _notes_zone(self) -> None:
        if "times-without-zone" not in self.tally.notes:
            self.tally.note("times-without-zone")
