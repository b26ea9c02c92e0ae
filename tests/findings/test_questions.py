from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from factories import AT, actor, episode, origin, sighting, surprise

from tidewaiter.findings.circumstances import Circumstances, circumstances
from tidewaiter.findings.questions import innocent, next_questions
from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import ActorKind, Episode, Plane, Tripwire
from tidewaiter.recognise.pack import packaged
from tidewaiter.wording import LANGUAGES, Wording

EN = Wording("en")
THEN = datetime(1970, 1, 1, 0, 12, tzinfo=UTC)


class Keys(Wording):
    """Words that are the keys of reasons and questions."""

    def ask(self, key: str, **_: Any) -> str:
        return key

    def innocent(self, key: str, **_: Any) -> str:
        return key


def seen(given: Episode, source: str = "kube-audit", path: str = "-") -> Circumstances:
    return circumstances(given, [sighting(origin=origin(source=source, path=path))])


def asked(episode: Episode, source: str = "kube-audit", path: str = "-") -> list[str]:
    """Give the questions by their keys, without the one that is always asked."""
    *found, last = next_questions(seen(episode, source, path), "F-1", Keys("en"))
    assert last == "show"
    return found


def of(kind: ActorKind, plane: Plane, *measures: str, **over: Any) -> Episode:
    name = {"service-account": "shop/web", "host-user": "uid 1000"}.get(kind, "ana")
    complete = {"addresses": (), "surprises": tuple(surprise(measure=one) for one in measures)}
    return episode(**{"actor": actor(kind=kind, name=name), "plane": plane, **complete, **over})


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
            ["moved", "new-operator", "gitops", "broken-controller"],  # four at most
        ),
        (of("node", "kubernetes"), ["node-script", "support-bundle"]),
        (of("component", "kubernetes"), ["namespace-deletion", "support-bundle"]),
        (of("anonymous", "kubernetes"), ["health-check", "expired-token", "support-bundle"]),
        (of("anonymous", "web"), ["health-check", "expired-token"]),
        (of("host-user", "host"), ["admin-on-host", "metrics-agent", "ci-job"]),
        (of("host-user", "host", opens=THEN, closes=THEN), ["admin-undated", "metrics-agent", "ci-job"]),
        (of("unknown", "engine"), ["admin-on-host", "metrics-agent", "ci-job"]),
        (of("user", "cloud"), ["terraform", "cloud-audit", "cloud-console"]),
        (of("service-account", "cloud"), ["terraform", "cloud-audit"]),
    ],
    ids=lambda value: f"{value.actor.kind} {value.plane}" if isinstance(value, Episode) else "",
)
def test_innocent_reasons_fit(given: Episode, keys: list[str]) -> None:
    assert innocent(seen(given), {}, Keys("en")) == tuple(keys)


def test_an_administrator_of_windows_logs_on_there() -> None:
    given = of("host-user", "host")
    assert innocent(seen(given, "windows-event"), {}, Keys("en")) == ("admin-on-windows", "ci-job")


def test_what_the_rules_say_comes_first_with_what_would_confirm_it() -> None:
    rules = tuple(
        Tripwire(recogniser=name, weight=1.0, times=1, prior=0) for name in ("kube-anonymous-probing@1", "ours@1")
    )
    said = {"kube-anonymous-probing@1": ["A test", "A scanner."], "ours@1": ["A third"]}
    assert innocent(seen(of("anonymous", "web", tripwires=rules)), said, EN) == (
        "A test. The person behind the account can confirm it: call, rather than write.",
        "A scanner. An announcement or an order for these hours would confirm it.",
        EN.say("innocent.health-check"),
        EN.say("innocent.expired-token"),
    )
    assert innocent(seen(of("anonymous", "web", tripwires=rules[1:])), said, EN)[0] == (
        "A third. Whoever answers for this account can confirm it."
    )


def test_a_reason_may_come_with_the_command_that_shows_it() -> None:
    assert innocent(seen(of("service-account", "kubernetes")), {}, EN)[1].split("\n")[1] == (
        "kubectl get cronjobs --namespace=shop"
    )
    assert innocent(seen(of("host-user", "host")), {}, EN)[0].split("\n")[1] == (
        "TZ=UTC last --present='2026-11-23 02:14:07'"
    )


