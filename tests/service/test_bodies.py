"""Bodies as their senders write them, and what becomes of each."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from audit_event import as_go_writes, event, line
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.service.bodies import NONE, Lines, NotJson, WrongForm, json_only, kubernetes, records
from tidewaiter.sources.live import LiveReading

ONE = event(auditID="a-1")
TWO = event(auditID="a-2", requestURI="/api/v1/nodes", objectRef={"resource": "nodes", "apiVersion": "v1"})
LOGGED = as_go_writes(ONE) + as_go_writes(TWO)  # as they stand in the log file


def item(given: dict[str, Any]) -> dict[str, Any]:
    """Give an event as it stands in a list: without what the list says of all of them."""
    return {key: value for key, value in given.items() if key not in {"kind", "apiVersion"}}


def event_list(*items: Any, version: str = "audit.k8s.io/v1") -> dict[str, Any]:
    return {"kind": "EventList", "apiVersion": version, "metadata": {}, "items": list(items)}


POSTED = as_go_writes(event_list(item(ONE), item(TWO)))  # kube-apiserver 1.36, recorded
DEEP = b'{"level":"Request","auditID":"deep","requestObject":' + b"[" * 5000 + b"]" * 5000 + b"}"
LONE = rb'{"level":"Request","auditID":"lone","userAgent":"\ud800"}'


def with_bad(bad: bytes) -> bytes:
    return POSTED.replace(b',{"level"', b"," + bad + b',{"level"', 1)


@pytest.mark.parametrize(
    "body",
    [POSTED, json.dumps(json.loads(POSTED), indent=2).encode(), json.dumps(json.loads(POSTED), indent="\t").encode()],
)
def test_a_batch_becomes_the_lines_of_the_log(body: bytes) -> None:
    found = kubernetes(body)
    assert (found.records, found.whole, found.data.count(b"\n")) == (2, 0, 2)
    assert found.data == LOGGED


@pytest.mark.parametrize("bad", [DEEP, LONE, b'{"level":NaN}', b'{"a":"\xff"}', b"17", b"null"])
def test_one_bad_item_costs_itself_only(bad: bytes) -> None:
    """The first two are valid JSON that a client can bring about: nobody may vanish behind them."""
    found = kubernetes(with_bad(bad))
    assert {LOGGED.splitlines()[0], LOGGED.splitlines()[1]} <= set(found.data.splitlines())
    assert found.data.count(b"\n") == found.records
    reading = LiveReading("kubernetes/prod")
    activities = reading.feed(found.data, line=1, offset=0)
    assert sorted(one.id.partition("@")[0] for one in activities) == ["a-1", "a-2"]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (as_go_writes(event_list()), NONE),
        (as_go_writes({**event_list(), "items": None}), NONE),
        (b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1"}', NONE),
        (as_go_writes(event_list({"level": "x"}, version="audit.k8s.io/v2")), Lines(b'{"level":"x"}\n', 1)),
        (line(), Lines(line(), 1)),
        (json.dumps(ONE, indent=1).encode(), Lines(json.dumps(ONE, indent=1).replace("\n", " ").encode() + b"\n", 1)),
        (b"", NONE),
        (b" \r\n", NONE),
        (b"no JSON at all", Lines(b"no JSON at all\n", 1, 1)),
        (b"\xff\xfe\x00", Lines(b"\xff\xfe\n", 1, 1)),
        # cut short, or an item that never ends: nobody can say where the next one begins
        (
            b'{"kind":"EventList","items":[{"a":,{"b":1}]}',
            Lines(b'{"kind":"EventList","items":[{"a":,{"b":1}]}\n', 1, 1),
        ),
        (b'{"kind":"EventList","items":[{"a":"cut', Lines(b'{"kind":"EventList","items":[{"a":"cut\n', 1, 1)),
        (b'{"kind":"List","kind":"EventList","items":[1],"items":[{"b":2}]}', Lines(b'{"b":2}\n', 1)),
        (b'{"items":{"a":1},"kind":"EventList"}', Lines(b'{"items":{"a":1},"kind":"EventList"}\n', 1)),
    ],
)
def test_whatever_comes_from_a_cluster_is_kept(body: bytes, found: Lines) -> None:
    assert kubernetes(body) == found


def test_an_item_written_over_lines_with_text_of_one() -> None:
    body = b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[{"level":"A",\r\n"b":"\\n"},{"level":"B"}]}'
    assert kubernetes(body).data == (
        b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"A","b":"\\n"}\n'
        b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"B"}\n'
    )


# Records as the senders' own pages show them.
FLUENT = [  # https://docs.fluentbit.io/manual/pipeline/outputs/http, with a container log (json_date_key: date)
    {"date": 1717173015.533, "log": "10.0.0.9 GET /containers/json", "stream": "stdout"},
    {"date": 1717173016.002, "log": "second", "stream": "stdout"},
]
VECTOR = [  # https://vector.dev/docs/reference/configuration/sinks/http/, of a file source
    {"file": "/var/log/audit/audit.log", "host": "n1", "message": "type=SYSCALL", "source_type": "file"},
    {"file": "/var/log/audit/audit.log", "host": "n1", "message": "type=EXECVE", "source_type": "file"},
]
ROWS = b'{"a":1}\n{"b":[2]}\n'
TEXT = b'10.0.0.9 - - [01/Jun/2026:08:00:00 +0000] "GET / HTTP/1.1" 200\nsecond\n'
JSON, NDJSON, PLAIN, FORM = (
    "application/json",
    "application/x-ndjson",
    "text/plain",
    "application/x-www-form-urlencoded",
)


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def rows(values: list[Any]) -> bytes:
    return b"".join(compact(one) + b"\n" for one in values)


@pytest.mark.parametrize(
    ("body", "media", "found"),
    [
        # Fluent Bit says application/json for all three (plugins/out_http/http.c, v3)
        (compact(FLUENT), JSON, Lines(rows(FLUENT), 2)),  # format json
        (rows(FLUENT), JSON, Lines(rows(FLUENT), 2)),  # format json_lines
        (rows(FLUENT)[:-1], JSON, Lines(rows(FLUENT), 2)),
        (b"".join(map(compact, FLUENT)), JSON, Lines(rows(FLUENT), 2)),  # format json_stream
        # Vector: codec json, with framing newline_delimited, and codec text
        (compact(VECTOR), JSON, Lines(rows(VECTOR), 2)),
        (rows(VECTOR), NDJSON, Lines(rows(VECTOR), 2)),
        (TEXT, PLAIN, Lines(TEXT, 2)),
        # curl --data-binary says what no body is
        (ROWS, FORM, Lines(ROWS, 2)),
        (TEXT, FORM, Lines(TEXT, 2)),
        (TEXT[:-1], "", Lines(TEXT, 2)),
        (json.dumps([1, {"a": 2}], indent=1).encode(), "", Lines(b'1\n{"a":2}\n', 2)),
        (b'[{"a":1}]\n[{"b":2}]\n', NDJSON, Lines(b'{"a":1}\n{"b":2}\n', 2)),
        (b'\xef\xbb\xbf{"a":1}', JSON, Lines(b'{"a":1}\n', 1)),
        (b'\x1e{"a":1}\n\x1e{"b":2}\n', "application/json-seq", Lines(b'{"a":1}\n{"b":2}\n', 2)),
        (b'{"a":1}\r\n\r\n{"b":2}\r\n', JSON, Lines(b'{"a":1}\n{"b":2}\n', 2)),
        (b'{"a":1,"a":2}', JSON, Lines(b'{"a":1,"a":2}\n', 1)),
        (b'{"a":"\xff"}', JSON, Lines(b'{"a":"\xff"}\n', 1)),
        (b'{"a":1}\nbroken\n{"b":2}\n', JSON, Lines(b'{"a":1}\nbroken\n{"b":2}\n', 3, 1)),
        (b'{"a":1}\n{"b":', NDJSON, Lines(b'{"a":1}\n{"b":\n', 2, 1)),
        (b'[{"a":1},{"b":2', JSON, Lines(b'{"a":1}\n{"b":2\n', 2, 1)),
        (b"[INFO] started\n[WARN] x\n", "", Lines(b"[INFO] started\n[WARN] x\n", 2)),
        (b"{not json\nat all\n", FORM, Lines(b"{not json\nat all\n", 2)),
        (b'{"json":"as text"}\nline\n', PLAIN, Lines(b'{"json":"as text"}\nline\n', 2)),
        *((empty, media, NONE) for empty in (b"", b"\n", b"  \r\n") for media in (JSON, PLAIN, "")),
        (b"[]", JSON, NONE),
        (b"\0\0", "", Lines(b"\0\0\n", 1)),
    ],
)
def test_records_of_any_sender(body: bytes, media: str, found: Lines) -> None:
    assert records(body, media) == found


@pytest.mark.parametrize(
    "body", [b"12", b'"text"', b"{bad", b"[", b"[[[[", b'["text"', b"null", TEXT, b"\0{", b"[1 2]"]
)
@pytest.mark.parametrize("media", [JSON, NDJSON, "application/json; charset=utf-8", "application/vnd.x+json"])
def test_what_says_it_is_json_and_is_not(body: bytes, media: str) -> None:
    with pytest.raises(NotJson):
        records(body, media)


@pytest.mark.parametrize("media", ["application/msgpack", "application/x-protobuf", "multipart/form-data; boundary=x"])
def test_forms_that_are_not_read_say_which_are(media: str) -> None:
    with pytest.raises(WrongForm, match="send JSON"):
        records(b"\x93\x01\x02", media)


@pytest.mark.parametrize("depth", [500, 5_000, 100_000])
def test_depth_costs_nothing(depth: int) -> None:
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    assert records(deep + b"\n" + ROWS, JSON) == Lines(deep + b"\n" + ROWS, 3)
    assert kubernetes(deep) == Lines(deep + b"\n", 1)


TINY = b'{"kind":"EventList","items":[' + b"1," * 600_000 + b"1]}"
PRETTY = json.dumps(event_list(*[{"n": [n]} for n in range(40_000)]), indent=1).encode()


@pytest.mark.parametrize(
    ("body", "lines", "whole"),
    [
        (TINY, 100_001, 1),  # of millions of values only so many are told apart
        (TINY.replace(b"1]", b'"\\ud800"]'), 100_001, 1),
        (PRETTY, 40_000, 0),
        (b'{"kind":"EventList","items":[' + b"\n{" * 500_000, 500_001, 1),  # every value broken: nobody looks for long
        (b"[" * 2_000_000, 1, 1),
        (
            POSTED[:-3] + b',{"deep":' + b"[1," * 500_000 + b"1" + b"]" * 500_000 + b"}]}",
            3,
            0,
        ),  # one client's, in a batch
    ],
)
def test_hostile_bodies_cost_a_bounded_time_and_hide_nobody(body: bytes, lines: int, whole: int) -> None:
    found = kubernetes(body)
    assert (found.records, found.whole, found.data.count(b"\n")) == (lines, whole, lines)
    if b"auditID" in body:
        assert found.data.startswith(LOGGED)


def test_many_short_lines_stay_lines() -> None:
    body = b'{"a":1,"b":2}\n' * 120_000
    assert records(body, NDJSON).data == body


def test_falco_sends_text_unless_told_otherwise() -> None:
    alert = b'{"output":"x","priority":"Notice","rule":"r","time":"2026-06-01T08:00:00.000000001Z","output_fields":{}}'
    assert json_only(alert, "hint") == Lines(alert + b"\n", 1)
    with pytest.raises(NotJson, match="a hint"):
        json_only(b"08:00:00.000000001: Notice A shell was spawned", "a hint")
    assert json_only(b"", "hint") == NONE


def test_a_pubsub_push_is_kept_as_its_envelope() -> None:
    # https://cloud.google.com/pubsub/docs/push#receive_push
    push = {
        "message": {
            "attributes": {"key": "value"},
            "data": base64.b64encode(LOGGED.splitlines()[0]).decode(),
            "messageId": "2070443601311540",
            "message_id": "2070443601311540",
            "publishTime": "2021-02-26T19:13:55.749Z",
            "publish_time": "2021-02-26T19:13:55.749Z",
        },
        "subscription": "projects/myproject/subscriptions/mysubscription",
    }
    found = kubernetes(json.dumps(push, indent=2).encode())
    assert (found.records, json.loads(found.data)) == (1, push)
    activities = LiveReading("pubsub/gke").feed(found.data, line=1, offset=0)
    assert [one.id.partition("@")[0] for one in activities] == ["a-1"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), max_size=6), st.sampled_from([None, 1, "\t"]))
def test_items_are_what_they_were(items: list[Any], indent: Any) -> None:
    found = kubernetes(json.dumps(event_list(*items), indent=indent).encode())
    assert found.whole == 0
    said = [json.loads(one) for one in found.data.splitlines()]
    assert [item(one) if "level" in one else one for one in said] == [
        item(one) if "level" in one else one for one in items
    ]


@given(
    st.binary(max_size=200) | st.text('{}[]",:\\nab1 \n', max_size=60).map(str.encode),
    st.sampled_from([JSON, "", PLAIN]),
)
def test_lines_are_whole_and_counted_whatever_comes(body: bytes, media: str) -> None:
    found = [kubernetes(body)]
    try:
        found.append(records(body, media))
    except NotJson:
        assert media == JSON
    for one in found:
        assert one.data == b"" or one.data.endswith(b"\n")
        assert one.data.count(b"\n") == one.records >= one.whole
