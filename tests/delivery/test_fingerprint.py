from typing import Any

import factories
import parcels
import pytest

from tidewaiter.delivery.fingerprint import fingerprint

SAME: dict[str, dict[str, Any]] = {
    "counters": {"looked_at": factories.looked_at(requests=12, answered=6)},
    "time": {"until": factories.AT},
    "words": {"headline": "сервисный аккаунт", "explanation": factories.explanation(what="x")},
    "confidence": {"confidence": 0.5},
    "order of kinds": {"looked_at": factories.looked_at(kinds=("pods", "nodes"))},
    "sightings": {"sightings": ()},
}
OTHER: dict[str, dict[str, Any]] = {
    "id": {"name": "F-2"},
    "level": {"level": "critical"},
    "decision": {"verdict": factories.verdict(decision="malicious")},
    "chain": {"chain": (factories.link(),)},
    "tripwires": {"rules": ("kube-anonymous@1",)},
    "kinds": {"looked_at": factories.looked_at(kinds=("nodes", "pods", "secrets"))},
    "techniques": {"techniques": ("T1613", "T1087")},
}


@pytest.mark.parametrize("over", SAME.values(), ids=SAME.keys())
def test_what_does_not_matter_leaves_the_fingerprint(over: dict[str, Any]) -> None:
    assert fingerprint(parcels.finding(**over)) == fingerprint(parcels.finding())


@pytest.mark.parametrize("over", OTHER.values(), ids=OTHER.keys())
def test_what_matters_changes_it(over: dict[str, Any]) -> None:
    assert fingerprint(parcels.finding(**over)) != fingerprint(parcels.finding())


def test_versions_of_rules_and_repetitions_do_not_matter() -> None:
    before = parcels.finding(rules=("kube-anonymous@1",), chain=(factories.link(),))
    link = factories.link(recogniser="kube-read-secrets@2", times=7, text="list /api/v1/namespaces/x/secrets")
    after = parcels.finding(rules=("kube-anonymous@2",), chain=(factories.link(), link))
    assert fingerprint(after) == fingerprint(before)


def test_it_is_the_same_tomorrow() -> None:
    assert fingerprint(parcels.finding()) == "c16e96a50f8f182afc888652a3fea251"
