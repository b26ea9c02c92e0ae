from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.meaning.web_target import Behind
from tidewaiter.sources.web_request import WebRequest
from tidewaiter.sources.web_text import (
    is_haproxy,
    read_alb,
    read_clf,
    read_dashboard_log,
    read_envoy,
    read_haproxy,
)

STAMP = b"[23/Nov/2026:09:25:52 +0000]"
LIST = b"10.0.0.1 - - " + STAMP + b' "GET /v1.41/containers/json HTTP/1.1" 200 3 "-" "curl/7.88.1"'
HAPROXY = (
    b"10.0.0.1:50174 [23/Nov/2026:09:25:55.659] fe~ docker/d 0/0/0/0/0 200 198 - - ---- 1/1/0/0/0 0/0 "
    b'"GET /v1.41/info HTTP/1.1"'
)
ENVOY = (
    b'[2026-11-23T09:00:01.310Z] "GET /v1.41/info HTTP/1.1" 200 - 0 5120 4 3 "203.0.113.9, 10.20.0.7" "curl/8.7.1" '
    b'"cc21d9b0" "docker.shop.example" "10.42.0.9:2375"'
)
ALB = (
    b"http 2026-11-23T09:00:02.186641Z app/x/50dc6c49 198.51.100.3:2817 10.0.0.2:80 0.000 0.001 0.000 200 200 34 366 "
    b'"GET http://h:80/v1.41/info HTTP/1.1" "curl/8.7.1" - - arn:aws:e:eu:1:targetgroup/docker/73e2 "Root=1" "h" "-" 0'
)


@pytest.mark.parametrize(
    ("who", "address", "user", "host"),
    [
        (b"10.0.0.1 - -", "10.0.0.1", "-", ""),
        (b"10.0.0.1 - eva", "10.0.0.1", "eva", ""),
        (b"10.0.0.1 - eva m", "10.0.0.1", "eva m", ""),
        (
            b"10.0.0.1 - [x] [23/Nov/2026:00:00:00 +0000]",
            "10.0.0.1",
            "[x] [23/Nov/2026:00:00:00 +0000]",
            "",
        ),
        (b"10.0.0.1:4711 - -", "10.0.0.1", "-", ""),
        (b"2001:db8::1 - -", "2001:db8::1", "-", ""),
        (b"[2001:db8::1]:99 - -", "2001:db8::1", "-", ""),
        (b"host.example - -", "host.example", "-", ""),
        (b"@ - -", "@", "-", ""),
        (b"shop.example:443 10.0.0.1 - eva", "10.0.0.1", "eva", "shop.example"),
    ],
)
def test_reads_who_asked(who: bytes, address: str, user: str, host: str) -> None:
    line = read_clf(LIST.replace(b"10.0.0.1 - -", who))
    assert line is not None
    told = (line.request.address, line.request.user, line.request.behind, line.stamp)
    assert told == (address, user, Behind("", host), "23/Nov/2026:09:25:52 +0000")


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (b'"GET /a HTTP/1.1" 200 3 "-" "x"', ("GET /a HTTP/1.1", 200, 3, "x")),
        (b'"GET /a HTTP/1.1" 304 -', ("GET /a HTTP/1.1", 304, None, "")),
        (b'"GET /a HTTP/1.1" 200 3 1733', ("GET /a HTTP/1.1", 200, 3, "")),  # Apache's %D
        (b'"GET /a HTTP/1.1" 200 3 1733 "-" "x"', ("GET /a HTTP/1.1", 200, 3, "x")),
        (b'0.004 pid:7 "GET /a HTTP/1.1" 200 3 "-" "x"', ("GET /a HTTP/1.1", 200, 3, "x")),
        (b'"GET /a HTTP/1.1" 200 3 "" ""', ("GET /a HTTP/1.1", 200, 3, "")),
        (b'"GET /a HTTP/1.1" 200 3 "-" "x" "10.9.9.9" rt=0.1', ("GET /a HTTP/1.1", 200, 3, "x")),
        (rb'"GET /a?x=\x22\x5C\xD0\xB8 HTTP/1.1" 200 3 "-" "a\x22b"', ('GET /a?x="\\и HTTP/1.1', 200, 3, 'a"b')),
        (rb'"GET /a?x=\"\\ HTTP/1.1" 200 3 "-" "a\"b"', ('GET /a?x="\\ HTTP/1.1', 200, 3, 'a"b')),
        (b'"GET /a?x="y" HTTP/1.1" 200 3 "-" "x"', ('GET /a?x="y" HTTP/1.1', 200, 3, "x")),
        (b'"GET /\xff HTTP/1.1" 400 0 "-" "-"', ("GET /\ufffd HTTP/1.1", 400, 0, "-")),
        (rb'"\x16\x03\x01" 400 0 "-" "-"', ("\x16\x03\x01", 400, 0, "-")),
        (b'"" 400 0 "-" "-"', ("", 400, 0, "-")),
    ],
)
def test_reads_what_was_asked(rest: bytes, expected: tuple[str, int, int | None, str]) -> None:
    line = read_clf(b"10.0.0.1 - - " + STAMP + b" " + rest)
    assert line is not None
    assert line.request == WebRequest(expected[0], expected[1], "10.0.0.1", "-", agent=expected[3], size=expected[2])


