from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import factories
import msgspec
import pytest
from factories import AT, actor, episode, origin, sighting, surprise
from golden import check_golden

from tidewaiter.findings.explain import RuleWords, finding, finding_id
from tidewaiter.findings.judge import judge
from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Episode, Finding, LookedAt, Tripwire, Verdict
from tidewaiter.wording import LANGUAGES, Language, Wording

GOLDEN = Path(__file__).parent / "golden"
EN = Wording("en")
RULES = {
    "kube-rules-review-service-account@1": RuleWords(
        title="A service account asks for its rights",
        why="A program knows them. Who found a token has to ask.",
        benign=("An operator at start", "A CI job"),
        techniques=("T1069", "T1613"),
    ),
    "kube-node-credential-by-person@1": RuleWords(
        title="A node credential is used with a tool for people",
        why="Somebody took it off the disk.",
        benign=("An administrator on the node",),
        techniques=("T1613",),
    ),
    "cloud-offensive-tool@1": RuleWords(
        title="The client names itself a tool for attack",
        why="These tools have one purpose.",
        benign=("An announced test",),
        techniques=("T1613",),
    ),
    "my-own-rule@3": RuleWords(title="Ours", why="", benign=(), techniques=()),
}
REVIEW = Tripwire(recogniser="kube-rules-review-service-account@1", weight=10.0, times=3, prior=0)
OWN = Tripwire(recogniser="my-own-rule@3", weight=4.0, times=1, prior=2)

# A service account goes far beyond what it did for weeks; a stranger is refused everything; a root shell on a host.
SWEEP = episode(
    kinds=("access", "nodes", "pods", "secrets"),
    tripwires=(REVIEW, OWN),
    tripwire_bits=10.5,
    reviews=3,
    surprises=(
        surprise(measure="breadth", observed="24 in 10s", usual="3 in 10s", peers="4 in 10s", bits=9.0),
        surprise(observed="nodes, secrets"),
        surprise(measure="new-network", observed="198.51.100.0/24", usual="10.42.3.0/24", peers="1 of 23", bits=4.2),
    ),
)
STRANGER = episode(
    actor=actor(kind="anonymous", name="198.51.100.7"),
    opens=AT,
    closes=AT,
    kinds=("pods",),
    addresses=("198.51.100.7",),
    tools=(),
    requests=1,
    answered=0,
    refused=1,
    history=0,
    idle_days=None,
    estate_days=2,
    evidence=("kube-anonymous-refused@1",),
    usual={},
    state="learning",
    estate_learning=True,
    surprises=(
        surprise(measure="refusals", observed="pods", usual="", peers="0 of 1", history_days=0, bits=2.0),
        surprise(measure="new-actor", observed="198.51.100.7", usual="", peers="1 of 2", history_days=0, bits=1.0),
    ),
)
HOST = episode(
    actor=actor(kind="host-user", name="uid 1000", realm="db1"),
    plane="host",
    kinds=("containers", "images"),
    namespaces=(),
    tools=("docker",),
    addresses=(),
    scope="everything",
    requests=2,
    answered=0,
    refused=0,
    history=2,
    state="learning",
    evidence=("host-list@1",),
    usual={},
    surprises=(surprise(measure="new-hour", observed="4, 20", usual="8", peers="2 of 3", history_days=2, bits=5.5),),
)
_NEW = [f"new-{dimension}" for dimension in ("kind", "scope", "network", "tool", "namespace", "hour")]
# A key of a node in a person's hands; Windows; a log without dates; a cloud; a habit.
NODE = episode(
    actor=actor(kind="node", name="worker-2"),
    kinds=("nodes", "pods", "secrets"),
    tools=("kubectl/1.36",),
    addresses=("10.20.0.12",),
    history=3,
    first_day=date(2026, 11, 18),
    tripwires=(Tripwire(recogniser="kube-node-credential-by-person@1", weight=16.0, times=10, prior=0),),
    tripwire_bits=16.0,
    surprises=(surprise(observed="nodes, secrets", usual="configmaps, pods", history_days=3, bits=4.8),),
)
WINDOWS = msgspec.structs.replace(
    HOST, actor=actor(kind="host-user", name="CORP\\anna", realm="WS12.corp.example"), tools=("docker",)
)
UNDATED = msgspec.structs.replace(
    HOST, opens=datetime(1970, 1, 1, 0, 12, tzinfo=UTC), closes=datetime(1970, 1, 1, 0, 14, 3, tzinfo=UTC)
)
CLOUD = episode(
    actor=actor(kind="user", name="mary", realm="111122223333"),
    plane="cloud",
    kinds=("clusters", "images"),
    namespaces=(),
    tools=("aws-cli/2.15",),
    addresses=("203.0.113.24",),
    tripwires=(Tripwire(recogniser="cloud-offensive-tool@1", weight=8.0, times=4, prior=0),),
    tripwire_bits=8.0,
    surprises=(
        surprise(measure="new-network", observed="203.0.113.0/24", usual="198.51.100.0/24", peers="0 of 4", bits=6.0),
    ),
)
HABIT = episode(surprises=(), refused=0, answered=11, first_day=date(2026, 10, 13))
EPISODES = {
    "sweep": SWEEP,
    "stranger": STRANGER,
    "host": HOST,
    "node": NODE,
    "windows": WINDOWS,
    "undated": UNDATED,
    "cloud": CLOUD,
    "habit": HABIT,
}
_SOURCES = {"host": "auditd", "windows": "windows-event", "undated": "bpftrace", "cloud": "cloudtrail"}


