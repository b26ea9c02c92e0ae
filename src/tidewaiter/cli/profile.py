"""`tidewaiter profile`: what is ordinary for an actor, as the state folder knows it."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from tidewaiter.baseline import measure
from tidewaiter.baseline.describe import near, profiles
from tidewaiter.cli import output as out
from tidewaiter.errors import ConfigError, StoreError
from tidewaiter.sinks.profile import render
from tidewaiter.store import Store
from tidewaiter.wording import LANGUAGES


@click.command()
@click.argument("actor", metavar="ACTOR")
@click.option("--state", type=click.Path(path_type=Path), required=True, help="The state folder of the scans.")
@click.option(
    "--format",
    "form",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="text: for people; json: one line for each plane.",
)
@click.option("--lang", type=click.Choice(LANGUAGES), help="Language of the words. Default: that of the environment.")
def profile(*, actor: str, state: Path, form: str, lang: str | None) -> None:
    """Say what is ordinary for an actor: what it reads, since when, how often, and what would be new.

    Example: tidewaiter profile shop/web --state ~/.tidewaiter
    """
    if not state.is_dir():
        raise StoreError(
            "there is no state", where=str(state), hint="tidewaiter scan … --state DIR makes one, and --learn fills it"
        )
    with Store(state) as store:
        measure.profile(store)
        found = profiles(store, actor)
        like_it = () if found else near(store, actor)
    if not found:
        raise ConfigError(
            f"nobody called {actor!r} looked around",
            where=str(state),
            hint="known: " + ", ".join(like_it) if like_it else "this state knows nobody",
        )
    if form == "json":
        out.write(None, (msgspec.json.encode(one) + b"\n" for one in found))
        return
    words = out.wording(lang)
    out.write(None, ["\n".join(render(one, width=out.width(), wording=words) for one in found)])
