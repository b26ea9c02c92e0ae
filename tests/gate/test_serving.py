from __future__ import annotations

import asyncio
import os
import resource
from pathlib import Path
from typing import NamedTuple

import pytest
from gate.gate_at_work import OK, PING, ask, at_work, echo
from gate.test_relay import run

from tidewaiter.errors import ConfigError
from tidewaiter.gate import serving
from tidewaiter.gate.caller import Caller
from tidewaiter.gate.judging import Mode, Policy


class Said(NamedTuple):
    allowed: bool
    rule: str | None
    why: str


class Only(NamedTuple):
    """A policy that allows one target to ourselves."""

    target: str

    def decide(self, caller: Caller, method: str, target: str) -> Said:
        mine = caller.uid == os.getuid() and caller.user is not None and method == "GET"
        return Said(mine and target == self.target, "only" if target == self.target else None, "not that one")


def test_a_record_names_request_and_caller(tmp_path: Path) -> None:
    async def story() -> None:
        async with at_work(tmp_path, echo) as here:
            assert await ask(here.path, PING) == OK
        (record,) = here.records()
        assert record["id"].endswith("-1-1")
        assert record["ms"] > 0
        caller = record["caller"]
        assert (caller["pid"], caller["uid"]) == (os.getpid(), os.getuid())
        assert "python" in " ".join(caller["command"])
        known = ("schema", "phase", "listener", "method", "target", "status", "bytes_in", "bytes_out", "decision")
        assert [record[key] for key in known] == [
            *("tidewaiter.gate/1", "done", f"unix:{here.path}", "GET", "/_ping", 200, len(PING), len(OK), "allowed")
        ]

    run(story)


@pytest.mark.parametrize(
    ("mode", "target", "answer", "decision", "rule"),
    [
        ("observe", "/info", b"HTTP/1.1 200", "allowed", None),
        ("warn", "/info", b"HTTP/1.1 200", "warned", None),
        ("warn", "/_ping", b"HTTP/1.1 200", "allowed", "only"),
        ("enforce", "/info", b"HTTP/1.1 403", "denied", None),
        ("enforce", "/_ping", b"HTTP/1.1 200", "allowed", "only"),
    ],
)
def test_modes(tmp_path: Path, mode: Mode, target: str, answer: bytes, decision: str, rule: str | None) -> None:
    async def story() -> None:
        async with at_work(tmp_path, echo, mode=mode, policy=lambda: Only("/_ping")) as here:
            assert await ask(here.path, PING.replace(b"/_ping", target.encode()), 12) == answer
        (record,) = here.records()
        assert (record["mode"], record["decision"], record["rule"]) == (mode, decision, rule)

    run(story)


def test_a_policy_is_read_again_and_a_wrong_one_changes_nothing(tmp_path: Path) -> None:
    found: list[Policy | ConfigError] = [Only("/_ping"), Only("/info"), ConfigError("no policy", where="p.toml")]

    def load() -> Policy:
        one = found.pop(0)
        if isinstance(one, ConfigError):
            raise one
        return one

    async def story() -> None:
        async with at_work(tmp_path, echo, mode="enforce", policy=load) as here:
            assert await ask(here.path, PING, 12) == b"HTTP/1.1 200"
            for _ in range(2):
                here.gate.again()
                assert await ask(here.path, PING, 12) == b"HTTP/1.1 403"
            assert [line for line in here.said if "policy" in line] == [
                "the policy stays as it was: no policy (p.toml)"
            ]

    run(story)


def test_what_lasts_is_told_before_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "PATIENCE", 0.1)

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK[:-1])
        await asyncio.sleep(0.5)
        writer.write(OK[-1:])
        await reader.read()
        writer.close()

    async def story() -> None:
        async with at_work(tmp_path, slow) as here:
            assert await ask(here.path, PING) == OK
            assert here.gate._timer is None  # nothing to wait for, nothing to wake up for
        assert [(one["phase"], one["status"]) for one in here.records()] == [("begun", 200), ("done", 200)]
        assert len({one["id"] for one in here.records()}) == 1

    run(story)


def test_what_is_nearly_done_ends_before_the_gate_does(tmp_path: Path) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.3)
        writer.write(OK)
        await reader.read()
        writer.close()

    async def story() -> None:
        async with at_work(tmp_path, slow) as here:
            asking = asyncio.create_task(ask(here.path, PING))
            await asyncio.sleep(0.1)
            here.gate.stop()
            assert await asking == OK

    run(story)


def test_the_limit_of_descriptors_is_raised_as_far_as_it_goes() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        serving.raise_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
