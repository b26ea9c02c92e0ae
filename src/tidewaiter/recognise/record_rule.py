"""Users' own Sigma rules over original records: process creation and Kubernetes audit, as Sigma itself names fields.

Such a rule is read as it is (no key of ours is needed) and asked about every record, relevant to T1613 or not. Our
extra keys (`role`, `weight`, `why`, `benign`, `examples`) may stand in it. Without `why` its description is said,
without `weight` its level weighs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from tidewaiter.errors import RuleError
from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Plane, RecordKind
from tidewaiter.recognise.document import Document
from tidewaiter.recognise.record_detection import Reader, check
from tidewaiter.recognise.record_fields import Elements, Family, family, find, reader
from tidewaiter.recognise.record_match import RecordCondition
from tidewaiter.recognise.rule import About, about_of, parse

READ_HERE = "rules are read for category: process_creation and for product: kubernetes, service: audit"
OURS = "tidewaiter"  # the product of rules over the normal form
_ORDINARY = re.compile(r"[^a-z0-9]+")
_NAME = 80  # characters
_LOGSOURCE = ("category", "product", "service")


class RecordRule(msgspec.Struct, frozen=True, kw_only=True):
    """A Sigma rule about one original record, loaded."""

    about: About
    reads: tuple[RecordKind, ...]
    condition: RecordCondition
    detection: dict[str, Any]  # as written, for people
    alias: str = ""  # the name the rule gives itself, for correlations
    hit: tuple[dict[str, Any], ...] = ()  # example records
    miss: tuple[dict[str, Any], ...] = ()


class OtherLogsourceError(RuleError):
    """A rule is valid, and about logs that are not read here."""


def is_ours(document: Document) -> bool:
    """Tell whether a rule is written over our normal form."""
    source = document.data.get("logsource")
    return isinstance(source, dict) and source.get("product") == OURS


@cache
def _served() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    table = load("sigma_fields.yml")
    return table["logsources"], table["instead"]


def reads_of(document: Document) -> tuple[RecordKind, ...]:
    """Say which records a rule is asked about; raises OtherLogsourceError when none of them are read here."""
    source = document.data.get("logsource")
    if not isinstance(source, dict):
        raise document.error("the rule has no logsource", "logsource", hint="name category and product")
    said = {key: str(source[key]).casefold() for key in _LOGSOURCE if source.get(key) is not None}
    served, instead = _served()
    for entry in served:
        if said == {key: entry[key] for key in _LOGSOURCE if key in entry}:
            return tuple(entry["reads"])
    told = ", ".join(f"{key}: {value}" for key, value in said.items()) or "nothing"
    hint = READ_HERE
    for entry in instead:
        if all(said.get(key) == value for key, value in entry.items() if key != "hint"):
            hint = str(entry["hint"])
            break
    raise OtherLogsourceError(
        f"a rule about {told} cannot be used here", where=f"{document.path}:{document.line('logsource')}", hint=hint
    )


def load_record_rule(document: Document) -> RecordRule:
    """Check one rule and make it ready; raises RuleError with path and line."""
    reads = reads_of(document)
    of = family(reads[0])
    planes: tuple[Plane, ...] = ("kubernetes",) if of == "kube-audit" else ("host",)
    about = about_of(_lenient(document), planes=planes, name=slug(document), identity=identity(document))
    if not about.why and about.description:
        about = msgspec.structs.replace(about, why={"en": about.description})
    ready = check(document, of)
    # Only what decides is pySigma's business: a date or a tag that it does not like makes no rule useless.
    bare = {key: document.data[key] for key in ("title", "logsource", "detection")}
    detections, trees = parse(msgspec.structs.replace(document, data=bare), ready)
    return RecordRule(
        about=about,
        reads=reads,
        condition=Reader(document, of).condition(detections, trees),
        detection=document.data["detection"],
        alias=str(document.data.get("name", "")),
        hit=_examples(document, of, "hit"),
        miss=_examples(document, of, "miss"),
    )


def slug(document: Document) -> str:
    """Name a rule as we name rules: by its own name, by its title, or by the beginning of its id."""
    return said_name(document) or f"rule-{identity(document)[:8]}"


def said_name(document: Document) -> str:
    """Give the name that a rule's own name or title makes; nothing when neither has a Latin letter."""
    for key in ("name", "title"):
        given = document.data.get(key)
        found = _ORDINARY.sub("-", given.casefold()).strip("-") if isinstance(given, str) else ""
        if found:
            return found[:_NAME].rstrip("-")
    return ""


def identity(document: Document) -> str:
    """Give the rule's UUID; a rule without one gets one that its title makes."""
    given = document.data.get("id")
    if given is None:
        return str(uuid5(NAMESPACE_URL, f"tidewaiter:{document.data.get('title')}"))
    try:
        return str(UUID(str(given)))
    except ValueError as problem:
        raise document.error(
            f"id {given!r} is no UUID", "id", hint="make one with uuidgen, or leave it out"
        ) from problem


def _lenient(document: Document) -> Document:
    """Give the rule as our own reader of its words takes it: Sigma lets a list of one be written as a text."""
    data = dict(document.data)
    for key in ("falsepositives", "references", "tags"):
        if isinstance(data.get(key), str):
            data[key] = [data[key]]
    if isinstance(data.get("falsepositives"), list):
        data["falsepositives"] = [str(item) for item in data["falsepositives"] if item is not None]
    return msgspec.structs.replace(document, data=data)


def _examples(document: Document, of: Family, key: str) -> tuple[dict[str, Any], ...]:
    given = document.data.get("examples") or {}
    if not isinstance(given, dict) or set(given) - {"hit", "miss"}:
        raise document.error("examples has two lists: hit and miss", "examples")
    cases = given.get(key) or []
    if not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
        raise document.error(f"examples.{key} must be a list of records", "examples", key)
    return tuple(nested(case) if of == "kube-audit" else case for case in cases)


def nested(record: Mapping[str, Any]) -> dict[str, Any]:
    """Make the event that an example describes: a dotted name stands for what is inside, except in annotations."""
    found: dict[str, Any] = {}
    for name, value in record.items():
        parts = name.split(".", 1) if name.startswith("annotations.") else name.split(".")
        place = found
        for part in parts[:-1]:
            place = place.setdefault(part, {})
        place[parts[-1]] = value
    return found


def values_of(record: Mapping[str, Any], of: Family, names: frozenset[str]) -> dict[str, Elements]:
    """Read some fields of a decoded record."""
    return {name: reader(field)(record) for name in names if (field := find(of, name))}
