from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from record_text import KUBE, LINUX, own_rule, own_text

from tidewaiter.errors import RuleError
from tidewaiter.recognise.document import documents
from tidewaiter.recognise.record_rule import (
    OtherLogsourceError,
    is_ours,
    load_record_rule,
    nested,
    reads_of,
    slug,
    values_of,
)
from tidewaiter.recognise.rule import About

REFUSED: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("own_refused.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["name"])
def test_refused_with_path_and_line(case: dict[str, Any]) -> None:
    change = {key: value for key, value in case.items() if key not in ("name", "line", "what", "hint")}
    (document,) = documents(own_text(**change), "rules/own.yml")
    with pytest.raises(RuleError) as caught:
        load_record_rule(document)
    assert caught.value.where == f"rules/own.yml:{case['line']}"
    assert case["what"] in caught.value.what
    assert case.get("hint", "") in caught.value.hint


@pytest.mark.parametrize(
    ("logsource", "reads"),
    [
        (LINUX, ("linux-process",)),
        ({"category": "process_creation", "product": "Windows"}, ("windows-process",)),
        ({"category": "process_creation", "product": "macos"}, ("macos-process",)),
        ({"category": "process_creation"}, ("linux-process", "windows-process", "macos-process")),
        ({**LINUX, "definition": "of somebody else"}, ("linux-process",)),
        (KUBE, ("kube-audit",)),
        ({**KUBE, "category": "application"}, ("kube-audit",)),
        ({"category": "process_creation", "product": "aix"}, None),
        ({"service": "audit"}, None),
        ({"product": "linux", "service": "sysmon"}, None),
    ],
)
def test_logsource(logsource: dict[str, str], reads: tuple[str, ...] | None) -> None:
    (document,) = documents(own_text(logsource=logsource), "own.yml")
    if reads is None:
        with pytest.raises(OtherLogsourceError):
            reads_of(document)
    else:
        assert reads_of(document) == reads


def test_about_is_what_the_rule_says() -> None:
    rule = own_rule(
        title="Docker CLI, as root!",
        description="Somebody\nlists.",
        tags=["attack.discovery", "attack.t1613"],
        falsepositives="Administrators",
        references=["https://example.org"],
        status="test",
    )
    assert rule.about == About(
        name="docker-cli-as-root",
        id="7c2f1a90-3b55-4f0e-8a9d-5c1be0d4a811",
        version=1,
        title="Docker CLI, as root!",
        description="Somebody lists.",
        status="test",
        role="tripwire",
        level="high",
        weight=16.0,
        reads=("host",),
        techniques=("T1613",),
        tags=("attack.discovery", "attack.t1613"),
        why={"en": "Somebody lists."},
        benign=({"en": "Administrators"},),
        references=("https://example.org",),
        path="own.yml",
        line=1,
    )


def test_a_rule_may_have_a_name_of_its_own_and_no_id() -> None:
    rule = own_rule(name="docker_cli", id=None, level=None)
    assert (rule.about.name, rule.alias, rule.about.level) == ("docker-cli", "docker_cli", "medium")
    assert rule.about.id == own_rule(id=None).about.id


def test_a_title_without_latin_letters_has_the_id_as_its_name() -> None:
    (document,) = documents(own_text(title="Кто-то смотрит"), "own.yml")
    assert slug(document) == "rule-7c2f1a90"


def test_is_ours() -> None:
    told = [is_ours(document) for given in ({"product": "tidewaiter"}, LINUX, None)
            for document in documents(own_text(logsource=given), "own.yml")]  # fmt: skip
    assert told == [True, False, False]


def test_examples_of_audit_events_may_use_dotted_names() -> None:
    assert nested({"verb": "get", "objectRef.resource": "pods", "objectRef.name": "x", "annotations.a.b/c": "d"}) == {
        "verb": "get",
        "objectRef": {"resource": "pods", "name": "x"},
        "annotations": {"a.b/c": "d"},
    }
    rule = own_rule(
        logsource=KUBE,
        detection={"seen": {"objectRef.resource": "pods"}, "condition": "seen"},
        examples={"hit": [{"objectRef.resource": "pods"}], "miss": [{"verb": "get"}]},
    )
    assert (rule.hit, rule.miss) == (({"objectRef": {"resource": "pods"}},), ({"verb": "get"},))


def test_values_of_reads_only_what_is_asked() -> None:
    record = {"Image": "/bin/sh", "User": "root"}
    assert values_of(record, "process", frozenset({"Image", "CommandLine"})) == {
        "Image": ("/bin/sh",),
        "CommandLine": (),
    }
