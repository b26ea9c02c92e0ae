from datetime import UTC, datetime

import parcels
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsPartialSuccess, ExportLogsServiceResponse

from tidewaiter.delivery.answers import Answer
from tidewaiter.delivery.otlp import judged_export
from tidewaiter.delivery.parcel import Outcome, everything, later, never

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ONE = [parcels.parcel(1)]
PROTOBUF = {"content-type": "application/x-protobuf"}


def partial(rejected: int, message: str) -> bytes:
    said = ExportLogsPartialSuccess(rejected_log_records=rejected, error_message=message)
    return bytes(ExportLogsServiceResponse(partial_success=said).SerializeToString())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(status=200, headers=PROTOBUF), everything(ONE)),
        (Answer(status=200, headers=PROTOBUF, body=partial(0, "a warning")), everything(ONE)),
        (Answer(status=200, headers=PROTOBUF, body=partial(1, "\x1b")), never(ONE, "refused by the receiver: \\x1b")),
        (Answer(status=200, headers=PROTOBUF, body=b"\xff\xff"), everything(ONE)),
        (Answer(status=200, body=b"{}"), everything(ONE)),
        (Answer(status=429, headers={"retry-after": "5"}), later("HTTP 429", after=5)),
        (Answer(status=400, headers=PROTOBUF), never(ONE, "HTTP 400")),
    ],
)  # fmt: skip
def test_what_an_answer_means(answer: Answer, expected: Outcome) -> None:
    assert judged_export(answer, ONE, now=NOW) == expected
