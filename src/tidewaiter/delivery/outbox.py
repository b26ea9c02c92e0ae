"""The outbox: findings that were offered are on disk, with who is to have them, until that is done.

At least once to every sink, in the order of offering; one undelivered state of a finding per sink, the newest.
The fingerprint is the idempotence key: a state that was offered once is not sent again, unless a person's verdict was
given or taken back in between, which the receiver has to hear of.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from tidewaiter.delivery.accounts import Account, account, sinks_of, suppressed, suppressed_key
from tidewaiter.delivery.database import Database
from tidewaiter.delivery.fingerprint import fingerprint
from tidewaiter.delivery.parcel import Outcome, Parcel
from tidewaiter.delivery.routes import Routed, Router, is_covered
from tidewaiter.errors import StoreError
from tidewaiter.model import Finding
from tidewaiter.sinks.document import document
from tidewaiter.sinks.jsonl import encoded

Notice: TypeAlias = Callable[[str, Mapping[str, int], float, float], Mapping[str, Any]]  # sink, counts, since, now

_DAY = 86400.0
FARTHEST = 7200.0  # seconds: nothing is put off for longer
_REASON = 500  # characters
STUBBORN = 3  # failures of the receiver over a finding, from which on it is sent alone
_GIVEN_BACK = 4096  # pages of the file that go back to the disk in one go
_PARTS = 500  # rows removed in one transaction: others must not wait long


def to_nobody(_: Mapping[str, Any], __: frozenset[str], ___: int) -> Routed:
    """Hold everything back: what an outbox does that was given no routes."""
    return Routed(held="route")


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What the outbox is told of the configuration."""

    route: Router = to_nobody
    notice: Notice | None = None
    sinks: tuple[str, ...] = ()
    told: Mapping[str, bool] = {}  # sinks that are told of what was held back; True: also when nothing else is sent
    told_every: float = 3600.0  # seconds
    rate_seconds: float = 3600.0
    rate_most: int = 0  # findings of one actor within these that are counted for the routes; 0: none
    largest: int = 2 << 30  # bytes
    remembered: float = 30 * _DAY  # seconds


