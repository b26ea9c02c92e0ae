"""`tidewaiter gate`: stands between callers and dockerd, and writes down who asked for what."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from tidewaiter.cli.errors import report
from tidewaiter.cli.gate_learn import learn, plugin
from tidewaiter.errors import ConfigError, TidewaiterError
from tidewaiter.settings.gate import Gate as Settings
from tidewaiter.sinks.safe_text import safe

if TYPE_CHECKING:
    from tidewaiter.gate.listening import Listener
    from tidewaiter.gate.serving import Plan

_WHERE = "tidewaiter gate"
_HINT = "docs/how-to/docker-gate.md shows how to put the gate in front of dockerd"


@click.group(invoke_without_command=True)
@click.option("--listen", multiple=True, metavar="unix://PATH", help="Where callers connect; may be given again.")
@click.option(
    "--docker",
    metavar="unix://PATH",
    default=Settings().docker,
    show_default=True,
    help="Where dockerd listens, for nobody but root.",
)
@click.option("--log", metavar="FILE", default=Settings().log, show_default=True, help="Where records go: JSON lines.")
@click.option(
    "--mode",
    type=click.Choice(("observe", "warn", "enforce")),
    default="observe",
    show_default=True,
    help="observe: record; warn: say also what the policy would refuse; enforce: refuse it.",
)
@click.option("--policy", metavar="FILE", help="Who may use which routes; for warn and enforce.")
@click.option("--group", metavar="NAME", help="Group that may use the socket. Default: docker, where there is one.")
@click.option("--tls", metavar="tcp://HOST:PORT", help="Listen with TLS too; every client has to show a certificate.")
@click.option("--tls-cert", metavar="FILE", help="The gate's certificate with its chain, PEM.")
@click.option("--tls-key", metavar="FILE", help="Its key, PEM.")
@click.option("--client-ca", metavar="FILE", help="Who signs the certificates of clients, PEM.")
@click.pass_context
def gate(ctx: click.Context, /, **options: Any) -> int:
    """Stand between callers and dockerd: pass everything on, and write down who asked for what.

    Listens where --listen and --tls say, and on the sockets that systemd hands over. SIGHUP begins a new log and reads
    the policy again.

    Example: tidewaiter gate --listen unix:///run/docker.sock --docker unix:///run/tidewaiter/dockerd.sock
    """
    if ctx.invoked_subcommand is not None:
        return 0
    settings = _settings(**options)
    try:
        from tidewaiter.gate.keeper import keep  # noqa: PLC0415 - needs what only the service installs
        from tidewaiter.gate.serving import raise_limit  # noqa: PLC0415
    except ImportError as problem:
        what = f"the gate needs {problem.name}, which is not installed"
        raise ConfigError(what, where=_WHERE, hint="pip install 'tidewaiter[service]'") from problem
    raise_limit()
    plan = _plan(settings, listeners=_listeners(settings))
    return keep(partial(_serve, plan, Path(settings.log)), _complain)


gate.add_command(learn)
gate.add_command(plugin)


def _settings(**given: Any) -> Settings:
    """Put the command line into the form of the configuration. Raises ConfigError."""
    words = {"listen": "tls", "cert": "tls_cert", "key": "tls_key", "client_ca": "client_ca"}
    named = {field: given.pop(word) for field, word in words.items()}
    files = {field: value for field, value in named.items() if field != "listen" and value}
    if (named["listen"] or files) and len(files) < len(named) - 1:
        raise ConfigError("TLS needs all three files", where=_WHERE, hint="--tls-cert, --tls-key and --client-ca")
    try:
        return msgspec.convert({**given, "tls": named if files else None}, Settings)
    except msgspec.ValidationError as problem:
        raise ConfigError(str(problem), where=_WHERE, hint="tidewaiter gate --help") from problem


def _listeners(settings: Settings) -> tuple[Listener, ...]:
    from tidewaiter.gate.listening import (  # noqa: PLC0415
        from_systemd,
        listen_tcp,
        listen_unix,
        tcp_address,
        unix_path,
    )

    found = list(from_systemd(os.environ, os.getpid()))
    paths = [unix_path(one, where="--listen") for one in settings.listen]
    if unix_path(settings.docker, where="--docker") in paths:
        raise ConfigError("the gate cannot stand in front of itself", where="--listen and --docker", hint=_HINT)
    address = tcp_address(settings.tls.listen, where="--tls") if settings.tls and settings.tls.listen else None
    found += [listen_unix(path, group=settings.group) for path in paths]
    if address:
        found.append(listen_tcp(*address))
    if not found:
        raise ConfigError("nowhere to listen", where=_WHERE, hint=f"--listen unix:///run/docker.sock; {_HINT}")
    if settings.tls is None and any(one.name.startswith("tls:") for one in found):
        raise ConfigError("a TCP socket needs TLS", where=_WHERE, hint="--tls-cert, --tls-key and --client-ca")
    return tuple(found)


def _plan(settings: Settings, listeners: tuple[Listener, ...]) -> Plan:
    from tidewaiter.gate.listening import unix_path  # noqa: PLC0415
    from tidewaiter.gate.policy import load  # noqa: PLC0415
    from tidewaiter.gate.serving import Plan  # noqa: PLC0415
    from tidewaiter.gate.tls import server_context  # noqa: PLC0415

    tls = settings.tls
    plan = Plan(
        docker=unix_path(settings.docker, where="--docker"),
        mode=settings.mode,
        policy=partial(load, Path(settings.policy)) if settings.policy else None,
        listeners=listeners,
        tls=server_context(Path(tls.cert), Path(tls.key), Path(tls.client_ca)) if tls else None,
    )
    if plan.policy:
        plan.policy()  # a mistake in it is said before anybody is kept waiting
    return plan


def _serve(plan: Plan, log: Path) -> int:
    """Serve in this process until it is told to stop."""
    import asyncio  # noqa: PLC0415

    from tidewaiter.gate.listening import tell_systemd  # noqa: PLC0415
    from tidewaiter.gate.record_writer import RecordWriter  # noqa: PLC0415
    from tidewaiter.gate.serving import Gate  # noqa: PLC0415

    async def serve() -> None:
        writer = RecordWriter(log, complain=_complain)
        running = Gate(plan, writer, _complain)
        running.on_signals(asyncio.get_running_loop())
        await running.run(ready)
        writer.stop()

    def ready() -> None:
        names = ", ".join(one.name for one in plan.listeners)
        _complain(f"mode {plan.mode}, listens on {names}, dockerd is behind {plan.docker}")
        tell_systemd("READY=1", os.environ)

    try:
        asyncio.run(serve())
    except (TidewaiterError, OSError) as problem:
        return int(report(problem))
    return 0


def _complain(text: str) -> None:
    sys.stderr.write(f"tidewaiter gate: {safe(text, limit=1000)}\n")
    sys.stderr.flush()
