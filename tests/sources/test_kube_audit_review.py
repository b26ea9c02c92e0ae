from __future__ import annotations

from typing import Any

import msgspec
import pytest
from audit_event import line

from tidewaiter.model import Activity, Actor, Meaning, Outcome, Verb
from tidewaiter.sources.contract import Block, Tally
from tidewaiter.sources.kube_audit import KubeAuditReader
from tidewaiter.sources.kube_audit_review import KubeletRequest, kubelet_request, may_be

NODE = "system:node:n1"
USER = b'{"username":"system:node:n1","groups":["system:nodes"]}'
POD = {"authentication.kubernetes.io/pod-name": ["web-0"]}
STRANGER = Actor(kind="service-account", name="shop/web", realm="kubernetes", via=NODE)


def asked(verb: str | None, sub: str | None, user: str | None = "system:serviceaccount:shop:web", **rest: Any) -> bytes:
    """Give a SubjectAccessReview as kubelet 1.36 sends it."""
    about = {"verb": verb, "version": "v1", "resource": "nodes", "subresource": sub, "name": "n1"}
    about |= {key: rest.pop(key) for key in ("resource", "name") if key in rest}
    given = {key: value for key, value in about.items() if value is not None}
    return body({"resourceAttributes": given, "user": user, **rest})


def body(spec: Any, status: Any = None) -> bytes:
    return msgspec.json.encode(
        {"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "spec": spec, "status": status}
    )


def told(verb: Verb, kind: str, said: Outcome, text: str, actor: Actor = STRANGER, pod: str | None = None) -> Any:
    meaning = Meaning(verb=verb, kind=kind, scope="one", name="n1", traits=("kubelet-via-review",))
    return KubeletRequest(actor, meaning, said, pod, f"{text} of n1, asked by its kubelet")


def person(name: str) -> Actor:
    return Actor(kind="user", name=name, realm="kubernetes", via=NODE)


YES, NO = body(None, {"allowed": True}), body(None, {"allowed": False, "reason": "no RBAC policy matched"})


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        (asked("get", "proxy"), YES, told("get", "nodes/proxy", "answered", "get nodes/proxy")),
        (asked("get", "proxy"), NO, told("get", "nodes/proxy", "refused", "get nodes/proxy")),
        (asked("get", "proxy"), b"null", told("get", "nodes/proxy", "unknown", "get nodes/proxy")),
        (asked("get", "proxy"), body(None, {}), told("get", "nodes/proxy", "unknown", "get nodes/proxy")),
        (asked("get", "pods"), YES, told("list", "nodes/pods", "answered", "get nodes/pods")),
        (asked("get", "configz"), YES, told("get", "nodes/configz", "answered", "get nodes/configz")),
        (asked("get", "log"), YES, told("get", "nodes/log", "answered", "get nodes/log")),
        (asked("get", "stats"), YES, told("get", "nodes/stats", "answered", "get nodes/stats")),
        (asked("get", "metrics"), YES, told("get", "nodes/metrics", "answered", "get nodes/metrics")),
        (asked("get", "healthz"), YES, told("probe", "nodes/healthz", "answered", "get nodes/healthz")),
        (asked(None, None), YES, told("get", "nodes", "answered", "get nodes")),
        # POST to a kubelet runs programs
        (asked("create", "proxy"), YES, told("exec", "nodes/proxy", "answered", "create nodes/proxy")),
        # no name: the kubelet's own
        (asked("get", "proxy", name=None), YES, told("get", "nodes/proxy", "answered", "get nodes/proxy")),
        (
            asked("get", "proxy", extra=POD),
            YES,
            told("get", "nodes/proxy", "answered", "get nodes/proxy", pod="web-0"),
        ),
        (
            asked("get", "proxy", "ana@dev.example"),
            YES,
            told("get", "nodes/proxy", "answered", "get nodes/proxy", person("ana@dev.example")),
        ),
        (
            asked("get", "proxy", "system:anonymous"),
            NO,
            told(
                "get",
                "nodes/proxy",
                "refused",
                "get nodes/proxy",
                Actor(kind="anonymous", name="unknown address", realm="kubernetes", via=NODE),
            ),
        ),
        (
            asked("get", "proxy", "kube-apiserver-kubelet-client"),
            YES,
            told(
                "get",
                "nodes/proxy",
                "answered",
                "get nodes/proxy",
                Actor(kind="component", name="kube-apiserver-kubelet-client", realm="kubernetes", via=NODE),
            ),
        ),
        # of something else, or nothing
        (asked("get", "proxy", resource="pods"), YES, None),
        (asked("dance", "proxy"), YES, None),
        (asked("get", "proxy", None), YES, None),  # a SelfSubjectAccessReview
        (body({"nonResourceAttributes": {"path": "/", "verb": "get"}, "user": "ana"}), YES, None),
        (body(None), YES, None),
        (b"null", b"null", None),
        (b"{}", YES, None),
    ],
)
def test_reads_what_was_asked_of_a_kubelet(question: bytes, answer: bytes, expected: KubeletRequest | None) -> None:
    assert kubelet_request(USER, question, answer) == expected


