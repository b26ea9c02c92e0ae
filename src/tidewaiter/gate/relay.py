"""One connection through the gate: bytes of either side go to the other, unchanged, with the ends of both directions.

What is watched is a copy, looked at after the bytes went on; no mistake in looking ends a connection. Only a guarded
connection (mode enforce) holds bytes back, until the policy has said yes.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from tidewaiter.gate.conversation import Conversation, Moves
from tidewaiter.gate.identity import Identity
from tidewaiter.gate.refusal import refusal

LINGER = 2.0  # seconds to read on after a last answer, so that the client can read it
# What a mistake in the part that only watches can raise: it must not end what it watches.
_MISTAKES = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, NameError, OSError, RuntimeError, TypeError),
    ValueError,
)


class Pipe(Protocol):
    """What a relay needs of a transport, of asyncio's and of the one for TLS."""

    def write(self, data: bytes) -> None:
        """Send bytes, later if need be."""

    def write_eof(self) -> None:
        """End this direction once everything was sent, and go on reading."""

    def pause_reading(self) -> None:
        """Take no more bytes for now."""

    def resume_reading(self) -> None:
        """Take bytes again."""

    def close(self) -> None:
        """End both directions once everything was sent."""

    def abort(self) -> None:
        """End both directions now."""

    def is_closing(self) -> bool:
        """Tell whether it was ended."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Give what asyncio knows of the transport."""


class Relay:
    """Joins a client with the server."""

    def __init__(
        self,
        *,
        conversation: Conversation,
        identity: Identity,
        guards: bool,
        connect: Callable[[Server], Any],  # a coroutine that gives the Server its transport; raises OSError
        gone: Callable[[Relay], None],
        complain: Callable[[str], None],
    ) -> None:
        self.identity = identity
        self.conversation = conversation
        self._guards, self._connect, self._gone, self._complain = guards, connect, gone, complain
        self._client: Pipe | None = None
        self._server: Pipe | None = None
        self._holds = {"connecting"}  # reasons to take no bytes of the client
        self._client_ended = self._server_ended = False
        self._lost = 0
        self._watching = True
        self._refused: str | None = None  # why nothing can be served: answered when the client has asked
        self._over = False
        self._last = False  # the last answer is out: whatever the client still sends is for nobody
        self._opening: asyncio.Task[None] | None = None

    # -- the client's side

    def begin(self, client: Pipe) -> None:
        """Take a client's connection, and open one to the server for it."""
        self._client = client
        client.pause_reading()
        self._opening = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        if self._guards:
            await _known(self.identity)
        try:
            await self._connect(Server(self))
        except OSError as problem:
            self._refused = f"the Docker daemon cannot be reached: {problem.strerror or problem}"
            self._complain(self._refused)
        if self._server is None and self._refused is None:
            self._refused = "the Docker daemon cannot be reached"
        self.hold("connecting", False)

    def hold(self, reason: str, on: bool) -> None:
        """Take no bytes of the client while there is a reason not to."""
        before = bool(self._holds)
        (self._holds.add if on else self._holds.discard)(reason)
        if self._client is not None and not self._client.is_closing() and bool(self._holds) != before:
            (self._client.pause_reading if self._holds else self._client.resume_reading)()

    def from_client(self, data: bytes) -> None:
        """Pass bytes of the client on."""
        if self._refused is not None or self._last:
            self._serve_nothing()
            return
        if self._guards:
            if self._server_ended:
                self.close()
            else:
                self._apply(self.conversation.client(data))
            return
        if self._server is not None:
            self._server.write(data)
        self._watch(self.conversation.client, data)

    def client_end(self) -> None:
        """Pass the end of the client's bytes on."""
        self._client_ended = True
        if self._last or self._refused is not None or _is_gone(self._client) or self._server_ended:
            self.close()
        elif self._server is not None and not (self._guards and self.conversation.waiting):
            self._server.write_eof()

    # -- the server's side

    def joined(self, server: Pipe) -> None:
        """Take the connection to the server."""
        self._server = server
        if self._client is None or self._client.is_closing():
            server.abort()

    def from_server(self, data: bytes) -> None:
        """Pass bytes of the server on."""
        if self._client is not None:
            self._client.write(data)
        if self._guards:
            self._apply(self.conversation.server(data))
            return
        self._watch(self.conversation.server, data)

    def server_end(self) -> None:
        """Pass the end of the server's bytes on."""
        self._server_ended = True
        self._watch(lambda _: self.conversation.server_end(), b"")
        if self._client_ended or _is_gone(self._server):
            self.close()
        elif self._client is not None:
            self._client.write_eof()

    # -- both

    def hold_server(self, on: bool) -> None:
        """Take no bytes of the server while the client does not take them."""
        if self._server is not None and not self._server.is_closing():
            (self._server.pause_reading if on else self._server.resume_reading)()

    def close(self) -> None:
        """End both sides, once what they were sent has left."""
        for pipe in (self._client, self._server):
            if pipe is not None:
                pipe.close()

    def abort(self) -> None:
        """End both sides now."""
        for pipe in (self._client, self._server):
            if pipe is not None:
                pipe.abort()

    def lost(self) -> None:
        """Note that one side is gone; the other one goes with it."""
        self._lost += 1
        self.close()
        if self._lost == (1 if self._server is None else 2) and not self._over:
            self._over = True
            if self._opening is not None:
                self._opening.cancel()
            self._watch(lambda _: self.conversation.close(), b"")
            self._gone(self)

    def _watch(self, look: Callable[[bytes], object], data: bytes) -> None:
        if not self._watching:
            return
        try:
            look(data)
        except _MISTAKES as mistake:
            self._watching = False
            self._complain(f"a connection is no longer watched, by a mistake in tidewaiter: {mistake!r}")

    def _apply(self, moves: Moves) -> None:
        """Do what the policy decided."""
        assert self._client is not None  # noqa: S101 - there are bytes of it
        if moves.to_server and self._server is not None:
            self._server.write(moves.to_server)
        if moves.to_client:
            self._client.write(moves.to_client)
        self.hold("ahead", self.conversation.full)
        if moves.hang_up:
            self._hang_up()
        elif self._client_ended and not self.conversation.waiting and self._server and not self._server.is_closing():
            self._server.write_eof()

    def _serve_nothing(self) -> None:
        if self._client is None or self._last or self._refused is None:
            return
        self._client.write(refusal(503, self._refused, close=True))
        self._hang_up()

    def _hang_up(self) -> None:
        """End after a last answer: reading on for a moment, else the kernel may throw the answer away."""
        if self._last or self._client is None:
            return
        self._last = True
        self._client.write_eof()
        if self._server is not None:
            self._server.close()
        asyncio.get_running_loop().call_later(LINGER, partial(Pipe.close, self._client))


