"""The embedded store: activities and everything measured over them. The only importer of duckdb.

One process owns the file. Without a directory the store lives in a temporary one and leaves nothing behind.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from tidewaiter.errors import StoreError
from tidewaiter.model import Activity

try:
    # The engine itself, without duckdb's Python wrappers for relations and expressions: a start 0.1 CPU s shorter.
    import _duckdb as duckdb
except ImportError:  # a duckdb that is put together in another way
    import duckdb  # type: ignore[no-redef]  # one name for either

_FILE = "tidewaiter.duckdb"
_LAYOUT = 3  # version of schema/*.sql; an older one is brought forward by migrate_N.sql, a newer one refused
_OLDEST = 2
MEMORY = 96  # MB the engine starts with: enough for hundreds of thousands of activities
MOST_MEMORY = 4096  # MB it may get when a statement cannot be done with less; what can be spilled goes to disk first
_SPOOL_BYTES = 8 << 20  # rows waiting for the engine, in a file: memory stays flat


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What many activities share: the normal form without its time and place, and what the recognisers said of it."""

    context: int  # number within the store
    a: Activity  # its id, time, text, line and offset are not looked at
    recognised: tuple[str, ...]  # "name@version" of evidence, the heaviest first
    tripwires: tuple[str, ...]
    weight: float  # bits of the heaviest recogniser
    role: str  # tripwire, evidence, context; own and counted: what only users' own rules saw (see profile.sql)
    network: str | None  # the /24 or /48 the address lies in
    network_kind: str  # loopback, private, public or none
    claimed_kind: str = "none"  # the same of the address from which a relayed request says it came
    learn: bool  # given with --learn: teaches, and is never judged
    likeness: tuple[str, ...] = ()  # groups of actors that are like this one, see meaning/likeness.py


class Occurrence(msgspec.Struct, frozen=True, omit_defaults=True):
    """One activity: which context, and when and where."""

    context: int
    id: str
    at: datetime
    text: str
    line: int
    off: int
    disclosed: int | None = None


class _Spool:
    """Values on their way into a table, in a file: memory stays flat."""

    def __init__(self, directory: Path, encoder: msgspec.json.Encoder) -> None:
        self._file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - lives as long as the store
            dir=directory, prefix="rows-", suffix=".ndjson"
        )
        self._encoder = encoder
        self.name = self._file.name
        self.waiting = 0

    def add(self, values: Iterable[Any]) -> None:
        data = self._encoder.encode_lines(values)
        self._file.write(data)
        self.waiting += len(data)

    def ready(self) -> bool:
        """Tell whether there is anything for the engine to read, and make it visible."""
        self._file.flush()
        return self.waiting > 0

    def empty(self) -> None:
        self._file.seek(0)
        os.ftruncate(self._file.fileno(), 0)
        self.waiting = 0

    def close(self) -> None:
        self._file.close()


