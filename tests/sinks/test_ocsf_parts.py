from typing import Any

import documents
import factories
import pytest

from tidewaiter.sinks import ocsf_parts as parts
from tidewaiter.sinks.document import document

URL = "https://attack.mitre.org/techniques"


@pytest.mark.parametrize(
    ("kind", "number", "said"),
    [
        ("user", 1, "User"),
        ("service-account", 4, "Service"),
        ("node", 3, "System"),
        ("container", 99, "container"),
        ("anonymous", 0, "Unknown"),
    ],
)
def test_actors(kind: str, number: int, said: str) -> None:
    assert parts.actor({"kind": kind, "name": "a", "realm": "r", "via": None}) == {
        "user": {"name": "a", "domain": "r", "type_id": number, "type": said}
    }


def test_an_actor_without_a_name_has_its_kind() -> None:
    assert parts.actor({"kind": "unknown", "name": "", "realm": "", "via": None}) == {
        "user": {"name": "unknown", "type_id": 0, "type": "Unknown"}
    }


@pytest.mark.parametrize(
    ("addresses", "found"),
    [
        ([], None),
        (["10.0.0.1", "10.0.0.2"], {"ip": "10.0.0.1"}),
        (["lb.example"], {"name": "lb.example"}),
    ],
)
def test_endpoints(addresses: list[str], found: dict[str, str] | None) -> None:
    assert parts.endpoint(addresses) == found


def test_each_sighting_and_each_step_is_evidence() -> None:
    made = documents.chained()
    user = {"user": {"name": "shop/web", "domain": "kubernetes", "type_id": 4, "type": "Service"}}
    assert parts.evidences(made) == [
        {
            "uid": "5f2b1c7d9e0a4b3c8d7e",
            "name": "kube-list-everything@1",
            "actor": user,
            "src_endpoint": {"ip": "10.42.3.17"},
            "data": {key: made["sightings"][0][key] for key in ("at", "text", "evidence", "origin")},
        },
        {
            "uid": "0c1d2e3f4a5b6c7d8e9f",
            "name": "kube-read-secrets@1",
            "actor": user,
            "data": {
                key: made["chain"][0][key] for key in ("at", "text", "what", "technique", "outcome", "times", "origin")
            },
        },
    ]


def test_a_step_of_somebody_else_has_its_own_actor() -> None:
    made = document(factories.finding(chain=(factories.link(actor=factories.actor(kind="user", name="bob")),)))
    assert parts.evidences(made)[1]["actor"]["user"]["name"] == "bob"


def test_a_technique_is_told_under_each_of_its_tactics() -> None:
    found = parts.attacks(documents.chained(techniques=("T1610", "T9999.001")))
    deploy = {"uid": "T1610", "name": "Deploy Container", "src_url": f"{URL}/T1610/"}
    assert found == [
        {"technique": deploy, "tactic": {"uid": "TA0005", "name": "Defense Evasion"}, "version": "18"},
        {"technique": deploy, "tactic": {"uid": "TA0002", "name": "Execution"}, "version": "18"},
        {
            "technique": {"uid": "T9999", "src_url": f"{URL}/T9999/"},
            "sub_technique": {"uid": "T9999.001", "src_url": f"{URL}/T9999/001/"},
        },
        {
            "technique": {"uid": "T1552", "name": "Unsecured Credentials", "src_url": f"{URL}/T1552/"},
            "sub_technique": {"uid": "T1552.007", "name": "Container API", "src_url": f"{URL}/T1552/007/"},
            "tactic": {"uid": "TA0006", "name": "Credential Access"},
            "version": "18",
        },
    ]
    assert parts.tactic_names(["T1613", "T1046", "T9999"]) == ["Discovery"]


def test_rules_and_other_findings() -> None:
    made = document(
        factories.finding(rules=("own@3", "bare"), sightings=(), chain=(factories.link(finding="F-2"),) * 2)
    )
    assert parts.analytics(made) == [
        {"uid": "own@3", "name": "own", "version": "3", "type_id": 1, "type": "Rule"},
        {"uid": "bare", "name": "bare", "type_id": 1, "type": "Rule"},
    ]
    assert parts.related(made) == [{"uid": "F-2", "type": "Detection Finding", "product": parts.product()}]


@pytest.mark.parametrize(
    ("surprises", "found"),
    [
        ((), []),
        (
            (factories.surprise(), factories.surprise(measure="new-actor", observed="x", usual="")),
            [
                {
                    "analysis_targets": [{"name": "shop/web", "type": "service-account"}],
                    "anomalies": [
                        {"observation_parameter": "new-kind", "observations": [{"value": "nodes"}]},
                        {"observation_parameter": "new-actor", "observations": [{"value": "x"}]},
                    ],
                    "baselines": [{"observation_parameter": "new-kind", "observations": [{"value": "pods, services"}]}],
                }
            ],
        ),
    ],
)
def test_surprises_are_anomalies_beside_what_is_usual(surprises: Any, found: list[dict[str, Any]]) -> None:
    assert parts.anomalies(document(factories.finding(surprises=surprises))) == found


def test_a_read_of_everything_names_no_resource() -> None:
    made = document(factories.finding(looked_at=factories.looked_at(namespaces=("*", "shop"))))
    assert parts.resources(made) == [{"name": "shop", "type": "namespace"}]


def test_what_to_search_for_elsewhere() -> None:
    made = document(factories.finding(addresses=("10.0.0.1", "lb.example")))
    assert parts.observables(made) == [
        {"name": "evidences[].src_endpoint.ip", "type_id": 2, "type": "IP Address", "value": "10.0.0.1"},
        {"name": "evidences[].actor.user.name", "type_id": 4, "type": "User Name", "value": "shop/web"},
    ]


def test_how_to_stop_it() -> None:
    assert parts.remediation(documents.chained()) == {"desc": "Stop it. Breaks: the shop.\nkubectl delete pods"}
    assert parts.remediation(document(factories.finding(explanation=factories.explanation(contain=())))) is None
