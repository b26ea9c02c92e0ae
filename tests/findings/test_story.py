"""What followed, in words, and findings of one container that refer to each other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from factories import AT, actor, finding, link, looked_at, origin, sighting

from tidewaiter.findings.story import ending, joined, link_of, steps, techniques, told
from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Finding, Link
from tidewaiter.recognise.pack import packaged
from tidewaiter.wording import LANGUAGES, Wording

EN = Wording("en")
BOB = actor(kind="user", name="bob@dev.example")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("T1609",), ("T1609", 4.0)),
        (("T1651", "T1609"), ("T1609", 4.0)),
        (("T1552.001", "T1552.004"), ("T1552.001", 4.0)),
        (("T1098.006",), ("T1098.006", 6.0)),
        (("T1082",), None),
        (("T1613",), None),
        ((), None),
    ],
)
def test_techniques_that_continue_a_story(given: tuple[str, ...], expected: tuple[str, float] | None) -> None:
    assert link_of(given) == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_technique_has_words_and_a_rule_that_tells_it(language: str) -> None:
    wording = Wording(language)  # type: ignore[arg-type]  # a language
    context = {name for about in packaged().abouts() if about.role == "context" for name in about.techniques}
    assert set(load("chain.yml")) - context == {"T1078"}  # a new address, which the baseline sees itself
    assert all(wording.knows(f"chain.{entry['say']}") for entry in load("chain.yml").values())


def test_links_get_their_words() -> None:
    bare = link(what="")
    assert told((bare, link(what="", technique="T1609")), EN) == (
        link(),
        link(technique="T1609", what="runs a program in a container"),
    )


STORY = (
    link(times=3, prior=1),
    link(activity="again", times=2),
    link(technique="T1609", what="runs a program in a container", outcome="refused", bits=1.0),
    link(technique="T1610", what="creates a workload", bits=0.0, prior=4),
    link(technique="T1528", what="takes a token", actor=BOB, shared="address", bits=2.5),
)


def test_what_is_told_of_a_story() -> None:
    assert steps(STORY, EN) == (
        "reads secrets (T1552.007)",
        "runs a program in a container (T1609; refused)",
        "user bob@dev.example, from the same address: takes a token (T1528)",
    )
    assert ending(STORY) == ("reads secrets",)
    assert techniques(STORY) == {"T1552.007", "T1528"}


KUBE = finding(plane="kubernetes")
HOST = finding(
    id="F-4aaaaaaa",
    plane="host",
    actor=actor(kind="container", name="web-1", realm="node-1"),
    from_=AT - timedelta(minutes=4),
    until=AT - timedelta(minutes=3),
    looked_at=looked_at(requests=2, answered=0, refused=0),
    sightings=(
        sighting(
            recogniser="host-raw-http-to-socket@1",
            at=AT - timedelta(minutes=4),
            activity="curl",
            text="curl --unix-socket /var/run/docker.sock http://x/containers/json",
            origin=origin(source="falco", path="falco.json", line=3),
        ),
    ),
)
TO_HOST = Link(
    at=HOST.from_,
    actor=HOST.actor,
    shared="container",
    what="looks around too: finding F-4aaaaaaa",
    technique="T1613",
    text="curl --unix-socket /var/run/docker.sock http://x/containers/json",
    outcome="unknown",
    times=2,
    finding="F-4aaaaaaa",
    recogniser="host-raw-http-to-socket@1",
    activity="curl",
    origin=origin(source="falco", path="falco.json", line=3),
)
TO_KUBE = Link(
    at=AT,
    actor=KUBE.actor,
    shared="container",
    what="looks around too: finding F-3kq9x2m7",
    technique="T1613",
    text="list /api/v1/pods?limit=500",
    outcome="answered",
    times=11,
    finding="F-3kq9x2m7",
    recogniser="kube-list-everything@1",
    activity="5f2b1c7d9e0a4b3c8d7e",
    origin=origin(),
)


def chains(*found: Finding, containers: dict[str, tuple[str, ...]]) -> list[tuple[Link, ...]]:
    return [one.chain for one in joined(found, containers, EN)]


@pytest.mark.parametrize(
    ("host", "containers", "expected"),
    [
        (HOST, {KUBE.id: ("web-1",), HOST.id: ("web-1",)}, [(TO_HOST,), (TO_KUBE,)]),
        (HOST, {KUBE.id: ("web-1", "web-2"), HOST.id: ("web-2",)}, [(TO_HOST,), (TO_KUBE,)]),
        (HOST, {KUBE.id: ("web-1",), HOST.id: ("web-2",)}, [(), ()]),
        (HOST, {HOST.id: ("web-1",)}, [(), ()]),
        (HOST, {}, [(), ()]),
    ],
    ids=["one pod", "one of its pods", "two pods", "only one knows its pod", "none does"],
)
def test_findings_of_one_pod_on_two_planes(
    host: Finding, containers: dict[str, tuple[str, ...]], expected: list[tuple[Link, ...]]
) -> None:
    assert chains(KUBE, host, containers=containers) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"plane": "kubernetes"}, 0),  # a pod of the same name in another namespace
        ({"from_": KUBE.until + timedelta(minutes=30), "until": KUBE.until + timedelta(hours=1)}, 1),
        ({"from_": KUBE.until + timedelta(minutes=31), "until": KUBE.until + timedelta(hours=1)}, 0),
        ({"from_": AT - timedelta(hours=2), "until": AT - timedelta(minutes=30)}, 1),
        ({"from_": AT - timedelta(hours=2), "until": AT - timedelta(minutes=31)}, 0),
    ],
    ids=["the same plane", "just after", "later", "just before", "earlier"],
)
def test_findings_far_apart_are_two_stories(changed: dict[str, Any], expected: int) -> None:
    other = msgspec.structs.replace(HOST, **changed)
    found = chains(KUBE, other, containers={KUBE.id: ("web-1",), HOST.id: ("web-1",)})
    assert [len(chain) for chain in found] == [expected, expected]


def test_the_story_stays_in_the_order_of_time() -> None:
    known = msgspec.structs.replace(KUBE, chain=(link(),))
    assert chains(known, HOST, containers={KUBE.id: ("web-1",), HOST.id: ("web-1",)})[0] == (TO_HOST, link())
