"""What was given away, for people: by container, the worst first, then what to do about it, then what was read."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from tidewaiter.disclosure import telling
from tidewaiter.disclosure.collecting import Disclosure, Opinion, Place
from tidewaiter.disclosure.entries import ATTRIBUTES
from tidewaiter.disclosure.patterns import Category, categories
from tidewaiter.disclosure.telling import Summary
from tidewaiter.model import LEVELS, Level
from tidewaiter.wording import Wording
from tidewaiter.wording.phrases import reason_phrase
from tidewaiter.wording.visible import cut, visible

TOP = 5  # shown of each category of a container
_PLACES = 3
_ASIDE = 10
_INDENT = "  "
_VALUE = 120  # characters
_NARROWEST = 40
_SENTENCE = 2000

_BOLD = "1"
_COLOURS = {"info": "2", "low": "36", "medium": "33", "high": "31;1", "critical": "37;41;1"}  # ECMA-48 SGR
_OPINIONS: dict[Opinion, str] = {
    "agrees": "disclose.opinion.agrees",
    "silent": "disclose.opinion.silent",
    "alone": "disclose.opinion.alone",
}


def render(
    found: Iterable[Disclosure],
    summary: Summary,
    *,
    wording: Wording,
    width: int = 100,
    colour: bool = False,
    top: int | None = TOP,
) -> Iterator[str]:
    """Give the text a piece at a time. Of each category of a container the `top` worst are shown; None shows all."""
    page = _Page(max(width, _NARROWEST), wording, colour=colour, top=top)
    kinds: dict[Category, list[str]] = {}
    levels: Counter[Level] = Counter()
    for _, group in groupby(found, key=_writer):
        items = list(group)
        for item in items:
            kinds.setdefault(item.category, []).append(item.kind)
            levels[item.level] += 1
        yield _text(page.container(items))
    yield _text(page.closing(kinds, levels, summary))


def _writer(one: Disclosure) -> tuple[str | None, ...]:
    return one.first.path, one.namespace, one.pod, one.container


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _safe(text: str, limit: int = 200) -> str:
    return cut(visible(text[: limit + 1]), limit)


class _Page:
    """A width, a language, and whether there is colour."""

    def __init__(self, width: int, wording: Wording, *, colour: bool, top: int | None) -> None:
        self._width = width
        self._say = wording
        self._colour = colour
        self._top = top

    def container(self, items: Sequence[Disclosure]) -> Iterator[str]:
        yield "-" * self._width
        for line in self._wrapped(self._heading(items[0]), "", _INDENT):
            yield self._painted(line, _BOLD)
        counts = Counter(item.category for item in items)
        told = [
            self._say.say("disclose.count", n=counts[name], category=telling.category_title(name, self._say))
            for name in categories()
            if counts[name]
        ]
        yield from self._wrapped(", ".join(told), _INDENT)
        for name in categories():
            if counts[name]:
                yield ""
                yield self._painted(f"{_INDENT}{telling.category_title(name, self._say).capitalize()}", _BOLD)
                yield from self._category([item for item in items if item.category == name])
        yield ""

    def _heading(self, one: Disclosure) -> str:
        path = _safe(one.first.path)
        names = [_safe(name) for name in (one.namespace, one.pod, one.container) if name]
        if not names or path.endswith(f":{names[-1]}"):
            return path
        return f"{self._say.say('disclose.container', name='/'.join(names))}  {path}"

    def _category(self, items: Sequence[Disclosure]) -> Iterator[str]:
        worst = sorted(items, key=lambda one: (-LEVELS.index(one.level), -one.confidence, one.first.line))
        for one in worst[: self._top]:
            yield from self._item(one)
        more = len(worst) - len(worst[: self._top])
        if more:
            yield f"{_INDENT * 2}{self._say.many('disclose.more', more)}"

    def _item(self, one: Disclosure) -> Iterator[str]:
        level = self._say.say(f"level.{one.level}")
        held = f"{_safe(one.name, 80)} = " if one.name else ""
        text = f"{telling.title(one.kind, self._say)}: {held}{_safe(one.value, _VALUE)}"
        first, *rest = self._wrapped(text, f"{_INDENT * 2}{level}  ", _INDENT * 3)
        yield first.replace(level, self._painted(level, _COLOURS[one.level]), 1)
        yield from rest
        yield from self._wrapped("; ".join(self._facts(one)), _INDENT * 3)

    def _facts(self, one: Disclosure) -> Iterator[str]:
        yield self._place(one.first)
        if one.streams == (ATTRIBUTES,):
            yield self._say.say("disclose.log-opt")
        elif one.streams:
            yield ", ".join(one.streams)
        if one.times > 1:
            yield self._say.many("disclose.times", one.times, last=one.last.line)
        sure = self._say.say("disclose.sure", percent=round(one.confidence * 100))
        key = _OPINIONS.get(one.second_opinion)
        yield f"{sure}, {self._say.say(key)}" if key else sure

    def _place(self, place: Place) -> str:
        line = self._say.say("disclose.line", line=place.line)
        return f"{line}, {self._say.shown(place.at)}" if place.at else line

    def closing(self, kinds: dict[Category, list[str]], levels: Counter[Level], summary: Summary) -> Iterator[str]:
        yield "-" * self._width
        total = self._say.many("disclose.total", summary.told, times=summary.times)
        for line in self._wrapped(total if summary.told else self._say.say("disclose.nothing"), ""):
            yield self._painted(line, _BOLD)
        counts = [self._say.many(f"count.level.{level}", levels[level]) for level in LEVELS[::-1] if levels[level]]
        if counts:
            yield from self._wrapped(", ".join(counts), _INDENT)
        for name in categories():
            if name in kinds:
                yield ""
                yield self._painted(telling.category_title(name, self._say).capitalize(), _BOLD)
                yield from self._wrapped(telling.why(name, self._say), _INDENT)
                for fix in telling.fixes(name, kinds[name], self._say):
                    yield from self._wrapped(fix, f"{_INDENT}- ", _INDENT * 2)
        yield ""
        yield from self._read(summary)
        yield ""
        yield from self._wrapped(self._say.say("summary.next", command=self._say.say("disclose.next")), "")

    def _read(self, summary: Summary) -> Iterator[str]:
        yield self._painted(self._say.say("summary.read"), _BOLD)
        files = self._say.many("count.files", summary.files)
        yield f"{_INDENT}{files}, {self._say.many('disclose.lines', summary.lines)}"
        if summary.second_opinion:
            said = self._say.say("disclose.opinion.by", name=summary.second_opinion)
        else:
            said = self._say.say("disclose.opinion.absent")
        yield from self._wrapped(said, _INDENT)
        for key, count in (("disclose.long-lines", summary.long_lines), ("disclose.left-out", summary.left_out)):
            if count:
                yield from self._wrapped(self._say.many(key, count), _INDENT)
        if summary.unreadable:
            yield ""
            yield self._painted(self._say.many("summary.unreadable", summary.unreadable), _BOLD)
            for place in summary.places[:_PLACES]:
                text = f"{_safe(place.path)}:{place.line}  {reason_phrase(self._say, place.reason)}"
                yield from self._wrapped(text, _INDENT, _INDENT * 2)
        if summary.set_aside:
            yield ""
            yield self._painted(self._say.say("summary.set-aside"), _BOLD)
            for aside in summary.set_aside[:_ASIDE]:
                yield from self._wrapped(f"{_safe(aside.path)}  {reason_phrase(self._say, aside.reason)}", _INDENT)
            more = len(summary.set_aside) - _ASIDE
            if more > 0:
                yield f"{_INDENT}{self._say.many('summary.set-aside.more', more)}"

    def _wrapped(self, text: str, first: str, rest: str | None = None) -> list[str]:
        return textwrap.wrap(
            text[:_SENTENCE],
            self._width,
            initial_indent=first,
            subsequent_indent=first if rest is None else rest,
            break_on_hyphens=False,
        ) or [first]

    def _painted(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text
