"""h11 as it is used here: one parser reads one message, and forgets it."""

from __future__ import annotations

from functools import lru_cache

import h11

from tidewaiter.gate.framing import MOST_HEAD, Head

_LIMIT = MOST_HEAD + 4096
_AGENT = 200  # bytes
_STREAMS = (b"application/vnd.docker.raw-stream", b"application/vnd.docker.multiplexed-stream")


def asker() -> h11.Connection:
    """Make a parser of a request."""
    return h11.Connection(h11.SERVER, _LIMIT)


def first(parser: h11.Connection, head: Head) -> h11.Request | str:
    """Let h11 read a head; gives it, or what it says against it."""
    try:
        parser.receive_data(head.plain)
        event = parser.next_event()
    except h11.RemoteProtocolError as problem:
        return str(problem)
    return event if isinstance(event, h11.Request) else "not a whole head"


def agent_of(request: h11.Request) -> str | None:
    """Give what the client calls itself, not more of it than a log needs."""
    return next((value[:_AGENT].decode("latin-1") for name, value in request.headers if name == b"user-agent"), None)


def listener(method: str, *, upgrade: bool) -> h11.Connection:
    """Make a parser of the answer to a request of this method."""
    parser = h11.Connection(h11.CLIENT, _LIMIT)
    parser.send_with_data_passthrough(_asked(method, upgrade))
    parser.send_with_data_passthrough(_ASKED)
    return parser


_ASKED = h11.EndOfMessage()


@lru_cache(maxsize=64)
def _asked(method: str, upgrade: bool) -> h11.Request:
    headers = [("Host", "x"), *([("Upgrade", "x"), ("Connection", "upgrade")] if upgrade else [])]
    return h11.Request(method=method, target="/", headers=headers)


def until_close(event: h11.Response, method: str | None) -> bool:
    """Tell whether only the end of the connection ends this answer (RFC 9112, section 6.3)."""
    if method == "HEAD" or event.status_code in {204, 304}:
        return False
    return not any(name in {b"content-length", b"transfer-encoding"} for name, _ in event.headers)


def is_stream(event: h11.Response | h11.InformationalResponse) -> bool:
    """Tell whether an answer is one of those with which dockerd takes over the connection."""
    return any(name == b"content-type" and value.startswith(_STREAMS) for name, value in event.headers)
