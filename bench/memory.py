"""Measure the peak memory of a scan at growing sizes: it should not grow with the input.

    python bench/memory.py --mb 100 1000 3000 --write

The generated logs are removed again unless --keep is given.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

if not __package__:  # started as a file, not with -m
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.peers import tidewaiter_scan
from bench.runs import Run, measure, write_section
from bench.speed import HERE, generated, machine

FLAT = 1.5  # times the smallest input's peak
LIMIT = 300  # MB, the goal at any input size


def table(found: Sequence[tuple[int, Run]]) -> str:
    """Render size and peak; "flat?" compares each peak with the first one and with the limit."""
    rows = ["| input MB | peak RSS MB | times the first | flat? | CPU s |", "| ---: | ---: | ---: | --- | ---: |"]
    first = found[0][1].rss
    for size, run in found:
        if run.exit not in {0, 10}:
            rows.append(f"| {size} | failed with exit code {run.exit} | - | - | - |")
            continue
        times = run.rss / first
        flat = "yes" if times <= FLAT and run.rss <= LIMIT else f"no (limit {FLAT}x and {LIMIT} MB)"
        rows.append(f"| {size} | {run.rss:.0f} | {times:.2f} | {flat} | {run.cpu:.2f} |")
    return "\n".join(rows)


def main() -> None:
    """Read the arguments, generate, measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mb", type=int, nargs="+", default=[100, 1000, 3000])
    parser.add_argument("--keep", action="store_true", help="leave the generated logs in bench/data/")
    parser.add_argument("--write", action="store_true", help="replace the table in bench/README.md")
    asked = parser.parse_args()
    found = []
    for size in sorted(asked.mb):
        file = generated("generate_kube_audit", "--mb", str(size), "--relevant", "0.085", "--seed", "7")
        found.append((size, measure(tidewaiter_scan.job(file))))
        if not asked.keep:
            file.unlink()
    text = f"{datetime.now(UTC):%Y-%m-%d}, {machine()}.\n\n{table(found)}\n"
    print(text)
    if asked.write:
        write_section(HERE / "README.md", "memory", text)


if __name__ == "__main__":
    main()
