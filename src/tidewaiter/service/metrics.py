"""What the service counts of itself, for Prometheus. Each part counts into its own of these.

Labels come from lists of ours only: no name that a sender chose becomes a label.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The counters of one service, in a registry of their own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each: nobody asked for it
        registry = self.registry = CollectorRegistry()
        # --- intake over HTTP
        self.requests = Counter(
            "tidewaiter_intake_requests", "Requests, by route and answer.", ("route", "code"), registry=registry
        )
        self.bytes = Counter("tidewaiter_intake_bytes", "Bytes taken in, inflated.", ("route",), registry=registry)
        self.records = Counter("tidewaiter_intake_records", "Records taken in.", ("route",), registry=registry)
        self.kept_whole = Counter(
            "tidewaiter_intake_unreadable", "Pieces kept that could not be taken apart.", ("route",), registry=registry
        )
        self.waiting_bytes = Gauge(
            "tidewaiter_intake_waiting_bytes", "Bytes of requests being read or written.", registry=registry
        )
        self.sources = Gauge("tidewaiter_intake_sources", "Different sources since the start.", registry=registry)
        self.journal_seconds = Histogram(
            "tidewaiter_journal_seconds", "Seconds until records were on disk.", buckets=_QUICK, registry=registry
        )
        # --- engine
        self.findings = Counter("tidewaiter_findings", "Findings, by level.", ("level",), registry=registry)

    def render(self, accept: str) -> tuple[bytes, str]:
        """Give all of them in the form a scraper asks for, and the name of that form."""
        encode, kind = choose_encoder(accept)
        text: bytes = encode(self.registry)
        return text, kind
