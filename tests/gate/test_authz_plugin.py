"""The plugin over a real Unix socket, spoken to as dockerd does: an empty Host, kept connections, no Content-Type."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.gate import authz_plugin
from tidewaiter.gate.authz_plugin import Plugin, serve
from tidewaiter.gate.authz_story import Story
from tidewaiter.gate.judging import Mode
from tidewaiter.gate.policy import Policy, parse

_AT = datetime(2026, 11, 23, 2, 14, 7, tzinfo=UTC)
_LIST = {
    "RequestMethod": "GET",
    "RequestUri": "/v1.41/containers/json",
    "RequestHeaders": {"User-Agent": "Docker-Client/28.2.2 (linux)"},
}
_DONE = {"ResponseStatusCode": 200, "ResponseBody": "W10="}
_ASKED, _ANSWERED = "/AuthZPlugin.AuthZReq", "/AuthZPlugin.AuthZRes"
_POLICY = parse('[[allow]]\nname = "all"\nwho = {anyone = true}\nroutes = ["HEAD /_ping"]', where="x")
_ALLOW = (200, {"Allow": True})
_WHY = "GET /containers/json is not among the routes of all"


class _Records:
    """Collects what the plugin writes and says."""

    def __init__(self) -> None:
        self.lines: list[Any] = []
        self.said: list[str] = []

    def put(self, data: bytes) -> None:
        self.lines.append(json.loads(data))


def _plugin(
    records: _Records,
    *,
    mode: Mode = "observe",
    policy: Policy | None = None,
    clock: Callable[[], datetime] | None = None,
) -> Plugin:
    numbers = count(1)
    story = Story(mode=mode, host="h", name=lambda: f"r{next(numbers)}")
    return Plugin(
        mode=mode,
        policy=policy,
        story=story,
        put=records.put,
        complain=records.said.append,
        clock=clock or (lambda: _AT),
    )


def _take(plugin: Plugin, path: str, body: object) -> tuple[int, Any]:
    answers: list[tuple[int, Any]] = []
    raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    plugin.take(path.encode(), raw, lambda status, text: answers.append((status, json.loads(text))))
    (answer,) = answers
    return answer


def test_the_plugin_says_what_it_is() -> None:
    assert _take(_plugin(_Records()), "/Plugin.Activate", b"") == (200, {"Implements": ["authz"]})


def test_other_calls_are_unknown() -> None:
    assert _take(_plugin(_Records()), "/VolumeDriver.Create", b"{}")[0] == 404


def test_a_request_is_recorded_once_it_is_answered() -> None:
    records = _Records()
    plugin = _plugin(records)
    assert (_take(plugin, _ASKED, _LIST), records.lines) == (_ALLOW, [])
    assert _take(plugin, _ANSWERED, _LIST | _DONE) == _ALLOW
    (found,) = records.lines
    assert set(found.pop("caller").values()) == {None}
    assert found == {
        "schema": "tidewaiter.gate/1",
        "time": "2026-11-23T02:14:07.000000Z",
        "id": "r1",
        "phase": "done",
        "host": "h",
        "listener": "plugin",
        "method": "GET",
        "target": "/v1.41/containers/json",
        "status": 200,
        "upgraded": False,
        "bytes_in": None,
        "bytes_out": 2,
        "ms": 0.0,
        "mode": "observe",
        "decision": "allowed",
        "rule": None,
        "agent": "Docker-Client/28.2.2 (linux)",
    }


@pytest.mark.parametrize("mode", ["observe", "warn"])
def test_the_answer_comes_before_all_work(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the work went wrong, Docker has its answer."""

    def wrong(_: bytes) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(authz_plugin, "call_of", wrong)
    answers: list[bytes] = []
    with pytest.raises(ZeroDivisionError):
        _plugin(_Records(), mode=mode, policy=_POLICY).take(
            _ASKED.encode(), b"{}", lambda _, text: answers.append(text)
        )
    assert answers == [b'{"Allow":true}']


