"""Joins the calls that a plugin gets into records, one a request. Pure: time and names come as arguments.

The daemon asks before (AuthZReq) and after (AuthZRes) a request, and numbers neither. An answer belongs to the oldest
request of the same content. A request whose answer does not come soon (a stream is answered when it ends, a request
that another plugin refused never) is told as begun, and again as done under the same id when the answer comes.

The same request may be delivered twice. A plugin that is enabled under two names gets every request again at once,
before the answer to the first; two clients that ask the same at the same moment look alike. So it is believed when
three requests in a row came twice, until one comes alone; from then on the second of two is counted and not told. The
daemon also repeats a call a second later when it got no answer: but then nothing was told of the first.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import msgspec

from tidewaiter.gate.authz_calls import Call
from tidewaiter.gate.judging import Mode, Verdict
from tidewaiter.gate.record_writer import Record

LISTENER = "plugin"
_REFUSED = 403
_TWIN = timedelta(milliseconds=50)
_BELIEVED = 3  # requests in a row that came twice
_SOON = timedelta(seconds=2)
_MOST_OPEN = 10_000  # requests without an answer; the oldest of more are not waited for


class _Open:
    """A request whose answer is awaited."""

    def __init__(self, record: Record, key: bytes) -> None:
        self.record = record
        self.key = key
        self.told = False
        self.is_paired = False  # the same came again at once
        self.is_second = False  # is what came again
        self.has_twin = False  # a delivery was not told; it will get an answer of its own


class Story:
    """What happened, call by call; changes with every one."""

    def __init__(self, *, mode: Mode, host: str, name: Callable[[], str]) -> None:
        self.twins = 0  # requests that were delivered again
        self._mode, self._host, self._name = mode, host, name
        self._open: OrderedDict[str, _Open] = OrderedDict()  # by id, the oldest first
        self._by_key: dict[bytes, deque[_Open]] = {}
        self._in_pairs = 0  # requests in a row that came twice
        self._echoes: OrderedDict[bytes, datetime] = OrderedDict()  # answers to twins still to come

    def asked(self, call: Call, at: datetime, decision: Verdict, rule: str | None) -> Iterator[Record]:
        """Take a request, and what was decided on it."""
        key = call.key
        first = self._first_of_two(key, at)
        if first and self._in_pairs >= _BELIEVED and decision != "denied":
            first.has_twin = True
            self.twins += 1
            return
        record = self._record(call, at, decision, rule)
        if decision == "denied":  # the daemon answers by itself, and asks nobody about its answer
            yield msgspec.structs.replace(record, status=_REFUSED, ms=0.0)
            return
        self._open[record.id] = found = _Open(record, key)
        found.is_second = first is not None
        self._by_key.setdefault(key, deque()).append(found)
        if len(self._open) > _MOST_OPEN:
            yield from self._give_up()

    def answered(self, call: Call, at: datetime) -> Iterator[Record]:
        """Take what the engine answered to a request."""
        key = call.key
        if self._is_echo(key, at):
            return
        waiting = self._by_key.get(key)
        if not waiting:  # the request came before this story began
            yield self._ended(self._record(call, at, "allowed", None), call, None)
            return
        found = waiting[0]
        self._forget(found)
        if not found.is_second:
            self._in_pairs = self._in_pairs + 1 if found.is_paired else 0
        if found.has_twin:
            self._echoes[key] = at
            if len(self._echoes) > _MOST_OPEN:
                self._echoes.popitem(last=False)
        yield self._ended(found.record, call, at - found.record.time)

    def unreadable(self, at: datetime, decision: Verdict) -> Record:
        """Tell of a call that was no call: something was asked, and nobody knows what."""
        return self._record(Call(), at, decision, None)

    def overdue(self, now: datetime) -> Iterator[Record]:
        """Tell of the requests that have waited long enough for their answers."""
        for found in list(self._open.values()):
            if now - found.record.time < _SOON:
                return
            if not found.told:
                found.told = True
                yield _begun(found.record)

    def finish(self) -> Iterator[Record]:
        """Tell of all requests whose answers did not come."""
        yield from (_begun(found.record) for found in self._open.values() if not found.told)
        self._open.clear()
        self._by_key.clear()

    def _first_of_two(self, key: bytes, at: datetime) -> _Open | None:
        """Give the request that a call may be the second delivery of."""
        waiting = self._by_key.get(key)
        if not waiting or at - waiting[-1].record.time > _TWIN or waiting[-1].is_paired or waiting[-1].is_second:
            return None
        waiting[-1].is_paired = True
        return waiting[-1]

    def _is_echo(self, key: bytes, at: datetime) -> bool:
        since = self._echoes.pop(key, None)
        return since is not None and at - since <= _SOON

    def _forget(self, found: _Open) -> None:
        del self._open[found.record.id]
        waiting = self._by_key[found.key]
        waiting.remove(found)
        if not waiting:
            del self._by_key[found.key]

    def _give_up(self) -> Iterator[Record]:
        oldest = next(iter(self._open.values()))
        self._forget(oldest)
        if not oldest.told:
            yield _begun(oldest.record)

    def _record(self, call: Call, at: datetime, decision: Verdict, rule: str | None) -> Record:
        return Record(
            time=at,
            id=self._name(),
            phase="done",
            host=self._host,
            listener=LISTENER,
            method=call.request_method or None,
            target=call.request_uri or None,
            bytes_in=call.bytes_in,
            mode=self._mode,
            decision=decision,
            rule=rule,
            caller=call.caller,
            agent=call.agent,
        )

    def _ended(self, record: Record, call: Call, lasted: timedelta | None) -> Record:
        return msgspec.structs.replace(
            record,
            status=call.response_status_code,
            upgraded=call.upgraded,
            bytes_out=call.bytes_out,
            ms=None if lasted is None else round(lasted.total_seconds() * 1000, 3),
        )


def _begun(record: Record) -> Record:
    return msgspec.structs.replace(record, phase="begun")
