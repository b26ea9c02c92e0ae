from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tidewaiter.model import Activity, Actor, Meaning, Origin, Outcome
from tidewaiter.sources.http_activity import TEXT, is_kept, outcome_of, request_activity


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "answered"),
        (101, "answered"),
        (304, "answered"),
        (301, "failed"),
        (308, "failed"),
        (400, "failed"),
        (401, "refused"),
        (403, "refused"),
        (404, "failed"),
        (407, "refused"),
        (499, "failed"),
        (503, "failed"),
        (0, "unknown"),
        (999, "unknown"),
        (None, "unknown"),
    ],
)
def test_says_how_a_request_ended(status: int | None, outcome: Outcome) -> None:
    assert outcome_of(status) == outcome


def test_keeps_looking_around_and_what_follows_from_it() -> None:
    verbs = [
        "list",
        "get",
        "watch",
        "discover",
        "review",
        "logs",
        "exec",
        "connect",
        "create",
        "probe",
        "update",
        "delete",
    ]
    kept = [verb for verb in verbs if is_kept(Meaning(verb=verb, kind="containers"))]  # type: ignore[arg-type]
    assert kept == verbs[:9]
    assert not is_kept(None)


def test_puts_a_request_into_normal_form() -> None:
    at, actor = datetime(2026, 11, 23, tzinfo=UTC), Actor(kind="user", name="alice", realm="engine")
    origin = Origin(source="x", path="-", line=1, offset=0)
    meaning = Meaning(verb="get", kind="images", scope="one", name="web", traits=("encoded",))
    found = request_activity(
        meaning,
        id="i",
        at=at,
        actor=actor,
        origin=origin,
        text="G" * 999,
        outcome="failed",
        agent="Docker-Client/28.2.2 (linux)",
        disclosed=7,
        traits=("local-socket", "encoded"),
    )
    assert found == Activity(
        id="i",
        at=at,
        actor=actor,
        plane="engine",
        verb="get",
        kind="images",
        resource_class="images",
        scope="one",
        name="web",
        outcome="failed",
        disclosed=None,  # what a refusal or an error holds is no inventory
        tool="docker-client/28.2",
        text="G" * TEXT,
        traits=("encoded", "local-socket"),
        origin=origin,
    )


def test_a_size_below_nothing_is_none() -> None:
    found = request_activity(
        Meaning(verb="list", kind="containers"),
        id="i",
        at=datetime(2026, 11, 23, tzinfo=UTC),
        actor=Actor(kind="user", name="alice", realm="engine"),
        origin=Origin(source="x", path="-", line=1, offset=0),
        text="GET /",
        outcome="answered",
        disclosed=-5,
    )
    assert found.disclosed is None
