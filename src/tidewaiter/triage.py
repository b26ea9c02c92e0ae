"""Applies what people decided: which finding a verdict covers, what left its shape, what its history is worth.

A verdict is never a filter on a name: it covers one shape of behaviour of one actor, until a date. Whatever lies beyond
the shape is shown again and says by what it left it. Time is an argument, and so are the verdicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b

import msgspec

from tidewaiter.findings.judge import Judgement
from tidewaiter.meaning.network import habitual_network
from tidewaiter.model import LEVELS, Actor, Decision, Episode, Finding, Level, Ruling, Scope, Shape, Verdict
from tidewaiter.wording import Wording

SCHEMA = "tidewaiter.verdict/1"
LASTS = timedelta(days=90)  # where nobody says how long
HIDING: frozenset[Decision] = frozenset({"expected", "benign"})
_SCOPES: tuple[Scope, ...] = ("one", "namespace", "everything")
_SWAY = 0.2  # the most by which the history of verdicts moves a confidence
_DOUBT = 2  # findings that nobody judged, as many as it takes for one verdict not to decide
_SUREST, _LEAST = 0.99, 0.01
_TOLD = 2  # verdicts of one actor whose breaking is explained
_ANYWHERE = "*"
# What may leave a shape, and the words for it.
PARTS = {
    "kinds": "triage.kinds",
    "namespaces": "triage.namespaces",
    "tools": "triage.tools",
    "networks": "triage.networks",
    "rules": "triage.rules",
    "techniques": "triage.techniques",
    "scope": "triage.scope",
    "level": "triage.level",
    "chained": "triage.chained",
}


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a finding that lies outside of a shape."""

    part: str  # key of PARTS
    values: tuple[str, ...] = ()  # nothing: not recorded this time


class Triaged(msgspec.Struct, frozen=True, kw_only=True):
    """Findings after people's verdicts were applied."""

    shown: tuple[Finding, ...]
    covered: tuple[Finding, ...]  # hidden as expected or benign
    verdicts: int  # by how many verdicts


def shape(finding: Finding) -> Shape:
    """Give what a verdict on this finding would cover."""
    looked_at = finding.looked_at
    return Shape(
        actor=finding.actor,
        plane=finding.plane,
        kinds=_distinct(looked_at.kinds),
        namespaces=_distinct(looked_at.namespaces),
        tools=_distinct(tool.partition("/")[0] for tool in finding.tools),
        networks=_distinct(habitual_network(address) or address for address in finding.addresses),
        rules=_distinct(rule.partition("@")[0] for rule in finding.rules),
        techniques=_distinct([*finding.techniques, *(link.technique for link in finding.chain if link.bits)]),
        scope=looked_at.scope,
        level=finding.level,
        chained=any(link.bits and link.outcome != "refused" for link in finding.chain),
    )


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


