"""Puts records into every wrapper of `packs/vocabulary/envelopes.yml`, in the shapes their products document."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Sequence
from typing import Any

MS = 1_790_000_000_000
NS = str(MS) + "000000"
TIME = "2026-09-21T13:33:20.100Z"
RESOURCE_ID = "/SUBSCRIPTIONS/1/RESOURCEGROUPS/2/PROVIDERS/MICROSOFT.CONTAINERSERVICE/MANAGEDCLUSTERS/PROD"

Wrap = Callable[[Sequence[str]], str]


def rows(*objects: Any) -> str:
    return "".join(f"{json.dumps(one)}\n" for one in objects)


def each(wrap: Callable[[str], Any]) -> Wrap:
    return lambda records: rows(*map(wrap, records))


def packed(value: Any) -> str:
    return base64.b64encode(gzip.compress(json.dumps(value).encode(), mtime=0)).decode()


def plain64(record: str) -> str:
    return base64.b64encode(record.encode()).decode()


def subscription(records: Sequence[str]) -> dict[str, Any]:
    events = [{"id": str(n), "timestamp": MS, "message": record} for n, record in enumerate(records)]
    return {
        "messageType": "DATA_MESSAGE",
        "owner": "111122223333",
        "logGroup": "/aws/eks/prod/cluster",
        "logStream": "kube-apiserver-audit-1",
        "subscriptionFilters": ["all"],
        "logEvents": events,
    }


CONTROL = {
    **subscription(["CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."]),
    "messageType": "CONTROL_MESSAGE",
}


def streams(records: Sequence[str]) -> list[dict[str, Any]]:
    labels = {"cluster": "prod", "job": "audit"}
    return [{"stream": labels, "values": [[NS, record] for record in records]}]


def otlp(records: Sequence[str]) -> str:
    attributes = [
        {"key": "k8s.cluster.name", "value": {"stringValue": "prod"}},
        {"key": "host.name", "value": {"stringValue": "m1"}},
    ]
    logs = [{"timeUnixNano": NS, "body": {"stringValue": record}} for record in records]
    return rows({"resourceLogs": [{"resource": {"attributes": attributes}, "scopeLogs": [{"logRecords": logs}]}]})


def azure(record: str) -> dict[str, Any]:
    properties = {"log": record + "\n", "pod": "kube-apiserver-1", "stream": "stdout"}
    return {"time": TIME, "category": "kube-audit", "resourceId": RESOURCE_ID, "properties": properties}


def any_value(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [{"key": key, "value": any_value(one)} for key, one in value.items()]}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(one) for one in value]}}
    return {"intValue" if isinstance(value, int) else "stringValue": value}


def halves(record: str) -> str:
    middle = len(record) // 2
    return f"{TIME[:-1]}456Z stdout P {record[:middle]}\n{TIME[:-1]}456Z stdout F {record[middle:]}\n"


WRAPPED: dict[str, Wrap] = {
    "docker-json-file": each(lambda record: {"log": record + "\n", "stream": "stdout", "time": TIME}),
    "cloudwatch-subscription": lambda records: json.dumps(subscription(records)) + json.dumps(CONTROL),
    "cloudwatch-lambda": lambda records: rows({"awslogs": {"data": packed(subscription(records))}}),
    "kinesis-event": lambda records: rows(
        {"Records": [{"kinesis": {"data": packed(subscription([one]))}} for one in records]}
    ),
    "firehose-request": lambda records: rows(
        {"requestId": "1", "timestamp": MS, "records": [{"data": packed(subscription(records))}]}
    ),
    "cloudwatch-events": lambda records: json.dumps(
        {"events": [{"logStreamName": "x", "timestamp": MS, "message": one, "eventId": "3"} for one in records]},
        indent=1,
    ),
    "cloudwatch-event": each(lambda record: {"timestamp": MS, "message": record, "ingestionTime": MS + 9}),
    "cloudwatch-insights": lambda records: json.dumps(
        [{"@timestamp": TIME, "@message": one, "@log": "111122223333:/aws/eks/prod/cluster"} for one in records]
    ),
    "maxpatrol-events": lambda records: json.dumps(
        {"totalItems": len(records), "events": [json.loads(one) for one in records]}
    ),
    "eventbridge": each(
        lambda record: {"version": "0", "detail-type": "x", "time": TIME, "detail": json.loads(record)}
    ),
    "pubsub-push": each(
        lambda record: {
            "message": {"data": plain64(record), "messageId": "1", "publishTime": TIME},
            "subscription": "s",
        }
    ),
    "pubsub-pull": each(lambda record: {"ackId": "a", "message": {"data": plain64(record), "publishTime": TIME}}),
    "azure-records": lambda records: json.dumps({"records": [azure(one) for one in records]}),
    "azure-diagnostic": each(lambda record: {**azure(""), "properties": {"log": json.loads(record)}}),
    "azure-log-analytics": each(lambda record: {"TimeGenerated": TIME, "log_s": record, "ResourceId": RESOURCE_ID}),
    "defender-stream": each(
        lambda record: {
            "time": TIME,
            "tenantId": "t",
            "category": "AdvancedHunting-CloudAuditEvents",
            "properties": {"ActionType": "list", "ResourceId": RESOURCE_ID, "RawEventData": json.loads(record)},
        }
    ),
    "defender-cloud-audit": each(lambda record: {"Timestamp": TIME, "ActionType": "list", "RawEventData": record}),
    "sentinel-eks": each(
        lambda record: {"TimeGenerated": TIME, "ClusterName": "prod", "Verb": "x", "RawEvent": record}
    ),
    "ocsf-raw": each(lambda record: {"class_uid": 6003, "time": MS, "api": {"operation": "x"}, "raw_data": record}),
    "loki-query": lambda records: json.dumps(
        {"status": "success", "data": {"resultType": "streams", "result": streams(records)}}
    ),
    "loki-push": lambda records: rows({"streams": streams(records)}),
    "loki-result": lambda records: rows(*streams(records)),
    "logcli": each(lambda record: {"labels": {"cluster": "prod"}, "line": record, "timestamp": TIME}),
    "elasticsearch-search": lambda records: json.dumps(
        {
            "took": 3,
            "hits": {"total": {"value": 2}, "hits": [{"_id": "1", "_source": json.loads(one)} for one in records]},
        },
        indent=2,
    ),
    "elasticsearch-hit": each(lambda record: {"_index": "k", "_id": "1", "_source": json.loads(record)}),
    "elastic-kubernetes-audit": each(lambda record: {"@timestamp": TIME, "kubernetes": {"audit": json.loads(record)}}),
    "splunk-export": each(lambda record: {"preview": False, "result": {"_raw": record, "_time": TIME, "host": "m1"}}),
    "splunk-results": lambda records: json.dumps({"results": [{"_raw": one, "_time": TIME} for one in records]}),
    "splunk-raw": each(lambda record: {"_raw": record, "_time": TIME, "host": "m1"}),
    "splunk-hec": lambda records: "".join(
        json.dumps({"time": MS / 1000, "host": "m1", "sourcetype": "kube:audit", "event": json.loads(one)})
        for one in records
    ),
    "splunk-hec-bare": each(lambda record: {"time": MS / 1000, "event": record, "fields": {"cluster": "prod"}}),
    "otlp": otlp,
    "journald": each(
        lambda record: {"MESSAGE": list(record.encode()), "__REALTIME_TIMESTAMP": str(MS) + "000", "_HOSTNAME": "m1"}
    ),
    "fluent-bit": lambda records: json.dumps([{"date": MS / 1000, "log": one} for one in records]),
    "fluent-bit-message": lambda records: json.dumps([{"date": MS / 1000, "message": one} for one in records]),
    "vector": each(lambda record: {"message": record, "source_type": "file", "timestamp": TIME, "host": "m1"}),
    "kafka-record": each(lambda record: {"topic": "audit", "partition": 0, "offset": 1, "ts": MS, "payload": record}),
    "kafka-rest": each(lambda record: {"topic": "audit", "partition": 0, "value": json.loads(record)}),
    "cloudevents": each(lambda record: {"specversion": "1.0", "type": "x", "time": TIME, "data": json.loads(record)}),
    "cloudevents-batch-base64": each(
        lambda record: {"specversion": "1.0", "type": "x", "data_base64": plain64(record)}
    ),
    "original": each(lambda record: {"@timestamp": TIME, "event": {"original": record}, "host": {"name": "m1"}}),
    "message": each(lambda record: {"@timestamp": TIME, "message": record}),
    "log": each(lambda record: {"log": record, "cluster": "prod"}),
    "body": each(lambda record: {"raw": record, "vendor": "x"}),
    "cri": lambda records: "".join(map(halves, records)),
    "syslog-5424": lambda records: "".join(
        f'<134>1 {TIME} m1 kube-apiserver 12 - [x@1 a="b]"][y] \ufeff{one}\n' for one in records
    ),
    "syslog-3164": lambda records: "".join(f"Sep 21 13:33:20 m1 kube-apiserver[12]: @cee: {one}\n" for one in records),
    "syslog-iso": lambda records: "".join(f"{TIME[:-1]}+00:00 m1 kube-apiserver: {one}\n" for one in records),
    "cee": lambda records: "".join(f"@cee:{one}\n" for one in records),
    "cloudwatch-export": lambda records: "".join(f"{TIME} {one}\n" for one in records),
    "node-prefix": lambda records: "".join(f"master-0.example.com {one}\n" for one in records),
    "prefix": lambda records: "".join(f"[pod/kube-apiserver-m1/kube-apiserver] {one}\n" for one in records),
}
