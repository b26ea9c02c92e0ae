"""The command line: the only place that reads arguments and the environment, and writes to the screen."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from tidewaiter import __version__
from tidewaiter.cli.demo import demo
from tidewaiter.cli.disclose import disclose
from tidewaiter.cli.errors import report
from tidewaiter.cli.gate import gate
from tidewaiter.cli.output import let_go
from tidewaiter.cli.profile import profile
from tidewaiter.cli.rules import rules
from tidewaiter.cli.scan import scan
from tidewaiter.cli.serve import config, serve
from tidewaiter.cli.show import show
from tidewaiter.cli.sinks import sinks
from tidewaiter.cli.sources import sources
from tidewaiter.cli.verdict import verdict

_EPILOG = """\b
Examples:
  tidewaiter scan /var/log/kubernetes/audit.log
  tidewaiter scan logs/ --state ~/.tidewaiter --learn last-month/
  journalctl -u docker -o json | tidewaiter scan - --format jsonl
  tidewaiter disclose /var/log/pods
  tidewaiter demo

\b
Exit status: 0 finished, 10 finished and something is at or above --fail-on,
3 finished but part of the input could not be read, 2 wrong usage, 1 could not finish."""


class _App(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; click itself would end with 1 when the reader of the output went away."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            let_go()


_SETTINGS = {"help_option_names": ["-h", "--help"]}


@click.group(cls=_App, epilog=_EPILOG, context_settings=_SETTINGS)
@click.version_option(__version__, prog_name="tidewaiter")
@click.option("--debug", is_flag=True, help="Show a traceback with an error.")
def app(*, debug: bool) -> None:
    """Tell who looked around in containers: MITRE ATT&CK T1613, in Kubernetes, Docker, host and web logs."""


_COMMANDS = (scan, show, profile, verdict, sources, disclose, rules, serve, config, sinks, gate, demo)
for command in _COMMANDS:
    app.add_command(command)
for command in (*_COMMANDS, *(part for group in (rules, verdict, sinks, gate) for part in group.commands.values())):
    # Set on each: click remembers the help option of a command from the first time, with or without its group.
    command.context_settings = {**command.context_settings, **_SETTINGS}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = app.main(args=words, prog_name="tidewaiter", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        let_go()
        status = 0
    except (Exception, KeyboardInterrupt) as problem:  # noqa: BLE001 - the edge: everything ends as error/where/hint
        status = report(problem, debug="--debug" in words)
    raise SystemExit(int(status or 0))
