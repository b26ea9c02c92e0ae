"""Puts a judged episode into words: headline, what happened, why it is unusual, what is innocent, what to ask next.

Every sentence is drawn from the episode and the rules that fired, so the same facts always give the same words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

from tidewaiter.findings.judge import Judgement
from tidewaiter.findings.questions import innocent, next_questions
from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Actor, Episode, Explanation, Finding, LookedAt, Sighting, Verdict
from tidewaiter.wording import Wording
from tidewaiter.wording.phrases import actor_phrase, surprise_phrase, what_sentences


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
    why = _why(episode, rules, wording)
    benign = [reason for rule in episode.tripwires for reason in _said(rules, rule.recogniser).benign]
    looked_at = _looked_at(episode)
    return Finding(
        id=identity,
        techniques=_techniques(episode, rules),
        level=judgement.level,
        confidence=judgement.confidence,
        headline=_headline(episode, judgement, rules, wording),
        actor=episode.actor,
        from_=episode.opens,
        until=episode.closes,
        addresses=episode.addresses,
        tools=episode.tools,
        looked_at=looked_at,
        surprises=episode.surprises,
        sightings=tuple(sightings),
        explanation=Explanation(
            what=what_sentences(
                wording,
                episode.actor,
                looked_at,
                opens=episode.opens,
                closes=episode.closes,
                addresses=episode.addresses,
                tools=episode.tools,
            ),
            why="\n".join(why),
            innocent=innocent(episode, benign, wording),
            next=next_questions(episode, identity, sightings, wording),
        ),
        verdict=Verdict(
            decision=judgement.decision,
            by="tidewaiter",
            why=_reason(judgement, why, wording),
        ),
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


def _headline(episode: Episode, judgement: Judgement, rules: Mapping[str, RuleWords], wording: Wording) -> str:
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


def _reason(judgement: Judgement, why: Sequence[str], wording: Wording) -> str:
    first = _first_sentence(why) or wording.many("why.bits", judgement.bits)
    return first if judgement.decision in {"suspicious", "malicious"} else wording.say("verdict.weak", reason=first)


def _first_sentence(sentences: Sequence[str]) -> str:
    return sentences[0].partition(". ")[0].rstrip(".") + "." if sentences else ""


def _why(episode: Episode, rules: Mapping[str, RuleWords], wording: Wording) -> list[str]:
    sentences: list[str] = []
    for rule in episode.tripwires:
        words = _said(rules, rule.recogniser)
        sentences.append(f"{wording.say('why.tripwire', title=words.title)} {words.why}".strip())
        if rule.prior:
            sentences.append(wording.many("why.customary", rule.prior))
    sentences += [surprise_phrase(wording, item) for item in episode.surprises]
    if episode.estate_learning:
        sentences.append(wording.say("why.estate-learning"))
    elif episode.state == "learning" and episode.history:
        sentences.append(wording.many("why.learning", episode.history))
    if episode.requests and episode.refused == episode.requests:
        sentences.append(wording.say("why.all-refused"))
    return sentences