class Outbox:
    """Takes findings from one thread, gives them to many. Opening raises StoreError; so does a disk that is full."""

    def __init__(self, path: Path, rules: Rules | None = None) -> None:
        self._database = Database(path)
        self.rules = rules or Rules()

    def offer(self, findings: Sequence[Mapping[str, Any] | Finding], *, now: float) -> int:
        """Take findings over: on disk when this returns, all or none. Gives how many of them were news.

        Raises StoreError when that cannot be done; the caller keeps them and offers them again.
        """
        if not findings:
            return 0
        self._make_room(now)
        with self._database.change() as connection:
            news = sum(self._take(connection, document(finding), now) for finding in findings)
            if news:
                self._tell(connection, now, waiting_only=True)
        return news

    def _make_room(self, now: float) -> None:
        if self._database.size() < self.rules.largest:
            return
        self.tidy(now)
        if self._database.size() >= self.rules.largest:
            raise StoreError(
                f"the outbox has reached its limit of {self.rules.largest >> 20} MB",
                where=str(self._database.path),
                hint="a sink takes nothing: see tidewaiter sinks list; or raise delivery.largest_mb",
            )

    def _take(self, connection: sqlite3.Connection, finding: Mapping[str, Any], now: float) -> bool:
        """Write down one finding and who is to have it; give whether it was news."""
        key, covered, identity = fingerprint(finding), is_covered(finding), str(finding["id"])
        known = connection.execute(
            "SELECT 1 FROM document WHERE finding = ? AND fingerprint = ?", (identity, key)
        ).fetchone()
        if known:
            latest, was_covered = connection.execute(
                "SELECT number, covered FROM document WHERE finding = ? ORDER BY number DESC LIMIT 1", (identity,)
            ).fetchone()
            if bool(was_covered) == covered:
                return False
            key = f"{key}-{latest}"  # the receiver must not take it for what it had before
        rows = connection.execute("SELECT DISTINCT sink FROM delivery WHERE finding = ?", (identity,))
        earlier = frozenset(row[0] for row in rows)
        actor = _actor(finding)
        (recent,) = connection.execute(  # counted no further than matters: one actor may have very many
            "SELECT count(*) FROM (SELECT 1 FROM document WHERE actor = ? AND taken = 1 AND offered > ? LIMIT ?)",
            (actor, now - self.rules.rate_seconds, self.rules.rate_most),
        ).fetchone()
        routed = self.rules.route(finding, earlier, recent)
        number = _insert(connection, finding, (identity, key, actor, now, int(covered)), bool(routed.sinks))
        for sink in routed.sinks:
            _address(connection, sink, number, identity, now)
        if routed.held:
            count(connection, "", suppressed_key(routed.held), 1)
        return True

    def _tell(self, connection: sqlite3.Connection, now: float, *, waiting_only: bool) -> None:
        """Put a notice of what was held back behind what waits for a sink, if it was not told lately."""
        if self.rules.notice is None:
            return
        totals = suppressed(connection)
        for sink, unasked in self.rules.told.items():
            rows = connection.execute("SELECT reason, n, told_at FROM told WHERE sink = ?", (sink,)).fetchall()
            if not rows:  # a new sink: what was before it does not concern it
                _told(connection, sink, totals, now)
                continue
            before, at = {row[0]: row[1] for row in rows}, max(row[2] for row in rows)
            untold = {reason: n - before.get(reason, 0) for reason, n in totals.items() if n > before.get(reason, 0)}
            if not untold or now - at < self.rules.told_every or (waiting_only and not _waits(connection, sink)):
                continue
            if not waiting_only and not unasked:
                continue
            said = self.rules.notice(sink, untold, at, now)
            identity = str(said["id"])
            number = _insert(connection, said, (identity, fingerprint(said), "", now, 0), taken=True)
            _address(connection, sink, number, identity, now)
            _told(connection, sink, totals, now)

    def claim(self, sink: str, *, now: float, most: int) -> list[Parcel]:
        """Give what is due for a sink, in order; what the receiver failed over again and again comes alone."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT number, attempts, blamed, since FROM delivery "
                # What is due in hours was put off by a clock that has been set back since.
                "WHERE sink = ?1 AND state = 'pending' AND (due <= ?2 OR due > ?2 + ?3) ORDER BY number LIMIT ?4",
                (sink, now, FARTHEST, most),
            ).fetchall()
            if not rows:
                return []
            rows = rows[:1] if rows[0][2] >= STUBBORN else [row for row in rows if row[2] < STUBBORN]
            numbers = json.dumps([row[0] for row in rows])
            documents = connection.execute(
                "SELECT number, finding, fingerprint, offered, body FROM document "
                "WHERE number IN (SELECT value FROM json_each(?))",
                (numbers,),
            ).fetchall()
            found = {row[0]: row for row in documents}
            told = connection.execute(
                "SELECT DISTINCT finding FROM delivery WHERE sink = ? AND state = 'delivered' AND finding IN "
                "(SELECT finding FROM document WHERE number IN (SELECT value FROM json_each(?)))",
                (sink, numbers),
            ).fetchall()
        updated = {row[0] for row in told}
        return [_parcel(found[row[0]], row, updated) for row in rows]

    def settle(self, sink: str, parcels: Sequence[Parcel], outcome: Outcome, *, now: float, pause: float) -> None:
        """Write down what came of an attempt. What was replaced by a newer state meanwhile stays replaced."""
        refused = dict(outcome.refused)
        delivered = set(outcome.delivered)
        again = [one.number for one in parcels if one.number not in delivered and one.number not in refused]
        with self._database.change() as connection:
            connection.executemany(
                # A newer state may have taken its place while it was on the way: that it was sent matters all the same.
                "INSERT INTO delivery VALUES (?, ?, ?, 'delivered', 0, 0, 0, ?, '') "
                "ON CONFLICT (sink, number) DO UPDATE SET state = 'delivered', reason = ''",
                [(sink, one.number, one.finding, one.since) for one in parcels if one.number in delivered],
            )
            connection.executemany(
                "UPDATE delivery SET state = 'dead', attempts = attempts + 1, reason = ? WHERE sink = ? AND number = ?",
                [(reason[:_REASON], sink, number) for number, reason in refused.items()],
            )
            connection.executemany(
                "UPDATE delivery SET attempts = attempts + 1, blamed = blamed + ?, due = ?, reason = ? "
                "WHERE sink = ? AND number = ? AND state = 'pending'",
                [(int(outcome.together), now + pause, outcome.reason[:_REASON], sink, number) for number in again],
            )
            _forget_bodies(connection, outcome.delivered)
            count(connection, sink, "delivered", len(outcome.delivered))
            count(connection, sink, "failed", len(again) + len(refused))
            if outcome.mark is not None:
                connection.execute(
                    "INSERT INTO place VALUES (?, ?) ON CONFLICT (sink) DO UPDATE SET mark = excluded.mark",
                    (sink, outcome.mark),
                )

    def expire(self, sink: str, *, before: float) -> int:
        """Make dead letters of what could not be delivered since long; give how many."""
        with self._database.change() as connection:
            return connection.execute(
                "UPDATE delivery SET state = 'dead', reason = 'too old: ' || reason "
                "WHERE sink = ? AND state = 'pending' AND since < ? AND attempts > 0",
                (sink, before),
            ).rowcount

    def hasten(self, sink: str) -> None:
        """Let everything that was put off be tried at once."""
        with self._database.change() as connection:
            connection.execute("UPDATE delivery SET due = 0 WHERE sink = ? AND state = 'pending'", (sink,))

    def due(self, sink: str) -> float | None:
        """Give when something is due for a sink; nothing when nothing waits."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT min(due) FROM delivery WHERE sink = ? AND state = 'pending'", (sink,)
            ).fetchone()
        return None if row[0] is None else float(row[0])

    def mark(self, sink: str) -> str | None:
        """Give how far a sink had written when its last delivery was written down."""
        with self._database.read() as connection:
            row = connection.execute("SELECT mark FROM place WHERE sink = ?", (sink,)).fetchone()
        return row[0] if row else None

    def retry(self, sink: str | None, *, now: float) -> int:
        """Send dead letters again, of one sink or of all; give how many."""
        with self._database.change() as connection:
            return connection.execute(
                "UPDATE delivery SET state = 'pending', attempts = 0, blamed = 0, due = 0, since = ?1, reason = '' "
                "WHERE state = 'dead' AND (sink = ?2 OR ?2 IS NULL)",
                (now, sink),
            ).rowcount

    def tidy(self, now: float) -> None:
        """Forget what was delivered long ago, give up what nobody takes any more, tell who wants to be told."""
        before = now - self.rules.remembered
        with self._database.change() as connection:
            self._tell(connection, now, waiting_only=False)
            # Of sinks that were taken out of the configuration nothing is lost for as long as dead letters are kept.
            for sink in list(sinks_of(connection)):
                states = "state = 'dead'" if sink in self.rules.sinks else "state != 'delivered'"
                gone = connection.execute(
                    f"DELETE FROM delivery WHERE {states} AND sink = ? AND since < ?",  # noqa: S608 - constants
                    (sink, before),
                )
                count(connection, sink, "discarded", gone.rowcount)
        while self._forget(before):
            pass
        with self._database.read() as connection:
            connection.execute(f"PRAGMA incremental_vacuum({_GIVEN_BACK})").fetchall()

    def _forget(self, before: float) -> bool:
        with self._database.change() as connection:
            rows = connection.execute(
                "SELECT number FROM document WHERE offered < ? AND NOT EXISTS (SELECT 1 FROM delivery "
                "WHERE delivery.number = document.number AND state != 'delivered') LIMIT ?",
                (before, _PARTS),
            ).fetchall()
            connection.executemany("DELETE FROM delivery WHERE number = ?", rows)
            connection.executemany("DELETE FROM document WHERE number = ?", rows)
        return bool(rows)

    def status(self, names: Iterable[str] = ()) -> Account:
        """Give counts and ages."""
        with self._database.read() as connection:
            return account(connection, names)

    def copy(self, target: Path) -> None:
        """Copy the outbox to another file, as it is at one moment."""
        self._database.copy(target)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


