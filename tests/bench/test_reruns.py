"""Other logs are made from a labelled one: nothing else changes than what was asked for."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from audit_event import as_go_writes, event

from bench.reruns import Names, Recording, alone, attacks, least, only, recording, renamed, requests_of, said
from bench.scores import Decided, Found, Who

ACCOUNT = "system:serviceaccount:shop:api"


def line(number: int, **given: Any) -> bytes:
    return as_go_writes(event(auditID=f"request-{number}", **given))


def labelled(folder: Path) -> Recording:
    """Two attacks of two requests each and one innocent request; each request of the first attack has two lines."""
    steps = [("sweep", "malicious", "eve"), ("probe", "malicious", "mallory"), ("daily", "benign", "ana")]
    lines = [line(1), line(1), line(2), line(3), line(3), line(4), line(5)]
    cases = {"request-1": 0, "request-3": 0, "request-2": 1, "request-4": 1, "request-5": 2}
    rows = ["auditID,label_id", *(f"{request},{case}" for request, case in cases.items())]
    (folder / "a.events.csv.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    (folder / "a.audit.jsonl.gz").write_bytes(gzip.compress(b"".join(lines)))
    made = [
        {
            "id": number,
            "scenario": scenario,
            "label": label,
            "actors": [{"user": name, "source_ip": "10.0.0.1"}],
            "impersonated": [],
            "start": "2026-06-01T00:00:00Z",
            "end": "2026-06-01T12:00:00Z",
        }
        for number, (scenario, label, name) in enumerate(steps)
    ]
    (folder / "a.labels.jsonl").write_text("".join(json.dumps(one) + "\n" for one in made), encoding="utf-8")
    return recording(*(folder / f"a.{name}" for name in ("audit.jsonl.gz", "events.csv.gz", "labels.jsonl")))


def requests(log: bytes) -> list[str]:
    return [json.loads(one)["auditID"].removeprefix("request-") for one in log.splitlines()]


def test_an_attack_is_left_alone_with_the_innocent(tmp_path: Path) -> None:
    of = labelled(tmp_path)
    assert attacks(of) == ["sweep", "probe"]
    assert requests(alone(of, "sweep")) == ["1", "1", "3", "3", "5"]
    assert requests(alone(of, "probe")) == ["2", "4", "5"]
    assert [case.scenario for case in only(of.cases, "probe")] == ["probe", "daily"]
    assert (requests_of(of, "sweep"), requests_of(of, "probe")) == (2, 2)


def test_the_beginning_of_an_attack_is_counted_in_requests_not_lines(tmp_path: Path) -> None:
    of = labelled(tmp_path)
    assert requests(alone(of, "sweep", first=1)) == ["1", "1", "5"]
    assert requests(alone(of, "sweep", first=0)) == ["5"]


@pytest.mark.parametrize(("most", "enough", "answer"), [(100, 37, 37), (100, 1, 1), (1, 1, 1), (10, 11, None)])
def test_the_least_number_that_is_enough(most: int, enough: int, answer: int | None) -> None:
    assert least(lambda number: number >= enough, most) == answer


NAMED: dict[str, Any] = {
    "user": {"username": ACCOUNT, "groups": ["system:serviceaccounts:shop", "system:authenticated"]},
    "requestURI": "/api/v1/namespaces/shop/pods?fieldSelector=spec.nodeName%3Dworker-1",
    "sourceIPs": ["10.1.2.3", "203.0.113.9", "127.0.0.1"],
    "userAgent": "api/v1.0 (linux/amd64) shop",
    "responseStatus": {"metadata": {}, "reason": "Forbidden", "message": f'User "{ACCOUNT}" & more', "code": 403},
    "annotations": {"authorization.k8s.io/reason": 'of ServiceAccount "api/shop"'},
}


def test_names_change_everywhere_and_the_api_stays() -> None:
    whole = line(1, **NAMED)
    names = Names([whole], seed=1)
    space, account, far = names.text("shop"), names.text("api"), names.address("203.0.113.9")
    changed = json.loads(names.line(whole))
    assert {space, account}.isdisjoint({"shop", "api"})
    assert names.count == 2
    assert changed["user"]["username"] == f"system:serviceaccount:{space}:{account}"
    assert changed["user"]["groups"] == [f"system:serviceaccounts:{space}", "system:authenticated"]
    assert changed["requestURI"] == f"/api/v1/namespaces/{space}/pods?fieldSelector=spec.nodeName%3Dworker-1"
    assert changed["sourceIPs"] == [names.address("10.1.2.3"), far, "127.0.0.1"]
    assert changed["responseStatus"]["message"] == f'User "system:serviceaccount:{space}:{account}" & more'
    assert changed["annotations"] == {"authorization.k8s.io/reason": f'of ServiceAccount "{account}/{space}"'}
    unchanged = ("userAgent", "verb", "auditID", "requestReceivedTimestamp")
    assert {key: changed[key] for key in unchanged} == {key: json.loads(whole)[key] for key in unchanged}
    assert b"\\u0026 more" in names.line(whole)


def test_networks_stay_networks() -> None:
    names = Names([], seed=3)
    near, same, other, far = (names.address(one) for one in ("10.1.2.3", "10.1.2.4", "10.1.3.3", "198.51.100.7"))
    assert near.rpartition(".")[0] == same.rpartition(".")[0] != other.rpartition(".")[0]
    assert near.startswith("10.")
    assert far.rpartition(".")[0] in {"192.0.2", "198.51.100", "203.0.113"}
    kept = ["127.0.0.1", "fd00::1", "no address"]
    assert [names.address(one) for one in kept] == kept


def test_what_the_system_is_called_has_a_meaning_and_stays() -> None:
    system = line(1, user={"username": "system:serviceaccount:kube-system:replicaset-controller"}, objectRef=None)
    assert Names([system], seed=1).count == 0


def test_a_seed_gives_the_same_names_again(tmp_path: Path) -> None:
    of = labelled(tmp_path)
    assert renamed(of, 5)[0] == renamed(of, 5)[0] != renamed(of, 6)[0]
    names = renamed(of, 5)[1]
    # Only who is in the log is renamed: the labels' people of this one are not.
    assert [names.case(case).names for case in of.cases] == [frozenset({one}) for one in ("eve", "mallory", "ana")]


def test_a_finding_is_compared_by_what_does_not_depend_on_names() -> None:
    at = datetime(2026, 6, 1, tzinfo=UTC)
    found = [
        Found(id=key, level="high", actor=Who(kind="user", name=name), from_=at, until=at, verdict=Decided())
        for key, name in (("2", "b"), ("1", "a"))
    ]
    stamp = "2026-06-01T00:00:00+00:00"
    assert said(found) == [(*("high", name, "suspicious"), stamp, stamp) for name in ("a", "b")]
