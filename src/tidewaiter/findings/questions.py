"""What an episode may be instead, and what to ask next, with commands that can be pasted.

Which reasons and questions fit which episode is data: `packs/vocabulary/next.yml`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Episode, Sighting
from tidewaiter.wording import Value, Wording

_INNOCENT = 5
_NEXT = 4
_CONDITIONS = ("planes", "actors", "measures", "with_reviews", "say", "ask")


@cache
def _table() -> dict[str, list[dict[str, Any]]]:
    table: dict[str, list[dict[str, Any]]] = load("next.yml")
    return table


def innocent(episode: Episode, by_rules: Iterable[str], wording: Wording) -> tuple[str, ...]:
    """List innocent reasons that fit: those of the rules that fired, then those of the kind of actor and surprise."""
    said = [*by_rules, *(wording.say(f"innocent.{entry['say']}") for entry in _fitting(episode, "innocent"))]
    return tuple(dict.fromkeys(said))[:_INNOCENT]


def _fitting(episode: Episode, part: str) -> Iterator[dict[str, Any]]:
    measures = {item.measure for item in episode.surprises}
    for entry in _table()[part]:
        if "planes" in entry and episode.plane not in entry["planes"]:
            continue
        if "actors" in entry and episode.actor.kind not in entry["actors"]:
            continue
        if "measures" in entry and not measures & set(entry["measures"]):
            continue
        if "with_reviews" in entry and not episode.reviews:
            continue
        yield entry


def next_questions(episode: Episode, identity: str, sightings: Sequence[Sighting], wording: Wording) -> tuple[str, ...]:
    """Give the next questions, each with the command that answers it; logged strings are quoted for a shell."""
    facts = _facts(episode, sightings)
    asked: list[str] = []
    for entry in _fitting(episode, "next"):
        wanted = {name: fact for name, fact in entry.items() if name not in _CONDITIONS}
        if len(asked) < _NEXT and all(fact in facts for fact in wanted.values()):
            wanted = {name: facts[fact] for name, fact in wanted.items()}
            asked.append(wording.ask(entry["ask"], **wanted))
    return (*asked, wording.ask("show", id=identity))


def _facts(episode: Episode, sightings: Sequence[Sighting]) -> Mapping[str, Value]:
    """Give what is known, by the names the table uses; what is not known is not there."""
    name = episode.actor.name
    facts: dict[str, Value] = {
        "name": name,
        "short": name,
        "subject": name,
        "account": name.removeprefix("uid "),
        "pattern": name.replace("uid ", "uid=", 1) if name.startswith("uid ") else name,
        "at": episode.opens,
        "until": episode.closes,
    }
    namespace, slash, short = name.partition("/")
    if episode.actor.kind == "service-account" and slash:
        facts |= {"namespace": namespace, "short": short, "subject": f"system:serviceaccount:{namespace}:{short}"}
    if episode.addresses:
        facts["address"] = episode.addresses[0]
    if sightings and _searchable(sightings[0].origin.path):
        facts["path"] = sightings[0].origin.path
    return facts


def _searchable(path: str) -> bool:
    """Tell whether zgrep can look into an input: not into standard input, a URL or other archives."""
    return path != "-" and "!" not in path and "://" not in path and not path.endswith((".zst", ".bz2", ".xz", ".zip"))
