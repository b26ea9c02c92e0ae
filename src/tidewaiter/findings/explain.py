"""Puts a judged episode into words: headline, what happened, why it is unusual, what is innocent, what to ask next.

Every sentence is drawn from the episode and the rules that fired, so the same facts always give the same words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple

from tidewaiter.findings.circumstances import UNDATED, circumstances
from tidewaiter.findings.containment import containment
from tidewaiter.findings.judge import Judgement
from tidewaiter.findings.questions import innocent, next_questions
from tidewaiter.findings.signs import families, meanings, proof
from tidewaiter.findings.story import ending, steps, techniques, told
from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Actor, Episode, Explanation, Finding, LookedAt, Sighting, Verdict
from tidewaiter.wording import Wording
from tidewaiter.wording.catalogue import Clauses
from tidewaiter.wording.phrases import actor_phrase, history_phrase, surprise_phrase, what_sentences


class RuleWords(NamedTuple):
    """What a rule says of itself, in the language of the report."""

    title: str
    why: str
    benign: tuple[str, ...]
    techniques: tuple[str, ...]
    own: bool = False  # the user's own rule over original records: T1613 only where it says so


def finding_id(actor: Actor, first: datetime, plane: str) -> str:
    """Give the stable name of a finding, made from who, where and when it began."""
    key = "|".join((plane, actor.kind, actor.realm, actor.name, actor.via or "", first.isoformat()))
    return "F-" + blake2b(key.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def finding(
    episode: Episode,
    judgement: Judgement,
    sightings: Sequence[Sighting],
    rules: Mapping[str, RuleWords],
    wording: Wording,
) -> Finding:
    """Give the finding that tells an episode."""
    identity = finding_id(episode.actor, episode.opens, episode.plane)
    chain = told(episode.chain, wording)
    followed = steps(chain, wording)
    return Finding(
        id=identity,
        techniques=tuple(sorted({*_techniques(episode, rules), *techniques(chain)})),
        level=judgement.level,
        confidence=judgement.confidence,
        headline=_headline(episode, judgement, rules, ending(chain) if episode.chain_bits else (), wording),
        actor=episode.actor,
        plane=episode.plane,
        from_=episode.opens,
        until=episode.closes,
        addresses=episode.addresses,
        tools=episode.tools,
        looked_at=_looked_at(episode),
        surprises=episode.surprises,
        chain=chain,
        rules=tuple(rule.recogniser for rule in episode.tripwires),
        sightings=tuple(sightings),
        explanation=_explanation(episode, identity, sightings, rules, followed, wording),
        verdict=Verdict(
            decision=judgement.decision,
            by="tidewaiter",
            why=_reason(episode, judgement, rules, wording),
        ),
    )


def _explanation(
    episode: Episode,
    identity: str,
    sightings: Sequence[Sighting],
    rules: Mapping[str, RuleWords],
    followed: Sequence[str],
    wording: Wording,
) -> Explanation:
    around = circumstances(episode, sightings)
    benign = {rule.recogniser: _said(rules, rule.recogniser).benign for rule in episode.tripwires}
    return Explanation(
        what=what_sentences(
            wording,
            episode.actor,
            _looked_at(episode),
            opens=episode.opens,
            closes=episode.closes,
            addresses=episode.addresses,
            tools=episode.tools,
            chain=followed,
        ),
        why="\n".join(_why(episode, rules, followed, wording)),
        innocent=innocent(around, benign, wording),
        next=next_questions(around, identity, wording),
        means="\n".join(wording.say(f"means.{key}") for key in meanings(around)),
        contain=containment(around, wording),
    )


def _techniques(episode: Episode, rules: Mapping[str, RuleWords]) -> tuple[str, ...]:
    """Name the techniques: T1613 and those of the rules, or only these where nothing but the user's own rules spoke."""
    spoke = [*(rule.recogniser for rule in episode.tripwires), *episode.evidence]
    if spoke and all(_said(rules, name).own for name in spoke):
        return tuple(sorted({name for rule in spoke for name in _said(rules, rule).techniques}))
    named = {name for rule in episode.tripwires for name in _said(rules, rule.recogniser).techniques}
    return tuple(sorted({*named, "T1613"}))


