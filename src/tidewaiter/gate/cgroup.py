"""What /proc/PID/cgroup says of a process: the container and the systemd unit it runs in. Pure; cgroups(7).

Version 1 has a line for each hierarchy (`9:name=systemd:/docker/ID`), version 2 one
(`0::/system.slice/docker-ID.scope`). Engines name the group ID, docker-ID.scope, cri-containerd-ID.scope, crio-ID.scope
or libpod-ID.scope, as their cgroup driver wants it. conmon stands beside its container, in a group of nearly the same
name.
"""

from __future__ import annotations

import re

_CONTAINER = re.compile(r"(?:/|(?<!conmon)-|:)([0-9a-f]{64})(?=\.scope|[/:]|\Z)")
_UNIT = re.compile(r"[^/]+\.(?:service|scope|socket|mount|swap)\Z")


def container_of(text: str) -> str | None:
    """Give the id of the innermost container; None for a process of the host."""
    found = [one for line in text.splitlines() for one in _CONTAINER.findall(line)[-1:]]
    return found[-1] if found else None


def unit_of(text: str) -> str | None:
    """Give the innermost systemd unit, such as cron.service or session-3.scope; None in a container."""
    for line in text.splitlines():
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "name=systemd" or hierarchy == "0":
            units = [part for part in path.split("/") if _UNIT.match(part)]
            if units and not container_of(path):
                return units[-1]
    return None