@pytest.mark.parametrize(
    ("given", "source", "keys"),
    [
        (of("service-account", "kubernetes"), "kube-audit", ["pods-of-account", "rights"]),
        (of("user", "kubernetes"), "kube-audit", ["user-rights", "bindings"]),
        (of("user", "kubernetes", addresses=("10.0.0.1",)), "kube-audit", ["user-rights", "bindings"]),
        (of("user", "web"), "access-log", []),
        (of("user", "web", addresses=("10.0.0.1",)), "access-log", ["ask-person"]),
        (of("node", "kubernetes"), "kube-audit", ["node", "node-pods"]),
        (of("anonymous", "kubernetes", addresses=("10.0.0.1",)), "kube-audit", ["anonymous-rights", "pod-by-address"]),
        (of("anonymous", "kubernetes", addresses=("8.8.8.8",)), "kube-audit", ["anonymous-rights"]),
        (of("host-user", "host"), "auditd", ["host-audit", "host-logins", "engine-journal"]),
        (of("host-user", "host", opens=THEN, closes=THEN), "bpftrace", ["host-audit-undated"]),
        (of("host-user", "host"), "windows-event", ["windows-processes", "windows-logons", "windows-engine"]),
        (of("host-user", "host", opens=THEN, closes=THEN), "windows-event", []),
        (of("container", "host"), "falco", ["container-mounts", "container-processes", "engine-journal"]),
        (of("unknown", "engine"), "dockerd", ["engine-journal", "engine-listeners"]),
        (of("address", "engine"), "dockerd", ["engine-journal", "engine-listeners"]),
        (of("user", "cloud"), "cloudtrail", ["cloudtrail", "aws-user-rights", "aws-keys"]),
        (of("user", "cloud"), "gcp-audit", ["gcp-log", "gcp-rights"]),
        (of("user", "cloud"), "azure-activity", ["azure-log", "azure-rights", "azure-sign-ins"]),
    ],
    ids=lambda value: f"{value.actor.kind} {value.plane}" if isinstance(value, Episode) else "",
)
def test_questions_fit(given: Episode, source: str, keys: list[str]) -> None:
    assert asked(given, source) == keys


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        (of("user", "web", addresses=("10.0.0.1",)), ["ask-person", "same-address", "same-actor"]),
        (of("anonymous", "web", addresses=("10.0.0.1",)), ["same-address"]),
        (of("host-user", "engine"), ["engine-journal", "same-actor"]),
        (of("service-account", "kubernetes"), ["pods-of-account", "rights", "changes"]),
        (of("host-user", "host"), ["host-audit", "host-logins", "engine-journal"]),  # three at most
    ],
)
def test_with_a_place_the_log_itself_is_asked_last(given: Episode, keys: list[str]) -> None:
    assert asked(given, path="a.log") == keys


def test_questions_hold_commands_that_can_be_pasted() -> None:
    given = seen(of("service-account", "kubernetes"), path="audit.log")
    assert "\n".join(next_questions(given, "F-1", EN)).splitlines() == [
        "Which pods run as the service account web in shop, and from which images?",
        "kubectl get pods --namespace=shop --output=wide --field-selector=spec.serviceAccountName=web",
        "What may system:serviceaccount:shop:web do in shop?",
        "kubectl auth can-i --list --namespace=shop --as=system:serviceaccount:shop:web",
        "Did web change, start or open anything?",
        (
            "zgrep -F -e system:serviceaccount:shop:web -- audit.log"
            """ | grep -E -e '"verb": ?"(create|update|patch|delete)"'"""
        ),
        "What else is known about this finding, if the scan kept its state in DIR?",
        "tidewaiter show --state=DIR -- F-1",
    ]


def test_names_from_a_log_are_quoted_for_a_shell() -> None:
    evil = "x';$(reboot)\n-rf"
    given = seen(episode(actor=actor(kind="user", name=evil), plane="web", addresses=("$(id)",)), path="a b;.log")
    found = next_questions(given, "F-1", EN)
    assert [question.split("\n")[1] for question in found[1:3]] == [
        "zgrep -F -n -e '$(id)' -- 'a b;.log'",
        "zgrep -F -n -e 'x'\"'\"';$(reboot)\\n-rf' -- 'a b;.log'",
    ]


def test_an_account_is_asked_for_by_its_number() -> None:
    assert next_questions(seen(of("host-user", "host", opens=AT)), "F-1", EN)[0] == (
        "What else did the account 1000 run from 2026-11-23 02:14:07 UTC on?\n"
        "TZ=UTC LC_ALL=C ausearch -i -ua 1000 -ts 11/23/26 02:14:07"
    )


def test_windows_is_asked_in_its_own_words() -> None:
    given = of("host-user", "host", actor=actor(kind="host-user", name="CORP\\o'neil", realm="ws12"))
    assert next_questions(seen(given, "windows-event"), "F-1", EN)[0] == (
        "What else did o'neil start from 2026-11-23 02:14:07 UTC on?\n"
        "Get-WinEvent -FilterHashtable @{LogName='Security'; Id=4688; StartTime=[datetime]'2026-11-23T02:14:07Z'} "
        "| Where-Object { $_.Message.Contains('o''neil') } | Format-List TimeCreated, Message"
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("source", ["bpftrace", "windows-event"])
def test_no_command_holds_a_time_that_no_record_holds(language: Any, source: str) -> None:
    given = seen(of("host-user", "host", opens=THEN, closes=THEN), source, "a.log")
    words = Wording(language)
    assert "1970" not in "".join((*innocent(given, {}, words), *next_questions(given, "F-1", words)))
    assert "01/01/70" not in "".join(next_questions(given, "F-1", words))


def test_what_would_confirm_a_reason_of_a_rule_is_told_for_each() -> None:
    stated = {about.name: len(about.benign) for about in packaged().abouts()}
    told = {name: len(keys) for name, keys in load("next.yml")["confirm"].items()}
    assert told == {name: stated.get(name) for name in told}
    assert {
        key for keys in load("next.yml")["confirm"].values() for key in keys if not EN.knows(f"confirm.{key}")
    } == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_entry_of_the_table_can_be_said(language: Any) -> None:
    """Its keys are in the catalogue, and it fills every placeholder of its sentence and command."""
    wording = Wording(language)
    conditions = {"ask", "say", "planes", "actors", "measures", "rules", "with_reviews", "systems", "clouds"}
    for entry in (*load("next.yml")["innocent"], *load("next.yml")["next"]):
        filled = entry.keys() - conditions
        facts: dict[str, Any] = {name: AT if name in {"at", "until"} else "x" for name in filled}
        assert wording.ask(entry["ask"], **facts) if "ask" in entry else wording.innocent(entry["say"], **facts)
