"""A process start as Sigma's taxonomy names it: what the user's own rules are asked about.

Sensors tell more or less. What a sensor does not tell is absent, never empty; the parent is known where the sensor
names it, or where its own start was seen before in the same log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import RecordKind, RuleMatch
from tidewaiter.sources.contract import Matcher

_MEMO = 50_000  # processes remembered as parents
_DELETED = " (deleted)"
_UID = re.compile(r"uid (\d+)")
_WINDOWS = re.compile(r"(?:[A-Za-z]:)?\\")  # how a path begins that is none of Linux


class Start(NamedTuple):
    """What any sensor may tell of a process start."""

    host: str
    container: str | None
    pid: int | None
    parent_pid: int | None
    exe: str | None
    comm: str | None
    account: str | None
    parent: str | None
    more: Mapping[str, Any]  # further fields, by the taxonomy's own names


class OwnStarts:
    """Asks the user's own rules about process starts."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._parents: dict[tuple[str, str | None, int], tuple[str, str]] = {}

    def matches(self, start: Start, argv: Sequence[str], shown: str | None) -> tuple[RuleMatch, ...]:
        """Give the rules that hold for a process start."""
        record = self.record(start, argv, shown)
        return self._matcher.matches(kind_of(str(record.get("Image", ""))), record)

    def record(self, start: Start, argv: Sequence[str], shown: str | None) -> dict[str, Any]:
        """Give a process start in the names of Sigma, and remember it as a parent."""
        image = (start.exe or (argv[0] if argv else "") or start.comm or "").removesuffix(_DELETED)
        command = shown if shown is not None else " ".join(argv)
        found: dict[str, Any] = {
            "Image": image or None,
            "CommandLine": command or None,
            "User": _user(start.account),
            "ProcessId": start.pid,
            "ParentProcessId": start.parent_pid,
            "ParentImage": start.parent,
            "Computer": start.host if start.host != "host" else None,
        }
        before = self._parent(start)
        if before is not None:
            found["ParentImage"], found["ParentCommandLine"] = before
        found.update(start.more)
        if start.pid is not None:
            if len(self._parents) >= _MEMO:  # hostile variety costs knowledge of parents, never memory
                self._parents.clear()
            self._parents[start.host, start.container, start.pid] = (image, command)
        return {name: value for name, value in found.items() if value is not None}

    def _parent(self, start: Start) -> tuple[str, str] | None:
        """Give what the parent started as, if that was seen; the sensor's own word for its path must agree."""
        if start.parent_pid is None:
            return None
        found = self._parents.get((start.host, start.container, start.parent_pid))
        if found is None or (start.parent and "/" in start.parent and start.parent != found[0]):
            return None
        return found


def kind_of(image: str) -> RecordKind:
    """Say whose process it is by the form of the program's path."""
    return "windows-process" if _WINDOWS.match(image) else "linux-process"


def _user(account: str | None) -> str | None:
    """Name the account as rules do: user 0 is root, and of others that have no name the number is known."""
    if account is None:
        return None
    found = _UID.fullmatch(account)
    if found is None:
        return account
    return "root" if found[1] == "0" else found[1]


_SECURITY = {
    "newprocessname": "Image",
    "parentprocessname": "ParentImage",
    "commandline": "CommandLine",
    "subjectlogonid": "LogonId",
    "newprocessid": "ProcessId",
    "processid": "ParentProcessId",
    "mandatorylabel": "IntegrityLevel",
}
_HASH = re.compile(r"\b(MD5|SHA1|SHA256|IMPHASH)=([0-9A-Fa-f]+)")


@cache
def _taxonomy() -> dict[str, str]:
    return {name.lower(): name for name in load("sigma_fields.yml")["process"]["fields"]}


def fields_of_event(data: Mapping[str, str], *, security: bool) -> dict[str, str]:
    """Give the fields of an event of Sysmon or of the Windows security log (4688) by Sigma's names.

    The names of `data` are in lower case. 4688 has names of its own; its ProcessId is the creator's.
    """
    names = _SECURITY if security else _taxonomy()
    found = {name: data[key] for key, name in names.items() if data.get(key, "-") != "-"}
    for algorithm, value in _HASH.findall(found.get("Hashes", "").upper()):
        found[algorithm.lower()] = value
    return found
