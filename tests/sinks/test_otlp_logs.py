from datetime import UTC, datetime
from typing import Any

import documents
import factories
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from tidewaiter.sinks.document import Context, document
from tidewaiter.sinks.flat import flat
from tidewaiter.sinks.otlp_logs import request
from tidewaiter.wording import Wording

EN = Wording("en")


def decoded(*findings: Any, context: Context | None = None) -> ExportLogsServiceRequest:
    made: ExportLogsServiceRequest = ExportLogsServiceRequest.FromString(request(findings, EN, context or Context()))
    return made


def plain(attributes: Any) -> dict[str, Any]:
    def value(one: KeyValue) -> Any:
        return getattr(one.value, str(one.value.WhichOneof("value")))

    found = {one.key: value(one) for one in attributes}
    assert len(found) == len(attributes)  # the keys of attributes are unique
    return found


def test_a_finding_is_a_log_record() -> None:
    made, now = documents.chained(), datetime(2026, 11, 23, 2, 16, tzinfo=UTC)
    [resource] = decoded(
        made, context=Context(host="watch-1", now=now, labels={"k8s.cluster.name": "prod"})
    ).resource_logs
    assert plain(resource.resource.attributes) == {
        "service.name": "tidewaiter",
        "service.version": "0.1.0",
        "host.name": "watch-1",
        "k8s.cluster.name": "prod",
    }
    [scope] = resource.scope_logs
    assert (scope.scope.name, scope.scope.version) == ("tidewaiter", "0.1.0")
    [record] = scope.log_records
    assert (record.time_unix_nano, record.observed_time_unix_nano) == (1795400144000000000, 1795400160000000000)
    assert (record.severity_number, record.severity_text) == (17, "high")
    assert (record.event_name, record.trace_id, record.span_id) == ("tidewaiter.finding", b"", b"")
    assert record.body.string_value == "service account shop/web lists everything it can reach"
    facts = {
        f"tidewaiter.{key}": value for key, value in flat(made, Context(labels={"k8s.cluster.name": "prod"})).items()
    }
    assert plain(record.attributes) == {"user.name": "shop/web", "client.address": "10.42.3.17", **facts}


def test_microseconds_are_exact() -> None:
    until = datetime(2026, 11, 23, 2, 15, 44, 123_457, tzinfo=UTC)
    [resource] = decoded(document(factories.finding(until=until))).resource_logs
    assert resource.scope_logs[0].log_records[0].time_unix_nano == 1795400144123457000


@pytest.mark.parametrize(
    ("level", "number"), [("info", 9), ("low", 13), ("medium", 15), ("high", 17), ("critical", 21)]
)
def test_severities(level: str, number: int) -> None:
    [resource] = decoded(document(factories.finding(level=level))).resource_logs
    assert resource.scope_logs[0].log_records[0].severity_number == number


@given(st.lists(documents.hostile(), max_size=3))
@settings(max_examples=30)
def test_whatever_a_log_holds_there_is_a_record_for_each(findings: list[dict[str, Any]]) -> None:
    [resource] = decoded(*findings).resource_logs
    records = resource.scope_logs[0].log_records
    assert len(records) == len(findings)
    for record in records:
        for value in (record.body.string_value, *plain(record.attributes).values()):
            assert not documents.controls(str(value))
