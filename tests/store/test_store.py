from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from factories import AT, activity, actor, context, occurrence, origin

from tidewaiter import store as module
from tidewaiter.errors import StoreError
from tidewaiter.store import Context, Occurrence, Store, schema, split

# The placeholder of a record whose outcome is not known yet, and of one that was answered.
RECEIVED = context(context=1, a=activity(outcome="unknown"))
ANSWERED = context(context=2, a=activity(outcome="answered"))


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as opened:
        yield opened


def fill(store: Store, contexts: list[Context], occurrences: list[Occurrence]) -> None:
    for one in contexts:
        store.add_context(one)
    store.add(occurrences)
    store.settle()


def kept(store: Store, columns: str = "context, id, at, line, off") -> list[tuple[Any, ...]]:
    named = ", ".join(f'"{name.strip()}"' for name in columns.split(","))
    return sorted(store.rows(f"SELECT {named} FROM activity"))  # noqa: S608 - the test's own words


CARRIED = activity(
    actor=actor(kind="user", name='a"b|ü\n', via="shop/console"),
    namespace="shop",
    name="web-0",
    container="c1",
    traits=(),
    origin=origin(path="a b.log"),
)


def test_an_activity_comes_back_as_it_was(store: Store) -> None:
    said = context(a=CARRIED, recognised=("a@1", "b@2"), tripwires=("c@1",), weight=7.5, role="tripwire", learn=True)
    at = datetime(2026, 11, 23, 2, 14, 7, 123456, tzinfo=UTC)
    fill(store, [said], [occurrence(at=at, text="list 'é'\\", disclosed=1 << 40)])
    names, (row,) = [one[0] for one in store.rows("DESCRIBE activity")], store.rows("SELECT * FROM activity")
    assert dict(zip(names, row, strict=True)) == {
        "id": "5f2b1c7d9e0a4b3c8d7e",
        "at": at.replace(tzinfo=None),  # UTC, as the whole store
        "text": "list 'é'\\",
        "line": 181,
        "off": 240113,
        "disclosed": 1 << 40,
        "context": 1,
        "actor": 'user|kubernetes|a"b|ü\n|shop/console',
        "actor_kind": "user",
        "actor_name": 'a"b|ü\n',
        "realm": "kubernetes",
        "via": "shop/console",
        "plane": "kubernetes",
        "verb": "list",
        "kind": "pods",
        "class": "workload",
        "scope": "everything",
        "namespace": "shop",
        "name": "web-0",
        "outcome": "answered",
        "address": "10.42.3.17",
        "network": "10.42.3.0/24",
        "network_kind": "private",
        "tool": "curl/8.5",
        "container": "c1",
        "node": None,
        "credential": None,
        "claimed": None,
        "claimed_kind": "none",
        "traits": [],
        "likeness": [],
        "source": "kube-audit",
        "path": "a b.log",
        "recognised": ["a@1", "b@2"],
        "tripwires": ["c@1"],
        "weight": 7.5,
        "role": "tripwire",
        "learn": True,
    }


def test_nothing_is_visible_before_it_is_settled(store: Store) -> None:
    store.add_context(context())
    store.add([occurrence()])
    assert kept(store) == []
    store.settle()
    assert kept(store, "id") == [("5f2b1c7d9e0a4b3c8d7e",)]


def test_what_is_unlike_stays(store: Store) -> None:
    fill(store, [context()], [occurrence(id="a"), occurrence(id="b", line=182)])
    store.settle()
    assert kept(store, "id, line") == [("a", 181), ("b", 182)]


@pytest.mark.parametrize(
    ("contexts", "occurrences", "winner"),
    [
        ([RECEIVED, ANSWERED], [(1, 5), (2, 6)], (2, 6)),
        ([RECEIVED, ANSWERED], [(2, 6), (1, 5)], (2, 6)),
        ([ANSWERED], [(2, 6), (2, 6)], (2, 6)),
        ([ANSWERED], [(2, 9), (2, 6), (2, 7)], (2, 6)),
        (
            [ANSWERED, context(context=3, a=activity(outcome="refused", origin=origin(path="a.log")))],
            [(2, 1), (3, 99)],
            (3, 99),  # both outcomes are known: the first path
        ),
        ([ANSWERED, context(context=3, a=activity(actor=actor(via="shop/console")))], [(2, 1), (3, 9)], (3, 9)),
        (
            [ANSWERED, context(context=3, a=activity(actor=actor(via="shop/console"), outcome="unknown"))],
            [(2, 1), (3, 9)],
            (2, 1),
        ),
        ([context(context=1, learn=True), ANSWERED], [(1, 1), (2, 9)], (2, 9)),
    ],
    ids=[
        "the outcome is known",
        "in any order",
        "the very same record",
        "first place",
        "first path",
        "in another's name",
        "outcome before name",
        "given to be judged",
    ],
)
def test_one_request_is_kept_once(
    contexts: list[Context], occurrences: list[tuple[int, int]], winner: tuple[int, int], store: Store
) -> None:
    fill(store, contexts, [occurrence(context=number, line=line) for number, line in occurrences])
    assert kept(store, "context, line") == [winner]


