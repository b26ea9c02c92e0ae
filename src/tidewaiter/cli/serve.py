"""`tidewaiter serve` and `tidewaiter config`: the service, and what can be configured."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import click

from tidewaiter.cli import output as out
from tidewaiter.cli.own_rules import own_lines, own_rules
from tidewaiter.config import environment
from tidewaiter.errors import ConfigError, RuleError
from tidewaiter.recognise.pack import Pack, packaged, with_own
from tidewaiter.settings import Settings, load
from tidewaiter.sinks.safe_text import safe
from tidewaiter.wording import Wording

_FILE = "/etc/tidewaiter/tidewaiter.toml"
_HINT = "pip install 'tidewaiter[service]'"


class _Plain(logging.Formatter):
    """One harmless line for each line of a message: what attackers wrote reaches no terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(safe(line) for line in super().format(record).split("\n"))


@click.command()
@click.option(
    "--config",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_FILE,
    show_default=True,
    help="The configuration. `tidewaiter config` explains it.",
)
@click.option("--check", is_flag=True, help="Say whether the configuration can work, and do nothing.")
def serve(*, path: Path, check: bool) -> None:
    """Watch: take records in over HTTP, from files, syslog or Kafka, judge them at once, and deliver what is found.

    SIGHUP reads the configuration again; SIGTERM ends. Needs no privileges but reading what it is to read.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    logging.getLogger().handlers[0].setFormatter(_Plain("%(levelname)s %(name)s: %(message)s"))
    for chatty in ("httpx", "httpcore", "granian", "_granian"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        from tidewaiter.service.checking import check as said_of  # noqa: PLC0415 - needs what only the service installs
        from tidewaiter.service.serve import Service  # noqa: PLC0415
    except ImportError as problem:
        what = f"the service needs {problem.name}, which is not installed"
        raise ConfigError(what, where="tidewaiter serve", hint=_HINT) from problem
    if check:
        settings = load(path)
        _pack(settings)
        for line in said_of(settings, os.environ):
            click.echo(line)
        return
    native = environment(os.environ).native
    Service(lambda: load(path), environment=os.environ, pack=_pack, native=native).run()


def _pack(settings: Settings) -> Pack:
    """Load the rules, with the user's own. Raises RuleError when one of them is not valid."""
    pack = packaged()
    if not settings.rules:
        return pack
    own = own_rules([Path(rule) for rule in settings.rules], pack)
    words = Wording(settings.language)
    if own.faults:
        raise RuleError("\n".join(own_lines(own, words)), where="rules", hint="tidewaiter rules check PATH")
    return with_own(pack, own)


@click.command()
def config() -> None:
    """Print a configuration of the service that explains every key.

    Example: tidewaiter config > /etc/tidewaiter/tidewaiter.toml
    """
    from tidewaiter.settings.explain import explained  # noqa: PLC0415 - nothing else needs it

    out.write(None, [explained()])
