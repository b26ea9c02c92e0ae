"""Score findings against labelled cases: pure functions, no files.

A case is one thing somebody did, with a label. A finding belongs to a case when the actor is the same and the times
overlap. A finding that belongs to any malicious case is right, however much innocent use lies inside it as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from urllib.parse import unquote

import msgspec

Level = Literal["info", "low", "medium", "high", "critical"]
LEVELS: tuple[Level, ...] = ("info", "low", "medium", "high", "critical")
FLOOR: Level = "medium"  # from here on a person is expected to look
ANYONE = frozenset({"unknown", "container", "address"})  # kinds of actors whose name says nothing about the person
_UID = re.compile(r"(?:a?uid)?[ =:#]?(\d+)")


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """The actor of a finding."""

    kind: str
    name: str


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a sighting was read."""

    path: str
    line: int


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One sighting of a finding; a finding may hold only a sample of them."""

    at: datetime
    text: str = ""
    origin: Place


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What the product decided about a finding."""

    decision: str = "suspicious"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The part of `tidewaiter.finding/1` that is scored."""

    id: str
    level: Level
    actor: Who
    from_: datetime = msgspec.field(name="from")
    until: datetime
    headline: str = ""
    sightings: tuple[Seen, ...] = ()
    verdict: Decided = Decided()


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """The part of an activity that is scored."""

    at: datetime
    actor: Who
    text: str = ""
    origin: Place


class Case(NamedTuple):
    """One labelled thing that somebody did."""

    id: str
    scenario: str
    label: str  # malicious, benign, lookalike, setup
    names: frozenset[str]  # as the product would show the actor; empty: nobody can tell
    start: datetime
    end: datetime
    target: str = ""  # URL path a sighting must ask for, where the time alone does not tell cases apart


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one scenario."""

    scenario: str
    label: str
    cases: int
    hit: int  # cases that a finding belongs to (for innocent labels: false findings only)
    level: Level | None  # the highest of those findings
    after_s: float | None  # from the scenario's start to the start of its first finding
    at_latest_s: float | None  # … to that finding's end: the alert came in between
    confirmed: bool | None  # a sighting is one of the scenario's own events (None: cannot be told)


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """How good a set of findings is on a set of cases."""

    rows: tuple[Row, ...]
    malicious: int  # scenarios
    recalled: int  # of these, with a finding of any level
    recalled_at_floor: int
    right: int  # findings at or above the floor that belong to a malicious case
    false: int  # … that belong to none
    false_at: tuple[str, ...]  # "level actor from: headline" of each
    days: float
    earlier_false: int  # false findings before the learning split
    earlier_days: float
    holding: int = 0  # findings of any level that sight a request of an attack
    named: int = 0  # … whose actor is the one of that attack

    @property
    def precision(self) -> float | None:
        """Give the share of right findings at or above the floor."""
        total = self.right + self.false
        return self.right / total if total else None

    @property
    def false_per_day(self) -> float:
        """Give false findings at or above the floor for each day of the log."""
        return self.false / self.days if self.days else 0.0


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the steps of one label."""

    label: str
    steps: int
    covered: int  # inside a finding (innocent labels: inside a false one)
    covered_at_floor: int
    sighted: int  # a sighting at the very time of the step
    seen: int | None  # an activity at the very time of the step (None: no activities given)
    missed: tuple[str, ...]  # ids: malicious ones that are not covered, innocent ones that are, at the floor


def at_least(level: Level, floor: Level) -> bool:
    """Say whether a level reaches another."""
    return LEVELS.index(level) >= LEVELS.index(floor)


def highest(found: Iterable[Found]) -> Level | None:
    """Give the highest level, or None without findings."""
    return max((one.level for one in found), key=LEVELS.index, default=None)


def same_actor(who: Who, case: Case, users: Mapping[str, str]) -> bool:
    """Say whether an actor can be the one of a case; `users` maps uids to names for logs that know only uids."""
    if not case.names or who.kind in ANYONE or {who.name, who.name.partition("@")[0]} & case.names:
        return True
    uid = _UID.fullmatch(who.name)
    return uid is not None and users.get(uid[1]) in case.names


def belongs(found: Found, case: Case, users: Mapping[str, str], slack: timedelta = timedelta(0)) -> bool:
    """Say whether a finding belongs to a case: same actor, overlapping times, and a sighting of its target, if any."""
    if found.from_ > case.end + slack or found.until < case.start - slack or not same_actor(found.actor, case, users):
        return False
    return not case.target or any(_is_of(seen.at, seen.text, case, slack) for seen in found.sightings)


def _is_of(at: datetime, text: str, case: Case, slack: timedelta) -> bool:
    return case.start - slack <= at <= case.end + slack and (not case.target or _requests(text, case.target))


def _requests(text: str, target: str) -> bool:
    """Say whether a text asks for exactly this path; how letters are percent-encoded makes no difference."""
    return unquote(target) in (unquote(re.split(r"[?#]", word)[0]) for word in text.replace('"', " ").split())


def truth(found: Found, cases: Sequence[Case], users: Mapping[str, str], slack: timedelta = timedelta(0)) -> str:
    """Give the label of a finding: malicious wins, then the innocent ones; "background" belongs to no case."""
    labels = {case.label for case in cases if belongs(found, case, users, slack)}
    ranked = ("malicious", "benign", "lookalike", "setup")
    return next((label for label in ranked if label in labels), "background")


def score(
    found: Sequence[Found],
    cases: Sequence[Case],
    *,
    floor: Level = FLOOR,
    learn_before: datetime | None = None,
    own_case: Callable[[Seen], str | None] | None = None,
) -> Score:
    """Score findings by scenario; false alarms before `learn_before` are counted apart."""
    truths = {one.id: truth(one, cases, {}) for one in found}
    rows = [
        _row(
            scenario,
            label,
            [case for case in cases if (case.scenario, case.label) == (scenario, label)],
            found,
            truths,
            own_case,
        )
        for scenario, label in dict.fromkeys((case.scenario, case.label) for case in cases)
        if label != "setup"
    ]
    bad = [row for row in rows if row.label == "malicious"]
    loud = [one for one in found if at_least(one.level, floor)]
    false = [one for one in loud if truths[one.id] not in {"malicious", "setup"}]
    begin, end = min(case.start for case in cases), max(case.end for case in cases)
    split = max(begin, learn_before) if learn_before else begin
    late = [one for one in false if one.from_ >= split]
    holding = [(one, mine) for one in found if (mine := _attacks_in(one, cases, own_case))]
    return Score(
        rows=tuple(rows),
        malicious=len(bad),
        recalled=sum(row.level is not None for row in bad),
        recalled_at_floor=sum(row.level is not None and at_least(row.level, floor) for row in bad),
        right=sum(truths[one.id] == "malicious" for one in loud),
        false=len(late),
        false_at=tuple(f"{one.level} {one.actor.name} {one.from_:%Y-%m-%dT%H:%M:%SZ}: {one.headline}" for one in late),
        days=(end - split) / timedelta(days=1),
        earlier_false=len(false) - len(late),
        earlier_days=(split - begin) / timedelta(days=1),
        holding=len(holding),
        named=sum(any(same_actor(one.actor, case, {}) for case in mine) for one, mine in holding),
    )


def _attacks_in(one: Found, cases: Sequence[Case], own_case: Callable[[Seen], str | None] | None) -> list[Case]:
    """Give the malicious cases whose own requests a finding sights."""
    if own_case is None:
        return []
    held = {own_case(seen) for seen in one.sightings}
    return [case for case in cases if case.id in held and case.label == "malicious"]


class Decisions(msgspec.Struct, frozen=True, kw_only=True):
    """How often the decision about an episode is the one that its label asks for."""

    episodes: int  # of which a label says something, or that belong to nobody labelled (background: innocent)
    right: int
    wrong: tuple[str, ...]  # "label decision level actor from: headline" of each

    @property
    def share(self) -> float | None:
        """Give the share of right decisions."""
        return self.right / self.episodes if self.episodes else None


def decisions(
    found: Sequence[Found],
    cases: Sequence[Case],
    users: Mapping[str, str] = {},
    slack: timedelta = timedelta(0),
) -> Decisions:
    """Compare decisions with labels: an attack is suspicious or malicious, anything else expected or benign."""
    wrong, episodes = [], 0
    for one in found:
        label = truth(one, cases, users, slack)
        if label == "setup":
            continue
        episodes += 1
        if (label == "malicious") != (one.verdict.decision in _BAD):
            said = f"{one.verdict.decision} {one.level} {one.actor.name} {one.from_:%Y-%m-%dT%H:%M:%SZ}"
            wrong.append(f"{label}: {said}: {one.headline}")
    return Decisions(episodes=episodes, right=episodes - len(wrong), wrong=tuple(wrong))


_BAD = frozenset({"suspicious", "malicious"})


def _row(
    scenario: str,
    label: str,
    cases: Sequence[Case],
    found: Sequence[Found],
    truths: Mapping[str, str],
    own_case: Callable[[Seen], str | None] | None,
) -> Row:
    # An innocent scenario is not blamed for a finding that a malicious one of the same actor explains.
    usable = [one for one in found if label == "malicious" or truths[one.id] != "malicious"]
    pairs = [(one, case) for case in cases for one in usable if belongs(one, case, {})]
    mine = sorted({one.id: one for one, _ in pairs}.values(), key=lambda one: one.from_)
    confirmed, start = None, min(case.start for case in cases)
    if own_case and mine:
        ids = {case.id for case in cases}
        confirmed = any(own_case(seen) in ids for one in mine for seen in one.sightings)
    return Row(
        scenario=scenario,
        label=label,
        cases=len(cases),
        hit=len({case.id for _, case in pairs}),
        level=highest(mine),
        after_s=max(0.0, (mine[0].from_ - start).total_seconds()) if mine else None,
        at_latest_s=max(0.0, (mine[0].until - start).total_seconds()) if mine else None,
        confirmed=confirmed,
    )


def coverage(
    found: Sequence[Found],
    steps: Sequence[Case],
    users: Mapping[str, str],
    *,
    slack: timedelta = timedelta(0),
    acts: Sequence[Act] | None = None,
    floor: Level = FLOOR,
) -> list[Coverage]:
    """Score findings by step, label by label."""
    truths = {one.id: truth(one, steps, users, slack) for one in found}
    made = []
    for label in dict.fromkeys(step.label for step in steps):
        mine = [step for step in steps if step.label == label]
        usable = [one for one in found if label == "malicious" or truths[one.id] != "malicious"]
        covered = {s.id: highest(one for one in usable if belongs(one, s, users, slack)) for s in mine}
        loud = {key for key, level in covered.items() if level is not None and at_least(level, floor)}
        wrong = [s.id for s in mine if (covered[s.id] is None if label == "malicious" else s.id in loud)]
        made.append(
            Coverage(
                label=label,
                steps=len(mine),
                covered=sum(level is not None for level in covered.values()),
                covered_at_floor=len(loud),
                sighted=sum(any(_sighted(one, s, users, slack) for one in found) for s in mine),
                seen=None if acts is None else sum(any(_seen(act, s, users, slack) for act in acts) for s in mine),
                missed=tuple(wrong),
            )
        )
    return made


def _sighted(one: Found, step: Case, users: Mapping[str, str], slack: timedelta) -> bool:
    return same_actor(one.actor, step, users) and any(_is_of(seen.at, seen.text, step, slack) for seen in one.sightings)


def _seen(act: Act, step: Case, users: Mapping[str, str], slack: timedelta) -> bool:
    return same_actor(act.actor, step, users) and _is_of(act.at, act.text, step, slack)


def count_events(found: Sequence[Found], labels: Mapping[tuple[str, int], str]) -> dict[str, dict[str, int]]:
    """Count labelled events by the highest level of the findings that sight them; "none" is not sighted.

    `labels` is keyed by (file, 1-based line); a sighting's path may be longer than the file's name.
    """
    best: dict[tuple[str, int], Level] = {}
    files = {file for file, _ in labels}
    for one in found:
        for seen in one.sightings:
            for file in files:
                key = (file, seen.origin.line)
                if seen.origin.path.endswith(file) and key in labels:
                    best[key] = max(best.get(key, "info"), one.level, key=LEVELS.index)
    counted: dict[str, dict[str, int]] = {}
    for key, label in labels.items():
        row = counted.setdefault(label, dict.fromkeys(("none", *LEVELS), 0))
        row[best.get(key, "none")] += 1
    return counted
