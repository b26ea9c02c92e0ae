"""Where a result goes: standard output or a file, as text or bytes, with the language and colour of the edge."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from tidewaiter.config import environment
from tidewaiter.errors import ConfigError
from tidewaiter.sinks.text import wants_colour
from tidewaiter.wording import Language, Wording

_WIDEST = 100


def wording(asked: str | None) -> Wording:
    """Give the words of the language that was asked for, else of the environment."""
    return Wording(cast("Language", asked or environment(os.environ).language))


def width() -> int:
    """Give the columns of the terminal, at most 100; 100 when the output is no terminal."""
    return min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST) if sys.stdout.isatty() else _WIDEST


def colour(output: str | None) -> bool:
    """Tell whether colour may be used."""
    return output in {None, "-"} and wants_colour(terminal=sys.stdout.isatty(), environment=os.environ)


@contextmanager
def opened(output: str | None) -> Iterator[BinaryIO]:
    """Open the result for writing. A file appears under its name only when it is complete."""
    if output in {None, "-"}:
        try:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            let_go()
        return
    path = Path(str(output))
    partial = path.with_name(path.name + ".part")
    try:
        if path.exists() and not path.is_file():  # /dev/null, a pipe
            with path.open("wb") as stream:
                yield stream
            return
        with partial.open("wb") as stream:
            yield stream
        partial.replace(path)
    except OSError as problem:
        raise ConfigError(
            f"the result cannot be written: {problem.strerror}",
            where=str(path),
            hint="name a file in a folder that exists",
        ) from problem
    finally:
        partial.unlink(missing_ok=True)


def let_go() -> None:
    """Write to nobody from now on: the reader of our output went away (`| head`), which is its good right."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write(output: str | None, pieces: Iterable[str | bytes]) -> None:
    """Write a result piece by piece."""
    with opened(output) as stream:
        for piece in pieces:
            stream.write(piece if isinstance(piece, bytes) else piece.encode("utf-8", "backslashreplace"))
