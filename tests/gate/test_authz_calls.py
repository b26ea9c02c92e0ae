from __future__ import annotations

import base64
import json
from hashlib import sha256
from typing import Any

import pytest

from tidewaiter.gate.authz_calls import call_of, fingerprint
from tidewaiter.gate.caller import NOBODY, Caller, Certificate

_DER = b"not really a certificate"
_PEM = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(_DER) + b"-----END CERTIFICATE-----\n"
_SHOWN = base64.b64encode(_PEM).decode()
_PRINT = sha256(_DER).hexdigest()
_LIST: dict[str, Any] = {"RequestMethod": "GET", "RequestUri": "/v1.41/containers/json"}


def _call(**members: Any) -> Any:
    found = call_of(json.dumps(_LIST | members).encode())
    assert found is not None
    return found


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b'{"RequestMethod":"GET"}', b'{"RequestMethod":1,"RequestUri":"/"}', b"\xff", b"["],
)
def test_what_is_no_call_is_none(body: bytes) -> None:
    assert call_of(body) is None


def test_a_call_that_is_nested_deeply_is_none() -> None:
    assert call_of(b'{"RequestMethod":"GET","RequestUri":"/","X":' + b"[" * 100_000) is None


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, NOBODY),
        ({"User": "", "UserAuthNMethod": ""}, NOBODY),
        (
            {"User": "alice", "UserAuthNMethod": "TLS", "RequestPeerCertificates": [_SHOWN, "Zm9v"]},
            Caller(certificate=Certificate(names=("alice",), fingerprint=_PRINT)),
        ),
        # A certificate without a common name: the method is there, the user is not.
        (
            {"UserAuthNMethod": "TLS", "RequestPeerCertificates": [_SHOWN]},
            Caller(certificate=Certificate(fingerprint=_PRINT)),
        ),
        ({"User": "alice"}, Caller(user="alice")),
    ],
)
def test_the_caller_is_who_the_certificate_says(members: dict[str, Any], expected: Caller) -> None:
    assert _call(**members).caller == expected


@pytest.mark.parametrize("text", ["", "&&&", "LS0t", "Zm9v"])
def test_a_broken_certificate_has_a_fingerprint_all_the_same(text: str) -> None:
    assert len(fingerprint(text)) == 64


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, None),
        ({"RequestBody": base64.b64encode(b"x" * 10).decode()}, 10),
        ({"RequestBody": base64.b64encode(b"x" * 11).decode(), "RequestHeaders": {"Content-Length": "11"}}, 11),
        ({"RequestHeaders": {"Content-Length": "1048577"}}, 1048577),  # too large: the daemon keeps it to itself
        ({"RequestHeaders": {"content-length": "0"}}, 0),
        ({"RequestBody": "e30=", "RequestHeaders": {"Content-Length": "0"}}, 2),  # CVE-2024-41110
        ({"RequestHeaders": {"Content-Length": "-1"}}, None),
        ({"RequestBody": None}, None),
    ],
)
def test_the_size_of_a_request(members: dict[str, Any], expected: int | None) -> None:
    assert _call(**members).bytes_in == expected


def test_the_size_of_an_answer() -> None:
    assert _call(ResponseStatusCode=200, ResponseBody=base64.b64encode(b"[]\n").decode()).bytes_out == 3


@pytest.mark.parametrize(
    ("method", "uri", "headers", "status", "expected"),
    [
        ("POST", "/v1.41/exec/e1/start", {"Upgrade": "tcp"}, None, True),
        ("POST", "/v1.41/exec/e1/start", {"upgrade": "tcp"}, 101, True),
        ("POST", "/v1.41/exec/e1/start", {"Upgrade": "tcp"}, 404, False),
        ("POST", "/v1.41/exec/e1/start", {}, None, False),
        ("GET", "/v1.41/containers/json", {"Upgrade": "tcp"}, None, False),
    ],
)
def test_an_upgrade_is_known_by_its_route(
    method: str, uri: str, headers: dict[str, str], status: int | None, expected: bool
) -> None:
    call = _call(RequestMethod=method, RequestUri=uri, RequestHeaders=headers, ResponseStatusCode=status)
    assert call.upgraded is expected


def test_a_request_and_its_answer_share_a_key() -> None:
    asked = _call(RequestHeaders={"User-Agent": "a", "Accept": "b"}, RequestBody="e30=")
    answer = _call(
        RequestHeaders={"Accept": "b", "User-Agent": "a"},
        RequestBody="e30=",
        ResponseStatusCode=200,
        ResponseBody="W10=",
    )
    assert asked.key == answer.key


@pytest.mark.parametrize(
    "members",
    [
        {"RequestMethod": "HEAD"},
        {"RequestUri": "/v1.41/containers/json?all=1"},
        {"RequestHeaders": {"User-Agent": "b"}},
        {"User": "alice"},
        {"RequestPeerCertificates": [_SHOWN]},
        {"RequestBody": "e30="},
    ],
)
def test_another_request_has_another_key(members: dict[str, Any]) -> None:
    assert _call(**members).key != _call().key
