"""What a scan read and could not read: the facts that let one judge its findings, or their absence."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tidewaiter.model import Level


class SourceSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of one format."""

    source: str  # name of the source, such as "kube-audit"
    files: int
    records: int  # records of the format, relevant or not
    kept: int  # of these, activities
    first: datetime | None = None  # earliest and latest time among the kept ones
    last: datetime | None = None
    other: int = 0  # records inside of wrappers that are of no known format
    wrappers: tuple[str, ...] = ()  # what records travelled in, from the outside in


class WayShown(msgspec.Struct, frozen=True, kw_only=True):
    """One way of looking around, and whether the inputs show it."""

    way: str  # key of the catalogue under `way.`
    state: str  # seen, partly, not
    by: tuple[str, ...] = ()  # sources that show it
    why: tuple[str, ...] = ()  # ids of cannot.*; nothing when no input could have shown it


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time without records of a source that is otherwise never silent for long."""

    source: str
    first: datetime
    last: datetime


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of an input that could not be read."""

    path: str
    line: int
    reason: str  # key of the catalogue under `reason.`, or key ":" detail, or plain words
    sample: bytes = b""  # how it begins; shown with --unreadable only


class SetAside(msgspec.Struct, frozen=True, kw_only=True):
    """An input that was not read at all."""

    path: str
    reason: str  # as in Unread


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a scan has to say besides its findings."""

    sources: tuple[SourceSummary, ...] = ()
    unreadable: int = 0  # how many pieces; `places` may hold fewer
    places: tuple[Unread, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
    blind: tuple[str, ...] = ()  # visibility ids: what these inputs cannot show
    blind_files: dict[str, int] = {}  # of these, what only some of the files lack -> how many files
    ways: tuple[WayShown, ...] = ()
    silences: tuple[Silence, ...] = ()
    findings_by_level: dict[Level, int] = {}  # of the findings that are shown
    hidden: int = 0  # findings weaker than the persona wants to see
    covered: int = 0  # findings hidden by people's verdicts
    verdicts: int = 0  # by how many