def count(connection: sqlite3.Connection, sink: str, what: str, n: int) -> None:
    """Add to what is counted."""
    if n:
        connection.execute(
            "INSERT INTO tally VALUES (?, ?, ?) ON CONFLICT (sink, what) DO UPDATE SET n = n + excluded.n",
            (sink, what, n),
        )


def _actor(finding: Mapping[str, Any]) -> str:
    actor = finding["actor"]
    return json.dumps([actor["kind"], actor["realm"], actor["name"]])


def _insert(
    connection: sqlite3.Connection, finding: Mapping[str, Any], row: tuple[str, str, str, float, int], taken: bool
) -> int:
    body = encoded(finding) if taken else None
    cursor = connection.execute(
        "INSERT INTO document (finding, fingerprint, actor, offered, covered, taken, body) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*row, int(taken), body),
    )
    return int(cursor.lastrowid or 0)


def _address(connection: sqlite3.Connection, sink: str, number: int, finding: str, now: float) -> None:
    """Write down that a sink is to have a finding, instead of what it was to have of it before."""
    waiting = "WHERE sink = ? AND finding = ? AND state IN ('pending', 'dead')"
    older = connection.execute(f"SELECT number, since, state FROM delivery {waiting}", (sink, finding)).fetchall()  # noqa: S608 - a constant
    connection.execute(f"DELETE FROM delivery {waiting}", (sink, finding))  # noqa: S608 - a constant
    count(connection, sink, "superseded", len(older))
    since = min([now, *(row[1] for row in older if row[2] == "pending")])
    connection.execute(
        "INSERT INTO delivery VALUES (?, ?, ?, 'pending', 0, 0, 0, ?, '')", (sink, number, finding, since)
    )
    _forget_bodies(connection, [row[0] for row in older])


