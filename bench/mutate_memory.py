"""Feed one reader damaged records for as long as it takes: what it holds must not grow with their number.

    python bench/mutate_memory.py --records 100000 --write

Readers remember what repeats, up to a bound that is reached on the way; hostile variety is the worst case for that.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

if not __package__:  # started as a file, not with -m
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.mutate import LOG
from bench.runs import write_section
from bench.subjects import Subject, formats, log_of
from tidewaiter.sources.contract import Block, Tally

LIMIT = 100  # MB that one reader may hold: its memories are bounded by numbers of entries, not by bytes


def held(subject: Subject, records: int, seed: int) -> tuple[float, float, float]:
    """Give the MB that one reader holds after a tenth, after half and after all of so many damaged records."""
    random = Random(f"{subject.name} {seed}")
    tally = Tally("damaged.log")
    fed = subject.fed(tally)
    line, offset, found = 1, 0, []
    tracemalloc.start()
    for part in (records // 10, records // 2 - records // 10, records - records // 2):
        for _ in range(-(-part // LOG)):
            data = b"\n".join(log_of(subject, random, LOG).lines) + b"\n"
            for _item in fed.feed(Block(data, offset, line)):
                pass
            line += data.count(b"\n")
            offset += len(data)
        del data
        gc.collect()
        found.append(tracemalloc.get_traced_memory()[0] / 1e6)
    tracemalloc.stop()
    return found[0], found[1], found[2]


def table(rows: Iterable[tuple[str, tuple[float, float, float]]]) -> str:
    """Render what each reader held on the way, the most first."""
    text = [
        f"| format | MB after a tenth | after half | after all | below {LIMIT} MB? |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for name, (tenth, half, whole) in sorted(rows, key=lambda row: -row[1][2]):
        below = "yes" if whole <= LIMIT else "no"
        text.append(f"| {name} | {tenth:.1f} | {half:.1f} | {whole:.1f} | {below} |")
    return "\n".join(text)


def main() -> None:
    """Read the arguments, feed, measure and print; ends with 1 when a reader holds too much."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="formats whose name begins like this")
    parser.add_argument("--write", action="store_true", help="replace the table in bench/README.md")
    asked = parser.parse_args()
    rows = []
    for subject in formats():
        if subject.seeds and subject.name.startswith(asked.only):
            rows.append((subject.name, held(subject, asked.records, asked.seed)))
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    said = f"{datetime.now(UTC):%Y-%m-%d}, {asked.records:,} damaged records each, seed {asked.seed}."
    if asked.write:
        write_section(Path(__file__).parent / "README.md", "mutation-memory", f"{said}\n\n{table(rows)}\n")
    sys.exit(any(row[1][2] > LIMIT for row in rows))


if __name__ == "__main__":
    main()
