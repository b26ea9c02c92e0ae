from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from factories import AT, UNTIL, actor, episode, origin, sighting, surprise

from tidewaiter.findings.circumstances import Circumstances, circumstances, fits, fitting
from tidewaiter.model import Episode, Tripwire

THEN = datetime(1970, 1, 1, 0, 12, tzinfo=UTC)


def around(source: str = "kube-audit", path: str = "audit.log", text: str = "list", **over: Any) -> Circumstances:
    return circumstances(episode(**over), [sighting(text=text, origin=origin(source=source, path=path))])


def test_the_facts_of_a_service_account() -> None:
    assert around().facts == {
        "name": "shop/web",
        "short": "web",
        "namespace": "shop",
        "subject": "system:serviceaccount:shop:web",
        "account": "shop/web",
        "pattern": "shop/web",
        "at": AT,
        "until": UNTIL,
        "address": "10.42.3.17",
        "ipv4": "10.42.3.17",
        "private": "10.42.3.17",
        "path": "audit.log",
    }


@pytest.mark.parametrize(
    ("given", "facts"),
    [
        (around(actor=actor(kind="node", name="n1")), {"subject": "system:node:n1"}),
        (around(plane="host", actor=actor(kind="host-user", name="uid 33")), {"account": "33", "pattern": "uid=33"}),
        (around(addresses=("2001:db8::7", "10.0.0.1")), {"address": "2001:db8::7", "ipv6": "2001:db8::7"}),
        (around(addresses=("db1.example",)), {"address": "db1.example"}),
    ],
    ids=["a node", "a number", "the first address", "no address"],
)
def test_other_names(given: Circumstances, facts: dict[str, str]) -> None:
    assert facts.items() <= given.facts.items()


def test_what_is_no_address_is_not_given_to_a_firewall() -> None:
    assert {"ipv4", "ipv6", "private"} & set(around(addresses=("db1.example",)).facts) == set()


def test_times_that_no_record_holds_are_not_known() -> None:
    facts = around(plane="host", opens=THEN, closes=THEN).facts
    assert {"at", "until"} & set(facts) == set()
    assert "undated" in facts


@pytest.mark.parametrize("path", ["-", "a.zip!b.log", "https://logs/x", "a.zst", "a.bz2", "a.xz", "a.zip"])
def test_what_zgrep_cannot_read_is_not_searched(path: str) -> None:
    assert "path" not in around(path=path).facts
    assert "path" in around(path="a.log.gz").facts


@pytest.mark.parametrize(
    ("given", "system"),
    [
        (around("windows-event", plane="host"), "windows"),
        (around("ecs", plane="host", actor=actor(kind="host-user", name="CORP\\anna")), "windows"),
        (around("osquery", plane="host", text='"C:\\Docker\\docker.exe" ps'), "windows"),
        (around("ecs", plane="host", text="docker connects to \\\\.\\pipe\\docker_engine"), "windows"),
        (around("ecs", plane="host", text="docker ps"), "unix"),
        (around("sysmon-linux", plane="host"), "unix"),
        (around(text="list /api/v1/pods?name=a.exe"), "unix"),  # a name in a request says nothing of a machine
        (circumstances(episode(plane="host"), []), "unix"),
    ],
)
def test_the_system_is_told_by_the_source_and_the_programs(given: Circumstances, system: str) -> None:
    assert given.system == system


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("CORP\\anna", {"windows_account": "anna", "domain_account": "anna"}),
        ("WS12\\anna", {"windows_account": "anna", "local_account": "anna"}),
        ("anna", {"windows_account": "anna", "local_account": "anna"}),
        ("CORP\\WS12$", {"windows_account": "WS12$"}),
        ("NT AUTHORITY\\SYSTEM", {"windows_account": "SYSTEM"}),
    ],
)
def test_accounts_of_windows(name: str, facts: dict[str, str]) -> None:
    given = around("windows-event", plane="host", actor=actor(kind="host-user", name=name, realm="ws12.corp.example"))
    assert {key: value for key, value in given.facts.items() if key.endswith("_account")} == facts


