"""The gate at work: listens, joins each connection with one to dockerd, and has its requests written down."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tidewaiter.errors import TidewaiterError
from tidewaiter.gate.caller import Caller, Certificate
from tidewaiter.gate.containers import Containers
from tidewaiter.gate.conversation import Conversation
from tidewaiter.gate.exchange import Told
from tidewaiter.gate.identity import Finder, Identity
from tidewaiter.gate.judging import Judgement, Mode, Policy
from tidewaiter.gate.listening import BACKLOG, Listener
from tidewaiter.gate.peer import peer_of
from tidewaiter.gate.record_writer import Record, RecordWriter, line
from tidewaiter.gate.relay import Client, Pipe, Relay, Server
from tidewaiter.gate.tls import TlsClient

PATIENCE = 2.0  # seconds until a request that goes on is told before its end
_LAST_WORDS = 3.0  # seconds for what is going on when the gate is stopped
_KNOWN = 0.5  # seconds a record waits for what is still being found out about its caller
_REFUSALS = 20  # of TLS that are written down in a second: strangers must not fill the disk
_RETRY, _CONNECT = 0.02, 10.0  # seconds while dockerd's backlog is full


class Plan(NamedTuple):
    """What the gate is to do."""

    docker: Path
    mode: Mode
    policy: Callable[[], Policy] | None  # reads it, and reads it again; raises TidewaiterError
    listeners: Sequence[Listener]
    tls: ssl.SSLContext | None  # for those listeners that are not Unix sockets


class Gate:
    """Serves until it is told to stop; lives in one event loop."""

    def __init__(self, plan: Plan, writer: RecordWriter, complain: Callable[[str], None]) -> None:
        self._plan, self._writer, self._complain = plan, writer, complain
        self._finder = Finder(Containers(plan.docker))
        self._policy = plan.policy() if plan.policy else None
        self._host = socket.gethostname()
        self._token = os.urandom(5).hex()
        self._connections = 0
        self._relays: set[Relay] = set()
        self._busy: dict[Conversation, float] = {}  # since when; not yet told
        self._timer: asyncio.TimerHandle | None = None
        self._refusals = [0, 0, 0]  # second, refusals of TLS in it, those not written down
        self._stop = asyncio.Event()

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until `stop`; then say what was going on and leave."""
        loop = asyncio.get_running_loop()
        servers = [await self._serve(loop, listener) for listener in self._plan.listeners]
        ready()
        await self._stop.wait()
        for server in servers:
            server.close()
        deadline = loop.time() + _LAST_WORDS
        while self._busy and loop.time() < deadline:  # noqa: ASYNC110 - for seconds, once in a life
            await asyncio.sleep(0.02)
        for relay in tuple(self._relays):
            relay.close()
        await asyncio.sleep(0.05)
        for relay in tuple(self._relays):
            relay.abort()
        await asyncio.sleep(0)

    def stop(self) -> None:
        """Take no new connection, let requests that are nearly done end, and leave."""
        self._stop.set()

    def again(self) -> None:
        """Open the log again by its name, and read the policy again; a policy with mistakes changes nothing."""
        self._writer.reopen()
        if self._plan.policy is None:
            return
        try:
            self._policy = self._plan.policy()
        except TidewaiterError as problem:
            self._complain(f"the policy stays as it was: {problem.what} ({problem.where})")

    def on_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop on SIGTERM and SIGINT, begin a new log on SIGHUP."""
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self.again)

    async def _serve(self, loop: asyncio.AbstractEventLoop, listener: Listener) -> asyncio.Server:
        if listener.socket.family == socket.AF_UNIX:
            made = partial(self._local, listener.name)
            return await loop.create_unix_server(lambda: Client(made), sock=listener.socket, backlog=BACKLOG)
        tls = self._plan.tls
        assert tls is not None  # noqa: S101 - the command line sees to it

        def remote(certificate: Certificate, address: str) -> Client:
            identity = Identity(Caller(certificate=certificate, address=address), known=True)
            return Client(lambda pipe: self._join(pipe, identity, listener.name))

        refused = partial(self._refused, listener.name)
        strangers: set[TlsClient] = set()
        return await loop.create_server(
            lambda: TlsClient(tls, remote, refused, strangers), sock=listener.socket, backlog=BACKLOG
        )

    def _local(self, listener: str, pipe: Pipe) -> Relay:
        try:
            identity = self._finder.of_peer(peer_of(pipe.get_extra_info("socket")))
        except OSError:  # the kernel does not say
            identity = Identity(Caller(), known=True)
        return self._join(pipe, identity, listener)

    def _join(self, pipe: Pipe, identity: Identity, listener: str) -> Relay:
        self._connections += 1
        guards = self._plan.mode == "enforce"
        conversation = Conversation(
            mode=self._plan.mode,
            tell=partial(self._tell, self._connections, identity, listener),
            clock=_clock,
            decide=partial(self._decide, identity) if guards else None,
            busy=lambda on: self._note(conversation, on),
        )
        relay = Relay(
            conversation=conversation,
            identity=identity,
            guards=guards,
            connect=self._connect,
            gone=self._relays.discard,
            complain=self._complain,
        )
        self._relays.add(relay)
        relay.begin(pipe)
        return relay

    async def _connect(self, server: Server) -> None:
        """Connect to dockerd. A Unix socket whose backlog is full says EAGAIN, and can be asked again only."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _CONNECT
        with ExitStack() as undo:
            sock = undo.enter_context(socket.socket(socket.AF_UNIX))
            sock.setblocking(False)
            while True:
                try:
                    sock.connect(str(self._plan.docker))
                    break
                except BlockingIOError:
                    if loop.time() > deadline:
                        raise
                    await asyncio.sleep(_RETRY)
            await loop.create_unix_connection(lambda: server, sock=sock)
            undo.pop_all()

    def _decide(self, identity: Identity, method: str, target: str) -> Judgement:
        policy = self._policy
        assert policy is not None  # noqa: S101 - mode enforce has one
        return policy.decide(identity.caller, method, target)

    # -- requests that go on for long are told before their end

    def _note(self, conversation: Conversation, on: bool) -> None:
        if not on:
            self._busy.pop(conversation, None)
            return
        self._busy[conversation] = time.monotonic()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._overdue)

    def _overdue(self) -> None:
        self._timer = None
        now = time.monotonic()
        for conversation, since in tuple(self._busy.items()):
            if now - since >= PATIENCE:
                conversation.begun()
                del self._busy[conversation]
        if self._busy:
            self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._overdue)

    # -- records

    def _tell(self, connection: int, identity: Identity, listener: str, told: Told) -> None:
        self._writer.put(partial(self._line, connection, identity, listener, told))

    def _line(self, connection: int, identity: Identity, listener: str, told: Told) -> bytes:
        """Make the line of a record; runs in the writer's thread, which may wait for the caller to be known."""
        caller = identity.after(_KNOWN)
        decision, rule = told.decision, told.rule
        if self._plan.mode == "warn" and self._policy is not None and told.method and told.target and not told.blind:
            judgement = self._policy.decide(caller, told.method, told.target)
            decision, rule = "allowed" if judgement.allowed else "warned", judgement.rule
        return line(
            Record(
                time=datetime.fromtimestamp(told.at, UTC),
                id=f"{self._token}-{connection:x}-{told.number:x}",
                phase=told.phase,
                host=self._host,
                listener=listener,
                method=told.method,
                target=told.target,
                status=told.status,
                upgraded=told.upgraded,
                bytes_in=told.bytes_in,
                bytes_out=told.bytes_out,
                ms=round(told.seconds * 1000, 3),
                mode=self._plan.mode,
                decision=decision,
                rule=rule,
                caller=caller,
                blind=told.blind,
                agent=told.agent,
            )
        )

    def _refused(self, listener: str, why: str, address: str) -> None:
        """Write down a client that did not get through TLS; of many in one second a few, and how many more."""
        self._connections += 1
        at = time.time()
        if int(at) != self._refusals[0]:
            self._refusals = [int(at), 0, self._refusals[2]]
        self._refusals[1] += 1
        if self._refusals[1] > _REFUSALS:
            self._refusals[2] += 1
            return
        more, self._refusals[2] = self._refusals[2], 0
        why = f"TLS: {why}" + (f" ({more} more were not written down before)" if more else "")
        told = Told(0, "done", at, None, None, None, False, 0, 0, 0.0, "denied", None, why)
        self._tell(self._connections, Identity(Caller(address=address), known=True), listener, told)


def _clock() -> tuple[float, float]:
    return time.time(), time.monotonic()


def raise_limit() -> None:
    """Take as many descriptors as the kernel gives: two for each connection."""
    import resource  # noqa: PLC0415 - Unix only, as the gate is

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
