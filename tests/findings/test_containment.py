from __future__ import annotations

import shlex
from typing import Any

import pytest
from factories import actor, episode, origin, sighting

from tidewaiter.findings.circumstances import Circumstances, circumstances
from tidewaiter.findings.containment import containment
from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import ActorKind, Plane
from tidewaiter.wording import LANGUAGES, Language, Wording
from tidewaiter.wording.catalogue import catalogue, commands

EN = Wording("en")
TABLE = load("contain.yml")["contain"]


class Keys(Wording):
    """Words that are the keys of steps."""

    def contain(self, key: str, **_: Any) -> str:
        return key


def of(kind: ActorKind, name: str, plane: Plane, source: str = "kube-audit", **over: Any) -> Circumstances:
    complete = {"addresses": ("198.51.100.7",), "actor": actor(kind=kind, name=name, via=over.pop("via", None))}
    return circumstances(episode(plane=plane, **{**complete, **over}), [sighting(origin=origin(source=source))])


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        (of("service-account", "shop/web", "kubernetes"), ("keep-pods", "stop-pods", "delete-account")),
        (of("user", "ana", "kubernetes"), ("disable-person", "unbind-cluster", "unbind-namespaces")),
        (of("node", "n1", "kubernetes"), ("cordon", "drain", "replace-node")),
        (of("component", "kube-scheduler", "kubernetes"), ("component",)),
        (of("anonymous", "198.51.100.7", "kubernetes"), ("block-api", "unbind-anonymous", "no-anonymous")),
        (
            of("anonymous", "2001:db8::7", "kubernetes", addresses=("2001:db8::7",)),
            ("block-api-ipv6", "unbind-anonymous", "no-anonymous"),
        ),
        (of("anonymous", "", "kubernetes", addresses=("$(id)",)), ("unbind-anonymous", "no-anonymous")),
        (of("host-user", "uid 1000", "host"), ("lock-account", "kill-processes", "leave-docker-group")),
        (of("host-user", "uid 0", "host"), ("end-sessions",)),  # to end all that root runs ends the machine
        (of("host-user", "root", "engine"), ("end-sessions",)),
        (of("host-user", "CORP\\anna", "host", "windows-event"), ("disable-domain", "stop-windows")),
        (of("host-user", "anna", "host", "windows-event"), ("disable-local", "stop-windows")),
        (of("container", "3f2a", "host"), ("pause-container", "disconnect-container")),
        (of("address", "198.51.100.7", "engine"), ("block-engine", "close-engine")),
        (of("unknown", "", "engine", addresses=()), ("close-engine", "close-socket")),
        (of("user", "ana", "web"), ("disable-person", "block-web")),
        (of("anonymous", "198.51.100.7", "web"), ("block-web",)),
        (of("user", "mary", "cloud", "cloudtrail"), ("aws-deny-user", "aws-stop-keys")),
        (of("service-account", "role/deploy", "cloud", "cloudtrail"), ("aws-deny-role",)),
        (of("user", "o", "cloud", "cloudtrail", via="AWSReservedSSO_Ops_01"), ("aws-sso",)),
        (of("user", "root", "cloud", "cloudtrail"), ("aws-root",)),
        (of("service-account", "a@p.iam.gserviceaccount.com", "cloud", "gcp-audit"), ("gcp-disable",)),
        (of("user", "a@example.org", "cloud", "gcp-audit"), ("gcp-person",)),
        (of("user", "a@example.org", "cloud", "azure-activity"), ("azure-person", "azure-sessions")),
        (of("service-account", "app/9", "cloud", "azure-activity"), ("azure-app",)),
        (of("anonymous", "198.51.100.7", "cloud", "gcp-audit"), ("close-access",)),
    ],
    ids=lambda value: f"{value.episode.actor.kind} {value.episode.plane}" if isinstance(value, Circumstances) else "",
)
def test_steps_fit_the_actor(given: Circumstances, keys: tuple[str, ...]) -> None:
    assert containment(given, Keys("en")) == keys


def test_steps_hold_commands_that_can_be_pasted() -> None:
    assert [step.split("\n")[1] for step in containment(of("service-account", "shop/web", "kubernetes"), EN)] == [
        (
            "kubectl get pods --namespace=shop --field-selector=spec.serviceAccountName=web --output=yaml"
            " > evidence-pods.yaml"
        ),
        "kubectl delete pods --namespace=shop --field-selector=spec.serviceAccountName=web",
        "kubectl delete serviceaccounts --namespace=shop -- web",
    ]
    assert [step.split("\n")[1] for step in containment(of("host-user", "uid 1000", "host"), EN)] == [
        'usermod --lock --expiredate=1 "$(id -nu -- 1000)"',
        "pkill -KILL -u 1000",
        'gpasswd --delete "$(id -nu -- 1000)" docker',
    ]


def test_names_from_a_log_stay_one_argument() -> None:
    evil = "x'; reboot #"
    _, command, *_ = containment(of("user", evil, "kubernetes"), EN)[1].split("\n")
    assert evil in shlex.split(command)
    assert "reboot" not in shlex.split(command)
    windows = containment(of("host-user", "CORP\\a'; Stop-Computer \u2019b", "host", "windows-event"), EN)
    assert windows[0].endswith("\nDisable-ADAccount -Identity 'a''; Stop-Computer \u2019\u2019b'")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry["do"])
def test_every_step_says_what_it_breaks(entry: dict[str, Any], language: Language) -> None:
    conditions = {"do", "planes", "actors", "systems", "clouds", "names", "unless_names"}
    sentence = Wording(language).contain(entry["do"], **dict.fromkeys(entry.keys() - conditions, "x")).split("\n")[0]
    if entry["do"] == "unbind-namespaces":  # "the same"
        return
    assert any(word in sentence for word in ("Breaks", "Последстви", "не влияет"))


def test_no_step_is_left_over() -> None:
    told = {f"contain.{entry['do']}" for entry in TABLE} | {"contain.close-access"}
    assert {key for key in (*catalogue("en"), *commands()) if key.startswith("contain.")} == told
