from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from reading import as_json_lines, assert_survives, read

from tidewaiter.model import Activity, Actor, Origin
from tidewaiter.sources.docker_authz import SOURCE, actor_of, sniff

DATA = Path(__file__).parent.parent / "data" / "engine"
UNKNOWN = Actor(kind="unknown", name="not recorded", realm="engine")
DER = b"not really a certificate"
PEM = b"-----BEGIN CERTIFICATE-----\n" + b64encode(DER) + b"\n-----END CERTIFICATE-----\n"


def request(uri: str = "/v1.41/containers/json", *, ts: float = 1795425714, **more: Any) -> dict[str, Any]:
    body = {"RequestMethod": "GET", "RequestUri": uri, "RequestHeaders": {"User-Agent": "Docker-Client/28.2.2 (linux)"}}
    return {"ts": ts, "path": "/AuthZPlugin.AuthZReq", "body": body | more}


def answer(uri: str = "/v1.41/containers/json", status: int | None = 200, **more: Any) -> dict[str, Any]:
    code = {} if status is None else {"ResponseStatusCode": status}
    return request(uri, **code, **more) | {"ts": 1795425715, "path": "/AuthZPlugin.AuthZRes"}


def found(*records: dict[str, Any]) -> list[Activity]:
    return read(SOURCE, b"\n".join(json.dumps(one).encode() for one in records))[0]


def test_golden() -> None:
    activities, tally = read(SOURCE, (DATA / "authz.jsonl").read_bytes())
    assert tally.unreadable == 0
    check_golden(DATA / "authz.jsonl.golden.jsonl", as_json_lines(activities))


def test_a_request_in_normal_form() -> None:
    one = found(request(User="alice", UserAuthNMethod="TLS"), answer(User="alice", ResponseBody="W10="))[0]
    assert one == Activity(
        id=one.id,
        at=one.at,
        actor=Actor(kind="user", name="alice", realm="engine"),
        plane="engine",
        verb="list",
        kind="containers",
        resource_class="workload",
        scope="everything",
        outcome="answered",
        disclosed=2,
        tool="docker-client/28.2",
        text="GET /v1.41/containers/json",
        origin=Origin(source="docker-authz", path="golden.log", line=1, offset=0),
    )
    assert one.at.isoformat() == "2026-11-23T09:21:54+00:00"


@pytest.mark.parametrize(
    ("records", "outcomes"),
    [
        ([request()], ["unknown"]),
        ([request(), answer()], ["answered"]),
        ([request(), answer(status=None)], ["unknown"]),
        ([request(), answer(status=403)], ["refused"]),
        ([request(), answer(status=500)], ["failed"]),
        ([request(), answer("/v1.41/info")], ["unknown"]),
        ([request(), request(ts=1795425715), answer(), answer(status=404)], ["answered", "failed"]),
        ([request(), request(User="b"), answer(User="b", status=404)], ["failed", "unknown"]),
        ([answer(), answer(status=403)], ["answered", "refused"]),  # a plugin that records answers only
        ([request("/_ping"), answer("/_ping"), request("/shop"), answer("/shop")], []),
    ],
)
def test_joins_answers_by_content_and_order(records: list[dict[str, Any]], outcomes: list[str]) -> None:
    assert [one.outcome for one in found(*records)] == outcomes


def test_waits_for_an_answer_a_minute_and_a_thousand_requests_and_no_longer() -> None:
    late = [request(), request("/_ping", ts=1795425714 + 61), answer(status=404)]
    assert [one.outcome for one in found(*late)] == ["unknown"]
    many = [request(), *(request("/_ping") for _ in range(1001)), answer(status=404)]
    assert [one.outcome for one in found(*many)] == ["unknown"]
    fewer = [request(), *(request("/_ping") for _ in range(999)), answer(status=404)]
    assert [one.outcome for one in found(*fewer)] == ["failed"]


@pytest.mark.parametrize(
    "wrapped",
    [
        request()["body"] | {"time": "2026-11-23T09:21:54Z"},
        {"at": 1795425714000, "req": request()["body"]},
        {"log": {"timestamp": "2026-11-23T12:21:54+03:00", "req": request()["body"]}},
        {"ts": 1795425714, "log": {"req": request()["body"]}},
    ],
)
def test_finds_the_request_in_any_envelope(wrapped: dict[str, Any]) -> None:
    assert [(one.kind, one.at.isoformat()) for one in found(wrapped)] == [("containers", "2026-11-23T09:21:54+00:00")]


@pytest.mark.parametrize(
    ("body", "actor"),
    [
        ({}, UNKNOWN),
        ({"User": "", "UserAuthNMethod": "TLS"}, UNKNOWN),
        ({"User": 7, "RequestPeerCertificates": [7]}, UNKNOWN),
        ({"User": "bob"}, Actor(kind="user", name="bob", realm="engine")),
        (
            {"UserAuthNMethod": "TLS", "RequestPeerCertificates": [b64encode(PEM).decode(), "x"]},
            Actor(kind="user", name=f"certificate sha256:{sha256(DER).hexdigest()[:12]}", realm="engine"),
        ),
        (
            {"RequestPeerCertificates": ["%"]},
            Actor(kind="user", name=f"certificate sha256:{sha256(b'').hexdigest()[:12]}", realm="engine"),
        ),
    ],
)
def test_says_who_asked(body: dict[str, Any], actor: Actor) -> None:
    assert actor_of(body) == actor


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (json.dumps({"body": request()["body"]}).encode(), "no-time"),
        (json.dumps(request())[:90].encode(), "not-an-authz-record"),
        (b'{"a":{"b":{"c":{"RequestMethod":"GET","RequestUri":"/info"}}}}', "not-an-authz-record"),
        (b'{"RequestMethod":1,"RequestUri":null}', "not-an-authz-record"),
        (b"\x00", "not-an-authz-record"),
    ],
)
def test_unreadable_lines_are_counted_with_their_place(line: bytes, reason: str) -> None:
    good = json.dumps(request()).encode()
    activities, tally = read(SOURCE, good + b"\n" + line + b"\n" + good)
    assert len(activities) == 2
    assert [(one.line, one.offset, one.reason) for one in tally.places] == [(2, len(good) + 1, reason)]


def test_a_record_of_ten_megabytes_is_read() -> None:
    assert [one.disclosed for one in found(request(), answer(ResponseBody="QUFB" * (10 << 18)))] == [30 << 18]


def test_sniffs_its_own_lines_only() -> None:
    assert sniff([json.dumps(request()).encode(), json.dumps(answer()).encode(), b'{"RequestMethod":"GET"}', b""]) == 2


RECORDS = [
    request(),
    answer(),
    request("/info", ts=9e8),
    answer("/info", None),
    request("/_ping"),
    {"ts": 1, "body": []},
]


@given(
    st.lists(st.sampled_from(RECORDS).map(lambda one: json.dumps(one).encode()) | st.binary(max_size=60), max_size=12)
)
def test_survives_anything(lines: list[bytes]) -> None:
    assert_survives(SOURCE, b"\n".join(lines))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(
    st.dictionaries(
        st.sampled_from([*request()["body"], "User", "RequestPeerCertificates", "ResponseBody", "ts"]), JSON
    )
)
def test_survives_wrong_types(body: dict[str, Any]) -> None:
    assert_survives(SOURCE, json.dumps({"ts": 1795425714, "body": request()["body"] | body}).encode())
