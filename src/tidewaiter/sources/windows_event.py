"""Windows event log: process starts of Sysmon (1) and Security (4688), connections of Sysmon (3, 18).

As XML (forwarders, `wevtutil`, Event Viewer, `evtx_dump`) or JSON (`evtx_dump`, NXLog, PowerShell, Wazuh, Velociraptor,
Microsoft Sentinel, MaxPatrol's raw events); see `event_xml` and `event_log`. Documents of winlogbeat are ECS.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tidewaiter.sources.contract import Source
from tidewaiter.sources.event_reader import EventReader, is_event

NAME = "windows-event"


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are events of Windows, or start one."""
    return sum(is_event(line, linux=False) for line in lines)


SOURCE = Source(
    name=NAME,
    plane="host",
    title="Windows event log (Sysmon and Security; XML or JSON)",
    sniff=sniff,
    reader=partial(EventReader, source=NAME),
)
