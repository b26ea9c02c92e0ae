from __future__ import annotations

from typing import Any

from record_text import KUBE, own_rule

from tidewaiter.model import RuleMatch
from tidewaiter.recognise.record_matcher import RecordMatcher

DOCKER = own_rule(title="docker", detection={"a": {"Image|endswith": "/docker"}, "condition": "a"})
ROOT = own_rule(
    title="as root", detection={"a": {"User": "root"}, "b": {"ParentImage": "x"}, "condition": "a and not b"}
)
PODS = own_rule(title="pods", logsource=KUBE, detection={"a": {"resource": "pods"}, "condition": "a"})
ANY = own_rule(title="any", logsource={"category": "process_creation"}, detection={"a": ["docker"], "condition": "a"})


def names(matches: tuple[RuleMatch, ...]) -> list[str]:
    return [match.rule for match in matches]


def test_only_the_rules_about_a_kind_of_record_are_asked() -> None:
    matcher = RecordMatcher((DOCKER, ROOT, PODS, ANY))
    record = {"Image": "/usr/bin/docker", "User": "root", "objectRef": {"resource": "pods"}}
    assert names(matcher.matches("linux-process", record)) == ["any@1", "as-root@1", "docker@1"]
    assert names(matcher.matches("windows-process", record)) == ["any@1"]
    assert names(matcher.matches("kube-audit", record)) == ["pods@1"]
    assert [matcher.wants(kind) for kind in ("linux-process", "kube-audit")] == [True, True]
    assert not RecordMatcher((DOCKER,)).wants("kube-audit")
    assert RecordMatcher((DOCKER,)).matches("kube-audit", record) == ()


def test_a_match_says_which_values_made_it() -> None:
    matcher = RecordMatcher((DOCKER,), {"docker": {"User", "CommandLine"}})
    record = {"Image": "/usr/bin/Docker", "User": "root", "CommandLine": "c" * 2000}
    (match,) = matcher.matches("linux-process", record)
    assert match.values[0] == ("Image", "/usr/bin/Docker")
    assert dict(match.values)["User"] == "root"
    assert len(dict(match.values)["CommandLine"]) < 1000


def test_long_values_that_differ_stay_different() -> None:
    matcher = RecordMatcher((DOCKER,), {"docker": {"CommandLine"}})
    told = {
        dict(match.values)["CommandLine"]
        for end in "ab"
        for match in matcher.matches("linux-process", {"Image": "/docker", "CommandLine": "c" * 2000 + end})
    }
    assert len(told) == 2


def test_equal_values_of_different_types_are_not_the_same() -> None:
    one = own_rule(title="one", detection={"a": {"ProcessId": 1}, "condition": "a"})
    matcher = RecordMatcher((one,))
    records: list[dict[str, Any]] = [{"ProcessId": 1}, {"ProcessId": True}, {"ProcessId": 1.0}, {"ProcessId": "1"}]
    assert [bool(matcher.matches("linux-process", record)) for record in records] == [True, False, True, True]
    assert [bool(matcher.matches("linux-process", record)) for record in reversed(records)] == [True, True, False, True]


def test_fields_that_no_record_had_are_told() -> None:
    matcher = RecordMatcher((DOCKER, ROOT, PODS))
    assert matcher.unseen() == {}
    matcher.matches("linux-process", {"Image": "/usr/bin/docker"})
    assert matcher.unseen() == {"ParentImage": 1, "User": 1}
    matcher.matches("linux-process", {"User": "root"})
    assert matcher.unseen() == {"ParentImage": 1}
    assert matcher.asked() == {"linux-process": 2, "kube-audit": 0}


def test_an_alias_and_the_field_itself_are_one() -> None:
    matcher = RecordMatcher((PODS,), {"pods": {"resource", "objectRef.namespace"}})
    (match,) = matcher.matches("kube-audit", {"objectRef": {"resource": "pods", "namespace": "shop"}})
    assert match == RuleMatch(
        rule="pods@1",
        values=(("objectRef.resource", "pods"), ("objectRef.namespace", "shop"), ("resource", "pods")),
    )
