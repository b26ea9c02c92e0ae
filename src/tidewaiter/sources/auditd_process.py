"""Who ran what, and how it ended: the fields of a SYSCALL record, whatever wrapped the record."""

from __future__ import annotations

from datetime import datetime

from tidewaiter.model import Origin
from tidewaiter.sources.auditd_fields import plain, text
from tidewaiter.sources.host_process import Process

_UNSET = frozenset({b"4294967295", b"-1", b"unset"})
_ERRORS = {b"EACCES": -13, b"EPERM": -1, b"ENOENT": -2, b"EINPROGRESS": -115}  # as `ausearch -i` writes exit=
_OTHER_ERROR = -22
_MOST_DIGITS = 10  # of a process identifier: the kernel has 32 bits for it


def account(known: dict[bytes, bytes], key: bytes) -> str | None:
    """Name an account: by ENRICHED's name, else by number; None when it is not set or not known."""
    number = known.get(key)
    if number is None or number in _UNSET:
        return None
    name = plain(known.get(key.upper(), b"")).decode("utf-8", "replace")
    if name and not name.startswith("unknown("):
        return None if name == "unset" else name
    shown = number.decode("ascii", "replace")
    return f"uid {shown}" if number.isdigit() else shown


def exit_of(known: dict[bytes, bytes]) -> int:
    """Give the negative errno of a system call that failed, else 0."""
    if known.get(b"success") != b"no":
        return 0
    value = known.get(b"exit", b"")
    try:
        return min(int(value), -1)
    except ValueError:
        return _ERRORS.get(value.partition(b"(")[0], _OTHER_ERROR)


def _number(value: bytes) -> int | None:
    return int(value) if value.isdigit() and len(value) <= _MOST_DIGITS else None


def process_of(known: dict[bytes, bytes], *, event: str, at: datetime, host: str, origin: Origin) -> Process:
    """Put the fields of a SYSCALL record together; all of them may be missing."""
    return Process(
        event=event,
        at=at,
        host=host or "host",
        login=account(known, b"auid"),
        account=account(known, b"uid"),
        pid=_number(known.get(b"pid", b"")),
        parent_pid=_number(known.get(b"ppid", b"")),
        exe=text(known.get(b"exe", b"")) or None,
        comm=text(known.get(b"comm", b"")) or None,
        exit=exit_of(known),
        origin=origin,
    )
