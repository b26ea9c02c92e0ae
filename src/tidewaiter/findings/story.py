"""The story of a finding: what followed the looking around, in words, and which findings belong together.

Which techniques continue a story, and how much each weighs, is data: `packs/vocabulary/chain.yml`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any

import msgspec

from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Finding, Link
from tidewaiter.wording import Wording
from tidewaiter.wording.phrases import link_phrase

WITHIN = timedelta(minutes=30)  # findings of one container further apart are two stories
_STEPS = 3  # named in a headline
_JOINED = 5  # findings of the same container named in a chain, the nearest first


@cache
def _table() -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = load("chain.yml")
    return table


def link_of(techniques: Iterable[str]) -> tuple[str, float] | None:
    """Give the technique and the bits by which a rule's activities continue a story; None when they do not."""
    given = set(techniques)
    return next(((name, float(entry["bits"])) for name, entry in _table().items() if name in given), None)


def told(links: Iterable[Link], wording: Wording) -> tuple[Link, ...]:
    """Give the links with words for what was done."""
    return tuple(
        msgspec.structs.replace(link, what=wording.say(f"chain.{_table()[link.technique]['say']}")) for link in links
    )


def steps(links: Iterable[Link], wording: Wording) -> tuple[str, ...]:
    """Give the links that weigh something as phrases, each once; `links` have their words."""
    alike = (msgspec.structs.replace(link, times=1, prior=0) for link in links if link.bits)
    return tuple(dict.fromkeys(link_phrase(wording, link) for link in alike))


def ending(links: Iterable[Link]) -> tuple[str, ...]:
    """Give what the actor itself went on to do, and was not refused, in a few words for a headline."""
    done = (link.what for link in links if link.bits and link.shared == "actor" and link.outcome != "refused")
    return tuple(dict.fromkeys(done))[:_STEPS]


def techniques(links: Iterable[Link]) -> frozenset[str]:
    """Name the techniques of what followed: not of habits, nor of what was refused."""
    return frozenset(link.technique for link in links if link.bits and link.outcome != "refused")


def joined(
    findings: Sequence[Finding], containers: Mapping[str, Sequence[str]], wording: Wording
) -> tuple[Finding, ...]:
    """Let findings of one container refer to each other, where sensors of two planes saw them at about the same time.

    `containers` gives the containers of a finding by its id. A container of one name on the same plane is another one.
    """
    together: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        for container in containers.get(finding.id, ()):
            together[container].append(finding)
    return tuple(_with_links(one, _others(one, together, containers), wording) for one in findings)


def _others(
    one: Finding, together: Mapping[str, Sequence[Finding]], containers: Mapping[str, Sequence[str]]
) -> list[Finding]:
    found = {
        other.id: other
        for container in containers.get(one.id, ())
        for other in together[container]
        if other.plane != one.plane and other.from_ <= one.until + WITHIN and one.from_ <= other.until + WITHIN
    }
    return sorted(found.values(), key=lambda other: (abs(other.from_ - one.from_), other.id))[:_JOINED]


def _with_links(one: Finding, others: Sequence[Finding], wording: Wording) -> Finding:
    links = (*one.chain, *(_refers(other, wording) for other in others if other.sightings))
    if len(links) == len(one.chain):
        return one
    return msgspec.structs.replace(one, chain=tuple(sorted(links, key=lambda link: (link.at, link.activity))))


def _refers(other: Finding, wording: Wording) -> Link:
    first = min(other.sightings, key=lambda item: (item.at, item.activity))
    looked_at = other.looked_at
    return Link(
        at=other.from_,
        actor=other.actor,
        shared="container",
        what=wording.say("chain.looks-around", id=other.id),
        technique="T1613",
        text=first.text,
        outcome="answered" if looked_at.answered else "refused" if looked_at.refused else "unknown",
        times=looked_at.requests,
        finding=other.id,
        recogniser=first.recogniser,
        activity=first.activity,
        origin=first.origin,
    )
