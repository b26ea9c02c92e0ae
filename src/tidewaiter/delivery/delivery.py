"""Delivery as the service sees it: findings are offered, and brought to every sink that the routes name."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import msgspec

from tidewaiter.delivery.accounts import SinkAccount
from tidewaiter.delivery.notice import notice
from tidewaiter.delivery.opening import Surroundings, opened
from tidewaiter.delivery.outbox import Outbox, Rules
from tidewaiter.delivery.parcel import Transport
from tidewaiter.delivery.routes import routed
from tidewaiter.delivery.worker import Worker
from tidewaiter.errors import StoreError
from tidewaiter.model import Finding
from tidewaiter.settings import delivery as settings
from tidewaiter.wording import Wording

_DAY = 86400.0
_TIDIED = 60.0  # seconds
_STOPPED = 10.0  # seconds to wait for what is on its way


class SinkStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How delivery to one sink goes at this moment."""

    account: SinkAccount
    configured: bool
    running: bool
    trouble: str  # why the last attempt failed; nothing after a success
    oldest_seconds: float  # for how long the oldest undelivered finding has waited; 0 when none waits


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How delivery goes at this moment."""

    sinks: tuple[SinkStatus, ...]
    suppressed: dict[str, int]  # reason (route, verdict, rate) -> findings that were held back
    size: int  # bytes of the outbox


class Delivery:
    """Brings findings to the sinks, in one thread each."""

    def __init__(
        self,
        outbox: Outbox,
        configured: settings.Delivery,
        environment: Mapping[str, str],
        wording: Wording,
        *,
        clock: Callable[[], float] = time.time,
        host: str = "",
    ) -> None:
        self._outbox = outbox
        self._settings = configured
        self._around = Surroundings(environment=environment, wording=wording, host=host or socket.gethostname())
        self._clock = clock
        self._workers: dict[str, Worker] = {}
        self._ended = threading.Event()
        self._tidier = threading.Thread(target=self._tidy, name="outbox", daemon=True)
        self.trouble = ""  # why the outbox could not be tidied

    def start(self) -> None:
        """Begin. Raises ConfigError for a sink that can never work; then nothing was begun."""
        self._begin(self._settings)
        self._tidier.start()

    def _begin(self, configured: settings.Delivery) -> None:
        transports = self._opened(configured)
        self._halt()
        self._settings = configured
        self._outbox.rules = rules(configured, self._around.wording)
        self._workers = {
            sink.name: Worker(self._outbox, sink, transport, clock=self._clock)
            for sink, transport in zip(configured.sinks, transports, strict=True)
        }
        for worker in self._workers.values():
            worker.start()

    def _opened(self, configured: settings.Delivery) -> list[Transport]:
        """Open every sink, or none."""
        with ExitStack() as undo:
            transports = []
            for sink in configured.sinks:
                transport = opened(sink, self._around, partial(self._outbox.mark, sink.name))
                undo.callback(transport.close)
                transports.append(transport)
            undo.pop_all()
        return transports

    def offer(self, findings: Sequence[Mapping[str, Any] | Finding]) -> int:
        """Take findings over, see `Outbox.offer`. Raises StoreError: then offer them again later."""
        news = self._outbox.offer(findings, now=self._clock())
        if news:
            for worker in self._workers.values():
                worker.wake()
        return news

    def reload(self, configured: settings.Delivery) -> None:
        """Go on with other settings, and with secrets and certificates read anew; nothing is lost in between.

        Raises ConfigError for a sink that can never work; then everything stays as it was.
        """
        self._begin(configured)

    def status(self) -> Status:
        """Give counts and ages, for metrics and for people. Raises StoreError."""
        found = self._outbox.status(self._workers)
        now = self._clock()
        return Status(
            sinks=tuple(self._status(account, now) for account in found.sinks),
            suppressed=found.suppressed,
            size=found.size,
        )

    def _status(self, account: SinkAccount, now: float) -> SinkStatus:
        worker = self._workers.get(account.name)
        return SinkStatus(
            account=account,
            configured=worker is not None,
            running=worker is not None and worker.is_alive(),
            trouble=worker.trouble if worker else "",
            oldest_seconds=max(now - account.oldest, 0.0) if account.oldest is not None else 0.0,
        )

    def _tidy(self) -> None:
        while not self._ended.wait(min(_TIDIED, self._settings.options.suppressed_every)):
            try:
                self._outbox.tidy(self._clock())
                self.trouble = ""
            except StoreError as problem:
                self.trouble = problem.what

    def stop(self) -> None:
        """End: what is on its way is brought to its end, the rest waits on disk. The outbox is not closed."""
        self._ended.set()
        self._halt()
        if self._tidier.is_alive():
            self._tidier.join(_STOPPED)

    def _halt(self) -> None:
        for worker in self._workers.values():
            worker.ask_to_stop()
        ends = time.monotonic() + _STOPPED
        for worker in self._workers.values():
            worker.join(max(ends - time.monotonic(), 0.0))


def rules(configured: settings.Delivery, wording: Wording) -> Rules:
    """Give the outbox's part of the settings."""
    options = configured.options

    def told(sink: str, counts: Mapping[str, int], since: float, now: float) -> dict[str, Any]:
        return notice(sink, counts, since=since, now=now, wording=wording)

    return Rules(
        route=partial(routed, configured),
        notice=told,
        sinks=tuple(sink.name for sink in configured.sinks),
        told={s.name: s.tell_suppressed == "periodic" for s in configured.sinks if s.tell_suppressed != "never"},
        told_every=options.suppressed_every,
        rate_seconds=options.per_seconds,
        rate_most=options.per_actor,
        largest=options.largest_mb << 20,
        remembered=options.remember_days * _DAY,
    )


def check(configured: settings.Delivery, environment: Mapping[str, str], wording: Wording) -> None:
    """Raise ConfigError for a sink that can never work: a missing secret or certificate, an unknown rendering."""
    around = Surroundings(environment=environment, wording=wording)
    for sink in configured.sinks:
        opened(sink, around).close()
