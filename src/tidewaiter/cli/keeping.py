"""Findings kept in the state folder, so that `tidewaiter show` can tell more about one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from tidewaiter.errors import StoreError
from tidewaiter.model import Finding
from tidewaiter.sinks import jsonl

_FILE = "findings.jsonl"
_decoder = msgspec.json.Decoder(Finding)


def keep(state: Path, findings: Iterable[Finding]) -> None:
    """Add findings to those of the state folder; the newest telling of a finding replaces the earlier one."""
    path = state / _FILE
    kept = {found.id: found for found in load(path)} if path.exists() else {}
    kept |= {found.id: found for found in findings}
    partial = path.with_suffix(".part")
    partial.write_bytes(b"".join(jsonl.lines(kept.values())))
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
