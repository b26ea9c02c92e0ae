"""Not a peer but the product: a whole scan with baselines and findings, which does more than task T."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from bench.runs import Job

NATIVE, PLAIN = "tidewaiter scan", "tidewaiter scan, no native filter"
_DONE = frozenset({0, 10})  # finished; finished with findings at --fail-on


def command() -> str:
    """Give the path of the `tidewaiter` next to this Python."""
    return str(Path(sys.executable).with_name("tidewaiter"))


def job(file: Path, *, native: bool = True) -> Job:
    """Give the job that scans one file and throws the findings away."""
    argv = (command(), "scan", str(file), "--format", "jsonl", "-o", "/dev/null")
    if not native:
        return Job(PLAIN, argv, {"TIDEWAITER_NO_NATIVE": "1"}, good=_DONE)
    missing = importlib.util.find_spec("tidewaiter.sources._triage") is None
    return Job(NATIVE, argv, skipped="the C module could not be compiled here" if missing else "", good=_DONE)
