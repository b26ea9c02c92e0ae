from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from gate.gate_at_work import OK, PING, Daemon, at_work, echo

from tidewaiter.gate.conversation import Conversation

_LARGE = bytes(range(256)) * 40_000  # 10 MB: more than all buffers on its way


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(story(), 20)

    asyncio.run(bounded())


async def after_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be a daemon that answers once it has read everything, as `cat` in a container does."""
    data = await reader.read()
    writer.write(b"%d bytes" % len(data))
    writer.close()


def test_an_end_passes_in_either_direction_and_the_other_one_stays_open(tmp_path: Path) -> None:
    async def story() -> None:
        async with at_work(tmp_path, after_all) as here:
            reader, writer = await asyncio.open_unix_connection(here.path)
            writer.write(_LARGE)
            writer.write_eof()
            assert await reader.read() == b"%d bytes" % len(_LARGE)
            writer.close()

    run(story)


def test_the_daemons_end_comes_first(tmp_path: Path) -> None:
    got = asyncio.Event()
    seen: list[bytes] = []

    async def daemon(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"all I say")
        writer.write_eof()
        seen.append(await reader.read())
        writer.close()
        got.set()

    async def story() -> None:
        async with at_work(tmp_path, daemon) as here:
            reader, writer = await asyncio.open_unix_connection(here.path)
            assert await reader.read() == b"all I say"
            writer.write(b"and I go on")
            writer.write_eof()
            await got.wait()
            writer.close()

    run(story)
    assert seen == [b"and I go on"]


def test_a_client_that_goes_takes_its_connection_to_the_daemon_with_it(tmp_path: Path) -> None:
    gone = asyncio.Event()

    async def daemon(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        assert await reader.read() == b""
        with suppress(ConnectionError):
            while True:  # what is written into a closed connection fails, into one at its end it does not
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
        gone.set()

    async def story() -> None:
        async with at_work(tmp_path, daemon) as here:
            _, writer = await asyncio.open_unix_connection(here.path)
            writer.write(b"GET ")
            await asyncio.sleep(0.1)
            writer.close()
            await gone.wait()

    run(story)


def test_a_slow_reader_holds_the_other_side_back(tmp_path: Path) -> None:
    written = 0

    async def daemon(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        for _ in range(100):
            writer.write(b"x" * 100_000)
            await writer.drain()
            written += 100_000
        writer.close()
        await reader.read()

    async def story() -> None:
        async with at_work(tmp_path, daemon) as here:
            reader, writer = await asyncio.open_unix_connection(here.path, limit=1000)
            await asyncio.sleep(0.3)
            assert written < 2_000_000
            assert len(await reader.read()) == 10_000_000
            writer.close()

    run(story)


def test_a_mistake_in_watching_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def mistake(_: object, __: bytes) -> None:
        raise KeyError("oops")

    monkeypatch.setattr(Conversation, "client", mistake)

    async def story() -> None:
        async with at_work(tmp_path, echo) as here:
            reader, writer = await asyncio.open_unix_connection(here.path)
            for _ in range(2):
                writer.write(PING)
                assert await reader.readexactly(len(OK)) == OK
            writer.close()
            await writer.wait_closed()
            assert [line for line in here.said if "mistake" in line] == [
                "a connection is no longer watched, by a mistake in tidewaiter: KeyError('oops')"
            ]

    run(story)


@pytest.mark.parametrize("daemon", [None, echo])
def test_without_a_daemon_the_client_is_told_why(tmp_path: Path, daemon: Daemon | None) -> None:
    async def story() -> None:
        async with at_work(tmp_path, daemon) as here:
            (tmp_path / "docker.sock").unlink(missing_ok=True)
            reader, writer = await asyncio.open_unix_connection(here.path)
            writer.write(PING)
            answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
            assert b"the Docker daemon cannot be reached: No such file or directory" in answer
            writer.close()

    run(story)


def test_a_client_that_only_connects_leaves_nothing_behind(tmp_path: Path) -> None:
    async def story() -> None:
        async with at_work(tmp_path, echo) as here:
            for _ in range(50):
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(str(here.path))
            await asyncio.sleep(0.2)
            assert not here.gate._relays
        assert here.records() == []

    run(story)
