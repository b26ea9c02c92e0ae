"""Recognisers: Sigma rules (specification 2.1) over the normal form, with a few keys of our own.

`reads` names the planes, `role` what a sighting is good for, `weight` how many bits it says by itself (10 is a medium
finding alone, 16 a high one), `why` and `benign` explain it, `examples` are its tests. A rule that can never match is
refused with its path and line. pySigma parses; `match.py` decides.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, cast, get_args
from uuid import UUID

import msgspec

from tidewaiter.errors import RuleError
from tidewaiter.model import Activity, Level, Plane
from tidewaiter.recognise import detection
from tidewaiter.recognise.document import Document, documents
from tidewaiter.recognise.fields import PLANES, example, settable
from tidewaiter.recognise.match import Condition

Role = Literal["tripwire", "evidence", "context"]
Said = dict[str, str]  # language ("en", "ru") -> plain words

LANGUAGES = ("en", "ru")
_LEVELS: dict[str, Level] = {
    "informational": "info",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "critical": "critical",
}
# What a rule weighs that does not say: someone else's Sigma rule of level medium is a medium finding.
_WEIGHTS: dict[Level, float] = {"info": 0.0, "low": 3.0, "medium": 10.0, "high": 16.0, "critical": 20.0}
_MOST_BITS = 40.0
OURS = frozenset(("reads", "version", "role", "weight", "why", "benign", "examples", "proof"))
_SIGMA = frozenset(
    (
        *("title", "id", "name", "taxonomy", "related", "status", "description", "license", "references", "author"),
        *("date", "modified", "tags", "scope", "fields", "falsepositives", "level", "logsource", "detection"),
        "correlation",
    )
)
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_T1613 = "T1613"


class Examples(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule says it recognises, and what it says it does not."""

    hit: tuple[Activity, ...] = ()
    miss: tuple[Activity, ...] = ()


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What every rule says about itself, recogniser or correlation."""

    name: str  # our slug, such as "kube-list-everything"
    id: str  # the rule's UUID
    version: int
    title: str
    description: str
    status: str
    role: Role
    level: Level  # how bad if true
    weight: float  # bits that one sighting says by itself
    reads: tuple[Plane, ...]
    techniques: tuple[str, ...]  # such as "T1613"
    tags: tuple[str, ...]
    why: Said
    benign: tuple[Said, ...]
    references: tuple[str, ...]
    path: str  # where it was loaded from
    line: int

    @property
    def key(self) -> str:
        """Name and version, as sightings carry it."""
        return f"{self.name}@{self.version}"


class Recogniser(msgspec.Struct, frozen=True, kw_only=True):
    """A rule about one activity, loaded."""

    about: About
    condition: Condition
    examples: Examples
    detection: dict[str, Any]  # as written, for people


class CorrelationText(msgspec.Struct, frozen=True, kw_only=True):
    """A rule about several activities, not yet checked: see `correlation.py`."""

    about: About
    document: Document


def load_rules(text: str, path: str) -> Iterator[Recogniser | CorrelationText]:
    """Read the rules of one file. Raises RuleError, with path and line, for the first that is not valid."""
    for document in documents(text, path):
        if "correlation" in document.data:
            yield CorrelationText(about=about_of(document, planes=()), document=document)
        else:
            yield load_recogniser(document)


def load_recogniser(document: Document) -> Recogniser:
    """Check one rule over the normal form and make it ready; raises RuleError with path and line."""
    reads = _reads(document)
    about = about_of(document, planes=reads)
    ready = detection.check(document, reads)
    detections, tree = _sigma(document, ready)
    return Recogniser(
        about=about,
        condition=detection.compile_detection(document, detections, tree, reads),
        examples=_examples(document, reads),
        detection=document.data["detection"],
    )


def _sigma(document: Document, ready: Mapping[str, Any]) -> tuple[Any, Any]:
    detections, trees = parse(document, ready)
    return detections, trees[0]


def parse(document: Document, ready: Mapping[str, Any]) -> tuple[Any, list[Any]]:
    """Let pySigma parse a rule: its detections, and the trees of its conditions.

    Importing pySigma takes 0.1 s of CPU, so it happens with the first rule.
    """
    from pyparsing import ParseBaseException  # noqa: PLC0415
    from sigma.exceptions import SigmaError  # noqa: PLC0415
    from sigma.rule import SigmaRule  # noqa: PLC0415

    plain = {key: value for key, value in document.data.items() if key not in OURS}
    try:
        rule = SigmaRule.from_dict({**plain, "detection": dict(ready)})
        trees = [condition.parse(postprocess=False) for condition in rule.detection.parsed_condition]
    except (SigmaError, ParseBaseException) as problem:
        keys, what = _blame(document, ready, str(problem))
        raise document.error(what, *keys, hint="see the Sigma specification 2.1") from problem
    return rule.detection, trees


def _blame(document: Document, ready: Mapping[str, Any], what: str) -> tuple[tuple[str | int, ...], str]:
    """Find the part that pySigma refuses: it says what is wrong, but not where."""
    from sigma.exceptions import SigmaError  # noqa: PLC0415
    from sigma.rule import SigmaDetection  # noqa: PLC0415

    for name, given in ready.items():
        for at, part in enumerate(given if isinstance(given, list) else [given]):
            if not isinstance(part, dict):
                continue
            for (key, value), written in zip(part.items(), _written(document, name, at), strict=True):
                try:
                    SigmaDetection.from_definition({key: value})
                except SigmaError as problem:
                    inside = (at, written) if isinstance(given, list) else (written,)
                    return ("detection", name, *inside), str(problem)
    for key in ("status", "level", "tags", "date", "modified", "related", "references", "logsource"):
        if key in what.lower() and key in document.data:
            return (key,), what
    return ("detection", "condition"), what


def _written(document: Document, name: str, at: int) -> list[str]:
    given = document.data["detection"][name]
    return list(given[at] if isinstance(given, list) else given)


def _reads(document: Document) -> tuple[Plane, ...]:
    source = document.data.get("logsource")
    if not isinstance(source, dict) or source.get("product") != "tidewaiter":
        raise document.error(
            "logsource.product must be tidewaiter",
            "logsource",
            "product",
            hint="rules are written over our normal form; `tidewaiter rules show NAME` shows one",
        )
    said = source.get("category", source.get("service"))
    reads = document.data.get("reads", [said])
    if not isinstance(reads, list) or not reads:
        raise document.error("reads must be a list of planes", "reads")
    for plane in [*reads, *([said] if said else [])]:
        if plane not in PLANES:
            where = ("reads",) if "reads" in document.data and plane in reads else ("logsource",)
            raise document.error(f"unknown plane {plane!r}", *where, hint=f"planes are: {', '.join(PLANES)}")
    if said and reads != [said]:
        raise document.error("logsource and reads name different planes", "reads", hint="leave one of them out")
    return tuple(cast("list[Plane]", reads))


def about_of(
    document: Document, *, planes: tuple[Plane, ...], name: str | None = None, identity: str | None = None
) -> About:
    """Read what a rule says about itself; somebody else's Sigma rule may lack our name and an id."""
    data = document.data
    known_keys(document)
    title = _text(document, "title")
    name = _name(document) if name is None else name
    level = _LEVELS.get(str(data.get("level", "medium")))
    if level is None:
        raise document.error(f"unknown level {data['level']!r}", "level", hint=f"levels are: {', '.join(_LEVELS)}")
    role = data.get("role", "tripwire")
    if role not in get_args(Role):
        raise document.error(f"unknown role {role!r}", "role", hint=f"roles are: {', '.join(get_args(Role))}")
    tags = _list(document, "tags")
    techniques = tuple(t.removeprefix("attack.").upper() for t in tags if re.fullmatch(r"attack\.t\d{4}(\.\d{3})?", t))
    if role == "context" and _T1613 in techniques:
        raise document.error("a rule with role context may not be tagged attack.t1613", "tags")
    version = data.get("version", 1)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise document.error("version must be a whole number from 1", "version")
    return About(
        name=name,
        id=_uuid(document) if identity is None else identity,
        version=version,
        title=title,
        description=_text(document, "description", needed=False),
        status=_text(document, "status", needed=False) or "stable",
        role=role,
        level=level,
        weight=_weight(document, level),
        reads=planes,
        techniques=techniques,
        tags=tags,
        why=_said(document, data.get("why", {}), "why"),
        benign=_benign(document),
        references=_list(document, "references"),
        path=document.path,
        line=document.line(),
    )


