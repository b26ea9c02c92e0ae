r"""From the lines of a log file to what a container wrote: Docker json-file, CRI, journald export, or plain text.

Formats: Docker json-file (moby 28, daemon/logger/jsonfilelog/jsonlog: `log`, `stream`, `time`, `attrs`); the CRI log
format (kubernetes design-proposals, kubelet-cri-logging: `time stream tag text`, tag P for a part, F for the last);
`journalctl -o json` with the fields of Docker's journald driver (CONTAINER_NAME, CONTAINER_PARTIAL_MESSAGE).

Docker cuts a line after 16 KiB of text; only the last part ends in "\n" (moby daemon/logger/copier.go).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

SPLIT_AT = 16 << 10  # bytes
ATTRIBUTES = "log-opt"  # stands for the stream of what the log driver adds by itself

_CRI = re.compile(
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([PF])(?::\S*)? ?(.*)",
    re.DOTALL,
)
# Where the kubelet and the engines keep logs: the path names what the line does not.
_PODS = re.compile(r"/pods/([a-z0-9.-]+)_([a-z0-9.-]+)_[\w-]+/([a-z0-9.-]+)/[^/]+\Z")
_CONTAINERS = re.compile(r"/containers/([a-z0-9.-]+)_([a-z0-9.-]+)_([a-z0-9.-]+)-[0-9a-f]{64}\.log[^/]*\Z")
_DOCKER = re.compile(r"(?:\A|/)([0-9a-f]{64})-json\.log[^/]*\Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STDERR = "3"  # syslog priority that Docker's journald driver gives to standard error
_SHORT = 12  # characters of a container id that people use
_json = msgspec.json.Decoder()


class Writer(NamedTuple):
    """Who wrote a line, as far as the envelope or the path of the file says it."""

    container: str | None = None
    pod: str | None = None
    namespace: str | None = None
    stream: str | None = None


class Entry(NamedTuple):
    """One record of a log: a line of a container, or a part of one."""

    text: str  # bytes that are no UTF-8 stand as lone surrogates (PEP 383), so that parts can be joined
    whole: bool  # the line ends with this record
    writer: Writer
    at: datetime | None
    line: int  # 1-based, in the file
    offset: int


class Unwrapped(NamedTuple):
    """What one line of a file holds."""

    entry: Entry | None  # None when the record holds no text
    attributes: str = ""  # what `--log-opt env=` or `labels=` adds to every record, as assignments
    broken: str = ""  # why the record cannot be taken apart; then `entry` is its raw text, which is searched as well


class Unwrapper:
    """Takes the lines of one file apart; each line is recognised for itself, so that a mixed file is no trouble."""

    def __init__(self, path: str) -> None:
        self._home = writer_of(path)
        self._ends_lines = False  # some record of this file ended in "\n": then one without is a part

    def take(self, raw: bytes, line: int, offset: int) -> Unwrapped:
        """Take one line of the file apart, given without its line end."""
        if raw.startswith(b"{"):
            return self._json(raw, line, offset)
        match = _CRI.fullmatch(raw)
        if match is None:
            return Unwrapped(self._plain(raw, line, offset))
        at, stream, tag, text = match.groups()
        writer = self._home._replace(stream=stream.decode())
        return Unwrapped(Entry(_text(text), tag == b"F", writer, _rfc3339(at.decode()), line, offset))

    def _json(self, raw: bytes, line: int, offset: int) -> Unwrapped:
        record = _object(raw)
        if record is None:
            # A record that broke off in the middle; a line of text may begin with a brace, too.
            broken = "broken-json" if raw.startswith((b'{"log":', b'{"__CURSOR"', b'{"MESSAGE":')) else ""
            return Unwrapped(self._plain(raw, line, offset), broken=broken)
        log = record.get("log")
        if isinstance(log, str) and ("stream" in record or "time" in record):
            return self._docker(record, log, line, offset)
        if "MESSAGE" in record and ("__REALTIME_TIMESTAMP" in record or "CONTAINER_NAME" in record):
            return Unwrapped(self._journal(record, line, offset))
        return Unwrapped(self._plain(raw, line, offset))

    def _docker(self, record: dict[str, Any], log: str, line: int, offset: int) -> Unwrapped:
        ended = log.endswith("\n")
        self._ends_lines = self._ends_lines or ended
        # Collectors that take the newline off leave every record without one: then only a full record is a part.
        part = not ended and (self._ends_lines or len(log.encode("utf-8", "surrogatepass")) >= SPLIT_AT)
        writer = self._home._replace(stream=_string(record.get("stream")))
        entry = Entry(log.rstrip("\r\n"), not part, writer, _rfc3339(record.get("time")), line, offset)
        attributes = record.get("attrs")
        pairs = attributes.items() if isinstance(attributes, dict) else ()
        return Unwrapped(entry, " ".join(f'{key}="{value}"' for key, value in pairs if isinstance(value, str)))

    def _journal(self, record: dict[str, Any], line: int, offset: int) -> Entry | None:
        text = _message(record["MESSAGE"])
        if text is None:
            return None
        stream = None
        if "CONTAINER_NAME" in record:
            stream = "stderr" if str(record.get("PRIORITY")) == _STDERR else "stdout"
        unit = record.get("_SYSTEMD_UNIT") or record.get("SYSLOG_IDENTIFIER")
        name = _string(record.get("CONTAINER_NAME")) or _string(unit) or self._home.container
        whole = record.get("CONTAINER_PARTIAL_MESSAGE") != "true"
        writer = self._home._replace(container=name, stream=stream)
        return Entry(text, whole, writer, _microseconds(record.get("__REALTIME_TIMESTAMP")), line, offset)

    def _plain(self, raw: bytes, line: int, offset: int) -> Entry:
        return Entry(_text(raw), True, self._home, None, line, offset)


def writer_of(path: str) -> Writer:
    """Say which container writes a file, by where the kubelet and Docker keep such files."""
    if match := _PODS.search(path):
        return Writer(namespace=match[1], pod=match[2], container=match[3])
    if match := _CONTAINERS.search(path):
        return Writer(pod=match[1], namespace=match[2], container=match[3])
    if match := _DOCKER.search(path):
        return Writer(container=match[1][:_SHORT])
    return Writer()


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        found = _json.decode(raw)
    except UnicodeDecodeError:
        return _object(raw.decode("utf-8", "replace").encode())
    except (msgspec.MsgspecError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _message(value: object) -> str | None:
    """Read MESSAGE: text, an array of bytes when it is not printable, null when it was too large (systemd 255)."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, int) and 0 <= one < 256 for one in value):  # noqa: PLR2004
        return _text(bytes(value))
    return None


def _rfc3339(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
        return at.astimezone(UTC) if at and at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _microseconds(text: object) -> datetime | None:
    if not isinstance(text, str) or not text.isascii() or not text.isdigit() or len(text) > 18:  # noqa: PLR2004
        return None
    try:
        return _EPOCH + timedelta(microseconds=int(text))
    except OverflowError:
        return None