@pytest.mark.parametrize("user", [b"null", b"{}", b'{"username":"system:serviceaccount:kube-system:metrics-server"}'])
def test_only_kubelets_ask_for_their_callers(user: bytes) -> None:
    assert kubelet_request(user, asked("get", "proxy"), YES) is None


@pytest.mark.parametrize(
    ("ref", "user", "expected"),
    [
        (b'{"resource":"subjectaccessreviews"}', USER, True),
        (b'{"resource":"selfsubjectaccessreviews"}', USER, True),  # its body then names no user
        (b'{"resource":"subjectaccessreviews"}', b'{"username":"ana"}', False),
        (b'{"resource":"tokenreviews"}', USER, False),
    ],
)
def test_tells_what_may_be_such_a_review(ref: bytes, user: bytes, expected: bool) -> None:
    assert may_be(ref, user) is expected


def read(*lines: bytes) -> tuple[list[Activity], Tally]:
    tally = Tally("audit.log")
    return KubeAuditReader(tally).feed(Block(b"".join(lines), 0, 1)), tally


def review(question: bytes | None, answer: bytes = YES, **given: Any) -> bytes:
    complete: dict[str, Any] = {
        "level": "RequestResponse",
        "requestURI": "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        "verb": "create",
        "user": msgspec.json.decode(USER),
        "userAgent": "kubelet/v1.36.2 (linux/amd64) kubernetes/98b3519",
        "objectRef": {"resource": "subjectaccessreviews", "apiGroup": "authorization.k8s.io", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 201},
        "requestObject": question and msgspec.json.decode(question),
        "responseObject": question and msgspec.json.decode(answer),
    }
    return line(**{**complete, **given})


def test_the_caller_of_a_kubelet_is_the_actor() -> None:
    (found,), tally = read(review(asked("get", "pods", extra=POD)))
    given = (found.actor, found.verb, found.kind, found.resource_class, found.scope, found.name, found.outcome)
    assert given == (STRANGER, "list", "nodes/pods", "topology", "one", "n1", "answered")
    assert (found.address, found.tool, found.container) == (None, None, "web-0")
    assert (found.text, found.traits) == ("get nodes/pods of n1, asked by its kubelet", ("kubelet-via-review",))
    assert tally.notes == {}


def test_each_body_is_read_for_itself() -> None:
    found, _ = read(*(review(asked("get", "pods", name)) for name in ("ana", "bo", "ana")))
    assert [one.actor.name for one in found] == ["ana", "bo", "ana"]


@pytest.mark.parametrize(
    "question", [asked("get", "proxy", "kube-apiserver-kubelet-client"), asked("get", "healthz", "ana")]
)
def test_the_api_server_and_health_checks_are_no_news(question: bytes) -> None:
    assert read(review(question))[0] == []


def test_a_review_without_body_stays_a_review() -> None:
    (found,), tally = read(review(None, level="Metadata"))
    assert (found.actor.kind, found.verb, found.kind, found.traits) == ("node", "review", "access", ("others-rights",))
    assert tally.notes == {"kube-reviews-without-body": 1}


def test_a_body_that_is_no_review_is_counted() -> None:
    found, tally = read(review(b'{"spec":5}'), review(b'"x"'))
    assert (found, tally.unreadable) == ([], 2)
