"""`tidewaiter gate learn` and `tidewaiter gate plugin`: the gate's policy, and the gate as an authorization plugin."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import cast

import click

from tidewaiter.cli import output as out
from tidewaiter.cli.errors import Exit, report
from tidewaiter.config import moment
from tidewaiter.errors import ConfigError, SourceError, TidewaiterError
from tidewaiter.gate.authz_story import Story
from tidewaiter.gate.judging import Mode
from tidewaiter.gate.keeper import keep
from tidewaiter.gate.learn import Lessons
from tidewaiter.gate.plugin_socket import listening
from tidewaiter.gate.policy import Policy, load, parse
from tidewaiter.gate.proposal import policy_diff, policy_text
from tidewaiter.gate.record_writer import RecordWriter
from tidewaiter.sinks.safe_text import safe
from tidewaiter.sources.blocks import blocks
from tidewaiter.sources.contract import Tally, Unreadable
from tidewaiter.sources.linewise import lines
from tidewaiter.sources.opening import Input, inputs
from tidewaiter.wording import LANGUAGES

_LINE = 300
_PLUGIN = "tidewaiter gate plugin"


@click.command()
@click.argument("logs", nargs=-1, required=True, metavar="LOG…")
@click.option(
    "--policy",
    "policy_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The policy in use: give what to add to it.",
)
@click.option("--since", metavar="TIME", help="Learn only from requests from then on: 2026-11-23, or 7d.")
@click.option("-o", "--output", metavar="FILE", help="Write there instead of to standard output.")
@click.option("--lang", type=click.Choice(LANGUAGES), help="Language of the comments.")
def learn(
    *, logs: Sequence[str], policy_path: Path | None, since: str | None, output: str | None, lang: str | None
) -> int:
    """Give the policy that allows what the gate has seen, and nothing else.

    LOGS are records of the gate or of an authorization plugin. With --policy the result is a difference that `patch`
    takes. Denied requests and callers of whom nothing is known teach nothing. Read it before you use it.

    Example: tidewaiter gate learn /var/log/tidewaiter/gate.jsonl --since 14d
    """
    begin = moment(since, datetime.now(UTC), where="--since") if since else None
    text = _text(policy_path) if policy_path else None
    current = parse(text, where=str(policy_path)) if text is not None else None
    lessons = Lessons(current=current, since=begin)
    unread = _learn_from(lessons, logs)
    lessons.finish()
    words = out.wording(lang)
    if current is None:
        out.write(output, [policy_text(lessons, words)])
    else:
        out.write(output, [policy_diff(lessons, current, text or "", str(policy_path), words)])
    for place in unread[:10]:
        click.echo(f"{safe(place.path)}:{place.line}: {safe(place.reason)}", err=True)
    if unread:
        click.echo(f"{len(unread)} lines or files could not be read", err=True)
    return int(Exit.INCOMPLETE if unread else Exit.FINISHED)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(f"the policy cannot be read: {problem}", where=str(path), hint="name another") from problem


def _learn_from(lessons: Lessons, logs: Sequence[str]) -> list[Unreadable]:
    unread: list[Unreadable] = []
    for item in inputs(logs, report=unread.append):
        tally = Tally(item.path)
        _learn_from_one(lessons, item, tally)
        unread += tally.places
    return unread


def _learn_from_one(lessons: Lessons, item: Input, tally: Tally) -> None:
    try:
        stream = item.open()
    except (OSError, SourceError) as problem:
        tally.cannot_read(line=0, offset=0, reason=str(getattr(problem, "what", problem)))
        return
    with closing(stream):
        for block in blocks(stream, tally=tally):
            for raw, line, offset in lines(block):
                if not lessons.take(raw):
                    tally.cannot_read(line=line, offset=offset, reason="no record of the gate", raw=raw)


@click.command()
@click.option(
    "--socket",
    "path",
    type=click.Path(path_type=Path),
    default=Path("/run/docker/plugins/tidewaiter.sock"),
    show_default=True,
    help="Where dockerd looks for the plugin; its name is the file's.",
)
@click.option(
    "--log", "log_path", type=click.Path(path_type=Path), required=True, help="Append the records to this file."
)
@click.option(
    "--mode",
    type=click.Choice(("observe", "warn", "enforce")),
    default="observe",
    show_default=True,
    help="observe: allow and record; warn: also record what the policy would refuse; enforce: refuse it.",
)
@click.option("--policy", "policy_path", type=click.Path(path_type=Path), help="Who may use which routes.")
def plugin(*, path: Path, log_path: Path, mode: str, policy_path: Path | None) -> int:
    """Serve as an authorization plugin of Docker: record every request, and refuse what a policy does not allow.

    dockerd refuses EVERY request while a plugin it was told to use does not answer, in observe mode too. Over the
    Unix socket it names no caller; the gate's own socket does. SIGHUP reads the policy again and opens the file of
    records again.

    Example: tidewaiter gate plugin --log /var/log/tidewaiter/plugin.jsonl
    """
    if mode != "observe" and policy_path is None:
        raise ConfigError(f"{mode} needs a policy", where=_PLUGIN, hint="--policy FILE; gate learn writes one")
    try:
        from tidewaiter.gate import authz_plugin  # noqa: F401, PLC0415 - needs h11, which only the service installs
    except ImportError as problem:
        what = f"the plugin needs {problem.name}, which is not installed"
        raise ConfigError(what, where=_PLUGIN, hint="pip install 'tidewaiter[service]'") from problem
    policy = partial(load, policy_path) if policy_path else None
    if policy:
        policy()  # a mistake in it is said before Docker is kept waiting
    # The parent holds the socket and does nothing else: should the child be killed, calls wait for the next one.
    with listening(path, os.environ) as listener:
        return keep(partial(_work, listener, path, log_path, cast("Mode", mode), policy), _complain)


def _work(listener: socket.socket, path: Path, log_path: Path, mode: Mode, policy: Callable[[], Policy] | None) -> int:
    """Serve in this process until it is told to stop."""
    try:
        writer = RecordWriter(log_path, complain=_complain)
        try:
            asyncio.run(_serve(listener, path, mode, policy, writer))
        finally:
            writer.stop()
    except (TidewaiterError, OSError) as problem:
        return int(report(problem))
    return int(Exit.FINISHED)


async def _serve(
    listener: socket.socket, path: Path, mode: Mode, policy: Callable[[], Policy] | None, writer: RecordWriter
) -> None:
    from tidewaiter.gate.authz_plugin import Plugin, serve  # noqa: PLC0415

    prefix, numbers = secrets.token_hex(6), count(1)
    story = Story(mode=mode, host=socket.gethostname(), name=lambda: f"{prefix}-{next(numbers)}")
    served = Plugin(mode=mode, policy=policy() if policy else None, story=story, put=writer.put, complain=_complain)

    def again() -> None:
        writer.reopen()
        if policy is None:
            return
        try:
            served.policy = policy()
        except ConfigError as problem:
            _complain(f"the policy of before stays in force\n{problem}")

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, again)
    name = path.name.removesuffix(".sock")
    _complain(f'listens at {path}; in daemon.json "authorization-plugins": ["{name}"], then SIGHUP to dockerd')
    await serve(listener, served, stop)


def _complain(text: str) -> None:
    for line in text.splitlines():
        click.echo(f"{_PLUGIN}: {safe(line, limit=_LINE)}", err=True)
