"""Findings as an ExportLogsServiceRequest: the body of OTLP/HTTP logs, in protobuf (OpenTelemetry protocol 1.x).

The messages are those of the package opentelemetry-proto, which only this module imports: the base installation has it
not, and nobody else needs it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber

from tidewaiter import __version__
from tidewaiter.sinks.document import Context, Document, micros, numeric_addresses, seen
from tidewaiter.sinks.flat import flat
from tidewaiter.sinks.safe_text import safe
from tidewaiter.wording import Wording

EVENT = "tidewaiter.finding"
SEVERITIES = {  # numbers of the data model; several levels may lie within one of its names
    "info": SeverityNumber.SEVERITY_NUMBER_INFO,
    "low": SeverityNumber.SEVERITY_NUMBER_WARN,
    "medium": SeverityNumber.SEVERITY_NUMBER_WARN3,
    "high": SeverityNumber.SEVERITY_NUMBER_ERROR,
    "critical": SeverityNumber.SEVERITY_NUMBER_FATAL,
}
_HEADLINE = 400  # characters


def request(findings: Sequence[Document], _: Wording, context: Context) -> bytes:
    """Give findings as one request of one resource; they belong to no trace."""
    made = ExportLogsServiceRequest()
    resource = made.resource_logs.add()
    host = {"host.name": context.host} if context.host != "-" else {}
    named = {"service.name": "tidewaiter", "service.version": __version__, **host}
    resource.resource.attributes.extend(_attributes({**named, **context.labels}))
    scope = resource.scope_logs.add()
    scope.scope.name, scope.scope.version = "tidewaiter", __version__
    scope.log_records.extend(_record(finding, context) for finding in findings)
    body: bytes = made.SerializeToString(deterministic=True)
    return body


def _record(finding: Document, context: Context) -> LogRecord:
    at = micros(seen(finding, context)) * 1000
    return LogRecord(
        time_unix_nano=at,
        observed_time_unix_nano=micros(context.now) * 1000 if context.now else at,
        severity_number=SEVERITIES[finding["level"]],
        severity_text=finding["level"],
        event_name=EVENT,
        body=AnyValue(string_value=safe(finding["headline"], limit=_HEADLINE)),
        attributes=_attributes(_facts(finding, context)),
    )


def _facts(finding: Document, context: Context) -> dict[str, str | int | float]:
    """Give what the semantic conventions name by their names, and everything under our own."""
    facts: dict[str, str | int | float] = {}
    if finding["actor"]["name"]:
        facts["user.name"] = safe(finding["actor"]["name"])
    if addresses := numeric_addresses(finding):
        facts["client.address"] = addresses[0]
    return facts | {f"tidewaiter.{key}": value for key, value in flat(finding, context).items()}


def _attributes(facts: Mapping[str, str | int | float]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in facts.items()]


def _value(value: str | float) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    return AnyValue(int_value=value) if isinstance(value, int) else AnyValue(double_value=value)
