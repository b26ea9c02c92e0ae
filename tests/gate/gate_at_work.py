"""A gate in this event loop, in front of a daemon that answers as a test wants it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from tidewaiter.gate.judging import Mode, Policy
from tidewaiter.gate.listening import Listener, listen_unix
from tidewaiter.gate.record_writer import RecordWriter
from tidewaiter.gate.serving import Gate, Plan

Daemon = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PING = b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


class AtWork(NamedTuple):
    """A gate, and what it says."""

    gate: Gate
    path: Path
    log: Path
    said: list[str]

    def records(self) -> list[dict[str, Any]]:
        """Give what was written; complete once the gate has stopped."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@asynccontextmanager
async def at_work(
    folder: Path,
    daemon: Daemon | None,
    *,
    mode: Mode = "observe",
    policy: Callable[[], Policy] | None = None,
    more: tuple[Listener, ...] = (),
    tls: Any = None,
) -> AsyncIterator[AtWork]:
    """Run a daemon and a gate until the end of the block; then the records are complete."""
    docker, path, said = folder / "docker.sock", folder / "gate.sock", list[str]()
    server = await asyncio.start_unix_server(daemon, docker) if daemon else None
    writer = RecordWriter(folder / "gate.jsonl", complain=said.append)
    listeners = (listen_unix(path, group=None), *more)
    gate = Gate(Plan(docker, mode, policy, listeners, tls), writer, said.append)
    ready = asyncio.Event()
    running = asyncio.create_task(gate.run(ready.set))
    await ready.wait()
    try:
        yield AtWork(gate, path, folder / "gate.jsonl", said)
    finally:
        gate.stop()
        await running
        if server:
            server.close()
        writer.stop()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be a daemon that answers every head with OK."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(OK)
    writer.close()


async def ask(path: Path, data: bytes, size: int = len(OK)) -> bytes:
    """Send bytes over a new connection and give the first bytes of what comes back."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(data)
    with suppress(asyncio.IncompleteReadError):
        data = await asyncio.wait_for(reader.readexactly(size), 5)
    writer.close()
    return data


def is_gone(client: socket.socket) -> bool:
    """Tell whether the other end was closed."""
    client.settimeout(5)
    return client.recv(1) == b""
