from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from reading import as_json_lines, assert_survives, read

from tidewaiter.model import Actor
from tidewaiter.sources.access_json import SOURCE, sniff

DATA = Path(__file__).parent.parent / "data" / "web"
BASE = {
    "time_iso8601": "2026-11-23T09:25:52+00:00",
    "remote_addr": "10.0.0.1",
    "request": "GET /v1.41/containers/json HTTP/1.1",
    "status": 200,
    "body_bytes_sent": "3",
    "http_user_agent": "curl/7.88.1",
}
CADDY = {"level": "info", "ts": 1.5, "request": {"remote_ip": "10.0.0.1", "method": "GET", "uri": "/"}, "status": 200}
TRAEFIK = {"ClientAddr": "10.0.0.1:1", "RequestMethod": "GET", "RequestPath": "/", "DownstreamStatus": 200}
AUTHZ = {"ts": 1, "RequestMethod": "GET", "RequestUri": "/info"}
AUDIT = {"kind": "Event", "auditID": "x", "verb": "get", "requestURI": "/", "responseStatus": {"code": 200}}
GKE = {
    "protoPayload": {"methodName": "x"},
    "httpRequest": {"requestMethod": "GET", "requestUrl": "/"},
    "timestamp": "x",
}
SOCKET = {
    "rl": "GET / HTTP/1.1",
    "client": "x",
    "status": 200,
    "method": "GET",
    "uri": "/",
    "peer": {"pid": 1, "uid": 1},
}


def line(**more: Any) -> bytes:
    return json.dumps({key: value for key, value in (BASE | more).items() if value is not None}).encode()


@pytest.mark.parametrize(
    "name",
    ["nginx.jsonl", "nginx_person.jsonl", "caddy.jsonl", "traefik.jsonl", "envoy.jsonl", "socket_proxy_slog.jsonl"],
)
def test_golden(name: str) -> None:
    found, tally = read(SOURCE, (DATA / name).read_bytes())
    assert tally.unreadable == 0
    check_golden(DATA / f"{name}.golden.jsonl", as_json_lines(found))


@pytest.mark.parametrize(
    ("more", "actor"),
    [
        ({"remote_user": "eva"}, Actor(kind="user", name="eva", realm="engine")),
        ({"remote_user": "eva", "status": 401}, Actor(kind="address", name="10.0.0.1", realm="engine")),
        ({"ssl_client_s_dn": "CN=eva,OU=devs"}, Actor(kind="user", name="eva", realm="engine")),
        ({"ssl_dn": "CN=eva", "ssl_verify": "SUCCESS"}, Actor(kind="user", name="eva", realm="engine")),
        ({"ssl_dn": "CN=eva", "ssl_verify": "NONE"}, Actor(kind="address", name="10.0.0.1", realm="engine")),
        ({"http_x_forwarded_user": "eva"}, Actor(kind="user", name="eva", realm="engine")),
        ({"http_x_forwarded_user": "eva", "remote_user": "pavel"}, Actor(kind="user", name="pavel", realm="engine")),
    ],
)
def test_says_who_asked(more: dict[str, Any], actor: Actor) -> None:
    assert [one.actor for one in read(SOURCE, line(**more))[0]] == [actor]


@pytest.mark.parametrize("agent", [b"a\xffb", rb"a\x22b", rb"a\\\xD0b"])
def test_odd_bytes_do_not_hide_a_request(agent: bytes) -> None:
    found, tally = read(SOURCE, line().replace(b"curl/7.88.1", agent))
    assert (len(found), tally.unreadable) == (1, 0)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (line()[:50], "not-an-access-record"),
        (line(status=None), "not-an-access-record"),
        (line(request=7), "not-an-access-record"),
        (line(time_iso8601="soon"), "no-time"),
        (json.dumps(AUDIT).encode(), "not-an-access-record"),
        (b"\x00", "not-an-access-line"),
        (b"{" + b"[" * 100_000, "not-an-access-record"),
    ],
)
def test_unreadable_lines_are_counted_with_their_place(data: bytes, reason: str) -> None:
    found, tally = read(SOURCE, line() + b"\n" + data + b"\n" + line())
    assert len(found) == 2
    assert [(one.line, one.offset, one.reason) for one in tally.places] == [(2, len(line()) + 1, reason)]


def test_equal_lines_of_one_second_are_all_counted() -> None:
    found, _ = read(SOURCE, line() + b"\n" + line())
    assert len({one.id for one in found}) == 2


def test_sniffs_its_own_lines_only() -> None:
    others = [json.dumps(one).encode() for one in (AUTHZ, SOCKET, AUDIT, GKE, {})]
    ours = [json.dumps(one).encode() for one in (CADDY, TRAEFIK)]
    assert sniff([line(), *others, b"", b"hello", line(request=None, method="GET", request_uri="/"), *ours]) == 4


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.sampled_from([*BASE, "remote_user", "ssl_client_s_dn", "peer", "msec"]), JSON))
def test_survives_wrong_types(more: dict[str, Any]) -> None:
    assert_survives(SOURCE, json.dumps(BASE | more).encode())


@given(st.lists(st.just(line()) | st.binary(max_size=60), max_size=6))
def test_survives_anything(lines: list[bytes]) -> None:
    assert_survives(SOURCE, b"\n".join(lines))
