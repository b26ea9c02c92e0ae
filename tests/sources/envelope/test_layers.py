import json
from collections import Counter
from io import BytesIO

import pytest
from audit_event import event
from hypothesis import given
from hypothesis import strategies as st
from wrapped import MS, TIME, WRAPPED, azure, each, packed, rows, subscription

from tidewaiter.model import Activity
from tidewaiter.sources import catalogue
from tidewaiter.sources.catalogue import Reading
from tidewaiter.sources.envelope.layers import MAX_DEPTH, wrappers
from tidewaiter.sources.opening import Input

# Two requests, as an API server writes them; ascii only, so that sizes are those of the text.
EVENTS = [
    json.dumps(event(auditID="a-1"), separators=(",", ":")),
    json.dumps(
        event(auditID="a-2", objectRef={"resource": "nodes", "apiVersion": "v1"}, requestURI="/api/v1/nodes"),
        separators=(",", ":"),
    ),
]
CLUSTER = {
    "azure-diagnostic": "PROD",
    "azure-log-analytics": "PROD",
    "azure-records": "PROD",
    "cloudwatch-insights": "prod",
    "cloudwatch-lambda": "prod",
    "cloudwatch-subscription": "prod",
    "defender-stream": "PROD",
    "firehose-request": "prod",
    "kinesis-event": "prod",
    "log": "prod",
    "logcli": "prod",
    "loki-push": "prod",
    "loki-query": "prod",
    "loki-result": "prod",
    "otlp": "prod",
    "sentinel-eks": "prod",
    "splunk-hec-bare": "prod",
}
OTHERS_INSIDE = {"cloudtrail-file", "gcp-entries", "gke-log-entry", "kube-audit-table", "ocsf-api-activity"}


def open_bytes(data: bytes) -> Reading:
    return catalogue.read(Input("x.log", lambda: BytesIO(data), len(data)))


def read(data: str | bytes) -> tuple[list[Activity], Reading]:
    reading = open_bytes(data.encode() if isinstance(data, str) else data)
    return [activity for batch in reading.batches() for activity in batch], reading


def told(activities: list[Activity]) -> list[tuple[object, ...]]:
    return [(one.id, one.at, one.actor.name, one.verb, one.kind, one.outcome, one.text) for one in activities]


BARE = told(read("\n".join(EVENTS))[0])


def test_every_wrapper_is_tried_here() -> None:
    assert {one.name for one in wrappers()} == {*WRAPPED, *OTHERS_INSIDE}


@pytest.mark.parametrize("name", WRAPPED)
def test_an_event_means_the_same_in_every_wrapper(name: str) -> None:
    found, reading = read(WRAPPED[name](EVENTS))
    assert told(found) == BARE
    assert name in reading.wrappers
    assert {one.actor.realm for one in found} == {CLUSTER.get(name, "kubernetes")}
    tally = reading.tally
    assert (tally.records, tally.kept, tally.unreadable, tally.foreign) == (2, 2, 0, 0), tally.places


@pytest.mark.parametrize("name", WRAPPED)
def test_the_place_is_that_of_the_wrapper(name: str) -> None:
    wrapped = WRAPPED[name](EVENTS).encode()
    found, reading = read(wrapped)
    for one in found:
        if reading.framing == "lines":
            assert wrapped[: one.origin.offset].count(b"\n") == one.origin.line - 1
            assert wrapped[: one.origin.offset][-1:] in {b"", b"\n"}
        else:
            assert wrapped[one.origin.offset :][:1] in {b"{", b'"'}


def test_wrappers_nest() -> None:
    inner = WRAPPED["fluent-bit"](EVENTS)
    wrapped = each(lambda line: {"sourcetype": "x", "time": 1, "event": line})(
        [rows({"records": [{"data": packed(one)}]}) for one in json.loads(inner)]
    )
    found, reading = read(wrapped)
    assert told(found) == BARE
    assert reading.wrappers == ("splunk-hec", "firehose-request", "fluent-bit")