@pytest.mark.parametrize(
    ("tail", "upstream"),
    [
        (b' 42 "portainer@docker" "http://172.18.0.4:9000" 3ms', "portainer"),
        (b" 173 0.005 [argocd-argocd-server-80] [] 10.42.0.9:8080 5 0.004 200 43fe", "argocd-argocd-server-80"),
        (b' "-"', ""),
    ],
)
def test_reads_where_a_proxy_sent_it(tail: bytes, upstream: str) -> None:
    line = read_clf(LIST + tail)
    assert line is not None
    assert line.request.behind == Behind(upstream, "")


@pytest.mark.parametrize(
    ("line", "request_", "at"),
    [
        (HAPROXY, WebRequest("GET /v1.41/info HTTP/1.1", 200, "10.0.0.1", size=198, behind=Behind("fe~ docker d")), 9),
        (
            b"Nov 23 09:25:55 lb1 haproxy[811]: " + HAPROXY,
            WebRequest("GET /v1.41/info HTTP/1.1", 200, "10.0.0.1", size=198, behind=Behind("fe~ docker d")),
            9,
        ),
        (
            b"2026-11-23T09:25:55.660+03:00 lb1 haproxy[811]: " + HAPROXY,
            WebRequest("GET /v1.41/info HTTP/1.1", 200, "10.0.0.1", size=198, behind=Behind("fe~ docker d")),
            6,
        ),
        (
            HAPROXY.replace(b'"GET', b'{kd.shop.example|Mozilla/5.0 (X11)} {} "GET'),
            WebRequest(
                "GET /v1.41/info HTTP/1.1",
                200,
                "10.0.0.1",
                agent="Mozilla/5.0 (X11)",
                size=198,
                behind=Behind("fe~ docker d", "kd.shop.example"),
            ),
            9,
        ),
        (
            HAPROXY.replace(b"docker/d 0/0/0/0/0 200 198 - - ----", b"fe/<NOSRV> -1/-1/-1/-1/+9 -1 +0 - - cR--"),
            WebRequest("GET /v1.41/info HTTP/1.1", None, "10.0.0.1", size=0, behind=Behind("fe~ fe <NOSRV>")),
            9,
        ),
        (
            HAPROXY + b" 0/0/0/0/0 kd.shop.example/TLSv1.3/TLS_AES_256_GCM_SHA384",
            WebRequest("GET /v1.41/info HTTP/1.1", 200, "10.0.0.1", size=198, behind=Behind("fe~ docker d")),
            9,
        ),
        (
            HAPROXY[: HAPROXY.index(b" HTTP/1.1")],  # cut at the length of a log line
            WebRequest("GET /v1.41/info", 200, "10.0.0.1", size=198, behind=Behind("fe~ docker d")),
            9,
        ),
        (
            HAPROXY.replace(b"10.0.0.1:", b"2001:db8::1:").replace(b"info", b"info?x=#22"),
            WebRequest('GET /v1.41/info?x=" HTTP/1.1', 200, "2001:db8::1", size=198, behind=Behind("fe~ docker d")),
            9,
        ),
    ],
)
def test_reads_haproxy(line: bytes, request_: WebRequest, at: int) -> None:
    found = read_haproxy(line)
    assert found is not None
    assert found.request == request_
    assert found.time(found.stamp) == datetime(2026, 11, 23, at, 25, 55, 659000, UTC)


