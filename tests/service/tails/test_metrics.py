from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from tidewaiter.service.tails.feed import Board, TailStatus
from tidewaiter.service.tails.metrics import TailMetrics


class Tails:
    def status(self) -> tuple[TailStatus, ...]:
        board = Board("file:/a", "file")
        board.state("running")
        board.follows(3)
        board.took(b"one\ntwo\n")
        board.count("lost", 2)
        board.trouble("no-access", "/a", "Permission denied")
        return (board.show(),)


def test_boards_are_shown_as_metrics() -> None:
    registry = CollectorRegistry()
    registry.register(TailMetrics(Tails()))
    shown = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    assert shown == [
        'tidewaiter_tail_lines_total{tail="file:/a"} 2.0',
        'tidewaiter_tail_bytes_total{tail="file:/a"} 8.0',
        'tidewaiter_tail_events_total{event="lost",tail="file:/a"} 2.0',
        'tidewaiter_tail_events_total{event="no-access",tail="file:/a"} 1.0',
        'tidewaiter_tail_streams{tail="file:/a"} 3.0',
        'tidewaiter_tail_problems{tail="file:/a"} 1.0',
        'tidewaiter_tail_running{tail="file:/a"} 1.0',
    ]
