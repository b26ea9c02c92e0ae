"""Findings and summary for a person at three in the morning: one screen for each finding, words before colour.

Everything that comes from a log passes `safe`. Colour is added to words that say the same, never instead of them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tidewaiter.model import LEVELS, Finding, Link, Sighting
from tidewaiter.sinks.safe_text import safe
from tidewaiter.sinks.summary import SourceSummary, Summary, WayShown
from tidewaiter.wording import Wording
from tidewaiter.wording.phrases import actor_phrase, link_phrase, reach_phrase, reason_phrase, when_phrase

_SIGHTINGS = 3  # shown of each finding; `tidewaiter show` gives all
_PLACES = 3  # unreadable places shown
_SET_ASIDE = 10
_SENTENCE = 2000  # characters; a finding's sentences are our own words around cut values
_INDENT = "  "
_LABEL = 12  # columns
_NARROWEST = 40

_BOLD = "1"
_COLOURS = {"info": "2", "low": "36", "medium": "33", "high": "31;1", "critical": "37;41;1"}  # ECMA-48 SGR


def wants_colour(*, terminal: bool, environment: Mapping[str, str]) -> bool:
    """Decide on colour: only on a terminal, not a dumb one, and not against NO_COLOR (no-color.org)."""
    return terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def render(
    findings: Iterable[Finding],
    summary: Summary,
    *,
    width: int = 100,
    colour: bool,
    wording: Wording,
    closing: str | None = None,
) -> Iterator[str]:
    """Give the text a piece at a time, each ending with a line end: every finding, then the summary.

    `summary` is looked at after the last finding. `closing` stands in place of the line that names the next command.
    """
    page = _Page(max(width, _NARROWEST), wording, colour=colour)
    last = None
    for finding in findings:
        yield _text(page.finding(finding))
        last = last or finding
    yield _text(page.summary(summary, closing or wording.say("summary.next", command=page.next(summary, last))))


def render_inputs(summary: Summary, *, width: int = 100, colour: bool, wording: Wording) -> str:
    """Say what was read and, of each way of looking around, whether it would have been seen and how to open it."""
    page = _Page(max(width, _NARROWEST), wording, colour=colour)
    return _text([*page.inputs(summary), "", *page.ways_explained(summary.ways)])


def render_finding(
    finding: Finding, *, width: int = 100, colour: bool, wording: Wording, all_sightings: bool = False
) -> str:
    """Give one finding, with all its sightings if asked to."""
    page = _Page(max(width, _NARROWEST), wording, colour=colour)
    return _text(page.finding(finding, sightings=len(finding.sightings) if all_sightings else _SIGHTINGS))


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line.rstrip()}\n" for line in lines)


class _Page:
    """A width, a language and whether there is colour."""

    def __init__(self, width: int, wording: Wording, *, colour: bool) -> None:
        self._width = width
        self._say = wording
        self._colour = colour

    def finding(self, finding: Finding, *, sightings: int = _SIGHTINGS) -> Iterator[str]:
        explanation = finding.explanation
        yield "-" * self._width
        yield from self._headline(finding)
        yield ""
        yield from self._facts(finding)
        if finding.chain:
            yield ""
            yield from self._chain(finding.chain)
        # What is innocent until somebody says otherwise is not to be stopped; the JSON holds the steps all the same.
        stop = explanation.contain if finding.verdict.decision in {"suspicious", "malicious"} else ()
        for title, items in (
            ("why", explanation.why.split("\n")),
            ("means", explanation.means.split("\n")),
            ("innocent", explanation.innocent),
            ("next", explanation.next),
            ("contain", stop),
        ):
            if any(items):
                yield ""
                yield self._painted(self._say.say(f"label.{title}"), _BOLD)
                for item in items:
                    yield from self._item(item)
        yield ""
        yield from self._sightings(finding.sightings, sightings)
        yield ""

    def _headline(self, finding: Finding) -> Iterator[str]:
        level = self._say.say(f"level.{finding.level}")
        sure = self._say.say("label.confidence", percent=round(finding.confidence * 100))
        techniques = " ".join(safe(technique) for technique in finding.techniques)
        yield f"{self._painted(level, _COLOURS[finding.level])}  {sure}  {safe(finding.id)}  {techniques}"
        for line in self._wrapped(safe(finding.headline, limit=400), ""):
            yield self._painted(line, _BOLD)

    def _facts(self, finding: Finding) -> Iterator[str]:
        looked_at = finding.looked_at
        requests = self._say.say(
            "label.requests" if looked_at.answered or looked_at.refused else "label.requests.unknown",
            requests=self._say.many("count.requests", looked_at.requests),
            answered=looked_at.answered,
            refused=looked_at.refused,
        )
        unknown = self._say.say("label.unknown")
        verdict = finding.verdict
        yield from self._fact("who", actor_phrase(self._say, finding.actor))
        yield from self._fact("from", self._say.shown(finding.addresses) or unknown)
        yield from self._fact("with", self._say.shown(finding.tools) or unknown)
        yield from self._fact("when", when_phrase(self._say, finding.from_, finding.until))
        yield from self._fact("looked-at", self._say.shown(looked_at.kinds) or unknown)
        yield from self._fact(None, f"{reach_phrase(self._say, looked_at)}; {requests}")
        decision = self._say.say(f"decision.{verdict.decision}")
        yield from self._fact("verdict", self._say.say("verdict.by", decision=decision, by=verdict.by, why=verdict.why))

    def _fact(self, label: str | None, text: str) -> Iterator[str]:
        title = self._say.say(f"label.{label}") if label else ""
        yield from self._wrapped(
            safe(text, limit=_SENTENCE), f"{_INDENT}{title:<{_LABEL}}", " " * (len(_INDENT) + _LABEL)
        )

    def _item(self, item: str) -> Iterator[str]:
        """Give a sentence as a bullet; a second line is a command, which stays whole so that it can be pasted."""
        sentence, *commands = item.split("\n")
        yield from self._wrapped(safe(sentence, limit=_SENTENCE), f"{_INDENT}- ", f"{_INDENT}  ")
        for command in commands:
            yield f"{_INDENT * 3}{safe(command, limit=_SENTENCE)}"

    def _chain(self, chain: Sequence[Link]) -> Iterator[str]:
        yield self._painted(self._say.say("label.chain"), _BOLD)
        for link in chain:
            time = f"{_INDENT}{self._say.shown(link.at)}  "
            yield from self._wrapped(safe(link_phrase(self._say, link), limit=_SENTENCE), time, _INDENT * 2)
            if link.text:
                yield from self._wrapped(safe(link.text), _INDENT * 2)
            origin = f"{safe(link.origin.path)}:{link.origin.line}"
            yield from self._wrapped(f"{origin}  {safe(link.recogniser)}", _INDENT * 2)

    def _sightings(self, sightings: Sequence[Sighting], most: int) -> Iterator[str]:
        shown = sightings[:most]
        title = self._say.say("label.seen")
        if len(shown) < len(sightings):
            title = self._say.many("label.seen.some", len(sightings), shown=len(shown))
        yield self._painted(title, _BOLD)
        for sighting in shown:
            time = f"{_INDENT}{self._say.shown(sighting.at)}  "
            yield from self._wrapped(safe(sighting.text), time, _INDENT * 2)
            origin = f"{safe(sighting.origin.path)}:{sighting.origin.line}"
            yield from self._wrapped(f"{origin}  {safe(sighting.recogniser)}", _INDENT * 2)

    def inputs(self, summary: Summary) -> Iterator[str]:
        """Say what was read, what was not, and what was set aside."""
        yield from self._read(summary.sources)
        if summary.unreadable:
            yield ""
            yield from self._unreadable(summary)
        if summary.set_aside:
            yield ""
            yield from self._set_aside(summary)

    def summary(self, summary: Summary, closing: str) -> Iterator[str]:
        yield "-" * self._width
        yield from self._counts(summary)
        yield ""
        yield from self.inputs(summary)
        if summary.ways:
            yield ""
            yield from self.ways(summary.ways)
        if summary.blind or summary.silences:
            yield ""
            yield self._painted(self._say.say("summary.blind"), _BOLD)
            for silence in summary.silences:
                yield from self._item(
                    self._say.say(
                        "summary.silence",
                        source=silence.source,
                        first=silence.first,
                        last=silence.last,
                        span=silence.last - silence.first,
                    )
                )
            for blind in summary.blind:
                said, fix = self._say.cannot_show(blind), self._say.fix(blind)
                files = summary.blind_files.get(blind)
                if files:
                    said += " " + self._say.many("summary.blind.some", files)
                yield from self._item(f"{said}\n{fix}" if fix else said)
        yield ""
        yield closing

    def ways(self, ways: Sequence[WayShown]) -> Iterator[str]:
        """Name the ways of looking around that are seen, those seen in part and those not seen, a line each."""
        yield self._painted(self._say.say("summary.ways"), _BOLD)
        for state in ("seen", "partly", "not"):
            names = [self._say.say(f"way.{one.way}") for one in ways if one.state == state]
            if names:
                label = f"{_INDENT}{self._say.say(f'way.state.{state}'):<{_LABEL - len(_INDENT)}}"
                yield from self._wrapped("; ".join(names), label, " " * len(label))

    def ways_explained(self, ways: Sequence[WayShown]) -> Iterator[str]:
        """Say of each way what shows it, or why nothing does and how to open it."""
        yield self._painted(self._say.say("summary.ways"), _BOLD)
        for state in ("seen", "partly", "not"):
            for one in ways:
                if one.state == state:
                    yield from self._way(one)

    def _way(self, one: WayShown) -> Iterator[str]:
        label = f"{_INDENT}{self._say.say(f'way.state.{one.state}'):<{_LABEL - len(_INDENT)}}"
        by = f"  ({safe(', '.join(one.by))})" if one.by else ""
        yield from self._wrapped(f"{self._say.say(f'way.{one.way}')}{by}", label, " " * len(label))
        if one.state == "seen":
            return
        reasons = [(self._say.cannot_show(key), self._say.fix(key)) for key in one.why]
        if not reasons:
            key = "way.only-part" if one.by else "way.no-sensor"
            reasons = [(self._say.say(key), self._say.opened(one.way))]
        for reason, opened in reasons:
            for text in (reason, opened):
                if text:
                    yield from self._wrapped(text, " " * len(label), " " * (len(label) + 2))

    def _counts(self, summary: Summary) -> Iterator[str]:
        counts = summary.findings_by_level
        total = sum(counts.values())
        text = self._say.say("summary.nothing.beyond" if summary.covered else "summary.nothing")
        if total:
            levels = [
                self._say.many(f"count.level.{level}", counts[level]) for level in LEVELS[::-1] if counts.get(level)
            ]
            text = self._say.many("summary.findings", total, levels=levels)
        for line in self._wrapped(text, ""):
            yield self._painted(line, _BOLD)
        if summary.hidden:
            yield from self._wrapped(self._say.many("summary.hidden", summary.hidden), "")
        if summary.covered:
            verdicts = self._say.many("count.verdicts", summary.verdicts)
            yield from self._wrapped(self._say.many("summary.covered", summary.covered, verdicts=verdicts), "")

    def _read(self, sources: Sequence[SourceSummary]) -> Iterator[str]:
        yield self._painted(self._say.say("summary.read"), _BOLD)
        if not sources:
            yield f"{_INDENT}{self._say.say('summary.read.nothing')}"
        column = max((len(safe(source.source)) for source in sources), default=0)
        for source in sources:
            name = f"{_INDENT}{safe(source.source):<{column}}  "
            counts = self._say.say(
                "summary.source",
                files=self._say.many("count.files", source.files),
                records=self._say.many("count.records", source.records),
                kept=source.kept,
            )
            yield from self._wrapped(counts, name, " " * len(name))
            if source.wrappers:
                said = self._say.say("summary.wrapped", wrappers=source.wrappers)
                yield from self._wrapped(said, " " * len(name))
            if source.other:
                yield from self._wrapped(self._say.many("summary.other", source.other), " " * len(name))
            if source.first and source.last:
                span = self._say.say("summary.span", first=source.first, last=source.last)
                yield from self._wrapped(span, " " * len(name))

    def _unreadable(self, summary: Summary) -> Iterator[str]:
        yield self._painted(self._say.many("summary.unreadable", summary.unreadable), _BOLD)
        for place in summary.places[:_PLACES]:
            text = f"{safe(place.path)}:{place.line}  {reason_phrase(self._say, place.reason)}"
            yield from self._wrapped(text, _INDENT, _INDENT * 2)
        if summary.unreadable > _PLACES:
            yield f"{_INDENT}{self._say.say('summary.unreadable.all')}"

    def _set_aside(self, summary: Summary) -> Iterator[str]:
        yield self._painted(self._say.say("summary.set-aside"), _BOLD)
        for aside in summary.set_aside[:_SET_ASIDE]:
            text = f"{safe(aside.path)}  {reason_phrase(self._say, aside.reason)}"
            yield from self._wrapped(text, _INDENT, _INDENT * 2)
        more = len(summary.set_aside) - _SET_ASIDE
        if more > 0:
            yield f"{_INDENT}{self._say.many('summary.set-aside.more', more)}"

    def next(self, summary: Summary, show: Finding | None) -> str:
        """Name the next useful command."""
        if show:
            return self._say.say("summary.next.show", id=show.id)
        return self._say.say("summary.next.rules" if summary.sources else "summary.next.demo")

    def _wrapped(self, text: str, first: str, rest: str | None = None) -> list[str]:
        return textwrap.wrap(
            text,
            self._width,
            initial_indent=first,
            subsequent_indent=first if rest is None else rest,
            break_on_hyphens=False,  # names and options are read and pasted whole
            drop_whitespace=True,
        ) or [first]

    def _painted(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text