MAIL = "ci@shop-prod.iam.gserviceaccount.com"
SINCE = 'AND timestamp>="2026-11-23T02:14:07Z"'


@pytest.mark.parametrize(
    ("source", "who", "facts"),
    [
        ("cloudtrail", {"kind": "user", "name": "mary"}, {"aws_user": "mary"}),
        ("cloudtrail", {"kind": "user", "name": "root"}, {}),
        ("cloudtrail", {"kind": "service-account", "name": "role/deploy"}, {"aws_role": "deploy"}),
        ("cloudtrail", {"kind": "user", "name": "pavel", "via": "web"}, {"aws_role": "web"}),
        ("cloudtrail", {"kind": "user", "name": "o", "via": "AWSReservedSSO_Ops_01"}, {"aws_sso": "o"}),
        ("cloudtrail", {"kind": "component", "name": "eks.amazonaws.com"}, {}),
        ("gcp-audit", {"kind": "service-account", "name": MAIL}, {"gcp_account": MAIL, "project": "shop-prod"}),
        ("gcp-audit", {"kind": "user", "name": "a", "via": MAIL}, {"gcp_account": MAIL, "project": "shop-prod"}),
        ("gcp-audit", {"kind": "user", "name": "a", "realm": "--x"}, {}),
        ("gcp-audit", {"kind": "service-account", "name": f"-{MAIL}"}, {"project": "shop-prod"}),
        ("azure-activity", {"kind": "user", "name": "n"}, {"azure_principal": "n"}),
        ("azure-activity", {"kind": "service-account", "name": "app/9"}, {"azure_principal": "9", "azure_app": "9"}),
    ],
)
def test_names_of_the_clouds(source: str, who: dict[str, str], facts: dict[str, str]) -> None:
    given = around(source, plane="cloud", actor=actor(**{"realm": "shop-prod", **who}))
    found = {key: value for key, value in given.facts.items() if key.startswith(("aws_", "gcp_a", "azure_", "project"))}
    assert found == facts


def test_a_filter_of_google_cloud_holds_a_name_as_text() -> None:
    given = around("gcp-audit", plane="cloud", actor=actor(kind="user", name='a" OR "b\\'))
    assert given.facts["gcp_filter"] == f'protoPayload.authenticationInfo.principalEmail="a\\" OR \\"b\\\\" {SINCE}'


RULE = Tripwire(recogniser="kube-refused-sweep@1", weight=8.0, times=1, prior=0)
FULL = episode(tripwires=(RULE,), surprises=(surprise(),), reviews=2)


@pytest.mark.parametrize(
    ("entry", "given", "found"),
    [
        ({}, FULL, True),
        ({"planes": ["kubernetes", "web"]}, FULL, True),
        ({"planes": ["web"]}, FULL, False),
        ({"actors": ["user"]}, FULL, False),
        ({"measures": ["new-kind"]}, FULL, True),
        ({"measures": ["new-kind"]}, episode(surprises=()), False),
        ({"rules": ["kube-refused-sweep"]}, FULL, True),
        ({"rules": ["kube-refused-sweep"]}, episode(), False),
        ({"with_reviews": True}, FULL, True),
        ({"with_reviews": True}, episode(), False),
        ({"systems": ["windows"]}, FULL, False),
        ({"clouds": ["aws"]}, FULL, False),
        ({"names": ["shop/web"]}, FULL, True),
        ({"names": ["root"]}, FULL, False),
        ({"unless_names": ["shop/web"]}, FULL, False),
        ({"unless_names": ["root"]}, FULL, True),
        ({"planes": ["kubernetes"], "actors": ["user"]}, FULL, False),
    ],
)
def test_every_condition_must_hold(entry: dict[str, Any], given: Episode, found: bool) -> None:
    assert fits(entry, circumstances(given, [])) is found


def test_an_entry_whose_values_are_not_known_is_left_out() -> None:
    table = [{"ask": "a", "user": "short"}, {"ask": "b", "role": "aws_role"}, {"do": "c"}]
    assert list(fitting(table, around())) == [("a", {"user": "web"}), ("c", {})]
