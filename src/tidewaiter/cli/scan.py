"""`tidewaiter scan`: read logs, say who looked around."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import click

from tidewaiter.cli import output as out
from tidewaiter.cli.errors import finished
from tidewaiter.cli.own_rules import asked_lines, own_lines, own_rules
from tidewaiter.cli.progress import Progress, wants_progress
from tidewaiter.cli.summarise import summary
from tidewaiter.config import environment, moment
from tidewaiter.findings.judge import Persona, at_least
from tidewaiter.keeping import keep, load_verdicts
from tidewaiter.model import LEVELS, Level
from tidewaiter.pipeline import Report
from tidewaiter.pipeline import scan as run
from tidewaiter.recognise.pack import Pack, packaged, with_own
from tidewaiter.sinks import jsonl, text
from tidewaiter.sinks.renderings import render_lines
from tidewaiter.sinks.safe_text import safe
from tidewaiter.sinks.summary import Summary
from tidewaiter.sources.catalogue import sources
from tidewaiter.sources.contract import Tally
from tidewaiter.sources.opening import Input
from tidewaiter.store import Store
from tidewaiter.wording import LANGUAGES, Wording
from tidewaiter.wording.phrases import reason_phrase

FORMATS = ("text", "json", "jsonl", "ocsf")
_LINES = {"jsonl", "ocsf"}  # one finding a line, and nothing else in the result
_EXAMPLES = """\b
Examples:
  tidewaiter scan /var/log/audit/audit.log /var/log/kubernetes/
  tidewaiter scan today.jsonl --learn last-week/ --fail-on high
  zcat audit.log.*.gz | tidewaiter scan - --format jsonl -o findings.jsonl"""


@click.command(epilog=_EXAMPLES)
@click.argument("paths", nargs=-1, required=True)
@click.option("--state", type=click.Path(file_okay=False, path_type=Path), help="Keep what was learnt in this folder.")
@click.option("--learn", multiple=True, metavar="PATH", help="Old logs that only teach what is ordinary. Repeatable.")
@click.option(
    "--rules",
    "rule_paths",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="Your own Sigma rules: a file, or a folder of which those that apply are taken. Repeatable.",
)
@click.option("--since", metavar="TIME", help="Only findings from then on; earlier records still teach.")
@click.option("--until", metavar="TIME", help="Only findings up to then.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="text: for people; json: one document; jsonl: one finding a line; ocsf: the same as OCSF 1.8 events.",
)
@click.option("-o", "--output", metavar="FILE", help="Write the result there instead of standard output.")
@click.option("--fail-on", type=click.Choice(LEVELS), help="Exit with 10 when a finding is at or above this level.")
@click.option(
    "--persona",
    type=click.Choice(("quiet", "regular", "hunter")),
    default="regular",
    show_default=True,
    help="quiet: medium and above; regular: low and above; hunter: everything.",
)
@click.option("--lang", type=click.Choice(LANGUAGES), help="Language of the words. Default: that of the environment.")
@click.option("--unreadable", is_flag=True, help="Show every place that could not be read, on standard error.")
@click.option("--progress/--no-progress", default=True, help="Progress on a terminal.")
def scan(
    *,
    paths: Sequence[str],
    state: Path | None,
    learn: Sequence[str],
    rule_paths: Sequence[Path],
    since: str | None,
    until: str | None,
    form: str,
    output: str | None,
    fail_on: Level | None,
    persona: str,
    lang: str | None,
    unreadable: bool,
    progress: bool,
) -> int:
    """Read logs and say who looked around, how unusual that is, and what to ask next.

    PATHS are files, folders or - (standard input); gz, zst, bz2, xz and zip are unpacked; formats are recognised by
    content.
    """
    now = datetime.now(UTC)
    begin, end = _moment(since, now, "--since"), _moment(until, now, "--until")
    words = out.wording(lang)
    pack, broken = _with_own(rule_paths, words) if rule_paths else (packaged(), False)
    shown = wants_progress(terminal=sys.stderr.isatty(), environment=os.environ, asked=progress)
    with Progress(sys.stderr, words, enabled=shown) as bar, Store(state) as store:
        report = run(
            paths,
            store=store,
            pack=pack,
            wording=words,
            learn=learn,
            persona=cast("Persona", persona),
            since=begin,
            until=end,
            progress=_shower(bar) if shown else None,
            native=environment(os.environ).native,
            rulings=load_verdicts(state) if state else (),
            now=now,
        )
    _keep(state, report)
    told = summary(report, planes={source.name: source.plane for source in sources()})
    _write(report, told, form=form, output=output, words=words)
    if unreadable:
        _tell_unreadable(told, words)
    worst = fail_on is not None and any(at_least(found.level, fail_on) for found in report.findings)
    for line in asked_lines(pack, words):
        click.echo(line, err=True)
    return int(finished(found=worst, incomplete=report.incomplete or broken))


def _moment(text: str | None, now: datetime, where: str) -> datetime | None:
    return moment(text, now, where=where) if text else None


def _keep(state: Path | None, report: Report) -> None:
    """Keep what was found, also what verdicts hide: it can still be looked at."""
    if state:
        keep(state, [*report.findings, *report.covered])


def _with_own(paths: Sequence[Path], words: Wording) -> tuple[Pack, bool]:
    """Add the user's own rules, and say which apply; also whether some of them are not valid."""
    pack = packaged()
    own = own_rules(paths, pack)
    for line in own_lines(own, words):
        click.echo(line, err=True)
    return with_own(pack, own), bool(own.faults)


def _write(report: Report, told: Summary, *, form: str, output: str | None, words: Wording) -> None:
    if form in _LINES:
        out.write(output, (line + b"\n" for line in render_lines(form, report.findings, wording=words)))
    elif form == "json":
        out.write(output, jsonl.report(report.findings, told))
    else:
        out.write(
            output, text.render(report.findings, told, width=out.width(), colour=out.colour(output), wording=words)
        )
    if form in _LINES or output not in {None, "-"}:
        # The result went elsewhere: what was read is said all the same.
        for piece in text.render((), told, width=out.width(), colour=False, wording=words):
            click.echo(piece, err=True, nl=False)


def _tell_unreadable(told: Summary, words: Wording) -> None:
    for place in told.places:
        sample = safe(place.sample.decode("utf-8", "backslashreplace"))
        click.echo(f"{safe(place.path)}:{place.line}: {safe(reason_phrase(words, place.reason))}: {sample}", err=True)


def _shower(bar: Progress) -> Callable[[Tally, Input, int], None]:
    done: dict[str, tuple[int, int]] = {}

    def show(tally: Tally, item: Input, offset: int) -> None:
        done[item.path] = (offset, tally.records)
        bar.update(read=sum(size for size, _ in done.values()), records=sum(count for _, count in done.values()))

    return show
