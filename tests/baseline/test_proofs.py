"""Each proof from the log to the hit, and beside it the innocent twin that looks almost the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from audit_event import line
from whole import of_files

from tidewaiter.baseline.proofs import SCRIPTS
from tidewaiter.hits import found_together
from tidewaiter.pipeline import intake
from tidewaiter.recognise.correlation import PROOFS
from tidewaiter.recognise.pack import packaged
from tidewaiter.store import Store

PROVEN = {rule.about.name for rule in packaged().correlations if rule.proof} | {
    "kube-impersonation-refused",
    "kube-impersonate-masters",
    "kube-controller-by-person",
}
AUTH = "authentication.kubernetes.io"
APP = "app/v1.0 (linux/amd64) kubernetes/abc"
KUBECTL = "kubectl/v1.32.5 (linux/amd64) kubernetes/9894294"
HOME, ELSEWHERE, NODE, OUTSIDE = "10.42.1.17", "10.42.7.99", "10.0.0.11", "203.0.113.7"
_numbers = count(1)


def read(day: int, clock: str, user: dict[str, Any], *peers: str, agent: str = APP, **over: Any) -> bytes:
    """Write one answered list of pods."""
    stamp = f"2026-06-{day:02}T{clock}.000000Z"
    given = {"user": user, "sourceIPs": list(peers), "userAgent": agent, "auditID": f"{next(_numbers):08}"}
    return line(**{**given, "requestReceivedTimestamp": stamp, "stageTimestamp": stamp, **over})


def pod(name: str = "web-0", uid: str = "u1", node: str | None = "node-1", account: str = "web") -> dict[str, Any]:
    extra = {f"{AUTH}/pod-name": [name], f"{AUTH}/pod-uid": [uid], f"{AUTH}/credential-id": [f"JTI={uid}"]}
    if node:
        extra[f"{AUTH}/node-name"] = [node]
    return {"username": f"system:serviceaccount:shop:{account}", "groups": ["system:authenticated"], "extra": extra}


def unbound(account: str = "web") -> dict[str, Any]:
    return {"username": f"system:serviceaccount:shop:{account}", "extra": {f"{AUTH}/credential-id": ["JTI=x"]}}


def person(name: str = "ana") -> dict[str, Any]:
    return {"username": name, "extra": {f"{AUTH}/credential-id": [f"X509SHA256={name}"]}}


def node(name: str = "node-1") -> dict[str, Any]:
    return {"username": f"system:node:{name}", "groups": ["system:nodes"]}


def other(name: str, *groups: str) -> dict[str, Any]:
    return {"impersonatedUser": {"username": name, "groups": list(groups)}}


DENIED: dict[str, Any] = {
    "responseStatus": {"metadata": {}, "code": 403, "message": 'User "ana" cannot impersonate resource "users"'}
}


def days(first: int, last: int, user: dict[str, Any], *peers: str, agent: str = APP, **over: Any) -> list[bytes]:
    """Read at eight and nine on each of these days."""
    return [
        read(day, clock, user, *peers, agent=agent, **over)
        for day in range(first, last + 1)
        for clock in ("08:00:00", "09:00:00")
    ]


def kubelet(first: int, last: int, *peers: str) -> list[bytes]:
    return days(first, last, node(), *peers, agent="kubelet/v1.32.5 (linux/amd64) kubernetes/9894294")


def crowd(peer: str) -> list[bytes]:
    """Let two other pods come from an address."""
    return [read(1, "07:00:00", pod(name, name, account=name), peer) for name in ("a", "b")]


AWAY, NODE_AWAY, PLACES = "kube-token-away-from-pod", "kube-node-away", "kube-credential-in-two-places"
UNBOUND, FORGED, INSIDE = "kube-token-without-pod", "kube-forged-origin", "kube-forged-inside-origin"
ACTS, CHAIN, REFUSED, MASTERS = (
    "kube-impersonation", "kube-impersonation-chain", "kube-impersonation-refused", "kube-impersonate-masters",
)  # fmt: skip

BY_HAND, CONTROLLER = "kube-program-by-hand", "kube-controller-by-person"
LOOKED = ("pods", "services", "configmaps")
PIP, CURL = "OpenAPI-Generator/31.0.0/python", "curl/8.5.0"


def looks(day: int, user: dict[str, Any], peer: str, *kinds: str, agent: str = CURL, code: int = 200) -> list[bytes]:
    """List one kind after the other."""
    return [
        read(
            *(day, f"11:00:{number:02}", user, peer),
            agent=agent,
            requestURI=f"/api/v1/{kind}?limit=500",
            objectRef={"resource": kind, "apiVersion": "v1"},
            responseStatus={"metadata": {}, "code": code},
        )
        for number, kind in enumerate(kinds or LOOKED)
    ]


def of_plane(name: str) -> dict[str, Any]:
    """Give somebody with a name of the control plane."""
    return {"username": name, "extra": {f"{AUTH}/credential-id": ["X509SHA256=plane"]}}


GARBAGE = "system:serviceaccount:kube-system:generic-garbage-collector"
MANAGER = "kube-controller-manager/v1.36.2 (linux/amd64) kubernetes/98b3519/{}"

# What happens, the log, and what it proves.
CASES: list[tuple[str, list[bytes], set[str]]] = [
    ("a pod at home", days(1, 4, pod(), HOME), set()),
    (
        "a stolen token goes on beside its pod",
        [*days(1, 4, pod(), HOME), read(4, "08:30:00", pod(), ELSEWHERE)],
        {AWAY},
    ),
    ("… on the first day", [*days(1, 1, pod(), HOME), read(1, "08:30:00", pod(), ELSEWHERE)], {AWAY}),
    (
        "… with another program",
        [*days(1, 3, pod(), HOME), read(4, "10:00:00", pod(), ELSEWHERE, agent="curl/8")],
        {AWAY},
    ),
    (
        "… in the same network",
        [*days(1, 3, pod(), HOME), read(4, "10:00:00", pod(), "10.42.1.99", agent="curl/8")],
        {AWAY},
    ),
    ("… from the Internet", [*days(1, 3, pod(), HOME), read(4, "10:00:00", pod(), OUTSIDE)], {AWAY}),
    ("a restart on a new address", [*days(1, 3, pod(), HOME), *days(4, 5, pod(uid="u2"), ELSEWHERE)], set()),
    ("a new sandbox of the same pod", [*days(1, 3, pod(), HOME), *days(4, 5, pod(), ELSEWHERE)], set()),
    (
        "a pod of the host's network",
        [*kubelet(1, 4, NODE), *days(1, 4, pod(), HOME), read(4, "08:30:00", pod(), NODE)],
        set(),
    ),
    (
        "another node than the pod's own",
        [*kubelet(1, 4, NODE), *days(1, 4, pod(node="node-2"), HOME), read(4, "08:30:00", pod(node="node-2"), NODE)],
        {AWAY},
    ),
    (
        "behind a gateway of several pods",
        [*crowd(ELSEWHERE), *days(1, 4, pod(), HOME), read(4, "08:30:00", pod(), ELSEWHERE)],
        set(),
    ),
    (
        "two egress addresses, day after day",
        [*days(1, 4, pod(), HOME), *days(1, 4, pod(), "10.42.1.18"), read(4, "08:30:00", pod(), "10.42.9.9")],
        set(),
    ),
    ("a pool of one network", [read(1, f"08:0{n}:00", pod(), f"10.42.1.{n}") for n in range(9)], set()),
    (
        "the other family of addresses",
        [*days(1, 4, pod(), HOME), read(4, "08:30:00", pod(), "fd00::17")],
        set(),
    ),
    (
        "a node's key on another machine",
        [*kubelet(1, 4, NODE), read(4, "08:30:00", node(), ELSEWHERE, agent="kubelet/v1.32.5")],
        {NODE_AWAY},
    ),
    ("a node that moved", [*kubelet(1, 3, NODE), *kubelet(4, 5, ELSEWHERE)], set()),
    (
        "a certificate in two places at once",
        [*[read(1, f"08:0{n}:00", person(), HOME) for n in range(5)], read(1, "08:02:30", person(), OUTSIDE)],
        {PLACES},
    ),
    (
        "a person on the way",
        [
            read(1, "08:00:00", person(), HOME),
            read(1, "09:00:00", person(), OUTSIDE),
            read(1, "10:00:00", person(), HOME),
        ],
        set(),
    ),
    ("a token made by hand", [*days(1, 3, pod(), HOME), read(4, "08:00:00", unbound(), ELSEWHERE)], {UNBOUND}),
    ("an account outside of the cluster", days(1, 4, unbound(), ELSEWHERE), set()),
    (
        "a different origin each time",
        [read(1, f"08:0{n}:00", person(), f"198.51.100.{n}", HOME) for n in range(3)],
        {FORGED},
    ),
    ("two origins", [read(1, f"08:0{n}:00", person(), f"198.51.100.{n}", HOME) for n in range(2)], set()),
    (
        "a proxy of many",
        [read(1, f"08:0{n}:00", person(f"p{n % 3}"), f"198.51.100.{n}", HOME) for n in range(9)],
        set(),
    ),
    ("an inside origin by the Internet", [read(1, "08:00:00", person(), "127.0.0.1", OUTSIDE)], {INSIDE}),
    ("an inside origin by an inside proxy", [read(1, "08:00:00", person(), "10.1.1.1", HOME)], set()),
    ("in another's name", [read(1, "08:00:00", person(), HOME, agent=KUBECTL, **other("bo"))], {ACTS}),
    ("… refused", [read(1, "08:00:00", person(), HOME, agent=KUBECTL, **DENIED)], {REFUSED}),
    (
        "… with all rights",
        [read(1, "08:00:00", person(), HOME, agent=KUBECTL, **other("bo", "system:masters"))],
        {ACTS, MASTERS},
    ),
    (
        "… in a chain",
        [
            read(1, "08:00:00", person(), HOME, agent=KUBECTL, **other("bo")),
            read(1, "08:10:00", person("bo"), HOME, agent=KUBECTL, **other("cy")),
        ],
        {ACTS, CHAIN},
    ),
    (
        "a console",
        [read(1, "08:00:00", person(), HOME, agent="Mozilla/5.0 (X11)", **other("bo"))],
        set(),
    ),
    ("a shell in a program's pod", [*days(1, 2, pod(), HOME), *looks(3, pod(), HOME)], {BY_HAND}),
    ("… with kubectl", [*days(1, 2, pod(), HOME), *looks(3, pod(), HOME, agent=KUBECTL)], {BY_HAND}),
    (
        "… of a program in Python",
        [*days(1, 2, pod(), HOME, agent=PIP), *looks(3, pod(), HOME, agent="python-requests/2.32.3")],
        {BY_HAND},
    ),
    (
        "… that started anew that day",
        [*days(1, 2, pod("web-5d9c4b7f8d-x2x4z"), HOME), *looks(3, pod("web-5d9c4b7f8d-k7k8l", "u2"), ELSEWHERE)],
        {BY_HAND},
    ),
    ("… which was known for one day", [*days(1, 1, pod(), HOME), *looks(2, pod(), HOME)], set()),
    ("… to ask for two kinds", [*days(1, 2, pod(), HOME), *looks(3, pod(), HOME, *LOOKED[:2])], set()),
    ("… who is refused", [*days(1, 2, pod(), HOME), *looks(3, pod(), HOME, code=403)], set()),
    (
        "a script beside a program",
        [*days(1, 3, pod(), HOME), *days(1, 2, pod(), HOME, agent=CURL), *looks(3, pod(), HOME)],
        set(),
    ),
    ("a script in its own pod", [one for day in (1, 2, 3) for one in looks(day, pod(), HOME)], set()),
    (
        "jobs of a pipeline, each a pod of its own",
        [
            *(one for n in range(1, 4) for one in days(n, n, pod(f"build-{n}-runner", f"u{n}"), HOME)),
            *looks(4, pod("build-4-runner", "u4"), HOME, agent=KUBECTL),
        ],
        set(),
    ),
    (
        "a program that was rewritten",
        [*days(1, 3, pod(), HOME), *looks(4, pod(uid="u2"), HOME, agent="web2/v2.0 (linux/arm64)")],
        set(),
    ),
    ("an administrator in his own name", [*days(1, 3, pod(), HOME), *looks(3, person(), HOME, agent=KUBECTL)], set()),
    ("a controller", looks(1, of_plane(GARBAGE), HOME, agent=MANAGER.format(GARBAGE)), set()),
    ("a controller's token with kubectl", looks(1, of_plane(GARBAGE), HOME, agent=KUBECTL), {CONTROLLER}),
    ("a controller of k3s", looks(1, of_plane(GARBAGE), HOME, agent="k3s/v1.33.1+k3s1 (linux/amd64)"), set()),
    (
        "the scheduler's key with curl",
        looks(1, of_plane("system:kube-scheduler"), HOME),
        {CONTROLLER},
    ),
    (
        "a controller of somebody else in its namespace",
        looks(1, of_plane("system:serviceaccount:kube-system:aws-load-balancer-controller"), HOME, agent=KUBECTL),
        set(),
    ),
]


def proven(lines: Sequence[bytes], folder: Path) -> set[str]:
    log = folder / "audit.log"
    log.write_bytes(b"".join(lines))
    with Store() as store:
        intake([str(log)], store=store, pack=packaged())
        store.settle()
        hits = {hit.rule for hit in found_together(store, packaged())}
        tripwires = {rule for (rules,) in store.rows("SELECT tripwires FROM activity") for rule in rules or ()}
    return {rule.partition("@")[0] for rule in (*hits, *tripwires)} & PROVEN


@pytest.mark.parametrize(("log", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_a_log_proves(log: list[bytes], expected: set[str], tmp_path: Path) -> None:
    assert proven(log, tmp_path) == expected
    assert proven(log[::-1], tmp_path) == expected  # whatever the order of the lines


def test_every_proof_has_a_case() -> None:
    assert set().union(*(expected for _, _, expected in CASES)) == PROVEN
    assert set(SCRIPTS) == set(PROOFS)


def support(day: int) -> Iterator[bytes]:
    for n, name in enumerate(("bo", "cy", "di")):
        yield read(day, f"08:0{n}:00", person("desk"), HOME, agent=KUBECTL, **other(f"{name}-{day}"))


@pytest.mark.parametrize(("earlier", "expected"), [(0, {ACTS}), (1, {ACTS}), (2, set()), (9, set())])
def test_a_help_desk_is_ordinary_after_two_days(earlier: int, expected: set[str], tmp_path: Path) -> None:
    """It is another person each time, and so it is known by who acts for others."""
    past = [one for day in range(1, earlier + 1) for one in support(day)]
    with Store() as store:
        log, old = tmp_path / "audit.log", tmp_path / "old.log"
        old.write_bytes(b"".join(past))
        log.write_bytes(b"".join(support(20)))
        intake([str(old)], store=store, pack=packaged(), learn=True)
        intake([str(log)], store=store, pack=packaged())
        store.settle()
        today = {one for (one,) in store.rows("SELECT id FROM activity WHERE NOT learn")}
        hits = {hit.rule.partition("@")[0] for hit in found_together(store, packaged()) if hit.activity in today}
    assert hits & PROVEN == expected


def levels(log: Sequence[bytes]) -> list[tuple[str, str, str]]:
    report = of_files({"audit.log": b"".join(log)})
    return [(one.actor.name, one.level, one.sightings[0].recogniser) for one in report.findings]


def test_a_stolen_token_is_a_finding() -> None:
    log = [*days(1, 5, pod(), HOME), read(5, "08:30:00", pod(), ELSEWHERE, agent=KUBECTL)]
    assert [one for one in levels(log) if one[1] != "info"] == [("shop/web", "high", f"{AWAY}@1")]


def test_what_a_correlation_finds_every_day_is_customary() -> None:
    """The same reviews in a burst each day: whole on the first two days, less than half of it later."""
    log = [
        read(
            *(day, f"08:00:{n:02}", pod(), HOME),
            verb="create",
            requestURI="/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            objectRef={"resource": "selfsubjectaccessreviews", "apiGroup": "authorization.k8s.io"},
            responseStatus={"metadata": {}, "code": 201},
        )
        for day in (1, 2, 3, 4)
        for n in range(60)
    ]
    found = levels(log)
    assert [name for _, _, name in found[:2]] == ["kube-review-flood@1"] * 2
    assert [level for _, level, _ in found] == [found[0][1]] * 2 + ["info"] * (len(found) - 2)


def idle(gap: int) -> list[bytes]:
    """Let one account read day after day, and another on four days, then not for a while, then again."""
    months = [(month, day) for month in ("06", "07") for day in range(1, 29)]
    always = [read(1, "08:00:00", pod(), HOME).replace(b"2026-06-01", f"2026-{m}-{d:02}".encode()) for m, d in months]
    seldom = pod("cron-0", "u9", account="cron")
    back = months[4 + gap]
    then = [*months[:4], back]
    return [
        *always,
        *(
            read(1, "10:00:00", seldom, "10.42.1.30").replace(b"2026-06-01", f"2026-{m}-{d:02}".encode())
            for m, d in then
        ),
    ]


@pytest.mark.parametrize(("gap", "expected"), [(5, []), (40, ["returned"])])
def test_a_dormant_account_that_returns_is_told(gap: int, expected: list[str]) -> None:
    report = of_files({"audit.log": b"".join(idle(gap))})
    told = [one for one in report.findings if one.actor.name == "shop/cron" and one.from_.month == 7]
    assert [item.measure for one in told for item in one.surprises] == expected
    assert {one.level for one in told} <= {"info", "low"}


# What was there before the proofs, each as a small log: who asks what how often, and the rule that says so.
NOBODY: dict[str, Any] = {"username": "system:anonymous", "groups": ["system:unauthenticated"]}


def reviewed(sort: str) -> dict[str, Any]:
    kind = f"selfsubject{sort}reviews"
    return {
        "verb": "create",
        "requestURI": f"/apis/authorization.k8s.io/v1/{kind}",
        "objectRef": {"resource": kind, "apiGroup": "authorization.k8s.io", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 201},
    }


def of_kind(kind: str, code: int = 200) -> dict[str, Any]:
    given = {"requestURI": f"/api/v1/{kind}?limit=500", "objectRef": {"resource": kind, "apiVersion": "v1"}}
    return {**given, "responseStatus": {"metadata": {}, "code": code}}


HEALTH: dict[str, Any] = {"verb": "get", "requestURI": "/healthz", "objectRef": None}
TRIED = ("pods", "nodes", "secrets")
STANDING: list[tuple[str, list[bytes], str | None]] = [
    ("anonymous answered", [read(1, "08:00:00", NOBODY, OUTSIDE, **of_kind("pods"))], "kube-anonymous-inventory"),
    ("anonymous health", [read(1, "08:00:00", NOBODY, OUTSIDE, **HEALTH)], None),
    (
        "a bad token is tried out",
        [read(1, f"08:00:0{n}", {}, HOME, **of_kind(kind, 401)) for n, kind in enumerate(TRIED)],
        "kube-bad-credential-probing",
    ),
    ("a token that expired", [read(1, f"08:00:0{n}", {}, HOME, **of_kind("pods", 401)) for n in range(9)], None),
    (
        "a flood of reviews",
        [read(1, f"08:00:{n:02}", person(), HOME, **reviewed("access")) for n in range(60)],
        "kube-review-flood",
    ),
    ("one review", [read(1, "08:00:00", person(), HOME, **reviewed("access"))], None),
    (
        "a service account lists its rights",
        [read(1, "08:00:00", pod(), HOME, **reviewed("rules"))],
        "kube-rules-review-service-account",
    ),
    ("a node's key with kubectl", [read(1, "08:00:00", node(), NODE, agent=KUBECTL)], "kube-node-credential-by-person"),
    ("a node", [read(1, "08:00:00", node(), NODE, agent="kubelet/v1.32.5")], None),
]


@pytest.mark.parametrize(("log", "expected"), [case[1:] for case in STANDING], ids=[case[0] for case in STANDING])
def test_what_stands_alone_without_a_past(log: list[bytes], expected: str | None) -> None:
    report = of_files({"audit.log": b"".join(log)})
    told = [one for one in report.findings if one.level != "info"]
    loud = {seen.recogniser.partition("@")[0] for one in told for seen in one.sightings}
    assert expected in loud if expected else not loud