def known_keys(document: Document) -> None:
    """Refuse a key that is a misspelt one of Sigma's or ours."""
    for key in document.data:
        if key in OURS | _SIGMA:
            continue
        near = difflib.get_close_matches(key, OURS | _SIGMA, 1, 0.8)
        if near:  # other keys are the author's own, as the Sigma specification allows
            raise document.error(f"unknown key {key!r}", key, hint=f"did you mean {near[0]!r}?")


def _name(document: Document) -> str:
    name = document.data.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise document.error(
            "name must be lower-case words joined by hyphens", "name", hint="such as kube-list-everything"
        )
    return name


def _uuid(document: Document) -> str:
    given = document.data.get("id")
    try:
        return str(UUID(str(given)))
    except ValueError as problem:
        raise document.error(f"id {given!r} is no UUID", "id", hint="make one with uuidgen") from problem


def _weight(document: Document, level: Level) -> float:
    weight = document.data.get("weight", _WEIGHTS[level])
    if not isinstance(weight, int | float) or isinstance(weight, bool) or not 0 <= weight <= _MOST_BITS:
        raise document.error(f"weight must be a number of bits from 0 to {_MOST_BITS:g}", "weight")
    return float(weight)


def _text(document: Document, key: str, *, needed: bool = True) -> str:
    given = document.data.get(key)
    if given is None and not needed:
        return ""
    if not isinstance(given, str) or not given.strip():
        raise document.error(f"{key} must be a text", key)
    return " ".join(given.split())


