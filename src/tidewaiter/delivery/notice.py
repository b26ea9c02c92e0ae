"""Findings that tidewaiter makes of itself: how many were held back and why, and the one that tries a sink out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from tidewaiter.model import Actor, Explanation, Finding, LookedAt, Origin, Sighting, Verdict
from tidewaiter.sinks.document import document
from tidewaiter.wording import Wording

RULE = "tidewaiter-suppressed"
TRIAL = "tidewaiter-trial"
_SAID = {"route": "held.route", "verdict": "held.verdict", "rate": "held.rate"}


def notice(sink: str, counts: Mapping[str, int], *, since: float, now: float, wording: Wording) -> dict[str, Any]:
    """Give a finding document of level info that says how many findings were held back since a sink was last told."""
    return _own(
        [sink, since, now],
        headline=wording.many("held", sum(counts.values())),
        why=[wording.many(_SAID[reason], n) for reason, n in sorted(counts.items()) if n],
        question=f"{wording.say('held.next')}\ntidewaiter sinks list",
        meant=wording.say("held.meant"),
        span=(since, now),
        rule=RULE,
    )


def trial(sink: str, *, now: float, wording: Wording) -> dict[str, Any]:
    """Give a finding document of level info by which a sink is tried out."""
    return _own(
        [sink, now],
        headline=wording.say("sink.trial", sink=sink),
        why=[wording.say("sink.trial.why")],
        question=wording.say("sink.trial.next"),
        meant=wording.say("sink.trial.why"),
        span=(now, now),
        rule=TRIAL,
    )


def _own(
    key: Sequence[Any],
    *,
    headline: str,
    why: Sequence[str],
    question: str,
    meant: str,
    span: tuple[float, float],
    rule: str,
) -> dict[str, Any]:
    opens, closes = (datetime.fromtimestamp(at, UTC) for at in span)
    finding = Finding(
        id=f"F-{hashlib.sha256(msgspec.json.encode(key)).hexdigest()[:12]}",
        techniques=(),
        level="info",
        confidence=1.0,
        headline=headline,
        actor=Actor(kind="component", name="tidewaiter", realm="tidewaiter"),
        from_=opens,
        until=closes,
        addresses=(),
        tools=(),
        looked_at=LookedAt(kinds=(), namespaces=(), scope="one", requests=0, answered=0, refused=0),
        surprises=(),
        rules=(f"{rule}@1",),
        sightings=(
            Sighting(
                recogniser=f"{rule}@1",
                at=closes,
                activity=rule,
                text=headline,
                evidence={},
                origin=Origin(source="tidewaiter", path="outbox", line=1, offset=0),
            ),
        ),
        explanation=Explanation(what=headline, why="\n".join(why), innocent=(), next=(question,)),
        verdict=Verdict(decision="expected", by="tidewaiter", why=meant),
    )
    return dict(document(finding))
