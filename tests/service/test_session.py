from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tidewaiter.errors import StoreError
from tidewaiter.model import Finding
from tidewaiter.recognise.pack import packaged
from tidewaiter.rows import Rows
from tidewaiter.service import engine as engine_module
from tidewaiter.service import session as module
from tidewaiter.service.engine import Engine
from tidewaiter.service.journal import Journal
from tidewaiter.service.session import Session
from tidewaiter.sources.live import LiveReading
from tidewaiter.store import Store
from tidewaiter.wording import Wording


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WAIT", 0.01)


def make(
    folder: Path,
    open_store: Callable[[], Store] | None = None,
    deliver: Callable[[Sequence[Finding]], object] = list,
) -> tuple[Session, Journal]:
    journal = Journal(folder / "journal")
    session = Session(
        journal=journal,
        open_store=open_store or (lambda: Store(folder / "store")),
        engine=lambda store: Engine(
            journal=journal,
            store=store,
            pack=packaged(),
            wording=Wording("en"),
            deliver=lambda found: (deliver(found), None)[1],
        ),
        set_aside=folder / "set-aside",
    )
    return session, journal


def run(session: Session, until: Callable[[], bool]) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=session.run, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 20
    while not until() and time.monotonic() < deadline:
        time.sleep(0.02)
    stop.set()
    thread.join()
    assert until()


def test_a_full_disk_passes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tries = iter([True, True])

    def opened() -> Store:
        if next(tries, False):
            raise StoreError("no space left")
        return Store(tmp_path / "store")

    session, journal = make(tmp_path, opened)
    journal.put("s", b"some line\n").result(5)
    run(session, lambda: bool(session.engine and session.engine.streams))
    assert (session.restarts, session.problem) == (2, "")
    assert "no space left" in caplog.text
    journal.close()


def test_a_batch_that_nothing_gets_over_is_set_aside_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = LiveReading.feed

    def failing(self: LiveReading, data: bytes, *, line: int, offset: int) -> object:
        if b"poison" in data:
            raise ZeroDivisionError
        return feed(self, data, line=line, offset=offset)

    monkeypatch.setattr(LiveReading, "feed", failing)
    session, journal = make(tmp_path)
    journal.put("a", b"before\n" * 20_000).result(5)
    journal.put("b", b"poison\n").result(5)
    journal.put("c", b"after\n").result(5)
    run(session, lambda: bool(session.set_aside))
    journal.put("d", b"later\n").result(5)
    run(session, lambda: bool(session.engine and "d" in session.engine.streams))
    kept = b"".join(path.read_bytes() for path in (tmp_path / "set-aside").iterdir())
    assert kept == b"poison\n"
    journal.close()


def test_an_error_in_the_middle_of_a_transaction_leaves_no_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = (Path(__file__).parents[1] / "data" / "kubernetes" / "audit.jsonl").read_bytes()
    failures = iter([True])
    finish = Rows.finish

    def once(self: Rows) -> None:
        finish(self)
        if next(failures, False):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(Rows, "finish", once)
    session, journal = make(tmp_path)
    journal.put("kubernetes/x", line).result(5)
    run(session, lambda: bool(session.engine and session.engine.status.kept and not session.problem))
    assert session.restarts == 1
    with Store(tmp_path / "store") as store:
        ((rows, ids),) = store.rows("SELECT count(*), count(DISTINCT id) FROM occurrence")
    assert rows == ids > 0
    journal.close()


def test_who_cannot_be_judged_is_left_out_and_the_others_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    look = Engine._look

    def failing(self: Engine, actors: Sequence[str]) -> tuple[Finding, ...]:
        if any("node-2" in actor for actor in actors):
            raise ZeroDivisionError
        return look(self, actors)

    monkeypatch.setattr(Engine, "_look", failing)
    monkeypatch.setattr(engine_module, "_SHARE", 0.0)
    told: list[Finding] = []
    session, journal = make(tmp_path, deliver=told.extend)
    log = (Path(__file__).parents[1] / "data" / "kubernetes" / "audit.jsonl").read_bytes()
    journal.put("kubernetes/x", log).result(5)
    run(session, lambda: bool(session.shunned and told and not session.problem))
    journal.close()
    assert {one.actor.name for one in told} == {"default/default"}
    assert "cannot be judged" in caplog.text
