"""Recognises what a line gives away. The patterns are data; RE2 matches them, so that no line can take long.

All patterns are tried at once (RE2 set); only those that hold somewhere in the line are looked at one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

import msgspec

from tidewaiter.disclosure.checks import CHECKS, Found
from tidewaiter.disclosure.masking import HIDDEN, mask, without
from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Level

Category = Literal["credential", "cloud-provider", "cluster", "service", "configuration", "version"]
CREDENTIAL: Category = "credential"
SECOND_OPINION = "second-opinion"  # the kind of what only another detector takes for a secret

_MEMORY = 128 << 20  # bytes RE2 may use for states of the set; too few, and it finds nothing without saying so
_MOST = 1000  # matches of one pattern in one line
_FRAGMENT = re.compile(r"<<(\w+)>>")

Words = Mapping[str, str]  # by language


class CategoryWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of a category: its title, why it matters, what to do."""

    title: Words
    why: Words
    fix: Words


class Kind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of disclosure."""

    category: Category
    level: Level
    sure: float
    title: Words
    patterns: tuple[str, ...]
    check: str | None = None
    fix: Words | None = None  # where it is another one than the category's


class Match(NamedTuple):
    """One thing that a line gives away."""

    kind: str
    value: str  # never a secret: of a credential this is the mask
    name: str  # the key that holds it, or ""
    start: int  # of the value in the line
    secret: str = ""  # what was masked, to compare with another detector; goes nowhere else


class _Pattern(NamedTuple):
    kind: str
    rank: int
    expression: Any
    value: int  # number of its group
    name: int  # likewise; 0 when there is none


@cache
def kinds() -> Mapping[str, Kind]:
    """Give every kind by its id, the more specific ones of a category first."""
    found: Mapping[str, Kind] = msgspec.convert(load("disclosure.yml")["kinds"], dict[str, Kind])
    return found


@cache
def categories() -> Mapping[Category, CategoryWords]:
    """Give the words of every category, in the order in which they are shown."""
    found: Mapping[Category, CategoryWords] = msgspec.convert(
        load("disclosure.yml")["categories"], dict[Category, CategoryWords]
    )
    return found


def expressions(kind: Kind) -> tuple[str, ...]:
    """Give the patterns of a kind with the fragments filled in."""
    return tuple(_filled(pattern, load_fragments()) for pattern in kind.patterns)


@cache
def load_fragments() -> Mapping[str, str]:
    """Give the named parts of patterns."""
    found: Mapping[str, str] = load("disclosure.yml")["fragments"]
    return found


def _filled(pattern: str, fragments: Mapping[str, str]) -> str:
    while _FRAGMENT.search(pattern):
        pattern = _FRAGMENT.sub(lambda match: fragments[match[1]], pattern)
    return pattern


@cache
def _compiled() -> tuple[Any, tuple[_Pattern, ...]]:
    import re2  # type: ignore[import-untyped]  # noqa: PLC0415 - no other command needs it; comes with pySigma

    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    together = re2.Set.SearchSet(options)
    patterns = []
    for rank, (name, kind) in enumerate(kinds().items()):
        for text in expressions(kind):
            together.Add(text)
            expression = re2.compile(text, options)
            groups = expression.groupindex
            patterns.append(_Pattern(name, rank, expression, groups.get("value", 0), groups.get("name", 0)))
    together.Compile()
    return together, tuple(patterns)


def recognise(text: str, others: Sequence[str] = ()) -> tuple[Match, ...]:
    """Say what a clean line gives away, in the order of the line. `others` are secrets that somebody else saw in it.

    Secrets are masked, in every value of the line. Of a category, the more specific kind takes a place for itself.
    """
    together, patterns = _compiled()
    numbers = together.Match(text)
    if not numbers:
        return ()
    found = sorted(_matches(text, [patterns[number] for number in numbers]), key=lambda item: item[0])
    chosen: list[tuple[str, Found, str]] = []
    for _, kind, one, value in found:
        if not any(_same(kind, one, other, taken) for other, taken, _ in chosen):
            chosen.append((kind, one, value))
    credentials = [one for kind, one, _ in chosen if kinds()[kind].category == CREDENTIAL]
    secrets = sorted({*(one.value for one in credentials), *others}, key=len, reverse=True)
    given = (_given(kind, one, value, credentials, secrets) for kind, one, value in chosen)
    return tuple(sorted((match for match in given if match), key=lambda match: match.start))


def _matches(text: str, patterns: Iterable[_Pattern]) -> Iterator[tuple[tuple[int, int, int], str, Found, str]]:
    """Give every match with what sorts it: the more specific kind first, then place, the longer of two first."""
    for pattern in patterns:
        check = CHECKS.get(kinds()[pattern.kind].check or "")
        for count, match in enumerate(pattern.expression.finditer(text)):
            if count >= _MOST:
                break
            name = (match.group(pattern.name) or "") if pattern.name else ""
            start, end = match.span(pattern.value)
            one = Found(text[start:end], name, text, start, end)
            value = check(one) if check else one.value
            if value:
                yield (pattern.rank, start, start - end), pattern.kind, one, value


def _same(kind: str, one: Found, other: str, taken: Found) -> bool:
    overlap = one.start < taken.end and taken.start < one.end
    return overlap and kinds()[kind].category == kinds()[other].category


def _given(kind: str, one: Found, value: str, credentials: Sequence[Found], secrets: Sequence[str]) -> Match | None:
    name = without(one.name, secrets)
    if kinds()[kind].category == CREDENTIAL:
        return Match(kind, mask(one.value), name, one.start, one.value)
    if any(secret.start <= one.start and one.end <= secret.end for secret in credentials):
        # Nothing of it but the secret, which is told already; only the name may say more, such as AZURE_CLIENT_SECRET.
        return Match(kind, HIDDEN, name, one.start) if name and kinds()[kind].category != "configuration" else None
    return Match(kind, without(value, secrets), name, one.start)
