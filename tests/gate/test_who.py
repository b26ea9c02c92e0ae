from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tidewaiter.gate.caller import NOBODY, Caller, Certificate
from tidewaiter.gate.who import Who, told

_ID = "0123456789abcdef" * 4
_PRINT = "ab" * 32
_DEPLOY = Caller(pid=9, uid=1001, user="deploy", exe="/usr/bin/docker", groups=("deploy", "docker"))
_SUDO = Caller(uid=0, user="root", login_uid=1000, login_user="alice", command=("docker", "ps"))
_INSIDE = Caller(
    uid=0, user="root", exe="/bin/docker", container=_ID, image="shop/agent:2.1", labels={"role": "agent", "tier": "2"}
)
_GONE = Caller(uid=1001, user="deploy")
_TLS = Caller(certificate=Certificate(names=("ci", "ci.example"), fingerprint=_PRINT), address="192.0.2.7:1")

_MET = [
    ({"anyone": True}, NOBODY, True),
    ({"user": "deploy"}, _DEPLOY, True),
    ({"user": ["ops", "deploy"]}, _DEPLOY, True),
    ({"user": "ops"}, _DEPLOY, False),
    ({"user": "deploy"}, NOBODY, False),
    ({"user": "deploy"}, _GONE, False),  # nobody knows where it ran
    ({"uid": 1001}, _DEPLOY, True),
    ({"uid": 0}, _DEPLOY, False),
    ({"uid": 0}, _SUDO, True),
    ({"uid": 0}, _INSIDE, False),  # root of a container is not root of the host
    ({"user": "root", "container_image": "shop/agent:2.1"}, _INSIDE, True),
    ({"group": "docker"}, _DEPLOY, True),
    ({"group": "wheel"}, _DEPLOY, False),
    ({"group": "docker"}, _SUDO, False),
    ({"user": "root", "login_user": "alice"}, _SUDO, True),
    ({"user": "root", "login_user": "bob"}, _SUDO, False),
    ({"uid": 0, "login_uid": 1000}, _SUDO, True),
    ({"exe": "/usr/bin/docker"}, _DEPLOY, True),
    ({"exe": "/bin/docker"}, _INSIDE, False),  # a path inside the container, which may hold anything
    ({"user": "deploy", "exe": "/usr/bin/curl"}, _DEPLOY, False),
    ({"container": _ID[:12]}, _INSIDE, True),
    ({"container": "f" * 12}, _INSIDE, False),
    ({"container": _ID[:12]}, _DEPLOY, False),
    ({"container_image": "shop/agent:2.1"}, _INSIDE, True),
    ({"container_image": "shop/agent:*"}, _INSIDE, True),
    ({"container_image": "shop/agent"}, _INSIDE, False),
    ({"container_image": "*"}, _DEPLOY, False),
    ({"container_label": "role=agent"}, _INSIDE, True),
    ({"container_label": "role"}, _INSIDE, True),
    ({"container_label": "role=admin"}, _INSIDE, False),
    ({"container_label": "role"}, _DEPLOY, False),
    ({"certificate": "ci"}, _TLS, True),
    ({"certificate": "ci.example"}, _TLS, True),
    ({"certificate": "CI"}, _TLS, False),
    ({"certificate": "ci"}, _DEPLOY, False),
    ({"certificate_fingerprint": ":".join(["AB"] * 32)}, _TLS, True),
    ({"certificate": "ci", "certificate_fingerprint": "cd" * 32}, _TLS, False),
]


@pytest.mark.parametrize(("who", "caller", "expected"), _MET)
def test_an_entry_is_for_some_callers(who: dict[str, Any], caller: Caller, expected: bool) -> None:
    assert msgspec.convert(who, Who).is_met_by(caller) is expected


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ({}, "who is empty"),
        ({"anyone": False}, "who is empty"),
        ({"anyone": True, "user": "x"}, "stands alone"),
        ({"user": ""}, "who.user has no value"),
        ({"user": ["x", ""]}, "who.user has no value"),
        ({"user": "x", "group": []}, "who.group has no value"),
        ({"login_user": "alice"}, "proves nothing alone"),
        ({"login_uid": 1000, "exe": "/bin/x"}, "proves nothing alone"),
        ({"container": "abc"}, "hex digits"),
        ({"container": "g" * 12}, "hex digits"),
        ({"certificate_fingerprint": "ab:cd"}, "no SHA-256 fingerprint"),
        ({"usr": "x"}, "unknown field `usr`"),
        ({"uid": "5"}, "Expected `int | array"),
    ],
)
def test_an_entry_that_is_for_nobody_in_particular_is_refused(who: dict[str, Any], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert(who, Who)


@pytest.mark.parametrize(
    ("caller", "words"),
    [
        (NOBODY, "a caller of whom nothing is known"),
        (Caller(address="192.0.2.7:1"), "the address 192.0.2.7:1"),
        (_DEPLOY, "the user deploy"),
        (_SUDO, "the user root, logged in as alice"),
        (Caller(uid=7, exe="/bin/x"), "uid 7"),
        (_GONE, "the user deploy, whose process was gone before one could look"),
        (_INSIDE, "the container 0123456789ab (shop/agent:2.1)"),
        (_TLS, "the certificate ci"),
        (Caller(certificate=Certificate(fingerprint=_PRINT)), f"the certificate {_PRINT}"),
    ],
)
def test_a_caller_is_told_by_what_is_known_best(caller: Caller, words: str) -> None:
    assert told(caller) == words
