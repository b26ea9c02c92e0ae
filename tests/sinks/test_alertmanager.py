import json
import re
from datetime import UTC, datetime
from typing import Any

import documents
import factories
import pytest
from hypothesis import given

from tidewaiter.sinks.alertmanager import FIRES, alerts
from tidewaiter.sinks.document import Context, document
from tidewaiter.wording import Wording

EN = Wording("en")
NOW = datetime(2026, 11, 23, 2, 16, tzinfo=UTC)


def posted(*findings: Any, context: Context | None = None) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = json.loads(alerts(findings, EN, context or Context(now=NOW)))
    return made


def test_a_finding_is_an_alert_that_fires_for_a_day() -> None:
    context = Context(now=NOW, link="https://x.example/{id}", labels={"cluster": "prod", "my-team": "a"})
    assert posted(documents.chained(), context=context) == [
        {
            "labels": {
                "cluster": "prod",
                "my_team": "a",
                "alertname": "TidewaiterFinding",
                "finding": "F-3kq9x2m7",
                "severity": "high",
                "plane": "kubernetes",
                "actor_kind": "service-account",
                "realm": "kubernetes",
            },
            "annotations": {
                "summary": "service account shop/web lists everything it can reach",
                "description": "service account shop/web made 11 requests: 5 answered, 6 refused.\n"
                "In 41 days of history it never read this kind: nodes.",
                "confidence": "0.93",
                "techniques": "T1613, T1552.007",
                "addresses": "10.42.3.17",
                "seen": "list /api/v1/pods?limit=500\nlist /api/v1/secrets",
                "next": "Which pod has this address?\nkubectl get pods --all-namespaces",
                "verdict": "suspicious (tidewaiter)",
            },
            "startsAt": "2026-11-23T02:14:07Z",
            "endsAt": "2026-11-24T02:16:00Z",
            "generatorURL": "https://x.example/F-3kq9x2m7",
        }
    ]


def test_labels_stay_the_same_while_a_finding_grows() -> None:
    grown = documents.chained(
        until=NOW, addresses=("10.0.0.1",), techniques=("T1609",), headline="more", confidence=0.99, tools=()
    )
    assert posted(grown)[0]["labels"] == posted(documents.chained())[0]["labels"]


def test_an_update_that_has_risen_ends_the_alert_of_the_earlier_level() -> None:
    context = Context(now=NOW, updates=frozenset({"F-3kq9x2m7"}), earlier={"F-3kq9x2m7": "high"})
    assert len(posted(documents.chained(), context=context)) == 1
    made = posted(documents.chained(level="critical"), context=context)
    ends = {one["labels"]["severity"]: one["endsAt"] for one in made}
    assert ends == {"critical": "2026-11-24T02:16:00Z", "high": "2026-11-23T02:16:00Z"}
    assert len({json.dumps({**one["labels"], "severity": ""}) for one in made}) == 1


@pytest.mark.parametrize(
    ("now", "decision", "by", "end"),
    [
        (None, "suspicious", "tidewaiter", None),  # resolve_timeout of the receiver decides
        (NOW, "expected", "tidewaiter", NOW + FIRES),
        (NOW, "benign", "olga", NOW),
        (None, "benign", "olga", factories.UNTIL),
        (datetime(2020, 1, 1, tzinfo=UTC), "benign", "olga", factories.AT),  # a clock that is wrong
    ],
)
def test_ends(now: datetime | None, decision: str, by: str, end: datetime | None) -> None:
    made = posted(
        document(factories.finding(verdict=factories.verdict(decision=decision, by=by))), context=Context(now=now)
    )[0]
    assert ("endsAt" in made) is (end is not None)
    if end:
        assert datetime.fromisoformat(made["endsAt"]) == end
        assert made["endsAt"] >= made["startsAt"]


@given(documents.hostile())
def test_whatever_a_log_holds_labels_are_few_and_texts_are_inert(finding: dict[str, Any]) -> None:
    for alert in posted(finding):
        assert set(alert["labels"]) <= {"alertname", "finding", "severity", "plane", "actor_kind", "realm"}
        for name, value in alert["labels"].items():
            assert re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name)
            assert 0 < len(value) <= 100
        for text in alert["annotations"].values():
            assert not documents.controls(text.replace("\n", ""))
            assert not {"<", ">"} & set(text)
