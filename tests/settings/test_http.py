from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tidewaiter.settings.http import Http, HttpTls, Token
from tidewaiter.settings.secret import Secret


def test_a_whole_section() -> None:
    given = {
        "address": "10.0.0.5",
        "port": 8443,
        "tls": {"certificate": "s.pem", "key": "s.key", "client_authority": "ca.pem"},
        "token": [{"name": "prod", "secret": {"env": "PROD"}, "sources": ["prod"]}],
        "most_body": 1 << 20,
    }
    assert msgspec.convert(given, Http) == Http(
        address="10.0.0.5",
        port=8443,
        tls=HttpTls(certificate="s.pem", key="s.key", client_authority="ca.pem"),
        token=(Token(name="prod", secret=Secret(env="PROD"), sources=("prod",)),),
        most_body=1 << 20,
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"address": "collector.example"}, "does not appear to be an IPv4 or IPv6 address"),
        ({"port": 0}, "$.port"),
        ({"most_body": 10}, "$.most_body"),
        ({"most_waiting": 1 << 20}, "most_waiting must be at least twice most_body"),
        ({"token": [{"name": "x", "secret": {"env": "A"}, "sources": ["a/b"]}]}, "$.token[0].sources[0]"),
        ({"token": [{"name": "x", "secret": {}}]}, "name either a file or an env"),
        ({"tls": {"certificate": "a"}}, "`key`"),
        ({"prot": 1}, "prot"),
    ],
)
def test_a_mistake_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.convert(given, Http)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("0.0.0.0", False), ("::", False), ("10.1.1.1", False)],
)
def test_loopback(address: str, loopback: bool) -> None:
    assert Http(address=address).loopback is loopback
