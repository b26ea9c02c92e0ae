"""Discovery and what follows it, from logs to findings: whose story it is, and what is habit or another's affair."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from audit_event import as_go_writes, event
from whole import of_files

from tidewaiter.model import Finding, Level

DAY = datetime(2026, 6, 6, 2, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)
POD = {"authentication.kubernetes.io/pod-name": ["web-7c9d"]}
WEB: dict[str, Any] = {
    "user": {"username": "system:serviceaccount:shop:web", "groups": ["system:serviceaccounts"], "extra": POD},
    "sourceIPs": ["10.42.3.17"],
    "userAgent": "app/1.4",
}
STOLEN: dict[str, Any] = {
    "user": {"username": "system:serviceaccount:shop:deployer", "groups": ["system:serviceaccounts"]},
    "sourceIPs": ["10.42.3.17"],
    "userAgent": "curl/8.5.0",
}
REFUSED = {"responseStatus": {"metadata": {}, "code": 403}, "annotations": {"authorization.k8s.io/decision": "forbid"}}


def call(verb: str, uri: str, resource: str, *, minutes: float = 0, day: int = 5, **over: Any) -> bytes:
    """Give one request, so many minutes after the beginning."""
    at = DAY + timedelta(days=day - 5, minutes=minutes)
    name, _, sub = resource.partition("/")
    namespace = uri.split("/")[4] if "/namespaces/" in uri else None
    about = {"resource": name, "subresource": sub or None, "namespace": namespace, "apiVersion": "v1"}
    given = {
        "auditID": f"{at:%d%H%M%S}-{verb}-{uri}-{over.get('user', {}).get('username')}",
        "verb": verb,
        "requestURI": uri,
        "objectRef": {key: value for key, value in about.items() if value},
        "requestReceivedTimestamp": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "stageTimestamp": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}",
    }
    return as_go_writes(event(**{**given, **WEB, **over}))


def pods(day: int, **over: Any) -> bytes:
    return call("list", "/api/v1/namespaces/shop/pods?limit=500", "pods", day=day, **over)


def secrets(minutes: float, **over: Any) -> bytes:
    return call("list", "/api/v1/namespaces/shop/secrets?limit=500", "secrets", minutes=minutes, **over)


def enters(minutes: float, **over: Any) -> bytes:
    return call("create", "/api/v1/namespaces/shop/pods/db-0/exec?command=sh", "pods/exec", minutes=minutes, **over)


PAST = [pods(day) for day in range(5)]
RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
LOOKS = [
    call("create", RULES, "selfsubjectrulesreviews", minutes=0),
    call("list", "/api/v1/nodes", "nodes", minutes=0.2),
    call("list", "/api/v1/pods", "pods", minutes=0.3),
]


def falco(minutes: float, command: str, pod: str = "web-7c9d") -> bytes:
    """Give one program started in a container, as the sensor of its node tells it."""
    at = f"{DAY + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S.%fZ}"
    fields = {
        "container.id": "45dd76eff80f",
        "evt.type": "execve",
        "k8s.ns.name": "shop",
        "k8s.pod.name": pod,
        "proc.cmdline": command,
        "proc.exepath": "/usr/bin/" + command.partition(" ")[0],
        "proc.name": command.partition(" ")[0],
        "proc.pid": int(minutes * 100) + 7000,
        "proc.pname": "sh",
        "user.loginuid": -1,
        "user.name": "www-data",
        "user.uid": 33,
    }
    record = {"hostname": "node-a", "output": f"{at}: Notice Program in container", "output_fields": fields}
    more = {"priority": "Notice", "rule": "Program in container", "source": "syscall", "tags": [], "time": at}
    return json.dumps({**record, **more}).encode() + b"\n"


def found(*audit: bytes, host: list[bytes] | None = None, **options: Any) -> dict[str, Finding]:
    """Give the findings of the last day by who."""
    files = {"audit.log": b"".join([*PAST, *audit]), **({"falco.json": b"".join(host)} if host else {})}
    return {one.actor.name: one for one in of_files(files, **options).findings if one.from_ >= DAY - HOUR}


def steps(finding: Finding) -> list[tuple[str, str, str, str, float]]:
    return [
        (link.actor.name if link.actor else "", link.what, link.technique, link.outcome, link.bits)
        for link in finding.chain
    ]


def level(*audit: bytes) -> Level:
    return found(*audit)["shop/web"].level


def test_looking_around_alone_has_no_chain() -> None:
    assert steps(found(*LOOKS)["shop/web"]) == []


def test_the_same_account_goes_on() -> None:
    finding = found(*LOOKS, secrets(5), secrets(6), enters(20))["shop/web"]
    assert steps(finding) == [
        ("", "reads secrets", "T1552.007", "answered", 4.0),
        ("", "runs a program in a container", "T1609", "answered", 4.0),
    ]
    assert [(link.times, link.recogniser.partition("@")[0], link.origin.line) for link in finding.chain] == [
        (2, "kube-read-secrets", 9),
        (1, "kube-exec", 11),
    ]
    assert {"T1552.007", "T1609", "T1613"} <= set(finding.techniques)
    assert finding.headline.endswith(", then reads secrets, runs a program in a container")
    assert "It did not stop at looking: reads secrets (T1552.007); runs" in finding.explanation.why


def test_looking_and_acting_outweigh_looking() -> None:
    quiet = LOOKS[1:2]  # one kind that is new to it
    assert (level(*quiet), level(*quiet, secrets(5), enters(20))) == ("info", "low")
    assert (level(*LOOKS), level(*LOOKS, secrets(5), enters(20))) == ("medium", "high")


def test_what_comes_half_an_hour_later_is_another_story() -> None:
    assert steps(found(*LOOKS, enters(31))["shop/web"]) == []


def test_a_refusal_is_told_and_weighs_little() -> None:
    finding = found(*LOOKS, secrets(5, **REFUSED))["shop/web"]
    assert steps(finding) == [("", "reads secrets", "T1552.007", "refused", 1.0)]
    assert "T1552.007" not in finding.techniques
    assert "then" not in finding.headline
    assert "reads secrets (T1552.007; refused)" in finding.explanation.why


def test_a_habit_weighs_nothing() -> None:
    habit = [secrets(5, day=day) for day in (3, 4)]
    finding = found(*habit, *LOOKS, secrets(5))["shop/web"]
    assert steps(finding) == [("", "reads secrets", "T1552.007", "answered", 0.0)]
    assert finding.level == level(*LOOKS)
    assert "T1552.007" not in finding.techniques
    assert "did not stop" not in finding.explanation.why


def test_acting_without_looking_is_no_finding() -> None:
    assert found(secrets(5), enters(20), pods(5)) == {}


def test_another_account_from_the_same_pod() -> None:
    """The token of another account is used from the pod that looked around."""
    finding = found(*LOOKS, secrets(9, **STOLEN))["shop/web"]
    assert steps(finding) == [("shop/deployer", "reads secrets", "T1552.007", "answered", 2.0)]
    assert finding.chain[0].shared == "address"
    assert "shop/deployer, from the same address: reads secrets (T1552.007)" in finding.explanation.why


def test_another_account_from_elsewhere_is_its_own_affair() -> None:
    assert steps(found(*LOOKS, secrets(9, **{**STOLEN, "sourceIPs": ["10.42.9.9"]}))["shop/web"]) == []


def test_an_address_of_many_joins_nobody() -> None:
    many = [
        pods(5, minutes=40, user={"username": f"p{number}@dev.example"}, sourceIPs=["10.42.3.17"]) for number in (1, 2)
    ]
    assert steps(found(*LOOKS, secrets(9, **STOLEN), *many)["shop/web"]) == []


def test_a_process_in_the_pod_takes_the_token_and_its_account_goes_on() -> None:
    """Across planes: a program looks around in a container, then the account of its pod acts on the API."""
    host = [falco(0, "kubectl get pods -A"), falco(1, "cat /var/run/secrets/kubernetes.io/serviceaccount/token")]
    by_who = found(enters(6), host=host)
    finding = by_who["web-7c9d"]
    assert finding.plane == "host"
    assert [(link.shared, link.technique, link.actor and link.actor.name) for link in finding.chain] == [
        ("actor", "T1552.001" if finding.chain[0].technique == "T1552.001" else "T1528", None),
        ("container", "T1609", "shop/web"),
    ]


def test_findings_of_one_pod_on_two_planes_name_each_other() -> None:
    by_who = found(*LOOKS, host=[falco(-2, "kubectl get pods -A")])
    host, kube = by_who["web-7c9d"], by_who["shop/web"]
    assert [(link.finding, link.what, link.origin.path[-8:]) for link in host.chain] == [
        (kube.id, f"looks around too: finding {kube.id}", "udit.log")
    ]
    assert [(link.finding, link.actor, link.text) for link in kube.chain] == [
        (host.id, host.actor, "kubectl get pods -A")
    ]


def test_another_pod_on_the_node_is_another_story() -> None:
    by_who = found(*LOOKS, host=[falco(-2, "kubectl get pods -A", pod="db-0")])
    assert [one.chain for one in by_who.values()] == [(), ()]


@pytest.mark.parametrize("extra", [[], LOOKS])
def test_the_order_of_the_log_does_not_matter(extra: list[bytes]) -> None:
    lines = [*LOOKS, secrets(5), enters(20), *extra]
    one, other = found(*lines), found(*reversed(lines))
    assert [steps(item) for item in one.values()] == [steps(item) for item in other.values()]
