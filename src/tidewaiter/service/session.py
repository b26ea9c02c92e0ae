"""Keeps the engine going: opens its store, and after trouble begins again from the last durable place.

Trouble is a full disk or a damaged store, which pass or are told, or a record that an error in the program cannot get
over: a batch that fails three times in a row is set aside in a folder, with the reason, and the rest goes on. Who
cannot be judged is found by judging one at a time, and left out until the next start.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path

from tidewaiter.errors import StoreError
from tidewaiter.service.engine import BATCH, Engine
from tidewaiter.service.journal import START, Journal, Place
from tidewaiter.store import Store

_log = logging.getLogger(__name__)
_TRIES = 3  # of the same batch, before it is set aside
_WAIT = 2.0  # seconds before the next try


class Session:
    """Runs engines one after the other until told to stop."""

    def __init__(
        self,
        *,
        journal: Journal,
        open_store: Callable[[], Store],
        engine: Callable[[Store], Engine],
        set_aside: Path,
    ) -> None:
        self._journal, self._open_store, self._make, self._folder = journal, open_store, engine, set_aside
        self.engine: Engine | None = None
        self.problem = ""
        self.set_aside = 0  # entries of the journal
        self.restarts = 0
        self._failures: Counter[Place] = Counter()  # of single entries, by the place before them
        self._careful_until = START  # entries are read one by one up to there
        self._suspects: frozenset[str] = frozenset()  # actors judged together when the engine failed
        self.shunned: frozenset[str] = frozenset()  # actors of whom one alone makes it fail
        self._reconsider = threading.Event()
        self._copies: deque[Callable[[Store, Engine], None]] = deque()

    def run(self, stop: threading.Event) -> None:
        """Go on until told to stop."""
        while not stop.is_set():
            try:
                self._session(stop)
            except (StoreError, OSError) as trouble:  # a full disk: it may have room again
                self._trouble(str(trouble).partition("\n")[0])
            except Exception as trouble:  # noqa: BLE001 - the edge: whatever is wrong with one batch, the next is read
                _log.error("the engine failed:\n%s", traceback.format_exc())
                self._blame()
                self._trouble(f"{type(trouble).__name__}: {trouble}")
            if self.problem:
                self.restarts += 1
                stop.wait(_WAIT)

    def reconsider(self) -> None:
        """Verdicts changed: the engine looks again, in its own thread, at those of whom there is a finding."""
        self._reconsider.set()

    def back_up(self, copy: Callable[[Store, Engine], None]) -> None:
        """Have a copy made by the engine's thread, between two rounds."""
        self._copies.append(copy)

    def _trouble(self, what: str) -> None:
        self.problem = what
        _log.error("the engine stands still: %s", what)

    def _session(self, stop: threading.Event) -> None:
        with self._open_store() as store:
            self.engine = engine = self._make(store)
            engine.shunned = self.shunned
            engine.look = 1 if self._suspects - self.shunned else engine.look
            engine.begin()
            while not stop.is_set():
                if self._reconsider.is_set():
                    self._reconsider.clear()
                    engine.reconsider()
                while self._copies:
                    self._copies.popleft()(store, engine)
                engine.batch = 1 if engine.place < self._careful_until else BATCH
                if self._failures[engine.place] >= _TRIES:
                    self._step_over(engine)
                worked = engine.round()
                self.problem = ""
                if not worked:
                    stop.wait(engine.pause)
            engine.finish()

    def _blame(self) -> None:
        """Read one by one what was being read when the engine failed, or count the failures of a single entry."""
        engine = self.engine
        if engine is not None and engine.reading_to is not None:
            self._careful_until = max(self._careful_until, engine.reading_to)
            self._failures[engine.place] += engine.batch == 1
        if engine is not None and engine.judging:
            self._suspects = frozenset(engine.judging)
            if len(engine.judging) == 1:
                self.shunned |= self._suspects
                _log.error("cannot be judged, and is left out until the next start: %s", engine.judging[0])

    def _step_over(self, engine: Engine) -> None:
        """Put what nothing gets over into a folder, and go on behind it."""
        entries, place = self._journal.read(engine.place, 1)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._folder / f"{engine.place.segment:016d}-{engine.place.offset:012d}.ndjson"
        path.write_bytes(b"".join(entry.data for entry in entries))
        self.set_aside += 1
        _log.error("set aside what the engine cannot read: %s (%s)", path, self.problem)
        del self._failures[engine.place]
        engine.skip_to(place)