class Client(asyncio.Protocol):
    """The client's end of a relay, as asyncio calls it."""

    def __init__(self, made: Callable[[Pipe], Relay]) -> None:
        self._made = made
        self._relay: Relay

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._relay = self._made(transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        self._relay.from_client(data)

    def eof_received(self) -> bool:
        """Take the end of the bytes; the other direction stays open."""
        self._relay.client_end()
        return True

    def pause_writing(self) -> None:
        """Hold the server back."""
        self._relay.hold_server(True)

    def resume_writing(self) -> None:
        """Let the server go on."""
        self._relay.hold_server(False)

    def connection_lost(self, problem: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """End."""
        self._relay.lost()


class Server(asyncio.Protocol):
    """The server's end of a relay, as asyncio calls it."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._relay.joined(transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        self._relay.from_server(data)

    def eof_received(self) -> bool:
        """Take the end of the bytes; the other direction stays open."""
        self._relay.server_end()
        return True

    def pause_writing(self) -> None:
        """Hold the client back."""
        self._relay.hold("full", True)

    def resume_writing(self) -> None:
        """Let the client go on."""
        self._relay.hold("full", False)

    def connection_lost(self, problem: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """End."""
        self._relay.lost()


async def _known(identity: Identity, patience: float = 1.0) -> None:
    """Wait a moment for everything that can be known of a caller: the policy may ask for it."""
    loop = asyncio.get_running_loop()
    known = asyncio.Event()

    def tell() -> None:
        with suppress(RuntimeError):  # the gate has stopped meanwhile
            loop.call_soon_threadsafe(known.set)

    identity.when_known(tell)
    try:
        await asyncio.wait_for(known.wait(), patience)
    except TimeoutError:
        return


def _is_gone(pipe: Pipe | None) -> bool:
    """Tell whether the other end was closed, not only shut down for writing: a Unix socket says so by POLLHUP."""
    sock: socket.socket | None = pipe.get_extra_info("socket") if pipe is not None else None
    if sock is None or sock.family != socket.AF_UNIX or sock.fileno() < 0:
        return False
    watcher = select.poll()
    watcher.register(sock.fileno(), 0)
    return any(events & select.POLLHUP for _, events in watcher.poll(0))
