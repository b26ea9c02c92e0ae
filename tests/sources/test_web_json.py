from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.meaning.web_target import Behind
from tidewaiter.sources.web_json import common_name, decode, is_program_record, is_slog, read_record, shapes
from tidewaiter.sources.web_request import WebRequest

INFO = WebRequest("GET /v1.41/info", 200, "10.0.0.1", agent="curl/8", size=3)
BASE: dict[str, Any] = {
    "time": "2026-11-23T09:25:52Z",
    "remote_addr": "10.0.0.1",
    "request": "GET /v1.41/info",
    "status": 200,
    "body_bytes_sent": 3,
    "http_user_agent": "curl/8",
}
CADDY = {"remote_ip": "10.0.0.1", "method": "GET", "uri": "/v1.41/info", "headers": {"User-Agent": ["curl/8"]}}
ECS = {
    "@timestamp": "2026-11-23T09:25:52Z",
    "http": {"request": {"method": "GET"}, "response": {"status_code": 200, "body": {"bytes": 3}}},
    "url": {"path": "/v1.41/info"},
    "source": {"ip": "10.0.0.1"},
    "user_agent": {"original": "curl/8"},
}
KONG = {
    "request": {"method": "GET", "uri": "/v1.41/info", "headers": {"user-agent": "curl/8", "host": "h"}},
    "response": {"status": 200, "size": "3"},
    "client_ip": "10.0.0.1",
    "service": {"name": "docker"},
    "started_at": 1795425952000,
}
GCP = {
    "httpRequest": {
        "requestMethod": "GET",
        "requestUrl": "https://h/v1.41/info",
        "status": 200,
        "remoteIp": "10.0.0.1",
        "userAgent": "curl/8",
        "responseSize": "3",
    }
}


def base(**more: Any) -> dict[str, Any]:
    return {key: value for key, value in (BASE | more).items() if value is not None}


@pytest.mark.parametrize(
    ("record", "shape", "request_"),
    [
        (base(), "custom", INFO),
        (base(status="200"), "custom", INFO),
        (base(request=None, request_method="GET", request_uri="/v1.41/info", uri="/decoded"), "custom", INFO),
        (base(request=None, method="GET", uri="/v1.41/info"), "custom", INFO),
        (
            base(request=None, method="GET", uri="/v1.41/info", query_string="a=b"),
            "custom",
            INFO._replace(line="GET /v1.41/info?a=b"),
        ),
        (base(http_user_agent=None, ua="curl/8", body_bytes_sent=None, bytes="3"), "custom", INFO),
        (base(remote_addr="10.0.0.1:4711"), "custom", INFO),
        (base(remote_user="-", ssl_client_s_dn="CN=eva", ssl_client_verify="FAILED:expired"), "custom", INFO),
        (base(ssl_client_s_dn="CN=eva"), "custom", INFO._replace(certificate="eva")),
        (base(proxy_upstream_name="a-b-80", http_host="h"), "custom", INFO._replace(behind=Behind("a-b-80", "h"))),
        ({"ts": 1.5, "request": CADDY, "status": 200, "size": 3}, "caddy", INFO),
        (
            {"request": CADDY | {"tls": {"client_common_name": "eva"}}, "status": 200, "size": 3, "user_id": "olga"},
            "caddy",
            INFO._replace(user="olga", certificate="eva"),
        ),
        (
            {"request": CADDY, "status": 200, "size": 3, "resp_headers": {"Server": ["Caddy", "Docker/26.1.5"]}},
            "caddy",
            INFO._replace(behind=Behind("Caddy Docker/26.1.5")),
        ),
        (ECS, "ecs", INFO),
        (
            {
                "http.request.method": "GET",
                "url.original": "/v1.41/info",
                "http.response.status_code": "200",
                "source.address": "10.0.0.1",
                "user_agent.original": "curl/8",
                "http.response.body.bytes": 3,
            },
            "ecs",
            INFO,
        ),
        (KONG, "kong", INFO._replace(behind=Behind("docker", "h"))),
        (GCP, "google-cloud", INFO._replace(line="GET https://h/v1.41/info")),
        (
            {"method": "GET", "path": "/v1.41/info", "response_code": 200, "x_forwarded_for": "1.1.1.1,10.0.0.1",
             "bytes_sent": 3, "user_agent": "curl/8", "response_flags": "-"},
            "envoy",
            INFO._replace(forwarded=True),
        ),
        (
            {"msg": "blocked request", "method": "GET", "URL": "/v1.41/info", "client": "10.0.0.1:5"},
            "socket-proxy-slog",
            WebRequest("GET /v1.41/info", 403, "10.0.0.1", behind=Behind("docker")),
        ),
        (
            {"msg": "allowed request", "method": "GET", "URL": "/v1.41/info", "client": "10.0.0.1:5"},
            "socket-proxy-slog",
            WebRequest("GET /v1.41/info", None, "10.0.0.1", behind=Behind("docker")),
        ),
    ],
)  # fmt: skip
def test_the_same_request_in_every_shape(record: dict[str, Any], shape: str, request_: WebRequest) -> None:
    found = read_record(record)
    assert found is not None
    assert (found.shape.name, found.request) == (shape, request_)


