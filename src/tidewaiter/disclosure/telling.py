"""Says what was given away: words of kinds and categories in a language, and records for other programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tidewaiter.disclosure.collecting import Disclosure
from tidewaiter.disclosure.patterns import SECOND_OPINION, Category, categories, kinds
from tidewaiter.wording import Wording

RECORD = "tidewaiter.disclosure/1"
DOCUMENT = "tidewaiter.disclosures/1"


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of a log that could not be taken apart. Its content is never repeated: it may hold a secret."""

    path: str
    line: int
    reason: str  # key of the catalogue under `reason.`, or key ":" detail


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """An input that was not read."""

    path: str
    reason: str


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What was read, and what not."""

    files: int
    lines: int  # of containers, after joining
    long_lines: int  # of these, looked at in windows
    told: int  # different things given away
    times: int  # how often, all together
    left_out: int  # sightings of further values of a kind of which many were told
    second_opinion: str | None  # name and version of the other detector; None when there is none
    unreadable: int
    places: tuple[Unread, ...]
    set_aside: tuple[Aside, ...]


def title(kind: str, wording: Wording) -> str:
    """Name a kind."""
    if kind == SECOND_OPINION:
        return wording.say("disclose.second-opinion")
    return _said(kinds()[kind].title, wording)


def category_title(category: Category, wording: Wording) -> str:
    """Name a category."""
    return _said(categories()[category].title, wording)


def why(category: Category, wording: Wording) -> str:
    """Say why a category matters when somebody looks around."""
    return _said(categories()[category].why, wording)


def fixes(category: Category, found: Iterable[str], wording: Wording) -> list[str]:
    """Say what to do about these kinds of a category: what all need first, then what single kinds need."""
    own = (kinds()[kind].fix for kind in found if kind != SECOND_OPINION)
    said = [categories()[category].fix, *(words for words in own if words)]
    return list(dict.fromkeys(_said(words, wording) for words in said))


def record(one: Disclosure, wording: Wording) -> dict[str, Any]:
    """Give a disclosure with its words, as other programs read it."""
    return {
        "schema": RECORD,
        **msgspec.structs.asdict(one),
        "title": title(one.kind, wording),
        "why": why(one.category, wording),
        "fix": fixes(one.category, [one.kind], wording)[-1],
    }


def _said(words: Mapping[str, str], wording: Wording) -> str:
    return words.get(wording.language) or words["en"]
