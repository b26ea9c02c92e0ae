"""`tidewaiter sources`: which formats there are, and what a set of inputs can and cannot show."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import click
import msgspec

from tidewaiter.cli import output as out
from tidewaiter.cli.errors import finished
from tidewaiter.cli.summarise import summary
from tidewaiter.config import environment
from tidewaiter.errors import ConfigError
from tidewaiter.pipeline import Report, survey
from tidewaiter.sinks import jsonl, text
from tidewaiter.sources.catalogue import sources as known
from tidewaiter.sources.envelope.layers import wrappers
from tidewaiter.wording import LANGUAGES, Wording


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """One format that can be read, as `--list --format json` gives it."""

    name: str
    plane: str
    title: str
    blind_to: tuple[str, ...]


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH…")
@click.option("--list", "listed", is_flag=True, help="List the formats and the wrappers that can be read.")
@click.option(
    "--format",
    "form",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="text: for people; json: one object.",
)
@click.option("--lang", type=click.Choice(LANGUAGES), help="Language of the words. Default: that of the environment.")
def sources(*, paths: Sequence[str], listed: bool, form: str, lang: str | None) -> int:
    """Say what logs can and cannot show: which ways of looking around, why not, and how to open them.

    Example: tidewaiter sources /var/log/kubernetes /var/log/audit
    """
    if listed == bool(paths):
        raise ConfigError(
            "nothing to look at" if not listed else "--list takes no PATH",
            where="tidewaiter sources",
            hint="tidewaiter sources PATH… says what logs can show; tidewaiter sources --list names the formats",
        )
    words = out.wording(lang)
    if listed:
        out.write(None, [_list_json()] if form == "json" else _list_text(words))
        return 0
    read, problems = survey(paths, native=environment(os.environ).native)
    report = Report(findings=(), levels={}, hidden=0, read=tuple(read), problems=tuple(problems))
    told = summary(report, planes={source.name: source.plane for source in known()})
    if form == "json":
        out.write(None, [jsonl.encoded(told) + b"\n"])
    else:
        out.write(None, [text.render_inputs(told, width=out.width(), colour=out.colour(None), wording=words)])
    return int(finished(found=False, incomplete=report.incomplete))


def _formats() -> Iterator[Format]:
    for source in sorted(known(), key=lambda one: (one.plane, one.name)):
        yield Format(name=source.name, plane=source.plane, title=source.title, blind_to=source.blind_to)


def _list_json() -> bytes:
    named = {"formats": list(_formats()), "wrappers": [{"name": one.name, "title": one.title} for one in wrappers()]}
    return jsonl.encoded(named) + b"\n"


def _list_text(words: Wording) -> Iterator[str]:
    rows = [(one.name, one.plane, one.title) for one in _formats()]
    yield from _table([("NAME", "PLANE", "FORMAT"), *rows])
    yield f"\n{words.say('sources.wrappers')}\n"
    yield from _table([(one.name, one.title) for one in wrappers()])


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]) - 1)]
    for row in rows:
        yield "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) + "\n"
