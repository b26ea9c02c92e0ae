"""The packaged rules: their own examples, and mutations of each that the examples must notice."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, get_args

import pytest

from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Activity, ActorKind, Verb
from tidewaiter.recognise.fields import PLANES, example, values
from tidewaiter.recognise.match import All, Condition, Either, Not, evaluate
from tidewaiter.recognise.pack import load_pack, packaged_sources
from tidewaiter.recognise.rule import LANGUAGES, Recogniser

PACK = load_pack(packaged_sources())
NAMES = [rule.about.name for rule in PACK.recognisers]
EXAMPLES = [
    (rule, activity, wanted)
    for rule in PACK.recognisers
    for activities, wanted in ((rule.examples.hit, True), (rule.examples.miss, False))
    for activity in activities
]
MEDIUM = 10.0  # bits that make a medium finding alone


def holds(condition: Condition, activity: Activity) -> bool:
    return evaluate(condition, values(activity)) is not None


@pytest.mark.parametrize(
    ("rule", "activity", "wanted"),
    EXAMPLES,
    ids=[f"{rule.about.name}-{'hit' if wanted else 'miss'}-{n}" for n, (rule, _, wanted) in enumerate(EXAMPLES)],
)
def test_example(rule: Recogniser, activity: Activity, wanted: bool) -> None:
    assert holds(rule.condition, activity) is wanted
    assert any(said.recogniser == rule.about.key for said in PACK.recognise(activity)) is wanted


def mutants(condition: Condition) -> Iterator[Condition]:
    """Give the condition with each of its parts left out, or turned round."""
    yield Not(condition)
    match condition:
        case All(parts) | Either(parts):
            for at, part in enumerate(parts):
                rest = (*parts[:at], *parts[at + 1 :])
                yield type(condition)(rest)
                for other in mutants(part):
                    yield type(condition)((*parts[:at], other, *parts[at + 1 :]))
        case Not(part):
            for other in mutants(part):
                yield Not(other)


@pytest.mark.parametrize("name", NAMES)
def test_examples_notice_every_mutation(name: str) -> None:
    rule = PACK.get(name)
    assert isinstance(rule, Recogniser)
    cases = [(a, True) for a in rule.examples.hit] + [(a, False) for a in rule.examples.miss]
    silent = [m for m in mutants(rule.condition) if all(holds(m, activity) is wanted for activity, wanted in cases)]
    assert silent == []


@pytest.mark.parametrize("name", NAMES)
def test_has_examples_of_both_sorts(name: str) -> None:
    rule = PACK.get(name)
    assert isinstance(rule, Recogniser)
    assert len(rule.examples.hit) >= 1
    assert len(rule.examples.miss) >= 2


@pytest.mark.parametrize("rule", [*PACK.recognisers, *PACK.correlations], ids=lambda rule: rule.about.name)
def test_is_explained_in_both_languages(rule: Recogniser) -> None:
    about = rule.about
    assert about.description
    assert about.benign
    for words in (about.why, *about.benign):
        assert sorted(words) == sorted(LANGUAGES)
        assert all(words.values())
    assert about.path.endswith(f"/{about.name}.yml")


@pytest.mark.parametrize("rule", [*PACK.recognisers, *PACK.correlations], ids=lambda rule: rule.about.name)
def test_role_weight_and_technique_agree(rule: Recogniser) -> None:
    about = rule.about
    if about.role == "context":
        assert about.weight == 0
        assert "T1613" not in about.techniques
        assert about.techniques
    else:
        assert "T1613" in about.techniques
        assert about.weight > 0
    if about.role == "evidence":
        assert about.weight <= 4
        assert about.level in ("info", "low")
    if about.role == "tripwire":
        assert about.weight >= 6
        assert about.level in ("medium", "high")
    if about.level == "high":
        assert about.weight >= MEDIUM


KINDS = sorted({kind for kinds in load("classes.yml").values() for kind in kinds} | {"widgets", "nodes/proxy"})
# Questions that are no inventory, as readers state them, and the rules that may see them none the less.
NO_INVENTORY: list[tuple[str, Verb, str, set[str]]] = [
    ("kubernetes", "review", "access", {"kube-access-review"}),
    ("kubernetes", "review", "identity", {"kube-who-am-i"}),
    (
        "kubernetes",
        "discover",
        "api",
        {"kube-discover-apis", "kube-anonymous-discovery", "kube-anonymous-refused"},
    ),
    ("kubernetes", "discover", "version", set()),
    ("kubernetes", "get", "version", set()),
    ("kubernetes", "get", "health", set()),
    ("kubernetes", "get", "metrics", {"kube-anonymous-refused"}),
    # A stranger who reads secrets is no longer only after credentials: the door is open.
    ("kubernetes", "list", "secrets", {"kube-anonymous-inventory", "kube-anonymous-refused"}),
    ("kubernetes", "get", "secrets", {"kube-anonymous-inventory", "kube-anonymous-refused"}),
    ("kubernetes", "exec", "pods", set()),
    ("kubernetes", "create", "pods", set()),
    ("kubernetes", "get", "pods/status", {"kube-anonymous-refused"}),
    ("engine", "discover", "version", set()),
    ("engine", "get", "containers/archive", {"engine-refused-read"}),  # taking files out is collection
    ("engine", "connect", "socket", set()),
    ("engine", "connect", "unknown", set()),
    ("engine", "list", "secrets", {"engine-list", "engine-refused-read"}),  # an engine only gives their names
    ("host", "discover", "version", set()),
    ("host", "list", "secrets", {"host-refused-read"}),
    ("host", "get", "kubeconfig", {"host-refused-read"}),
    ("host", "review", "access", set()),
    ("host", "connect", "socket", {"host-socket-connect", "host-refused-read"}),
    ("host", "list", "unknown", {"host-refused-read"}),
    ("web", "get", "health", set()),
    ("web", "discover", "api", set()),
    ("web", "list", "secrets", {"web-refused-read"}),
    ("web", "get", "unknown", set()),
    ("cloud", "get", "identity", {"cloud-refused-read"}),
    ("cloud", "list", "secrets", {"cloud-refused-read"}),
]


@pytest.mark.parametrize(
    ("plane", "verb", "kind", "allowed"), NO_INVENTORY, ids=[f"{p}-{v}-{k}" for p, v, k, _ in NO_INVENTORY]
)
def test_what_is_no_inventory_is_not_counted_as_such(plane: Any, verb: Verb, kind: str, allowed: set[str]) -> None:
    seen = set()
    for actor, outcome, scope in product(get_args(ActorKind), ("answered", "refused"), ("one", "everything")):
        given = {"verb": verb, "kind": kind, "actor.kind": actor, "outcome": outcome, "scope": scope}
        for said in PACK.recognise(example(given, plane)):
            rule = PACK.get(said.recogniser)
            if rule and "T1613" in rule.about.techniques:
                seen.add(rule.about.name)
    assert seen == allowed


@pytest.mark.parametrize("kind", KINDS)
def test_components_and_health_probes_are_never_seen(kind: str) -> None:
    for verb in get_args(Verb):
        given = {"verb": verb, "kind": kind, "actor.kind": "component", "scope": "everything"}
        assert PACK.recognise(example(given, "kubernetes")) == ()
    for plane, outcome, actor in product(PLANES, ("answered", "refused"), get_args(ActorKind)):
        given = {"verb": "probe", "kind": kind, "outcome": outcome, "actor.kind": actor}
        assert PACK.recognise(example(given, plane)) == ()


# Ordinary innocents: what they do all day must never reach the weight of a medium finding by itself.
INNOCENTS: dict[str, tuple[str, list[dict[str, object]]]] = {
    "k9s starts": (
        "kubernetes",
        [
            {"kind": "pods", "traits": "initial-events", "scope": "everything", "tool": "k9s"},
            {"kind": "access", "verb": "review", "tool": "k9s"},
            {"kind": "nodes", "outcome": "refused", "tool": "k9s"},
        ],
    ),
    "on-call engineer": (
        "kubernetes",
        [
            {"kind": "pods", "scope": "everything", "traits": "all-namespaces", "tool": "kubectl/1.32"},
            {"kind": "pods", "verb": "logs", "scope": "one", "tool": "kubectl/1.32"},
            {"kind": "access", "verb": "review", "traits": "rules-review", "tool": "kubectl/1.32"},
        ],
    ),
    "on-call engineer on a host": (
        "host",
        [{"kind": "everything", "traits": "whole-inventory"}, {"kind": "containers"}],
    ),
    "shell completion": ("host", [{"kind": "pods", "traits": "completion"}]),
    "metrics agent": (
        "host",
        [{"kind": "containers", "traits": ["raw-http", "local-socket"]}, {"kind": "daemon", "verb": "get"}],
    ),
    "agent in a container": (
        "engine",
        [{"kind": "containers", "traits": "inside-container", "actor.kind": "container", "tool": "go-http-client/1.1"}],
    ),
    "CI with docker-in-docker": ("host", [{"kind": "containers", "traits": ["remote-endpoint", "plaintext-tcp"]}]),
    "CI with kubectl in a container": ("host", [{"kind": "pods", "traits": "inside-container"}]),
    "GitOps controller": (
        "kubernetes",
        [
            {"kind": "deployments", "scope": "everything", "actor.kind": "service-account"},
            {"kind": "clusterroles", "scope": "everything", "actor.kind": "service-account"},
            {"kind": "secrets", "scope": "everything", "actor.kind": "service-account"},
        ],
    ),
    "Prometheus by its example": (
        "kubernetes",
        [{"kind": "nodes/proxy", "verb": "get", "actor.kind": "service-account"}],
    ),
    "kubelet": (
        "kubernetes",
        [
            {"kind": "pods", "scope": "everything", "actor.kind": "node", "tool": "kubelet/1.32"},
            {"kind": "serviceaccounts/token", "verb": "create", "actor.kind": "node", "tool": "kubelet/1.32"},
        ],
    ),
    "kubeadm join": ("kubernetes", [{"kind": "configmaps", "verb": "get", "scope": "one", "actor.kind": "anonymous"}]),
    "new developer": ("kubernetes", [{"kind": "pods", "scope": "everything", "outcome": "refused"}]),
}


@pytest.mark.parametrize("who", INNOCENTS)
def test_ordinary_innocents_stay_below_a_finding(who: str) -> None:
    plane, doings = INNOCENTS[who]
    weights: dict[str, float] = {}
    for given in doings:
        said = PACK.recognise(example(given, plane))  # type: ignore[arg-type] # one of PLANES
        weights |= {item.recogniser: item.weight for item in said if item.role == "tripwire"}
    heaviest, *others = sorted(weights.values(), reverse=True) or [0.0]
    assert heaviest + sum(others) / 3 < MEDIUM
