"""`tidewaiter show`: all that is known about one finding."""

from __future__ import annotations

from pathlib import Path

import click

from tidewaiter.cli import output as out
from tidewaiter.errors import ConfigError
from tidewaiter.keeping import choose, load
from tidewaiter.sinks import jsonl, text
from tidewaiter.wording import LANGUAGES


@click.command()
@click.argument("identity", metavar="ID")
@click.option("--state", type=click.Path(path_type=Path), help="The state folder of the scan.")
@click.option("--from", "file", type=click.Path(path_type=Path), help="A file written by scan --format jsonl.")
@click.option(
    "--format",
    "form",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="text: for people; json: one line.",
)
@click.option("--lang", type=click.Choice(LANGUAGES), help="Language of the labels.")
def show(*, identity: str, state: Path | None, file: Path | None, form: str, lang: str | None) -> None:
    """Show one finding with everything that was seen.

    Example: tidewaiter show F-3f9a01c2d4e5 --state ~/.tidewaiter
    """
    place = file or state
    if place is None:
        raise ConfigError(
            "a scan without --state leaves nothing behind to show",
            where=f"show {identity}",
            hint=f"tidewaiter scan … --state DIR, then show {identity} --state DIR; or --from FINDINGS.jsonl",
        )
    found = choose(load(place), identity, what="finding", where=str(place))
    if form == "json":
        out.write(None, jsonl.lines([found]))
        return
    words = out.wording(lang)
    page = text.render_finding(found, width=out.width(), colour=out.colour(None), wording=words, all_sightings=True)
    out.write(None, [page])
