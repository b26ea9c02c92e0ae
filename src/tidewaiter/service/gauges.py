"""What the parts of the service say of themselves at the moment they are asked, as metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tidewaiter.delivery.delivery import Delivery
from tidewaiter.errors import StoreError
from tidewaiter.service.journal import Journal
from tidewaiter.service.session import Session


class Gauges(Collector):
    """Asks the engine, the journal and delivery."""

    def __init__(self, session: Session, journal: Journal, delivery: Delivery) -> None:
        self._session, self._journal, self._delivery = session, journal, delivery

    def describe(self) -> Iterator[Metric]:
        """Name nothing beforehand: what there is depends on the configuration."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Give the numbers of this moment."""
        yield from self._of_engine()
        yield _gauge("tidewaiter_journal_bytes", "Bytes of the journal on disk.", self._journal.backlog)
        yield _counter("tidewaiter_journal_damaged_bytes", "Bytes that could not be read again.", self._journal.damaged)
        yield from self._of_delivery()

    def _of_engine(self) -> Iterator[Metric]:
        session, engine = self._session, self._session.engine
        yield _counter("tidewaiter_engine_restarts", "Times the engine began again after trouble.", session.restarts)
        yield _counter("tidewaiter_engine_set_aside", "Entries that the engine could not read.", session.set_aside)
        yield _gauge("tidewaiter_engine_shunned", "Actors that cannot be judged.", len(session.shunned))
        yield _gauge("tidewaiter_engine_up", "Whether the engine works.", 0 if session.problem else 1)
        if engine is None:
            return
        status = engine.status
        idle = time.monotonic() - status.last_round if status.last_round else 0.0
        yield _gauge("tidewaiter_engine_idle_seconds", "Seconds since the last round.", idle)
        yield _counter("tidewaiter_records", "Records read.", status.records)
        yield _counter("tidewaiter_records_kept", "Records that matter.", status.kept)
        yield _counter("tidewaiter_records_unreadable", "Records that could not be read.", status.unreadable)
        yield _counter("tidewaiter_records_unknown", "Records of no known format.", status.unknown)
        yield _counter("tidewaiter_records_late", "Records of days that are not judged any more.", status.late)
        yield _counter("tidewaiter_looks", "Times that actors were judged.", status.looks)
        yield _counter("tidewaiter_looked_at", "Actors judged, all looks together.", status.looked_at)
        yield _gauge("tidewaiter_look_seconds", "Seconds of the last look.", status.look_seconds)
        yield _gauge("tidewaiter_actors_waiting", "Actors still to be judged.", status.waiting)

    def _of_delivery(self) -> Iterator[Metric]:
        try:
            status = self._delivery.status()
        except StoreError:
            return
        pending = GaugeMetricFamily("tidewaiter_outbox_pending", "Findings not delivered yet.", labels=["sink"])
        dead = GaugeMetricFamily("tidewaiter_outbox_dead", "Findings that could not be delivered.", labels=["sink"])
        oldest = GaugeMetricFamily("tidewaiter_outbox_oldest_seconds", "Age of the oldest of them.", labels=["sink"])
        for sink in status.sinks:
            pending.add_metric([sink.account.name], sink.account.pending)
            dead.add_metric([sink.account.name], sink.account.dead)
            oldest.add_metric([sink.account.name], sink.oldest_seconds)
        held = CounterMetricFamily("tidewaiter_findings_suppressed", "Findings held back, by why.", labels=["why"])
        for why, times in status.suppressed.items():
            held.add_metric([why], times)
        yield from (pending, dead, oldest, held, _gauge("tidewaiter_outbox_bytes", "Bytes of the outbox.", status.size))


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=value)


def _counter(name: str, what: str, value: float) -> Metric:
    return CounterMetricFamily(name, what, value=value)
