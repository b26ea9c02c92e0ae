from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from audit_event import event, line
from reading import as_json_lines

from tidewaiter.model import Activity, Actor, Origin, RecordKind, RuleMatch
from tidewaiter.sources import kube_audit_own
from tidewaiter.sources.contract import Block, Tally
from tidewaiter.sources.kube_audit import SOURCE, KubeAuditReader
from tidewaiter.sources.kube_audit_own import RuledReader

RULE = RuleMatch(rule="own@1")
DELETE = {
    "verb": "delete",
    "requestURI": "/api/v1/namespaces/shop/pods/web",
    "objectRef": {"resource": "pods", "namespace": "shop", "name": "web"},
}


class Asked:
    """Stands for a rule about some verbs."""

    def __init__(self, *verbs: str) -> None:
        self.verbs = verbs
        self.events: list[Mapping[str, Any]] = []

    def wants(self, kind: RecordKind) -> bool:
        return kind == "kube-audit"

    def matches(self, kind: RecordKind, record: Mapping[str, Any]) -> tuple[RuleMatch, ...]:
        assert kind == "kube-audit"
        self.events.append(record)
        return (RULE,) if record.get("verb") in self.verbs else ()


def read(data: bytes, *verbs: str) -> tuple[list[Activity], Tally, Asked]:
    asked = Asked(*verbs)
    tally = Tally("audit.log", matcher=asked)
    reader = SOURCE.reader(tally)
    assert isinstance(reader, RuledReader)
    found = [*reader.feed(Block(data, 0, 1)), *reader.finish()]
    assert tally.kept == len(found)
    return found, tally, asked


def test_an_event_that_only_a_rule_asked_for_becomes_an_activity() -> None:
    (found,), tally, _ = read(line(**DELETE), "delete")
    assert found == Activity(
        id="5c1f2a7e-0000-4000-8000-000000000001@2026-06-01T08:00:00.000001Z#dd1d8a389454918d",
        at=datetime(2026, 6, 1, 8, 0, 0, 1, tzinfo=UTC),
        actor=Actor(kind="user", name="ana@dev.example", realm="kubernetes"),
        plane="kubernetes",
        verb="delete",
        kind="pods",
        resource_class="workload",
        scope="one",
        namespace="shop",
        name="web",
        outcome="answered",
        address="10.0.0.9",
        tool="kubectl/1.32",
        text="delete /api/v1/namespaces/shop/pods/web",
        origin=Origin(source="kube-audit", path="audit.log", line=1, offset=0),
        rules=(RULE,),
    )
    assert (tally.records, tally.first) == (1, found.at)


def test_the_whole_event_is_shown_to_the_rules() -> None:
    given = event(**DELETE, requestObject={"spec": {"x": 1}})
    _, _, asked = read(json.dumps(given).encode() + b"\n", "delete")
    assert asked.events == [given]


def test_what_looks_around_is_told_as_without_rules() -> None:
    data = line() + line(auditID="2", **DELETE) + line(auditID="3", verb="get", requestURI="/version", objectRef=None)
    plain = KubeAuditReader(Tally("audit.log"))
    expected = [*plain.feed(Block(data, 0, 1)), *plain.finish()]
    found, tally, _ = read(data, "nothing")
    assert as_json_lines(found) == as_json_lines(expected)
    assert tally.notes == plain.tally.notes
    matched, _, _ = read(data, "list")
    assert [item.rules for item in matched] == [(RULE,), *((),) * (len(expected) - 1)]
    assert [item.id for item in matched] == [item.id for item in expected]


def test_lists_of_events_are_taken_apart() -> None:
    wrapped = {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [event(**DELETE), event(auditID="2")]}
    found, tally, asked = read(json.dumps(wrapped).encode() + b"\n", "delete", "list")
    assert [item.verb for item in found] == ["delete", "list"]
    assert (tally.records, len(asked.events)) == (2, 2)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"kind":"Event"', "not-an-event"),
        (b'{"kind":"EventList","items":[7]}', "not-an-event"),
        (b'{"kind":"EventList","items":7}', "not-an-event"),
        (line(**DELETE, requestReceivedTimestamp=None, stageTimestamp=None), "no-time"),
        (line(**{**DELETE, "objectRef": "x"}), "not-an-event"),
    ],
)
def test_bad_data_is_counted(raw: bytes, reason: str) -> None:
    found, tally, _ = read(raw.rstrip(b"\n") + b"\n" + line(**DELETE), "delete")
    assert [item.verb for item in found] == ["delete"]
    assert [place.reason.partition(":")[0] for place in tally.places] == [reason]


@pytest.mark.parametrize(
    ("stages", "rules"),
    [
        (["RequestReceived"], [(RULE,)]),
        (["RequestReceived", "ResponseComplete"], [(RULE,)]),
        (["RequestReceived", "ResponseStarted", "ResponseComplete"], [(RULE,), (RULE,)]),
    ],
)
def test_the_first_record_of_a_request_waits_for_a_later_one(stages: list[str], rules: list[object]) -> None:
    found, _, _ = read(b"".join(line(stage=stage, **DELETE) for stage in stages), "delete")
    assert [item.rules for item in found] == rules
    assert found[-1].origin.line == len(stages)


def test_a_first_record_that_looks_around_is_told_all_the_same() -> None:
    data = line(stage="RequestReceived", responseStatus=None) + line()
    found, _, _ = read(data, "list")
    assert [(item.outcome, item.rules) for item in found] == [("unknown", ()), ("answered", (RULE,))]


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube_audit_own, "_MOST_WAITING", 2)
    data = b"".join(line(stage="RequestReceived", auditID=str(at), **DELETE) for at in range(5))
    found, _, _ = read(data, "delete")
    assert [item.id.partition("@")[0] for item in found] == ["0", "1", "2", "3", "4"]


def test_without_rules_about_audit_events_nothing_changes() -> None:
    class Processes(Asked):
        def wants(self, kind: RecordKind) -> bool:
            return kind == "linux-process"

    assert isinstance(SOURCE.reader(Tally("audit.log", matcher=Processes())), KubeAuditReader)
    assert isinstance(SOURCE.reader(Tally("audit.log")), KubeAuditReader)
