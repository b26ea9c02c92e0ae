from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from prometheus_client import CollectorRegistry, generate_latest

from tidewaiter.errors import StoreError
from tidewaiter.service.gauges import Gauges
from tidewaiter.service.journal import Journal


class _Session:
    engine = None
    problem = "no space left"
    restarts = 3
    set_aside = 1
    shunned = frozenset({"a"})


class _Delivery:
    def status(self) -> None:
        raise StoreError("no space left")


def test_what_cannot_be_asked_is_left_out_and_trouble_is_a_number(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    registry = CollectorRegistry()
    registry.register(Gauges(cast("Any", _Session()), journal, cast("Any", _Delivery())))
    text = generate_latest(registry).decode()
    journal.close()
    assert "tidewaiter_engine_up 0.0" in text
    assert "tidewaiter_engine_restarts_total 3.0" in text
    assert "tidewaiter_engine_set_aside_total 1.0" in text
    assert "tidewaiter_journal_bytes 0.0" in text
    assert "outbox" not in text
