import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import parcels
import pytest

from tidewaiter.delivery import database
from tidewaiter.delivery.database import Database, looked_into, migrations, opened, version
from tidewaiter.delivery.outbox import Outbox, Rules
from tidewaiter.delivery.routes import Routed
from tidewaiter.errors import StoreError

COPY = "import shutil, sys; [shutil.copy(name, sys.argv[1]) for name in sys.argv[2:]]"


def test_a_new_file_is_private_durable_and_of_the_present_version(tmp_path: Path) -> None:
    path = tmp_path / "state" / "outbox.sqlite"
    with closing(opened(path)) as connection:
        found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
        assert (version(connection), found) == (len(migrations()), ["wal", 2])
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_the_first_version_is_brought_up_to_date_with_everything_in_it(tmp_path: Path) -> None:
    path = tmp_path / "o"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(migrations()[0])
        old.execute("INSERT INTO document VALUES (7, 'F-1', 'ab', 'x', 1.5, 0, 1, ?)", (b'{"id":"F-1"}',))
        old.execute("INSERT INTO delivery VALUES ('a', 7, 'F-1', 'pending', 2, 1, 0, 1.5, 'HTTP 503')")
        old.execute("INSERT INTO tally VALUES ('', 'suppressed:route', 3)")
        old.execute("PRAGMA user_version=1")
        old.commit()
    outbox = Outbox(path)
    (found,) = outbox.claim("a", now=parcels.NOW, most=9)
    assert found == parcels.parcel(
        7, finding="F-1", fingerprint="ab", document={"id": "F-1"}, attempts=2, blamed=1, offered=1.5, since=1.5
    )
    assert outbox.status().suppressed == {"route": 3, "verdict": 0, "rate": 0}
    outbox.close()
    with closing(looked_into(path)) as connection:
        assert version(connection) == len(migrations())


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "o"
    opened(path).close()
    broken = "CREATE TABLE more (a INTEGER); SELECT nonsense FROM nowhere;"
    steps = migrations()
    monkeypatch.setattr(database, "migrations", lambda: [*steps, broken])
    with pytest.raises(StoreError, match="nowhere"):
        opened(path)
    monkeypatch.undo()
    with closing(opened(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'more'").fetchone() == (0,)


@pytest.mark.parametrize("opening", [opened, looked_into])
def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path, opening: object) -> None:
    path = tmp_path / "o"
    with closing(opened(path)) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(StoreError, match="version 99, this tidewaiter knows up to 2") as caught:
        opening(path)  # type: ignore[operator]  # either function
    assert (caught.value.where, "newer tidewaiter" in caught.value.hint) == (str(path), True)


def test_looking_into_an_older_file_does_not_change_it(tmp_path: Path) -> None:
    path = tmp_path / "o"
    with closing(opened(path)) as connection:
        connection.execute("PRAGMA user_version=1")
    with pytest.raises(StoreError, match="has version 1, this tidewaiter reads version 2"):
        looked_into(path)


@pytest.mark.parametrize("opening", [opened, looked_into])
def test_what_is_no_outbox_is_said(tmp_path: Path, opening: object) -> None:
    path = tmp_path / "o"
    path.write_bytes(b"this is no database, and long enough to be taken for one" * 20)
    with pytest.raises(StoreError, match="not a database"):
        opening(path)  # type: ignore[operator]  # either function


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        opened(tmp_path / "file" / "outbox.sqlite")


def test_looking_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no outbox yet"):
        looked_into(tmp_path / "o")
    assert list(tmp_path.iterdir()) == []


def test_looking_cannot_write(tmp_path: Path) -> None:
    opened(tmp_path / "a ? # % o").close()
    with (
        closing(looked_into(tmp_path / "a ? # % o")) as connection,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        connection.execute("INSERT INTO tally VALUES ('', '', 1)")


def test_a_full_disk_is_said_and_changes_nothing(tmp_path: Path) -> None:
    both = Rules(route=lambda *_: Routed(sinks=("a",)))
    outbox = Outbox(tmp_path / "o", both)
    outbox.offer([parcels.finding("F-1")], now=parcels.NOW)
    connection = outbox._database._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages + 10}")  # SQLite answers SQLITE_FULL, as for a disk
    big = [parcels.finding("F-2"), parcels.finding("F-3", headline="x" * 400_000)]
    with pytest.raises(StoreError, match="full") as caught:
        outbox.offer(big, now=parcels.NOW)
    assert "goes on by itself" in caught.value.hint
    assert [one.finding for one in outbox.claim("a", now=parcels.NOW, most=9)] == ["F-1"]
    connection.execute("PRAGMA max_page_count=1000000")
    assert outbox.offer(big, now=parcels.NOW) == 2
    outbox.close()


def test_a_copy_while_others_write_is_of_one_moment(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o", Rules(route=lambda *_: Routed(sinks=("a",))))
    outbox.offer([parcels.finding("F-1")], now=parcels.NOW)
    outbox.copy(tmp_path / "copy")
    outbox.offer([parcels.finding("F-2")], now=parcels.NOW)
    outbox.close()
    copied = Outbox(tmp_path / "copy")
    assert [one.finding for one in copied.claim("a", now=parcels.NOW, most=9)] == ["F-1"]
    copied.close()


def test_another_process_may_copy_the_files_while_it_is_open(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o", Rules(route=lambda *_: Routed(sinks=("a",))))
    (tmp_path / "copy").mkdir()
    for number in range(20):
        outbox.offer([parcels.finding(f"F-{number}")], now=parcels.NOW)
    names = [str(tmp_path / name) for name in ("o", "o-wal")]
    copying = subprocess.Popen([sys.executable, "-c", COPY, str(tmp_path / "copy"), *names])
    while copying.poll() is None:
        number += 1
        outbox.offer([parcels.finding(f"F-{number}")], now=parcels.NOW)
    outbox.close()
    copied = Outbox(tmp_path / "copy" / "o")
    found = [one.finding for one in copied.claim("a", now=parcels.NOW, most=10_000)]
    assert found == [f"F-{n}" for n in range(len(found))]
    assert len(found) >= 20
    with copied._database.read() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copied.close()


def test_size_is_what_is_in_use(tmp_path: Path) -> None:
    found = Database(tmp_path / "o")
    empty = found.size()
    with found.change() as connection:
        connection.execute("INSERT INTO document VALUES (1, '', '', '', 0, 0, 0, ?)", (b"x" * 500_000,))
    full = found.size()
    with found.change() as connection:
        connection.execute("DELETE FROM document")
    assert (full - empty > 490_000, found.size() - empty < 10_000) == (True, True)
    found.close()
