"""Lines of a bpftrace script on the tracepoint `sys_enter_execve`: a time, then `key=value`, with `args=` at the end.

There is no standard format. Accepted is a time (of day, or RFC 3339) and `pid=`, `uid=`, and perhaps `ppid=`, `comm=`,
`file=`, before the arguments as `join(args.argv)` prints them (bpftrace 0.17): joined by blanks, quoted by nothing. The
tracepoint is at the start of the call: `comm` is still the name of what starts the program, every folder of PATH that
is tried gives a line, and whether it worked is not known. Nor is who logged in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from tidewaiter.model import Activity, Origin
from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.host_json import Recent, account
from tidewaiter.sources.host_process import HostReader, Process, split_command
from tidewaiter.sources.linewise import MAX_TEXT, LineReader, digest, number_of
from tidewaiter.sources.timestamps import rfc3339
from tidewaiter.sources.undated import Clock

NAME = "bpftrace"
_LINE = re.compile(
    r"(?P<at>\d\d:\d\d:\d\d(?:\.\d{1,9})?|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d))\s+"
    r"(?P<pairs>pid=\d+ (?:[a-z]+=.*?)?)args=(?P<args>.*)",
    re.DOTALL,
)
# The name of a program may hold blanks; the next key ends it. Possessive: a long run of blanks is gone over once.
_PAIR = re.compile(r"([a-z]+)=(\S*+(?:\s++(?![a-z]+=|\Z)\S++)*+)")
_BANNER = re.compile(rb"Attach(?:ing|ed) \d+ probes?\b")
_ONCE = 1.0  # seconds in which the tries of one process are one start


class BpftraceReader(LineReader):
    """Reads lines; keeps the midnights between them, and the tries of a start."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._host = HostReader(matcher=tally.matcher)
        self._clock = Clock()
        self._told = Recent(_ONCE)
        self._undated = False

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give the activities of one line."""
        if _BANNER.match(raw):
            self.tally.records += 1
            return
        found = parse(raw)
        if found is None:
            self.cannot_read("not-an-event", raw, origin)
            return
        self.tally.records += 1
        at = self._time(found["at"], origin)
        if at is None:
            self.cannot_read("no-time", raw, origin)
            return
        pairs = dict(_PAIR.findall(found["pairs"]))
        process = Process(
            event=digest(raw),
            at=at,
            login_recorded=False,
            account=account(pairs.get("uid")),
            pid=number_of(pairs.get("pid")),
            exe=pairs.get("file") or None,
            parent=pairs.get("comm") or None,
            origin=origin,
        )
        argv = split_command(found["args"], quoted=False)
        if not self._told.again((process.pid, found["args"]), at):
            yield from map(self.keep, self._host.started(process, argv))

    def _time(self, text: str, origin: Origin) -> datetime | None:
        if len(text) > 18:  # noqa: PLR2004 - longer than a time of day with nanoseconds
            return rfc3339(text)
        on_a_day = self._clock.read(text)
        stated = self.tally.time_of_line(origin.line)
        if stated is None and on_a_day is not None and not self._undated:
            self._undated = True
            self.tally.note("host-no-date")
        return stated or on_a_day


def parse(raw: bytes) -> re.Match[str] | None:
    """Take one line apart; None when it is no such line."""
    return _LINE.fullmatch(raw.decode("utf-8", "replace")) if len(raw) <= MAX_TEXT else None


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are of such a script."""
    return sum(b" pid=" in line and b" args=" in line and parse(line) is not None for line in lines)


SOURCE = Source(
    name=NAME,
    plane="host",
    title="bpftrace on sys_enter_execve (a line of key=value for each program)",
    sniff=sniff,
    reader=BpftraceReader,
    blind_to=("host-no-login", "host-no-result", "events-no-sockets", "host-joined-arguments"),
)
