"""How large the state of many actors is, and how much memory measuring it takes: `bench/profiles.py [ACTORS]`.

Each actor lists two kinds on each of three days, which makes a warm profile. The activities are put into the store
directly, as the pipeline does; nothing is read or recognised.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path

from tidewaiter.baseline import measure
from tidewaiter.model import Activity, Actor, Origin
from tidewaiter.store import Context, Occurrence, Store

_FIRST = datetime(2026, 6, 1, 8, tzinfo=UTC)
_DAYS = 3
_KINDS = ("pods", "services")


def contexts(actors: int) -> Iterator[Context]:
    """Give what each actor does, numbered from 1."""
    number = 0
    for who in range(actors):
        name = f"team-{who % 5000}/job-{who // 5000}"
        for kind in _KINDS:
            number += 1
            yield Context(
                context=number,
                a=Activity(
                    id="",
                    at=_FIRST,
                    actor=Actor(kind="service-account", name=name, realm="kubernetes"),
                    plane="kubernetes",
                    verb="list",
                    kind=kind,
                    resource_class="workload",
                    scope="namespace",
                    namespace=f"team-{who % 5000}",
                    outcome="answered",
                    address=f"10.{who % 200}.{who // 200 % 250}.7",
                    tool="app/1.0",
                    origin=Origin(source="kube-audit", path="audit.log", line=0, offset=0),
                ),
                recognised=("kube-list-namespace@1",),
                tripwires=(),
                weight=2.0,
                role="evidence",
                network=f"10.{who % 200}.{who // 200 % 250}.0/24",
                network_kind="private",
                learn=False,
                likeness=(f"account:job-{who // 5000}",),
            )


def occurrences(actors: int) -> Iterator[Occurrence]:
    """Give each context once a day."""
    for day in range(_DAYS):
        for number in range(1, actors * len(_KINDS) + 1):
            at = _FIRST + timedelta(days=day, milliseconds=number * 20)
            yield Occurrence(
                number,
                blake2b(f"{day} {number}".encode(), digest_size=10).hexdigest(),
                at,
                "list /api/v1/pods",
                number,
                number * 900,
            )


def fill(store: Store, actors: int) -> None:
    """Put the actors and what they did into a store."""
    for context in contexts(actors):
        store.next_context()
        store.add_context(context)
    for occurrence in occurrences(actors):
        store.add([occurrence])
    store.settle()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    """Make a state, measure it, and print what it took."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("actors", nargs="?", type=int, default=1_000_000)
    options.add_argument("--directory", type=Path, help="where the state is made; a temporary folder otherwise")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.directory) as folder:
        started = time.process_time()
        with Store(Path(folder)) as store:
            fill(store, asked.actors)
        size = sum(path.stat().st_size for path in Path(folder).iterdir() if path.is_file())
        filled, peak = time.process_time() - started, _peak()
        with Store(Path(folder)) as store:
            measure.profile(store)
            found = sum(1 for _ in measure.episodes(store, [], {}))
        measured = time.process_time() - started - filled
    print(
        f"{asked.actors} actors, {_DAYS * len(_KINDS) * asked.actors} activities: {size / 1e6:.0f} MB on disk "
        f"({size / asked.actors:.0f} bytes an actor); filled in {filled:.1f} CPU s with {peak} MB at most, "
        f"measured in {measured:.1f} CPU s with {_peak()} MB at most; {found} episodes"
    )


if __name__ == "__main__":
    main()
