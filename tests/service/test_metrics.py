from __future__ import annotations

from tidewaiter.service.metrics import Metrics


def test_each_service_counts_for_itself_and_says_it_as_scrapers_read_it() -> None:
    metrics, other = Metrics(), Metrics()
    metrics.requests.labels("kubernetes", "200").inc(3)
    metrics.journal_seconds.observe(0.003)
    text, kind = metrics.render("text/plain")
    assert kind.startswith("text/plain")
    assert b'tidewaiter_intake_requests_total{code="200",route="kubernetes"} 3.0\n' in text
    assert b'tidewaiter_journal_seconds_bucket{le="0.005"} 1.0\n' in text
    assert b"_created" not in text
    assert b'code="200"' not in other.render("text/plain")[0]


def test_openmetrics_for_who_asks_for_it() -> None:
    text, kind = Metrics().render("application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")
