from __future__ import annotations

import json
from typing import Any

import pytest
from audit_event import event
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # of googleapis-common-protos
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

from tidewaiter.service.bodies import Lines, NotJson
from tidewaiter.service.otlp import Taken, failure, from_json, from_protobuf, success
from tidewaiter.sources.live import LiveReading

AUDIT = json.dumps(event(auditID="a-1"), separators=(",", ":"))
# examples/logs.json of opentelemetry-proto 1.5, with a line of an audit log in the body
EXAMPLE: dict[str, Any] = {
    "resourceLogs": [
        {
            "resource": {"attributes": [{"key": "k8s.cluster.name", "value": {"stringValue": "prod"}}]},
            "scopeLogs": [
                {
                    "scope": {"name": "my.library", "version": "1.0.0"},
                    "logRecords": [
                        {
                            "timeUnixNano": "1544712660300000000",
                            "observedTimeUnixNano": "1544712660300000000",
                            "severityNumber": 10,
                            "severityText": "Information",
                            "traceId": "5B8EFFF798038103D269B633813FC60C",
                            "spanId": "EEE19B7EC3C1B174",
                            "body": {"stringValue": AUDIT},
                            "attributes": [{"key": "int.attribute", "value": {"intValue": "10"}}],
                        }
                    ],
                }
            ],
        }
    ]
}


def in_protobuf() -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.add(key="k8s.cluster.name").value.string_value = "prod"
    record = resource.scope_logs.add().log_records.add(time_unix_nano=1544712660300000000, severity_text="Information")
    record.body.string_value = AUDIT
    return request


def understood(taken: Taken) -> list[str]:
    return [one.id.partition("@")[0] for one in LiveReading("logs/otlp").feed(taken.lines.data, line=1, offset=0)]


def test_json_goes_through_as_it_is() -> None:
    taken = from_json(json.dumps(EXAMPLE, indent=2).encode())
    assert (taken.lines.records, taken.lines.whole, taken.rejected) == (1, 0, 0)
    assert json.loads(taken.lines.data) == EXAMPLE
    assert taken.lines.data.count(b"\n") == 1


def test_both_forms_mean_the_same() -> None:
    taken = [from_json(json.dumps(EXAMPLE).encode()), from_protobuf(in_protobuf().SerializeToString())]
    assert [understood(one) for one in taken] == [["a-1"], ["a-1"]]


def test_every_kind_of_value() -> None:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    scope.scope.name = "s"
    record = scope.log_records.add(observed_time_unix_nano=7)
    body = record.body.kvlist_value
    body.values.add(key="text").value.string_value = "ü"
    body.values.add(key="int").value.int_value = -(1 << 60)
    body.values.add(key="double").value.double_value = 1.5
    body.values.add(key="bool").value.bool_value = False
    body.values.add(key="bytes").value.bytes_value = b"\x00\xff"
    body.values.add(key="list").value.array_value.values.add().string_value = "in"
    body.values.add(key="none")
    taken = from_protobuf(request.SerializeToString())
    assert json.loads(taken.lines.data) == {
        "resourceLogs": [
            {
                "resource": {"attributes": []},
                "scopeLogs": [
                    {
                        "scope": {"name": "s"},
                        "logRecords": [
                            {
                                "observedTimeUnixNano": "7",
                                "severityText": "",
                                "body": {
                                    "kvlistValue": {
                                        "values": [
                                            {"key": "text", "value": {"stringValue": "ü"}},
                                            {"key": "int", "value": {"intValue": "-1152921504606846976"}},
                                            {"key": "double", "value": {"doubleValue": 1.5}},
                                            {"key": "bool", "value": {"boolValue": False}},
                                            {"key": "bytes", "value": {"bytesValue": "AP8="}},
                                            {
                                                "key": "list",
                                                "value": {"arrayValue": {"values": [{"stringValue": "in"}]}},
                                            },
                                            {"key": "none", "value": {}},
                                        ]
                                    }
                                },
                                "attributes": [],
                            }
                        ],
                    }
                ],
            }
        ]
    }


@pytest.mark.parametrize("body", [b"{}", b'{"resourceLogs":[]}', b'{"resourceLogs":[{"scopeLogs":[{}]}]}'])
def test_an_empty_request_is_one(body: bytes) -> None:
    assert from_json(body) == Taken(Lines(b"", 0))
    assert from_protobuf(b"") == Taken(Lines(b"", 0))


@pytest.mark.parametrize("body", [b"", b"[]", b"x", b'{"resourceMetrics":', b"\xff"])
def test_what_is_no_request(body: bytes) -> None:
    with pytest.raises(NotJson):
        from_json(body)


@pytest.mark.parametrize("body", [b"\xff\xff", b"\x0a\x05\x01", json.dumps(EXAMPLE).encode()])
def test_what_is_no_protobuf(body: bytes) -> None:
    with pytest.raises(NotJson):
        from_protobuf(body)


@pytest.mark.parametrize("hidden", ["[" * 5000 + "]" * 5000, r'"\ud800"'])
def test_a_request_that_cannot_be_decoded_is_kept(hidden: str) -> None:
    body = json.dumps(EXAMPLE).replace('"Information"', hidden).encode()
    assert from_json(body) == Taken(Lines(body + b"\n", 1, 1))


def test_what_is_rejected_is_told() -> None:
    taken = from_json(b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a"}},7,"x"]}]}]}')
    assert (taken.lines.records, taken.rejected) == (1, 2)
    answer = ExportLogsServiceResponse.FromString(success(taken, protobuf=True))
    assert (answer.partial_success.rejected_log_records, answer.partial_success.error_message) == (2, taken.why)
    assert json.loads(success(taken, protobuf=False)) == {
        "partialSuccess": {"rejectedLogRecords": "2", "errorMessage": taken.why}
    }


def test_success_says_nothing_more_and_failure_says_why() -> None:
    taken = Taken(Lines(b"x\n", 1))
    assert (success(taken, protobuf=True), success(taken, protobuf=False)) == (b"", b"{}")
    long = "why " * 100
    assert Status.FromString(failure(long, protobuf=True)).message == long
    assert json.loads(failure("why", protobuf=False)) == {"message": "why"}
