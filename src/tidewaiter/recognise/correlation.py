"""Correlations: so many activities, or so many different values, of one actor within a span of time.

Sigma 2.1 `event_count` and `value_count` with `gte` (or `gt`). The window slides and is half-open: it ends with an
activity and reaches back less than the span, (t - span, t]. Activities of the same instant are always in the same
window. So a sweep that straddles a full minute is seen, and two activities exactly one span apart are not together.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby, takewhile
from typing import Any, Literal, NamedTuple

import msgspec

from tidewaiter.model import Plane
from tidewaiter.recognise.fields import FIELDS
from tidewaiter.recognise.rule import OURS, About, CorrelationText, Recogniser

ACTOR = "actor"  # the whole actor; any field of the normal form may stand beside it
_EVER = datetime.min.replace(tzinfo=UTC)
# What the baseline proves (baseline/proofs.py): a rule with the key `proof` counts only what one of them leaves over.
PROOFS = (
    *("pod-away", "node-away", "two-places", "unbound", "claims", "claims-inside", "impersonation", "chained"),
    "other-program",
)
_LEAVES_OUT = ("unknown",)  # kinds of actor that stand for many actors: what they did is not one person's doing


class Correlation(msgspec.Struct, frozen=True, kw_only=True):
    """A rule about several activities, loaded."""

    about: About
    rules: tuple[str, ...]  # names of the recognisers whose sightings are counted
    kind: Literal["event_count", "value_count"]
    field: str | None  # whose different values are counted
    group_by: tuple[str, ...]
    timespan_seconds: int
    gte: int
    leaves_out: tuple[str, ...] = _LEAVES_OUT  # actor kinds that are not counted when grouped by actor
    proof: str | None = None  # which proof of the baseline says what is counted; it knows the past as well


class Row(NamedTuple):
    """One sighting, as `correlate` wants it."""

    group: Hashable
    at: datetime
    value: str | None  # of the field that is counted; None is not counted
    activity: str


class Match(NamedTuple):
    """A run of windows that overlap and each reach the threshold, told as one."""

    group: Any
    first: datetime
    last: datetime
    most: int  # counted in the fullest window
    ids: tuple[str, ...]  # every activity in the run, in order


def load_correlation(text: CorrelationText, known: Mapping[str, Recogniser]) -> Correlation:
    """Check a correlation against the recognisers it counts; raises RuleError with path and line."""
    from sigma.correlations import SigmaCorrelationRule  # noqa: PLC0415 - with the first rule, as in rule.py
    from sigma.exceptions import SigmaError  # noqa: PLC0415

    document = text.document
    try:
        parsed = SigmaCorrelationRule.from_dict({k: v for k, v in document.data.items() if k not in OURS})
    except SigmaError as problem:
        raise document.error(str(problem), "correlation", hint="see the Sigma specification 2.1") from problem
    kind = parsed.type.name.lower()
    if kind not in ("event_count", "value_count"):
        raise document.error(
            f"correlations of type {kind} are not supported",
            "correlation",
            "type",
            hint="use event_count or value_count; sequences are found as chains",
        )
    rules = tuple(_resolve(text, at, rule.reference, known) for at, rule in enumerate(parsed.rules or []))
    reads: tuple[Plane, ...] = tuple(sorted({plane for name in rules for plane in known[name].about.reads}))
    field = _field(text, kind, getattr(parsed.condition, "fieldref", None))
    group_by = tuple(parsed.group_by or ())
    if not group_by:
        raise document.error("the correlation has no group-by", "correlation", hint=f"group-by: [{ACTOR}]")
    for name in group_by:
        if name != ACTOR and name not in FIELDS:
            raise document.error(f"unknown field {name!r}", "correlation", "group-by", hint=f"{ACTOR}, or a field")
    proof = _proof(text)
    return Correlation(
        about=msgspec.structs.replace(text.about, reads=reads),
        rules=rules,
        kind="value_count" if kind == "value_count" else "event_count",
        field=field,
        group_by=group_by,
        timespan_seconds=parsed.timespan.seconds,
        gte=_threshold(text, parsed.condition, least=1 if proof else 2),
        proof=proof,
    )


def _proof(text: CorrelationText) -> str | None:
    given = text.document.data.get("proof")
    if given is not None and given not in PROOFS:
        raise text.document.error(f"unknown proof {given!r}", "proof", hint=f"proofs are: {', '.join(PROOFS)}")
    return given


def _resolve(text: CorrelationText, at: int, reference: str, known: Mapping[str, Recogniser]) -> str:
    for name, recogniser in known.items():
        if reference in (name, recogniser.about.id):
            return name
    raise text.document.error(
        f"no rule is named {reference!r}", "correlation", "rules", at, hint="give the name or id of a loaded rule"
    )


def _field(text: CorrelationText, kind: str, given: Any) -> str | None:
    if kind == "event_count":
        if given is not None:
            raise text.document.error("event_count takes no field", "correlation", "condition", "field")
        return None
    if not isinstance(given, str) or given not in FIELDS or FIELDS[given].sort == "list":
        raise text.document.error(
            f"values of {given!r} cannot be counted", "correlation", "condition", "field", hint="name one plain field"
        )
    return given


def _threshold(text: CorrelationText, condition: Any, *, least: int) -> int:
    how: str = condition.op.name.lower()
    count = condition.count
    if how not in ("gte", "gt") or not isinstance(count, int):
        raise text.document.error(
            f"the condition {how} {count} is not supported",
            "correlation",
            "condition",
            how,
            hint="use gte with a whole number: that something happened seldom is never certain while logs arrive late",
        )
    threshold = count + 1 if how == "gt" else count
    if threshold < least:  # one is no correlation, except of what is proven
        raise text.document.error(f"the threshold must be {least} or more", "correlation", "condition", how)
    return threshold


def correlate(rows: Iterable[Row | tuple[Any, datetime, str | None, str]], rule: Correlation) -> Iterator[Match]:
    """Give every match, exactly. Rows must come sorted by group, then time; each group is held for one span only.

    An activity that several of the counted rules saw counts once. Raises ValueError when time runs backwards.
    """
    for _, group in groupby(map(Row._make, rows), key=lambda row: row.group):
        yield from _runs(group, rule)


def _runs(rows: Iterable[Row], rule: Correlation) -> Iterator[Match]:
    run: list[Row] = []
    most = 0
    for inside, count in _windows(rows, rule):
        if run and inside[0].at > run[-1].at:  # nothing of the last full window is left in this one
            yield _match(run, most)
            run, most = [], 0
        seen_until = run[-1].at if run else _EVER
        run += reversed(list(takewhile(partial(_after, seen_until), reversed(inside))))
        most = max(most, count)
    if run:
        yield _match(run, most)


def _after(moment: datetime, row: Row) -> bool:
    return row.at > moment


def _windows(rows: Iterable[Row], rule: Correlation) -> Iterator[tuple[deque[Row], int]]:
    """Give each window that reaches the threshold, at every instant at which something counted happened."""
    span = timedelta(seconds=rule.timespan_seconds)
    inside: deque[Row] = deque()
    seen: Counter[str] = Counter()
    counted = ((row, row.value if rule.kind == "value_count" else row.activity) for row in rows)
    last: datetime | None = None
    for at, together in groupby(counted, key=lambda pair: pair[0].at):
        if last is not None and at < last:
            raise ValueError(f"rows are not sorted by time: {at} after {last}")
        last = at
        fresh = [(row, what) for row, what in together if what is not None]
        while inside and inside[0].at <= at - span:
            old = inside.popleft()
            what = old.value if rule.kind == "value_count" else old.activity
            seen[str(what)] -= 1
        seen += Counter(what for _, what in fresh)  # drops what has fallen to zero
        inside.extend(row for row, _ in fresh)
        if fresh and len(seen) >= rule.gte:
            yield inside, len(seen)


def _match(rows: list[Row], most: int) -> Match:
    ids = tuple(dict.fromkeys(row.activity for row in rows))
    return Match(rows[0].group, rows[0].at, rows[-1].at, most, ids)
