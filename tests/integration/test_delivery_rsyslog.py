"""A real rsyslog takes findings over TLS, and stores every message as it was sent. See README.md."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import factories
import parcels
import pytest
from certificates import Authority, authority
from integration import live

from tidewaiter.delivery.delivery import Delivery
from tidewaiter.delivery.outbox import Outbox
from tidewaiter.delivery.rendered import lines
from tidewaiter.settings.delivery import Delivery as Settings
from tidewaiter.settings.delivery import SyslogSink, Tls
from tidewaiter.wording import Wording

pytestmark = pytest.mark.real

_PLUGINS = "/usr/lib/*/rsyslog/lmnsd_ossl.so"
_CONFIGURATION = """
global(workDirectory="{folder}" maxMessageSize="64k"
  defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="{ca}"
  defaultNetstreamDriverCertFile="{certificate}" defaultNetstreamDriverKeyFile="{key}")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
input(type="imtcp" address="127.0.0.1" port="{port}" supportOctetCountedFraming="on")
template(name="raw" type="string" string="%rawmsg%\\n")
template(name="read" type="string" string="%app-name%|%msgid%|%hostname%|%syslogseverity-text%|%msg%\\n")
action(type="omfile" file="{folder}/raw.log" template="raw" asyncWriting="off" flushOnTXEnd="on")
action(type="omfile" file="{folder}/read.log" template="read" asyncWriting="off" flushOnTXEnd="on")
"""


@contextmanager
def rsyslog(folder: Path, trust: Authority, port: int) -> Iterator[None]:
    """Run rsyslog on the loopback interface; whoever sends must show a certificate of the authority."""
    configuration = folder / "rsyslog.conf"
    configuration.write_text(
        _CONFIGURATION.format(folder=folder, ca=trust.ca, certificate=trust.server, key=trust.server_key, port=port)
    )
    program = shutil.which("rsyslogd", path=live.PATH)
    argv = [str(program), "-n", "-f", str(configuration), "-i", str(folder / "rsyslog.pid")]
    with (folder / "rsyslog.err").open("ab") as errors:
        process = subprocess.Popen(argv, stdout=errors, stderr=errors)
        try:
            live.wait_until(lambda: _listens(port) or process.poll() is not None, "rsyslog to listen")
            if process.poll() is not None:
                raise live.Unavailable(f"rsyslogd does not start: {(folder / 'rsyslog.err').read_text()[-500:]}")
            yield
        finally:
            process.terminate()
            process.wait(10)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def need_rsyslog() -> None:
    """Skip with the reason when this machine has none; fail where it must have one (CI sets the variable)."""
    if shutil.which("rsyslogd", path=live.PATH) and list(Path("/").glob(_PLUGINS[1:])):
        return
    reason = "not installed: rsyslog rsyslog-openssl (tests/integration/install-servers.sh)"
    if os.environ.get("TIDEWAITER_REQUIRE_REAL") == "1":
        pytest.fail(f"TIDEWAITER_REQUIRE_REAL=1, but {reason}")
    pytest.skip(reason)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


HOSTILE = 'a|b=c\\d\ne]f"g\u202e\x1b[31m ☃'


def test_every_message_is_stored_as_it_was_sent_also_when_rsyslog_was_down(tmp_path: Path) -> None:
    need_rsyslog()
    trust, port = authority(tmp_path), free_port()
    tls = Tls(ca=str(trust.ca), certificate=str(trust.client), key=str(trust.client_key))
    sink = SyslogSink(name="siem", host="127.0.0.1", port=port, tls=tls, pause=0.05, longest_pause=0.1, size=16_000)
    outbox = Outbox(tmp_path / "outbox.sqlite")
    delivery = Delivery(outbox, Settings(sinks=(sink,)), {}, Wording("en"), host="tw-1")
    delivery.start()
    findings = [
        parcels.finding("F-0", headline=HOSTILE, actor=factories.actor(name=HOSTILE)),
        *[parcels.finding(f"F-{n}") for n in range(1, 300)],
    ]
    delivery.offer(findings[:100])  # nobody listens yet
    time.sleep(0.3)
    with rsyslog(tmp_path, trust, port):
        _delivered(delivery, 100)
        delivery.offer(findings[100:200])
        _delivered(delivery, 200)
    delivery.offer(findings[200:])
    with rsyslog(tmp_path, trust, port):
        _delivered(delivery, 300)
    delivery.stop()
    outbox.close()
    assert _numbers(tmp_path / "raw.log") == set(range(300))
    stored = (tmp_path / "raw.log").read_bytes()
    assert [message for message in _sent(findings) if stored.count(message) != 1] == []
    read = (tmp_path / "read.log").read_text().splitlines()
    assert {line[: line.index("CEF:0")].rstrip() for line in read} == {"tidewaiter|finding|tw-1|err|"}


def _delivered(delivery: Delivery, count: int) -> None:
    live.wait_until(lambda: delivery.status().sinks[0].account.delivered == count, f"{count} deliveries")


def _numbers(path: Path) -> set[int]:
    return {int(found) for found in re.findall(r"F-(\d+)", path.read_text())}


def _sent(findings: list[dict[str, object]]) -> list[bytes]:
    """Give the messages as they were put together for this sink."""
    form = parcels.form("syslog-cef", host="tw-1", size=16_000)
    made, _ = lines(form, [parcels.parcel(n, document=one, offered=0) for n, one in enumerate(findings)])
    return [message for _, message in made]
