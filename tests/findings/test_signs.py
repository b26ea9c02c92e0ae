from __future__ import annotations

from typing import Any

import pytest
from factories import AT, actor, episode, origin, surprise

from tidewaiter.findings.circumstances import circumstances
from tidewaiter.findings.signs import families, meanings, proof
from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Link, Tripwire
from tidewaiter.recognise.pack import packaged
from tidewaiter.wording import LANGUAGES, Language, Wording

SIGNS = load("signs.yml")


def fired(name: str, prior: int = 0) -> Tripwire:
    return Tripwire(recogniser=f"{name}@1", weight=10.0, times=1, prior=prior)


def followed(**over: Any) -> Link:
    complete = {
        "at": AT,
        "technique": "T1552.007",
        "text": "list secrets",
        "outcome": "answered",
        "bits": 3.0,
        "recogniser": "kube-read-secrets@1",
        "activity": "a1",
        "origin": origin(),
    }
    return Link(**{**complete, **over})


NODE, OPEN, TOOL = (
    fired("kube-node-credential-by-person"),
    fired("kube-anonymous-inventory"),
    fired("kube-offensive-tool"),
)


@pytest.mark.parametrize(
    ("over", "found"),
    [
        ({}, ()),
        ({"tripwires": (fired("kube-refused-sweep"), fired("kube-refused-slow-sweep"))}, ("reach",)),
        ({"tripwires": (fired("kube-refused-sweep"), TOOL)}, ("reach", "tool")),
        ({"tripwires": (fired("kube-offensive-tool", prior=2),)}, ()),
        ({"tripwires": (fired("ours"), fired("theirs"))}, ("other",)),
        ({"surprises": (surprise(), surprise(measure="breadth"), surprise(measure="new-actor"))}, ("reach",)),
        ({"surprises": (surprise(measure="new-network", bits=4.0),)}, ("place",)),
        ({"surprises": (surprise(measure="new-network", bits=3.9),)}, ()),
        ({"chain": (followed(),)}, ("followed",)),
        ({"chain": (followed(outcome="refused"),)}, ()),
        ({"chain": (followed(bits=0.0),)}, ()),
    ],
    ids=lambda value: "" if isinstance(value, tuple) else " ".join(value),
)
def test_independent_kinds_of_evidence(over: dict[str, Any], found: tuple[str, ...]) -> None:
    assert families(episode(**{"surprises": (), **over})) == found


@pytest.mark.parametrize(
    ("over", "found"),
    [
        ({"tripwires": (NODE,)}, NODE),
        ({"tripwires": (NODE,), "answered": 0}, None),
        ({"tripwires": (fired("kube-node-credential-by-person", prior=2),)}, None),
        ({"tripwires": (fired("kube-refused-sweep"), TOOL)}, TOOL),
        ({"tripwires": (OPEN,)}, None),  # a cluster may be open on purpose
        ({"tripwires": (OPEN,), "chain": (followed(),)}, OPEN),
        ({"tripwires": (OPEN, fired("web-encoded-target"))}, OPEN),
        ({"tripwires": (fired("kube-refused-sweep"),), "chain": (followed(),)}, None),
        ({}, None),
    ],
    ids=[
        "key of a node",
        "refused",
        "a habit",
        "an attack tool",
        "an open door",
        "and used",
        "and hidden",
        "no",
        "none",
    ],
)
def test_what_is_proof(over: dict[str, Any], found: Tripwire | None) -> None:
    assert proof(episode(**{"surprises": (), **over})) == found


@pytest.mark.parametrize(
    ("over", "keys"),
    [
        ({"tripwires": (NODE,)}, ("stolen-node-credential",)),
        ({"tripwires": (NODE, TOOL, OPEN)}, ("stolen-node-credential", "attack-tool")),  # two at most
        ({"tripwires": (fired("kube-refused-sweep"), fired("host-sweep"))}, ("trying-keys",)),  # one family
        ({"tripwires": (fired("ours"),)}, ("program-off-its-path",)),
        ({"surprises": (surprise(), surprise(measure="new-network"))}, ("taken-over-program",)),
        ({"actor": actor(kind="user"), "surprises": (surprise(measure="new-network"),)}, ("taken-over-person",)),
        ({"actor": actor(kind="user"), "surprises": (surprise(measure="new-hour"),)}, ("odd-hour",)),
        ({"actor": actor(kind="node")}, ("kubelet-off-its-path",)),
        ({"actor": actor(kind="anonymous"), "surprises": ()}, ("knocking",)),
        ({"actor": actor(kind="component"), "surprises": ()}, ("ordinary",)),
        ({"actor": actor(kind="unknown"), "plane": "engine", "surprises": ()}, ("engine-reader",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_it_usually_means(over: dict[str, Any], keys: tuple[str, ...]) -> None:
    assert meanings(circumstances(episode(**over), [])) == keys


def test_every_rule_of_the_table_exists_and_belongs_to_one_family() -> None:
    known = {about.name for about in packaged().abouts() if about.role == "tripwire"} | {"new-address"}
    members = [name for family in SIGNS["families"].values() for name in family["rules"]]
    assert set(members) | set(SIGNS["proofs"]) <= known
    assert len(members) == len(set(members))
    assert set(SIGNS["proofs"]) <= set(members)
    assert {rule for entry in SIGNS["means"] for rule in entry.get("rules", ())} <= set(members)


def test_every_packaged_tripwire_says_what_it_means() -> None:
    told = {rule for entry in SIGNS["means"] for rule in entry.get("rules", ())}
    assert {about.name for about in packaged().abouts() if about.role == "tripwire"} - told == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_meaning_and_family_has_words(language: Language) -> None:
    words = Wording(language)
    keys = [f"means.{entry['say']}" for entry in SIGNS["means"]]
    keys += [f"sign.{name}" for name in (*SIGNS["families"], "followed", "other")]
    assert [key for key in keys if not words.knows(key)] == []
