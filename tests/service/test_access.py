from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tidewaiter.errors import ConfigError
from tidewaiter.service.access import ANYBODY, Access, Bucket, Caller, Sources, is_source_name, shown_token
from tidewaiter.settings.http import Http, HttpTls, Token
from tidewaiter.settings.secret import Secret

PROD, ALL = "prod-token-0123456789", "all-token-0123456789"
ENVIRONMENT = {"PROD": PROD, "ALL": ALL}
TOKENS = (
    Token(name="prod", secret=Secret(env="PROD"), sources=("prod", "stage")),
    Token(name="all", secret=Secret(env="ALL"), metrics=True),
)
TLS = HttpTls(certificate="c", key="k")


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("shown", "caller"),
    [
        (f"Bearer {PROD}", Caller(frozenset({"prod", "stage"}), metrics=False)),
        (f"bearer  {ALL} ", Caller(frozenset({"*"}), metrics=True)),
        (basic(f"anybody:{ALL}"), Caller(frozenset({"*"}), metrics=True)),
        ("", None),
        ("Bearer ", None),
        ("Bearer", None),
        (f"Bearer {PROD}x", None),
        (f"Bearer {PROD[:-1]}", None),
        (f"Token {PROD}", None),
        (basic(f"{ALL}:"), None),
        ("Basic %%%", None),
        ("Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(), None),
        ("Bearer \udcff", None),
    ],
)
def test_who_shows_a_token_is_known(shown: str, caller: Caller | None) -> None:
    assert Access(Http(token=TOKENS), ENVIRONMENT).caller(shown) == caller


def test_a_token_may_stand_in_the_address() -> None:
    access = Access(Http(token=TOKENS), ENVIRONMENT)
    assert access.caller("", PROD) == Caller(frozenset({"prod", "stage"}), metrics=False)
    assert access.caller(f"Bearer {PROD}", "wrong") is None


def test_a_token_is_for_its_sources() -> None:
    prod = Caller(frozenset({"prod"}), metrics=False)
    assert [prod.may_send_as(name) for name in ("prod", "Prod", "*", "production")] == [True, False, False, False]
    assert ANYBODY.may_send_as("whatever")


@pytest.mark.parametrize(
    ("settings", "is_open"),
    [
        (Http(), True),
        (Http(token=TOKENS), False),
        (Http(address="0.0.0.0", token=TOKENS), False),
        (Http(address="0.0.0.0", tls=HttpTls(certificate="c", key="k", client_authority="a")), False),
    ],
)
def test_whether_only_the_network_keeps_strangers_away(settings: Http, is_open: bool) -> None:
    assert Access(settings, ENVIRONMENT).open is is_open


@pytest.mark.parametrize("settings", [Http(address="0.0.0.0"), Http(address="::", tls=TLS)])
def test_no_door_without_a_lock(settings: Http) -> None:
    with pytest.raises(ConfigError) as raised:
        Access(settings, {})
    assert str(raised.value).splitlines()[1:] == [
        "where: [http]",
        "hint: name a [[http.token]], or a client_authority in [http.tls], or listen on 127.0.0.1",
    ]


def test_a_token_that_can_be_guessed_is_refused_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter2\n")
    weak = Token(name="weak", secret=Secret(file=str(tmp_path / "token")))
    with pytest.raises(ConfigError) as raised:
        Access(Http(token=(weak,)), {})
    assert "'weak' is shorter than 16 characters" in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer a b", "a b"), ("BASIC " + basic("u:p:q")[6:], "p:q"), ("Digest x", ""), ("", "")],
)
def test_the_token_of_a_header(header: str, token: str) -> None:
    assert shown_token(header) == token


@pytest.mark.parametrize(
    ("name", "good"),
    [
        *(("prod", True), ("a.b_c-D9", True), ("x" * 64, True)),
        *(("", False), ("x" * 65, False), ("a/b", False), ("a b", False), ("a\n", False), ("ä", False), ("*", False)),
    ],
)
def test_names_of_sources(name: str, good: bool) -> None:
    assert is_source_name(name) is good


def test_a_bucket_fills_with_time_and_not_beyond_its_rim() -> None:
    bucket = Bucket(10.0, 100.0)
    bucket.take(20)
    assert bucket.wait(100.0) == pytest.approx(0.1)
    bucket.take(30)  # more than there is: who comes next waits for it
    assert bucket.wait(100.0) == pytest.approx(3.1)
    assert bucket.wait(104.0) == 0.0
    bucket.wait(1000.0)
    bucket.take(20)
    assert bucket.wait(1000.0) > 0
    assert bucket.wait(999.0) > 0  # a clock that goes back gives nothing


def test_each_source_has_its_own_measure_and_there_are_not_too_many() -> None:
    now = 0.0
    sources = Sources(Http(source_requests=1.0, source_bytes=1000.0, most_sources=2), lambda: now)
    assert [sources.knows(name) for name in ("a", "b", "c", "a")] == [True, True, False, True]
    assert [sources.wait("a") for _ in range(3)] == [0.0, 0.0, pytest.approx(1.0)]
    assert sources.wait("b") == 0.0
    sources.took("b", 5000)
    assert sources.wait("b") == pytest.approx(3.001)
    now = 4.0
    assert [sources.wait("a"), sources.wait("b"), len(sources)] == [0.0, 0.0, 2]
