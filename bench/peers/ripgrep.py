"""Peer: ripgrep counting one literal: the floor of what reading a file costs; it parses nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.runs import Job


def job(file: Path, literal: str) -> Job:
    """Give the job that counts the lines holding a literal."""
    name = f"rg -c '{literal}'"
    program = shutil.which("rg")
    if program is None:
        return Job(name, skipped="ripgrep is not installed (apt-get install ripgrep)")
    return Job(name, (program, "-c", "--fixed-strings", literal, str(file)), good=frozenset({0, 1}))
