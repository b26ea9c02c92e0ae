"""What makes two states of a finding the same message: the second is sent only when something that matters changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

_LENGTH = 32  # hexadecimal digits: 128 bits


def fingerprint(document: Mapping[str, Any]) -> str:
    """Give the fingerprint of a finding document (`tidewaiter.finding/1`).

    It covers the id, the level, the decision, what followed, the rules that stand alone, the kinds that were read and
    the techniques. Counters, times and words may change without it, and so may the language.
    """
    matters = [
        document["id"],
        document["level"],
        document["verdict"]["decision"],
        _each(_link(link) for link in document.get("chain", ())),
        _each([_name(rule)] for rule in document.get("rules", ())),
        _each([kind] for kind in document["looked_at"]["kinds"]),
        _each([technique] for technique in document["techniques"]),
    ]
    return hashlib.sha256(msgspec.json.encode(matters)).hexdigest()[:_LENGTH]


def _link(link: Mapping[str, Any]) -> list[Any]:
    """Take of a step what it was and who did it: not its words, nor how often."""
    actor = link.get("actor") or {}
    who = [actor.get("kind", ""), actor.get("realm", ""), actor.get("name", "")]
    return [_name(link["recogniser"]), link["technique"], link["outcome"], link.get("finding") or "", *who]


def _name(rule: str) -> str:
    """Leave out the version of a rule: a new release must not send everything again."""
    return rule.partition("@")[0]


def _each(values: Any) -> list[list[str]]:
    """Give values once each, in an order of their own."""
    return [list(value) for value in sorted({tuple(value) for value in values})]