def test_a_later_record_may_know_more_than_a_settled_one(store: Store) -> None:
    fill(store, [RECEIVED], [occurrence(context=1, line=5)])
    fill(store, [ANSWERED], [occurrence(context=2, line=6)])
    assert kept(store, "context, line") == [(2, 6)]


def test_the_same_file_in_two_runs_is_there_once(tmp_path: Path) -> None:
    for _ in range(2):
        with Store(tmp_path) as store:
            number = store.next_context()
            fill(store, [context(context=number)], [occurrence(context=number, id=name) for name in "abc"])
            assert kept(store, "id") == [("a",), ("b",), ("c",)]


def test_numbers_of_contexts_go_on_after_reopening(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        assert [store.next_context(), store.next_context()] == [1, 2]
        fill(store, [context(context=2)], [])
    with Store(tmp_path) as store:
        assert store.next_context() == 3


_OPEN = """
import sys
from pathlib import Path
from tidewaiter.errors import StoreError
from tidewaiter.store import Store
try:
    Store(Path(sys.argv[1]))
except StoreError as problem:
    print(problem)
"""


def test_a_second_program_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        fill(store, [context()], [occurrence()])
        done = subprocess.run([sys.executable, "-c", _OPEN, str(tmp_path)], capture_output=True, text=True, check=True)
        assert kept(store, "line") == [(181,)]
    what, where, hint = done.stdout.splitlines()
    assert what.startswith("error: the state cannot be opened: IO Error: Could not set lock on file")
    assert where == f"where: {tmp_path}"
    assert hint == "hint: another tidewaiter may be using it; give each its own --state directory"


def test_a_store_of_the_first_released_layout_is_brought_forward(tmp_path: Path) -> None:
    old = (Path(__file__).parents[1] / "data" / "store" / "layout_2.sql").read_text(encoding="utf-8")
    with closing(duckdb.connect(str(tmp_path / "tidewaiter.duckdb"))) as engine:
        engine.execute(old)
    with Store(tmp_path) as store:
        assert list(store.rows("SELECT layout, day FROM layout CROSS JOIN horizon")) == [(3, date.min)]
        assert list(store.rows("SELECT actor_name, kind, text FROM activity")) == [("ann", "pods", "list /api/v1/pods")]
    with Store(tmp_path) as store:
        store.settle()
        assert list(store.rows("SELECT count(*) FROM activity")) == [(1,)]


def test_a_store_of_another_layout_is_refused_and_let_go(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.script("UPDATE layout SET layout = 99")
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            Store(tmp_path)
        assert caught.value.what == "the state has layout 99, this version reads layouts 2 to 3"
        assert caught.value.where == str(tmp_path / "tidewaiter.duckdb")
        assert caught.value.hint == "start with a new --state directory and fill it with --learn from the old logs"
    duckdb.connect(str(tmp_path / "tidewaiter.duckdb")).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tidewaiter.duckdb"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StoreError) as caught:
        Store(tmp_path / "state")
    assert str(caught.value) == (
        f"error: the state cannot be opened: File exists\nwhere: {tmp_path / 'state'}\n"
        "hint: name a folder that you may write to"
    )


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tidewaiter.duckdb").write_bytes(b"nothing of ours\n" * 1000)
    with pytest.raises(StoreError, match="not a valid DuckDB database file"):
        Store(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tidewaiter.duckdb"]


def test_a_temporary_store_that_cannot_be_opened_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("tidewaiter.store.duckdb.connect", full)
    with pytest.raises(StoreError, match="the state cannot be opened: No space left on device"):
        Store()
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_store_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Store() as store:
        fill(store, [context()], [occurrence()])
        assert store.directory.parent == tmp_path
        assert store.directory.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []


def test_a_kept_store_leaves_its_database_only(tmp_path: Path) -> None:
    place = tmp_path / "a" / "it's"
    with Store(place) as store:
        fill(store, [context()], [occurrence()])
    assert [path.name for path in place.iterdir()] == ["tidewaiter.duckdb"]
    assert place.stat().st_mode & 0o777 == 0o700


def test_rows_are_taken_before_anything_else_is_asked(store: Store) -> None:
    fill(store, [context()], [occurrence(id=str(number)) for number in range(3)])
    taking = store.rows("SELECT id FROM activity ORDER BY id")
    assert next(taking) == ("0",)
    store.add([occurrence(id="later")])
    for ask in (
        lambda: next(store.rows("SELECT 1")),
        lambda: store.script("SELECT 1"),
        store.settle,
        lambda: store.insert("occurrence", [(1, "x", AT, "", 1, 1, None)]),
    ):
        with pytest.raises(RuntimeError, match="the rows of an earlier query are still being taken"):
            ask()
    assert list(taking) == [("1",), ("2",)]
    store.settle()
    assert kept(store, "id") == [("0",), ("1",), ("2",), ("later",)]


def test_rows_that_nobody_wants_any_more_are_let_go(store: Store) -> None:
    taking = store.rows("SELECT * FROM range(100000)")
    next(taking)
    del taking
    assert list(store.rows("SELECT 1")) == [(1,)]


def test_rows_come_in_batches_and_all_of_them(store: Store) -> None:
    assert sum(row[0] for row in store.rows("SELECT * FROM range(10000)")) == sum(range(10000))


def test_the_engine_is_given_rows_when_enough_wait(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SPOOL_BYTES", 1000)
    store.add_context(context())
    one = len('{"context":1,"id":"0000","at":"2026-11-23T02:14:07Z","text":"list /api/v1/pods?limit=500"}')
    counts = []
    for number in range(30):
        store.add([occurrence(id=f"{number:04}", at=AT + timedelta(seconds=number))])
        counts.append(store._occurrences.waiting + store._contexts.waiting)
    assert max(counts) < 1000
    assert counts.count(0) >= 30 * one // 1000
    store.settle()
    assert kept(store, "id") == [(f"{number:04}",) for number in range(30)]


def test_insert_fills_a_small_table(store: Store) -> None:
    store.script("CREATE TEMPORARY TABLE hit (id VARCHAR NOT NULL, weight DOUBLE NOT NULL, tags VARCHAR[])")
    store.insert("hit", iter([("a", 1.5, ["x", 'y"z']), ("b", 2, [])]))
    store.insert("hit", [])
    assert list(store.rows("SELECT * FROM hit ORDER BY id")) == [("a", 1.5, ["x", 'y"z']), ("b", 2.0, [])]


def test_insert_wants_every_column(store: Store) -> None:
    store.script("CREATE TEMPORARY TABLE hit (id VARCHAR, weight DOUBLE)")
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        store.insert("hit", [("a",)])


def test_a_statement_gets_the_parameters_it_names(store: Store) -> None:
    script = "CREATE TEMPORARY TABLE one AS SELECT $first AS n; CREATE TEMPORARY TABLE two AS SELECT $second AS n"
    store.script(script, {"first": 1, "second": 2, "third": 3})
    assert list(store.rows("SELECT * FROM one UNION ALL SELECT * FROM two")) == [(1,), (2,)]


@pytest.mark.parametrize(
    ("sql", "statements"),
    [
        ("", []),
        (" -- a remark; and another\n", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1; -- one\nSELECT\n2;\n", ["SELECT 1", "SELECT\n2"]),
    ],
)
def test_split(sql: str, statements: list[str]) -> None:
    assert split(sql) == statements


def test_schema_is_read_from_its_file() -> None:
    assert [statement.split("(")[0].split()[-1] for statement in split(schema("activity"))][:3] == [
        "layout",
        "context",
        "occurrence",
    ]


GREEDY = (
    "SELECT array_length(array_agg(repeat('x', 100) || i)) FROM range(300000) AS t(i)"  # 30 MB that cannot be spilled
)


def test_a_statement_gets_more_memory_when_it_needs_it() -> None:
    with Store(memory=8) as store:
        assert list(store.rows(GREEDY)) == [(300000,)]


def test_a_statement_that_needs_too_much_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_MEMORY", 8)
    with Store(memory=8) as store, pytest.raises(StoreError) as caught:
        list(store.rows(GREEDY))
    assert (caught.value.what, caught.value.hint) == (
        "8 MB of memory are not enough to measure this much at once",
        "scan fewer days at a time, with --state DIR to keep what was learnt",
    )
