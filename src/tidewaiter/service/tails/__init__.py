"""What the service reads by itself: files, the systemd journal, syslog, standard input and Kafka, one thread each.

`Tails` starts one worker for each `[[tail]]` of the settings. A worker hands complete lines to the journal and goes on
when they are on disk; how it is, it says on its board.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from tidewaiter.errors import ConfigError
from tidewaiter.service.tails.feed import Board, Feed, Journal, Problem, TailStatus
from tidewaiter.service.tails.files import Files
from tidewaiter.service.tails.journald import Journald
from tidewaiter.service.tails.stdin import Stdin
from tidewaiter.service.tails.syslog_server import Syslog
from tidewaiter.settings.tails import FileTail, JournaldTail, KafkaTail, StdinTail, SyslogTail, Tail

__all__ = ["Problem", "TailStatus", "Tails"]

_STOPS = 15.0  # seconds until a worker that does not end is left alone


class _Work(Protocol):
    def run(self) -> None:
        """Read until the tail is stopped."""


class _Worker:
    """One tail and its thread."""

    def __init__(self, settings: Tail, journal: Journal, environment: Mapping[str, str]) -> None:
        self.settings = settings
        self.board = Board(settings.title, _kind(settings))
        self.feed = Feed(journal, self.board, threading.Event())
        self.work = _work(settings, self.feed, environment)
        self._thread = threading.Thread(target=self._run, name=f"tail {settings.title}"[:60], daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        ended = False
        try:
            self.work.run()
            ended = True
        finally:  # an error that nobody expected goes on to threading.excepthook, which writes it to the log
            stopped = self.feed.stop.is_set()
            if not ended:
                self.board.state("failed")
            elif stopped:
                self.board.state("stopped")

    def ask_to_stop(self) -> None:
        self.feed.stop.set()
        if isinstance(self.work, Syslog):
            self.work.wake()

    def wait(self, until: float) -> bool:
        self._thread.join(max(0.0, until - time.monotonic()))
        return not self._thread.is_alive()


class Tails:
    """All tails of the service."""

    def __init__(
        self, settings: Sequence[Tail], journal: Journal, *, environment: Mapping[str, str] = os.environ
    ) -> None:
        self._settings = tuple(settings)
        self._journal = journal
        self._environment = environment
        self._workers: list[_Worker] = []

    def start(self) -> None:
        """Begin to read. Raises ConfigError when a tail cannot be made; none is started then."""
        _check(self._settings)
        workers = [_Worker(one, self._journal, self._environment) for one in self._settings]
        for worker in workers:
            worker.start()
        self._workers = workers

    def stop(self) -> bool:
        """End all tails; what they gave is in the journal. False when one did not end in time."""
        return self._stop(self._workers)

    def reload(self, settings: Sequence[Tail]) -> None:
        """Go over to new settings: tails that are the same go on, others end or begin. Raises ConfigError before."""
        _check(settings)
        same = [worker for worker in self._workers if worker.settings in settings]
        fresh = [one for one in settings if one not in [worker.settings for worker in same]]
        # Made before others are stopped: what cannot be made changes nothing.
        workers = [_Worker(one, self._journal, self._environment) for one in fresh]
        self._stop([worker for worker in self._workers if worker not in same])
        for worker in same:
            if isinstance(worker.work, Syslog):
                worker.work.renew()
        for worker in workers:
            worker.start()
        self._workers = [*same, *workers]
        self._settings = tuple(settings)

    def status(self) -> tuple[TailStatus, ...]:
        """Say how each tail is."""
        return tuple(worker.board.show() for worker in self._workers)

    def _stop(self, workers: Sequence[_Worker]) -> bool:
        for worker in workers:
            worker.ask_to_stop()
        until = time.monotonic() + _STOPS
        return all([worker.wait(until) for worker in workers])  # noqa: C419 -- all of them are waited for


def _kind(settings: Tail) -> str:
    return str(type(settings).__struct_config__.tag)


def _check(settings: Sequence[Tail]) -> None:
    """Refuse two tails that would take the same input from each other."""
    titles = [one.title for one in settings]
    for title in titles:
        if titles.count(title) > 1:
            hint = "give journald entries a name; merge the others into one"
            raise ConfigError("two [[tail]] entries read the same", where=title, hint=hint)
    paths = [path for one in settings if isinstance(one, FileTail) for path in one.paths]
    for path in paths:
        if paths.count(path) > 1:
            raise ConfigError("two [[tail]] entries read the same", where=path, hint="name each path once")


def _work(settings: Tail, feed: Feed, environment: Mapping[str, str]) -> _Work:
    match settings:
        case FileTail():
            return Files(settings, feed)
        case JournaldTail():
            return Journald(settings, feed)
        case SyslogTail():
            return Syslog(settings, feed)
        case StdinTail():
            return Stdin(settings, feed)
        case KafkaTail():
            return _kafka(settings, feed, environment)


def _kafka(settings: KafkaTail, feed: Feed, environment: Mapping[str, str]) -> _Work:
    try:
        from tidewaiter.service.tails.kafka import Kafka  # noqa: PLC0415 -- an extra that need not be there
    except ImportError as problem:
        hint = "pip install 'tidewaiter[kafka]'"
        raise ConfigError("Kafka needs a library that is not installed", where=settings.title, hint=hint) from problem
    return Kafka(settings, feed, environment=environment)
