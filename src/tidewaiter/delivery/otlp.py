"""What an OTLP/HTTP receiver answers (OpenTelemetry protocol 1.x, "OTLP/HTTP response")."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from tidewaiter.delivery.answers import Answer, judged
from tidewaiter.delivery.parcel import Outcome, Parcel, never
from tidewaiter.sinks.safe_text import safe

_WORDS = 200  # characters


def judged_export(answer: Answer, parcels: Sequence[Parcel], *, now: datetime) -> Outcome:
    """Judge an answer. A partial success must not be sent again, and does not say which records were refused.

    So findings are sent one a request, where a refused record is a refused finding, and nothing is lost in between.
    """
    plain = judged(answer, parcels, now=now)
    if not plain.delivered or "protobuf" not in answer.headers.get("content-type", ""):
        return plain
    found = ExportLogsServiceResponse()
    try:
        found.ParseFromString(answer.body)
    except DecodeError:
        return plain  # it said 200
    partial = found.partial_success
    if not partial.rejected_log_records:
        return plain  # words without a number are a warning
    return never(parcels, f"refused by the receiver: {safe(partial.error_message, limit=_WORDS)}")