def _list(document: Document, key: str) -> tuple[str, ...]:
    given = document.data.get(key) or []
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        raise document.error(f"{key} must be a list of texts", key)
    return tuple(given)


def _said(document: Document, given: Any, *keys: str | int) -> Said:
    """Read plain words: a mapping of languages, or a text in English."""
    if isinstance(given, str):
        return {"en": " ".join(given.split())}
    if not isinstance(given, dict) or not all(
        key in LANGUAGES and isinstance(text, str) for key, text in given.items()
    ):
        raise document.error("words must be a text, or a mapping of en and ru to texts", *keys)
    return {key: " ".join(text.split()) for key, text in given.items()}


def _benign(document: Document) -> tuple[Said, ...]:
    """Read the innocent causes; Sigma's own `falsepositives` stand in for a rule that has no `benign`."""
    key = "benign" if "benign" in document.data else "falsepositives"
    given = document.data.get(key) or []
    if not isinstance(given, list):
        raise document.error(f"{key} must be a list", key)
    return tuple(_said(document, item, key, at) for at, item in enumerate(given))


def _examples(document: Document, reads: tuple[Plane, ...]) -> Examples:
    given = document.data.get("examples") or {}
    if not isinstance(given, dict) or set(given) - {"hit", "miss"}:
        raise document.error("examples has two lists: hit and miss", "examples")
    found: dict[str, tuple[Activity, ...]] = {}
    for key, cases in given.items():
        if not isinstance(cases, list):
            raise document.error(f"examples.{key} must be a list", "examples", key)
        found[key] = tuple(_example(document, reads[0], case, key, at) for at, case in enumerate(cases))
    return Examples(**found)


def _example(document: Document, plane: Plane, case: Any, key: str, at: int) -> Activity:
    if not isinstance(case, dict):
        raise document.error("an example is a mapping of fields", "examples", key, at)
    try:
        return example(case, plane)
    except ValueError as problem:
        raise document.error(
            f"not a possible activity: {problem}",
            "examples",
            key,
            at,
            hint=f"fields are: {', '.join(settable())}; plane, verb and the like have fixed values",
        ) from problem


__all__ = ["About", "CorrelationText", "Examples", "Recogniser", "Role", "RuleError", "Said", "load_rules"]
