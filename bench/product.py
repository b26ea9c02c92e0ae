"""Asks the product: runs a scan and reads what it found. It never sees a label."""

from __future__ import annotations

import subprocess
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from bench.disclosures import Labelled
from bench.scores import Act, Found

_FINISHED = {0, 3, 10}  # finished; finished with part unreadable; finished with findings at --fail-on
_Line = TypeVar("_Line", Found, Act, Labelled)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    command: tuple[str, ...]
    data: Path
    findings: tuple[Found, ...] | None = None
    activities: tuple[Act, ...] | None = None
    learn_before: datetime | None = None
    folder: Path | None = None  # the data set itself, where it is not `data`/<kind>
    days: int = 0  # of innocent steps that sensors learn from before they are scored once more

    def at(self, kind: str) -> Path:
        """Give the folder of a data set."""
        return self.folder or self.data / kind


class ScanFailedError(Exception):
    """The product could not scan a file; the text is the first line it said."""


def read_lines(text: bytes, kind: type[_Line]) -> tuple[_Line, ...]:
    """Decode JSON lines; unknown fields are ignored."""
    return tuple(msgspec.json.Decoder(kind).decode_lines(text))


def scan(options: Options, path: Path, name: str, *asked: str) -> tuple[Found, ...]:
    """Give the findings in one file: from the product, or those of the given findings that lie in `name`."""
    if options.findings is not None:
        return tuple(one for one in options.findings if any(seen.origin.path.endswith(name) for seen in one.sightings))
    argv = [*options.command, "scan", str(path), "--format", "jsonl", *asked]
    done = subprocess.run(argv, capture_output=True, check=False)
    if done.returncode not in _FINISHED:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["nothing"]
        raise ScanFailedError(f"exit code {done.returncode}: {said[-1]}")
    return read_lines(done.stdout, Found)
