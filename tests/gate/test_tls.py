from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gate.gate_at_work import OK, PING, Daemon, at_work, echo
from gate.test_relay import after_all, run

from tidewaiter.errors import ConfigError
from tidewaiter.gate import serving, tls
from tidewaiter.gate.caller import Certificate
from tidewaiter.gate.listening import listen_tcp
from tidewaiter.gate.tls import certificate_of, server_context

_LARGE = bytes(range(256)) * 8000


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a CA, a server's and a client's certificate, and a stranger's that signed itself."""
    folder = tmp_path_factory.mktemp("tls")
    key = ["-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    for name in ("ca", "stranger"):
        out = ["-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem"]
        openssl("req", "-x509", *key, "-subj", f"/CN={name}", "-days", "2", *out)
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("server", "client"):
        openssl(
            "req", "-new", *key, "-subj", f"/O=x/CN={name}", "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/r"
        )
        signed = [
            "-CA",
            f"{folder}/ca.pem",
            "-CAkey",
            f"{folder}/ca.key",
            "-CAcreateserial",
            "-out",
            f"{folder}/{name}.pem",
        ]
        openssl("x509", "-req", "-in", f"{folder}/r", "-days", "2", "-extfile", f"{folder}/names", *signed)
    return folder


def client(files: Path, name: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files / "ca.pem")
    if name:
        context.load_cert_chain(files / f"{name}.pem", files / f"{name}.key")
    return context


def serve(tmp_path: Path, files: Path, daemon: Daemon, talk: Callable[[tuple[str, int]], Any]) -> list[dict[str, Any]]:
    """Run a gate with a TLS listener and a client in a thread; gives the records."""
    records: list[dict[str, Any]] = []
    listener = listen_tcp("127.0.0.1", 0)
    context = server_context(files / "server.pem", files / "server.key", files / "ca.pem")

    async def story() -> None:
        async with at_work(tmp_path, daemon, more=(listener,), tls=context) as here:
            await asyncio.to_thread(talk, listener.socket.getsockname())
        records.extend(here.records())

    run(story)
    return records


def test_a_client_is_named_by_its_certificate(tmp_path: Path, files: Path) -> None:
    def talk(address: tuple[str, int]) -> None:
        plain = socket.create_connection(address, timeout=5)
        with client(files, "client").wrap_socket(plain, server_hostname="127.0.0.1") as tls:
            for _ in range(2):
                tls.sendall(PING)
                assert tls.recv(1000) == OK

    found = serve(tmp_path, files, echo, talk)
    assert [(one["target"], one["caller"]["certificate"]["subject"]) for one in found] == [
        ("/_ping", "CN=client,O=x")
    ] * 2
    assert found[0]["caller"]["certificate"]["names"] == ["client", "127.0.0.1"]
    assert found[0]["listener"].startswith("tls:127.0.0.1:")


def test_close_notify_ends_one_direction_only(tmp_path: Path, files: Path) -> None:
    """As Go's CloseWrite does. Python's sockets cannot: so the client's records are made in memory as well."""
    got = b""

    def talk(address: tuple[str, int]) -> None:
        nonlocal got
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = client(files, "client").wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        with socket.create_connection(address, timeout=5) as plain:
            steps: list[Callable[[], Any]] = [tls.do_handshake, lambda: tls.write(_LARGE)]
            for step in steps:
                while True:
                    try:
                        step()
                        break
                    except ssl.SSLWantReadError:
                        plain.sendall(outgoing.read())
                        incoming.write(plain.recv(1 << 16))
            with pytest.raises(ssl.SSLWantReadError):
                tls.unwrap()  # our end is said, the other one's has not come
            threading.Thread(target=plain.sendall, args=(outgoing.read(),)).start()
            while data := plain.recv(1 << 16):
                incoming.write(data)
                try:
                    got += tls.read(1 << 16)
                except ssl.SSLWantReadError:
                    continue
                except ssl.SSLZeroReturnError:
                    break

    serve(tmp_path, files, after_all, talk)
    assert got == b"%d bytes" % len(_LARGE)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("stranger", "TLS: CERTIFICATE_VERIFY_FAILED"), (None, "TLS: PEER_DID_NOT_RETURN_A_CERTIFICATE")],
)
def test_whoever_has_no_certificate_of_ours_gets_nothing(
    tmp_path: Path, files: Path, name: str | None, reason: str
) -> None:
    def refused(address: tuple[str, int]) -> None:
        plain = socket.create_connection(address, timeout=5)
        with client(files, name).wrap_socket(plain, server_hostname="127.0.0.1") as tls:
            tls.sendall(PING)
            tls.recv(1000)  # TLS 1.3: only now

    def talk(address: tuple[str, int]) -> None:
        with pytest.raises(OSError, match="alert"):
            refused(address)

    (record,) = serve(tmp_path, files, echo, talk)
    assert (record["decision"], record["method"], record["blind"]) == ("denied", None, reason)
    assert record["caller"]["address"].startswith("127.0.0.1:")


def test_whoever_speaks_no_tls_gets_nothing(tmp_path: Path, files: Path) -> None:
    def talk(address: tuple[str, int]) -> None:
        with socket.create_connection(address, timeout=5) as plain:
            plain.sendall(PING)
            assert OK not in plain.recv(1000)

    (record,) = serve(tmp_path, files, echo, talk)
    assert record["blind"] == "TLS: HTTP_REQUEST"


def test_files_that_cannot_be_used_are_said(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match="the files for TLS cannot be used"):
        server_context(tmp_path / "x.pem", tmp_path / "x.pem", tmp_path / "x.pem")


@pytest.mark.parametrize(
    ("told", "subject", "names"),
    [
        ({}, None, ()),
        (
            {
                "subject": ((("countryName", "NL"),), (("organizationName", "a, b"),), (("commonName", "#x"),)),
                "subjectAltName": (("DNS", "x.example"), ("URI", "spiffe://x/y"), ("DNS", "#x")),
            },
            r"CN=\#x,O=a\, b,C=NL",
            ("#x", "x.example", "spiffe://x/y"),
        ),
    ],
)
def test_a_subject_reads_as_rfc_4514_wants_it(
    told: dict[str, Any], subject: str | None, names: tuple[str, ...]
) -> None:
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert certificate_of(told, b"abc") == Certificate(subject=subject, names=names, fingerprint=digest)


def test_strangers_fill_neither_memory_nor_disk(tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "MOST_STRANGERS", 3)
    monkeypatch.setattr(serving, "_REFUSALS", 2)

    def talk(address: tuple[str, int]) -> None:
        waiting = [socket.create_connection(address, timeout=5) for _ in range(8)]
        with client(files, "client").wrap_socket(waiting[0], server_hostname="127.0.0.1") as known:
            known.sendall(PING)
            assert known.recv(1000) == OK
        assert [one.recv(1) for one in waiting[3:]] == [b""] * 5
        for one in waiting[1:]:
            one.close()

    found = serve(tmp_path, files, echo, talk)
    assert [one["target"] for one in found if one["target"]] == ["/_ping"]
    refused = [one["blind"] for one in found if not one["target"]]
    assert 2 <= len(refused) <= 4  # two in a second
    assert refused[0] == "TLS: too many strangers at once"
