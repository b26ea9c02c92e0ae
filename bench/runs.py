"""Start programs in turn and measure what they cost: CPU of the process tree, wall time, peak memory."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Job(NamedTuple):
    """One program to measure; `skipped` says why it cannot run."""

    name: str
    argv: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}
    skipped: str = ""
    good: frozenset[int] = frozenset({0})  # exit codes that count as done


class Run(NamedTuple):
    """What one run cost, and its answer (standard output)."""

    cpu: float  # user + system seconds of the process and of every child it waited for
    wall: float
    rss: float  # peak of the largest process, 10^6 bytes
    exit: int
    answer: str


def measure(job: Job) -> Run:
    """Run a job once. Memory is never below that of the harness itself: Linux counts the image before exec."""
    with tempfile.TemporaryFile() as out:
        actions = [(os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
        before = time.perf_counter()
        child = os.posix_spawnp(job.argv[0], job.argv, {**os.environ, **job.environment}, file_actions=actions)
        _, status, used = os.wait4(child, 0)
        wall = time.perf_counter() - before
        out.seek(0)
        answer = out.read().decode(errors="replace").strip()
    return Run(
        used.ru_utime + used.ru_stime, wall, used.ru_maxrss * 1024 / 1e6, os.waitstatus_to_exitcode(status), answer
    )


def take_turns(jobs: Sequence[Job], rounds: int) -> dict[str, list[Run]]:
    """Measure every job once a round, so that a noisy minute hits all of them alike."""
    found: dict[str, list[Run]] = {job.name: [] for job in jobs}
    for number in range(rounds):
        for job in jobs:
            if job.skipped:
                continue
            run = measure(job)
            found[job.name].append(run)
            print(f"round {number + 1}: {job.name}: {run.cpu:.2f} s CPU, exit {run.exit}", file=sys.stderr)
    return found


def median(runs: Sequence[Run]) -> Run:
    """Give the median of each measure by itself; the exit code is the worst."""
    return Run(
        statistics.median(run.cpu for run in runs),
        statistics.median(run.wall for run in runs),
        statistics.median(run.rss for run in runs),
        max((run.exit for run in runs), key=abs),
        runs[-1].answer,
    )


def replace_between(text: str, name: str, table: str) -> str:
    """Replace what stands between `<!-- name:begin -->` and `<!-- name:end -->`."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    head, found, rest = text.partition(begin)
    _, ended, tail = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"no markers {begin} … {end}")
    return f"{head}{begin}\n{table.strip()}\n{end}{tail}"


def write_section(readme: Path, name: str, table: str) -> None:
    """Replace one section of the README in place."""
    readme.write_text(replace_between(readme.read_text(encoding="utf-8"), name, table), encoding="utf-8")
