"""A finding as one flat object: keys with underscores, values that are text or numbers, no lists and no nesting.

For receivers that take nothing else: Wazuh's JSON decoder (refuses lists of objects), QRadar's DSM editor and
MaxPatrol's normalisation (both name a value by one key). A key without a value is left out, so a rule tests for its
presence. Lists of words are joined with ", ", lists of sentences and commands with " | ". Every text is made visible
and is cut at a limit, which is marked with an ellipsis; so no value holds a control character or a line end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from tidewaiter.meaning.techniques import tactics
from tidewaiter.model import LEVELS
from tidewaiter.sinks.document import Context, Document, link, recognisers, techniques, texts
from tidewaiter.sinks.jsonl import encoded
from tidewaiter.sinks.safe_text import safe
from tidewaiter.wording import Wording

Flat: TypeAlias = dict[str, str | int | float]

SCHEMA = "tidewaiter.flat/1"
# Every key there may be and what it says, in the order in which they come; label_* are those of the configuration.
KEYS = {
    "schema": "`tidewaiter.flat/1`; a key may be added under this name, none changes",
    "finding_id": "the same in every update",
    "level": "info, low, medium, high, critical",
    "level_number": "1 to 5, for comparisons",
    "confidence_percent": "how sure",
    "headline": "one sentence",
    "techniques": "of MITRE ATT&CK",
    "tactics": "of these techniques, by name",
    "first_seen": "RFC 3339, UTC",
    "last_seen": "RFC 3339, UTC",
    "plane": "kubernetes, engine, host, web, cloud",
    "actor_kind": "such as user, service-account, host-user",
    "actor_name": "",
    "actor_realm": "where the name is valid",
    "actor_via": "whose credential carried the requests",
    "srcip": "the first address; Wazuh knows it by this name",
    "srcuser": "the actor's name; Wazuh knows it by this name",
    "addresses": "all of them",
    "tools": "as the client calls itself",
    "kinds": "of objects that were read",
    "namespaces": "`*` is all of them",
    "scope": "one, namespace, everything",
    "requests": "how many",
    "answered": "of these",
    "refused": "of these",
    "surprises": "measure and what was observed",
    "surprise_bits": "sum of what they weigh",
    "rules": "that spoke, with their versions",
    "sightings": "how many the finding holds",
    "seen": "commands and requests, each once",
    "records": "where they are: path and line",
    "followed": "how many things were done afterwards",
    "followed_by": "in words",
    "followed_techniques": "of what was done afterwards",
    "all_techniques": "of the finding and of what followed, if anything did",
    "verdict": "expected, benign, suspicious, malicious",
    "verdict_by": "tidewaiter, or a person",
    "verdict_why": "",
    "verdict_until": "when a person's verdict expires",
    "what": "who looked at what, when, from where",
    "why": "the reasons",
    "means": "what an episode like this usually is",
    "innocent": "what it may be instead",
    "next": "what to ask next, with commands",
    "contain": "how to stop it, with commands that nobody has run",
    "link": "where a person finds it",
}
LIMIT = 1000  # characters of a value, unless the message becomes too long
_TIGHTER = (1000, 400, 200, 100, 50, 25, 10, 0)
_LEAST = 100  # characters of what is left at limit 0
_PERCENT = 100
# What is short by itself, or of no use when it is cut.
_KEPT = frozenset({
    *("schema", "finding_id", "level", "techniques", "first_seen", "last_seen", "plane", "actor_kind", "srcip"),
    *("scope", "verdict", "verdict_until", "link"),
})  # fmt: skip


def line(finding: Document, _: Wording, context: Context) -> bytes:
    """Give a finding as one flat JSON object of at most `context.size` bytes."""
    return fitted(lambda limit: encoded(flat(finding, context, limit=limit)), context.size)


def flat(finding: Document, context: Context, *, limit: int = LIMIT) -> Flat:
    """Give a finding as the keys of KEYS, in this order; at limit 0 those without which it is of no use."""
    made: Flat = {}
    if not limit:
        for key, value in (*_head(finding), *_episode(finding), *_words(finding)):
            if key in _KEPT | {"headline"}:
                _put(made, key, value, _LEAST, most=_LEAST)
        return made
    for key, value in (*_head(finding), *_episode(finding), *_story(finding), *_words(finding)):
        _put(made, key, value, limit)
    _put(made, "link", link(finding, context), limit)
    for label, value in sorted(context.labels.items()):
        _put(made, f"label_{label}", value, limit)
    return made


def fitted(make: Callable[[int], bytes], size: int) -> bytes:
    """Give the first of ever tighter attempts that has at most `size` bytes, else the tightest.

    A long message is cut by its receiver, which breaks it; shorter values leave it whole. The last attempt has the
    limit 0, which asks for nothing but what is needed to look the finding up.
    """
    data = b""
    for limit in _TIGHTER:
        data = make(limit)
        if len(data) <= size:
            break
    return data


def _put(made: Flat, key: str, value: Any, limit: int, *, most: int = LIMIT) -> None:
    if isinstance(value, str):
        value = safe(value, limit=most if key in _KEPT else limit)
    if value is not None and value != "":
        made[key] = value


def _head(finding: Document) -> Iterator[tuple[str, Any]]:
    actor = finding["actor"]
    yield "schema", SCHEMA
    yield "finding_id", finding["id"]
    yield "level", finding["level"]
    yield "level_number", LEVELS.index(finding["level"]) + 1
    yield "confidence_percent", round(finding["confidence"] * _PERCENT)
    yield "headline", finding["headline"]
    yield "techniques", _list(finding["techniques"])
    yield "tactics", _list(dict.fromkeys(name for one in finding["techniques"] for _, name in tactics(one)))
    yield "first_seen", finding["from"]
    yield "last_seen", finding["until"]
    yield "plane", finding["plane"]
    yield "actor_kind", actor["kind"]
    yield "actor_name", actor["name"]
    yield "actor_realm", actor["realm"]
    yield "actor_via", actor["via"]


def _episode(finding: Document) -> Iterator[tuple[str, Any]]:
    looked_at = finding["looked_at"]
    # Wazuh knows these two by name: they are the fields of its own rules and of its look-ups.
    yield "srcip", next(iter(finding["addresses"]), None)
    yield "srcuser", finding["actor"]["name"]
    yield "addresses", _list(finding["addresses"])
    yield "tools", _list(finding["tools"])
    yield "kinds", _list(looked_at["kinds"])
    yield "namespaces", _list(looked_at["namespaces"])
    yield "scope", looked_at["scope"]
    yield "requests", looked_at["requests"]
    yield "answered", looked_at["answered"]
    yield "refused", looked_at["refused"]
    yield "surprises", _list(f"{one['measure']}: {one['observed']}" for one in finding["surprises"])
    yield "surprise_bits", round(sum(one["bits"] for one in finding["surprises"]), 1) or None


def _story(finding: Document) -> Iterator[tuple[str, Any]]:
    chain = finding["chain"]
    yield "rules", _list(recognisers(finding))
    yield "sightings", len(finding["sightings"])
    yield "seen", " | ".join(texts(finding))
    yield "records", _list(_place(one["origin"]) for one in finding["sightings"])
    yield "followed", len(chain)
    yield "followed_by", _list(dict.fromkeys(one["what"] for one in chain))
    yield "followed_techniques", _list(dict.fromkeys(one["technique"] for one in chain))
    yield "all_techniques", _list(techniques(finding)) if chain else None


def _words(finding: Document) -> Iterator[tuple[str, Any]]:
    explanation, verdict = finding["explanation"], finding["verdict"]
    yield "verdict", verdict["decision"]
    yield "verdict_by", verdict["by"]
    yield "verdict_why", verdict["why"]
    yield "verdict_until", verdict.get("until")
    yield "what", explanation["what"]
    yield "why", _sentences(explanation["why"].split("\n"))
    yield "means", _sentences(explanation.get("means", "").split("\n"))
    yield "innocent", _sentences(explanation["innocent"])
    yield "next", _sentences(explanation["next"])
    yield "contain", _sentences(explanation.get("contain", ()))


def _place(origin: Document) -> str:
    return f"{origin['path']}:{origin['line']}"


def _list(values: Iterable[str]) -> str:
    return ", ".join(values)


def _sentences(values: Iterable[str]) -> str:
    """Join sentences; a command on a second line of one follows it after a space."""
    return " | ".join(value.replace("\n", " ") for value in values if value)
