from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.gate.conversation import MOST_AHEAD, Conversation
from tidewaiter.gate.exchange import Told
from tidewaiter.gate.judging import Mode


class Answer(NamedTuple):
    allowed: bool
    rule: str | None = None
    why: str = "no"


def only_ping(_: str, target: str) -> Answer:
    return Answer(target == "/_ping", "ping" if target == "/_ping" else None)


def everything(_: str, __: str) -> Answer:
    return Answer(True)


def begin(mode: Mode, decide: Callable[[str, str], Answer] | None = None) -> tuple[Conversation, list[Told]]:
    told: list[Told] = []
    return Conversation(mode=mode, tell=told.append, clock=lambda: (1000.0, 5.0), decide=decide), told


def brief(told: Sequence[Told]) -> list[tuple[Any, ...]]:
    return [(one.phase, one.method, one.target, one.status, one.bytes_in, one.bytes_out) for one in told]


def get(target: str, *fields: str, version: str = "1.1") -> bytes:
    return "\r\n".join([f"GET {target} HTTP/{version}", "Host: x", *fields, "", ""]).encode()


def post(target: str, body: bytes, *fields: str) -> bytes:
    head = "\r\n".join([f"POST {target} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *fields, "", ""])
    return head.encode() + body


def answer(body: bytes, status: str = "200 OK", *fields: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", ""]).encode() + body


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
SWITCH = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
UPGRADE = ("Connection: Upgrade", "Upgrade: tcp")
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
PING, LIST, OK = get("/_ping"), get("/containers/json"), answer(b"OK")


def test_what_is_told_of_a_request() -> None:
    talk, told = begin("observe")
    talk.client(get("/_ping", "User-Agent: curl/8"))
    talk.server(OK)
    talk.close()
    size = len(get("/_ping", "User-Agent: curl/8"))
    assert told == [
        Told(1, "done", 1000.0, "GET", "/_ping", 200, False, size, len(OK), 0.0, "allowed", None, None, "curl/8")
    ]


_TWO = [("GET", "/_ping", 200, len(OK)), ("GET", "/containers/json", 200, len(CHUNKED))]


@pytest.mark.parametrize(
    ("client", "server", "told"),
    [
        ([PING, LIST], [OK, CHUNKED], _TWO),
        ([PING + LIST], [OK + CHUNKED], _TWO),
        ([PING.replace(b"GET", b"HEAD")], [OK[:-2]], [("HEAD", "/_ping", 200, len(OK) - 2)]),
        ([PING], [answer(b"", "304 Not Modified")], [("GET", "/_ping", 304, len(answer(b"", "304 Not Modified")))]),
        ([PING], [b"HTTP/1.1 204 No\r\n\r\n" + OK], [("GET", "/_ping", 204, 19), (None, None, None, len(OK))]),
        ([post("/a", b"12345")], [b"HTTP/1.1 100 Continue\r\n\r\n" + OK], [("POST", "/a", 200, len(OK) + 25)]),
        ([get("/a", version="1.0")], [b"HTTP/1.0 200 OK\r\n\r\nall of it"], [("GET", "/a", 200, 28)]),
        ([PING], [], [("GET", "/_ping", None, 0)]),
    ],
)  # fmt: skip
def test_answers_end_where_http_says(client: list[bytes], server: list[bytes], told: list[tuple[Any, ...]]) -> None:
    talk, found = begin("observe")
    for data in client:
        talk.client(data)
    for data in server:
        talk.server(data)
    talk.server_end()
    talk.close()
    done = [(one.method, one.target, one.status, one.bytes_out) for one in found if one.phase == "done"]
    assert done == told


def test_an_early_answer_waits_for_the_rest_of_the_request() -> None:
    talk, told = begin("observe")
    request = post("/build", b"x" * 1000)
    talk.client(request[:500])
    talk.server(answer(b"bad", "400 Bad Request"))
    assert told == []
    talk.client(request[500:] + PING)
    talk.server(OK)
    assert brief(told) == [
        ("done", "POST", "/build", 400, len(request), len(answer(b"bad", "400 Bad Request"))),
        ("done", "GET", "/_ping", 200, len(PING), len(OK)),
    ]


@pytest.mark.parametrize(("fields", "head", "upgraded"), [(UPGRADE, SWITCH, True), ((), STREAM, False)])
@pytest.mark.parametrize("mode", ["observe", "enforce"])
def test_a_connection_that_was_taken_over_is_opaque(
    mode: Mode, fields: Sequence[str], head: bytes, upgraded: bool
) -> None:
    talk, told = begin(mode, everything)
    request = post("/v1.41/exec/abc/start", b"{}", *fields)
    talk.client(request)
    talk.server(head + b"\x01\x00raw")
    assert [(one.phase, one.status, one.upgraded) for one in told] == [("begun", 101 if upgraded else 200, upgraded)]
    moves = talk.client(LIST + b"\x00\xff")
    assert moves.to_server == (LIST + b"\x00\xff" if mode == "enforce" else b"")
    talk.server(b"more")
    talk.close()
    size_in, size_out = len(request) + len(LIST) + 2, len(head) + 9
    assert brief(told)[1:] == [("done", "POST", "/v1.41/exec/abc/start", 101 if upgraded else 200, size_in, size_out)]


def test_what_was_sent_before_the_connection_was_taken_over_passes() -> None:
    talk, _ = begin("enforce", everything)
    request = post("/exec/abc/start", b"{}", *UPGRADE)
    assert talk.client(request + b"early").to_server == request
    assert talk.server(SWITCH).to_server == b"early"


@pytest.mark.parametrize(
    ("data", "reason", "seen"),
    [
        (b"nonsense\r\n\r\nmore", "not a request line of HTTP/1", (None, None)),
        (b"GET /a HTTP/2.0\r\n\r\n", "not a request line of HTTP/1", ("GET", "/a")),
        (b"GET /a HTTP/1.1\r\n\r\n", "Missing mandatory Host: header", ("GET", "/a")),
        (b"GET /a HTTP/1.1\r\nHost: x\r\nBroken\r\n\r\n", "illegal header line: bytearray(b'Broken')", ("GET", "/a")),
        (
            b"POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + LIST,
            "Transfer-Encoding in HTTP/1.0",
            ("POST", "/a"),
        ),
        (b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", None, ("POST", "/a")),
    ],
)
def test_what_cannot_be_parsed_is_said_or_refused(
    data: bytes, reason: str | None, seen: tuple[str | None, str | None]
) -> None:
    talk, told = begin("observe")
    assert talk.client(data) == (b"", b"", False)
    talk.server(b"anything")
    talk.client(LIST)
    talk.close()
    assert [(one.phase, one.method, one.target) for one in told] == [("begun", *seen), ("done", *seen)]
    assert reason is None or {one.blind for one in told} == {reason}
    assert all(one.blind for one in told)
    assert (told[1].bytes_in, told[1].bytes_out) == (len(data) + len(LIST), 8)

    talk, told = begin("enforce", everything)
    moves = talk.client(data)
    assert moves.hang_up
    assert talk.client(LIST).to_server == b""
    talk.close()
    assert [one.decision for one in told] == ["denied"]
    if reason:
        assert moves.to_server == b""
        assert moves.to_client.startswith(b"HTTP/1.1 400 Bad Request\r\n")


@pytest.mark.parametrize(
    "data",
    [
        b"GET /_ping HTTP/1.1\nHost: x\n\n",
        b"GET /_ping HTTP/1.1\r\nHost: x\r\n y\r\n\r\n",
        b"GET /_ping?\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        get("/_ping", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_watched_without_a_doubt_may_still_not_be_decided(data: bytes) -> None:
    talk, told = begin("enforce", everything)
    moves = talk.client(data)
    assert (moves.to_server, moves.hang_up) == (b"", True)
    assert moves.to_client.startswith(b"HTTP/1.1 400 ")
    assert [one.decision for one in told] == ["denied"]


def test_the_next_request_waits_for_the_answer_to_this_one() -> None:
    talk, told = begin("enforce", only_ping)
    first = talk.client(PING + LIST + PING)
    assert first == (PING, b"", False)
    assert talk.waiting
    second = talk.server(OK)
    assert second.to_server == PING
    assert second.to_client.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert not second.hang_up
    talk.server(OK)
    assert [(one.target, one.decision, one.rule, one.status) for one in told] == [
        ("/_ping", "allowed", "ping", 200),
        ("/containers/json", "denied", None, 403),
        ("/_ping", "allowed", "ping", 200),
    ]


def test_a_refused_body_goes_with_its_connection() -> None:
    talk, _ = begin("enforce", only_ping)
    request = post("/build", b"x" * 100)
    moves = talk.client(request[:-50])
    assert (moves.to_server, moves.hang_up) == (b"", True)
    assert b"Connection: close\r\n" in moves.to_client
    assert talk.client(request[-50:] + PING).to_server == b""


def test_a_flood_of_refused_requests_ends_the_connection() -> None:
    talk, told = begin("enforce", only_ping)
    moves = talk.client(LIST * 5000)
    assert (moves.to_server, moves.hang_up) == (b"", True)
    assert moves.to_client.count(b" 403 Forbidden\r\n") == len(told) == 101
    assert moves.to_client.count(b"Connection: close\r\n") == 1


def test_a_guarded_connection_is_full_before_memory_is() -> None:
    talk, _ = begin("enforce", everything)
    talk.client(PING)
    talk.client(b"x" * MOST_AHEAD)
    assert talk.full


def test_a_watched_connection_goes_blind_before_memory_is_full() -> None:
    talk, told = begin("observe")
    talk.client(PING)
    talk.client(b"x" * MOST_AHEAD)
    assert not talk.full
    assert [one.blind for one in told] == ["more than 1 MiB ahead of the answer"]


def test_an_answer_to_nothing_ends_a_guarded_connection() -> None:
    talk, told = begin("enforce", everything)
    assert talk.server(b"HTTP/1.1 408 Timeout\r\n\r\n").hang_up
    talk.close()
    assert [one.blind for one in told] == ["an answer to no request"]


def test_what_lasts_is_told_twice_with_one_number() -> None:
    talk, told = begin("observe")
    talk.client(get("/events"))
    talk.server(CHUNKED[:-5])
    talk.begun()
    talk.begun()
    talk.server(CHUNKED[-5:])
    assert [(one.phase, one.number, one.status) for one in told] == [("begun", 1, 200), ("done", 1, 200)]


Step = tuple[Literal["client", "server"], bytes]
_SCRIPT: list[Step] = [
    ("client", PING),
    ("server", OK),
    ("client", post("/v1.41/containers/create", b'{"Image":"x"}')),
    ("server", b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED),
    (
        "client",
        b"POST /images/load HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\n0\r\nX: y\r\n\r\n",
    ),
    ("server", answer(b"", "404 Not Found")),
    ("client", post("/exec/abc/start", b"{}", *UPGRADE)),
    ("server", SWITCH + b"out"),
    ("client", b"in \r\n\r\n GET / HTTP/1.1\r\n\r\n"),
]


def _play(mode: Mode, cuts: st.DataObject | None) -> tuple[list[tuple[Any, ...]], bytes]:
    talk, told = begin(mode, everything)
    passed = b""
    for side, data in _SCRIPT:
        rest = data
        while rest:
            size = cuts.draw(st.integers(1, len(rest))) if cuts else len(rest)
            passed += (talk.client if side == "client" else talk.server)(rest[:size]).to_server
            rest = rest[size:]
    talk.close()
    return [row for row in brief(told) if row[0] == "done"], passed


@given(st.data())
def test_however_bytes_are_cut_the_same_is_told_and_passed(data: st.DataObject) -> None:
    whole = b"".join(step for side, step in _SCRIPT if side == "client")
    assert _play("observe", data) == (_play("observe", None)[0], b"")
    assert _play("enforce", data) == (_play("observe", None)[0], whole)


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=60) | st.sampled_from([PING, LIST, OK, CHUNKED, SWITCH]))))
def test_nothing_that_was_not_allowed_ever_passes(steps: list[tuple[bool, bytes]]) -> None:
    asked: list[str] = []

    def nothing(method: str, target: str) -> Answer:
        asked.append(f"{method} {target}")
        return Answer(False)

    talk, _ = begin("enforce", nothing)
    for from_client, data in steps:
        moves = talk.client(data) if from_client else talk.server(data)
        assert moves.to_server == b""
    talk.close()


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=60) | st.sampled_from([PING, LIST, OK, CHUNKED, SWITCH]))))
def test_watching_survives_anything_and_loses_no_byte(steps: list[tuple[bool, bytes]]) -> None:
    talk, told = begin("observe")
    for from_client, data in steps:
        assert (talk.client if from_client else talk.server)(data) == (b"", b"", False)
    talk.close()
    assert sum(one.bytes_out for one in told if one.phase == "done") == sum(
        len(data) for mine, data in steps if not mine
    )
