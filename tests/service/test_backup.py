"""A copy made while the service runs is a whole state: another service goes on from it."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest
from running import AUDIT, Place, wait

from tidewaiter.errors import StoreError
from tidewaiter.service.backup import back_up
from tidewaiter.service.journal import START, Journal
from tidewaiter.store import Store


def test_a_service_goes_on_from_a_copy_of_another(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    place = Place(first)
    lines = AUDIT.read_bytes().splitlines()
    with place.running() as process:
        assert place.send(lines) == 200
        wait(lambda: len(place.told()) == 2)
        process.send_signal(signal.SIGUSR1)
        wait((place.state / "backup").exists)
        process.kill()
        process.wait()
    other = Place(second, state=second / "state")
    shutil.copytree(place.state / "backup", other.state)
    other.out.write_bytes(place.out.read_bytes())
    with other.running():
        assert other.send(lines) == 200  # again
        wait(lambda: other.metric("tidewaiter_records_kept_total") > 0)
    assert len(other.told()) == 2
    with Store(other.state / "store") as store:
        ((rows, ids),) = store.rows("SELECT count(*), count(DISTINCT id) FROM occurrence")
    assert rows == ids == 16  # 18 records, two of which are stages of one request


def test_a_store_beside_a_new_journal_reads_it_from_its_beginning(tmp_path: Path) -> None:
    place = Place(tmp_path)
    lines = AUDIT.read_bytes().splitlines()
    with place.running():
        place.send(lines[:10])
        wait(lambda: place.metric("tidewaiter_records_total") == 10)
    with Store(place.state / "store") as store:
        store.script("UPDATE journal_place SET segment = 900")
    shutil.rmtree(place.state / "journal")
    with place.running():
        place.send(lines)
        wait(lambda: len(place.told()) == 2)


def test_what_fails_keeps_the_earlier_copy(tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "old").touch()

    def fails(_: Path) -> None:
        raise OSError(28, "No space left on device")

    journal = Journal(tmp_path / "journal")
    with Store(tmp_path / "store") as store, pytest.raises(StoreError, match="No space left"):
        back_up(tmp_path, store=store, outbox=fails, journal=journal, since=START)
    assert (tmp_path / "backup" / "old").exists()
    back_up_again(tmp_path, journal)
    assert not (tmp_path / "backup" / "old").exists()
    journal.close()


def back_up_again(folder: Path, journal: Journal) -> None:
    with Store(folder / "store") as store:
        back_up(folder, store=store, outbox=Path.touch, journal=journal, since=START)