def rule_on(finding: Finding, *, decision: Decision, by: str, why: str, at: datetime, until: datetime) -> Ruling:
    """Give a person's verdict on a finding; it covers the finding's own shape and nothing more."""
    key = f"{finding.id}|{decision}|{by}|{at.isoformat()}"
    return Ruling(
        schema="tidewaiter.verdict/1",
        id="V-" + blake2b(key.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest(),
        finding=finding.id,
        decision=decision,
        by=by,
        why=why,
        at=at,
        until=until,
        opens=finding.from_,
        closes=finding.until,
        covers=shape(finding),
        signs=signs(finding),
    )


def signs(finding: Finding) -> tuple[str, ...]:
    """Name what spoke for a finding: rules that stand alone, and measures."""
    return _distinct(
        [*(rule.partition("@")[0] for rule in finding.rules), *(item.measure for item in finding.surprises)]
    )


def from_line(line: bytes) -> Ruling:
    """Read one verdict as it is exported. Raises ValueError with the reason in plain words."""
    try:
        found = msgspec.json.decode(line, type=Ruling)
        line.decode("utf-8")
        msgspec.json.encode(found)  # a lone surrogate is no text, and could not be written again
    except (msgspec.MsgspecError, UnicodeError) as problem:
        raise ValueError(f"not a verdict: {problem}") from problem
    if found.until <= found.at:
        raise ValueError("it expires before it begins")
    if found.closes < found.opens:
        raise ValueError("the episode it judges ends before it begins")
    if found.by == "tidewaiter":
        raise ValueError("a verdict that is kept is that of a person, not of tidewaiter")
    return found


def live(rulings: Iterable[Ruling], now: datetime) -> tuple[Ruling, ...]:
    """Give the verdicts that apply, the newest first: neither expired nor revoked."""
    found = [item for item in rulings if item.revoked is None and now < item.until]
    return tuple(sorted(found, key=lambda item: (item.at, item.id), reverse=True))


def never_teaches(rulings: Iterable[Ruling]) -> Iterator[tuple[str, str | None, datetime, datetime]]:
    """Give whose activity when was judged malicious: it stays so when the verdict expires, until it is revoked."""
    for item in rulings:
        if item.decision == "malicious" and item.revoked is None:
            actor = item.covers.actor
            key = "|".join((actor.kind, actor.realm, actor.name, actor.via or ""))
            yield key, item.covers.plane, item.opens, item.closes


def left(covers: Shape, finding: Finding) -> tuple[Left, ...]:
    """Say which parts of a finding lie outside of a shape; nothing when the verdict covers it."""
    seen = shape(finding)
    lists = (
        ("kinds", _beyond(seen.kinds, covers.kinds)),
        ("namespaces", () if _ANYWHERE in covers.namespaces else _beyond(seen.namespaces, covers.namespaces)),
        ("tools", _beyond(seen.tools, covers.tools)),
        ("networks", _beyond(seen.networks, covers.networks)),
        ("rules", _beyond(seen.rules, covers.rules)),
        ("techniques", _beyond(seen.techniques, covers.techniques)),
    )
    gone = [Left(part=part, values=values) for part, values in lists if values]
    # A client that stops to name itself, or an address that is no longer recorded, is not the shape that was judged.
    gone += [
        Left(part=part)
        for part, now, before in (("tools", seen.tools, covers.tools), ("networks", seen.networks, covers.networks))
        if before and not now
    ]
    if _SCOPES.index(seen.scope) > _SCOPES.index(covers.scope):
        gone.append(Left(part="scope", values=(seen.scope,)))
    if LEVELS.index(seen.level) > LEVELS.index(covers.level):
        gone.append(Left(part="level", values=(seen.level,)))
    if seen.chained and not covers.chained:
        gone.append(Left(part="chained"))
    return tuple(gone)


def _beyond(seen: Iterable[str], covered: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(seen) - set(covered)))


def raised(judged: Judgement, episode: Episode, rulings: Sequence[Ruling]) -> Judgement:
    """Judge one step higher what an actor does after something it did was judged malicious."""
    if _condemned(episode.actor, episode.opens, rulings) is None:
        return judged
    return msgspec.structs.replace(judged, level=_higher(judged.level), decision=_graver(judged.decision))


def _graver(decision: Decision) -> Decision:
    return "malicious" if decision == "malicious" else "suspicious"


def _higher(level: Level) -> Level:
    return LEVELS[min(LEVELS.index(level) + 1, len(LEVELS) - 1)]


def _condemned(actor: Actor, opens: datetime, rulings: Iterable[Ruling]) -> Ruling | None:
    """Give the newest verdict that called earlier activity of this actor malicious; who carried it is no matter."""
    who = (actor.kind, actor.realm, actor.name)
    for item in rulings:
        other = item.covers.actor
        if item.decision == "malicious" and (other.kind, other.realm, other.name) == who and item.closes < opens:
            return item
    return None


def sway(finding: Finding, rulings: Iterable[Ruling]) -> tuple[float, int, int]:
    """Give by how much people's verdicts move a confidence, and on how many findings they were harmless and malicious.

    For each sign of the finding: (malicious - harmless) / (malicious + harmless + 2), where the 2 keeps one verdict
    from deciding. The mean over the signs that anybody ever judged, times 0.2. Every finding counts once, by its newest
    verdict; expired ones count, revoked ones and those on this very finding do not.
    """
    mine = set(signs(finding))
    newest = {item.finding: item for item in sorted(rulings, key=lambda item: (item.at, item.id)) if not item.revoked}
    judged = [item for item in newest.values() if item.finding != finding.id and mine & set(item.signs)]
    harmless = [item for item in judged if item.decision in HIDING]
    malicious = [item for item in judged if item.decision == "malicious"]
    leans = []
    for sign in sorted(mine):
        good, bad = (sum(sign in item.signs for item in items) for items in (harmless, malicious))
        if good + bad:
            leans.append((bad - good) / (bad + good + _DOUBT))
    moved = round(_SWAY * sum(leans) / len(leans), 2) if leans else 0.0
    return moved, len(harmless), len(malicious)


