"""From activities to the rows of the store: what repeats is recognised and stored once."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from datetime import UTC, datetime, time

import msgspec

from tidewaiter.meaning.likeness import likeness
from tidewaiter.meaning.network import habitual_network
from tidewaiter.model import Activity
from tidewaiter.recognise.fields import PLANES, network
from tidewaiter.recognise.pack import Pack, Recognised
from tidewaiter.sources import contract
from tidewaiter.store import Context, Occurrence, Store

_TEMPLATES = 50_000
_MATCHES = 10_000  # of users' own rules, before the store gets them


class Rows:
    """Turns activities into rows of the store: what repeats is recognised and stored once."""

    def __init__(
        self, store: Store, pack: Pack, *, learn: bool = False, told: Callable[[Context], None] | None = None
    ) -> None:
        self._store = store
        self._told = told  # wants to hear of every new context
        self._horizon = datetime.combine(store.horizon, time(), UTC)
        self._pack = pack
        self._learn = learn
        # By identity, with the template itself beside: while it is held, no other object can have its identity.
        self._known: dict[int, tuple[Activity, int | None]] = {}
        self._alike: dict[tuple[object, ...], int] = {}
        # A rule that looks at the text wants every activity whole: a template has none.
        self._whole = pack.matcher is not None or any(
            {"text", "disclosed"} & {*pack.shape_fields(plane)} for plane in PLANES
        )
        self.late = 0  # activities of days that the store keeps thin: they teach, and are not judged
        self._matched: list[tuple[str, str, str]] = []  # what the user's own rules saw in original records

    def of(self, items: Iterable[Activity | contract.Occurrence]) -> list[Occurrence]:
        """Give the rows of what any recogniser has something to say about."""
        rows: list[Occurrence] = []
        known = self._known
        for item in items:
            if isinstance(item, Activity) or self._whole:
                activity = item if isinstance(item, Activity) else item.activity()
                number = self._context_of(activity)
                if number is not None:
                    if activity.rules:
                        self._keep_matches(activity)
                    at, text, origin = activity.at, activity.text, activity.origin
                    rows.append(
                        Occurrence(number, activity.id, at, text, origin.line, origin.offset, activity.disclosed)
                    )
                continue
            template, identity, at, text, line, offset = item
            found = known.get(id(template))
            if found is None:
                if len(known) >= _TEMPLATES:
                    known.clear()
                found = known[id(template)] = (template, self._context_of(template))
            if found[1] is not None:
                rows.append(Occurrence(found[1], identity, at, text, line, offset))
        if rows and min(row.at for row in rows) < self._horizon:
            self.late += sum(row.at < self._horizon for row in rows)
        return rows

    def _keep_matches(self, activity: Activity) -> None:
        """Keep which values made the user's own rules hold: later the original record is gone."""
        self._matched += (
            (activity.id, match.rule, msgspec.json.encode(match.values).decode()) for match in activity.rules
        )
        if len(self._matched) >= _MATCHES:
            self.finish()

    def finish(self) -> None:
        """Give the store what was gathered for it."""
        if self._matched:
            self._store.insert("matched", self._matched)
            self._matched = []

    def _context_of(self, activity: Activity) -> int | None:
        """Give the number of an activity's context; activities that differ in time and place only share one."""
        said = self._pack.recognise(activity)
        if activity.rules:
            said = (*said, *self._pack.recognised(activity.rules))
        if not said:
            return None
        a = activity
        key = (
            *(said, a.actor, a.plane, a.verb, a.kind, a.scope, a.namespace, a.name, a.outcome, a.address, a.tool),
            *(a.container, a.node, a.credential, a.claimed, a.groups, a.traits, a.origin.source),
            a.origin.path,
        )
        number = self._alike.get(key)
        if number is None:
            if len(self._alike) >= _TEMPLATES:
                self._alike.clear()
            number = self._alike[key] = self._store.next_context()
            context = self._context(number, activity, said)
            self._store.add_context(context)
            if self._told:
                self._told(context)
        return number

    def _context(self, number: int, activity: Activity, said: Sequence[Recognised]) -> Context:
        tripwires = tuple(item.recogniser for item in said if item.role == "tripwire")
        evidence = tuple(item.recogniser for item in said if item.role == "evidence")
        beside = tuple(item.recogniser for item in said if item.role == "context")
        return Context(
            context=number,
            a=activity,
            recognised=(*evidence, *beside),
            tripwires=tripwires,
            weight=max(item.weight for item in said),
            role=_role(tripwires, evidence, self._pack.records),
            network=habitual_network(activity.address),
            network_kind=network(activity.address),
            claimed_kind=network(activity.claimed),
            learn=self._learn,
            likeness=likeness(activity.actor, activity.groups, activity.container),
        )


def _role(tripwires: Sequence[str], evidence: Sequence[str], own: Container[str]) -> str:
    """Say what a sighting is good for; what only the user's own rules saw is no reading of inventory by itself."""
    said = (*tripwires, *evidence)
    if said and own and all(name.partition("@")[0] in own for name in said):
        return "own" if tripwires else "counted"
    return "tripwire" if tripwires else "evidence" if evidence else "context"
