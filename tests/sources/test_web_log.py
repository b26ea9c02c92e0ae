from __future__ import annotations

from pathlib import Path

import pytest

from tidewaiter.model import Activity
from tidewaiter.sources.contract import Block, Tally
from tidewaiter.sources.web_log import WebLogReader

DATA = Path(__file__).parent.parent / "data" / "web"
LIST = b'10.0.0.1 - - [23/Nov/2026:09:25:52 +0000] "GET /v1.41/containers/json HTTP/1.1" 200 3 "-" "curl/7.88.1"'
BESIDE = [
    b"I0601 12:00:00.000000       7 main.go:48] Creating API client",
    b'2026/11/23 09:00:00 [error] 31#31: *4 upstream timed out, request: "GET /v1.41/info HTTP/1.1"',
    b"2026/11/23 09:00:02 [2026-11-23T09:00:02Z] Outcoming response to 10.42.0.1:41510 with 200 status code",
    b"[Mon Nov 23 10:00:04.000000 2026] [proxy:error] [pid 811:tid 140] AH00957: x",
    b"[NOTICE]   (811) : haproxy version is 2.6.12",
    b"Nov 23 09:25:55 lb1 haproxy[811]: Server docker/d is DOWN",
    b"[2026-11-23 09:00:00.000][1][info][main] initializing epoch 0",
    b"2026-11-23T09:00:00.000000Z\tinfo\tEnvoy proxy is ready",
    b"2026-11-23T09:00:00Z INF Traefik version 3.1.0",
    b'time="2026-11-23T09:00:00Z" level=info msg="Configuration loaded"',
    b'{"level":"info","ts":1.5,"msg":"serving initial configuration"}',
]


def read(data: bytes) -> tuple[list[Activity], Tally]:
    tally = Tally("x.log")
    reader = WebLogReader(tally, "x", None)
    return [*reader.feed(Block(data, 0, 1)), *reader.finish()], tally


@pytest.mark.parametrize("line", BESIDE)
def test_what_a_server_says_about_itself_is_a_record_and_nothing_more(line: bytes) -> None:
    found, tally = read(LIST + b"\n" + line)
    assert (len(found), tally.records, tally.unreadable) == (1, 2, 0)


def test_every_layout_is_read_in_one_file() -> None:
    names = ["nginx_combined.log", "haproxy.log", "caddy.jsonl", "envoy.log", "aws_alb.log", "nginx.jsonl"]
    parts = {name: (DATA / name).read_bytes() for name in names}
    alone = sum(len(read(part)[0]) for part in parts.values())
    found, tally = read(b"".join(parts.values()))
    assert (len(found), tally.unreadable) == (alone, 0)


def test_a_time_without_zone_is_told_once() -> None:
    _, tally = read((DATA / "haproxy.log").read_bytes())
    assert tally.notes == {"times-without-zone": 1}


def test_tokens_are_not_shown() -> None:
    found, _ = read(LIST.replace(b"json HTTP", b"json?token=abcdefghijk HTTP"))
    assert [one.text for one in found] == ["GET /v1.41/containers/json?token=…"]
