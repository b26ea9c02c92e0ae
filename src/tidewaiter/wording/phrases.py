"""Phrases for values of the model: who, what happened, why it is unusual. Equal values give equal words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import get_args

from tidewaiter.model import Actor, Link, LookedAt, Scope, Surprise
from tidewaiter.wording.catalogue import Clauses, Wording

_OF = re.compile(r"(\d+) of (\d+)")
_IN = re.compile(r"([\d.]+(?: classes)?) in (\w+)")
_MORE = re.compile(r" \+(\d+)$")
_LIST_LENGTH = 150  # characters
_NAMED = 6  # kinds in the sentence that says what happened
_UNDATED = 1970  # year of records whose format knows no date
_HOURS = 4  # the profile counts in parts of the day of this many hours
_NOVELTIES = frozenset(
    {"new-kind", "new-scope", "new-namespace", "new-tool", "new-network", "new-hour", "new-weekday", "refusals"}
)


def actor_phrase(wording: Wording, actor: Actor) -> str:
    """Name an actor with its kind, and whose credentials carried it."""
    key = f"actor.{actor.kind}"
    if actor.kind == "anonymous" and not actor.name:
        key = "actor.anonymous.nowhere"
    phrase = wording.say(key, name=actor.name)
    return wording.say("actor.via", actor=phrase, via=actor.via) if actor.via else phrase


def when_phrase(wording: Wording, opens: datetime, closes: datetime) -> str:
    """Say when an episode was, and how long it took."""
    if opens.year == _UNDATED:
        # Such records are put on the first days of 1970 (sources/undated.py): only the distance is true.
        return wording.say("what.undated", span=closes - opens)
    if closes - opens < timedelta(seconds=1):
        return wording.say("what.once", at=opens)
    return wording.say("what.between", opens=opens, closes=closes, span=closes - opens)


def reach_phrase(wording: Wording, looked_at: LookedAt) -> str:
    """Say how widely an episode read."""
    if looked_at.scope != "namespace":
        return wording.say(f"reach.{looked_at.scope}")
    if not looked_at.namespaces:
        return wording.say("reach.namespace.unnamed")
    return wording.say("reach.namespace", namespaces=looked_at.namespaces)


def what_sentences(
    wording: Wording,
    actor: Actor,
    looked_at: LookedAt,
    *,
    opens: datetime,
    closes: datetime,
    addresses: Sequence[str] = (),
    tools: Sequence[str] = (),
    chain: Sequence[str] = (),
) -> str:
    """Say in one sentence who looked at what, when, from where, with what, and what came of it; then what followed."""
    elsewhere = [address for address in addresses if address != actor.name]
    place = wording.say("what.from", addresses=elsewhere) if elsewhere else ""
    means = wording.say("what.tools", tools=tools) if tools else ""
    text = wording.say(
        "what.summary" if looked_at.answered or looked_at.refused else "what.summary.unknown",
        kinds=_few(wording, looked_at.kinds),
        reach=reach_phrase(wording, looked_at),
        requests=wording.many("count.requests", looked_at.requests),
        when=when_phrase(wording, opens, closes),
        answered=looked_at.answered,
        refused=looked_at.refused,
    )
    # Put together here: what is filled into a template is cut when it is long.
    sentence = f"{actor_phrase(wording, actor)}{place}{means} {text}"
    sentence = sentence[:1].upper() + sentence[1:]
    return f"{sentence} {wording.say('what.chain', steps=Clauses(chain))}" if chain else sentence


def _few(wording: Wording, kinds: Sequence[str]) -> str:
    """Give a list of kinds short enough for a sentence."""
    text = wording.shown(kinds[:_NAMED])
    return wording.say("list.more", list=text, n=len(kinds) - _NAMED) if len(kinds) > _NAMED else text


def history_phrase(wording: Wording, days: int, first: date | None, last: date | None) -> str:
    """Say with how much of its own past an actor is compared: how many days, and which."""
    known = wording.many("count.days", days)
    if first and last and first != last:
        return wording.say("why.history.between", days=known, first=f"{first:%Y-%m-%d}", last=f"{last:%Y-%m-%d}")
    if last:
        return wording.say("why.history.until", days=known, last=f"{last:%Y-%m-%d}")
    return wording.say("why.history", days=known)


def surprise_phrase(wording: Wording, surprise: Surprise) -> str:
    """Explain one surprise: what was seen, what is usual, for how many others it is ordinary."""
    sentences = [_measured(wording, surprise)]
    if surprise.measure in _NOVELTIES and surprise.usual:
        sentences.append(wording.say("why.usual", usual=_values(wording, surprise.measure, surprise.usual)))
    sentences.append(_peers(wording, surprise))
    return " ".join(sentence for sentence in sentences if sentence)


def link_phrase(wording: Wording, link: Link) -> str:
    """Say what followed: who, where it was another identity, what, by which technique, how often, with what outcome."""
    notes = [link.technique]
    if link.times > 1:
        notes.append(wording.many("chain.times", link.times))
    if link.outcome == "refused":
        notes.append(wording.say("chain.refused"))
    if link.prior:
        notes.append(wording.many("chain.prior", link.prior))
    phrase = wording.say("chain.noted", what=link.what, notes="; ".join(notes))
    if link.actor is None:
        return phrase
    return wording.say(f"chain.by.{link.shared}", actor=actor_phrase(wording, link.actor), phrase=phrase)


def _measured(wording: Wording, surprise: Surprise) -> str:
    days = wording.many("count.days", surprise.history_days)
    if surprise.measure in _NOVELTIES:
        listed = _values(wording, surprise.measure, surprise.observed)
        return wording.many(f"why.{surprise.measure}", _count(surprise.observed), list=listed, days=days)
    if surprise.measure == "new-actor":
        newcomers, all_days = _pair(_OF, surprise.peers)
        if all_days in {"", "0"}:
            return wording.say("why.new-actor.first")
        return wording.say("why.new-actor", newcomers=newcomers, days=all_days)
    if surprise.measure == "returned":
        idle = wording.many("count.days", int(surprise.usual)) if surprise.usual.isdecimal() else surprise.usual
        return wording.say("why.returned", idle=idle)
    if surprise.measure == "breadth":
        number, window = _pair(_IN, surprise.observed)
        usual, _ = _pair(_IN, surprise.usual)
        return wording.say(
            "why.breadth" if usual else "why.breadth.first",
            kinds=_kinds(wording, number or surprise.observed),
            window=_window(wording, window),
            usual=usual.partition(" ")[0],
            days=days,
        )
    key = f"why.{surprise.measure}" if wording.knows(f"why.{surprise.measure}") else "why.other"
    return wording.say(key, measure=surprise.measure, observed=surprise.observed, usual=surprise.usual)


def _peers(wording: Wording, surprise: Surprise) -> str:
    if surprise.measure == "breadth":
        number, _ = _pair(_IN, surprise.peers)
        return wording.say("why.peers.breadth", kinds=_kinds(wording, number)) if number else ""
    some, everybody = _pair(_OF, surprise.peers)
    if surprise.measure not in _NOVELTIES or everybody in {"", "0"}:
        return ""
    said = wording.many("why.peers.none" if some == "0" else "why.peers.some", int(everybody), k=int(some or 0))
    sort, _, name = surprise.group.partition(":")
    return f"{said} {wording.say(f'why.peers.of.{sort}', name=name)}" if sort else said


def _pair(pattern: re.Pattern[str], text: str) -> tuple[str, str]:
    match = pattern.fullmatch(text)
    return (match[1], match[2]) if match else ("", "")


def _kinds(wording: Wording, number: str) -> str:
    digits, _, unit = number.partition(" ")
    key = f"count.{unit}" if unit and wording.knows(f"count.{unit}") else "count.kinds"
    if digits.isdecimal():
        return wording.many(key, int(digits))
    try:
        return wording.many(key, float(digits))
    except ValueError:
        return number


def _window(wording: Wording, window: str) -> str:
    return wording.say(f"window.{window}") if wording.knows(f"window.{window}") else window


def _count(listed: str) -> int:
    """Count the values of a list that may end with "+3" for three more."""
    more = _MORE.search(listed)
    return listed.count(", ") + 1 + (int(more[1]) if more else 0)


def _values(wording: Wording, measure: str, listed: str) -> str:
    """Give a list of values in the words of the reader, as many of them as fit in a sentence."""
    more = _MORE.search(listed)
    names = [_value(wording, measure, name) for name in _MORE.sub("", listed).split(", ")]
    fitting = [name for i, name in enumerate(names) if i == 0 or len(", ".join(names[: i + 1])) <= _LIST_LENGTH]
    left = len(names) - len(fitting) + (int(more[1]) if more else 0)
    text = ", ".join(fitting)
    return wording.say("list.more", list=text, n=left) if left else text


def _value(wording: Wording, measure: str, name: str) -> str:
    if measure == "new-scope" and name in get_args(Scope):
        return wording.say("reach.namespace.unnamed" if name == "namespace" else f"reach.{name}")
    if measure == "new-hour" and name.isdecimal():
        return f"{int(name):02}:00-{(int(name) + _HOURS) % 24:02}:00"
    if measure == "new-weekday" and wording.knows(f"profile.weekday.{name}"):
        return wording.say(f"profile.weekday.{name}")
    return name


def reason_phrase(wording: Wording, reason: str) -> str:
    """Say why something was not read: `key`, `key: detail`, or plain words as they are."""
    name, _, detail = reason.partition(":")
    if not wording.knows(f"reason.{name}"):
        return wording.shown(reason)
    phrase = wording.say(f"reason.{name}")
    return wording.say("reason.with-detail", reason=phrase, detail=detail.strip()) if detail.strip() else phrase
