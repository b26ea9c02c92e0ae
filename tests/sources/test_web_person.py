from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.sources.web_person import claimed_name, headers_of, token_subject, without_secrets


def token(**claims: Any) -> str:
    head, body = (urlsafe_b64encode(msgspec.json.encode(part)).decode().rstrip("=") for part in ({"alg": "x"}, claims))
    return f"{head}.{body}.c2ln"


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"x_forwarded_user": "olga"}, "olga"),
        ({"x_auth_request_email": "olga@shop.example"}, "olga@shop.example"),
        ({"x_remote_user": "olga", "impersonate_user": "pavel"}, "pavel"),
        ({"x_forwarded_user": "-", "authorization": "Bearer " + token(sub="olga")}, "olga"),
        ({"cookie": "a=b; portainer_api_key=" + token(username="olga", id=1)}, "olga"),
        ({"authorization": "Basic " + b64encode(b"olga:secret").decode()}, "olga"),
        ({"authorization": "Basic !!"}, ""),
        ({"authorization": "REDACTED"}, ""),
        ({"x_forwarded_user": "a\x1b[2J"}, ""),
        ({"x_forwarded_user": "a" * 300}, ""),
        ({}, ""),
    ],
)
def test_says_which_name_is_claimed(headers: dict[str, str], name: str) -> None:
    assert claimed_name(headers) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (token(sub="system:serviceaccount:kd:olga", name="x"), "system:serviceaccount:kd:olga"),
        (token(iss="argocd", sub="ci:apiKey"), "ci"),
        (token(sub="0f1e2d", email="olga@shop.example", preferred_username="olga"), "olga"),
        (token(sub="0f1e2d", email="olga@shop.example"), "olga@shop.example"),
        (token(sub=7), ""),
        (token(), ""),
        ("eyJhbGciOiJub25lIn0.e30", ""),
        ("eyJhbGciOiJub25lIn0.bm8tanNvbg.x", ""),
        ("eyJhbGciOiJub25lIn0.a.x", ""),
        ("", ""),
    ],
)
def test_reads_the_subject_of_a_token(text: str, name: str) -> None:
    assert token_subject(text) == name


def test_collects_headers_however_they_are_spelt() -> None:
    record = {"http_x_forwarded_user": "a", "request_X-Remote-User": "b", "status": 200, "request_Authorization": "-"}
    maps = [{"X-Forwarded-Email": ["c"], "Accept": []}, None, "x"]
    assert headers_of(record, maps) == {"x_forwarded_user": "a", "x_remote_user": "b", "x_forwarded_email": "c"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /a?token=abcdefgh&b=c", "GET /a?token=…&b=c"),
        ("GET /a?access_token=" + token(sub="olga"), "GET /a?access_token=…"),
        ("GET /a/" + token(sub="olga") + "/b", "GET /a/…/b"),
        ("GET /api/v1/pods?limit=500", "GET /api/v1/pods?limit=500"),
    ],
)
def test_shows_no_secrets(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


@given(st.dictionaries(st.sampled_from(["authorization", "cookie", "x_remote_user"]), st.text()))
def test_never_raises(headers: dict[str, str]) -> None:
    claimed_name(headers)
    claimed_name({key: f"Basic {value}" for key, value in headers.items()})
    claimed_name({key: f"eyJhbGciOiJub25lIn0.{value}.x" for key, value in headers.items()})
