"""Makes the YAML of a rule for tests: complete, except for what a test is about."""

from __future__ import annotations

from typing import Any

import yaml

from tidewaiter.recognise.rule import Recogniser, load_rules

_RULE = {
    "title": "A rule",
    "id": "2f4b1b64-7d0f-4f5e-9e9b-0d1a5b7c3e11",
    "name": "a-rule",
    "logsource": {"product": "tidewaiter", "category": "kubernetes"},
    "detection": {"seen": {"verb": "list"}, "condition": "seen"},
    "level": "medium",
}


def rule_text(**given: Any) -> str:
    """Give the text of a rule; a key given as None is left out."""
    data = {key: value for key, value in {**_RULE, **given}.items() if value is not None}
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def rule(**given: Any) -> Recogniser:
    """Load such a rule."""
    (found,) = load_rules(rule_text(**given), "rule.yml")
    assert isinstance(found, Recogniser)
    return found
