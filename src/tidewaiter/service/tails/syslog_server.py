"""A syslog server: TCP and TLS with both framings (RFC 6587, RFC 5425), UDP (RFC 5426).

Each message becomes one line, and each sender's address is an input of its own, `syslog/TRANSPORT/ADDRESS`, so that
stateful readers never see lines of two senders mixed. Over TCP and TLS a full journal is waited for by not reading on;
syslog has no acknowledgement, so what a sender put on the wire before the service was killed is lost to it. UDP is
dropped when it comes faster than it can be kept, and the number of dropped messages is counted.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from tidewaiter.errors import StoreError
from tidewaiter.service.tails.feed import LONGEST_PAUSE, Feed, log
from tidewaiter.service.tails.syslog_frames import Frames, FramingError, one_line
from tidewaiter.settings.tails import SyslogTail, address_of
from tidewaiter.wording.visible import visible

_READ = 64 << 10
_DATAGRAMS = 16 << 20  # bytes of datagrams that may wait for the journal
_BATCH = 1 << 20
_RECEIVE_BUFFER = 8 << 20  # asked of the kernel for UDP; it gives net.core.rmem_max at most
_HANDSHAKE = 10.0
_STOPS = 5.0
_OTHERS = "others"


class Syslog:
    """One `[[tail]]` of kind syslog."""

    def __init__(self, settings: SyslogTail, feed: Feed) -> None:
        self._settings = settings
        self._feed = feed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._context: ssl.SSLContext | None = None
        self._peers: set[str] = set()
        self._connections: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.port = 0  # where it listens; known once it does
        self.listening = threading.Event()

    def run(self) -> None:
        """Serve until the tail is stopped; an address that cannot be had is tried again."""
        asyncio.run(self._run())

    def wake(self) -> None:
        """Let the server see that it is to stop; from any thread."""
        loop, ended = self._loop, self._ended
        if loop is not None and ended is not None:
            with suppress(RuntimeError):  # it has ended meanwhile
                loop.call_soon_threadsafe(ended.set)

    def renew(self) -> None:
        """Read certificate and key again, for connections to come; those that are open stay."""
        if self._context is not None:
            try:
                self._context.load_cert_chain(self._settings.certificate, self._settings.key)
                self._feed.board.over("certificate", self._settings.title)
            except (OSError, ssl.SSLError) as problem:
                self._feed.board.trouble("certificate", self._settings.title, str(problem))

    async def _run(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        board, pause = self._feed.board, 0.5
        serve = self._datagrams if self._settings.transport == "udp" else self._streams
        while not self._feed.stop.is_set():
            try:
                await serve()
            except (OSError, ssl.SSLError) as problem:
                board.trouble("cannot-listen", self._settings.title, str(problem))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), pause)
                pause = min(LONGEST_PAUSE, pause * 2)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_STOPS)

    def _up(self, port: int) -> None:
        self.port = port
        self._feed.board.over("cannot-listen", self._settings.title)
        self._feed.board.state("running")
        self.listening.set()

    # --- TCP and TLS

    async def _streams(self) -> None:
        assert self._ended is not None  # noqa: S101 -- for mypy
        address, port = address_of(self._settings.listen)
        tls = self._settings.transport == "tls"
        self._context = tls_context(self._settings) if tls else None
        server = await asyncio.start_server(
            self._accept,
            address,
            port,
            limit=_READ,
            reuse_address=True,
        )
        async with server:
            self._up(server.sockets[0].getsockname()[1])
            await self._ended.wait()
            server.close()
            for task in self._tasks:
                task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 -- for mypy: asyncio runs this as one
        self._tasks.add(task)
        peer = str((writer.get_extra_info("peername") or ("unknown",))[0])
        try:
            if self._too_many(peer):
                return
            self._connections[peer] += 1
            self._feed.board.follows(self._connections.total())
            connection = cast("socket.socket", writer.get_extra_info("socket"))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            try:
                if self._context is not None:  # here, so that a handshake that never ends counts as a connection
                    await writer.start_tls(self._context, ssl_handshake_timeout=_HANDSHAKE)
                await self._connection(reader, peer)
            finally:
                self._connections -= Counter([peer])
                self._feed.board.follows(self._connections.total())
        except (OSError, ssl.SSLError) as problem:
            self._feed.board.count("handshake-failed" if isinstance(problem, ssl.SSLError) else "connection-broken")
            log.info("connection of %s: %s", visible(peer), visible(str(problem)))
        except asyncio.CancelledError:
            pass  # the tail is stopped
        finally:
            self._tasks.discard(task)
            writer.transport.abort()  # nothing was written to it

    def _too_many(self, peer: str) -> bool:
        """Tell whether a connection is one too many: it is closed at once, and the sender tries again."""
        settings = self._settings
        if self._connections.total() >= settings.max_connections:
            self._feed.board.trouble("too-many-connections", settings.title, f"{settings.max_connections} are open")
        elif self._connections[peer] >= settings.max_connections_of_peer:
            self._feed.board.trouble("too-many-connections", peer, f"{settings.max_connections_of_peer} are open")
        else:
            self._feed.board.over("too-many-connections", settings.title)
            self._feed.board.over("too-many-connections", peer)
            return False
        self._feed.board.count("refused-connections")
        return True

    async def _connection(self, reader: asyncio.StreamReader, peer: str) -> None:
        frames = Frames(self._settings.max_message)
        pace = Pace(self._settings.max_rate, self._now)
        board, stream = self._feed.board, self._stream(peer)
        while data := await reader.read(_READ):
            messages: list[bytes] = []
            readable = True
            try:
                for message in frames.feed(data):
                    messages.append(one_line(message))  # noqa: PERF401 -- those before the error count
            except FramingError:
                readable = False
            if frames.too_long:
                board.count("message-too-long", frames.too_long)
                frames.too_long = 0
            if not await self._keep(stream, b"".join(messages)):
                return
            if not readable:
                board.happened("bad-framing", peer, "no count follows a counted message: the connection is closed")
                return
            await asyncio.sleep(pace.spend(len(messages)))
        rest, cut = frames.finish()
        if cut:
            board.happened("message-cut", peer, "the connection ended inside a message")
        if rest:
            await self._keep(stream, one_line(rest))

    def _now(self) -> float:
        assert self._loop is not None  # noqa: S101 -- for mypy
        return self._loop.time()

    async def _keep(self, stream: str, lines: bytes) -> bool:
        """Put lines in and wait until they are on disk, as often as it takes; False when the tail was stopped first."""
        board, pause = self._feed.board, 0.1
        while lines:
            try:
                await asyncio.shield(asyncio.wrap_future(self._feed.journal.put(stream, lines)))
            except StoreError as problem:
                board.trouble("journal-full", "journal", problem.what)
                board.state("waiting")
                if self._feed.stop.is_set():
                    board.happened("lost", stream, f"{len(lines)} bytes were received, but not kept")
                    return False
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * 2)
            else:
                board.over("journal-full", "journal")
                board.state("running")
                board.took(lines)
                return True
        return True

    def _stream(self, peer: str) -> str:
        if peer not in self._peers and len(self._peers) >= self._settings.max_peers:
            self._feed.board.trouble("too-many-peers", self._settings.title, "further senders share one input")
            peer = _OTHERS
        self._peers.add(peer)
        return f"syslog/{self._settings.transport}/{peer}"

    # --- UDP

    async def _datagrams(self) -> None:
        assert self._ended is not None  # noqa: S101 -- for mypy
        assert self._loop is not None  # noqa: S101
        address, port = address_of(self._settings.listen)
        listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            listener.setblocking(False)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            listener.bind((address, port))
            transport, inbox = await self._loop.create_datagram_endpoint(
                lambda: Inbox(self._settings, self._feed.board.count, self._now), sock=listener
            )
        except OSError:
            listener.close()
            raise
        try:
            self._up(listener.getsockname()[1])
            while not self._ended.is_set():
                await self._hand_on(inbox)
        finally:
            transport.close()
        await self._hand_on(inbox)

    async def _hand_on(self, inbox: Inbox) -> None:
        """Put in what came since the last time, one piece a sender."""
        assert self._ended is not None  # noqa: S101 -- for mypy
        arrived, stopped = asyncio.ensure_future(inbox.arrived.wait()), asyncio.ensure_future(self._ended.wait())
        await asyncio.wait((arrived, stopped), return_when=asyncio.FIRST_COMPLETED)
        arrived.cancel()
        stopped.cancel()
        await asyncio.gather(*(self._keep(self._stream(peer), lines) for peer, lines in inbox.take().items()))
        self._feed.board.follows(len(self._peers))


class Inbox(asyncio.DatagramProtocol):
    """Datagrams that wait for the journal, by sender."""

    def __init__(self, settings: SyslogTail, count: Callable[[str, int], None], now: Callable[[], float]) -> None:
        self._settings = settings
        self._count = count
        self._now = now
        self._waiting: dict[str, bytearray] = {}
        self._size = 0
        self._paces: dict[str, Pace] = {}
        self.arrived = asyncio.Event()

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Take one message, if there is room."""
        peer = str(addr[0])
        if len(data) > self._settings.max_message:
            self._count("message-too-long", 1)
            return
        if self._size + len(data) > _DATAGRAMS or not self._pace(peer).allows(1):
            self._count("datagrams-dropped", 1)
            return
        line = one_line(data)
        self._waiting.setdefault(peer, bytearray()).extend(line)
        self._size += len(line)
        self.arrived.set()

    def _pace(self, peer: str) -> Pace:
        if len(self._paces) > self._settings.max_peers:
            self._paces.clear()  # senders' addresses can be forged: do not remember all of them
        found = self._paces.get(peer)
        if found is None:
            found = self._paces[peer] = Pace(self._settings.max_rate, self._now)
        return found

    def take(self) -> dict[str, bytes]:
        """Give what waits, about a batch of it."""
        found: dict[str, bytes] = {}
        size = 0
        while self._waiting and size < _BATCH:
            peer = next(iter(self._waiting))
            found[peer] = bytes(self._waiting.pop(peer))
            size += len(found[peer])
        self._size -= size
        if not self._waiting:
            self.arrived.clear()
        return found


class Pace:
    """So many messages a second, and a second's worth at once."""

    def __init__(self, rate: int, now: Callable[[], float]) -> None:
        self._rate = rate
        self._now = now
        self._left = float(rate)
        self._at = now()

    def _refill(self) -> None:
        now = self._now()
        self._left = min(float(self._rate), self._left + (now - self._at) * self._rate)
        self._at = now

    def allows(self, messages: int) -> bool:
        """Take messages if there is room for them."""
        self._refill()
        if self._left < messages:
            return False
        self._left -= messages
        return True

    def spend(self, messages: int) -> float:
        """Take messages that are there already; gives the seconds to wait before the next ones are read."""
        self._refill()
        self._left -= messages
        return max(0.0, -self._left / self._rate)


def tls_context(settings: SyslogTail) -> ssl.SSLContext:
    """Make what a TLS server needs. Raises OSError, ssl.SSLError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A sender never reads. Tickets that wait for it unread would make the kernel reset the connection when the sender
    # closes it, and what was not read here by then would be gone.
    context.num_tickets = 0
    context.load_cert_chain(settings.certificate, settings.key)
    if settings.client_ca:
        context.load_verify_locations(settings.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
