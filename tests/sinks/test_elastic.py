import json
import re
from ipaddress import ip_address
from typing import Any

import documents
import factories
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewaiter.sinks.document import Context, Document, digest, document
from tidewaiter.sinks.elastic import TEMPLATE, action, bulk, ecs
from tidewaiter.sinks.flat import flat
from tidewaiter.wording import Wording

EN = Wording("en")


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (Context(), {"index": {"_id": "F-3kq9x2m7"}}),
        (Context(index="findings"), {"index": {"_index": "findings", "_id": "F-3kq9x2m7"}}),
    ],
)
def test_an_update_takes_the_place_of_what_was_there(context: Context, expected: dict[str, Any]) -> None:
    first, later = documents.chained(), documents.chained(level="critical")
    assert action(first, context) == action(later, context) == expected


def test_a_data_stream_gets_each_state_once() -> None:
    first, again, later = documents.chained(), documents.chained(), documents.chained(level="critical")
    context = Context(append_only=True)
    assert action(first, context) == {"create": {"_id": f"F-3kq9x2m7-{digest(first)}"}}
    assert action(first, context) == action(again, context) != action(later, context)


def test_a_finding_in_fields_of_ecs() -> None:
    made = documents.chained(
        actor=factories.actor(via="kube-system/console"), addresses=("fe80::1%x", "10.42.3.17", "2001:db8::1")
    )
    context = Context(host="watch-1", link="https://x.example/{id}", labels={"cluster": "prod"})
    assert ecs(made, context) == {
        "@timestamp": "2026-11-23T02:15:44.000000Z",
        "ecs": {"version": "8.17.0"},
        "message": "service account shop/web lists everything it can reach",
        "event": {
            "kind": "alert",
            "category": ["intrusion_detection"],
            "type": ["info"],
            "module": "tidewaiter",
            "dataset": "tidewaiter.finding",
            "provider": "tidewaiter",
            "id": "F-3kq9x2m7",
            "start": "2026-11-23T02:14:07Z",
            "end": "2026-11-23T02:15:44Z",
            "severity": 4,
            "risk_score": 93,
            "reason": "In 41 days of history it never read this kind: nodes.",
            "url": "https://x.example/F-3kq9x2m7",
        },
        "rule": {"id": ["kube-list-everything@1"], "ruleset": "tidewaiter"},
        "threat": {
            "framework": "MITRE ATT&CK",
            "technique": {
                "id": ["T1613", "T1552"],
                "name": ["Container and Resource Discovery", "Unsecured Credentials"],
                "subtechnique": {"id": ["T1552.007"], "name": ["Container API"]},
            },
            "tactic": {"id": ["TA0007", "TA0006"], "name": ["Discovery", "Credential Access"]},
        },
        "observer": {"vendor": "tidewaiter", "product": "tidewaiter", "version": "0.1.0", "hostname": "watch-1"},
        "user": {"name": "shop/web", "domain": "kubernetes"},
        "source": {"ip": "10.42.3.17", "address": "10.42.3.17"},
        "user_agent": {"original": ["curl/8.5"]},
        "related": {"ip": ["10.42.3.17", "2001:db8::1"], "user": ["shop/web", "kube-system/console"]},
        "orchestrator": {"type": "kubernetes", "namespace": ["*"]},
        "labels": {"cluster": "prod"},
        "tidewaiter": flat(made, context),
    }


def test_an_actor_that_is_no_user_is_none() -> None:
    made = ecs(
        document(factories.finding(actor=factories.actor(kind="address", name="10.0.0.1"), plane="web")), Context()
    )
    assert {"user", "orchestrator"} & set(made) == set()


def typed(properties: dict[str, Any], kind: str, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    found = {(*path, name) for name, one in properties.items() if one.get("type") == kind}
    return found.union(
        *(typed(one["properties"], kind, (*path, name)) for name, one in properties.items() if "properties" in one)
    )


def of_kind(value: Any, pattern: str, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    if isinstance(value, dict):
        return set().union(*(of_kind(one, pattern, (*path, name)) for name, one in value.items()))
    texts = value if isinstance(value, list) else [value]
    return {path} if any(isinstance(one, str) and re.fullmatch(pattern, one) for one in texts) else set()


def test_the_template_names_every_time_and_every_address() -> None:
    properties = TEMPLATE["template"]["mappings"]["properties"]
    made = ecs(documents.chained(), Context())
    assert of_kind(made, r"\d{4}-\d\d-\d\dT\S+Z") == typed(properties, "date")
    texts = {("source", "address"), ("tidewaiter", "srcip"), ("tidewaiter", "addresses")}  # these may hold names
    assert of_kind(made, r"[\d.]+\.\d+\.\d+") - texts - {("observer", "version"), ("ecs", "version")} == typed(
        properties, "ip"
    )


def pairs(body: bytes) -> list[tuple[Document, Document]]:
    lines = body.split(b"\n")
    assert lines.pop() == b""  # the last line ends too, or the request is refused
    assert len(lines) % 2 == 0
    return [(json.loads(what), json.loads(whole)) for what, whole in zip(lines[::2], lines[1::2], strict=True)]


@given(st.lists(documents.hostile(), max_size=3))
@settings(max_examples=30)
def test_whatever_a_log_holds_the_body_is_pairs_of_lines_that_its_mapping_takes(findings: list[dict[str, Any]]) -> None:
    body = bulk(findings, EN, Context())
    assert len(body.decode().splitlines()) == 2 * len(findings)
    for what, whole in pairs(body):
        assert what == {"index": {"_id": "F-3kq9x2m7"}}
        for address in [whole.get("source", {}).get("ip", "::1"), *whole.get("related", {}).get("ip", [])]:
            assert ip_address(address)
            assert "%" not in address
        assert not any(isinstance(value, list | dict) for value in whole["tidewaiter"].values())