@pytest.mark.parametrize(
    "record",
    [
        {},
        base(status=None),
        base(request=7),
        base(remote_addr=None),
        base(peer={"pid": 1}),
        GCP | {"protoPayload": {}},
        {"request": CADDY},
        {"method": "GET", "path": "/", "status": 200},
        {"level": "info", "msg": "x", "method": "GET", "client": "x"},
    ],
)
def test_other_records_fit_no_shape(record: dict[str, Any]) -> None:
    assert read_record(record) is None


def test_gives_times_and_the_claimed_name() -> None:
    found = read_record({"ts": 1.5, "request": CADDY | {"headers": {"X-Forwarded-User": ["eva"]}}, "status": 200})
    assert found is not None
    assert (found.times(), found.claimed()) == ([1.5], "eva")


def test_reads_what_is_no_json() -> None:
    assert decode(rb'{"a":"\x22\\x22"}') == {"a": '"\\x22'}
    assert decode(b'{"a":"\xff"}') == {"a": "\ufffd"}
    assert decode(b"[1]") is None


def test_reads_records_that_slog_wrote_as_text() -> None:
    line = (
        b'time=2026-11-23T09:00:02.123Z level=WARN msg="blocked request" reason="path not allowed" method=GET '
        b'URL="/v1.41/info?a=b" client=10.0.0.1:5 response=403'
    )
    found = read_record(decode(line) or {})
    assert found is not None
    assert found.request == WebRequest("GET /v1.41/info?a=b", 403, "10.0.0.1", behind=Behind("docker"))
    assert (is_slog(line), is_slog(b'time="2026-11-23T09:00:02Z" level=info msg="x"')) == (True, False)


def test_knows_what_a_program_says_about_itself() -> None:
    assert is_program_record({"level": "info", "msg": "serving"})
    assert is_program_record({"severity": "INFO", "message": "serving"})
    assert not is_program_record({"msg": "serving"})
    assert not is_program_record({"level": "info", "a": 1})


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("CN=eva,OU=devs,O=shop", "eva"),
        ("OU=devs, CN=eva", "eva"),
        ("/O=shop/CN=eva", "eva"),
        (r"CN=eva\, ltd,O=shop", "eva, ltd"),
        ("O=shop,OU=devs", "O=shop,OU=devs"),
        ("", ""),
    ],
)
def test_reads_a_distinguished_name(subject: str, name: str) -> None:
    assert common_name(subject) == name


def test_every_shape_can_be_met() -> None:
    assert all(one.needs and one.address and (one.line or (one.method and one.target)) for one in shapes())
    assert len({one.name for one in shapes()}) == len(shapes())


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["method", "uri", "headers", "status"]), inner),
)


@given(st.dictionaries(st.sampled_from([*BASE, "method", "path", "client", "http", "url", "response", "msg"]), JSON))
def test_survives_wrong_types(more: dict[str, Any]) -> None:
    found = read_record(BASE | more)
    if found:
        found.times()
        found.claimed()
