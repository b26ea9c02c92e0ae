"""What readers of requests share: which of them matter, how they ended, and the normal form they take."""

from __future__ import annotations

from datetime import datetime

from tidewaiter.meaning.agents import tool_name
from tidewaiter.meaning.vocabulary import resource_class
from tidewaiter.model import Activity, Actor, Meaning, Origin, Outcome, Plane

TEXT = 500  # characters of a request kept for people
NOT_RECORDED = "not recorded"
_NOT_KEPT = frozenset({"probe", "update", "delete"})  # every CLI call begins with a probe; changes are not looking
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def is_kept(meaning: Meaning | None) -> bool:
    """Tell whether a request belongs to the story of looking around, or to what follows from it."""
    return meaning is not None and meaning.verb not in _NOT_KEPT


def outcome_of(status: int | None) -> Outcome:
    """Say how a request ended: a redirect discloses nothing, 401, 403 and 407 are refusals."""
    if status is None or not 100 <= status <= 599:  # noqa: PLR2004 - RFC 9110, section 15
        return "unknown"
    if status in {401, 403, 407}:
        return "refused"
    return "failed" if status in _REDIRECTS or status >= 400 else "answered"  # noqa: PLR2004


def request_activity(
    meaning: Meaning,
    *,
    id: str,  # noqa: A002 - the field's own name
    at: datetime,
    actor: Actor,
    origin: Origin,
    text: str,
    plane: Plane = "engine",
    outcome: Outcome = "unknown",
    agent: str | None = None,
    disclosed: int | None = None,
    address: str | None = None,
    container: str | None = None,
    traits: tuple[str, ...] = (),
) -> Activity:
    """Put a request that was understood into normal form."""
    return Activity(
        id=id,
        at=at,
        actor=actor,
        plane=plane,
        verb=meaning.verb,
        kind=meaning.kind,
        resource_class=resource_class(meaning.kind),
        scope=meaning.scope,
        namespace=meaning.namespace,
        name=meaning.name,
        outcome=outcome,
        disclosed=disclosed if outcome == "answered" and disclosed is not None and disclosed >= 0 else None,
        address=address,
        tool=tool_name(agent),
        container=container,
        text=text[:TEXT],
        traits=tuple(sorted({*meaning.traits, *traits})),
        origin=origin,
    )
