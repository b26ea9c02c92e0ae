from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tidewaiter.meaning.web_target import Target
from tidewaiter.model import Actor, Meaning, Origin
from tidewaiter.sources.web_request import Occurrences, WebRequest, normalise, target_of

LINE = "GET /v1.41/containers/json HTTP/1.1"


@pytest.mark.parametrize(
    ("request_", "actor", "address"),
    [
        (WebRequest(LINE, 200, "10.0.0.1"), Actor(kind="address", name="10.0.0.1", realm="engine"), "10.0.0.1"),
        (WebRequest(LINE, 200, "10.0.0.1", "eva"), Actor(kind="user", name="eva", realm="engine"), "10.0.0.1"),
        (WebRequest(LINE, 401, "10.0.0.1", "eva"), Actor(kind="address", name="10.0.0.1", realm="engine"), "10.0.0.1"),
        (WebRequest(LINE, 403, "10.0.0.1", "", "ci"), Actor(kind="user", name="ci", realm="engine"), "10.0.0.1"),
        (WebRequest(LINE, 200, "unix:", "-"), Actor(kind="unknown", name="not recorded", realm="engine"), None),
        (WebRequest(LINE, 200, "@"), Actor(kind="unknown", name="not recorded", realm="engine"), None),
    ],
)
def test_says_who_asked(request_: WebRequest, actor: Actor, address: str | None) -> None:
    target = target_of(request_)
    assert target is not None
    origin = Origin(source="x", path="-", line=1, offset=0)
    found = normalise(request_, target, id="i", at=datetime(2026, 11, 23, tzinfo=UTC), origin=origin)
    assert (found.actor, found.address, found.text) == (actor, address, "GET /v1.41/containers/json")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "-",
        "\x16\x03\x01",
        "GET",
        "HEAD /v1.41/_ping HTTP/1.1",
        "DELETE /v1.41/containers/a HTTP/1.1",
        "get / HTTP/1.1",
    ],
)
def test_keeps_only_requests_that_matter(line: str) -> None:
    assert target_of(WebRequest(line)) is None


def test_numbers_equal_lines_of_one_second() -> None:
    counted = Occurrences()
    given = [("1", b"a"), ("1", b"b"), ("1", b"a"), ("2", b"a"), ("2", b"a")]
    assert [counted.number(stamp, raw) for stamp, raw in given] == [0, 0, 1, 0, 1]


def target(console: str = "") -> Target:
    return Target(Meaning(verb="list", kind="pods", scope="everything"), "web", console)


AT = datetime(2026, 11, 23, tzinfo=UTC)
ORIGIN = Origin(source="x", path="-", line=1, offset=0)


@pytest.mark.parametrize(
    ("request_", "actor", "traits"),
    [
        (WebRequest(LINE, 200, "10.0.0.1", "eva"), ("user", "eva", "argo-cd"), ("web-console",)),
        (WebRequest(LINE, 200, "10.0.0.1"), ("address", "10.0.0.1", None), ("web-console",)),
        (
            WebRequest(LINE, 200, "10.0.0.1", claimed="system:serviceaccount:kd:olga"),
            ("service-account", "kd/olga", "argo-cd"),
            ("unverified-name", "web-console"),
        ),
        (WebRequest(LINE, 403, "10.0.0.1", claimed="eva"), ("address", "10.0.0.1", None), ("web-console",)),
        (WebRequest(LINE, 403, "10.0.0.1", verified="eva"), ("user", "eva", "argo-cd"), ("web-console",)),
        (
            WebRequest(LINE, 200, "10.0.0.1", "-", forwarded=True),
            ("address", "10.0.0.1", None),
            ("forwarded", "web-console"),
        ),
    ],
)
def test_names_the_person_behind_a_console(
    request_: WebRequest, actor: tuple[str, str, str | None], traits: tuple[str, ...]
) -> None:
    found = normalise(request_, target(console="argo-cd"), id="i", at=AT, origin=ORIGIN)
    assert (found.actor.kind, found.actor.name, found.actor.via) == actor
    assert found.traits == traits


@pytest.mark.parametrize(("grpc", "outcome"), [(None, "answered"), (0, "answered"), (7, "refused"), (5, "failed")])
def test_grpc_has_a_status_of_its_own(grpc: int | None, outcome: str) -> None:
    found = normalise(WebRequest(LINE, 200, "10.0.0.1", grpc=grpc), target(), id="i", at=AT, origin=ORIGIN)
    assert found.outcome == outcome
