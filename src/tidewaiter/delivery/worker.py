"""One thread for one sink: takes what is due, delivers it, writes down what came of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from tidewaiter.delivery import backoff
from tidewaiter.delivery.outbox import FARTHEST, STUBBORN, Outbox
from tidewaiter.delivery.parcel import Outcome, Parcel, Transport
from tidewaiter.errors import StoreError
from tidewaiter.settings.delivery import Sink

_IDLE = 1.0  # seconds between two looks when nobody says that there is something
_AGED = 60.0  # seconds between two looks for what is too old
_DAY = 86400.0
_NO_DISK = 1.0  # seconds until the outbox is tried again


class Worker(threading.Thread):
    """Delivers to one sink until it is stopped; a slow sink holds up nobody but itself."""

    def __init__(self, outbox: Outbox, sink: Sink, transport: Transport, *, clock: Callable[[], float]) -> None:
        super().__init__(name=f"sink-{sink.name}", daemon=True)
        self.sink = sink
        self.trouble = ""  # why the last attempt failed; nothing after a success
        self._outbox = outbox
        self._transport = transport
        self._clock = clock
        self._stopping = threading.Event()
        self._news = threading.Event()
        self._failures = 0  # attempts in a row that brought nothing
        self._resume = 0.0  # not before
        self._fresh = True  # nothing was done yet
        self._aged = 0.0
        self._unsettled: tuple[Sequence[Parcel], Outcome, float] | None = None

    def wake(self) -> None:
        """Say that there may be something to deliver."""
        self._news.set()

    def ask_to_stop(self) -> None:
        """Take nothing more on; what is on its way is brought to its end."""
        self._stopping.set()
        self._news.set()

    def run(self) -> None:
        """Deliver until stopped."""
        try:
            while not self._stopping.is_set():
                self._news.clear()
                self._wait(self._step())
        finally:
            self._transport.close()

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self._news.wait(seconds)

    def _step(self) -> float:
        """Do what is due; give the seconds until it makes sense to look again."""
        try:
            return self._work()
        except StoreError as problem:
            # What was delivered meanwhile is kept in mind and written down when the disk can take it.
            self.trouble = problem.what
            self._stopping.wait(_NO_DISK)
            return 0.0

    def _work(self) -> float:
        self._settle()
        now = self._clock()
        if self._fresh:  # whoever starts the service, or gives it other settings, may have removed the obstacle
            self._outbox.hasten(self.sink.name)
            self._fresh = False
        if abs(now - self._aged) > _AGED:
            self._outbox.expire(self.sink.name, before=now - self.sink.give_up_days * _DAY)
            self._aged = now
        if now < self._resume <= now + FARTHEST:
            return min(self._resume - now, _IDLE)
        parcels = self._outbox.claim(self.sink.name, now=now, most=self.sink.batch)
        if not parcels:
            due = self._outbox.due(self.sink.name)
            return _IDLE if due is None else min(max(due - now, 0.01), _IDLE)
        self._deliver(parcels)
        return 0.0

    def _deliver(self, parcels: Sequence[Parcel]) -> bool:
        """Deliver, by halves where the receiver refuses a lot as a whole; give whether to go on."""
        outcome = self._transport.send(parcels)
        if outcome.together and len(outcome.refused) == len(parcels) > 1:
            middle = len(parcels) // 2
            return self._deliver(parcels[:middle]) and not self._stopping.is_set() and self._deliver(parcels[middle:])
        missing = len(outcome.delivered) + len(outcome.refused) < len(parcels)
        self._unsettled = (parcels, outcome, self._pause(parcels, outcome) if missing else 0.0)
        self._settle()
        return not missing

    def _pause(self, parcels: Sequence[Parcel], outcome: Outcome) -> float:
        """Decide how long what is left waits, and whether everything else of this sink does."""
        first, longest = self.sink.pause, self.sink.longest_pause
        rounds = max(parcel.attempts + 1 for parcel in parcels)
        if outcome.together and parcels[0].blamed >= STUBBORN:
            # Sent alone again and again, and always answered with a failure: it may well be the finding's own fault.
            self._resume = self._clock() + first
            return backoff.pause(rounds, first=first, longest=longest, asked=outcome.after)
        self._failures = 0 if outcome.delivered else self._failures + 1
        everybody = backoff.pause(self._failures, first=first, longest=longest, asked=outcome.after)
        if not outcome.delivered or outcome.after is not None:
            self._resume = self._clock() + everybody
        return max(everybody, backoff.pause(rounds, first=first, longest=longest))

    def _settle(self) -> None:
        """Write down what came of the last attempt; until that succeeds nothing is sent, for it would be sent again."""
        if self._unsettled is None:
            return
        parcels, outcome, pause = self._unsettled
        self._outbox.settle(self.sink.name, parcels, outcome, now=self._clock(), pause=pause)
        self._unsettled = None
        if outcome.reason:
            self.trouble = outcome.reason
        elif outcome.delivered:
            self.trouble, self._failures = "", 0
