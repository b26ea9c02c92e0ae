from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import parcels
import pytest

from tidewaiter.delivery.outbox import Outbox, Rules
from tidewaiter.delivery.parcel import Outcome, Parcel, everything, later, never
from tidewaiter.delivery.routes import Routed
from tidewaiter.delivery.worker import Worker
from tidewaiter.errors import StoreError
from tidewaiter.settings.delivery import StdoutSink

Receiver = Callable[[Sequence[Parcel]], Outcome]


class Transport:
    """A receiver in this process that does as it is told."""

    def __init__(self) -> None:
        self.receive: Receiver = everything
        self.got: list[list[str]] = []
        self.closed = False

    def send(self, given: Sequence[Parcel]) -> Outcome:
        self.got.append([one.finding for one in given])
        return self.receive(given)

    def close(self) -> None:
        self.closed = True


class Bench:
    """A worker whose steps are made by hand, at a time that is set by hand."""

    def __init__(self, folder: Path, **over: Any) -> None:
        self.now = parcels.NOW
        self.outbox = Outbox(folder / "o", Rules(route=lambda *_: Routed(sinks=("a",)), sinks=("a",)))
        self.transport = Transport()
        sink = StdoutSink(**{"name": "a", "pause": 1, "longest_pause": 60, **over})
        self.worker = Worker(self.outbox, sink, self.transport, clock=lambda: self.now)

    def offer(self, *names: str) -> None:
        self.outbox.offer([parcels.finding(name) for name in names], now=self.now)

    def work(self, seconds: float = 0, *, steps: int = 100) -> None:
        """Let time pass, and the worker work until it has nothing to do."""
        ends = self.now + seconds
        for _ in range(steps):
            pause = self.worker._step()
            if pause and self.now >= ends:
                break
            self.now = min(self.now + pause, ends)

    @property
    def letters(self) -> tuple[int, int, int]:
        (found,) = self.outbox.status(["a"]).sinks
        return found.delivered, found.pending, found.dead


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.outbox.close()


def refuses(*names: str) -> Receiver:
    """Give a receiver that refuses a whole batch for one of it."""

    def receive(given: Sequence[Parcel]) -> Outcome:
        return never(given, "HTTP 400") if any(one.finding in names for one in given) else everything(given)

    return receive


def test_what_waits_is_delivered_in_batches(tmp_path: Path) -> None:
    bench = Bench(tmp_path, batch=2)
    bench.offer("F-1", "F-2", "F-3")
    bench.work()
    assert (bench.transport.got, bench.letters) == ([["F-1", "F-2"], ["F-3"]], (3, 0, 0))
    bench.outbox.close()


def test_one_bad_finding_is_found_by_halving_and_harms_no_other(bench: Bench) -> None:
    bench.transport.receive = refuses("F-5")
    bench.offer(*[f"F-{n}" for n in range(8)])
    bench.work()
    assert bench.letters == (7, 0, 1)
    assert len(bench.transport.got) == 7  # 8, 4, 4, 2, 1, 1, 2


def test_what_a_receiver_judged_one_by_one_is_not_sent_again(bench: Bench) -> None:
    def receive(given: Sequence[Parcel]) -> Outcome:
        first, second, *_ = (one.number for one in given)
        return Outcome(delivered=(first,), refused=((second, "HTTP 400"),), reason="HTTP 503", together=True)

    bench.transport.receive = receive
    bench.offer("F-1", "F-2", "F-3")
    bench.work()
    assert (bench.transport.got, bench.letters) == ([["F-1", "F-2", "F-3"]], (1, 1, 1))


def test_a_receiver_that_is_down_is_asked_less_and_less_often_and_gets_everything(bench: Bench) -> None:
    bench.transport.receive = lambda _: later("down")
    bench.offer("F-1", "F-2")
    bench.work(600, steps=10_000)
    tries = len(bench.transport.got)
    assert (10 <= tries <= 20, bench.letters, bench.worker.trouble) == (True, (0, 2, 0), "down")
    bench.transport.receive = everything
    bench.work(130, steps=10_000)
    assert (bench.letters, bench.worker.trouble) == ((2, 0, 0), "")


def test_what_comes_while_the_receiver_is_down_waits_too(bench: Bench) -> None:
    bench.transport.receive = lambda _: later("down")
    bench.offer("F-1")
    bench.work()
    bench.offer("F-2")
    bench.work()
    assert bench.transport.got == [["F-1"]]


def test_the_receiver_says_when_to_come_again(bench: Bench) -> None:
    bench.transport.receive = lambda given: Outcome(delivered=(given[0].number,), reason="HTTP 429", after=50)
    bench.offer("F-1", "F-2")
    bench.work(49)
    assert bench.transport.got == [["F-1", "F-2"]]
    bench.work(2)
    assert bench.transport.got[1:] == [["F-2"]]


def test_a_finding_that_makes_the_receiver_fail_does_not_hold_up_the_others(bench: Bench) -> None:
    def receive(given: Sequence[Parcel]) -> Outcome:
        poison = any(one.finding == "F-1" for one in given)
        return later("HTTP 500", together=True) if poison else everything(given)

    bench.transport.receive = receive
    bench.offer("F-1", "F-2", "F-3")
    bench.work(30)
    assert (bench.letters, bench.transport.got[-1]) == ((2, 1, 0), ["F-1"])


def test_what_cannot_be_delivered_for_too_long_becomes_a_dead_letter(tmp_path: Path) -> None:
    bench = Bench(tmp_path, give_up_days=1)
    bench.transport.receive = lambda _: later("down")
    bench.offer("F-1")
    bench.work(86_000, steps=100_000)
    before = bench.letters
    bench.work(1_000, steps=100_000)
    assert (before, bench.letters) == ((0, 1, 0), (0, 0, 1))
    bench.outbox.close()


def test_what_was_delivered_while_the_disk_was_full_is_not_sent_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.offer("F-1")
    settle, full = bench.outbox.settle, [True]

    def failing(*given: Any, **named: Any) -> None:
        if full:
            raise StoreError("disk is full")
        settle(*given, **named)

    monkeypatch.setattr(bench.outbox, "settle", failing)
    monkeypatch.setattr("tidewaiter.delivery.worker._NO_DISK", 0)
    bench.work(steps=5)
    assert (bench.worker.trouble, bench.letters) == ("disk is full", (0, 1, 0))
    full.clear()
    bench.work()
    assert (bench.transport.got, bench.letters) == ([["F-1"]], (1, 0, 0))


def test_a_clock_that_is_set_back_stops_nothing(bench: Bench) -> None:
    bench.transport.receive = lambda _: later("down")
    bench.offer("F-1")
    bench.work()
    bench.transport.receive = everything
    bench.now -= 86_400
    bench.work()
    assert bench.letters == (1, 0, 0)


def test_it_runs_until_it_is_stopped(bench: Bench) -> None:
    bench.worker.start()
    bench.offer("F-1")
    bench.worker.wake()
    for _ in range(500):
        if bench.letters == (1, 0, 0):
            break
        bench.worker.join(0.01)
    bench.worker.ask_to_stop()
    bench.worker.join(5)
    assert (bench.letters, bench.worker.is_alive(), bench.transport.closed) == ((1, 0, 0), False, True)