@pytest.mark.parametrize(
    ("mode", "uri", "answer", "decision", "rule", "status"),
    [
        ("observe", "/v1.41/containers/json", _ALLOW, "allowed", None, None),
        ("warn", "/v1.41/containers/json", _ALLOW, "warned", None, None),
        ("enforce", "/v1.41/containers/json", (200, {"Allow": False, "Msg": _WHY}), "denied", None, 403),
        ("enforce", "/_ping", _ALLOW, "allowed", "all: HEAD /_ping", None),
        ("warn", "/_ping", _ALLOW, "allowed", "all: HEAD /_ping", None),
    ],
)
def test_modes(mode: Mode, uri: str, answer: object, decision: str, rule: str | None, status: int | None) -> None:
    records = _Records()
    plugin = _plugin(records, mode=mode, policy=_POLICY)
    call = _LIST | {"RequestUri": uri, "RequestMethod": "HEAD" if uri == "/_ping" else "GET"}
    assert _take(plugin, _ASKED, call) == answer
    plugin.finish()
    assert [(one["mode"], one["decision"], one["rule"], one["status"]) for one in records.lines] == [
        (mode, decision, rule, status)
    ]


_NOT_READ = {"Allow": False, "Msg": "tidewaiter cannot read this request"}


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b"[" * 100_000, None])
@pytest.mark.parametrize(
    ("mode", "answer", "decision"), [("observe", _ALLOW, "allowed"), ("enforce", (200, _NOT_READ), "denied")]
)
def test_a_call_that_cannot_be_read(body: bytes | None, mode: Mode, answer: object, decision: str) -> None:
    records = _Records()
    plugin = _plugin(records, mode=mode, policy=_POLICY)
    assert _take(plugin, _ASKED, body) == answer
    assert [(one["method"], one["target"], one["decision"]) for one in records.lines] == [(None, None, decision)]
    assert records.said == ["a request of the daemon could not be read (1 so far)"]


def test_an_answer_that_cannot_be_read_is_told_and_never_withheld() -> None:
    records = _Records()
    plugin = _plugin(records, mode="enforce", policy=_POLICY)
    assert [_take(plugin, _ANSWERED, b"?") for _ in range(5)] == [_ALLOW] * 5
    assert records.said == [f"an answer of the daemon could not be read ({number} so far)" for number in (1, 2, 4)]


def test_an_exchanged_policy_decides_from_then_on() -> None:
    plugin = _plugin(_Records(), mode="enforce", policy=Policy())
    before = _take(plugin, _ASKED, _LIST | {"RequestMethod": "HEAD", "RequestUri": "/_ping"})
    plugin.policy = _POLICY
    after = _take(plugin, _ASKED, _LIST | {"RequestMethod": "HEAD", "RequestUri": "/_ping"})
    assert (before[1]["Allow"], after[1]["Allow"]) == (False, True)


# --- over the socket -----------------------------------------------------------------------------


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tw-", dir="/tmp") as folder:
        yield Path(folder) / "p.sock"


@asynccontextmanager
async def _served(path: Path, plugin: Plugin) -> AsyncIterator[None]:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    stop = asyncio.Event()
    task = asyncio.create_task(serve(listener, plugin, stop))
    try:
        yield
    finally:
        stop.set()
        await task


