"""Tails with real programs: logrotate, nginx, auditd, rsyslog over TLS, systemd-journald; and kill -9 under load.

See README.md.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from certificates import authority
from integration import live
from tailing import Follower, Memory, feed_into, running, wait_for

from tidewaiter.service.journal import START, Entry, Journal
from tidewaiter.service.tails import Tails
from tidewaiter.service.tails.journald import Journald
from tidewaiter.service.tails.syslog_server import Syslog
from tidewaiter.settings.tails import FileTail, JournaldTail, SyslogTail, Tail

pytestmark = pytest.mark.real


@contextmanager
def skipped_without(*programs: str) -> Iterator[None]:
    """Skip with the reason when this machine cannot do it; fail where it must (CI sets the variable)."""
    try:
        live.need(*programs)
        yield
    except live.Unavailable as reason:
        if os.environ.get("TIDEWAITER_REQUIRE_REAL") == "1":
            pytest.fail(f"TIDEWAITER_REQUIRE_REAL=1, but {reason}")
        pytest.skip(str(reason))


@contextmanager
def tailing(*settings: Tail) -> Iterator[Memory]:
    journal = Memory()
    tails = Tails(settings, journal, environment={})
    tails.start()
    try:
        yield journal
    finally:
        assert tails.stop()


def quick(*paths: Path) -> FileTail:
    return FileTail(paths=tuple(map(str, paths)), poll=0.02, rescan=0.1)


class Logrotate:
    """logrotate with a configuration and a state of its own."""

    def __init__(self, folder: Path, log: Path, *directives: str) -> None:
        self._configuration, self._state = folder / "logrotate.conf", folder / "state"
        self._configuration.write_text(f"{log} {{\n  rotate 100\n  size 1\n  " + "\n  ".join(directives) + "\n}\n")
        self._configuration.chmod(0o644)

    def run(self) -> None:
        live.run(["logrotate", "--force", "--state", str(self._state), str(self._configuration)])


WAYS = {
    "create": ["create"],
    "compress": ["create", "compress"],
    "delaycompress": ["create", "compress", "delaycompress"],
    "dateext": ["create", "dateext", "dateformat -%Y%m%d-%s", "compress"],
    "copytruncate": ["copytruncate"],
    "copytruncate and compress": ["copytruncate", "compress"],
}


@pytest.mark.parametrize("down", [False, True], ids=["up", "down"])
@pytest.mark.parametrize("way", WAYS)
def test_every_line_comes_once_whichever_way_logrotate_goes(way: str, down: bool, tmp_path: Path) -> None:
    """The program opens its log anew for each line, so that no line falls between the copy and the cut."""
    with skipped_without("logrotate"):
        folder = tmp_path / "logs"
        folder.mkdir(mode=0o755)
        log = folder / "a.log"
        rotate = Logrotate(tmp_path, log, *WAYS[way])
        follower = Follower(Memory(), folder)
        log.touch()
        follower.poll()
        written = []
        for number in range(60):
            written.append(f"{number} {'x' * (number % 50)}")
            with log.open("a") as file:
                file.write(written[-1] + "\n")
            if number % 7 == 3:
                if "dateext" in way:
                    time.sleep(1.01)  # seconds are in the name
                rotate.run()
            if not down and number % 5 == 0:
                follower.poll(seconds=1)
            elif down and number % 20 == 10:
                follower.poll(seconds=1)
                follower.restart()
        follower.poll(seconds=5)
        follower.files.close()
        assert follower.journal.lines(str(log)) == written
        assert len(follower.journal.lines()) == len(written)
        assert "lost" not in follower.counts


NGINX = """
worker_processes 2;
daemon off;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log {folder}/access.log combined;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    server {{ listen unix:{folder}/http.sock; location / {{ return 204; }} }}
}}
"""


def ask(path: Path, target: str) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(f"GET {target} HTTP/1.0\r\n\r\n".encode())
        while connection.recv(1000):
            pass


def test_nginx_under_load_is_rotated_by_logrotate_and_told(tmp_path: Path) -> None:
    with skipped_without("nginx", "logrotate", "setpriv"), live._short_folder() as folder:
        folder.chmod(0o755)
        configuration = folder / "nginx.conf"
        configuration.write_text(NGINX.format(folder=folder))
        tell = ["postrotate", f"  kill -USR1 $(cat {folder}/nginx.pid)", "endscript"]
        rotate = Logrotate(
            tmp_path, folder / "access.log", "su root root", "create 0666", "compress", "delaycompress", *tell
        )
        argv = ["nginx", "-p", str(folder), "-c", str(configuration), "-e", f"{folder}/error.log"]
        with live._server(argv, tmp_path / "nginx.err") as process:
            live._up(process, tmp_path / "nginx.err", (folder / "http.sock").exists)
            with tailing(quick(folder / "access.log")) as journal:
                for number in range(1500):
                    ask(folder / "http.sock", f"/{number}")
                    if number % 250 == 125:
                        rotate.run()
                wait_for(lambda: len(journal.lines()) >= 1500, "all requests")
                time.sleep(0.5)
        found = [int(match[1]) for line in journal.lines() if (match := re.search(r'"GET /(\d+) ', line))]
        assert sorted(found) == list(range(1500))


def test_auditd_is_followed_over_its_own_rotation(tmp_path: Path) -> None:
    with skipped_without("auditd", "auditctl", "setpriv"), live.recorder(tmp_path) as recorder:
        with tailing(quick(recorder.log)) as journal:
            live.run(["/bin/true", "tidewaiter-tail-before"])
            recorder.settle()
            recorder.log.rename(recorder.log.with_name("audit.log.1"))
            live.run(["/bin/true", "tidewaiter-tail-between"])  # auditd still writes to the renamed file
            wait_for(lambda: any("tidewaiter-tail-between" in line for line in journal.lines()), "the record")
        text = recorder.log.with_name("audit.log.1").read_text().split("\n")[:-1]
        common = min(len(text), len(journal.lines()))
        assert journal.lines()[:common] == text[:common]


RSYSLOG = """
global(workDirectory="{folder}" net.enableDNS="off" defaultNetstreamDriverCAFile="{ca}"
       defaultNetstreamDriverCertFile="{certificate}" defaultNetstreamDriverKeyFile="{key}")
