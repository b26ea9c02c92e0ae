"""The engine judges what comes piece by piece as a scan judges the whole, and nothing stops it for good."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from fortnight import DAYS, EVENT_DAY, FIRST, moment, written
from stories import STORIES

from tidewaiter.model import Finding
from tidewaiter.pipeline import scan
from tidewaiter.recognise.pack import packaged
from tidewaiter.service.engine import Engine, Keep
from tidewaiter.service.journal import Journal
from tidewaiter.store import Store
from tidewaiter.wording import Wording

EVENT = moment(EVENT_DAY, "0:00:00")
LOG = written(STORIES["gitops relists and restarts on a new address"].broken()).splitlines(keepends=True)
AT = [datetime.fromisoformat(msgspec.json.decode(line)["requestReceivedTimestamp"]) for line in LOG]
NAME = "kubernetes/prod"


class Service:
    """A journal, a store and an engine in one folder; findings as they were told last, by id."""

    def __init__(self, folder: Path, *, keep: Keep | None = None) -> None:
        self.folder = folder
        self.keep = keep
        self.told: dict[str, Finding] = {}
        self.times = itertools.count(step=10)
        self.now = FIRST
        self.open()

    def open(self) -> None:
        self.journal = Journal(self.folder / "journal")
        self.store = Store(self.folder / "store")
        self.engine = Engine(
            journal=self.journal,
            store=self.store,
            pack=packaged(),
            wording=Wording("en"),
            deliver=self.deliver,
            keep=self.keep,
            clock=lambda: self.now,
            monotonic=lambda: float(next(self.times)),
        )
        self.engine.begin()

    def deliver(self, findings: Iterable[Finding]) -> None:
        self.told.update((finding.id, finding) for finding in findings)

    def feed(self, lines: Sequence[bytes], size: int) -> None:
        for start in range(0, len(lines), size):
            piece = lines[start : start + size]
            self.journal.put(NAME, b"".join(piece)).result(5)
            self.now = max(self.now, _at(piece[-1]) + timedelta(seconds=1))
            self.engine.round()

    def settle(self) -> None:
        for _ in range(50):
            self.engine.round()

    def let_go(self) -> None:
        """As when the process is killed: nothing is finished."""
        self.store.close()
        self.journal.close()


def _at(line: bytes) -> datetime:
    return datetime.fromisoformat(msgspec.json.decode(line)["requestReceivedTimestamp"])


def until(day: int) -> list[bytes]:
    return [line for line, at in zip(LOG, AT, strict=True) if at < FIRST + timedelta(days=day)]


def since(day: int) -> list[bytes]:
    return [line for line, at in zip(LOG, AT, strict=True) if at >= FIRST + timedelta(days=day)]


def scanned(folder: Path) -> dict[str, Finding]:
    path = folder / "kubernetes"
    path.mkdir()
    (path / "prod").write_bytes(b"".join(LOG))
    with Store() as store:
        found = scan([str(path / "prod")], store=store, pack=packaged(), wording=Wording("en")).findings
    return {one.id: one for one in found}


def told(findings: dict[str, Finding]) -> dict[str, tuple[str, str, int]]:
    return {
        one.id: (one.level, one.headline, one.looked_at.requests) for one in findings.values() if one.from_ >= EVENT
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str, int]]:
    found = told(scanned(tmp_path_factory.mktemp("scan")))
    assert any(level in {"high", "critical"} for level, _, _ in found.values())
    return found


def test_piece_by_piece_it_tells_what_a_scan_tells(tmp_path: Path, whole: dict[str, tuple[str, str, int]]) -> None:
    service = Service(tmp_path)
    service.feed(LOG, 500)
    service.settle()
    service.let_go()
    loud = {key: value for key, value in whole.items() if value[0] not in {"info", "low"}}
    assert {key: told(service.told).get(key) for key in loud} == loud
    assert {key for key, value in told(service.told).items() if value[0] not in {"info", "low"}} == set(loud)
    assert service.engine.status.records == len(LOG)


def test_killed_again_and_again_it_loses_and_doubles_nothing(
    tmp_path: Path, whole: dict[str, tuple[str, str, int]]
) -> None:
    service = Service(tmp_path)
    chance = random.Random(5)  # noqa: S311 - a test
    lines = list(LOG)
    while lines:
        take = chance.randrange(500, 8000)
        service.feed(lines[:take], 500)
        del lines[:take]
        if chance.random() < 0.5:  # acknowledged, and not read yet
            service.journal.put(NAME, b"".join(lines[:300])).result(5)
            del lines[:300]
        service.let_go()
        service.open()
    service.settle()
    loud = {key: value for key, value in whole.items() if value[0] not in {"info", "low"}}
    assert {key: told(service.told).get(key) for key in loud} == loud
    ((rows, ids),) = service.store.rows(
        'SELECT count(*), count(DISTINCT id) FROM occurrence WHERE "at" >= $day',
        {"day": EVENT.replace(tzinfo=None)},
    )
    assert rows == ids
    service.let_go()


def test_repeats_and_disorder_change_nothing(tmp_path: Path) -> None:
    """The senders of audit events send a batch again when they hear nothing, and in no order."""
    one, other = Service(tmp_path / "one"), Service(tmp_path / "other")
    for service in (one, other):
        service.feed(until(EVENT_DAY), 4000)
    rest = since(EVENT_DAY)
    one.feed(rest, 1000)
    pieces = [rest[start : start + 100] for start in range(0, len(rest), 100)]
    chance = random.Random(3)  # noqa: S311 - a test
    shuffled = [pieces[min(len(pieces) - 1, max(0, at + chance.randrange(-4, 5)))] for at in range(len(pieces))]
    for piece in (*shuffled, *pieces[::-1]):
        other.journal.put(NAME, b"".join(piece)).result(5)
    other.now = FIRST + timedelta(days=DAYS)
    for service in (one, other):
        service.settle()
        service.let_go()
    assert told(other.told) == told(one.told)


def test_old_days_are_kept_thin_and_forgotten_in_the_end(tmp_path: Path) -> None:
    service = Service(tmp_path, keep=Keep(days=5))
    service.feed(until(9), 300)
    horizon = service.store.horizon
    assert horizon >= (FIRST + timedelta(days=6)).date()
    ((first,),) = service.store.rows('SELECT min("at") FROM occurrence')
    assert first >= (FIRST + timedelta(days=2)).replace(tzinfo=None)
    ((thin, contexts),) = service.store.rows(
        'SELECT count(*), count(DISTINCT context) FROM occurrence WHERE "at" < $day', {"day": horizon}
    )
    assert thin <= contexts * 6 * 5
    service.let_go()


def test_a_store_that_is_larger_than_allowed_forgets_more(tmp_path: Path) -> None:
    service = Service(tmp_path, keep=Keep(size=1))
    service.feed(until(5), 300)
    ((first,),) = service.store.rows('SELECT min("at") FROM occurrence')
    assert first.date() >= service.store.horizon - timedelta(days=7)
    service.let_go()


def test_verdicts_are_applied_and_looked_at_again(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.feed(LOG, 4000)
    service.settle()
    before = len(service.told)
    service.engine.reconsider()
    service.settle()
    assert len(service.told) == before
    service.let_go()


def test_streams_are_read_apart(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.journal.put("kubernetes/a", LOG[0]).result(5)
    service.journal.put("notes", b"nothing that anybody knows\n").result(5)
    service.engine.round()
    assert {name: [one.name for one in reading.sources] for name, reading in service.engine.streams.items()} == {
        "kubernetes/a": ["kube-audit"],
        "notes": [],
    }
    for _ in range(500):  # silent for more than an hour, by its own clock
        service.engine.round()
    assert service.engine.streams == {}
    service.journal.put("kubernetes/a", LOG[1]).result(5)
    service.engine.round()
    assert (service.engine.status.records, service.engine.status.unknown) == (2, 0)
    service.let_go()
