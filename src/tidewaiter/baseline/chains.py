"""What followed each episode: deeds of the same actor, or of others from the same container or address."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import msgspec

from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Actor, Link, Origin, Outcome, Shared

NEW_ADDRESS = "new-address@1"  # not of a rule: chain.sql itself sees that an actor goes on from an unknown network
_MOVED = "T1078"  # valid accounts: the technique by which chain.yml tells it
SHARED_BY = 3  # actors of one day at an address; one that more share joins nobody to anybody
CUSTOMARY_DAYS = 2  # a deed of two earlier days is a habit
# What is done by another identity may be another person's: an address says less than a container.
_NEAR: tuple[tuple[Shared, float], ...] = (("actor", 1.0), ("container", 1.0), ("address", 0.5))
_NOBODY = 0.5  # a client of whom nothing is known may be several
_REFUSED = 0.25  # an attempt; nothing came of it


class LinkRule(NamedTuple):
    """What a context rule says of a deed that follows discovery."""

    technique: str
    bits: float


def deed_bits(rule: LinkRule, outcome: Outcome, near: int, prior: int) -> float:
    """Weigh one deed: nothing when it is a habit of who did it, a quarter when it was refused."""
    if prior >= CUSTOMARY_DAYS:
        return 0.0
    return round(rule.bits * _NEAR[near][1] * (_REFUSED if outcome == "refused" else 1.0), 1)


def chain_bits(links: Sequence[Link], discovery: float) -> float:
    """Add up what followed: the heaviest deed of each technique, the first whole and each further one a third.

    It weighs at most as much as the discovery before it: without that, these are a person's daily work.
    """
    heaviest: dict[str, float] = {}
    for link in links:
        heaviest[link.technique] = max(link.bits, heaviest.get(link.technique, 0.0))
    weights = sorted(heaviest.values(), reverse=True)
    return round(min(weights[0] + sum(weights[1:]) / 3, discovery), 1) if weights else 0.0


def beside(links: Iterable[Link], measures: Container[str]) -> tuple[Link, ...]:
    """Give the links with what they add to the surprises: a new address is a third of one that was measured already."""
    return tuple(
        msgspec.structs.replace(link, bits=round(link.bits / 3, 1))
        if link.recogniser == NEW_ADDRESS and "new-network" in measures
        else link
        for link in links
    )


def chain(rows: Sequence[Sequence[Any]], rules: Mapping[str, LinkRule]) -> tuple[Link, ...]:
    """Give the links of one episode from the rows of link_rows.sql: one activity is one link, its heaviest."""
    found: dict[str, list[Link]] = defaultdict(list)
    for row in rows:
        link = _link(row, rules[row[1]] if row[1] in rules else _going_on())
        found[link.activity].append(link)
    links = (max(same, key=lambda link: (link.bits, link.recogniser)) for same in found.values())
    # The habits of others are their own affair.
    return tuple(
        sorted(
            (link for link in links if link.bits or link.shared == "actor"), key=lambda link: (link.at, link.activity)
        )
    )


@cache
def _going_on() -> LinkRule:
    return LinkRule(_MOVED, float(load("chain.yml")[_MOVED]["bits"]))


def _link(row: Sequence[Any], rule: LinkRule) -> Link:
    near, recogniser, times, prior, at, kind, name, realm, via, outcome, identity, text, source, path, line, off = row
    return Link(
        at=_utc(at),
        actor=Actor(kind=kind, name=name, realm=realm, via=via) if near else None,
        shared=_NEAR[near][0],
        technique=rule.technique,
        text=text,
        outcome=outcome,
        times=times,
        prior=prior,
        bits=round(deed_bits(rule, outcome, near, prior) * (_NOBODY if kind == "unknown" else 1.0), 1),
        recogniser=recogniser,
        activity=identity,
        origin=Origin(source=source, path=path, line=line, offset=off),
    )


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC)
