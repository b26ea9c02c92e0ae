"""A service looks again at a few actors at a time and keeps old days thin: it must judge as a scan of everything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
from fortnight import DAYS, EVENT_DAY, FIRST, moment, written
from stories import STORIES
from stories_host import HOST_STORIES

from tidewaiter.baseline import measure
from tidewaiter.hits import found_together
from tidewaiter.model import Finding
from tidewaiter.pipeline import analyse, intake, look_again
from tidewaiter.recognise.fields import PLANES
from tidewaiter.recognise.pack import packaged
from tidewaiter.sinks.jsonl import line
from tidewaiter.store import Store
from tidewaiter.wording import Wording

WORDS = Wording("en")
PACK = packaged()
EVENT = moment(EVENT_DAY, "0:00:00")
AHEAD = [(plane, (FIRST + timedelta(days=day)).date()) for plane in PLANES for day in range(EVENT_DAY, DAYS + 1)]
NAMES = (
    "gitops relists and restarts on a new address",
    "on call at night",
    "first day",
    "ci on a pool",
    *list(HOST_STORIES)[:1],
)


@contextmanager
def filled(name: str, folder: Path, state: Path | None = None) -> Iterator[Store]:
    log = folder / "input.log"
    log.write_bytes(written(STORIES[name].broken()) if name in STORIES else HOST_STORIES[name].broken())
    with Store(state) as store:
        intake([str(log)], store=store, pack=PACK)
        store.settle()
        yield store


def id_of(document: bytes) -> str:
    return str(msgspec.json.decode(document)["id"])


def late(findings: Iterable[Finding]) -> list[Finding]:
    return [one for one in findings if one.from_ >= EVENT]


def proofs(store: Store) -> list[measure.Hit]:
    return list(found_together(store, PACK, sorts=("proof",)))


@pytest.mark.parametrize("name", NAMES)
def test_looking_again_at_everybody_tells_what_a_scan_tells(name: str, tmp_path: Path) -> None:
    with filled(name, tmp_path) as store:
        whole, _, _ = analyse(store, PACK, WORDS, persona="regular", since=EVENT)
        actors = [actor for (actor,) in store.rows("SELECT DISTINCT actor FROM context ORDER BY actor")]
        measure.estate(store, AHEAD)
        proven = proofs(store)
        again = look_again(store, PACK, WORDS, actors=actors, proven=proven, since=EVENT)
        assert [line(one) for one in late(again)] == [line(one) for one in late(whole)]
        assert late(whole)
        alone = [
            line(one)
            for actor in actors
            for one in late(look_again(store, PACK, WORDS, actors=[actor], proven=proven, since=EVENT))
        ]
        # One by one, what several did together is not joined into one story; everything else is the same.
        assert {id_of(one) for one in alone} >= {one.id for one in late(whole)}
        assert len({id_of(one) for one in alone}) == len(alone)


@pytest.mark.parametrize("name", NAMES)
def test_thin_days_teach_what_whole_days_taught(name: str, tmp_path: Path) -> None:
    with filled(name, tmp_path, tmp_path / "state") as store:
        before, _, _ = analyse(store, PACK, WORDS, since=EVENT)
        ((rows,),) = store.rows("SELECT count(*) FROM occurrence")
        horizon = EVENT.date() - timedelta(days=1)
        store.thin(horizon, date.min)
        after, _, _ = analyse(store, PACK, WORDS, since=EVENT)
        ((fewer,),) = store.rows("SELECT count(*) FROM occurrence")
        assert fewer < rows
        assert told(after) == told(before)
        store.thin(horizon, date.min)  # nothing is left to do
        assert list(store.rows("SELECT count(*) FROM occurrence")) == [(fewer,)]
    with Store(tmp_path / "state") as store:
        again, _, _ = analyse(store, PACK, WORDS, since=EVENT)
        assert told(again) == told(before)
        store.thin(horizon, horizon)
        ((left,),) = store.rows('SELECT count(*) FROM occurrence WHERE "at" < $day', {"day": horizon})
        assert left == 0


def told(findings: Iterable[Finding]) -> list[tuple[str, ...]]:
    return [
        (
            one.id,
            one.level,
            one.verdict.decision,
            *(f"{item.measure} {item.observed} {item.bits}" for item in one.surprises),
        )
        for one in late(findings)
    ]


def test_old_episodes_are_not_told_twice(tmp_path: Path) -> None:
    with filled(NAMES[0], tmp_path) as store:
        found, _, _ = analyse(store, PACK, WORDS)
        assert found
        store.thin((FIRST + timedelta(days=DAYS)).date(), date.min)
        assert analyse(store, PACK, WORDS) == ((), {}, 0)
