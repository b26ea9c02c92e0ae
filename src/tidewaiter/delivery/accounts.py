"""What the outbox says of itself: counts, ages, dead letters. Reads only; works on the file of a running service."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from tidewaiter.delivery.database import looked_into, said
from tidewaiter.delivery.routes import HELD

_SUPPRESSED = "suppressed:"


class SinkAccount(msgspec.Struct, frozen=True, kw_only=True):
    """How delivery to one sink goes. Counts are of all time, but pending and dead."""

    name: str
    pending: int = 0
    dead: int = 0  # dead letters that are kept
    delivered: int = 0
    superseded: int = 0  # states of findings that a newer one replaced before they were sent
    attempts_failed: int = 0
    discarded: int = 0  # dead letters that were kept for as long as is remembered, and then removed
    oldest: float | None = None  # since when the oldest undelivered finding waits, seconds since 1970
    due: float | None = None  # the next attempt, where something waits
    reason: str = ""  # of the last failure of what waits


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """How delivery goes."""

    sinks: tuple[SinkAccount, ...]
    suppressed: dict[str, int]  # reason -> findings that were held back
    size: int  # bytes


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that a sink will not be sent again by itself."""

    sink: str
    finding: str
    number: int
    attempts: int
    since: float
    reason: str
    headline: str


def suppressed_key(reason: str) -> str:
    """Give the name under which held back findings are counted."""
    return f"{_SUPPRESSED}{reason}"


def account(connection: sqlite3.Connection, names: Iterable[str] = ()) -> Account:
    """Give the account of these sinks, and of all that the file knows."""
    known = {*sinks_of(connection)}
    known |= {row[0] for row in connection.execute("SELECT DISTINCT sink FROM tally WHERE sink != ''")}
    listed = list(dict.fromkeys([*names, *sorted(known)]))
    pages, each, free = (_pragma(connection, name) for name in ("page_count", "page_size", "freelist_count"))
    return Account(
        sinks=tuple(_sink(connection, name) for name in listed),
        suppressed=suppressed(connection),
        size=(pages - free) * each,
    )


def sinks_of(connection: sqlite3.Connection) -> Iterator[str]:
    """Give the sinks that ever had something to get, by a few looks into the index."""
    found = connection.execute("SELECT min(sink) FROM delivery").fetchone()[0]
    while found is not None:
        yield str(found)
        found = connection.execute("SELECT min(sink) FROM delivery WHERE sink > ?", (found,)).fetchone()[0]


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def suppressed(connection: sqlite3.Connection) -> dict[str, int]:
    """Count the findings that were held back, by reason."""
    counts = _tally(connection, "")
    return {reason: counts.get(suppressed_key(reason), 0) for reason in HELD}


def _tally(connection: sqlite3.Connection, sink: str) -> dict[str, int]:
    return dict(connection.execute("SELECT what, n FROM tally WHERE sink = ?", (sink,)))


def _sink(connection: sqlite3.Connection, name: str) -> SinkAccount:
    pending, oldest, due = connection.execute(
        "SELECT count(*), min(since), min(due) FROM delivery WHERE sink = ? AND state = 'pending'", (name,)
    ).fetchone()
    (dead,) = connection.execute("SELECT count(*) FROM delivery WHERE sink = ? AND state = 'dead'", (name,)).fetchone()
    reason = connection.execute(
        "SELECT reason FROM delivery WHERE sink = ? AND state = 'pending' AND reason != '' ORDER BY number LIMIT 1",
        (name,),
    ).fetchone()
    counts = _tally(connection, name)
    return SinkAccount(
        name=name,
        pending=pending,
        dead=dead,
        delivered=counts.get("delivered", 0),
        superseded=counts.get("superseded", 0),
        attempts_failed=counts.get("failed", 0),
        discarded=counts.get("discarded", 0),
        oldest=oldest,
        due=due,
        reason=reason[0] if reason else "",
    )


def dead_letters(connection: sqlite3.Connection, sink: str | None = None) -> list[DeadLetter]:
    """List the dead letters, of one sink or of all, the oldest first."""
    rows = connection.execute(
        "SELECT sink, finding, number, attempts, since, reason FROM delivery "
        "WHERE state = 'dead' AND (sink = ?1 OR ?1 IS NULL) ORDER BY number, sink",
        (sink,),
    ).fetchall()
    return [
        DeadLetter(
            sink=row[0],
            finding=row[1],
            number=row[2],
            attempts=row[3],
            since=row[4],
            reason=row[5],
            headline=_headline(connection, row[2]),
        )
        for row in rows
    ]


def _headline(connection: sqlite3.Connection, number: int) -> str:
    row = connection.execute("SELECT body FROM document WHERE number = ?", (number,)).fetchone()
    found: Any = msgspec.json.decode(row[0]) if row and row[0] else {}
    return str(found.get("headline", ""))


def account_of(path: Path, names: Iterable[str] = ()) -> Account:
    """Read the account of the outbox of a service that may be running. Raises StoreError."""
    connection = looked_into(path)
    with said(path):
        try:
            return account(connection, names)
        finally:
            connection.close()


def dead_letters_of(path: Path, sink: str | None = None) -> list[DeadLetter]:
    """Read the dead letters of the outbox of a service that may be running. Raises StoreError."""
    connection = looked_into(path)
    with said(path):
        try:
            return dead_letters(connection, sink)
        finally:
            connection.close()
