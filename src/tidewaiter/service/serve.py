"""`tidewaiter serve`: one process that takes records in, judges them as they come, and delivers what it finds.

What was acknowledged is in the journal. One thread reads it (`session`, `engine`), one writes it, each tail and each
sink has its own, and the HTTP server lives in the event loop of the main thread. Whatever dies, the next start goes on.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from tidewaiter.delivery.delivery import Delivery, rules
from tidewaiter.delivery.outbox import Outbox
from tidewaiter.errors import ConfigError, StoreError
from tidewaiter.keeping import add, load_verdicts
from tidewaiter.model import Finding, Ruling
from tidewaiter.recognise.pack import Pack
from tidewaiter.service.access import Access
from tidewaiter.service.backup import back_up
from tidewaiter.service.engine import Engine, Keep
from tidewaiter.service.gauges import Gauges
from tidewaiter.service.http import Intake
from tidewaiter.service.http_server import HttpServer
from tidewaiter.service.journal import Journal
from tidewaiter.service.metrics import Metrics
from tidewaiter.service.session import Session
from tidewaiter.service.tails import Tails
from tidewaiter.service.tails.metrics import TailMetrics
from tidewaiter.settings import Settings
from tidewaiter.store import Store
from tidewaiter.wording import Wording

_log = logging.getLogger(__name__)
MEMORY = 256  # MB for the store; it gets more where a statement cannot do with less
_DRAINS = 20.0  # seconds at the end in which the engine may read what was taken in
_STALLS = 60.0  # seconds without a round after which the service is not ready
_KEEPS = 5.0  # seconds between two writings of the findings for `tidewaiter show`
Load = Callable[[], Settings]  # reads the configuration anew; raises ConfigError


class Verdicts:
    """What people decided, read again when the file of it changes."""

    def __init__(self, state: Path, changed: Callable[[], None]) -> None:
        self._state, self._changed = state, changed
        self._seen: tuple[int, int] | None = None
        self._rulings: tuple[Ruling, ...] = ()

    def __call__(self) -> Sequence[Ruling]:
        """Give the verdicts."""
        try:
            status = (self._state / "verdicts.jsonl").stat()
        except OSError:
            return self._rulings
        seen = (status.st_mtime_ns, status.st_size)
        if seen != self._seen:
            first = self._seen is None
            try:
                self._rulings, self._seen = load_verdicts(self._state), seen
            except StoreError as problem:
                _log.error("the verdicts cannot be read, the earlier ones hold: %s", problem.what)
                self._seen = seen
            if not first:
                self._changed()
        return self._rulings


class Known:
    """Keeps findings in the state folder for `tidewaiter show` and `verdict`, now and then."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._waiting: dict[str, Finding] = {}
        self._lock = threading.Lock()

    def add(self, findings: Sequence[Finding]) -> None:
        """Take findings in."""
        with self._lock:
            self._waiting.update((one.id, one) for one in findings)

    def write(self) -> None:
        """Write what waits; what cannot be written is tried again, for it is in the outbox too."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        if waiting:
            try:
                add(self._state, waiting.values())
            except (OSError, StoreError) as problem:
                _log.error("findings cannot be kept for `tidewaiter show`: %s", problem)
                with self._lock:
                    self._waiting = waiting | self._waiting


class Service:
    """Everything that runs in one process. Raises ConfigError or StoreError when it cannot be begun."""

    def __init__(
        self, load: Load, *, environment: Mapping[str, str], pack: Callable[[Settings], Pack], native: bool = True
    ) -> None:
        self._load = load
        self._environment = environment
        self._settings = settings = load()
        self._pack = pack(settings)
        self._native = native
        self._words = Wording(settings.language)
        self._state = Path(settings.state)
        self._stop = threading.Event()
        self._began = time.monotonic()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; everything that was acknowledged is on disk then."""
        with ExitStack() as ending:
            self._begin(ending)
            asyncio.run(self._live())

    def _begin(self, ending: ExitStack) -> None:
        """Open and start all parts; they end in the reverse order."""
        settings, state = self._settings, self._state
        ending.enter_context(_alone(state))
        retention = settings.retention
        self._journal = Journal(state / "journal", limit=int(retention.journal_gb * (1 << 30)))
        ending.callback(self._journal.close)
        outbox = Outbox(state / "outbox.sqlite", rules(settings.outgoing, self._words))
        ending.callback(outbox.close)
        self._outbox = outbox
        self._delivery = Delivery(outbox, settings.outgoing, self._environment, self._words)
        self._delivery.start()
        ending.callback(self._delivery.stop)
        self._known = Known(state)
        ending.callback(self._known.write)
        self._session = Session(
            journal=self._journal,
            open_store=lambda: Store(state / "store", memory=MEMORY),
            engine=self._engine,
            set_aside=state / "set-aside",
        )
        self._verdicts = Verdicts(state, self._session.reconsider)
        self._tails = Tails(settings.tail, self._journal, environment=self._environment)
        self.metrics = Metrics()
        self.metrics.registry.register(Gauges(self._session, self._journal, self._delivery))
        self.metrics.registry.register(TailMetrics(self._tails))
        self._access = Access(settings.http, self._environment)
        intake = Intake(
            settings.http, self._access, self._journal, self.metrics, ready=self.not_ready, clock=time.monotonic
        )
        self._server = HttpServer(intake.app(), settings.http) if settings.http.enabled else None
        thread = threading.Thread(target=self._session.run, args=(self._stop,), name="engine")
        thread.start()
        ending.callback(self._end_engine, thread)
        self._tails.start()
        ending.callback(self._tails.stop)

    def _engine(self, store: Store) -> Engine:
        retention = self._settings.retention
        return Engine(
            journal=self._journal,
            store=store,
            pack=self._pack,
            wording=self._words,
            deliver=self._deliver,
            persona=self._settings.persona,
            keep=Keep(whole_days=retention.whole_days, days=retention.days, size=int(retention.largest_gb * (1 << 30))),
            rulings=self._verdicts,
            native=self._native,
        )

    def _deliver(self, findings: Sequence[Finding]) -> None:
        self._delivery.offer(findings)
        self._known.add(findings)
        for finding in findings:
            self.metrics.findings.labels(finding.level).inc()

    def _end_engine(self, thread: threading.Thread) -> None:
        """Let the engine read what was taken in, for some seconds; the rest is read by the next process."""
        until = time.monotonic() + _DRAINS
        engine = self._session.engine
        while time.monotonic() < until and engine and not self._session.problem and engine.behind():
            time.sleep(0.05)
        self._stop.set()
        thread.join()

    async def _live(self) -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        loop.add_signal_handler(signal.SIGUSR1, self._session.back_up, self._back_up)
        house = asyncio.create_task(self._house())
        serving = asyncio.create_task(self._server.serve()) if self._server else None
        _tell_systemd("READY=1")
        _log.info("ready after %.1f seconds", time.monotonic() - self._began)
        waiting = {asyncio.create_task(ended.wait()), *([serving] if serving else [])}
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        _tell_systemd("STOPPING=1")
        house.cancel()
        if self._server and serving:
            if serving in done:
                serving.result()  # cannot listen, for instance
            self._server.stop()
            await serving
        _log.info("stopping")

    async def _house(self) -> None:
        while True:
            await asyncio.sleep(_KEEPS)
            await asyncio.to_thread(self._known.write)
            await asyncio.to_thread(self._verdicts)
            reasons = self.not_ready()
            _tell_systemd("STATUS=" + ("; ".join(reasons) or "ready"))
            if not self._stands_still():  # a full disk passes by itself, and a restart does not help
                _tell_systemd("WATCHDOG=1")

    def not_ready(self) -> list[str]:
        """Say what keeps the service from being ready."""
        reasons = []
        if self._session.problem:
            reasons.append(f"the engine stands still: {self._session.problem}")
        elif self._session.engine is None:
            reasons.append("the store is being opened")
        if self._stands_still():
            reasons.append(f"the engine has made no round for more than {_STALLS:.0f} seconds")
        return reasons

    def _stands_still(self) -> bool:
        engine = self._session.engine
        last = engine.status.last_round if engine else 0.0
        return bool(last) and not self._session.problem and time.monotonic() - last > _STALLS

    def reload(self) -> None:
        """Read the configuration again: tails, sinks, routes and verdicts change; the rest needs a restart."""
        try:
            settings = self._load()
            self._tails.reload(settings.tail)
            self._delivery.reload(settings.outgoing)
        except (ConfigError, StoreError) as problem:
            _log.error("the configuration stays as it was:\n%s", problem)
            return
        before = self._settings
        fixed = ("state", "language", "persona", "rules", "http", "retention")
        changed = [name for name in fixed if getattr(before, name) != getattr(settings, name)]
        if changed:
            _log.warning("these need a restart: %s", ", ".join(changed))
        self._settings = settings
        self._session.reconsider()
        _log.info("the configuration was read again")

    def _back_up(self, store: Store, engine: Engine) -> None:
        began = time.monotonic()
        try:
            made = back_up(
                self._state, store=store, outbox=self._outbox.copy, journal=self._journal, since=engine.durable
            )
        except StoreError as problem:
            _log.error("%s", problem)
            return
        _log.info("%s is whole, after %.1f seconds", made, time.monotonic() - began)


class _alone:  # noqa: N801 - reads as a word
    """Holds the state folder for one process."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._file = -1

    def __enter__(self) -> None:
        try:
            self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self._state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            self.__exit__()
            raise StoreError(
                "another tidewaiter serves from this state folder",
                where=str(self._state),
                hint="stop it first, or give each its own `state`",
            ) from problem
        except OSError as problem:
            raise StoreError(
                f"the state folder cannot be used: {problem.strerror}",
                where=str(self._state),
                hint="name a folder in `state` that the account may write to",
            ) from problem

    def __exit__(self, *_: object) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _tell_systemd(what: str) -> None:
    """Say something to systemd, if it listens: sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        try:
            notify.connect(address.replace("@", "\0", 1))
            notify.send(what.encode())
        except OSError as problem:
            _log.warning("systemd cannot be told: %s", problem)
