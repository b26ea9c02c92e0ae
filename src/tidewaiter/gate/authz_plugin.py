"""The endpoint of a Docker authorization plugin: answers first, then writes down what was asked.

Protocol: https://docs.docker.com/engine/extend/plugin_api/ (activation) and plugins_authorization (calls). dockerd is
fail-closed and waits for ever, so the answer is sent before anything else is done with a call; only in `enforce` the
policy decides first, in memory. Two round trips a request are what a plugin costs.

HTTP is h11 on asyncio: three constant answers need no framework, a second process (as granian's workers are) would be
one more thing whose end stops Docker, and granian 2.8.7 embedded in a process aborts it when it stops. h11 accepts the
empty Host that dockerd sends.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime

import h11
import msgspec

from tidewaiter.gate.authz_calls import Call, call_of
from tidewaiter.gate.authz_story import Story
from tidewaiter.gate.judging import Judgement, Mode, Policy, Verdict
from tidewaiter.gate.record_writer import Record, line

_ACTIVATED = b'{"Implements":["authz"]}'
_ALLOWED = b'{"Allow":true}'
_CANNOT_READ = "tidewaiter cannot read this request"
_TYPE = b"application/vnd.docker.plugins.v1.2+json"
_ASKED, _ANSWERED = b"/AuthZPlugin.AuthZReq", b"/AuthZPlugin.AuthZRes"
_MOST_BODY = 16 << 20  # bytes; the daemon sends at most 1 MiB of a request, as base64
_PIECE = 1 << 16
_TICK = 0.5  # seconds between looks for requests that have waited long enough
_PEER = struct.Struct("3i")  # pid, uid, gid of SO_PEERCRED


class Plugin:
    """Answers the calls of the daemon and hands on the records."""

    def __init__(
        self,
        *,
        mode: Mode,
        policy: Policy | None,
        story: Story,
        put: Callable[[bytes], None],
        complain: Callable[[str], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.policy = policy  # may be exchanged while requests go on
        self._mode: Mode = mode
        self._story, self._put, self._complain, self._clock = story, put, complain, clock
        self._unreadable = 0

    def take(self, path: bytes, body: bytes | None, answer: Callable[[int, bytes], None]) -> None:
        """Answer one call, then write down what it tells; a body that is None was too large to keep."""
        at = self._clock()
        if path == _ASKED:
            self._asked(body, at, answer)
        elif path == _ANSWERED:
            answer(200, _ALLOWED)  # what was done cannot be undone; withholding its answer helps nobody
            call = call_of(body) if body is not None else None
            if call is None:
                self._cannot_read("an answer")
            else:
                self._write(self._story.answered(call, at))
        elif path == b"/Plugin.Activate":
            answer(200, _ACTIVATED)
        else:
            answer(404, b'{"Err":"no such call"}')

    def _asked(self, body: bytes | None, at: datetime, answer: Callable[[int, bytes], None]) -> None:
        if self._mode != "enforce":
            answer(200, _ALLOWED)
        call = call_of(body) if body is not None else None
        judged = self._judge(call) if call else None
        decision: Verdict = "allowed"
        if (call is None and self._mode == "enforce") or (judged and not judged.allowed):
            decision = "denied" if self._mode == "enforce" else "warned"
        if self._mode == "enforce":
            why = judged.why if judged else _CANNOT_READ
            answer(200, _refusal(why) if decision == "denied" else _ALLOWED)
        if call is None:
            self._cannot_read("a request")
            self._write([self._story.unreadable(at, decision)])
            return
        self._write(self._story.asked(call, at, decision, judged.rule if judged else None))

    def _judge(self, call: Call) -> Judgement | None:
        if self._mode == "observe" or self.policy is None:
            return None
        return self.policy.decide(call.caller, call.request_method, call.request_uri)

    def tick(self) -> None:
        """Tell of requests whose answers do not come soon."""
        self._write(self._story.overdue(self._clock()))

    def finish(self) -> None:
        """Tell of all requests whose answers did not come, and what was set aside."""
        self._write(self._story.finish())
        if self._story.twins:
            self._complain(
                f"{self._story.twins} requests were delivered twice at once and recorded once: "
                "is the plugin enabled under two names?"
            )

    def _write(self, records: Iterable[Record]) -> None:
        for record in records:
            self._put(line(record))

    def _cannot_read(self, what: str) -> None:
        self._unreadable += 1
        if self._unreadable & (self._unreadable - 1) == 0:  # the 1st, 2nd, 4th, 8th, …
            self._complain(f"{what} of the daemon could not be read ({self._unreadable} so far)")


def _refusal(why: str) -> bytes:
    return msgspec.json.encode({"Allow": False, "Msg": why})


class _Connection(asyncio.Protocol):
    """One connection of the daemon, kept alive for many calls."""

    def __init__(self, plugin: Plugin, connections: set[asyncio.BaseTransport], owner: int) -> None:
        self._plugin, self._connections, self._owner = plugin, connections, owner
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_PIECE)
        self._path = b""
        self._body: bytearray | None = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection of root or of the account we run as; nobody else may write our records."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - so it is for stream sockets
        self._transport = transport
        peer = transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        if _PEER.unpack(peer)[1] not in {0, self._owner}:
            transport.abort()
        self._connections.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's interface
        """Forget the connection."""
        self._connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        """Read what came, and answer each call that is complete."""
        try:
            self._http.receive_data(data)
            for event in self._events():
                self._take(event)
        except h11.RemoteProtocolError:
            self._transport.close()  # the daemon tries again on a new connection

    def eof_received(self) -> bool:
        """Close when the daemon does."""
        return False

    def _events(self) -> Iterator[h11.Event]:
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                return
            assert not isinstance(event, type)  # noqa: S101 - the two sentinels are dealt with
            yield event

    def _take(self, event: h11.Event) -> None:
        if isinstance(event, h11.Request):
            self._path, self._body = event.target.partition(b"?")[0], bytearray()
        elif isinstance(event, h11.Data):
            if self._body is not None:
                self._body += event.data
                if len(self._body) > _MOST_BODY:
                    self._body = None
        elif isinstance(event, h11.EndOfMessage):
            body = None if self._body is None else bytes(self._body)
            self._plugin.take(self._path, body, self._answer)
            if self._http.our_state is h11.DONE:
                self._http.start_next_cycle()
            else:
                self._transport.close()

    def _answer(self, status: int, body: bytes) -> None:
        headers = [(b"Content-Type", _TYPE), (b"Content-Length", b"%d" % len(body))]
        sent = [h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage()]
        self._transport.write(b"".join(self._http.send(event) or b"" for event in sent))


async def serve(listener: socket.socket, plugin: Plugin, stop: asyncio.Event) -> None:
    """Serve the calls until `stop` is set; then nobody is left waiting for an answer."""
    loop = asyncio.get_running_loop()
    connections: set[asyncio.BaseTransport] = set()
    owner = os.geteuid()
    # Not create_unix_server: from Python 3.13 that removes the socket at the end, also one that systemd holds.
    server = await loop.create_server(lambda: _Connection(plugin, connections, owner), sock=listener)
    try:
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _TICK)
            plugin.tick()
    finally:
        server.close()
        for transport in list(connections):
            transport.close()
        await asyncio.sleep(0)  # answers that were written are sent before a transport closes
        plugin.finish()
