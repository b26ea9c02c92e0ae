"""What the gate has to know of the engine's routes: where a connection may stop being HTTP."""

from __future__ import annotations

import re
from urllib.parse import quote_from_bytes

from tidewaiter.meaning.engine_api import normalise_target

# attach, exec and BuildKit's session take over the connection: POST with Upgrade: tcp or h2c, GET of a WebSocket.
_SWITCHES = re.compile(
    r"POST (?:/libpod)?/(?:containers/[^/]+/attach|exec/[^/]+/start|session|grpc)\Z|GET /containers/[^/]+/attach/ws\Z"
)
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


def may_switch(method: str, target: str) -> bool:
    """Tell whether a route of the engine ends in another protocol; on any other, HTTP/2 could hide requests."""
    return _SWITCHES.match(f"{method} {normalise_target(target)}") is not None


def shown(target: bytes | None) -> str | None:
    """Give a target as text: as sent, but bytes that are not UTF-8 percent-encoded, which the server reads alike."""
    if target is None:
        return None
    try:
        return target.decode()
    except UnicodeDecodeError:
        return quote_from_bytes(target, safe=_PRINTABLE)
