"""Counts what lines give away: each thing once for each container and file, with its first and last place.

Secrets are compared by a digest and never kept. Memory is flat: of each kind, only so many different values of one
container are told; the rest is counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Literal, NamedTuple

import msgspec

from tidewaiter.disclosure.checks import Found, opaque, secret_in_words
from tidewaiter.disclosure.entries import Writer
from tidewaiter.disclosure.joining import OVERLAP, Clean, Line, clean
from tidewaiter.disclosure.masking import mask
from tidewaiter.disclosure.patterns import CREDENTIAL, SECOND_OPINION, Category, Match, kinds, recognise
from tidewaiter.model import LEVELS, Level

MOST_OF_A_KIND = 200  # different values told of one kind in one container and file
MARGIN = OVERLAP // 2  # what starts beyond it belongs to the next window of a very long line
_KEY_LINES = 200  # most lines of a private key
_KEY_BODY = re.compile(r"\s*(?:[A-Za-z0-9+/=]{1,100}|[\w-]{4,20}: [\w,. @-]{1,100}|)\s*")
_ALONE_SURE = 0.5
_ALONE_LEVEL: Level = "medium"
_AGREED = 0.3  # what is left of the doubt when two detectors that know nothing of each other agree
# Ids and digests: of containers, images, commits, requests, and UUIDs.
_IDENTITY = re.compile(
    r"[0-9a-f]{12}|[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
)
_NAME = re.compile(r"[\w.-]{1,80}")
_SHORTEST = 6  # characters of a secret that only the other detector sees

Opinion = Literal[
    "agrees",  # the other detector takes it for a secret, too
    "silent",  # it does not
    "alone",  # only the other detector takes it for a secret
    "absent",  # there is no other detector
    "not-asked",  # it is no secret
]


class Said(NamedTuple):
    """What another detector takes for a secret in a line."""

    rule: str  # its name for it
    name: str
    value: str


Ask = Callable[[str], Sequence[Said]]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where something stands."""

    path: str  # file as given on the command line, "docker:NAME" for a container of the engine
    line: int  # 1-based; the record in which it begins
    offset: int
    at: datetime | None = None  # when it was written, if the log says so


