from __future__ import annotations

from typing import Any

import msgspec
import pytest
from audit_event import as_go_writes, event, line

from tidewaiter.model import Actor, Outcome
from tidewaiter.sources import kube_audit_event as parts
from tidewaiter.sources.kube_audit_event import Client, client, outcome, pod_of, sniff

CONSOLE = "system:serviceaccount:kubernetes-dashboard:web"
RANCHER = "system:serviceaccount:cattle-impersonation-system:cattle-impersonation-u-7xk2p"


def user(name: str, **rest: Any) -> bytes:
    return msgspec.json.encode({"username": name, **rest})


def actor(name: str, via: str | None = None) -> Actor:
    return Actor(kind="user", name=name, realm="kubernetes", via=via)


def asked_by(who: Actor, *traits: str, **given: Any) -> Client:
    complete: dict[str, Any] = {"address": "10.0.0.9", "tool": "kubectl/1.32", "container": None, "nameless": False}
    return Client(actor=who, traits=traits, **{**complete, **given})


@pytest.mark.parametrize(
    ("own", "target", "peers", "agent", "expected"),
    [
        (user("ana"), b"null", b'["10.0.0.9"]', "kubectl/v1.32.5", asked_by(actor("ana"))),
        (
            user("ana"),
            b"null",
            b'["10.0.0.9"]',
            "Mozilla/5.0 (X11)",
            asked_by(actor("ana"), "web-console", tool="browser"),
        ),
        (
            user("ana"),
            b"null",
            b'["198.51.100.7","10.0.0.9"]',
            "dashboard/v2.7.0",
            asked_by(actor("ana"), "forwarded", "web-console", tool="dashboard/2.7", claimed="198.51.100.7"),
        ),
        (
            user(CONSOLE),
            user("bo"),
            b'["10.0.0.9"]',
            "kubectl/v1.32.5",
            asked_by(actor("bo", CONSOLE), "impersonating", "web-console"),
        ),
        (
            user("ana"),
            user("bo"),
            b'["10.0.0.9"]',
            "kubectl/v1.32.5",
            asked_by(actor("bo", "ana"), "impersonating"),
        ),
        (
            user(RANCHER),
            b"null",
            b'["10.0.0.9"]',
            "kubectl/v1.32.5",
            asked_by(actor("u-7xk2p", RANCHER), "web-console"),
        ),
        (
            b"{}",
            b"null",
            b"null",
            None,
            asked_by(
                Actor(kind="anonymous", name="unknown address", realm="kubernetes"),
                address=None,
                tool=None,
                nameless=True,
            ),
        ),
    ],
)
def test_says_who_sent_an_event(own: bytes, target: bytes, peers: bytes, agent: str | None, expected: Client) -> None:
    assert client(own, target, peers, agent) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, ("unknown", ())),
        ({}, ("unknown", ())),
        ({"code": 101}, ("answered", ())),
        ({"code": 200}, ("answered", ())),
        ({"code": 304}, ("answered", ())),
        ({"code": 401}, ("refused", ())),
        ({"code": 403, "message": "x cannot impersonate y"}, ("refused", ("impersonating",))),
        ({"code": 404}, ("failed", ())),
        ({"code": 500}, ("failed", ())),
    ],
)
def test_says_how_a_request_ended(status: Any, expected: tuple[Outcome, tuple[str, ...]]) -> None:
    assert outcome(msgspec.Raw(msgspec.json.encode(status))) == expected


@pytest.mark.parametrize(
    ("extra", "pod"),
    [
        (None, None),
        ({}, None),
        ({"authentication.kubernetes.io/pod-name": None}, None),
        ({"authentication.kubernetes.io/pod-name": []}, None),
        ({"authentication.kubernetes.io/pod-name": ["web-0", "x"]}, "web-0"),
    ],
)
def test_names_the_pod_of_a_token(extra: dict[str, list[str] | None] | None, pod: str | None) -> None:
    assert pod_of(extra) == pod


@pytest.mark.parametrize(
    ("given", "level"),
    [
        ({}, "Metadata"),
        ({"level": "info", "k8s_audit_level": "Request"}, "Request"),
        ({"level": "default", "openshift_audit_level": "RequestResponse"}, "RequestResponse"),
        ({"level": None}, None),
    ],
)
def test_finds_the_audit_level_wherever_a_forwarder_put_it(given: dict[str, Any], level: str | None) -> None:
    assert parts.event.decode(line(**given)).audit_level() == level


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ([line(), line()], 2),
        ([b'{"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": []}'], 1),
        ([as_go_writes(event(kind=None, apiVersion=None))], 1),
        ([b'{"kind":"Pod"}', b"x"], 0),
        ([b'{"auditID":"x"}'], 0),
        (
            [as_go_writes({"@timestamp": "x", "log_type": "audit", **event(level="info", k8s_audit_level="Metadata")})],
            1,
        ),
        ([b"apiVersion: audit.k8s.io/v1", b'{"x": "audit.k8s.io/v1"}'], 0),
        ([line()[:200]], 1),
        ([], 0),
    ],
)
def test_recognises_its_format(lines: list[bytes], count: int) -> None:
    assert sniff(lines) == count


AUTH = "authentication.kubernetes.io"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        # the token of a pod is renewed all day; the pod is the same
        ({"pod-uid": ["u1"], "credential-id": ["JTI=1"]}, {"pod-uid": ["u1"], "credential-id": ["JTI=2"]}, True),
        ({"pod-uid": ["u1"], "credential-id": ["JTI=1"]}, {"pod-uid": ["u2"], "credential-id": ["JTI=1"]}, False),
        ({"credential-id": ["JTI=1"]}, {"credential-id": ["JTI=1"]}, True),
        ({"credential-id": ["JTI=1"]}, {"credential-id": ["JTI=2"]}, False),
    ],
)
def test_credentials_are_told_apart(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    def of(extra: dict[str, Any]) -> str | None:
        own = user("ana", extra={f"{AUTH}/{key}": value for key, value in extra.items()})
        return client(own, b"null", b"null", None).credential

    assert (of(one) == of(other)) is same
    assert "JTI" not in (of(one) or "JTI")


@pytest.mark.parametrize("extra", [None, {}, {f"{AUTH}/credential-id": []}, {f"{AUTH}/pod-uid": None}])
def test_no_credential_is_none(extra: dict[str, Any] | None) -> None:
    assert client(user("ana", extra=extra), b"null", b"null", None).credential is None


@pytest.mark.parametrize(
    ("groups", "traits"),
    [
        (["system:masters"], ("impersonating", "impersonating-masters")),
        (["dev"], ("impersonating",)),
        ("system:masters", ("impersonating",)),  # no list: bad data, and no reason to lose the event
        (None, ("impersonating",)),
    ],
)
def test_the_group_of_all_rights_is_seen(groups: Any, traits: tuple[str, ...]) -> None:
    assert client(user("ana"), user("bo", groups=groups), b"null", None).traits == traits
