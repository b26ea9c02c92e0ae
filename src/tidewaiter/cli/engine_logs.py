r"""Reads the logs of all containers of the local engine through its API: `GET /containers/json`, `GET …/{id}/logs`.

Docker Engine API 1.41 to 1.57, "ContainerList", "ContainerLogs" and the stream format under "ContainerAttach": without
a terminal every write is a frame of one byte for the stream, three zero bytes, four bytes of length, and the text.

The standard library's HTTP client over the Unix socket is enough for two GETs that only read. The docker SDK (7.2)
would bring two more packages and hand out frames without saying which stream they are of.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, urlsplit

import msgspec

from tidewaiter.disclosure.entries import Entry, Writer
from tidewaiter.errors import CollectError, ConfigError

DEFAULT_SOCKET = "/var/run/docker.sock"
_TIMEOUT = 30.0  # seconds without a byte
_STREAMS = {0: "stdout", 1: "stdout", 2: "stderr"}
_HEADER = 8
_CUT = "the engine's answer ends in the middle of a frame"
_PIECE = 64 << 10
_ERROR_BYTES = 2000


class Container(NamedTuple):
    """A container of the engine."""

    identity: str
    name: str
    terminal: bool  # its log is one plain stream


class _Body(Protocol):
    def read(self, amt: int | None = None, /) -> bytes: ...


def socket_of(variables: Mapping[str, str]) -> str:
    """Give the path of the engine's Unix socket: that of DOCKER_HOST, or the default of the docker command."""
    named = variables.get("DOCKER_HOST") or f"unix://{DEFAULT_SOCKET}"
    parts = urlsplit(named)
    if parts.scheme != "unix" or not (parts.path or parts.netloc):
        raise ConfigError(
            "only an engine on this machine is read, over its Unix socket",
            where=f"DOCKER_HOST={named}",
            hint="run tidewaiter on that machine, or give its log files as PATH",
        )
    return parts.netloc + parts.path


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a network address."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_TIMEOUT)
        self.sock.connect(self._path)


@contextmanager
def _asked(path: str, target: str) -> Iterator[http.client.HTTPResponse]:
    """Send one GET; an answer that is no success is a CollectError with the engine's own words."""
    connection = _Connection(path)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise CollectError(
                f"the engine answered {answer.status}: {_message(answer)}", where=target.partition("?")[0]
            )
        yield answer
    except PermissionError as problem:
        raise CollectError(
            "the engine's socket may not be used", where=path, hint="run as root or as a member of the group docker"
        ) from problem
    except (OSError, http.client.HTTPException) as problem:
        raise CollectError(
            f"the engine gives no answer: {problem}", where=path, hint="is it running? DOCKER_HOST names another socket"
        ) from problem
    finally:
        connection.close()


def _message(answer: http.client.HTTPResponse) -> str:
    data = answer.read(_ERROR_BYTES)
    try:
        return str(msgspec.json.decode(data)["message"])
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError):
        return answer.reason


def containers(path: str) -> tuple[Container, ...]:
    """List all containers, running or not, in the order of their names."""
    found = []
    for item in _json(path, "/containers/json?all=1"):
        identity = str(item["Id"])
        names = item.get("Names") or [identity[:12]]
        # Whether there is a terminal decides what the stream looks like, and only the details say so.
        details = _json(path, f"/containers/{quote(identity, safe='')}/json")
        terminal = bool(details.get("Config", {}).get("Tty"))
        found.append(Container(identity, str(names[0]).lstrip("/"), terminal))
    return tuple(sorted(found, key=lambda one: one.name))


def _json(path: str, target: str) -> Any:
    with _asked(path, target) as answer:
        try:
            return msgspec.json.decode(answer.read())
        except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
            raise CollectError("the engine's answer is not JSON", where=target) from problem


def entries(path: str, container: Container) -> Iterator[Entry]:
    """Give what a container wrote, as the engine kept it."""
    # On a terminal the time would stand in the middle of lines longer than 16 KiB, where nobody could take it out.
    stamped = int(not container.terminal)
    target = f"/containers/{quote(container.identity, safe='')}/logs?stdout=1&stderr=1&timestamps={stamped}"
    writer = Writer(container=container.name)
    with _asked(path, target) as answer:
        if container.terminal:
            yield from raw_entries(answer, writer)
        else:
            yield from framed_entries(answer, writer)


def framed_entries(body: _Body, writer: Writer) -> Iterator[Entry]:
    """Take the frames of a multiplexed stream apart; each holds a time, a space, and what was written."""
    offset, line = 0, 0
    while header := _exactly(body, _HEADER):
        if header[0] not in _STREAMS or header[1:4] != b"\0\0\0":
            raise CollectError("the engine's answer is not a stream of frames", where=f"byte {offset}")
        left = int.from_bytes(header[4:], "big")
        line += 1
        named = writer._replace(stream=_STREAMS[header[0]])
        at: datetime | None = None
        first = True
        while left or first:
            data = _exactly(body, min(left, _PIECE))
            if len(data) < min(left, _PIECE):
                raise CollectError(_CUT)
            left -= len(data)
            if first:
                stamp, _, data = data.partition(b" ")
                at = _time(stamp)
            yield Entry(_text(data), not left and data.endswith(b"\n"), named, at, line, offset)
            first = False
        offset = offset + _HEADER + int.from_bytes(header[4:], "big")


def raw_entries(body: _Body, writer: Writer) -> Iterator[Entry]:
    """Take the plain stream of a terminal apart; a line that comes in several reads is given in parts."""
    writer = writer._replace(stream="stdout")
    offset, line = 0, 1
    while data := body.read(_PIECE):
        *whole, rest = data.split(b"\n")
        for part in whole:
            yield Entry(_text(part), True, writer, None, line, offset)
            offset += len(part) + 1
            line += 1
        if rest:
            yield Entry(_text(rest), False, writer, None, line, offset)
            offset += len(rest)


def _exactly(body: _Body, size: int) -> bytes:
    """Read so many bytes; fewer only at the end, which must be the end of a frame."""
    data = b""
    while len(data) < size and (more := body.read(size - len(data))):
        data += more
    if data and len(data) < size:
        raise CollectError(_CUT)
    return data


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\r\n").decode("utf-8", "surrogateescape")


def _time(stamp: bytes) -> datetime | None:
    try:
        return datetime.fromisoformat(stamp.decode("ascii")).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
