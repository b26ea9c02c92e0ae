"""Findings and verdicts kept in the state folder, so that later commands can tell more about one.

Verdicts lie beside the store, not in it: they are what people said, and outlive its layout.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from tidewaiter.errors import ConfigError, StoreError
from tidewaiter.model import Finding, Ruling
from tidewaiter.sinks import jsonl
from tidewaiter.triage import from_line

_FILE = "findings.jsonl"
_VERDICTS = "verdicts.jsonl"
_decoder = msgspec.json.Decoder(Finding)
_Named = TypeVar("_Named", Finding, Ruling)


def keep(state: Path, findings: Iterable[Finding]) -> None:
    """Add findings to those of the state folder; the newest telling of a finding replaces the earlier one."""
    path = state / _FILE
    kept = {found.id: found for found in load(path)} if path.exists() else {}
    kept |= {found.id: found for found in findings}
    _write(path, jsonl.lines(kept.values()))


def keep_verdicts(state: Path, rulings: Iterable[Ruling]) -> None:
    """Add verdicts to those of the state folder, in the order of time; one of the same name is replaced."""
    kept = {item.id: item for item in load_verdicts(state)} | {item.id: item for item in rulings}
    inorder = sorted(kept.values(), key=lambda item: (item.at, item.id))
    _write(state / _VERDICTS, verdict_lines(inorder))


def verdict_lines(rulings: Iterable[Ruling]) -> Iterable[bytes]:
    """Give verdicts one a line, harmless to print, as `from_line` reads them."""
    return (jsonl.encoded(item) + b"\n" for item in rulings)


def load_verdicts(state: Path) -> tuple[Ruling, ...]:
    """Read the verdicts of a state folder; none where none were given. Raises StoreError."""
    path = state / _VERDICTS
    if not path.exists():
        return ()
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as problem:
        raise StoreError(f"no verdicts can be read: {problem.strerror}", where=str(path)) from problem
    return tuple(_verdict(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip())


def _verdict(line: bytes, where: str) -> Ruling:
    try:
        return from_line(line)
    except ValueError as problem:
        raise StoreError(
            str(problem), where=where, hint="take the line out: what it covered is shown again by the next scan"
        ) from problem


def choose(known: Sequence[_Named], identity: str, *, what: str, where: str) -> _Named:
    """Give the one finding or verdict whose name begins so. Raises ConfigError."""
    found = [item for item in known if item.id == identity] or [item for item in known if item.id.startswith(identity)]
    if len(found) != 1:
        raise ConfigError(
            f"{len(found)} {what}s begin with {identity!r}" if found else f"no {what} is called {identity!r}",
            where=where,
            hint="known: " + ", ".join(item.id for item in (found or known)[:5])
            if known
            else f"this place holds no {what}s",
        )
    return found[0]


def _write(path: Path, lines: Iterable[bytes]) -> None:
    partial = path.with_suffix(".part")
    partial.write_bytes(b"".join(lines))
    partial.replace(path)


def load(path: Path) -> list[Finding]:
    """Read findings from a file of them, or from a state folder. Raises StoreError."""
    path = path / _FILE if path.is_dir() else path
    found: list[Finding] = []
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    found.append(_finding(line, f"{path}:{number}"))
    except OSError as problem:
        raise StoreError(
            f"no findings can be read: {problem.strerror}",
            where=str(path),
            hint="scan with --state DIR first, or name a file written with --format jsonl",
        ) from problem
    return found


def _finding(line: bytes, where: str) -> Finding:
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise StoreError(
            f"not a finding: {problem}", where=where, hint="only files written with --format jsonl hold findings"
        ) from problem
