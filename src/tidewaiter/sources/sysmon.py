"""Sysmon for Linux: its XML as it stands in syslog, or the same events as JSON.

Documentation: https://github.com/microsoft/SysmonForLinux (MIT), version 1.3. It records programs that started and TCP
connections; refused starts and Unix sockets it never sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tidewaiter.sources.contract import Source
from tidewaiter.sources.event_reader import EventReader, is_event

NAME = "sysmon-linux"


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are events of Sysmon for Linux."""
    return sum(is_event(line, linux=True) for line in lines)


SOURCE = Source(
    name=NAME,
    plane="host",
    title="Sysmon for Linux (XML or JSON)",
    sniff=sniff,
    reader=partial(EventReader, source=NAME),
    blind_to=("events-no-sockets",),
)
