from __future__ import annotations

from typing import Any

import pytest
from factories import AT, actor, episode, origin, sighting, surprise

from tidewaiter.findings.questions import innocent, next_questions
from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import ActorKind, Episode, Plane
from tidewaiter.wording import LANGUAGES, Wording

EN = Wording("en")


def said(*keys: str) -> tuple[str, ...]:
    return tuple(EN.say(f"innocent.{key}") for key in keys)


class Keys(Wording):
    """Words that are the keys of questions."""

    def ask(self, key: str, **_: Any) -> str:
        return key


def asked(episode: Episode, *places: str) -> list[str]:
    """Give the questions by their keys, without the one that is always asked."""
    sightings = [sighting(origin=origin(path=path)) for path in places]
    *found, last = next_questions(episode, "F-1", sightings, Keys("en"))
    assert last == "show"
    return found


def of(kind: ActorKind, plane: Plane, *measures: str, **over: Any) -> Episode:
    name = {"service-account": "shop/web", "host-user": "uid 1000"}.get(kind, "ana")
    complete = {"addresses": (), "surprises": tuple(surprise(measure=one) for one in measures)}
    return episode(actor=actor(kind=kind, name=name), plane=plane, **{**complete, **over})


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        (of("user", "kubernetes"), ["support-bundle"]),
        (of("user", "kubernetes", "new-actor"), ["new-colleague", "support-bundle"]),
        (of("user", "kubernetes", "new-network", "new-tool"), ["on-call", "moved", "client-upgrade", "support-bundle"]),
        (of("user", "kubernetes", reviews=3), ["k9s", "support-bundle"]),
        (of("user", "web", "returned"), ["new-colleague"]),
        (of("service-account", "kubernetes"), ["scanner", "backup", "support-bundle"]),
        (
            of("service-account", "kubernetes", "new-actor", "new-network", "refusals"),
            ["new-operator", "gitops", "broken-controller", "scanner", "backup"],  # five at most
        ),
        (of("component", "kubernetes"), ["namespace-deletion", "support-bundle"]),
        (of("anonymous", "kubernetes"), ["health-check", "expired-token", "support-bundle"]),
        (of("anonymous", "web"), ["health-check", "expired-token"]),
        (of("host-user", "host"), ["admin-on-host", "metrics-agent", "ci-job"]),
        (of("unknown", "engine"), ["admin-on-host", "metrics-agent", "ci-job"]),
        (of("node", "cloud"), []),
    ],
    ids=lambda value: f"{value.actor.kind} {value.plane}" if isinstance(value, Episode) else "",
)
def test_innocent_reasons_fit(given: Episode, keys: list[str]) -> None:
    assert innocent(given, [], EN) == said(*keys)


def test_what_the_rules_say_comes_first_and_once() -> None:
    found = innocent(of("anonymous", "web"), ["A scanner", "A test", "A scanner"], EN)
    assert found == ("A scanner", "A test", *said("health-check", "expired-token"))


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        (of("service-account", "kubernetes"), ["pods-of-account", "bindings", "identity"]),
        (
            of("service-account", "kubernetes", addresses=("10.0.0.1",)),
            ["pods-of-account", "pod-by-address", "bindings", "identity"],  # four at most
        ),
        (of("user", "kubernetes"), ["bindings", "identity"]),
        (of("user", "kubernetes", addresses=("10.0.0.1",)), ["bindings", "identity"]),  # in which file is not known
        (of("user", "web"), []),
        (of("node", "kubernetes"), ["node"]),
        (of("anonymous", "kubernetes", addresses=("10.0.0.1",)), ["pod-by-address"]),
        (of("host-user", "host"), ["host-audit", "host-logins", "engine-journal"]),
        (of("container", "host"), ["container-mounts", "engine-journal"]),
        (of("unknown", "engine"), ["engine-journal", "engine-listeners"]),
        (of("address", "engine"), ["engine-journal", "engine-listeners"]),
    ],
    ids=lambda value: f"{value.actor.kind} {value.plane}" if isinstance(value, Episode) else "",
)
def test_questions_fit(given: Episode, keys: list[str]) -> None:
    assert asked(given) == keys


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        (of("user", "web", addresses=("10.0.0.1",)), ["same-address", "same-actor"]),
        (of("anonymous", "web", addresses=("10.0.0.1",)), ["same-address"]),
        (of("host-user", "engine"), ["engine-journal", "same-actor"]),
    ],
)
def test_with_a_place_the_log_itself_is_asked(given: Episode, keys: list[str]) -> None:
    assert asked(given, "a.log", "b.log") == keys


def test_questions_hold_commands_that_can_be_pasted() -> None:
    given = episode(actor=actor(name="shop/web"), addresses=("10.42.3.17", "10.42.3.18"))
    assert "\n".join(next_questions(given, "F-1", [], EN)).splitlines() == [
        "Which pods run as the service account web in shop, and from which images?",
        "kubectl get pods --namespace=shop --output=wide --field-selector=spec.serviceAccountName=web",
        "Which pod has the address 10.42.3.17?",
        "kubectl get pods --all-namespaces --output=wide --field-selector=status.podIP=10.42.3.17",
        "Who gave web its rights?",
        "kubectl get clusterrolebindings,rolebindings --all-namespaces --output=wide | grep -F -e web",
        "Which groups does system:serviceaccount:shop:web belong to?",
        "kubectl auth whoami --as=system:serviceaccount:shop:web",
        "What else is known about this finding, if the scan kept its state in DIR?",
        "tidewaiter show --state=DIR -- F-1",
    ]


def test_names_from_a_log_are_quoted_for_a_shell() -> None:
    evil = "x';$(reboot)\n-rf"
    given = episode(actor=actor(kind="user", name=evil), plane="web", addresses=("$(id)",))
    found = next_questions(given, "F-1", [sighting(origin=origin(path="a b;.log"))], EN)
    assert [question.split("\n")[1] for question in found[:2]] == [
        "zgrep -F -n -e '$(id)' -- 'a b;.log'",
        "zgrep -F -n -e 'x'\"'\"';$(reboot)\\n-rf' -- 'a b;.log'",
    ]


def test_an_account_is_asked_for_by_its_number() -> None:
    given = of("host-user", "host", opens=AT)
    assert next_questions(given, "F-1", [], EN)[0] == (
        "What else did the account 1000 run from 2026-11-23 02:14:07 UTC on?\n"
        "TZ=UTC LC_ALL=C ausearch -i -ua 1000 -ts 11/23/26 02:14:07"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_entry_of_the_table_can_be_said(language: Any) -> None:
    """Its keys are in the catalogue, and it fills every placeholder of its question and command."""
    wording = Wording(language)
    for entry in load("next.yml")["innocent"]:
        assert wording.say(f"innocent.{entry['say']}")
    for entry in load("next.yml")["next"]:
        filled = entry.keys() - {"ask", "planes", "actors", "measures", "with_reviews"}
        facts: dict[str, Any] = {name: AT if name in {"at", "until"} else "x" for name in filled}
        assert wording.ask(entry["ask"], **facts)