class Store:
    """Holds activities; runs the SQL of the stages."""

    def __init__(self, directory: Path | None = None, *, memory: int = MEMORY, threads: int = 1) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="tidewaiter-")) if directory is None else directory
        self._encoder = msgspec.json.Encoder()
        self._reading = 0  # queries whose rows are being taken
        with ExitStack() as opened:  # whatever fails, nothing stays open and nothing temporary stays behind
            if directory is None:
                opened.callback(shutil.rmtree, self.directory, ignore_errors=True)
            # A temporary store needs no file and no write-ahead log; what is too much for memory spills all the same.
            self._open(opened, ":memory:" if directory is None else str(self.directory / _FILE))
            self._memory = memory
            self._engine.execute(f"SET memory_limit='{memory}MB'")
            self._engine.execute(f"SET threads={threads}")
            self._engine.execute("SET preserve_insertion_order=false")
            self._engine.execute(f"SET temp_directory='{str(self.directory / 'spill').replace(chr(39), chr(39) * 2)}'")
            self._prepare()
            self._opened = opened.pop_all()

    def _open(self, opened: ExitStack, database: str) -> None:
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._contexts = opened.enter_context(closing(_Spool(self.directory, self._encoder)))
            self._occurrences = opened.enter_context(closing(_Spool(self.directory, self._encoder)))
            self._engine = opened.enter_context(closing(duckdb.connect(database)))
        except OSError as problem:
            raise StoreError(
                f"the state cannot be opened: {problem.strerror}",
                where=str(self.directory),
                hint="name a folder that you may write to",
            ) from problem
        except duckdb.IOException as problem:
            raise StoreError(
                f"the state cannot be opened: {problem}",
                where=str(self.directory),
                hint="another tidewaiter may be using it; give each its own --state directory",
            ) from problem

    def _prepare(self) -> None:
        for name in ("activity", "fresh", "judged", "asked"):
            self.script(schema(name))
        found = self._engine.execute("SELECT layout FROM layout").fetchone()
        if found is None:
            self._engine.execute("INSERT INTO layout VALUES (?)", [_LAYOUT])
        elif not _OLDEST <= found[0] <= _LAYOUT:
            raise StoreError(
                f"the state has layout {found[0]}, this version reads layouts {_OLDEST} to {_LAYOUT}",
                where=str(self.directory / _FILE),
                hint="start with a new --state directory and fill it with --learn from the old logs",
            )
        else:
            for layout in range(found[0], _LAYOUT):
                self.script(schema(f"migrate_{layout}"))
        if self._engine.execute("SELECT count(*) FROM horizon").fetchone() == (0,):
            self._engine.execute("INSERT INTO horizon VALUES (?)", [date.min])
        ((self.horizon,),) = self._engine.execute("SELECT day FROM horizon").fetchall()
        self._last_context = (self._engine.execute("SELECT max(context) FROM context").fetchone() or (0,))[0] or 0

    def add_context(self, context: Context) -> None:
        """Take a context in, before any occurrence of it."""
        self._contexts.add((context,))

    def next_context(self) -> int:
        """Give a number that no context has."""
        self._last_context += 1
        return self._last_context

    def add(self, occurrences: Iterable[Occurrence]) -> None:
        """Take activities in; they become visible with `settle`."""
        self._occurrences.add(occurrences)
        if self._occurrences.waiting + self._contexts.waiting >= _SPOOL_BYTES:
            self._flush()

    def _must_be_free(self) -> None:
        if self._reading:  # the engine would drop what is left of that query, silently
            raise RuntimeError("the rows of an earlier query are still being taken")

    def _run(self, sql: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None) -> duckdb.DuckDBPyConnection:
        """Run one statement, with more memory if it must be: one that failed has changed nothing."""
        self._must_be_free()
        while True:
            try:
                return self._engine.execute(sql, parameters)
            except duckdb.OutOfMemoryException as problem:
                if self._memory >= MOST_MEMORY:
                    raise StoreError(
                        f"{self._memory} MB of memory are not enough to measure this much at once",
                        where=str(self.directory),
                        hint="scan fewer days at a time, with --state DIR to keep what was learnt",
                    ) from problem
                self._memory *= 2
                self._engine.execute(f"SET memory_limit='{self._memory}MB'")
            except (duckdb.IOException, duckdb.FatalException) as problem:
                raise StoreError(
                    f"the store cannot be written: {str(problem).splitlines()[0]}",
                    where=str(self.directory),
                    hint="look for a full disk, and for another program that writes there",
                ) from problem

    def _flush(self) -> None:
        for spool, script in ((self._contexts, "load_contexts"), (self._occurrences, "load_occurrences")):
            if spool.ready():
                self._run(schema(script), [spool.name])
                spool.empty()

    def settle(self) -> None:
        """Make everything added so far visible: each request once, whatever the number of its records."""
        self._flush()
        ((first, last),) = self.rows('SELECT min("at"), max("at") FROM fresh')
        if first is not None:
            self.script(schema("settle"), {"first": first, "last": last})

    def thin(self, horizon: date, forget: date) -> None:
        """Keep of the days before `horizon` only what teaches, and of those before `forget` nothing.

        `baseline.measure.profile` or `estate`, and its hits, were made before. Numbers of contexts given out earlier
        are not valid any more. All of it happens, or nothing.
        """
        with self.together():
            self.script(schema("thin"), {"horizon": horizon, "forget": forget})
        self.horizon = horizon
        self._run("CHECKPOINT")

    def thin_routine(self, before: datetime) -> None:
        """Keep routine older than a moment once in ten minutes; those in the table `asked` are kept whole."""
        with self.together():
            self.script(schema("thin_routine"), {"before": before})

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make what is done inside durable together, or not at all."""
        self._run("BEGIN TRANSACTION")
        with ExitStack() as undo:
            undo.callback(self._roll_back)
            yield
            undo.pop_all()
        self._run("COMMIT")

    def _roll_back(self) -> None:
        with suppress(duckdb.Error):  # a full disk may have ended the transaction already
            self._engine.execute("ROLLBACK")

    def copy(self, folder: Path) -> None:
        """Write a store with the same content into another folder, while this one stays in use."""
        target = str(folder / _FILE).replace("'", "''")
        ((name,),) = self.rows("SELECT current_database()")
        self._run(f"ATTACH '{target}' AS copied")
        try:
            self._run(f'COPY FROM DATABASE "{name}" TO copied')
        finally:
            self._run("DETACH copied")

    @property
    def used(self) -> int:
        """Bytes of the file that are in use; what was freed is used again and never given back to the disk."""
        ((blocks, size),) = self.rows("SELECT used_blocks, block_size FROM pragma_database_size()")
        return int(blocks) * int(size)

    def script(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run statements; named parameters are `$name`, and each statement gets those it names."""
        for statement in split(sql):
            wanted = {key: value for key, value in (parameters or {}).items() if f"${key}" in statement}
            self._run(statement, wanted or None)

    def insert(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add rows to a small table of a stage, in the order of its columns; for activities use `add`."""
        columns = [(name, kind) for name, kind, *_ in self.rows(f"DESCRIBE {table}")]
        typed = ", ".join(f'"{name}": {kind!r}' for name, kind in columns)
        with tempfile.NamedTemporaryFile(dir=self.directory, suffix=".ndjson") as spool:
            for row in rows:
                spool.write(self._encoder.encode(dict(zip((name for name, _ in columns), row, strict=True))) + b"\n")
            if spool.tell():
                spool.flush()
                self._run(
                    f"INSERT INTO {table} SELECT * FROM read_ndjson(?, columns = {{{typed}}})",  # noqa: S608 - our own names
                    [spool.name],
                )

    def rows(self, sql: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None) -> Iterator[tuple[Any, ...]]:
        """Run one query and give its rows as they come. No other statement may run before the last row was taken."""
        result = self._run(sql, parameters)
        self._reading += 1
        try:
            while batch := result.fetchmany(4096):
                yield from batch
        finally:
            self._reading -= 1

    def close(self) -> None:
        """Let go of the file; a temporary store is removed."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def schema(name: str) -> str:
    """Give the SQL text `schema/<name>.sql`."""
    return files("tidewaiter.store").joinpath("schema", f"{name}.sql").read_text(encoding="utf-8")


def split(sql: str) -> list[str]:
    """Cut a script into statements, without comments; our scripts hold no `--` or semicolon inside a string."""
    code = "\n".join(line.partition("--")[0] for line in sql.splitlines())
    return [statement for part in code.split(";") if (statement := part.strip())]
