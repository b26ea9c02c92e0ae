"""The real server on this machine, spoken to by curl and by raw sockets; the real journal behind it."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from audit_event import as_go_writes, event

from tidewaiter.service.access import Access
from tidewaiter.service.http import Intake
from tidewaiter.service.http_server import HttpServer
from tidewaiter.service.journal import START, Journal
from tidewaiter.service.metrics import Metrics
from tidewaiter.settings.http import Http, HttpTls, Token
from tidewaiter.settings.secret import Secret
from tidewaiter.sources.live import LiveReading

pytestmark = pytest.mark.skipif(
    not shutil.which("curl") or not shutil.which("openssl"), reason="curl or openssl is missing"
)

TOKEN = "live-token-0123456789abcdef"
AUDIT = "/v1/kubernetes/audit/prod"


def batch(count: int, pad: int = 0) -> bytes:
    """Give a batch as kube-apiserver posts it."""
    items = [
        {key: value for key, value in event(auditID=f"id-{n}").items() if key not in {"kind", "apiVersion"}}
        | ({"requestObject": {"pad": "x" * pad}} if pad else {})
        for n in range(count)
    ]
    return as_go_writes({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": items})


class Live(NamedTuple):
    """A running server."""

    settings: Http
    journal: Journal
    stop: Callable[[], None]

    def curl(self, path: str, *options: str, body: bytes | None = None) -> tuple[int, str, dict[str, str]]:
        """Give status, body and headers of curl's answer; status 0 where no answer came."""
        scheme = "https" if self.settings.tls else "http"
        given = ["--data-binary", "@-", *options] if body is not None else options
        always = ("-sS", "-i", "--max-time", "20", "-H", "Content-Type: application/json")
        told = subprocess.run(
            ["curl", *always, *given, f"{scheme}://127.0.0.1:{self.settings.port}{path}"],
            input=body,
            capture_output=True,
            check=False,
        )
        if told.returncode:
            return 0, told.stderr.decode(), {}
        heads, _, text = told.stdout.decode().rpartition("\r\n\r\n")
        last = heads.rpartition("HTTP/1.1 ")[2].splitlines()  # after "100 Continue", perhaps
        headers = dict(one.lower().split(": ", 1) for one in last[1:])
        return int(last[0].split()[0]), text, headers

    def kept(self) -> list[tuple[str, bytes]]:
        return [(one.stream, one.data) for one in self.journal.read(START, 1 << 30)[0]]

    def connect(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.settings.port))
        made.settimeout(10)
        return made


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def running(folder: Path, limit: int = 1 << 30, **given: object) -> Iterator[Live]:
    """Run a server in a thread with a loop of its own."""
    settings = Http(**{"port": free_port(), **given})  # type: ignore[arg-type]
    journal = Journal(folder / "journal", limit=limit)
    access = Access(settings, {"TOKEN": TOKEN})
    app = Intake(settings, access, journal, Metrics(), ready=list, clock=time.monotonic).app()
    loop = asyncio.new_event_loop()
    servers: list[HttpServer] = []

    async def serve() -> None:
        servers.append(HttpServer(app, settings))
        await servers[0].serve()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()

    def stop() -> None:
        if thread.is_alive():
            loop.call_soon_threadsafe(servers[0].stop)
        thread.join(10)
        assert not thread.is_alive()

    live = Live(settings, journal, stop)
    try:
        for _ in range(200):
            try:
                live.connect().close()
                break
            except ConnectionRefusedError:
                time.sleep(0.02)
        yield live
    finally:
        stop()
        loop.close()
        journal.close()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Give one server for all tests that ask nothing special of it."""
    with running(tmp_path_factory.mktemp("live"), body_seconds=1.0) as made:
        yield made


def test_a_batch_is_on_disk_when_it_is_acknowledged(tmp_path: Path) -> None:
    with running(tmp_path) as live:
        status, text, headers = live.curl(AUDIT + "?timeout=30s", body=batch(400))
        assert (status, text, headers["tidewaiter-records"]) == (200, "", "400")
        assert live.curl(AUDIT, body=batch(400))[0] == 200  # the same again, as after an answer that was lost
        # As a crash would leave it: what is in the file now is all that there is.
        on_disk = b"".join(path.read_bytes() for path in sorted((tmp_path / "journal").glob("*")))
        assert on_disk.count(b'"auditID":"id-399"') == 2
    reading = LiveReading("kubernetes/prod")
    again = Journal(tmp_path / "journal")
    entries, _ = again.read(START, 1 << 30)
    again.close()
    found = [one.id for entry in entries for one in reading.feed(entry.data, line=entry.line, offset=entry.offset)]
    assert (len(found), len(set(found))) == (800, 400)  # the store keeps one of each


@pytest.mark.parametrize("size", [3 << 20, 9 << 20])  # curl asks with Expect: 100-continue first
def test_large_batches(live: Live, size: int) -> None:
    body = batch(400, size // 400)
    assert len(body) > size
    assert live.curl(AUDIT, body=body)[0] == 200
    assert live.kept()[-1][1].count(b"\n") == 400


@pytest.mark.parametrize("option", [(), ("-H", "Transfer-Encoding: chunked")])
def test_too_large_a_body(live: Live, option: tuple[str, ...]) -> None:
    before = live.kept()
    assert live.curl(AUDIT, *option, body=bytes(11 << 20))[0] == 413
    assert (live.curl("/healthz")[0], live.kept()) == (200, before)


def test_compressed_bodies_and_a_bomb(live: Live) -> None:
    packed = ("-H", "Content-Encoding: gzip")
    assert live.curl("/v1/json/x", *packed, body=gzip.compress(b'{"a":1}'))[:2] == (
        200,
        '{"records":1,"unreadable":0}\n',
    )
    bomb = gzip.compress(bytes(300 << 20))
    status, text, _ = live.curl("/v1/json/x", *packed, body=bomb)
    assert (status, "after inflation" in text) == (413, True)
    assert live.curl("/v1/json/x", *packed, body=b"no gzip")[0] == 400


def test_a_full_journal(tmp_path: Path) -> None:
    with running(tmp_path, limit=600_000) as live:
        codes = [live.curl(AUDIT, body=batch(200))[0] for _ in range(6)]
        assert codes == sorted(codes)
        assert set(codes) == {200, 503}
        status, text, headers = live.curl(AUDIT, body=batch(200))
        assert (status, headers["retry-after"], "wait for the engine" in text) == (503, "10", True)
        assert len(live.kept()) == codes.count(200)
        assert json.loads(live.curl("/readyz")[1])["ready"] is True  # smaller ones are still taken


def test_tokens(tmp_path: Path) -> None:
    token = Token(name="prod", secret=Secret(env="TOKEN"), sources=("prod",))
    with running(tmp_path, token=(token,)) as live:
        bearer = ("-H", f"Authorization: Bearer {TOKEN}")
        tried = [(), ("-H", "Authorization: Bearer wrong"), bearer, ("-u", f"fluent:{TOKEN}"), ("-u", f"{TOKEN}:x")]
        assert [live.curl(AUDIT, *one, body=b"{}")[0] for one in tried] == [401, 401, 200, 200, 401]
        assert live.curl("/v1/json/other", *bearer, body=b"{}")[0] == 403
        assert live.curl("/v1/pubsub/prod?token=" + TOKEN, body=b"{}")[0] == 200
        assert [stream for stream, _ in live.kept()] == ["kubernetes/prod", "kubernetes/prod", "pubsub/prod"]


def openssl(folder: Path, *options: str) -> None:
    subprocess.run(["openssl", *options], cwd=folder, check=True, capture_output=True)


def certificates(folder: Path) -> None:
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    openssl(folder, "req", "-x509", *key, "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")
    for name in ("server", "client"):
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE")
        names = ("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1")
        openssl(folder, "req", "-x509", *key, *signed, *names, "-keyout", f"{name}.key", "-out", f"{name}.pem")
    openssl(folder, "req", "-x509", *key, "-subj", "/CN=stranger", "-keyout", "stranger.key", "-out", "stranger.pem")


def test_client_certificates(tmp_path: Path) -> None:
    certificates(tmp_path)
    at = {name: str(tmp_path / name) for name in ("ca.pem", "server.pem", "server.key")}
    tls = HttpTls(certificate=at["server.pem"], key=at["server.key"], client_authority=at["ca.pem"])
    with running(tmp_path, tls=tls) as live:
        trust = ("--cacert", at["ca.pem"])
        own = {
            name: ("--cert", str(tmp_path / f"{name}.pem"), "--key", str(tmp_path / f"{name}.key"))
            for name in ("client", "stranger")
        }
        assert live.curl(AUDIT, *trust, *own["client"], body=b"{}")[0] == 200
        assert live.curl(AUDIT, *trust, body=b"{}")[0] == 0
        assert live.curl(AUDIT, *trust, *own["stranger"], body=b"{}")[0] == 0
        assert live.curl(AUDIT, *trust, *own["client"], "--tls-max", "1.2", body=b"{}")[0] == 0
        assert len(live.kept()) == 1


HEAD = b"POST /v1/json/raw HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (HEAD + b'Content-Length: 7\r\n\r\n{"a":1}{"b":2}', b"200 400"),  # more than it said: the rest is no request
        (HEAD + b'Content-Length: 8\r\n\r\n{"a":1}', b"408"),  # less
        (HEAD + b"Content-Length: x\r\n\r\n", b"400"),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", b"400"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"499"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n0\r\n\r\n", b"200"),
        (b"\x16\x03\x01\x00\xa5", b"400"),  # TLS on a plain port
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
    ],
)
def test_requests_that_lie(live: Live, sent: bytes, answered: bytes) -> None:
    with live.connect() as made:
        told = b""
        try:
            made.sendall(sent)
            made.shutdown(socket.SHUT_WR) if answered == b"499" else None
            while answered not in b" ".join(codes(told)) and (more := made.recv(4096)):
                told += more
        except ConnectionError:
            pass
    found = b" ".join(codes(told))
    assert found == answered
    assert live.curl("/healthz")[0] == 200


def codes(told: bytes) -> list[bytes]:
    return [part[:3] for part in told.split(b"HTTP/1.1 ")[1:]]


def test_one_connection_many_requests_and_a_stop_in_between(tmp_path: Path) -> None:
    with running(tmp_path) as live, live.connect() as made:
        for number in range(20):
            made.sendall(HEAD + b"Content-Length: 3\r\n\r\n" + b"%3d" % number)
            assert made.recv(4096).startswith(b"HTTP/1.1 200")
        begun = time.monotonic()
        live.stop()  # the connection stays open: nobody waits for it
        assert time.monotonic() - begun < 5
        assert len(live.kept()) == 20


GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def test_so_many_connections_and_no_more(tmp_path: Path) -> None:
    with running(tmp_path, connections=2) as live:
        first, second, third = live.connect(), live.connect(), live.connect()
        with first, second, third:
            for made in (first, second):
                made.sendall(GET)
                assert made.recv(4096).startswith(b"HTTP/1.1 200")
            third.sendall(GET)
            third.settimeout(0.5)
            with pytest.raises(TimeoutError):
                third.recv(4096)
            first.close()
            third.settimeout(10)
            assert third.recv(4096).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("begun", [b"", b"GET /healthz HT"])
def test_who_connects_and_says_nothing_is_shown_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr("tidewaiter.service.http_server._HEADER_MILLISECONDS", 300)
    with running(tmp_path) as live, live.connect() as made:
        made.sendall(begun)
        assert b"HTTP/1.1 200" not in made.recv(4096)  # nothing, or that it took too long


def test_scrapers_read_the_metrics(live: Live) -> None:
    live.curl(AUDIT, body=batch(1))
    status, text, headers = live.curl("/metrics")
    assert (status, headers["content-type"].startswith("text/plain")) == (200, True)
    assert 'tidewaiter_intake_requests_total{code="200",route="kubernetes"}' in text
