import json
from datetime import UTC, datetime
from typing import Any

import documents
import factories
from hypothesis import given

from tidewaiter.sinks.document import Context, document
from tidewaiter.sinks.hec import event
from tidewaiter.wording import Wording

EN = Wording("en")


def test_an_event_is_the_whole_finding_with_indexed_fields() -> None:
    made = documents.chained()
    context = Context(host="watch-1", index="security", labels={"cluster": "prod"})
    assert json.loads(event(made, EN, context)) == {
        "time": 1795400144.0,
        "host": "watch-1",
        "source": "tidewaiter",
        "sourcetype": "tidewaiter:finding",
        "index": "security",
        "event": made,
        "fields": {
            "cluster": "prod",
            "finding_id": "F-3kq9x2m7",
            "level": "high",
            "verdict": "suspicious",
            "techniques": ["T1613", "T1552.007"],
            "rules": ["kube-list-everything@1"],
            "plane": "kubernetes",
        },
    }


def test_what_is_not_set_is_left_to_the_token() -> None:
    made = json.loads(event(document(factories.finding(plane=None, techniques=())), EN, Context()))
    assert {"host", "index"} & set(made) == set()
    assert {"plane", "techniques"} & set(made["fields"]) == set()


def test_milliseconds_are_kept_and_a_label_hides_nothing_of_ours() -> None:
    until = datetime(2026, 11, 23, 2, 15, 44, 123_456, tzinfo=UTC)
    made = json.loads(event(document(factories.finding(until=until)), EN, Context(labels={"level": "none"})))
    assert (made["time"], made["fields"]["level"]) == (1795400144.123, "high")


@given(documents.hostile())
def test_whatever_a_log_holds_it_is_one_event_with_flat_fields(finding: dict[str, Any]) -> None:
    data = event(finding, EN, Context())
    assert not documents.controls(data.decode())
    made = json.loads(data)
    assert made["event"] == finding
    for value in made["fields"].values():
        assert isinstance(value, str) or all(isinstance(one, str) for one in value)
