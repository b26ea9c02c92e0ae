"""What is ordinary for an actor, as text for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import timedelta

from tidewaiter.model import Habit, Profile
from tidewaiter.wording import Wording
from tidewaiter.wording.phrases import actor_phrase

_SHOWN = ("kind", "class", "scope", "namespace", "tool", "network", "address", "hour", "weekday", "refused")
_LABEL = 16  # columns
_HOURS = 4  # the profile counts in parts of the day of this many hours


def render(profile: Profile, *, width: int, wording: Wording) -> str:
    """Give a profile in words, a line for each thing that is ordinary."""
    head = wording.say("profile.head", actor=actor_phrase(wording, profile.actor), plane=profile.plane)
    rows = [(wording.say(f"profile.label.{label}"), text) for label, text in _rows(profile, wording)]
    return "\n".join([head, *(_row(label, text, width) for label, text in rows)]) + "\n"


def _row(label: str, text: str, width: int) -> str:
    return textwrap.fill(
        text,
        width=max(width, 40),
        initial_indent=f"  {label:<{_LABEL}}",
        subsequent_indent=" " * (_LABEL + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _rows(profile: Profile, wording: Wording) -> Iterator[tuple[str, str]]:
    yield "state", _state(profile, wording)
    for dimension in _SHOWN:
        habits = profile.habits.get(dimension, ())
        if habits:
            yield dimension, _habits(dimension, habits, wording)
    yield "rhythm", _rhythm(profile, wording)
    if profile.peers:
        yield "peers", _peers(profile, wording)
    heaviest = sorted(profile.would_surprise.items(), key=lambda item: (-item[1], item[0]))
    if any(bits for _, bits in heaviest):
        news = [wording.many(f"profile.new.{dimension}", bits) for dimension, bits in heaviest]
        yield "surprise", ", ".join(news)


def _state(profile: Profile, wording: Wording) -> str:
    days = wording.many("count.days", profile.days)
    said = wording.say(
        f"profile.state.{profile.state}", days=days, first=str(profile.first), last=str(profile.last),
        today=str(profile.today),
    )  # fmt: skip
    if profile.answered_days < profile.days:
        said += " " + wording.many("profile.answered", profile.answered_days)
    return said


def _habits(dimension: str, habits: Sequence[Habit], wording: Wording) -> str:
    known, others = [
        [
            wording.say("profile.value", value=_value(dimension, item.value, wording), days=item.days)
            for item in habits
            if item.known is wanted
        ]
        for wanted in (True, False)
    ]
    parts = [wording.shown(known)] if known else []
    if others:
        parts.append(wording.say("profile.not-known", list=others))
    return "; ".join(parts)


def _value(dimension: str, value: str, wording: Wording) -> str:
    if dimension == "weekday":
        return wording.say(f"profile.weekday.{value}")
    if dimension == "hour":
        return f"{int(value):02}:00-{(int(value) + _HOURS) % 24:02}:00"
    if dimension == "scope":
        return wording.say("reach.namespace.unnamed" if value == "namespace" else f"reach.{value}")
    return value


def _rhythm(profile: Profile, wording: Wording) -> str:
    rhythm = profile.rhythm
    parts = [
        wording.say(
            "profile.rate", requests=wording.many("count.requests", rhythm.requests), usual=rhythm.usual_a_day,
            most=rhythm.most_a_day,
        )
    ]  # fmt: skip
    if rhythm.every is not None:
        key = "profile.regular" if rhythm.regular else "profile.irregular"
        parts.append(wording.say(key, every=timedelta(seconds=round(rhythm.every))))
    return "; ".join(parts)


def _peers(profile: Profile, wording: Wording) -> str:
    assert profile.peers is not None  # noqa: S101 - the caller looked
    sort, _, name = profile.peers.group.partition(":")
    if not profile.peers.members:
        return wording.say("profile.peers.nobody")
    return wording.many(f"profile.peers.{sort}", profile.peers.members, name=name, example=profile.peers.example or "")