def _forget_bodies(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Let go of documents for which nobody waits; that they were sent is remembered."""
    connection.executemany(
        "UPDATE document SET body = NULL WHERE number = ?1 AND NOT EXISTS "
        "(SELECT 1 FROM delivery WHERE number = ?1 AND state != 'delivered')",
        [(number,) for number in numbers],
    )


def _waits(connection: sqlite3.Connection, sink: str) -> bool:
    return bool(
        connection.execute("SELECT 1 FROM delivery WHERE sink = ? AND state = 'pending' LIMIT 1", (sink,)).fetchone()
    )


def _told(connection: sqlite3.Connection, sink: str, totals: Mapping[str, int], now: float) -> None:
    connection.executemany(
        "INSERT INTO told VALUES (?, ?, ?, ?) ON CONFLICT (sink, reason) "
        "DO UPDATE SET n = excluded.n, told_at = excluded.told_at",
        [(sink, reason, n, now) for reason, n in totals.items()],
    )


def _parcel(
    found: tuple[int, str, str, float, bytes], waiting: tuple[int, int, int, float], updated: set[str]
) -> Parcel:
    _, attempts, blamed, since = waiting
    return Parcel(
        number=found[0],
        finding=found[1],
        fingerprint=found[2],
        offered=found[3],
        document=msgspec.json.decode(found[4]),
        attempts=attempts,
        blamed=blamed,
        since=since,
        update=found[1] in updated,
    )
