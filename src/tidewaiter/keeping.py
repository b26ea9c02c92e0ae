"""Findings and verdicts kept in the state folder, so that later commands can tell more about one.

Verdicts lie beside the store, not in it: they are what people said, and outlive its layout.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import SEEK_END
from pathlib import Path
from typing import TypeVar

import msgspec

from tidewaiter.errors import ConfigError, StoreError
from tidewaiter.model import Finding, Ruling
from tidewaiter.sinks import jsonl
from tidewaiter.triage import from_line

_FILE = "findings.jsonl"
_VERDICTS = "verdicts.jsonl"
_MOST = 32 << 20  # bytes of findings that a service keeps for `show`, about
_PIECE = 1 << 16


class _Id(msgspec.Struct):
    id: str


_decoder = msgspec.json.Decoder(Finding)
_named = msgspec.json.Decoder(_Id)
_Named = TypeVar("_Named", Finding, Ruling)


def keep(state: Path, findings: Iterable[Finding]) -> None:
    """Add findings to those of the state folder; the newest telling of a finding replaces the earlier one."""
    path = state / _FILE
    kept = {found.id: found for found in load(path)} if path.exists() else {}
    kept |= {found.id: found for found in findings}
    _write(path, jsonl.lines(kept.values()))


def add(state: Path, findings: Iterable[Finding]) -> None:
    """Add findings behind those of the state folder: of several tellings the last counts; the file stays bounded."""
    path = state / _FILE
    with path.open("ab") as log:
        whole = _whole(path)
        if whole < log.tell():  # what a crash cut off
            log.truncate(whole)
        log.write(b"".join(jsonl.lines(findings)))
        size = log.tell()
    if size > _MOST:
        _fold(path)


def _whole(path: Path) -> int:
    """Give the length of a file up to the end of its last whole line."""
    with path.open("rb") as log:
        end = log.seek(0, SEEK_END)
        while end:
            start = max(0, end - _PIECE)
            log.seek(start)
            found = log.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0


def _name(line: bytes) -> str | bytes:
    try:
        return _named.decode(line).id
    except (msgspec.MsgspecError, UnicodeDecodeError):  # damage is told by `load`, and is nobody's telling here
        return line


def _fold(path: Path) -> None:
    """Keep the last telling of each finding, and of these the newest."""
    latest: dict[str | bytes, bytes] = {}
    for line in path.read_bytes().splitlines(keepends=True):
        name = _name(line)
        latest.pop(name, None)
        latest[name] = line
    kept, size = [], 0
    for line in reversed(latest.values()):
        size += len(line)
        if size > _MOST // 2:
            break
        kept.append(line)
    _write(path, reversed(kept))


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
    found: dict[str, Finding] = {}  # of several tellings the last
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    one = _finding(line, f"{path}:{number}")
                    found.pop(one.id, None)
                    found[one.id] = one
    except OSError as problem:
        raise StoreError(
            f"no findings can be read: {problem.strerror}",
            where=str(path),
            hint="scan with --state DIR first, or name a file written with --format jsonl",
        ) from problem
    return list(found.values())


def _finding(line: bytes, where: str) -> Finding:
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise StoreError(
            f"not a finding: {problem}", where=where, hint="only files written with --format jsonl hold findings"
        ) from problem
