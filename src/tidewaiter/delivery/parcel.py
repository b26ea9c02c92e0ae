"""What a sink is given, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """One finding on its way to one sink."""

    number: int  # the order of offering
    finding: str
    fingerprint: str  # the idempotence key
    document: Mapping[str, Any]
    attempts: int  # so far
    blamed: int = 0  # of these, how often the receiver was there and failed over what it was sent
    offered: float  # seconds since 1970
    since: float  # when the oldest state of it that this sink has not seen was offered
    update: bool = False  # the sink has had an earlier state


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one attempt. Parcels that it does not name are to be tried again."""

    delivered: tuple[int, ...] = ()  # numbers
    refused: tuple[tuple[int, str], ...] = ()  # numbers that will never be taken, and why
    reason: str = ""  # why the others are to be tried again
    after: float | None = None  # seconds the receiver asks to wait
    together: bool = False  # the receiver judged, or failed over, the parcels as one: a smaller lot may fare better
    mark: str | None = None  # how far the sink has written, for sinks that can tell after a crash


class Transport(Protocol):
    """Brings parcels to one receiver. It raises nothing for what may happen to a receiver: that is an outcome."""

    def send(self, parcels: Sequence[Parcel]) -> Outcome:
        """Deliver, in this order, at least once."""
        ...

    def close(self) -> None:
        """Let go of connections and files."""
        ...


def everything(parcels: Sequence[Parcel], *, mark: str | None = None) -> Outcome:
    """Say that all were delivered."""
    return Outcome(delivered=tuple(parcel.number for parcel in parcels), mark=mark)


def later(reason: str, *, after: float | None = None, together: bool = False) -> Outcome:
    """Say that all are to be tried again."""
    return Outcome(reason=reason, after=after, together=together)


def never(parcels: Sequence[Parcel], reason: str) -> Outcome:
    """Say that the receiver refused all of them as one."""
    return Outcome(refused=tuple((parcel.number, reason) for parcel in parcels), together=True)