class Disclosure(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a container's log gives away."""

    category: Category
    kind: str
    level: Level
    confidence: float
    name: str | None  # the key that holds it
    value: str  # of a secret: how it begins, its length, and a digest when it cannot be guessed
    secret: bool
    times: int
    container: str | None
    pod: str | None
    namespace: str | None
    streams: tuple[str, ...]
    first: Place
    last: Place
    second_opinion: Opinion


class _Key(NamedTuple):
    path: str
    writer: Writer  # without its stream
    kind: str
    name: str
    value: str


class _Seen:
    """What is counted of one thing while reading."""

    def __init__(self, shown: str, place: Place, opinion: Opinion) -> None:
        self.shown = shown
        self.first = self.last = place
        self.times = 0
        self.streams: set[str] = set()
        self.opinion = opinion


class Collector:
    """Collects what lines give away. `take` and `take_attributes` change it."""

    def __init__(self, ask: Ask | None = None) -> None:
        self._ask = ask
        self._seen: dict[_Key, _Seen] = {}
        self._of_kind: Counter[tuple[str, Writer, str]] = Counter()
        self._keys: dict[tuple[str, Writer], int] = {}  # lines left of a private key that has begun
        self._attributes: set[tuple[str, Writer, str]] = set()
        self.lines = 0
        self.hits = 0
        self.left_out: Counter[tuple[str, Writer, str]] = Counter()  # values beyond the most that are told, by kind
        self.writers: dict[tuple[str, Writer], int] = {}  # lines of each

    def take(self, path: str, line: Line) -> None:
        """Look at one line."""
        home = line.writer._replace(stream=None)
        if not line.goes_on:
            self.lines += 1
            self.writers[path, home] = self.writers.get((path, home), 0) + 1
        text = clean(line.text)
        if not self._of_a_key(path, line.writer, text.text):
            self._look(path, line, home, text)

    def take_attributes(self, path: str, line: Line) -> None:
        """Look at what a log driver adds to every record of a container; once, as long as it stays the same."""
        key = (path, line.writer._replace(stream=None), sha256(line.text.encode("utf-8", "replace")).hexdigest())
        if key not in self._attributes:
            self._attributes.add(key)
            self._look(path, line, key[1], clean(line.text))

    def _of_a_key(self, path: str, writer: Writer, text: str) -> bool:
        """Tell whether a line belongs to a private key that began before: nothing of it may be told as anything."""
        left = self._keys.get((path, writer), 0)
        if not left:
            return False
        body = _KEY_BODY.fullmatch(text) is not None
        if body:
            self._keys[path, writer] = left - 1
        else:
            del self._keys[path, writer]
        return body or "-----END " in text

    def _look(self, path: str, line: Line, home: Writer, text: Clean) -> None:
        said = [one for one in self._ask(text.text) if _plausible(one)] if self._ask else []
        matches = recognise(text.text)
        alone = _alone(said, matches, text.text)
        if alone:  # what it takes for a secret must stand in no other value of the line either
            matches = recognise(text.text, [match.secret for match in alone])
        for match in (*matches, *alone):
            at = text.original(match.start)
            if (line.goes_on and at >= len(line.text) - MARGIN) or (line.seen and at < line.seen - MARGIN):
                continue  # another window of the same line tells it
            start = line.place(at)
            place = Place(path=path, line=start.line, offset=start.offset, at=line.at)
            self._count(match, place, home, line.writer.stream, self._opinion(match, said))
            if match.kind == "private-key" and "-----END " not in match.secret:
                self._keys[path, line.writer] = _KEY_LINES

    def _opinion(self, match: Match, said: Sequence[Said]) -> Opinion:
        if not match.secret:
            return "not-asked"
        if match.kind == SECOND_OPINION:
            return "alone"
        if self._ask is None:
            return "absent"
        return "agrees" if any(_overlap(match.secret, one.value) for one in said) else "silent"

    def _count(self, match: Match, place: Place, home: Writer, stream: str | None, opinion: Opinion) -> None:
        self.hits += 1
        value = sha256(match.secret.encode("utf-8", "replace")).hexdigest() if match.secret else match.value
        key = _Key(place.path, home, match.kind, match.name, value)
        seen = self._seen.get(key)
        if seen is None:
            kind = (place.path, home, match.kind)
            if self._of_kind[kind] >= MOST_OF_A_KIND:
                self.left_out[kind] += 1
                return
            self._of_kind[kind] += 1
            seen = self._seen[key] = _Seen(match.value, place, opinion)
        seen.times += 1
        seen.last = place
        seen.opinion = "agrees" if opinion == "agrees" else seen.opinion
        if stream:
            seen.streams.add(stream)

    def disclosures(self) -> Iterator[Disclosure]:
        """Give everything: by file and container in the order of reading, the worst first."""
        order = {place: number for number, place in enumerate(self.writers)}
        keys = sorted(
            self._seen.items(),
            key=lambda item: (
                order.get(item[0][:2], len(order)),
                -LEVELS.index(level_of(item[0].kind)),
                item[1].first.line,
            ),
        )
        for key, seen in keys:
            yield _disclosure(key, seen)


def category_of(kind: str) -> Category:
    """Name the category of a kind."""
    return CREDENTIAL if kind == SECOND_OPINION else kinds()[kind].category


def level_of(kind: str) -> Level:
    """Say how bad a kind is if true."""
    return _ALONE_LEVEL if kind == SECOND_OPINION else kinds()[kind].level


def _disclosure(key: _Key, seen: _Seen) -> Disclosure:
    sure = _ALONE_SURE if key.kind == SECOND_OPINION else kinds()[key.kind].sure
    if seen.opinion == "agrees":
        sure = 1 - (1 - sure) * _AGREED
    return Disclosure(
        category=category_of(key.kind),
        kind=key.kind,
        level=level_of(key.kind),
        confidence=round(sure, 2),
        name=key.name or None,
        value=seen.shown,
        secret=category_of(key.kind) == CREDENTIAL,
        times=seen.times,
        container=key.writer.container,
        pod=key.writer.pod,
        namespace=key.writer.namespace,
        streams=tuple(sorted(seen.streams)),
        first=seen.first,
        last=seen.last,
        second_opinion=seen.opinion,
    )


def _plausible(said: Said) -> bool:
    """Tell whether another detector's word is worth repeating: in source code sentences and ids are rare."""
    one = Found(said.value, said.name, said.value, 0, len(said.value))
    if len(said.value) < _SHORTEST or _IDENTITY.fullmatch(said.value):
        return False
    return secret_in_words(one) is not None and opaque(one) is not None


def _alone(said: Sequence[Said], matches: Sequence[Match], text: str) -> tuple[Match, ...]:
    """Give what only the other detector takes for a secret; what is known to be an address or a name is none."""
    known = [match.secret or match.value for match in matches if category_of(match.kind) != "configuration"]
    return tuple(
        Match(
            SECOND_OPINION,
            mask(one.value),
            one.name if _NAME.fullmatch(one.name) else "",
            max(0, text.find(one.value)),
            one.value,
        )
        for one in said
        if not any(_overlap(one.value, value) for value in known)
    )


def _overlap(one: str, other: str) -> bool:
    return one in other or other in one
