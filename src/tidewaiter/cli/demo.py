"""`tidewaiter demo`: a recorded intrusion, explained."""

from __future__ import annotations

from importlib.resources import as_file, files

import click

from tidewaiter.cli import output as out
from tidewaiter.cli.summarise import summary
from tidewaiter.pipeline import scan
from tidewaiter.recognise.pack import packaged
from tidewaiter.sinks import text
from tidewaiter.sources.catalogue import sources
from tidewaiter.store import Store
from tidewaiter.wording import LANGUAGES

_RECORDING = "cluster.jsonl.gz"


@click.command()
@click.option("--lang", type=click.Choice(LANGUAGES), help="Language of the words.")
def demo(*, lang: str | None) -> None:
    """Explain a recorded intrusion: eight days of a cluster, in which some of the last visitors only look around."""
    words = out.wording(lang)
    with as_file(files("tidewaiter").joinpath("packs", "demo", _RECORDING)) as recording, Store() as store:
        report = scan([str(recording)], store=store, pack=packaged(), wording=words, persona="quiet")
    told = summary(report, planes={source.name: source.plane for source in sources()})
    closing = words.say("demo.next")
    colour = out.colour(None)
    pieces = text.render(report.findings, told, width=out.width(), colour=colour, wording=words, closing=closing)
    out.write(None, pieces)