def _looked_at(episode: Episode) -> LookedAt:
    return LookedAt(
        kinds=episode.kinds,
        namespaces=episode.namespaces,
        scope=episode.scope,
        requests=episode.requests,
        answered=episode.answered,
        refused=episode.refused,
    )


def _said(rules: Mapping[str, RuleWords], rule: str) -> RuleWords:
    """Give the words of a rule. A kept state may hold what a rule said that is there no longer: that one is named."""
    return rules.get(rule) or RuleWords(title=rule, why="", benign=(), techniques=())


def _headline(
    episode: Episode, judgement: Judgement, rules: Mapping[str, RuleWords], then: Sequence[str], wording: Wording
) -> str:
    headline = _plain_headline(episode, judgement, rules, wording)
    return wording.say("headline.then", headline=headline, steps=then) if then else headline


def _plain_headline(episode: Episode, judgement: Judgement, rules: Mapping[str, RuleWords], wording: Wording) -> str:
    who = actor_phrase(wording, episode.actor)
    if judgement.headline.startswith("rule."):
        name = judgement.headline.removeprefix("rule.")
        key = load("headlines.yml").get(name)
        if key is None:
            title = _said(rules, episode.tripwires[0].recogniser).title
            return wording.say("headline.rule", actor=who, title=title)
        return wording.say(f"headline.{key}", actor=who)
    if judgement.headline == "plain":
        return wording.say("headline.plain", actor=who, what=episode.kinds)
    return wording.say(f"headline.{judgement.headline}", actor=who)


def _reason(episode: Episode, judgement: Judgement, rules: Mapping[str, RuleWords], wording: Wording) -> str:
    """Say in one sentence what a decision rests on."""
    certain = proof(episode)
    if judgement.ground == "proof" and certain:
        return wording.say("verdict.proof", title=_said(rules, certain.recogniser).title)
    if judgement.ground == "agreement":
        return wording.say("verdict.agreement", signs=[wording.say(f"sign.{name}") for name in families(episode)])
    if judgement.ground == "habit":
        return wording.say("verdict.habit", days=wording.many("count.days", episode.history))
    heaviest = _heaviest(episode, rules, wording)
    if judgement.ground == "weight" or not heaviest:
        return heaviest or wording.say("verdict.nothing")
    key = "verdict.no-past" if judgement.ground == "no-past" else "verdict.weak"
    return wording.say(key, reason=heaviest)


def _heaviest(episode: Episode, rules: Mapping[str, RuleWords], wording: Wording) -> str:
    if episode.tripwires:
        return _said(rules, episode.tripwires[0].recogniser).title + "."
    if not episode.surprises:
        return ""
    return surprise_phrase(wording, episode.surprises[0]).partition(". ")[0].rstrip(".") + "."


def _why(episode: Episode, rules: Mapping[str, RuleWords], followed: Sequence[str], wording: Wording) -> list[str]:
    sentences: list[str] = []
    for rule in episode.tripwires:
        words = _said(rules, rule.recogniser)
        sentences.append(f"{wording.many('why.tripwire', rule.times, title=words.title)} {words.why}".strip())
        if rule.prior:
            sentences.append(wording.many("why.customary", rule.prior))
    if episode.history:
        sentences.append(_history(episode, wording))
    sentences += [surprise_phrase(wording, item) for item in episode.surprises]
    if episode.chain_bits:
        sentences.append(wording.say("why.chain", steps=Clauses(followed)))
    if episode.estate_learning and episode.estate_days:
        sentences.append(wording.many("why.estate-learning", episode.estate_days))
    elif episode.estate_learning:
        sentences.append(wording.say("why.estate-unknown"))
    elif episode.state == "learning" and episode.history:
        sentences.append(wording.many("why.learning", episode.history))
    if episode.requests and episode.refused == episode.requests:
        sentences.append(wording.say("why.all-refused"))
    return sentences


def _history(episode: Episode, wording: Wording) -> str:
    last = None
    if episode.idle_days is not None and episode.opens.year != UNDATED:
        last = (episode.opens - timedelta(days=episode.idle_days)).date()
    return history_phrase(wording, episode.history, episode.first_day if last else None, last)
