"""The engine of the service: what the journal holds goes through the same stages as in a scan, batch by batch.

A round reads what is new, makes its rows and the place in the journal durable together, and judges those who did
something new against what is ordinary for them and their like. Killed at any moment it goes on where it was: what was
read since the last durable place is read again, and a record that is there already changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from time import monotonic

import msgspec

from tidewaiter.baseline import measure
from tidewaiter.findings.judge import Persona
from tidewaiter.hits import found_together
from tidewaiter.model import Finding, Ruling
from tidewaiter.pipeline import link_rules, look_again
from tidewaiter.recognise.fields import PLANES
from tidewaiter.recognise.pack import Pack
from tidewaiter.rows import Rows
from tidewaiter.service.interest import Interest, key_of
from tidewaiter.service.journal import START, Entry, Journal, Place
from tidewaiter.sources.live import LiveReading
from tidewaiter.store import Store
from tidewaiter.triage import live, never_teaches, triaged
from tidewaiter.wording import Wording

BATCH = 16 << 20  # bytes of the journal read in one round
_PAUSE = 0.25  # seconds between two rounds when there is nothing to do
_HELD = 30.0  # seconds after which no reader holds a part of a record any more
_LOOK = 1_000  # actors judged at once
_LATER = 5.0  # seconds between two looks at those of whom nothing new is known
_PROOFS = 30.0  # seconds between two searches for proofs, which need the whole past
_SHARE = 2.0  # a look that took so long is followed by so many times as long a pause
_SHARE_OF_MANY = 0.25  # … while others wait already
_LONGEST_PAUSE = 5.0  # seconds
_OPEN = timedelta(hours=3)  # what may still become part of an episode, see episodes.sql
_WHOLE_HOURS = 3  # within the days kept whole, routine older than this is kept thin
_ESTATE = 20.0  # a measurement of everybody is followed by so many times as long without one, whatever day it is
_SILENT = 3600.0  # seconds without a line after which the reader of a stream is let go
_ROUTINE = 600.0  # seconds between two thinnings of routine
_DAYS_AHEAD = 2
_TOLD = 50_000  # findings remembered in the words in which they were told last
_FAST_CLOCK = timedelta(hours=1)  # no record is believed to be later than that from now


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """How long what is kept for how long: days whole, days at all, and bytes of the store."""

    whole_days: int = 2
    days: int = 60
    size: int = 4 << 30


class Status(msgspec.Struct, kw_only=True):
    """What the engine says of itself; numbers since its start."""

    records: int = 0
    kept: int = 0
    unreadable: int = 0
    unknown: int = 0  # records of no known format
    late: int = 0
    findings: int = 0
    rounds: int = 0
    looks: int = 0
    looked_at: int = 0  # actors, all looks together
    last_round: float = 0.0  # monotonic seconds
    last_event: datetime | None = None
    look_seconds: float = 0.0  # of the last look
    waiting: int = 0  # actors still to be looked at


Deliver = Callable[[Sequence[Finding]], None]  # durable when it returns


class Engine:
    """Reads the journal and tells findings. One thread runs it; `status` may be read from any."""

    def __init__(
        self,
        *,
        journal: Journal,
        store: Store,
        pack: Pack,
        wording: Wording,
        deliver: Deliver,
        persona: Persona = "regular",
        keep: Keep | None = None,
        rulings: Callable[[], Sequence[Ruling]] = tuple,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        native: bool = True,
        monotonic: Callable[[], float] = monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._journal, self._store, self._pack, self._wording = journal, store, pack, wording
        self._deliver, self._persona, self._rulings, self._clock = deliver, persona, rulings, clock
        self._keep = keep or Keep()
        self._native = native
        self.status = Status()
        self.streams: dict[str, LiveReading] = {}
        self._interest = Interest(frozenset(link_rules(pack)))
        self._rows = Rows(store, pack, told=self._interest.told)
        self._late = 0  # counted by earlier ones of these
        self.place = self.durable = self._stored_place()  # how far the journal was read, and how far for good
        if not journal.has(self.place):  # the journal was lost, or made anew beside a restored store
            self.place = self.durable = START
        self._passed: deque[tuple[float, Place]] = deque([(self._monotonic(), self.place)])
        self.reading_to: Place | None = None  # while a batch is read: its end
        self.judging: tuple[str, ...] = ()  # while actors are judged: their keys
        self.shunned: frozenset[str] = frozenset()  # actors that cannot be judged
        self.look = _LOOK  # actors judged at once
        self.batch = BATCH
        self.pause = _PAUSE
        self._proven: list[measure.Hit] = []
        self._fed: dict[str, float] = {}  # when each stream last gave something
        self._of_gone = (0, 0, 0)  # records, unreadable and unknown ones of streams that were let go
        self._unproven = False  # whether anything came since proofs were looked for
        self._estate_of: date | None = None
        self._past_is_whole = False  # whether there are days that need not be
        self._estates: set[date] = set()  # days for which everybody was measured: each once at once, again when due
        self._due = {"look": 0.0, "later": 0.0, "proofs": 0.0, "routine": self._monotonic() + _ROUTINE, "estate": 0.0}
        self._told: dict[str, bytes] = {}  # digest of each finding as it was told last

    def begin(self) -> None:
        """Learn what is ordinary from what is kept, and look again at those of the last hours."""
        self._teach()
        self._measure_estate()
        since = (self.status.last_event or self._clock()) - _OPEN
        rows = self._store.rows(
            'SELECT DISTINCT actor FROM activity WHERE "at" >= $since AND NOT learn AND role <> $role',
            {"since": since.replace(tzinfo=None), "role": "context"},
        )
        self._interest.urgent.update((actor, None) for (actor,) in rows)

    def round(self) -> bool:
        """Read what is new and judge it; tells whether there was anything to do."""
        entries, place = self._journal.read(self.place, self.batch)
        if entries or place != self.place:
            self.reading_to = place
            self._take(entries, place)
            self.reading_to = None
        looked = self._judge()
        self.status.rounds += 1
        self.status.last_round = self._monotonic()
        self._house()
        return bool(entries) or looked

    def finish(self) -> None:
        """Make everything durable before the process ends. What readers hold is read again by the next."""
        self._rows.finish()
        self._commit()

    def behind(self) -> bool:
        """Tell whether the journal holds anything that was not read yet."""
        return bool(self._journal.read(self.place, 1)[0])

    def skip_to(self, place: Place) -> None:
        """Go on behind a place, and never come back before it."""
        self.place = place
        self._passed = deque([(self._monotonic(), place)])
        self._commit()

    # --- reading

    def _take(self, entries: Iterable[Entry], place: Place) -> None:
        kept = 0
        for entry in entries:
            reading = self._reading(entry.stream)
            offset = entry.offset if entry.line else (entry.after.segment << 36) + entry.after.offset
            items = reading.feed(entry.data, line=entry.line or 1, offset=offset)
            rows = self._rows.of(items)
            if rows:
                self._store.add(rows)
                self._interest.saw(rows)
                kept += len(rows)
                self._newest(max(row.at for row in rows))
        self.place = place
        self._passed.append((self._monotonic(), place))
        self._unproven = self._unproven or bool(kept)
        if kept or self._monotonic() - self._passed[0][0] > 2 * _HELD:
            self._commit()
        self._count(kept)

    def _let_go_of_streams(self) -> None:
        """Forget readers of streams that are silent: containers come and go, each with a log of its own."""
        silent = self._monotonic() - _SILENT
        for stream in [stream for stream, at in self._fed.items() if at < silent]:
            del self._fed[stream]
            tally = self.streams.pop(stream).tally
            before = self._of_gone
            self._of_gone = (before[0] + tally.records, before[1] + tally.unreadable, before[2] + tally.foreign)

    def _newest(self, at: datetime) -> None:
        at = min(at, self._clock() + _FAST_CLOCK)  # one clock that runs ahead must not make all others old
        if self.status.last_event is None or at > self.status.last_event:
            self.status.last_event = at

    def _reading(self, stream: str) -> LiveReading:
        self._fed[stream] = self._monotonic()
        found = self.streams.get(stream)
        if found is None:
            found = self.streams[stream] = LiveReading(stream, native=self._native, matcher=self._pack.matcher)
        return found

    def _count(self, kept: int) -> None:
        tallies = [reading.tally for reading in self.streams.values()]
        records, unreadable, unknown = self._of_gone
        self.status.records = records + sum(tally.records for tally in tallies)
        self.status.unreadable = unreadable + sum(tally.unreadable for tally in tallies)
        self.status.unknown = unknown + sum(tally.foreign for tally in tallies)
        self.status.kept += kept
        self.status.late = self._late + self._rows.late

    def _commit(self) -> None:
        """Make rows durable, and with them the place behind which nobody holds a part of a record."""
        now = self._monotonic()
        while len(self._passed) > 1 and now - self._passed[1][0] >= _HELD:
            self._passed.popleft()
        safe = self._passed[0][1]
        self._rows.finish()
        with self._store.together():
            self._store.settle()
            self._store.script("DELETE FROM journal_place")
            self._store.script(
                "INSERT INTO journal_place VALUES ($segment, $off)", {"segment": safe.segment, "off": safe.offset}
            )
        self.durable = safe
        self._journal.forget(safe)

    def _stored_place(self) -> Place:
        found = list(self._store.rows("SELECT segment, off FROM journal_place"))
        return Place(*found[0]) if found else START

    # --- judging

    def _judge(self) -> bool:
        """Look at those who did something new, no longer than a share of the time."""
        now = self._monotonic()
        interest = self._interest
        if self._unproven and now >= self._due["proofs"]:
            self._look_for_proofs()
        also_later = now >= self._due["later"]
        if now < self._due["look"] or not (interest.urgent or (also_later and interest.later)):
            return False
        today = self._today()
        if self._estate_of != today and (today not in self._estates or now >= self._due["estate"]):
            self._measure_estate()
        actors = [actor for actor in interest.take(self.look, also_later=also_later) if actor not in self.shunned]
        if not interest.later:
            self._due["later"] = now + _LATER
        if not actors:
            return False
        self.judging = tuple(actors)
        found = self._look(actors)
        self.judging = ()
        self._remember(actors, found)
        self._tell(found)
        took = self._monotonic() - now
        self.status.looks += 1
        self.status.looked_at += len(actors)
        self.status.look_seconds = took
        self.status.waiting = len(interest.urgent) + len(interest.later)
        pause = took * (_SHARE_OF_MANY if interest.urgent else _SHARE)
        self._due["look"] = self._monotonic() + min(pause, _LONGEST_PAUSE)
        return True

    def _today(self) -> date:
        return (self.status.last_event or self._clock()).date()

    def _look(self, actors: Sequence[str]) -> tuple[Finding, ...]:
        rulings = self._rulings()
        standing = live(rulings, self._clock())
        found = look_again(
            self._store,
            self._pack,
            self._wording,
            actors=actors,
            proven=self._proven,
            persona=self._persona,
            standing=standing,
        )
        decided = triaged(found, rulings, standing, self._wording)
        return (*decided.shown, *decided.covered)  # delivery counts what a verdict covers

    def _remember(self, actors: Iterable[str], found: Iterable[Finding]) -> None:
        """Keep of whom there is a finding that may go on."""
        newest = self.status.last_event or self._clock()
        for actor in actors:
            self._interest.open.pop(actor, None)
        for finding in found:
            if finding.until >= newest - _OPEN:
                self._interest.open[key_of(finding.actor)] = finding.until
        gone = [actor for actor, until in self._interest.open.items() if until < newest - _OPEN]
        for actor in gone:
            del self._interest.open[actor]

    def _tell(self, found: Iterable[Finding]) -> None:
        """Deliver what is not told yet in these words; the outbox knows what was told before a restart."""
        fresh: list[tuple[Finding, bytes]] = []
        for finding in found:
            said = blake2b(msgspec.json.encode(finding), digest_size=16).digest()
            if self._told.get(finding.id) != said:
                fresh.append((finding, said))
        if fresh:
            self._deliver([finding for finding, _ in fresh])
            self._told.update((finding.id, said) for finding, said in fresh)
            self.status.findings += len(fresh)
        while len(self._told) > _TOLD:
            del self._told[next(iter(self._told))]

    def _look_for_proofs(self) -> None:
        before = set(self._proven)
        self._proven = list(found_together(self._store, self._pack, sorts=("proof",)))
        self._due["proofs"] = self._monotonic() + _PROOFS
        self._unproven = False
        fresh = sorted({hit.activity for hit in self._proven if hit not in before})
        if fresh:
            rows = self._store.rows(
                "SELECT DISTINCT actor FROM activity WHERE array_contains($ids, id)", {"ids": fresh}
            )
            self._interest.urgent.update((actor, None) for (actor,) in rows)

    # --- what is ordinary, and what is kept of it

    def _measure_estate(self) -> None:
        """Say anew what is ordinary for everybody, and whether there are days that need not be whole any more."""
        began = self._monotonic()
        ((first, latest),) = self._store.rows('SELECT min("at"), max("at") FROM occurrence')
        if latest is not None:
            self._newest(latest.replace(tzinfo=UTC))
        today = self._today()
        days = [today + timedelta(days=day) for day in range(-1, _DAYS_AHEAD + 1)]
        measure.estate(self._store, [(plane, day) for plane in PLANES for day in days])
        self._estate_of = today
        self._estates.add(today)
        self._past_is_whole = first is not None and self._store.horizon < self._horizon() > first.date()
        self._due["estate"] = self._monotonic() + _ESTATE * (self._monotonic() - began)

    def _horizon(self) -> date:
        return self._today() - timedelta(days=self._keep.whole_days - 1)

    def _thin(self) -> None:
        """Keep old days thin; everybody who did something new in them was looked at before."""
        self._measure_estate()
        self._past_is_whole = False
        horizon, forget = self._horizon(), self._today() - timedelta(days=self._keep.days)
        measure.gather_hits(self._store, found_together(self._store, self._pack))
        while True:
            self._store.thin(horizon, forget)
            if self._store.used <= self._keep.size or forget >= horizon:
                break
            forget += timedelta(days=7)
        self._interest.forget_contexts()
        self._late += self._rows.late
        self._rows = Rows(self._store, self._pack, told=self._interest.told)

    def _house(self) -> None:
        now = self._monotonic()
        if self._past_is_whole and not self._interest.urgent and not self.behind():
            self._thin()
        if now < self._due["routine"]:
            return
        self._due["routine"] = now + _ROUTINE
        self._let_go_of_streams()
        if self.status.last_event is None:
            return
        measure.ask(self._store, self._interest.open)
        before = self.status.last_event - timedelta(hours=_WHOLE_HOURS)
        self._store.thin_routine(before.replace(tzinfo=None))

    def _teach(self) -> None:
        self._store.insert("judged", never_teaches(self._rulings()))

    def reconsider(self) -> None:
        """Verdicts or rules changed: look again at everybody of whom there is a finding."""
        self._store.script("DELETE FROM judged")
        self._teach()
        self._interest.urgent.update(dict.fromkeys(self._interest.open))
