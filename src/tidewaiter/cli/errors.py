"""How a command ends: exit codes, and errors as `error:` / `where:` / `hint:` on stderr, without a traceback."""

from __future__ import annotations

import sys
import traceback
from enum import IntEnum
from typing import TextIO

import click

from tidewaiter.errors import ConfigError, RuleError, TidewaiterError
from tidewaiter.sinks.safe_text import safe

_LINE = 1000  # characters of one line of an error


class Exit(IntEnum):
    """Exit codes; stable."""

    FINISHED = 0
    CANNOT_FINISH = 1
    USAGE = 2  # usage, configuration or rule error
    INCOMPLETE = 3  # finished, but part of the input could not be read
    FOUND = 10  # finished, and something is at or above --fail-on


def finished(*, found: bool, incomplete: bool) -> Exit:
    """Say how a scan that came to its end ends: what was found counts more than what could not be read."""
    if found:
        return Exit.FOUND
    return Exit.INCOMPLETE if incomplete else Exit.FINISHED


def report(problem: BaseException, *, debug: bool = False, stream: TextIO | None = None) -> Exit:
    """Print what went wrong and give the exit code; with `debug` the traceback comes first."""
    stream = sys.stderr if stream is None else stream
    if debug:
        traceback.print_exception(problem, file=stream)
    if isinstance(problem, click.exceptions.NoArgsIsHelpError):
        stream.write(f"{problem.format_message()}\n")
        return Exit.USAGE
    stream.write(f"{_in_words(problem)}\n")
    return _exit_code(problem)


def _exit_code(problem: BaseException) -> Exit:
    usage = isinstance(problem, ConfigError | RuleError | click.UsageError)
    return Exit.USAGE if usage else Exit.CANNOT_FINISH


def _in_words(problem: BaseException) -> str:
    words = _as_tidewaiter_error(problem)
    return str(
        TidewaiterError(
            safe(words.what, limit=_LINE), where=safe(words.where, limit=_LINE), hint=safe(words.hint, limit=_LINE)
        )
    )


def _as_tidewaiter_error(problem: BaseException) -> TidewaiterError:
    if isinstance(problem, TidewaiterError):
        return problem
    if isinstance(problem, click.UsageError):
        command = problem.ctx.command_path if problem.ctx else "tidewaiter"
        return TidewaiterError(
            problem.format_message().rstrip("."), where=command, hint=f"{command} --help shows what it takes"
        )
    if isinstance(problem, click.ClickException):
        return TidewaiterError(problem.format_message())
    if isinstance(problem, KeyboardInterrupt | click.Abort):
        return TidewaiterError("interrupted", hint="nothing was decided about what had not been read yet")
    if isinstance(problem, OSError) and problem.strerror:
        return TidewaiterError(problem.strerror, where=str(problem.filename or ""))
    return TidewaiterError(
        f"unexpected {type(problem).__name__}: {problem}",
        where=_place(problem),
        hint="this is a mistake in tidewaiter; run it again with --debug and report what it prints",
    )


def _place(problem: BaseException) -> str:
    frames = traceback.extract_tb(problem.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
