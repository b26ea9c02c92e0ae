"""The policy that follows from what was learnt, as text: a new file, or a difference to the one there is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from difflib import unified_diff

from tidewaiter.gate.learn import CallerUse, Key, Lessons, RouteUse
from tidewaiter.gate.policy import Policy
from tidewaiter.wording import Wording

_UNQUOTED = re.compile(r"[^\x00-\x1f\x7f\"\\]")  # what a basic string of TOML holds as it is
_NO_END = "\\ No newline at end of file\n"


def policy_text(lessons: Lessons, words: Wording) -> str:
    """Give a policy that allows what was seen, and nothing else."""
    return "\n".join([*_head(lessons, words), *_entries(lessons, words)]) + "\n"


def policy_diff(lessons: Lessons, current: Policy, text: str, name: str, words: Wording) -> str:
    """Give what has to be added to a policy so that it allows what was seen; `patch` takes it, comments and all.

    Nothing is ever taken out by this: rules that were not used are named above it.
    """
    notes = [*_head(lessons, words), *_unused(lessons, current, words)]
    if not lessons.callers:
        return "\n".join([*notes, f"# {words.say('gate.learn.nothing')}"]) + "\n"
    added = [f"{line}\n" for line in _entries(lessons, words)]
    before = text.splitlines(keepends=True)
    after = [*before[:-1], before[-1] if before[-1].endswith("\n") else f"{before[-1]}\n", *added] if before else added
    difference = unified_diff(before, after, fromfile=name, tofile=name)
    return (
        "\n".join(notes) + "\n" + "".join(part if part.endswith("\n") else f"{part}\n{_NO_END}" for part in difference)
    )


def _head(lessons: Lessons, words: Wording) -> Iterator[str]:
    seen = lessons.all
    if seen.first is None or seen.last is None:
        yield f"# {words.say('gate.learn.none')}"
    else:
        yield f"# {words.many('gate.learn.seen', seen.times, first=seen.first, last=seen.last)}"
        yield f"# {words.say('gate.learn.careful')}"
    for reason, times in sorted(lessons.left_out.items()):
        yield f"# {words.say(f'gate.learn.left.{reason}', n=times)}"


def _unused(lessons: Lessons, current: Policy, words: Wording) -> Iterator[str]:
    for entry in current.entries:
        for route in entry.routes:
            rule = f"{entry.name}: {route.text}"
            if rule not in lessons.used:
                yield f"# {words.say('gate.learn.unused', rule=rule)}"


def _entries(lessons: Lessons, words: Wording) -> Iterator[str]:
    for key in sorted(lessons.callers, key=lambda one: [(name, str(value)) for name, value in one]):
        yield from _entry(key, lessons.callers[key], words)


def _entry(key: Key, use: CallerUse, words: Wording) -> Iterator[str]:
    yield ""
    about = words.many("gate.learn.entry", use.times, first=_moment(use.first), last=_moment(use.last))
    if use.programs:
        about += f"; {words.say('gate.learn.programs', programs=sorted(use.programs))}"
    yield f"# {about}"
    yield "[[allow]]"
    yield f"name = {quoted(' '.join(str(value) for _, value in key))}"
    yield f"who = {{ {', '.join(f'{name} = {_value(value)}' for name, value in key)} }}"
    yield "routes = ["
    yield from _routes(sorted(use.routes.values(), key=lambda one: one.pattern.split(" ")[::-1]), words)
    yield "]"


def _routes(routes: Sequence[RouteUse], words: Wording) -> Iterator[str]:
    texts = [f"{quoted(one.pattern)}," for one in routes]
    width = max(map(len, texts))
    for text, one in zip(texts, routes, strict=True):
        note = words.say("gate.learn.route", n=one.times, last=_moment(one.last))
        if one.gives == "root":
            note += f"; {words.say('gate.learn.root')}"
        elif one.gives == "content":
            note += f"; {words.say('gate.learn.content')}"
        yield f"  {text.ljust(width)}  # {note}"


def _moment(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def _value(value: str | int) -> str:
    return str(value) if isinstance(value, int) else quoted(value)


def quoted(text: str) -> str:
    """Write a basic string of TOML 1.0; what cannot be seen is written as an escape."""
    return '"' + "".join(one if one.isprintable() and _UNQUOTED.match(one) else _escaped(one) for one in text) + '"'


def _escaped(one: str) -> str:
    if one in '"\\':
        return f"\\{one}"
    number = ord(one)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"  # noqa: PLR2004 - four hex digits
