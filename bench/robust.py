"""Score a labelled cluster in other ways: each attack alone, everybody renamed, parts of the judgement gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from bench.ablation import ABLATIONS, scanned
from bench.render import rows
from bench.reruns import Recording, alone, attacks, least, only, renamed, requests_of, said
from bench.scores import (
    FLOOR,
    Case,
    Decisions,
    Found,
    Level,
    Score,
    at_least,
    belongs,
    decisions,
    highest,
    score,
    truth,
)

Scan = Callable[[bytes], tuple[Found, ...]]


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """One attack among everybody's innocent use, the other attacks left out."""

    scenario: str
    level: Level | None  # the highest finding with the right actor
    decision: str | None
    after_s: float | None  # from its first request to the beginning of its first finding
    requests: int
    until_found: int | None  # of its requests, as many as it takes until there is a finding of medium or above
    false: int  # findings of medium or above that belong to no attack


class Renamed(msgspec.Struct, frozen=True, kw_only=True):
    """What is different when everybody has another name; nothing, if all is well."""

    seed: int
    names: int
    findings: int
    differences: tuple[str, ...]


class Ablated(NamedTuple):
    """What is left of the score without a part of the judgement."""

    name: str
    score: Score
    decided: Decisions


def _loud(found: tuple[Found, ...]) -> list[Found]:
    return [one for one in found if at_least(one.level, FLOOR)]


def _is_found(found: tuple[Found, ...], cases: list[Case]) -> bool:
    bad = [case for case in cases if case.label == "malicious"]
    return any(belongs(one, case, {}) for one in _loud(found) for case in bad)


def leave_one_out(of: Recording, scan: Scan = scanned, *, count: bool = True) -> tuple[Left, ...]:
    """Scan the log once for each attack; `count` also looks for the number of requests until it is found."""
    return tuple(_left(of, scenario, scan, count=count) for scenario in attacks(of))


def _left(of: Recording, scenario: str, scan: Scan, *, count: bool) -> Left:
    found, cases = scan(alone(of, scenario)), only(of.cases, scenario)
    bad = [case for case in cases if case.label == "malicious"]
    mine = [one for one in found if any(belongs(one, case, {}) for case in bad)]
    most, start = requests_of(of, scenario), min(case.start for case in bad)
    needed = None
    if count and _is_found(found, cases):
        needed = least(lambda first: _is_found(scan(alone(of, scenario, first=first)), cases), most)
    first_of = min(mine, key=lambda one: one.from_, default=None)
    return Left(
        scenario=scenario,
        level=highest(mine),
        decision=next((one.verdict.decision for one in mine if one.level == highest(mine)), None),
        after_s=max(0.0, (first_of.from_ - start).total_seconds()) if first_of else None,
        requests=most,
        until_found=needed,
        false=sum(truth(one, cases, {}) not in {"malicious", "setup"} for one in _loud(found)),
    )


def rename(of: Recording, seed: int, scan: Scan = scanned) -> Renamed:
    """Scan the log as it is and under other names, and compare."""
    other, names = renamed(of, seed)
    as_is, changed = said(names.found(one) for one in scan(b"".join(of.lines))), said(scan(other))
    lost, new = ([one for one in mine if one not in theirs] for mine, theirs in ((as_is, changed), (changed, as_is)))
    return Renamed(
        seed=seed,
        names=names.count,
        findings=len(as_is),
        differences=tuple([f"lost: {' '.join(one)}" for one in lost] + [f"new: {' '.join(one)}" for one in new]),
    )


def ablations(of: Recording) -> tuple[Ablated, ...]:
    """Score the log with each part of the judgement taken away; decisions are those about every episode."""
    log = b"".join(of.lines)
    return tuple(
        Ablated(name, score(scanned(log, name), of.cases), decisions(scanned(log, name, persona="hunter"), of.cases))
        for name in ABLATIONS
    )


def shown_left(made: tuple[Left, ...]) -> str:
    """Render the attacks alone."""
    head = ("attack alone", "level", "decision", "first finding after s", "requests", "until found", f"false {FLOOR}+")
    body = [
        (
            one.scenario,
            one.level,
            one.decision,
            None if one.after_s is None else f"{one.after_s:.0f}",
            one.requests,
            one.until_found,
            one.false,
        )
        for one in made
    ]
    return "## kubernetes, each attack alone\n\n" + rows(head, body) + "\n"


def shown_renamed(made: Renamed) -> str:
    """Render the comparison with other names."""
    verdict = "the same" if not made.differences else f"{len(made.differences)} differences"
    facts = [f"seed {made.seed}: {made.names} names and all addresses changed, {made.findings} findings: {verdict}"]
    return "## kubernetes, renamed\n\n" + "\n".join(f"- {one}" for one in (*facts, *made.differences)) + "\n"


def shown_ablations(made: tuple[Ablated, ...]) -> str:
    """Render what each part of the judgement gives."""
    head = ("judgement", f"attacks at {FLOOR}+", "at any level", f"false {FLOOR}+", "decisions right")
    body = [
        (
            one.name,
            f"{one.score.recalled_at_floor}/{one.score.malicious}",
            f"{one.score.recalled}/{one.score.malicious}",
            one.score.false,
            f"{one.decided.right}/{one.decided.episodes}",
        )
        for one in made
    ]
    return "## kubernetes, ablations\n\n" + rows(head, body) + "\n"
