"""The answers the gate gives in dockerd's place, in the form in which dockerd gives errors."""

from __future__ import annotations

import msgspec

_REASONS = {400: "Bad Request", 403: "Forbidden", 503: "Service Unavailable"}


def refusal(status: int, why: str, *, method: str = "GET", version: str = "1.1", close: bool = False) -> bytes:
    """Give an answer `{"message": why}`; to HEAD without the body, as HTTP wants it."""
    body = msgspec.json.encode({"message": f"tidewaiter gate: {why}"}) + b"\n"
    head = (
        f"HTTP/{version} {status} {_REASONS[status]}\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n" + ("Connection: close\r\n" if close else "") + "\r\n"
    )
    return head.encode() + (b"" if method == "HEAD" else body)
