"""An OTLP/HTTP receiver of our own that reads protobuf takes findings as log records."""

from __future__ import annotations

import gzip
from pathlib import Path

import parcels
import pytest
from integration import live
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from parcels import Reply, Request, receiver

from tidewaiter.delivery.delivery import Delivery
from tidewaiter.delivery.outbox import Outbox
from tidewaiter.settings.delivery import Delivery as Settings
from tidewaiter.settings.delivery import OtlpSink
from tidewaiter.wording import Wording


def test_every_finding_arrives_or_is_a_dead_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    records: list[str] = []
    busy = [True, True]

    def reply(request: Request) -> Reply:
        if busy:
            busy.pop()
            return Reply(503, headers={"Retry-After": "0"})
        sent = ExportLogsServiceRequest.FromString(gzip.decompress(request.body))
        answer = ExportLogsServiceResponse()
        for resource in sent.resource_logs:
            for scope in resource.scope_logs:
                for record in scope.log_records:
                    text = str(record)
                    if "F-3" in text:
                        refused = ExportLogsPartialSuccess(rejected_log_records=1, error_message="not this one")
                        answer.partial_success.CopyFrom(refused)
                    else:
                        records.append(text)
        return Reply(200, answer.SerializeToString(), {"Content-Type": "application/x-protobuf"})

    outbox = Outbox(tmp_path / "outbox.sqlite")
    with receiver(reply) as there:
        sink = OtlpSink(name="collector", url=f"{there.url}v1/logs", pause=0.01, longest_pause=0.05)
        delivery = Delivery(outbox, Settings(sinks=(sink,)), {}, Wording("en"))
        delivery.start()
        delivery.offer([parcels.finding(f"F-{n}") for n in range(8)])
        live.wait_until(lambda: not delivery.status().sinks[0].account.pending, "everything to be delivered")
        (status,) = delivery.status().sinks
        delivery.stop()
    outbox.close()
    assert (status.account.delivered, status.account.dead) == (7, 1)
    assert sorted(n for n in range(8) if any(f"F-{n}" in record for record in records)) == [0, 1, 2, 4, 5, 6, 7]
    assert len(records) == 7