module(load="imuxsock" sysSock.use="off")
input(type="imuxsock" socket="{folder}/log" createPath="on" ruleset="out")
ruleset(name="out") {{
    action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp" template="RSYSLOG_SyslogProtocol23Format"
           streamDriver="ossl" streamDriverMode="1" streamDriverAuthMode="anon" {framing})
}}
"""


@pytest.mark.parametrize("framing", ["", 'tcp_Framing="octet-counted"'], ids=["lines", "counted"])
def test_rsyslog_sends_over_tls(framing: str, tmp_path: Path) -> None:
    with skipped_without("rsyslogd", "logger", "openssl", "setpriv"), live._short_folder() as folder:
        pems = authority(tmp_path)
        tail = SyslogTail(
            transport="tls",
            listen="127.0.0.1:0",
            certificate=str(pems.server),
            key=str(pems.server_key),
            client_ca=str(pems.ca),
        )
        journal = Memory()
        feed = feed_into(journal, tail)
        with running(Syslog(tail, feed), feed) as server:
            assert server.listening.wait(10)
            configuration = folder / "rsyslog.conf"
            keys = {"ca": pems.ca, "certificate": pems.client, "key": pems.client_key}
            configuration.write_text(RSYSLOG.format(folder=folder, port=server.port, framing=framing, **keys))
            argv = ["rsyslogd", "-n", "-f", str(configuration), "-i", str(folder / "pid")]
            with live._server(argv, tmp_path / "rsyslog.err") as process:
                live._up(process, tmp_path / "rsyslog.err", (folder / "log").exists)
                sent = [json.dumps({"n": number, "text": "ж" * number}, ensure_ascii=False) for number in range(50)]
                for text in sent:
                    live.run(["logger", "-u", str(folder / "log"), "-t", "story", "--", text])
                wait_for(lambda: len(journal.lines()) >= 50, "all messages")
        lines = journal.lines("syslog/tls/127.0.0.1")
        assert [line.partition("{")[0][:4] for line in lines] == ["<13>"] * 50
        assert ["{" + line.partition("{")[2] for line in lines] == sent


JOURNAL_REMOTE = Path("/usr/lib/systemd/systemd-journal-remote")


def test_journalctl_follows_a_journal_and_goes_on_behind_the_kept_cursor(tmp_path: Path) -> None:
    """A journal is made from entries in the export format, which needs no journal daemon."""
    with skipped_without("journalctl"):
        if not JOURNAL_REMOTE.exists():
            raise live.Unavailable("not installed: systemd-journal-remote")
        directory = tmp_path / "journal"
        directory.mkdir()
        settings = JournaldTail(directory=str(directory), matches=("SYSLOG_IDENTIFIER=story",))
        journal = Memory()
        for start in (0, 10):
            feed = feed_into(journal, settings)
            add_to_journal(directory, start)
            with running(Journald(settings, feed), feed):
                wait_for(lambda wanted=start + 10: len(journal.lines()) >= wanted, "the entries")  # type: ignore[misc]
        entries = [json.loads(line) for line in journal.lines("journald")]
        assert [len(entry["MESSAGE"]) for entry in entries] == [n * 1000 for n in range(1, 21)]  # long ones, too


def add_to_journal(directory: Path, start: int) -> None:
    at = 1_700_000_000_000_000
    identity = "0123456789abcdef0123456789abcdef"
    text = "".join(
        f"__REALTIME_TIMESTAMP={at + n}\n__MONOTONIC_TIMESTAMP={n + 1}\n_BOOT_ID={identity}\n_MACHINE_ID={identity}\n"
        f"SYSLOG_IDENTIFIER={who}\nMESSAGE={'x' * 1000 * (n + 1)}\n\n"
        for n in range(start, start + 10)
        for who in ("story", "other")
    )
    argv = [str(JOURNAL_REMOTE), "-o", str(directory / f"part{start}.journal"), "-"]
    done = subprocess.run(argv, input=text.encode(), capture_output=True, check=False, timeout=20)
    assert done.returncode == 0, done.stderr


CHILD = """
import sys
from pathlib import Path
from tidewaiter.service.journal import Journal
from tidewaiter.service.tails import Tails
from tidewaiter.settings.tails import FileTail
tails = Tails([FileTail(paths=(sys.argv[2],), poll=0.005, rescan=0.02)], Journal(Path(sys.argv[1]), segment=1 << 16))
tails.start()
print("up", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("way", ["rename", "copy"])
def test_kill_at_random_points_loses_and_doubles_nothing(way: str, tmp_path: Path) -> None:
    """The real journal, a writer that never stops, rotation, and 25 times kill -9."""
    chance = random.Random(7)  # noqa: S311 -- seeded, not secret
    folder = tmp_path / "logs"
    folder.mkdir()
    log = folder / "a.log"
    log.touch()
    stop, lock = threading.Event(), threading.Lock()
    written = 0

    def write() -> None:
        nonlocal written
        while not stop.is_set():
            with lock, log.open("a") as file:
                for _ in range(20):
                    file.write(f"{written} {'x' * (written % 90)}\n")
                    written += 1
            time.sleep(0.002)

    def rotate(number: int) -> None:
        with lock:
            part = folder / f"a.log.{100 - number}"
            if way == "rename":
                log.rename(part)
                log.touch()
            else:
                shutil.copyfile(log, part)
                os.truncate(log, 0)

    writer = threading.Thread(target=write)
    child = start(tmp_path, folder)
    # What was rotated before the log was seen for the first time is the past, and not read.
    wait_for(lambda: b"a.log" in (tmp_path / "journal" / "0000000000000001.journal").read_bytes(), "the first position")
    writer.start()
    try:
        for number in range(25):
            time.sleep(chance.uniform(0.0, 0.4))
            end(child)
            if number % 3 == 0:
                rotate(number)
            child = start(tmp_path, folder)
            if number % 3 == 1:
                rotate(number)
    finally:
        stop.set()
        writer.join()
        time.sleep(5.0)
        end(child)
    assert numbers(tmp_path / "journal") == list(range(written))


def start(tmp_path: Path, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", textwrap.dedent(CHILD), str(tmp_path / "journal"), str(folder)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    return child


def end(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=10)


def numbers(folder: Path) -> list[int]:
    journal = Journal(folder)
    data = b"".join(entry.data for entry in entries(journal))
    journal.close()
    return [int(line.split()[0]) for line in data.splitlines()]


def entries(journal: Journal) -> Iterator[Entry]:
    after = START
    while True:
        found, after = journal.read(after, 1 << 20)
        if not found:
            return
        yield from found