def _message(path: str, body: bytes, *more: str) -> bytes:
    """Write a call as net/http of the daemon does."""
    head = [
        f"POST {path} HTTP/1.1",
        "Host: ",
        "User-Agent: Go-http-client/1.1",
        f"Content-Length: {len(body)}",
        "Accept: application/vnd.docker.plugins.v1.2+json",
        *more,
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


async def _answer(reader: asyncio.StreamReader) -> tuple[int, Any]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    size = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    return int(head.split(" ")[1]), json.loads(await reader.readexactly(size))


def test_many_calls_go_over_one_connection(path: Path) -> None:
    records = _Records()

    async def talk() -> list[tuple[int, Any]]:
        async with _served(path, _plugin(records)):
            reader, writer = await asyncio.open_unix_connection(path)
            found = []
            for target, body in [
                ("/Plugin.Activate", b""),
                (_ASKED, json.dumps(_LIST).encode()),
                (_ANSWERED, json.dumps(_LIST | _DONE).encode()),
                ("/other", b"{}"),
            ]:
                writer.write(_message(target, body))
                found.append(await _answer(reader))
            writer.close()
        return found

    found = asyncio.run(talk())
    assert found == [(200, {"Implements": ["authz"]}), _ALLOW, _ALLOW, (404, {"Err": "no such call"})]
    assert [one["status"] for one in records.lines] == [200]


def test_a_call_may_come_in_pieces_and_two_at_once(path: Path) -> None:
    records = _Records()
    calls = _message(_ASKED, json.dumps(_LIST).encode()) + _message(_ANSWERED, json.dumps(_LIST | _DONE).encode())

    async def talk() -> list[tuple[int, Any]]:
        async with _served(path, _plugin(records)):
            reader, writer = await asyncio.open_unix_connection(path)
            for at in range(0, len(calls), 37):
                writer.write(calls[at : at + 37])
                await writer.drain()
            writer.write(calls)
            found = [await _answer(reader) for _ in range(4)]
            writer.close()
        return found

    assert asyncio.run(talk()) == [_ALLOW] * 4
    assert len(records.lines) == 2


def test_a_body_without_end_is_not_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authz_plugin, "_MOST_BODY", 1000)
    records = _Records()

    async def talk() -> tuple[int, Any]:
        async with _served(path, _plugin(records)):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(_message(_ASKED, b" " * 100_000))
            found = await _answer(reader)
            writer.close()
        return found

    assert asyncio.run(talk()) == _ALLOW
    assert records.said == ["a request of the daemon could not be read (1 so far)"]


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x00\x05hello\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])
def test_what_is_no_call_ends_the_connection(path: Path, data: bytes) -> None:
    async def talk() -> bytes:
        async with _served(path, _plugin(_Records())):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(data)
            found = await reader.read()
            writer.close()
        return found

    assert asyncio.run(talk()) == b""


def test_a_client_that_asks_for_the_end_gets_it(path: Path) -> None:
    async def talk() -> bytes:
        async with _served(path, _plugin(_Records())):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(_message("/Plugin.Activate", b"", "Connection: close"))
            found = await reader.read()
            writer.close()
        return found

    assert asyncio.run(talk()).endswith(b'{"Implements":["authz"]}')


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: no connection of another account can be made")
def test_nobody_but_root_and_ourselves_may_call(path: Path) -> None:
    script = f"import socket; s = socket.socket(1); s.connect({str(path)!r}); s.sendall(b'x'); print(s.recv(9))"

    async def talk() -> bytes:
        async with _served(path, _plugin(_Records())):
            await asyncio.to_thread(path.chmod, 0o666)
            await asyncio.to_thread(path.parent.chmod, 0o755)
            process = await asyncio.create_subprocess_exec(
                "/usr/bin/python3",
                "-c",
                script,
                user=65534,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            said, wrong = await process.communicate()
        return said + wrong.strip().split(b"\n")[-1]

    found = asyncio.run(talk())
    assert found == b"b''\n" or b"ConnectionResetError" in found or b"BrokenPipeError" in found


def test_a_request_that_lasts_is_told_meanwhile(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authz_plugin, "_TICK", 0.01)
    records = _Records()
    times = iter([_AT])
    later = datetime(2026, 11, 23, 2, 15, tzinfo=UTC)

    async def talk() -> None:
        async with _served(path, _plugin(records, clock=lambda: next(times, later))):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(_message(_ASKED, json.dumps(_LIST).encode()))
            await _answer(reader)
            for _ in range(500):
                if records.lines:
                    break
                await asyncio.sleep(0.01)
            writer.close()

    monkeypatch.setattr(authz_plugin.Plugin, "tick", _after_a_call(authz_plugin.Plugin.tick))
    asyncio.run(talk())
    assert [one["phase"] for one in records.lines] == ["begun"]


def _after_a_call(tick: Callable[[Plugin], None]) -> Callable[[Plugin], None]:
    """Leave the one early time to the request, whichever comes first."""

    def held(plugin: Plugin) -> None:
        if plugin._story._open:
            tick(plugin)

    return held