def test_knows_haproxys_other_lines() -> None:
    tcp = b"127.0.0.1:37242 [23/Nov/2026:09:26:02.751] fnt bck/srv1 0/0/5007 212 -- 0/0/0/0/3 0/0"
    tls = b"127.0.0.1:37242 [23/Nov/2026:09:26:02.751] fnt/1: SSL handshake failure"
    assert [is_haproxy(tcp), is_haproxy(tls), is_haproxy(LIST), is_haproxy(HAPROXY[:60])] == [True, True, False, False]
    assert [read_haproxy(tcp), read_haproxy(tls), read_haproxy(LIST)] == [None, None, None]


ASKED = "GET /v1.41/info HTTP/1.1"


@pytest.mark.parametrize(
    ("line", "address", "agent", "behind", "forwarded"),
    [
        (ENVOY, "10.20.0.7", "curl/8.7.1", Behind("", "docker.shop.example"), True),
        (ENVOY.replace(b"203.0.113.9, 10.20.0.7", b"-"), "", "curl/8.7.1", Behind("", "docker.shop.example"), False),
        (ENVOY.replace(b"curl/8.7.1", b'a "b" c'), "10.20.0.7", 'a "b" c', Behind("", "docker.shop.example"), True),
        (
            ENVOY.replace(b"200 - 0", b'200 - via_upstream - "-" 0')
            + b" inbound|80|| - 10.42.0.7:80 10.1.2.3:0 - default",
            "10.1.2.3",
            "curl/8.7.1",
            Behind("inbound|80||", "docker.shop.example"),
            False,
        ),
    ],
)
def test_reads_envoy_and_istio(line: bytes, address: str, agent: str, behind: Behind, forwarded: bool) -> None:
    found = read_envoy(line)
    assert found is not None
    assert found.request == WebRequest(ASKED, 200, address, agent=agent, size=5120, behind=behind, forwarded=forwarded)
    assert found.time(found.stamp) == datetime(2026, 11, 23, 9, 0, 1, 310000, UTC)


def test_reads_load_balancers() -> None:
    found = read_alb(ALB)
    assert found is not None
    asked = "GET http://h:80/v1.41/info HTTP/1.1"
    assert found.request == WebRequest(
        asked, 200, "198.51.100.3", agent="curl/8.7.1", size=366, behind=Behind("docker/73e2", "h")
    )
    classic = read_alb(b"2026-" + ALB.split(b" 2026-")[1].split(b" arn:")[0])
    assert classic is not None
    assert classic.request == found.request._replace(behind=Behind())
    assert found.time(found.stamp) == datetime(2026, 11, 23, 9, 0, 2, 186641, UTC)


def test_reads_the_dashboards_own_log() -> None:
    line = (
        b"2026/11/23 09:00:02 [2026-11-23T09:00:02Z] Incoming HTTP/1.1 GET /api/v1/job/shop request from "
        b"10.42.0.1:41510: {}"
    )
    found = read_dashboard_log(line)
    assert found is not None
    assert found.request == WebRequest(
        "GET /api/v1/job/shop HTTP/1.1", address="10.42.0.1", behind=Behind("kubernetes-dashboard")
    )
    answer = b"2026/11/23 09:00:02 [2026-11-23T09:00:02Z] Outcoming response to 10.42.0.1:41510 with 200 status code"
    assert read_dashboard_log(answer) is None


READERS = {
    "clf": (read_clf, LIST),
    "haproxy": (read_haproxy, HAPROXY),
    "envoy": (read_envoy, ENVOY),
    "alb": (read_alb, ALB),
}


@pytest.mark.parametrize("name", READERS)
def test_each_layout_is_read_by_its_own_reader_only(name: str) -> None:
    assert [other for other, (reader, _) in READERS.items() if reader(READERS[name][1]) is not None] == [name]


@given(st.binary(max_size=200), st.sampled_from(sorted(READERS)), st.integers(0, 250))
def test_survives_damage(junk: bytes, name: str, at: int) -> None:
    reader, line = READERS[name]
    found = reader(line[:at] + junk + line[at:])
    assert found is None or isinstance(found.time(found.stamp), datetime | None)