def test_wrappers_deeper_than_the_limit_are_counted_not_opened() -> None:
    record = EVENTS[0]
    for _ in range(MAX_DEPTH + 2):
        record = json.dumps({"_raw": record})
    _, reading = read("\n".join([*WRAPPED["splunk-raw"](EVENTS).splitlines(), record]))
    assert (reading.tally.kept, reading.tally.foreign, reading.tally.unreadable) == (2, 1, 0)


def test_a_record_that_is_wrapped_otherwise_is_read_all_the_same() -> None:
    mixed = WRAPPED["vector"](EVENTS[:1]) * 3 + WRAPPED["splunk-raw"](EVENTS[1:]) + EVENTS[1] + "\n"
    found, reading = read(mixed)
    assert Counter(one.kind for one in found) == {"pods": 3, "nodes": 2}
    assert reading.tally.unreadable == 0


def test_several_formats_inside_one_wrapper_are_all_read() -> None:
    access = '10.0.0.7 - - [21/Sep/2026:13:33:20 +0000] "GET /v1.43/containers/json HTTP/1.1" 200 2'
    found, reading = read(WRAPPED["vector"]([*EVENTS, access, "Started Session 4 of user root."]))
    assert sorted(one.origin.source for one in found) == ["access-log", "kube-audit", "kube-audit"]
    assert {one.name for one in reading.sources} == {"access-log", "kube-audit"}
    assert (reading.tally.kept, reading.tally.foreign, reading.tally.unreadable) == (3, 1, 0)


def test_what_cannot_be_unwrapped_is_counted_with_its_place() -> None:
    good = WRAPPED["pubsub-push"](EVENTS)
    bad = rows({"message": {"data": "%%%"}, "subscription": "s"}) + good[:90] + "\n"
    _, reading = read(good + bad)
    assert [(one.line, one.reason) for one in reading.tally.places] == [
        (3, "not-unwrapped: not base64"),
        (4, "broken-json"),
    ]
    assert (reading.tally.kept, reading.tally.unreadable) == (2, 2)


def test_a_broken_event_inside_is_told_with_the_place_of_its_wrapper() -> None:
    broken = EVENTS[0].replace('"verb":"list"', '"verb":7')
    data = WRAPPED["docker-json-file"]([*EVENTS, broken])
    _, reading = read(data)
    assert [one.line for one in reading.tally.places] == [3]
    assert reading.tally.places[0].offset == data.index('{"log"', data.index("a-2"))
    assert reading.tally.places[0].reason.startswith("not-an-event")


def test_parts_that_never_end_are_counted() -> None:
    data = WRAPPED["cri"](EVENTS) + f"{TIME} stdout P {EVENTS[0][:50]}\n"
    _, reading = read(data)
    assert [(one.line, one.reason) for one in reading.tally.places] == [(5, "no-end")]


def test_parts_are_joined_within_their_stream() -> None:
    parts = (
        ("stdout P", EVENTS[0][:100]),
        ("stderr F", "I0921 starting"),
        ("stdout F", EVENTS[0][100:]),
        ("stdout F", EVENTS[1]),
    )
    whole = [f"{TIME} {tag} {part}" for tag, part in parts]
    found, reading = read("\n".join(whole) + "\n")
    assert told(found) == BARE
    assert reading.tally.foreign == 1


def test_a_long_docker_line_is_joined() -> None:
    long = json.dumps(event(auditID="a-1", userAgent="x" * 40_000))
    parts = [long[at : at + 16384] for at in range(0, len(long), 16384)]
    lines = [{"log": part + ("\n" if part is parts[-1] else ""), "stream": "stdout", "time": TIME} for part in parts]
    found, reading = read(rows(*lines))
    assert [one.kind for one in found] == ["pods"]
    assert (reading.tally.records, reading.tally.unreadable) == (1, 0)


