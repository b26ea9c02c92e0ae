import json

import documents
import factories
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.sinks.document import Context, document
from tidewaiter.sinks.flat import KEYS, fitted, flat, line
from tidewaiter.wording import Wording

EN = Wording("en")


def test_all_keys() -> None:
    assert flat(documents.chained(), Context(link="https://x.example/{id}", labels={"cluster": "prod"})) == {
        "schema": "tidewaiter.flat/1",
        "finding_id": "F-3kq9x2m7",
        "level": "high",
        "level_number": 4,
        "confidence_percent": 93,
        "headline": "service account shop/web lists everything it can reach",
        "techniques": "T1613",
        "tactics": "Discovery",
        "first_seen": "2026-11-23T02:14:07Z",
        "last_seen": "2026-11-23T02:15:44Z",
        "plane": "kubernetes",
        "actor_kind": "service-account",
        "actor_name": "shop/web",
        "actor_realm": "kubernetes",
        "srcip": "10.42.3.17",
        "srcuser": "shop/web",
        "addresses": "10.42.3.17",
        "tools": "curl/8.5",
        "kinds": "nodes, pods",
        "namespaces": "*",
        "scope": "everything",
        "requests": 11,
        "answered": 5,
        "refused": 6,
        "surprises": "new-kind: nodes",
        "surprise_bits": 9.2,
        "rules": "kube-list-everything@1",
        "sightings": 1,
        "seen": "list /api/v1/pods?limit=500 | list /api/v1/secrets",
        "records": "audit.log:181",
        "followed": 1,
        "followed_by": "reads secrets",
        "followed_techniques": "T1552.007",
        "all_techniques": "T1613, T1552.007",
        "verdict": "suspicious",
        "verdict_by": "tidewaiter",
        "verdict_why": "high",
        "what": "service account shop/web made 11 requests: 5 answered, 6 refused.",
        "why": "In 41 days of history it never read this kind: nodes.",
        "means": "Somebody tries door after door.",
        "innocent": "A backup job: a schedule at this hour would confirm it.",
        "next": "Which pod has this address? kubectl get pods --all-namespaces",
        "contain": "Stop it. Breaks: the shop. kubectl delete pods",
        "link": "https://x.example/F-3kq9x2m7",
        "label_cluster": "prod",
    }


def test_what_is_not_known_has_no_key() -> None:
    made = flat(document(factories.finding(addresses=(), tools=(), surprises=(), plane=None)), Context())
    assert not {"srcip", "addresses", "tools", "surprises", "surprise_bits", "plane", "link", "actor_via"} & set(made)
    assert made["followed"] == 0


def test_line_ends_of_a_log_are_told_from_ours() -> None:
    hostile = factories.finding(sightings=(factories.sighting(text="docker ps\nroot"),))
    assert flat(document(hostile), Context())["seen"] == r"docker ps\nroot"


@given(documents.hostile())
def test_whatever_a_log_holds_it_is_flat_and_fits(finding: dict[str, object]) -> None:
    data = line(finding, EN, Context())
    assert len(data) <= Context().size
    assert len(data.decode().splitlines()) == 1
    made = json.loads(data)
    assert set(made) <= set(KEYS)
    for value in made.values():
        assert isinstance(value, str | int | float)
        assert value != ""
        assert not documents.controls(str(value))
    assert made["finding_id"] == "F-3kq9x2m7"


@given(st.integers(0, 5000))
def test_the_loosest_attempt_that_fits_is_taken(size: int) -> None:
    data = fitted(lambda limit: b"x" * limit, size)
    assert len(data) == max(limit for limit in (1000, 400, 200, 100, 50, 25, 10, 0) if limit <= size)
