"""What can be said without a connection; tests/integration/test_live_http.py has connections."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.errors import ConfigError
from tidewaiter.service.http_server import HttpServer
from tidewaiter.settings.http import Http, HttpTls


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """Answer nothing."""


@pytest.fixture
def taken() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_an_address_that_is_taken_is_told_before_anything_listens(taken: int) -> None:
    with pytest.raises(ConfigError) as raised:
        asyncio.run(HttpServer(nothing, Http(port=taken)).serve())
    assert str(raised.value) == (
        "error: cannot listen: Address already in use\n"
        f"where: 127.0.0.1:{taken}\n"
        "hint: another program may listen there; choose another port in [http]"
    )


def test_no_server_that_everybody_may_use() -> None:
    with pytest.raises(ConfigError, match="everybody who reaches"):
        HttpServer(nothing, Http(address="0.0.0.0"))


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_certificate_that_cannot_be_used(tmp_path: Path, content: str | None) -> None:
    for name in ("c", "k"):
        if content:
            (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match="the certificate cannot be used"):
        HttpServer(nothing, Http(tls=HttpTls(certificate=str(tmp_path / "c"), key=str(tmp_path / "k"))))


def test_an_authority_that_is_not_there(tmp_path: Path) -> None:
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x -keyout k -out c"
    subprocess.run(make.split(), cwd=tmp_path, check=True, capture_output=True)
    for written in (None, "", "no certificate"):
        if written is not None:
            (tmp_path / "ca").write_text(written)
        tls = HttpTls(certificate=str(tmp_path / "c"), key=str(tmp_path / "k"), client_authority=str(tmp_path / "ca"))
        with pytest.raises(ConfigError, match="client_authority"):
            HttpServer(nothing, Http(tls=tls))


def test_it_leaves_the_logging_of_the_program_alone() -> None:
    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    before = {name: list(logging.getLogger(name).handlers) for name in ("", "_granian", "granian.access")}
    try:
        HttpServer(nothing, Http())
        assert {name: logging.getLogger(name).handlers for name in before} == before
    finally:
        logging.getLogger().removeHandler(handler)