def test_the_time_of_the_wrapper_serves_an_event_without_one() -> None:
    bare = json.dumps(event(requestReceivedTimestamp=None, stageTimestamp=None))
    found, _ = read(WRAPPED["splunk-raw"]([bare]))
    assert [one.at.isoformat() for one in found] == ["2026-09-21T13:33:20.100000+00:00"]


def test_the_host_of_the_wrapper_names_an_actor_whose_record_does_not() -> None:
    stamp = "msg=audit(1790000000.100:7):"
    lines = [
        f'type=SYSCALL {stamp} arch=c000003e syscall=59 success=yes auid=7 uid=0 comm="docker" exe="/bin/docker"',
        f'type=EXECVE {stamp} argc=2 a0="docker" a1="ps"',
        f"type=EOE {stamp}",
    ]
    found, _ = read(WRAPPED["vector"](lines))
    assert [(one.actor.realm, one.kind) for one in found] == [("m1", "containers")]


@pytest.mark.parametrize(("category", "notes"), [("kube-audit-admin", {"aks-audit-admin": 2}), ("kube-audit", {})])
def test_a_category_without_reads_is_said(category: str, notes: dict[str, int]) -> None:
    _, reading = read(json.dumps({"records": [{**azure(one), "category": category} for one in EVENTS]}))
    assert {key: times for key, times in reading.tally.notes.items() if key.startswith("aks")} == notes


def test_a_large_list_is_read_item_by_item() -> None:
    many = [
        {"eventVersion": "1"} | {"pad": "x" * 1000, "message": one, "timestamp": MS, "ingestionTime": MS}
        for one in EVENTS * 700
    ]
    data = json.dumps({"events": many, "searchedLogStreams": []})
    assert len(data) > 1 << 20
    found, reading = read(data)
    assert (len(found), reading.tally.unreadable) == (1400, 0)


def test_a_control_message_holds_no_record() -> None:
    _, reading = read(rows(subscription(EVENTS), {**subscription(["x"]), "messageType": "CONTROL_MESSAGE"}))
    assert (reading.tally.records, reading.tally.foreign, reading.tally.unreadable) == (2, 0, 0)


@given(st.lists(st.sampled_from([*EVENTS, "{", "\x01", '{"a":1}', "x" * 70, EVENTS[0][:40], ""]), max_size=8))
def test_nothing_is_lost_silently(records: list[str]) -> None:
    """What is given is read, of another format, or counted as unreadable."""
    _, reading = read(WRAPPED["splunk-raw"]([*EVENTS, *records]))
    tally = reading.tally
    assert tally.records + tally.foreign + tally.unreadable == 2 + len([one for one in records if one])


def test_what_is_nested_as_deep_as_can_be_decoded_is_counted() -> None:
    """Somewhere between what can be written again and what cannot even be decoded lies what was an error once."""
    levels = range(700, 1000)
    deep = [f'{{"detail-type":"x","detail":{{"a":{"[" * number}{"]" * number}}}}}' for number in levels]
    sound = WRAPPED["eventbridge"](EVENTS)
    _, reading = read(sound + "\n".join(deep))
    tally = reading.tally
    assert (tally.kept, tally.unreadable + tally.foreign) == (2, len(deep))
    assert "not-unwrapped" in {place.reason.partition(":")[0] for place in tally.places}
    assert catalogue.recognise_format("\n".join([*deep, sound]).encode()).source is not None


def test_an_item_without_a_record_costs_only_itself() -> None:
    data = json.loads(WRAPPED["cloudwatch-events"](EVENTS))
    data["events"][1:1] = [{"timestamp": MS}, None, {"timestamp": MS, "message": ""}]
    found, reading = read(WRAPPED["cloudwatch-events"](EVENTS) + json.dumps(data))
    assert told(found) == [*BARE, *BARE]
    assert [one.reason for one in reading.tally.places] == ["not-unwrapped: cloudwatch-events without message"] * 2
