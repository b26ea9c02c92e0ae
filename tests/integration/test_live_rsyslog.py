"""What rsyslog makes of our messages: every one arrives whole, whatever a log held."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import documents
import factories
import pytest

from tidewaiter.sinks.document import Context, document
from tidewaiter.sinks.renderings import render_lines
from tidewaiter.sinks.syslog import framed
from tidewaiter.wording import Wording

pytestmark = pytest.mark.real

_WAIT = 15.0  # seconds
_BOM = "\ufeff"
_TEXTS = (
    "plain", "two\nlines\r\n", "tab\tand^caret|pipe", 'quote" back\\slash ]bracket', "\x1b[2J\x00\x7f\x85\u2028\u202e",
    "<13>1 - - - - - -", "12 <13>1 -", "a=b c\\=d", "служба \U0001f600", "A" * 20_000,
)  # fmt: skip
_SETTINGS = """
module(load="imtcp")
global(workDirectory="{folder}" maxMessageSize="64k")
template(name="parsed" type="list") {{
  constant(value="{{") property(name="hostname" format="jsonf" outname="host") constant(value=",")
  property(name="app-name" format="jsonf" outname="program") constant(value=",")
  property(name="msgid" format="jsonf" outname="kind") constant(value=",")
  property(name="structured-data" format="jsonf" outname="data") constant(value=",")
  property(name="msg" format="jsonf" outname="text") constant(value="}}\n")
}}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="to-file")
ruleset(name="to-file") {{ action(type="omfile" file="{folder}/out.jsonl" template="parsed") }}
"""


class Relay(NamedTuple):
    """A running rsyslog."""

    port: int
    out: Path

    def parsed(self, count: int) -> list[dict[str, Any]]:
        """Wait for so many messages."""
        until = time.monotonic() + _WAIT
        lines: list[str] = []
        while len(lines) < count and time.monotonic() < until:
            time.sleep(0.05)
            lines = self.out.read_text(encoding="utf-8").split("\n")[:-1] if self.out.exists() else []
        return [json.loads(line) for line in lines]


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    """Start rsyslog on a free port of this machine; it ends with the test."""
    program = shutil.which("rsyslogd", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if not program:
        if os.environ.get("TIDEWAITER_REQUIRE_REAL") == "1":
            pytest.fail("rsyslogd is not installed")
        pytest.skip("rsyslogd is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = tmp_path / "rsyslog.conf"
    settings.write_text(_SETTINGS.format(folder=tmp_path, port=port), encoding="utf-8")
    running = subprocess.Popen([program, "-n", "-f", settings, "-i", tmp_path / "pid"])
    try:
        _wait_for(port)
        yield Relay(port=port, out=tmp_path / "out.jsonl")
    finally:
        running.terminate()
        running.wait(_WAIT)


def _wait_for(port: int) -> None:
    until = time.monotonic() + _WAIT
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def _findings() -> list[Any]:
    hostile = [
        document(
            factories.finding(
                headline=text,
                actor=factories.actor(name=text),
                tools=(text,),
                sightings=(factories.sighting(text=text),),
            )
        )
        for text in _TEXTS
    ]
    return [*documents.REAL, *hostile]


@pytest.mark.parametrize("name", ["syslog", "syslog-json", "syslog-cef", "syslog-leef"])
def test_every_message_arrives_whole(name: str, relay: Relay) -> None:
    sent = list(render_lines(name, _findings(), wording=Wording("en"), context=Context(host="watch-1")))
    with socket.create_connection(("127.0.0.1", relay.port)) as connection:
        connection.sendall(b"".join(map(framed, sent)))
    wanted = []
    for message in sent:
        rest = message.decode().partition(" finding ")[2]
        data, _, text = rest.partition(f" {_BOM}" if name == "syslog" else " ")
        wanted.append({"host": "watch-1", "program": "tidewaiter", "kind": "finding", "data": data, "text": text})
    found = [{**one, "text": one["text"].lstrip(f" {_BOM}")} for one in relay.parsed(len(sent))]
    assert found == wanted
