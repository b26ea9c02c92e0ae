"""Makes a user's own Sigma rule for tests, and asks it about a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from tidewaiter.recognise.document import documents
from tidewaiter.recognise.record_fields import Family, family
from tidewaiter.recognise.record_match import Texts, fields_of, holds
from tidewaiter.recognise.record_rule import RecordRule, load_record_rule, values_of

LINUX = {"product": "linux", "category": "process_creation"}
KUBE = {"product": "kubernetes", "service": "audit"}
_RULE: dict[str, Any] = {
    "title": "Somebody runs it",
    "id": "7c2f1a90-3b55-4f0e-8a9d-5c1be0d4a811",
    "logsource": LINUX,
    "detection": {"seen": {"Image|endswith": "/tool"}, "condition": "seen"},
    "level": "high",
}


def own_text(**given: Any) -> str:
    """Give the text of a rule; a key given as None is left out."""
    data = {key: value for key, value in {**_RULE, **given}.items() if value is not None}
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def own_rule(**given: Any) -> RecordRule:
    """Load such a rule."""
    (document,) = documents(own_text(**given), "own.yml")
    return load_record_rule(document)


def sees(detection: Mapping[str, Any], record: Mapping[str, Any], logsource: Mapping[str, str] = LINUX) -> bool:
    """Tell whether a rule with this detection holds for a record; the condition is `seen` unless it is given."""
    rule = own_rule(detection={"condition": "seen", **detection}, logsource=dict(logsource))
    of: Family = family(rule.reads[0])
    return holds(rule.condition, Texts(values_of(record, of, fields_of(rule.condition))))
