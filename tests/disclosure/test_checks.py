from __future__ import annotations

import base64

import pytest
from disclosure.fakes import POD_TOKEN, USER_TOKEN, basic, fake

from tidewaiter.disclosure.checks import CHECKS, Found, is_placeholder, is_prose


def checked(check: str, value: str, *, name: str = "", before: str = "", after: str = "") -> str | None:
    line = f"{before}{value}{after}"
    return CHECKS[check](Found(value, name, line, len(before), len(before) + len(value)))


@pytest.mark.parametrize(
    "value",
    [
        "***",
        "xxxx",
        "sk_l****",
        "<redacted>",
        "[FILTERED]",
        "${DB}",
        "{{ x }}",
        "$PW",
        "%s",
        "@secret",
        "None",
        "true,",
        "...",
        "(hidden)",
    ],
)
def test_placeholders(value: str) -> None:
    assert is_placeholder(value)


@pytest.mark.parametrize("value", ["hunter2", "changeme", "x", "p4ssw0rd!", "nothing", "admin"])
def test_values_that_are_no_placeholders(value: str) -> None:
    assert not is_placeholder(value)


@pytest.mark.parametrize(
    ("value", "prose"), [("user", True), ("Refreshing.", True), ("sign-in", True), ("Pa55", False), ("aBcD", False)]
)
def test_prose(value: str, prose: bool) -> None:
    assert is_prose(value) is prose


@pytest.mark.parametrize(
    ("check", "value", "name", "kept"),
    [
        ("assigned-secret", "hunter2", "password", True),
        ("assigned-secret", "123456", "password", True),
        ("assigned-secret", "4096", "token", False),
        ("assigned-secret", "30s", "token", False),
        ("assigned-secret", "/run/secrets/db", "password", False),
        ("assigned-secret", "https://vault.example/x", "token", False),
        ("assigned-secret", "2026-01-01T00:00:00Z", "token", False),
        ("secret-in-words", "user", "password", False),
        ("secret-in-words", "Pa55word", "password", True),
        ("not-prose", "generated", "", False),
        ("opaque", "lowercaseonly", "", False),
        ("opaque", "abcDEF123456", "", True),
        ("jwt", USER_TOKEN, "", True),
        ("jwt", f"eyJ{fake('', 12)}.eyJ{fake('', 12)}.{fake('', 12)}", "", False),
        ("service-account-jwt", POD_TOKEN, "", True),
        ("service-account-jwt", USER_TOKEN, "", False),
        ("basic", basic("ada", "lovelace"), "", True),
        ("basic", base64.b64encode(b"no colon here").decode(), "", False),
        ("basic", base64.b64encode(b"ada:\x00\xff").decode(), "", False),
        ("basic", "auth", "", False),
        ("address", "10.0.0.1:80", "", True),
        ("address", "10.0.0.256:80", "", False),
        ("address", "10.0.0.1:65536", "", False),
        ("address", "[fd00::1]:80", "", True),
        ("host", "db.internal:5432", "", True),
        ("host", "io.containerd.internal.v1", "", False),
        ("host", "metadata.google.internal", "", False),
        ("host", "settings.local.py", "", False),
        ("not-kubernetes-itself", "10.96.0.1", "KUBERNETES_SERVICE_HOST", False),
        ("version", "1.2.3", "", True),
        ("version", "1.2.3.4.5", "", False),
        ("version", "HTTP/1.1", "", False),
        ("pod-suffix", "cart-7d4b9c8f6d-x2x4z", "", True),
        ("pod-suffix", "long-bcdfghjklm-words", "", False),
    ],
)
def test_a_check_keeps_or_refuses(check: str, value: str, name: str, kept: bool) -> None:
    assert checked(check, value, name=name) == (value if kept else None)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("postgres://ada:pw@db:5432/x", "postgres://db:5432/x"),
        ("amqp://mq/?password=x&heartbeat=3", "amqp://mq/?password=***&heartbeat=3"),
        ("jdbc:sqlserver://db;password=x", "jdbc:sqlserver://db;password=***"),
        ("redis://cache:6379).", "redis://cache:6379"),
        ("postgres://", None),
    ],
)
def test_a_connection_string_is_told_without_who(value: str, told: str | None) -> None:
    assert checked("connection-string", value) == told


@pytest.mark.parametrize(
    ("before", "told"),
    [("open ", "/etc/app/x.yml"), ("GET ", None), ('"POST ', None), ("uri=", None), ("https://h", None)],
)
def test_a_path_of_a_request_is_no_file(before: str, told: str | None) -> None:
    assert checked("file-path", "/etc/app/x.yml", before=before) == told


def test_a_call_in_code_is_no_host() -> None:
    assert checked("host", "app.local", after="(x)") is None
