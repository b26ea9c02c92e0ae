"""What tails say of themselves, for Prometheus: read from their boards when somebody asks.

`metrics.registry.register(TailMetrics(tails))`; labels are titles of `[[tail]]` entries and names of events of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tidewaiter.service.tails.feed import TailStatus


class _Tails(Protocol):
    def status(self) -> tuple[TailStatus, ...]:
        """Say how each tail is."""


class TailMetrics(Collector):
    """Counts of all tails."""

    def __init__(self, tails: _Tails) -> None:
        self._tails = tails

    def collect(self) -> Iterator[Metric]:
        """Give the counts as they are now."""
        lines = CounterMetricFamily("tidewaiter_tail_lines", "Lines taken in.", labels=["tail"])
        taken = CounterMetricFamily("tidewaiter_tail_bytes", "Bytes taken in.", labels=["tail"])
        events = CounterMetricFamily("tidewaiter_tail_events", "What happened, such as lost.", labels=["tail", "event"])
        streams = GaugeMetricFamily("tidewaiter_tail_streams", "Inputs followed now.", labels=["tail"])
        problems = GaugeMetricFamily("tidewaiter_tail_problems", "What keeps it from reading now.", labels=["tail"])
        running = GaugeMetricFamily("tidewaiter_tail_running", "1 while it reads.", labels=["tail"])
        for status in self._tails.status():
            tail = [status.title]
            lines.add_metric(tail, status.lines)
            taken.add_metric(tail, status.bytes)
            streams.add_metric(tail, status.streams)
            problems.add_metric(tail, len(status.problems))
            running.add_metric(tail, status.state == "running")
            for event, times in status.counts.items():
                events.add_metric([status.title, event], times)
        yield from (lines, taken, events, streams, problems, running)
