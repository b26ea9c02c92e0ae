"""Take a part of the judgement away and score what is left of it.

What do profiles, surprise and proofs each give? The product has no option for this: the whole way runs as it is, and
only what an episode holds when it is judged is reduced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import msgspec

from bench.scores import Found
from tidewaiter import pipeline
from tidewaiter.baseline import measure
from tidewaiter.baseline.weigh import BREADTH_FLOOR, weighed
from tidewaiter.findings.judge import Persona
from tidewaiter.model import Episode
from tidewaiter.recognise.pack import packaged
from tidewaiter.sinks.jsonl import encoded
from tidewaiter.store import Store
from tidewaiter.wording import Wording

Part = Callable[[Episode], Episode]
_NEVER = 1_000_000  # days that nobody's past will have: nothing counts as new
_OF_THE_PAST = frozenset({"new-actor", "returned"})


def _without_past(episode: Episode) -> Episode:
    """Judge an episode as if nothing were known of anybody: breadth against a fixed floor, refusals, tripwires."""
    breadth = tuple(msgspec.structs.replace(one, usual=None, peers=float(BREADTH_FLOOR)) for one in episode.breadth)
    tripwires = tuple(msgspec.structs.replace(one, prior=0) for one in episode.tripwires)
    bare = {"departures": (), "history": 0, "idle_days": None, "usual": {}}
    found = weighed(msgspec.structs.replace(episode, breadth=breadth, tripwires=tripwires, **bare))
    kept = tuple(one for one in found.surprises if one.measure not in _OF_THE_PAST)
    return msgspec.structs.replace(found, surprises=kept, estate_learning=False)


def _without_surprise(episode: Episode) -> Episode:
    return msgspec.structs.replace(episode, surprises=())


def _without_proofs(episode: Episode) -> Episode:
    return msgspec.structs.replace(episode, tripwires=(), tripwire_bits=0.0)


ABLATIONS: dict[str, Part | None] = {
    "everything": None,
    "without profiles": _without_past,
    "without surprise": _without_surprise,
    "without proofs": _without_proofs,
}


@contextmanager
def reduced(name: str) -> Iterator[None]:
    """Run the pipeline with a part of its judgement taken away."""
    part = ABLATIONS[name]
    with ExitStack() as stack:
        if part is not None:
            judge: Callable[..., Any] = vars(pipeline)["judge"]
            stack.enter_context(
                patch.object(pipeline, "judge", lambda episode, *rest, **given: judge(part(episode), *rest, **given))
            )
        if name == "without profiles":
            stack.enter_context(patch.object(measure, "profile", partial(_profile, measure.profile)))
        yield


def _profile(profile: Callable[..., None], store: Store, **given: Any) -> None:
    profile(store, **{**given, "young": _NEVER})


def scanned(log: bytes, ablation: str = "everything", *, persona: Persona = "regular") -> tuple[Found, ...]:
    """Scan the text of a log with a part of the judgement taken away."""
    with TemporaryDirectory() as folder, Store() as store, reduced(ablation):
        path = Path(folder, "log")
        path.write_bytes(log)
        report = pipeline.scan([str(path)], store=store, pack=packaged(), wording=Wording("en"), persona=persona)
    return tuple(msgspec.json.decode(encoded(one), type=Found) for one in report.findings)