def tell(given: Episode, language: Language = "en", **over: Any) -> Finding:
    return finding(
        given, judge(given), over.get("sightings", [sighting()]), over.get("rules", RULES), Wording(language)
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", EPISODES)
def test_the_words_of_a_finding(name: str, language: Language) -> None:
    place = sighting(origin=origin(source=_SOURCES.get(name, "kube-audit")))
    told = tell(EPISODES[name], language, sightings=[place])
    text = [
        f"{told.level} {told.confidence} {told.id} {' '.join(told.techniques)}",
        told.headline,
        *("", "what", told.explanation.what),
        *("", "why", told.explanation.why),
        *("", "means", told.explanation.means),
        *("", "innocent", *told.explanation.innocent),
        *("", "next", *told.explanation.next),
        *("", "contain", *told.explanation.contain),
        *("", "verdict", told.verdict.decision, told.verdict.why, ""),
    ]
    check_golden(GOLDEN / f"{name}.{language}.txt", "\n".join(text))


def test_the_facts_of_a_finding_are_those_of_its_episode() -> None:
    told = tell(SWEEP)
    assert told == factories.finding(
        id=finding_id(SWEEP.actor, AT, "kubernetes"),
        techniques=("T1069", "T1613"),
        level="critical",
        confidence=0.98,
        headline="service account shop/web asks for the list of everything it may do",
        looked_at=LookedAt(
            kinds=SWEEP.kinds, namespaces=("*",), scope="everything", requests=11, answered=5, refused=6
        ),
        surprises=SWEEP.surprises,
        rules=tuple(rule.recogniser for rule in SWEEP.tripwires),
        explanation=told.explanation,  # see the golden files
        verdict=Verdict(
            decision="malicious",
            by="tidewaiter",
            why=(
                "Independent signs agree: questions about rights, how much was read or tried, the place it came from."
            ),
        ),
    )


@pytest.mark.parametrize("name", EPISODES)
def test_the_same_facts_give_the_same_words(name: str) -> None:
    again = msgspec.convert(msgspec.to_builtins(EPISODES[name]), Episode)
    assert tell(again) == tell(EPISODES[name])


def test_a_language_changes_words_only() -> None:
    def facts(told: Finding) -> Finding:
        words = {"headline": "", "explanation": factories.explanation(), "verdict": factories.verdict()}
        return msgspec.structs.replace(told, **words)

    assert facts(tell(SWEEP, "ru")) == facts(tell(SWEEP, "en"))


def test_the_id_is_a_promise() -> None:
    """It names a finding in tickets and verdicts: it may not change from version to version."""
    assert finding_id(actor(), AT, "kubernetes") == "F-e299df6396a3"


@pytest.mark.parametrize(
    ("who", "first", "plane"),
    [
        (actor(name="shop/api"), AT, "kubernetes"),
        (actor(kind="user"), AT, "kubernetes"),
        (actor(realm="other"), AT, "kubernetes"),
        (actor(via="shop/console"), AT, "kubernetes"),
        (actor(), AT + timedelta(microseconds=1), "kubernetes"),
        (actor(), AT, "web"),
    ],
)
def test_other_findings_have_other_ids(who: Any, first: datetime, plane: str) -> None:
    assert finding_id(who, first, plane) != finding_id(actor(), AT, "kubernetes")


def test_the_id_does_not_depend_on_how_long_it_lasted_or_what_it_weighed() -> None:
    longer = msgspec.structs.replace(SWEEP, closes=AT + timedelta(hours=3), tripwires=(), surprises=())
    assert tell(longer).id == tell(SWEEP).id


def test_a_name_that_is_no_text_has_an_id() -> None:
    assert finding_id(actor(name="\udcff"), AT, "web").startswith("F-")


@pytest.mark.parametrize(
    ("over", "headline"),
    [
        ({"tripwires": (OWN,)}, "service account shop/web: Ours"),
        ({"surprises": ()}, "service account shop/web looked at access, nodes, pods, secrets"),
        ({}, "service account shop/web reads far more kinds of resource than usual"),
    ],
)
def test_headlines(over: dict[str, Any], headline: str) -> None:
    assert tell(msgspec.structs.replace(SWEEP, **{"tripwires": (), **over})).headline == headline


@pytest.mark.parametrize("measure", ["returned", "new-actor", "refusals", "breadth", *_NEW])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_measure_has_a_headline(measure: str, language: Language) -> None:
    said = tell(msgspec.structs.replace(HOST, surprises=(surprise(measure=measure, usual="3"),)), language).headline
    assert "uid 1000" in said
    assert measure not in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_in_the_table_of_headlines_has_words(language: Language) -> None:
    for key in load("headlines.yml").values():
        assert Wording(language).say(f"headline.{key}", actor="x")


def test_without_any_sign_the_verdict_says_so() -> None:
    told = tell(msgspec.structs.replace(HOST, surprises=(), history=0))
    assert (told.verdict.why, told.explanation.why) == (EN.say("verdict.nothing"), "")


def test_a_rule_that_is_gone_is_named() -> None:
    """A state folder may hold what a rule of an earlier version said."""
    gone = Tripwire(recogniser="gone@1", weight=0.0, times=1, prior=0)
    told = tell(msgspec.structs.replace(SWEEP, tripwires=(gone,)))
    assert told.headline == "service account shop/web: gone@1"
    assert told.explanation.why.startswith("gone@1 (1 request).\n")
    assert told.techniques == ("T1613",)


OWN_RULES = {
    **RULES,
    "theirs@1": RuleWords(title="T", why="", benign=(), techniques=("T1059",), own=True),
    "counted@1": RuleWords(title="C", why="", benign=(), techniques=("T1033",), own=True),
}


@pytest.mark.parametrize(
    ("tripwires", "evidence", "techniques"),
    [
        (("theirs@1",), (), ("T1059",)),
        (("theirs@1",), ("counted@1",), ("T1033", "T1059")),
        (("theirs@1",), ("kube-list-everything@1",), ("T1059", "T1613")),
        (("theirs@1", "my-own-rule@3"), (), ("T1059", "T1613")),
        ((), (), ("T1613",)),
    ],
)
def test_rules_of_ones_own_name_their_own_techniques(
    tripwires: tuple[str, ...], evidence: tuple[str, ...], techniques: tuple[str, ...]
) -> None:
    fired = tuple(Tripwire(recogniser=name, weight=10.0, times=1, prior=0) for name in tripwires)
    episode = msgspec.structs.replace(SWEEP, tripwires=fired, evidence=evidence)
    assert tell(episode, rules=OWN_RULES).techniques == techniques
