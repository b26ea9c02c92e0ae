"""`tidewaiter sinks`: where findings go, whether that works, and what could not be delivered."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tidewaiter.cli import output as out
from tidewaiter.cli.errors import Exit
from tidewaiter.errors import ConfigError
from tidewaiter.settings import Settings, load
from tidewaiter.settings.delivery import (
    FileSink,
    HttpSink,
    KafkaSink,
    OtlpSink,
    PeopleSink,
    Sink,
    StdoutSink,
    SyslogSink,
)
from tidewaiter.sinks.safe_text import safe
from tidewaiter.wording import LANGUAGES, Wording

if TYPE_CHECKING:  # the other commands start faster without it
    from tidewaiter.delivery.accounts import SinkAccount
    from tidewaiter.delivery.parcel import Outcome

_EXAMPLES = """\b
Examples:
  tidewaiter sinks test siem
  tidewaiter sinks list
  tidewaiter sinks dead --retry"""
_FILE = "/etc/tidewaiter/tidewaiter.toml"
_OUTBOX = "outbox.sqlite"
_LINE = 500  # characters
_HELD = {"route": "held.route", "verdict": "held.verdict", "rate": "held.rate"}

_config = click.option(
    "--config",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_FILE,
    show_default=True,
    help="The configuration of the service.",
)
_lang = click.option("--lang", type=click.Choice(LANGUAGES), help="Language of the words.")
_name = click.argument("name", metavar="[NAME]", required=False)


@click.group(epilog=_EXAMPLES)
def sinks() -> None:
    """Say where findings go, try it out, and deal with what could not be delivered."""


@sinks.command("test")
@_name
@_config
@_lang
def test(*, name: str | None, path: Path, lang: str | None) -> int:
    """Send a finding of level info to one sink, or to all, and say whether it was taken.

    It goes past the routes and the outbox, and says of itself that it is a test. Exit status 1: it was not taken.
    """
    settings, words = load(path), out.wording(lang)
    failed = False
    for sink in _chosen(settings, name, path):
        outcome = _tried(sink, words)
        key, said = ("sink.taken", "") if outcome.delivered else ("sink.not-taken", _why(outcome))
        failed = failed or not outcome.delivered
        click.echo(safe(words.say(key, sink=sink.name, destination=destination(sink), reason=said), limit=_LINE))
        if outcome.delivered and isinstance(sink, SyslogSink):
            click.echo(words.say("sink.unconfirmed"))
    return int(Exit.CANNOT_FINISH if failed else Exit.FINISHED)


def _tried(sink: Sink, words: Wording) -> Outcome:
    from tidewaiter.delivery.fingerprint import fingerprint  # noqa: PLC0415 - see above
    from tidewaiter.delivery.notice import trial  # noqa: PLC0415
    from tidewaiter.delivery.opening import Surroundings, opened  # noqa: PLC0415
    from tidewaiter.delivery.parcel import Parcel  # noqa: PLC0415

    now = time.time()
    document = trial(sink.name, now=now, wording=words)
    key = fingerprint(document)
    around = Surroundings(environment=os.environ, wording=words, host=socket.gethostname())
    transport = opened(sink, around)
    try:
        return transport.send(
            [
                Parcel(
                    number=0,
                    finding=document["id"],
                    fingerprint=key,
                    document=document,
                    attempts=0,
                    offered=now,
                    since=now,
                )
            ]
        )
    finally:
        transport.close()


def _why(outcome: Outcome) -> str:
    return outcome.reason or "; ".join(reason for _, reason in outcome.refused)


@sinks.command("list")
@_config
@_lang
def list_(*, path: Path, lang: str | None) -> None:
    """List the sinks with what was delivered, what waits and why. Works while the service runs."""
    from tidewaiter.delivery.accounts import SinkAccount, account_of  # noqa: PLC0415 - see above

    settings, words = load(path), out.wording(lang)
    outbox = Path(settings.state) / _OUTBOX
    if not outbox.exists():  # the service has not run yet
        for sink in settings.sink:
            click.echo(_line(words, SinkAccount(name=sink.name), destination(sink)))
    else:
        found = account_of(outbox, [sink.name for sink in settings.sink])
        known = {sink.name: destination(sink) for sink in settings.sink}
        for account in found.sinks:
            click.echo(_line(words, account, known.get(account.name, words.say("sink.unknown"))))
            if account.oldest is not None:
                span = timedelta(seconds=max(int(time.time() - account.oldest), 0))
                key = "sink.waits.because" if account.reason else "sink.waits"
                click.echo(safe(words.say(key, span=span, reason=account.reason), limit=_LINE))
        if sum(found.suppressed.values()):
            click.echo(words.many("held", sum(found.suppressed.values())))
            for reason, n in found.suppressed.items():
                if n:
                    click.echo(f"  {words.many(_HELD[reason], n)}")
    if not settings.sink:
        click.echo(words.say("sink.none"))


def _line(words: Wording, account: SinkAccount, where: str) -> str:
    return safe(
        words.say(
            "sink.line",
            sink=account.name,
            delivered=account.delivered,
            pending=account.pending,
            dead=account.dead,
            destination=where,
        ),
        limit=_LINE,
    )


@sinks.command("dead")
@_name
@click.option("--retry", is_flag=True, help="Send them again.")
@_config
@_lang
def dead(*, name: str | None, retry: bool, path: Path, lang: str | None) -> None:
    """List what a sink refused, or could not be given for too long, with the reason."""
    from tidewaiter.delivery.accounts import dead_letters_of  # noqa: PLC0415 - see above
    from tidewaiter.delivery.outbox import Outbox  # noqa: PLC0415

    settings, words = load(path), out.wording(lang)
    outbox = Path(settings.state) / _OUTBOX
    letters = dead_letters_of(outbox, name)
    if retry:
        opened_outbox = Outbox(outbox)
        try:
            number = opened_outbox.retry(name, now=time.time())
        finally:
            opened_outbox.close()
        click.echo(words.many("sink.retried", number))
        return
    for letter in letters:
        headline = words.say("sink.dead", sink=letter.sink, id=letter.finding, headline=letter.headline)
        since = datetime.fromtimestamp(letter.since, UTC)
        click.echo(safe(headline, limit=_LINE))
        click.echo(safe(words.many("sink.dead.why", letter.attempts, since=since, reason=letter.reason), limit=_LINE))
    click.echo(words.many("sink.dead.count", len(letters)))
    if letters:
        click.echo(words.say("sink.dead.next"))


def _chosen(settings: Settings, name: str | None, path: Path) -> Sequence[Sink]:
    """Give the sink of this name, or all. Raises ConfigError."""
    found = [sink for sink in settings.sink if name in {None, sink.name}]
    if not found:
        names = ", ".join(sink.name for sink in settings.sink) or "none"
        raise ConfigError(
            f"there is no sink {name!r}" if name else "there is no sink",
            where=str(path),
            hint=f"sinks of this configuration: {names}",
        )
    return found


def destination(sink: Sink) -> str:
    """Say where a sink leads, without anything secret."""
    match sink:
        case FileSink():
            return sink.path
        case StdoutSink():
            return "stdout"
        case HttpSink() | OtlpSink():
            return sink.url.partition("?")[0]  # some services take their token there
        case SyslogSink():
            return f"{sink.protocol}://{sink.host}:{sink.port}"
        case KafkaSink():
            return f"kafka {sink.brokers}, {sink.topic}"
        case PeopleSink():
            return "people"
