"""Calls an application of ASGI as a server would, chunk by chunk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

GONE = object()  # in place of a chunk: the sender hangs up
NEVER = object()  # in place of a chunk: nothing more comes, and the connection stays


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


async def call(
    app: Any,
    path: str,
    chunks: Iterable[Any] = (b"",),
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Give the answer to one request."""
    bare, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": bare,
        "raw_path": bare.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "scheme": "http",
        "headers": [(name.lower().encode(), text.encode("latin-1")) for name, text in (headers or {}).items()],
        "client": ("127.0.0.1", 5),
        "server": ("127.0.0.1", 1613),
    }
    waiting = list(chunks)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        chunk = waiting.pop(0) if waiting else GONE
        if chunk is NEVER:
            await asyncio.Event().wait()
        if chunk is GONE:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": bool(waiting)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    found = {name.decode(): text.decode() for name, text in sent[0]["headers"]}
    return Answer(sent[0]["status"], found, b"".join(one.get("body", b"") for one in sent[1:]))
