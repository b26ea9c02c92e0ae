from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
import yaml
from factories import AT, activity, actor, context, occurrence, sighting
from record_text import own_text
from rule_text import rule

from tidewaiter.errors import RuleError
from tidewaiter.hits import found_together, with_evidence
from tidewaiter.recognise.own_rules import RuleFile, load_own
from tidewaiter.recognise.pack import Pack, load_pack
from tidewaiter.store import Store


def correlation(rules: list[str], group: list[str], **condition: Any) -> str:
    given = {"type": "event_count", "rules": rules, "group-by": group, "timespan": "5m", "condition": {"gte": 2}}
    whole = {"title": "many", "name": "many", "id": str(uuid5(NAMESPACE_URL, "many")), "level": "high"}
    return yaml.safe_dump({**whole, "correlation": {**given, **condition}})


def filled(store: Store, *seen: dict[str, Any]) -> None:
    """Fill a store with sightings of a-rule, a minute apart."""
    for number, given in enumerate(seen, 1):
        store.add_context(context(context=number, a=activity(**given), recognised=("a-rule@1",)))
        store.add([occurrence(context=number, id=str(number), at=AT + timedelta(minutes=number))])
    store.settle()


@pytest.mark.parametrize(
    ("group", "seen", "ids"),
    [
        (["actor"], [{}, {}], ["1", "2"]),
        (["actor"], [{}, {"actor": actor(name="other")}], []),
        (["namespace"], [{"namespace": "a"}, {"namespace": "a", "actor": actor(name="other")}], ["1", "2"]),
        (["actor", "namespace"], [{"namespace": "a"}, {"namespace": "b"}], []),
        (["actor", "tool.name"], [{"tool": "curl/7"}, {"tool": "curl/8"}], ["1", "2"]),
        (["network"], [{"address": "10.0.0.1"}, {"address": "10.9.9.9", "actor": actor(name="other")}], ["1", "2"]),
        (["actor.kind"], [{}, {"actor": actor(kind="user", name="x")}], []),
        (["actor"], [{"actor": actor(kind="unknown")}, {"actor": actor(kind="unknown")}], []),
        (["actor.kind"], [{"actor": actor(kind="unknown")}, {"actor": actor(kind="unknown")}], ["1", "2"]),
    ],
)
def test_correlations_group_by_what_they_say(group: list[str], seen: list[dict[str, Any]], ids: list[str]) -> None:
    pack = load_pack([("a.yml", yaml.safe_dump(_plain())), ("b.yml", correlation(["a-rule"], group))])
    with Store() as store:
        filled(store, *seen)
        assert [hit.activity for hit in found_together(store, pack)] == ids


def _plain() -> dict[str, Any]:
    about = rule().about
    return {
        "title": about.title,
        "id": about.id,
        "name": about.name,
        "logsource": {"product": "tidewaiter", "category": "kubernetes"},
        "detection": rule().detection,
        "level": "medium",
    }


@pytest.mark.parametrize(
    ("field", "found"),
    [("actor.name", True), ("network", False), ("kind", False), ("tool.name", False)],
)
def test_correlations_count_the_field_they_name(field: str, found: bool) -> None:
    text = correlation(["a-rule"], ["verb"], type="value_count", condition={"field": field, "gte": 2})
    pack = load_pack([("a.yml", yaml.safe_dump(_plain())), ("b.yml", text)])
    with Store() as store:
        filled(
            store,
            {"address": "10.0.0.1", "tool": "curl/7"},
            {"address": "10.9.0.1", "tool": "curl/8", "actor": actor(name="x")},
        )
        assert bool(list(found_together(store, pack))) is found


def own(*texts: str) -> Pack:
    return Pack((), (), load_own(RuleFile(f"{at}.yml", text, True) for at, text in enumerate(texts)))


def test_correlations_of_own_rules_count_the_records_that_the_store_kept() -> None:
    pack = own(own_text(title="one"), correlation(["one"], ["User"]))
    with Store() as store:
        for number, role in enumerate(("counted", "counted", "counted"), 1):
            learn = number == 3
            store.add_context(context(context=number, recognised=("one@1",), role=role, learn=learn))
            store.add([occurrence(context=number, id=str(number), at=AT + timedelta(minutes=number))])
        rows = [(str(number), "one@1", '[["User","root"]]') for number in (1, 2, 3)]
        store.insert("matched", [*rows, rows[0], ("gone", "one@1", "[]")])
        store.settle()
        assert [(hit.activity, hit.rule, hit.weight) for hit in found_together(store, pack)] == [
            ("1", "many@1", 16.0),
            ("2", "many@1", 16.0),
        ]


def test_a_later_record_takes_the_place_of_one_that_a_rule_saw() -> None:
    pack = own(own_text(title="one"), correlation(["one"], ["User"]))
    with Store() as store:
        for number, names in enumerate((("one@1",), ()), 1):
            outcome = "unknown" if names else "answered"
            store.add_context(context(context=number, a=activity(outcome=outcome), recognised=names, role="counted"))
            store.add([occurrence(context=number, id=identity) for identity in ("a", "b")])
        store.insert("matched", [(identity, "one@1", '[["User","root"]]') for identity in ("a", "b")])
        store.settle()
        assert list(found_together(store, pack)) == []


def test_the_evidence_of_own_rules_comes_from_the_store() -> None:
    key = ("actor", "host", AT)
    samples = {
        key: [
            sighting(activity="1", recogniser="one@1", evidence={}),
            sighting(activity="1", recogniser="many@1", evidence={}),
            sighting(activity="2", recogniser="kube-list@1", evidence={"verb": "list"}),
            sighting(activity="3", recogniser="gone@1", evidence={}),
        ]
    }
    with Store() as store:
        store.insert("matched", [("1", "one@1", '[["Image","/bin/sh"],["Image","whole"],["User","root"]]')])
        found = with_evidence(store, samples)[key]
    assert [item.evidence for item in found] == [
        {"Image": "/bin/sh", "User": "root"},
        {"Image": "/bin/sh", "User": "root"},
        {"verb": "list"},
        {},
    ]


def test_a_proof_that_nobody_makes_is_refused() -> None:
    text = yaml.safe_dump({**yaml.safe_load(correlation(["a-rule"], ["actor"])), "proof": "stars"})
    with pytest.raises(RuleError, match="unknown proof 'stars'"):
        load_pack([("a.yml", yaml.safe_dump(_plain())), ("b.yml", text)])
