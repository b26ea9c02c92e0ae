"""Who has to be looked at again: the engine judges those who did something new, not everybody each second."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime

from tidewaiter.model import Actor
from tidewaiter.store import Context, Occurrence

_KINDS = 5  # who read fewer kinds is never broad, see breadth.sql
_MOST = 500_000  # contexts remembered


def key_of(actor: Actor) -> str:
    """Give the key of an actor, as the store has it."""
    return "|".join((actor.kind, actor.realm, actor.name, actor.via or ""))


class _Known:
    """What a context says of whoever is in it."""

    __slots__ = ("actor", "deed", "tripwire")

    def __init__(self, context: Context, deeds: AbstractSet[str]) -> None:
        self.actor = key_of(context.a.actor)
        self.tripwire = bool(context.tripwires) or context.role == "own"
        self.deed = not deeds.isdisjoint(context.recognised)


class Interest:
    """Keeps who did something new, at once or when there is time; `deeds` are the rules that continue a story."""

    def __init__(self, deeds: AbstractSet[str]) -> None:
        self._deeds = deeds
        self._contexts: dict[int, _Known] = {}
        self._hours: set[tuple[int, int]] = set()  # contexts seen in this part of the day
        self._part: tuple[int, int] | None = None
        self._kinds: dict[str, set[str]] = {}  # what each actor read today, up to the number that makes it broad
        self.open: dict[str, datetime] = {}  # actors of whom there is a finding that may go on, with its end
        self.urgent: dict[str, None] = {}  # in the order in which they came
        self.later: dict[str, None] = {}

    def told(self, context: Context) -> None:
        """Take in a context that the store did not have."""
        if len(self._contexts) >= _MOST:
            self._contexts.clear()
        self._contexts[context.context] = known = _Known(context, self._deeds)
        if context.learn:
            return
        if context.role != "context":
            self._kinds.setdefault(known.actor, set()).add(context.a.kind)
            self.urgent[known.actor] = None

    def saw(self, rows: Iterable[Occurrence]) -> None:
        """Take in what happened."""
        for row in rows:
            known = self._contexts.get(row.context)
            if known is None:
                continue
            if known.tripwire:
                self.urgent[known.actor] = None
            elif known.deed:
                self._go_on(known.actor)
            part = (row.at.toordinal(), row.at.hour // 4)
            if part != self._part:
                self._turn(part)
            if (row.context, part[1]) not in self._hours:
                self._hours.add((row.context, part[1]))
                self.later[known.actor] = None
            elif known.actor in self.open or len(self._kinds.get(known.actor, ())) >= _KINDS:
                self.later[known.actor] = None

    def _go_on(self, actor: str) -> None:
        """Look again at whoever has a story that this deed may continue: its own, or that of its pod or address."""
        if actor in self.open:
            self.urgent[actor] = None
        else:
            self.later.update(dict.fromkeys(self.open))

    def _turn(self, part: tuple[int, int]) -> None:
        if self._part is not None and part < self._part:
            return  # a late record turns nothing back
        if self._part is not None and part[0] != self._part[0]:
            self._kinds.clear()
        self._part = part
        self._hours.clear()

    def take(self, most: int, *, also_later: bool) -> list[str]:
        """Give whom to look at now, the urgent first, and forget that it was asked for."""
        taken = list(self.urgent)[:most]
        for actor in taken:
            del self.urgent[actor]
            self.later.pop(actor, None)
        if also_later and len(taken) < most:
            more = list(self.later)[: most - len(taken)]
            for actor in more:
                del self.later[actor]
            taken += more
        return taken

    def forget_contexts(self) -> None:
        """Numbers of contexts are not valid any more."""
        self._contexts.clear()
        self._hours.clear()
