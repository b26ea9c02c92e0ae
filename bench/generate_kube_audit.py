"""Write a realistic Kubernetes audit log (native NDJSON, Go's key order and escaping) of any size, from a seed.

    python bench/generate_kube_audit.py --mb 1000 --relevant 0.085 --seed 7 --days 4 --intruders 3 -o audit.ndjson

Equal arguments give equal bytes. "Relevant" is what task T of the benchmark keeps: stage ResponseComplete and a list,
a get of a discovery or collection address, or the creation of a self-subject review. The names of the injected
intruders go to standard error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import BinaryIO, NamedTuple

if not __package__:  # started as a file, not with -m
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.kube_cast import cast
from bench.kube_intruders import Intruder, intruders
from bench.kube_pools import SHARES, office_sessions, pools, steady_sessions

_START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
_SECOND = 1_000_000
_STEP = 400_000  # microseconds between two requests of an intruder
_AT_ONCE = 6  # sessions under way at the same time
_OFFICE = range(7, 19)  # UTC hours
_BATCH = 512  # lines a write


class Options(NamedTuple):
    """What to generate."""

    size: int  # bytes
    relevant: float = 0.085
    seed: int = 7
    days: float = 4.0
    intruders: int = 3


def _stamp(days: dict[int, str], micros: int) -> str:
    """Write microseconds since the start as the API server does; remembers the text of recent seconds."""
    second, rest = divmod(micros, _SECOND)
    text = days.get(second)
    if text is None:
        if len(days) > 4096:
            days.clear()
        text = days[second] = (_START + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:06d}Z"


def _deck(rng: Random, relevant: float, size: int = 4096) -> list[str]:
    """Give a shuffled deck of category names in the right shares; "" is a relevant line."""
    rest = sum(SHARES.values())
    made = [""] * round(size * relevant)
    for category, share in SHARES.items():
        made += [category] * round(size * share / rest * (1 - relevant))
    rng.shuffle(made)
    return made


def _sessions(rng: Random, office: list[list[str]], steady: list[list[str]]) -> Callable[[int], str]:
    """Give a function that hands out the next relevant line for an hour of the day; a few sessions run side by side."""
    active: list[list[str]] = [[] for _ in range(_AT_ONCE)]

    def following(hour: int) -> str:
        slot = int(rng.random() * _AT_ONCE)
        if not active[slot]:
            busy = hour in _OFFICE and rng.random() < 0.6
            pool = office if busy else steady
            active[slot] = pool[int(rng.random() * len(pool))][::-1]
        return active[slot].pop()

    return following


def lines(options: Options, *, told: Callable[[Intruder, str], None] = lambda _who, _when: None) -> Iterator[str]:
    """Yield lines (with newline) in order of time until the size is reached; `told` hears of each intruder."""
    rng = Random(options.seed)
    people = cast(rng)
    ordinary = pools(people)
    following = _sessions(rng, office_sessions(rng, people), steady_sessions(people))
    waiting = intruders(people, rng, options.intruders)[::-1]
    deck = [ordinary.get(category) for category in _deck(rng, options.relevant)]
    draw, bits, seconds = rng.random, rng.getrandbits, dict[int, str]()
    span = options.days * 86_400 * _SECOND
    written, version, now, script = 0, 48_000_000, 0, list[str]()
    while written < options.size:
        for pool in deck:
            share = written / options.size
            now = max(now, int(share * span))
            if waiting and not script and share >= waiting[-1].at:
                intruder = waiting.pop()
                script = intruder.script[::-1]
                told(intruder, _stamp(seconds, now))
            if script:
                text, now = script.pop(), now + _STEP
            elif pool is None:
                text = following(now // (3600 * _SECOND) % 24)
            else:
                text = pool[int(draw() * len(pool))]
            version += 3
            audit = f"{bits(128):032x}"
            audit = f"{audit[:8]}-{audit[8:12]}-4{audit[13:16]}-a{audit[17:20]}-{audit[20:]}"
            done = now + 300 + int(draw() * 20_000)
            line = text % (audit, version, _stamp(seconds, now), _stamp(seconds, done))
            written += len(line)
            yield line
            if written >= options.size:
                return


def write(options: Options, out: BinaryIO, *, told: Callable[[Intruder, str], None]) -> int:
    """Write the log and give its size in bytes."""
    total, batch = 0, list[str]()
    for line in lines(options, told=told):
        batch.append(line)
        if len(batch) == _BATCH:
            total += out.write("".join(batch).encode())
            batch.clear()
    return total + out.write("".join(batch).encode())


def _tell(intruder: Intruder, when: str) -> None:
    print(f"intruder: {intruder.name} at {when}: {intruder.what}, {len(intruder.script)} requests", file=sys.stderr)


def main() -> None:
    """Read the arguments and write the log."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mb", type=float, default=100, help="size in 10^6 bytes")
    parser.add_argument("--relevant", type=float, default=0.085, help="share of lines that task T keeps")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--days", type=float, default=4)
    parser.add_argument("--intruders", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, help="instead of standard output")
    asked = parser.parse_args()
    options = Options(int(asked.mb * 1e6), asked.relevant, asked.seed, asked.days, asked.intruders)
    if asked.output:
        with asked.output.open("wb") as out:
            write(options, out, told=_tell)
    else:
        write(options, sys.stdout.buffer, told=_tell)


if __name__ == "__main__":
    main()
