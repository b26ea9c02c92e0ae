"""One connection as a sequence of requests and answers, told from a copy of its bytes. Pure: no socket, no clock.

h11 parses the copy; one h11 connection reads one message, so that nothing of a message can leak into the next. When the
copy cannot be parsed, a watched connection goes on blind, and says so; a guarded one refuses the request with 400. What
a guarded connection lets through are the caller's own bytes, and none of a request before it was decided: the next
request waits until the answer to this one is complete.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

import h11

from tidewaiter.gate.exchange import Exchange, Told
from tidewaiter.gate.framing import MOST_HEAD, Head, ambiguity, glimpse, head_end, looseness, read_head
from tidewaiter.gate.judging import Judgement, Mode
from tidewaiter.gate.parsing import agent_of, asker, first, is_stream, listener, until_close
from tidewaiter.gate.refusal import refusal
from tidewaiter.gate.routes import may_switch, shown

MOST_AHEAD = 1 << 20  # bytes of further requests that wait for their turn, in the copy
_ENOUGH = 1 << 16  # of them on a guarded connection, which can be held back
_PIECE = 1 << 14  # bytes of them looked at together: what was not needed is put back, again and again
_PATIENCE = 100  # refusals in one go
_State = Literal["head", "body", "answer", "raw", "blind", "over"]
_Bytes: TypeAlias = bytes | bytearray


class Moves(NamedTuple):
    """What a guarded connection has to do now; a watched one has passed everything on already."""

    to_server: bytes = b""
    to_client: bytes = b""
    hang_up: bool = False  # once that was sent


class Conversation:
    """Follows both directions of one connection."""

    def __init__(
        self,
        *,
        mode: Mode,
        tell: Callable[[Told], None],
        clock: Callable[[], tuple[float, float]],  # seconds since 1970, and a clock that never goes back
        decide: Callable[[str, str], Judgement] | None = None,  # of a guarded connection
        busy: Callable[[bool], None] = lambda _: None,  # a request is on its way, or no longer
    ) -> None:
        self._mode, self._tell, self._clock, self._decide, self._busy = mode, tell, clock, decide, busy
        self._guards = mode == "enforce"
        self._state: _State = "head"
        self._ahead = bytearray()  # of the client, not yet looked at
        self._searched = 0
        self._number = 0
        self._now: Exchange | None = None
        self._request: h11.Connection | None = None
        self._answer: h11.Connection | None = None
        self._answered = False
        self._out: list[_Bytes] = []
        self._replies: list[bytes] = []
        self._hang_up = False

    @property
    def full(self) -> bool:
        """Whether a guarded connection should take no more bytes of the client for now."""
        return self._state == "answer" and len(self._ahead) >= _ENOUGH

    @property
    def waiting(self) -> bool:
        """Whether bytes of the client wait for a decision."""
        return bool(self._ahead)

    def client(self, data: bytes) -> Moves:
        """Take bytes of the client."""
        if self._state == "body":
            data = self._body(data)
        if self._state in ("raw", "blind"):
            self._count_in(data)
        elif data and self._state != "over":
            self._ahead += data
            self._go_on()
            if not self._guards and self._state == "answer" and len(self._ahead) >= MOST_AHEAD:
                self._give_up("more than 1 MiB ahead of the answer")
        return self._moves()

    def server(self, data: bytes) -> Moves:
        """Take bytes of the server, which have gone to the client already."""
        while data:
            if self._now is None and self._state != "over":
                self._open()
                self._give_up("an answer to no request", spoke=True)
            if self._state in ("raw", "blind", "over") or self._answer is None:
                self._count_out(data)
                break
            data = self._parse_answer(data)
        return self._moves()

    def server_end(self) -> None:
        """Take the end of the server's bytes: it completes an answer that has no length."""
        if self._now is not None and self._state not in ("raw", "blind"):
            self._end()
            self._state = "over"

    def close(self) -> None:
        """End: tell what was going on."""
        if self._now is not None:
            self._end()
        self._state = "over"
        self._ahead.clear()

    def begun(self) -> None:
        """Tell a request that goes on for long before its end."""
        if self._now is not None and not self._now.begun:
            self._now.begun = True
            self._tell(self._now.told("begun", self._clock()[1]))

    # -- requests

    def _go_on(self) -> None:
        """Look at what is ahead, as far as it is its turn."""
        while self._state == "head" and self._ahead:
            end = head_end(self._ahead, self._searched)
            if not end:
                self._searched = len(self._ahead)
                if self._searched > MOST_HEAD:
                    self._open()
                    self._give_up("a head of more than 1 MiB")
                return
            raw, self._searched = bytes(self._ahead[:end]), 0
            del self._ahead[:end]
            self._begin(raw)
            if self._in("body"):
                self._body(b"")  # most requests have none
            while self._in("body") and self._ahead:
                piece = bytes(self._ahead[:_PIECE])
                del self._ahead[:_PIECE]
                rest = self._body(piece)
                if not self._in("over"):
                    self._ahead[:0] = rest
        if self._in("raw", "blind") and self._ahead:
            rest = bytes(self._ahead)
            self._ahead.clear()
            self._count_in(rest)

    def _in(self, *states: _State) -> bool:
        return self._state in states

    def _open(self) -> Exchange:
        self._number += 1
        self._now = Exchange(self._number, *self._clock())
        self._answered = False
        self._busy(True)
        return self._now

    def _begin(self, raw: bytes) -> None:
        """Begin a request with its whole head."""
        now = self._open()
        head = read_head(raw)
        if head is None:
            method, target = glimpse(raw)
            now.method, now.target = method, shown(target)
            self._give_up("not a request line of HTTP/1", raw)
            return
        now.method, now.target = head.method, shown(head.target)
        problem = ambiguity(head) or (self._strict(head, now.target) if self._guards else None)
        parser = asker()
        read = problem or first(parser, head)
        if isinstance(read, str):
            self._give_up(read, raw)
            return
        now.agent = agent_of(read)
        self._request = parser
        self._state = "body"
        if self._decide and not self._allows(self._decide(head.method, now.target or ""), head):
            return
        self._answer = listener(head.method, upgrade=head.upgrade)
        self._count_in(raw)

    def _strict(self, head: Head, target: str | None) -> str | None:
        """Say what keeps this request from being decided."""
        if head.upgrade and not may_switch(head.method, target or ""):
            return "an Upgrade that this route does not have"
        return looseness(head)

    def _allows(self, judgement: Judgement, head: Head) -> bool:
        """Note a judgement; False when the request was refused by it."""
        now = self._now
        assert now is not None and self._request is not None  # noqa: S101, PT018 - called by _begin only
        now.rule = judgement.rule
        if judgement.allowed:
            return True
        # A body that nobody will read can only be got rid of with the connection.
        whole = isinstance(self._request.next_event(), h11.EndOfMessage)
        self._refuse(403, judgement.why, head, close=not whole)
        return False

    def _body(self, data: bytes) -> bytes:
        """Take bytes of the request's body; gives those that follow it."""
        parser = self._request
        assert parser is not None  # noqa: S101 - there is one in this state
        try:
            if data:
                parser.receive_data(data)
            while True:
                event = parser.next_event()
                if event is h11.NEED_DATA:
                    self._count_in(data)
                    return b""
                if isinstance(event, h11.EndOfMessage):
                    break
        except h11.RemoteProtocolError as problem:
            self._give_up(f"body: {problem}", data)
            return b""
        rest = parser.trailing_data[0]
        self._count_in(data[: len(data) - len(rest)] if rest else data)
        self._request = None
        self._state = "answer"
        if self._answered:
            self._finish()
        return rest

    # -- answers

    def _parse_answer(self, data: bytes) -> bytes:
        """Take bytes of the answer; gives those that follow it."""
        parser, now = self._answer, self._now
        assert parser is not None and now is not None  # noqa: S101, PT018 - there are both when this is called
        now.bytes_out += len(data)
        try:
            parser.receive_data(data)
            while True:
                event = parser.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return b""
                if isinstance(event, h11.InformationalResponse | h11.Response):
                    self._head_of_answer(event)
                    if self._state == "raw":
                        return b""
                elif isinstance(event, h11.EndOfMessage):
                    break
        except h11.ProtocolError as problem:
            self._give_up(f"answer: {problem}")
            return b""
        rest = parser.trailing_data[0]
        now.bytes_out -= len(rest)
        self._answered = True
        self._answer = None
        if self._state == "answer":
            self._finish()
            return rest
        # The request still has a body on its way; another answer cannot come before its end.
        now.bytes_out += len(rest)
        return b""

    def _head_of_answer(self, event: h11.InformationalResponse | h11.Response) -> None:
        now = self._now
        assert now is not None  # noqa: S101 - there is one when an answer is parsed
        if isinstance(event, h11.InformationalResponse) and event.status_code != 101:  # noqa: PLR2004 - RFC 9110
            return
        now.status = event.status_code
        if isinstance(event, h11.InformationalResponse):
            now.upgraded = True
        elif not until_close(event, now.method) or (self._guards and not is_stream(event)):
            return
        # After an answer without an end nothing the client sends is a request.
        self._state = "raw"
        if now.upgraded or is_stream(event):
            self.begun()
        self._go_on()

    def _finish(self) -> None:
        """End a request that was answered, and look at the next one."""
        self._end()
        self._state = "head"
        self._go_on()

    def _end(self) -> None:
        now, self._now = self._now, None
        self._request = self._answer = None
        if now is not None:
            self._busy(False)
            self._tell(now.told("done", self._clock()[1]))

    # -- what cannot be parsed, and what may not pass

    def _give_up(self, reason: str, raw: bytes = b"", *, spoke: bool = False) -> None:
        """Go on without understanding, or refuse; `spoke`: the server has begun to answer."""
        now = self._now
        assert now is not None  # noqa: S101 - a request was opened
        if now.method is None:
            method, target = glimpse(raw or bytes(self._ahead))
            now.method, now.target = method, shown(target)
        now.blind = reason
        if self._guards:
            # When the head has passed, or the server speaks, nothing can be said to the client any more.
            if spoke or now.bytes_in:
                now.decision = "denied"
                self._state, self._hang_up = "over", True
                self._ahead.clear()
            else:
                self._refuse(400, f"the request cannot be understood: {reason}", None, close=True)
            return
        if self._mode == "warn":
            now.decision = "warned"
        self._state = "blind"
        self._request = self._answer = None
        now.bytes_in += len(raw)
        self.begun()
        self._go_on()

    def _refuse(self, status: int, why: str, head: Head | None, *, close: bool) -> None:
        """Answer in dockerd's place."""
        now = self._now
        assert now is not None  # noqa: S101 - a request was opened
        method, version = (head.method, head.version) if head else (now.method or "GET", "1.1")
        # Whoever sends hundreds of requests ahead and is refused each keeps everybody else waiting.
        close = close or version == "1.0" or len(self._replies) >= _PATIENCE
        answer = refusal(status, why, method=method, version=version, close=close)
        now.status, now.decision, now.bytes_out = status, "denied", len(answer)
        self._replies.append(answer)
        self._end()
        self._hang_up = self._hang_up or close
        self._state = "over" if close else "head"
        if close:
            self._ahead.clear()

    def _count_in(self, data: _Bytes) -> None:
        """Count bytes of the client; those of a guarded connection may pass from here on."""
        if data:
            if self._now is not None:
                self._now.bytes_in += len(data)
            if self._guards:
                self._out.append(data)

    def _count_out(self, data: bytes) -> None:
        if self._now is not None:
            self._now.bytes_out += len(data)

    def _moves(self) -> Moves:
        if not (self._out or self._replies or self._hang_up):
            return _NOTHING
        moves = Moves(b"".join(self._out), b"".join(self._replies), self._hang_up)
        self._out, self._replies = [], []
        return moves


_NOTHING = Moves()