def triaged(
    findings: Iterable[Finding], rulings: Sequence[Ruling], standing: Sequence[Ruling], wording: Wording
) -> Triaged:
    """Apply the standing verdicts (see `live`) to findings, and the history of all of them to their confidence."""
    shown: list[Finding] = []
    covered: list[Finding] = []
    for finding in findings:
        weighed = _reweighed(finding, rulings, wording)
        found = _decided(weighed, standing, wording)
        (covered if found.verdict.id and found.verdict.decision in HIDING else shown).append(found)
    return Triaged(shown=tuple(shown), covered=tuple(covered), verdicts=len({found.verdict.id for found in covered}))


def _reweighed(finding: Finding, rulings: Sequence[Ruling], wording: Wording) -> Finding:
    moved, harmless, malicious = sway(finding, rulings)
    confidence = round(min(max(finding.confidence + moved, _LEAST), _SUREST), 2)
    if not moved or confidence == finding.confidence:
        return finding
    said = wording.many(
        "triage.history",
        harmless + malicious,
        harmless=harmless,
        malicious=malicious,
        before=round(finding.confidence * 100),
        after=round(confidence * 100),
    )
    return msgspec.structs.replace(_explained(finding, after=(said,)), confidence=confidence)


def _decided(finding: Finding, standing: Sequence[Ruling], wording: Wording) -> Finding:
    """Give the finding with the decision of the newest verdict that covers it, or with what broke the nearest ones."""
    condemned = _condemned(finding.actor, finding.from_, standing)
    broken: list[tuple[int, Ruling, tuple[Left, ...]]] = []
    said: list[str] = []
    for item in _about(finding, standing):
        gone = left(item.covers, finding)
        hides = item.decision in HIDING
        if gone:
            if hides:
                broken.append((len(gone), item, gone))
        elif hides and condemned and condemned.at > item.at:
            said.append(wording.say("triage.overruled", id=item.id, decision=_decision(item, wording)))
        else:
            why = item.why or wording.say("verdict.no-reason")
            verdict = Verdict(decision=item.decision, by=item.by, why=why, id=item.id, until=item.until)
            return msgspec.structs.replace(_explained(finding, before=_raise(condemned, wording)), verdict=verdict)
    broken.sort(key=lambda one: one[0])  # the newest first among those that broke alike
    said += [_break(item, gone, wording) for _, item, gone in broken[:_TOLD]]
    return _explained(finding, before=(*_raise(condemned, wording), *said))


def _about(finding: Finding, standing: Iterable[Ruling]) -> Iterator[Ruling]:
    for item in standing:
        if item.covers.actor == finding.actor and item.covers.plane == finding.plane:
            yield item


def _raise(condemned: Ruling | None, wording: Wording) -> tuple[str, ...]:
    if condemned is None:
        return ()
    return (
        wording.say(
            "triage.raised",
            id=condemned.id,
            finding=condemned.finding,
            by=condemned.by,
            opens=condemned.opens,
            why=condemned.why or wording.say("verdict.no-reason"),
        ),
    )


def _break(item: Ruling, gone: Iterable[Left], wording: Wording) -> str:
    parts = "; ".join(part_phrase(one, wording) for one in gone)
    return wording.say("triage.broke", id=item.id, decision=_decision(item, wording), until=item.until) + f" {parts}."


def _decision(item: Ruling, wording: Wording) -> str:
    return wording.say(f"decision.{item.decision}")


def part_phrase(gone: Left, wording: Wording) -> str:
    """Say what lies outside of a shape."""
    values = gone.values or (wording.say("label.unknown"),)
    if gone.part == "scope":
        values = tuple(
            wording.say("reach.namespace.unnamed" if scope == "namespace" else f"reach.{scope}") for scope in values
        )
    if gone.part == "level":
        values = tuple(wording.say(f"level.{level}") for level in values)
    return wording.say(PARTS[gone.part], list=values)


def _explained(finding: Finding, *, before: Iterable[str] = (), after: Iterable[str] = ()) -> Finding:
    told = finding.explanation
    why = "\n".join(text for text in (*before, told.why, *after) if text)
    return msgspec.structs.replace(finding, explanation=msgspec.structs.replace(told, why=why))
