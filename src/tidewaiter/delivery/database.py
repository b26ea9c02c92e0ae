"""The file of the outbox: opened, brought to the present version, and its failures put into words. SQLite.

Write-ahead log with `synchronous=FULL`: a commit is on disk when it returns, and other processes can read and copy
meanwhile (https://sqlite.org/wal.html). The log is folded into the file only when it is large, so that a plain copy of
the folder while nothing is folded is a copy of one moment; `copy` gives such a copy at any time.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from importlib.resources import files
from pathlib import Path

from tidewaiter.errors import StoreError

_FOLDED_AT = 8192  # pages of the log: 32 MB
_BUSY = 10_000  # ms to wait for another process
_COPIED = 1024  # pages in one go
_NUMBER = re.compile(r"(\d{3})_\w+\.sql")


def migrations() -> list[str]:
    """Give the steps from nothing to the present version, in order; step n leads to version n."""
    folder = files("tidewaiter.delivery").joinpath("schema")
    found = sorted((int(match[1]), entry) for entry in folder.iterdir() if (match := _NUMBER.fullmatch(entry.name)))
    return [entry.read_text(encoding="utf-8") for _, entry in found]


def opened(path: Path) -> sqlite3.Connection:
    """Open the outbox for writing, and make or migrate it. Raises StoreError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # findings name people
    except OSError as problem:
        raise _unusable(problem.strerror or str(problem), path) from problem
    with said(path), ExitStack() as undo:
        connection = undo.enter_context(closing(_connect(f"file:{_quoted(path)}?mode=rw")))
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # before anything is written, or never
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={_FOLDED_AT}")
        connection.execute(f"PRAGMA journal_size_limit={_FOLDED_AT * 4096}")
        _migrate(connection, path)
        undo.pop_all()
        return connection


def looked_into(path: Path) -> sqlite3.Connection:
    """Open an outbox that exists for reading, also while the service runs. Raises StoreError."""
    if not path.is_file():
        raise StoreError("there is no outbox yet", where=str(path), hint="the service makes it: tidewaiter serve")
    with said(path), ExitStack() as undo:
        connection = undo.enter_context(closing(_connect(f"file:{_quoted(path)}?mode=ro")))
        _refuse_other(version(connection), len(migrations()), path)
        undo.pop_all()
        return connection


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(
        address, uri=True, isolation_level=None, check_same_thread=False, timeout=_BUSY / 1000, cached_statements=64
    )


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def version(connection: sqlite3.Connection) -> int:
    """Give the version of the file; 0 is a new one."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    return int(found)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Run the steps that are missing, each whole or not at all."""
    steps = migrations()
    present = version(connection)
    if present > len(steps):
        _refuse_other(present, len(steps), path)
    for number, step in enumerate(steps[present:], present + 1):
        # A script commits what is open before it begins: the transaction belongs inside.
        connection.executescript(f"BEGIN IMMEDIATE;\n{step}\nPRAGMA user_version={number};\nCOMMIT;")


def _refuse_other(found: int, known: int, path: Path) -> None:
    if found > known:
        raise StoreError(
            f"the outbox has version {found}, this tidewaiter knows up to {known}",
            where=str(path),
            hint="it was written by a newer tidewaiter: use that one, or another state directory",
        )
    if found < known:
        raise StoreError(
            f"the outbox has version {found}, this tidewaiter reads version {known}",
            where=str(path),
            hint="start the service once: it brings the file up to date",
        )


@contextmanager
def said(path: Path) -> Iterator[None]:
    """Put failures of SQLite into words."""
    try:
        yield
    except sqlite3.Error as problem:
        raise _unusable(str(problem), path) from problem


def _unusable(problem: str, path: Path) -> StoreError:
    full = "full" in problem or "No space" in problem
    return StoreError(
        f"the outbox cannot be used: {problem}",
        where=str(path),
        hint="make room on the disk: it goes on by itself" if full else "is the state directory ours, and undamaged?",
    )


class Database:
    """One connection that threads take in turns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = opened(path)
        self._lock = threading.RLock()

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Change something: all of it, on disk, when this ends; or nothing. Raises StoreError."""
        with self._lock, said(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                # A full disk may have ended the transaction already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Ask something. Raises StoreError."""
        with self._lock, said(self.path):
            yield self._connection

    def copy(self, target: Path) -> None:
        """Copy the file as it is at one moment, while others go on writing. Raises StoreError."""
        with said(target), closing(sqlite3.connect(target)) as other, closing(looked_into(self.path)) as source:
            source.backup(other, pages=_COPIED)

    def size(self) -> int:
        """Give the bytes in use."""
        with self.read() as connection:
            pages, free, each = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * each)

    def close(self) -> None:
        """Let go of the file; the log is folded into it."""
        with self._lock:
            self._connection.close()
