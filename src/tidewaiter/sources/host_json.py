"""What sources of process events in JSON share: typed decoding that never raises, accounts, containers, repetitions."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from tidewaiter.sources.linewise import digest, number_of

Record = TypeVar("Record")

IN_PROGRESS = -115  # EINPROGRESS: the sensor looked before the call had an outcome
FAILED = -22  # EINVAL, for a failure whose reason the sensor does not tell
ERRORS = {"EPERM": -1, "ENOENT": -2, "EACCES": -13, "ECONNREFUSED": -111, "EINPROGRESS": IN_PROGRESS}
_NOBODY = frozenset({"", "-1", "4294967295", "<NA>", "<na>", "N/A", "null"})  # (uid_t) -1 and what sensors write for it
_LONG_ID = re.compile(r"(?:[a-z-]+://)?([0-9a-f]{12})[0-9a-f]{0,52}\Z")
_SHORT_ID = 64
_MEMO = 20_000
_LONG = 200  # letters of a command line that are remembered as they are; of longer ones a digest is


def decoded(decoder: msgspec.json.Decoder[Record], raw: bytes | str) -> Record | None:
    """Decode a record; None when it is anything else. Bytes that are not UTF-8 become U+FFFD.

    One bad byte in an argument must not hide the command.
    """
    try:
        return decoder.decode(raw)
    except (UnicodeDecodeError, UnicodeEncodeError):  # the latter: an escaped half of a surrogate pair
        return decoded(decoder, raw.decode("utf-8", "replace")) if isinstance(raw, bytes) else None
    except (msgspec.MsgspecError, RecursionError):  # the latter: nested thousands deep
        return None


def known(value: Any) -> str | None:
    """Give a value as text; None when the sensor says that it does not know it."""
    if value is None or isinstance(value, bool | dict | list):
        return None
    text = str(value)
    return None if text in _NOBODY else text


def account(number: Any, name: Any = None) -> str | None:
    """Name an account: by its name, else as `uid 1012`; None when there is none, as when nobody logged in."""
    given = known(name)
    if given is not None:
        return given
    shown = known(number)
    if shown is None or not shown.isascii() or not shown.isdigit():
        return None
    return f"uid {shown}"


def container_name(pod: Any, identifier: Any) -> str | None:
    """Name a container: by its pod, else by the first 12 letters of its id, as docker shows it; None for the host."""
    named = known(pod)
    if named is not None:
        return named
    shown = known(identifier)
    if shown is None or shown == "host":  # Falco's word for no container
        return None
    found = _LONG_ID.match(shown)
    return found[1] if found else shown[:_SHORT_ID]


def pid_of(value: Any) -> int | None:
    """Give a process id, bare or wrapped as protobuf's UInt32Value is."""
    return number_of(value.get("value") if isinstance(value, dict) else value)


class Recent:
    """Remembers what was just told, so that two records of one act are one."""

    def __init__(self, seconds: float) -> None:
        self._span = timedelta(seconds=seconds)
        self._seen: dict[str, datetime] = {}

    def again(self, key: tuple[Any, ...], at: datetime) -> bool:
        """Say whether the same was told within this time, and remember it."""
        told = repr(key)
        told = told if len(told) <= _LONG else digest(told)
        before = self._seen.get(told)
        if len(self._seen) >= _MEMO:  # hostile variety costs repetitions, never memory
            self._seen.clear()
        self._seen[told] = at
        return before is not None and abs(at - before) <= self._span
