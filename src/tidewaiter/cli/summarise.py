"""From the report of a run to the summary a person reads: what was read, what was not, what cannot be seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from tidewaiter.model import LEVELS
from tidewaiter.pipeline import Read, Report, visible
from tidewaiter.sinks.summary import SetAside, SourceSummary, Summary, Unread, WayShown

_PLANES = {
    "no-engine-source": "engine",
    "no-kube-source": "kubernetes",
    "no-host-source": "host",
    "no-web-source": "web",
}


def summary(report: Report, *, planes: dict[str, str]) -> Summary:
    """Summarise a run; `planes` gives the plane of each source by its name."""
    places = [place for item in report.read for place in item.tally.places]
    unreadable = sum(item.tally.unreadable for item in report.read if item.source) + len(report.problems)
    shown = {level: sum(found.level == level for found in report.findings) for level in LEVELS}
    return Summary(
        sources=source_summaries(report.read),
        unreadable=unreadable,
        places=tuple(
            Unread(path=place.path, line=place.line, reason=place.reason, sample=place.sample)
            for place in [*report.problems, *places]
        ),
        set_aside=tuple(SetAside(path=item.path, reason=item.why) for item in report.read if item.source is None),
        blind=tuple(_blind(report, planes)),
        blind_files=_blind_files(report),
        ways=ways_shown(report.read),
        silences=report.silences,
        findings_by_level={level: count for level, count in shown.items() if count},
        hidden=report.hidden,
        covered=len(report.covered),
        verdicts=report.verdicts,
    )


def ways_shown(read: Iterable[Read]) -> tuple[WayShown, ...]:
    """Say which ways of looking around these inputs show."""
    return tuple(WayShown(way=one.way, state=one.state, by=one.by, why=one.why) for one in visible(read))


def source_summaries(read: Iterable[Read]) -> tuple[SourceSummary, ...]:
    """Count what was read of each format; an input that holds several counts as the one of most records."""
    return tuple(_sources(read))


def _sources(read: Iterable[Read]) -> Iterator[SourceSummary]:
    by_name: dict[str, list[Read]] = {}
    for item in read:
        if item.source:
            by_name.setdefault(item.source, []).append(item)
    for name, items in sorted(by_name.items()):
        tallies = [item.tally for item in items]
        yield SourceSummary(
            source=name,
            files=len(items),
            records=sum(tally.records for tally in tallies),
            kept=sum(tally.kept for tally in tallies),
            first=min((tally.first for tally in tallies if tally.first), default=None),
            last=max((tally.last for tally in tallies if tally.last), default=None),
            other=sum(tally.foreign for tally in tallies),
            wrappers=tuple(sorted({name for item in items for name in item.wrappers})),
        )


def _blind(report: Report, planes: dict[str, str]) -> list[str]:
    read = [item for item in report.read if item.source]
    found = {key for item in read for key in (*item.tally.notes, *item.blind_to)}
    covered = {planes[name] for item in read for name in {item.source, *item.formats} if name}
    missing = [key for key, plane in _PLANES.items() if plane not in covered]
    return [*sorted(found), *missing]


def _blind_files(report: Report) -> dict[str, int]:
    """Count the files that lack something, where others do not."""
    read = [item for item in report.read if item.source]
    counted = Counter(key for item in read for key in {*item.tally.notes, *item.blind_to})
    return {key: count for key, count in sorted(counted.items()) if count < len(read)}
