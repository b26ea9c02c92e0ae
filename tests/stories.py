"""Benign shapes of a cluster, and the same actors once they leave their shape: what a fortnight looks like with each.

A story is a `quiet` log and a `broken` one. In both the actor does what it always does, and on one day something
innocent that is new; in the broken one it also does what its trade does not explain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fortnight import (
    ARGO,
    CLUSTER,
    DEVELOPERS,
    EVENT_DAY,
    EVERYTHING,
    GO,
    METRICS,
    NAMESPACES,
    OTHER_SRE,
    POLLING,
    RIGHTS,
    SCANNED,
    SPACES,
    SRE,
    STATE,
    SURVEY,
    TRIVY,
    VELERO,
    WORK,
    Line,
    asks_for_rights,
    begun,
    habits,
    kubectl,
    lists,
    moment,
    person,
    program,
    replaced,
    restarted,
    runner,
    spread,
    watches,
)

from bench.kube_lines import Caller, discover, named, read, review

WORKSTATION = "10.84.7.66"  # in a network of the estate from which none of the programs ever calls
ABROAD = "203.0.113.77"
NEWCOMER = person("noor.vik", "10.80.6.90", agent=kubectl("v1.34.1"))
OPERATOR = program("cert-manager", "cert-manager", "10.132.6.60", GO.format("cert-manager-controller", "v1.16.2"))


class Story(NamedTuple):
    """One shape: who, what is innocently new about them, and what breaks it."""

    actor: str  # as the product shows it
    quiet: Callable[[], list[Line]]
    broken: Callable[[], list[Line]]
    told: frozenset[str]  # what a hunter is told is unusual about the quiet twin; empty: nothing is


def _with(*parts: list[Line]) -> list[Line]:
    return [*habits(), *(line for part in parts for line in part)]


def _on_event_day(clock: str, templates: list[str], every: float = 0.05) -> list[Line]:
    return spread(moment(EVENT_DAY, clock), templates, every)


def _by_hand(caller: Caller, address: str = WORKSTATION, agent: str = "") -> Caller:
    """Give the same identity in the hands of a person somewhere else."""
    return caller._replace(address=address, agent=agent or kubectl())


FOUND = ("secrets", *RIGHTS, *CLUSTER, *WORK[:8])


def _looks_around(caller: Caller, kinds: tuple[str, ...] = FOUND) -> list[str]:
    """Give what a person does with credentials that were found: what is there, what is worth something."""
    return [*begun(caller), *lists(caller, kinds)]


def _asks_and_looks(caller: Caller, kinds: tuple[str, ...] = FOUND) -> list[str]:
    """Give the same by somebody who first asks who he is and what he may."""
    return [*begun(caller), *asks_for_rights(caller), *lists(caller, kinds)]


# GitOps: its pod moves to another node, gets another address and lists everything anew.
def _gitops() -> list[Line]:
    moved = restarted(ARGO, "10.132.5.77")
    return _with(_on_event_day("10:12:00", [*begun(moved), *lists(moved, EVERYTHING)], 0.01))


def _gitops_broken() -> list[Line]:
    # Its token, used by hand: the kinds are those it always reads, the place and the manner are not.
    return [*_gitops(), *_on_event_day("15:20:00", _asks_and_looks(_by_hand(ARGO)), 2.0)]


# Backup: a second run by hand, in the afternoon, before a risky change.
def _backup() -> list[Line]:
    return _with(_on_event_day("14:00:00", [*begun(VELERO), *lists(VELERO, EVERYTHING)], 0.2))


def _backup_broken() -> list[Line]:
    return [*_backup(), *_on_event_day("16:05:00", _asks_and_looks(_by_hand(VELERO, agent="curl/8.5.0")), 1.0)]


# Scanner: an update that also looks at what it did not scan before.
def _scanner() -> list[Line]:
    newer = TRIVY._replace(agent=GO.format("trivy-operator", "v0.23.0"))
    return _with(_on_event_day("12:00:00", lists(newer, (*SCANNED, "networkpolicies"))))


def _scanner_broken() -> list[Line]:
    more = ("secrets", "serviceaccounts", "persistentvolumes", "customresourcedefinitions", "storageclasses")
    return [*_scanner(), *_on_event_day("21:40:00", _looks_around(_by_hand(TRIVY), (*more, *WORK)), 1.5)]


# kube-state-metrics: starts again on another node, which means every kind at once.
def _metrics() -> list[Line]:
    moved = restarted(STATE, "10.132.9.12")
    return _with(_on_event_day("11:05:00", watches(moved, METRICS), 0.01))


def _metrics_broken() -> list[Line]:
    hand = STATE._replace(agent="curl/8.5.0")  # from its own pod
    return [*_metrics(), *_on_event_day("13:31:00", _asks_and_looks(hand, (*RIGHTS, "secrets", *CLUSTER)), 4.0)]


# The namespace controller empties a namespace: every namespaced kind of it, for the first time in this log.
def _deletion() -> list[Line]:
    kinds = (*WORK, "secrets", *RIGHTS[:2])
    emptied = [named(NAMESPACES, "deletecollection", kind, "media", "") for kind in kinds]
    looked = lists(NAMESPACES, kinds, space="media")
    return _with(_on_event_day("10:30:00", [one for pair in zip(emptied, looked, strict=True) for one in pair], 0.01))


def _deletion_broken() -> list[Line]:
    return [*_deletion(), *_on_event_day("10:50:00", _asks_and_looks(_by_hand(NAMESPACES)), 1.0)]


# An upgrade of every client on one day: all agent strings are new.
_UPGRADES = (
    ("kubectl/v1.30.9", "kubectl/v1.36.2"),
    ("kubectl/v1.32.5", "kubectl/v1.36.2"),
    ("kubectl/v1.34.1", "kubectl/v1.36.2"),
    ("argocd-application-controller/v0.0.0", "argocd-controller/v3.1.0"),
    ("velero-server/v1.14.0", "velero/v2.0.0"),
    ("trivy-operator/v0.22.0", "trivy/v1.0.0"),
    ("kube-state-metrics/v2.13.0", "kube-state-metrics-next/v3.0.0"),
    ("Helm/3.16.2", "Helm/4.0.1"),
    ("v0.0.0 (linux/amd64) kubernetes/$Format", "v0.1.0 (linux/arm64) kubernetes/0a1b2c3"),
)


def _upgraded(template: str) -> str:
    for before, after in _UPGRADES:
        template = template.replace(before, after)
    return template


def _upgrade() -> list[Line]:
    return replaced(habits(), _upgraded, since=moment(EVENT_DAY, "0:00:00"))


def _upgrade_broken() -> list[Line]:
    hand = _by_hand(DEVELOPERS[3], agent="python-requests/2.32.3")
    return [*_upgrade(), *_on_event_day("14:44:00", _looks_around(hand), 0.5)]


# On call: paged at three in the morning, from the VPN, through everything that may be broken.
def _on_call() -> list[Line]:
    vpn = SRE._replace(address="10.81.2.14")
    kinds = ("pods", "events", "nodes", "deployments", "replicasets", "daemonsets", "endpoints")
    looked = [*begun(vpn), *lists(vpn, kinds)]
    logs = [named(vpn, "get", "pods", "shop", f"api-{number}", "log") for number in range(4)]
    return _with(_on_event_day("3:04:00", [*looked, *logs, *lists(vpn, kinds[:3])], 40.0))


def _on_call_broken() -> list[Line]:
    abroad = _by_hand(SRE, ABROAD, kubectl("v1.28.0"))
    return [*_on_call(), *_on_event_day("4:30:00", _looks_around(abroad, (*RIGHTS, "secrets", *WORK)), 3.0)]


# The same by somebody who joined a week ago: a poor past, and everything of that night is new to her at once.
def _on_call_newly() -> list[Line]:
    who = person("ida.ihle", "10.80.5.71", group="developers")
    made = list[Line]()
    for day in (4, 7, 8, 9):  # four working days, as everybody's
        for clock in ("8:40:00", "13:10:00"):
            made += spread(moment(day, clock), [*begun(who), *lists(who, ("pods", "services"), space="shop")], 3.0)
    home = who._replace(address="10.81.77.9", agent="k9s/v0.32.5 (linux/amd64) kubernetes/$Format")
    kinds = ("pods", "events", "deployments", "replicasets")
    looked = [*begun(home), *lists(home, kinds, space="checkout")]
    logs = [named(home, "get", "pods", "checkout", f"api-{number}", "log") for number in range(3)]
    return _with(made, _on_event_day("2:47:00", [*looked, *logs, *lists(home, kinds[:2], space="shop")], 40.0))


def _on_call_newly_broken() -> list[Line]:
    who = person("ida.ihle", "10.81.77.9", group="developers")
    return [*_on_call_newly(), *_on_event_day("3:20:00", _asks_and_looks(who, (*RIGHTS, "secrets", *CLUSTER)), 2.0)]


# A new developer's first day: clones, tries, is refused here and there, asks what she may.
def _first_day() -> list[Line]:
    who, made = NEWCOMER, list[Line]()
    made += _on_event_day("9:10:00", [*begun(who), review(who, "selfsubjectreviews")], 1.0)
    made += _on_event_day("9:20:00", lists(who, ["pods", "services", "deployments"], space="search"), 5.0)
    made += _on_event_day("10:02:00", lists(who, ["namespaces", "nodes"], code=403), 8.0)
    made += _on_event_day("11:15:00", lists(who, ["pods", "services", "replicasets", "jobs"], space="search"), 0.05)
    made += _on_event_day("14:40:00", lists(who, ["configmaps", "ingresses"], space="search"), 90.0)
    return _with(made, spread(moment(EVENT_DAY + 1, "9:00:00"), lists(who, ["pods", "services"], space="search"), 5.0))


def _first_day_broken() -> list[Line]:
    kinds = [kind for kind in EVERYTHING if kind not in {"pods", "services"}]
    denied = [read(NEWCOMER, "list", kind, code=403 if n % 3 else 200) for n, kind in enumerate(kinds)]
    return [*_first_day(), *_on_event_day("15:00:00", [*asks_for_rights(NEWCOMER), *denied], 1.0)]


# A new operator right after a known deployer installed it.
def _operator() -> list[Line]:
    ci = runner(63)
    installed = [named(ci, "create", "customresourcedefinitions", "", "")] * 3
    installed += [named(ci, "create", kind, "", "") for kind in ("clusterroles", "clusterrolebindings")]
    installed += [named(ci, "create", kind, "cert-manager", "") for kind in ("serviceaccounts", "deployments")]
    kinds = ("secrets", "services", "ingresses", "pods", "certificates", "namespaces", "customresourcedefinitions")
    started = [*begun(OPERATOR), *lists(OPERATOR, kinds), *watches(OPERATOR, kinds)]
    made = [*_on_event_day("9:30:00", installed, 0.3), *_on_event_day("9:30:25", started, 0.02)]
    return _with(made, *(spread(moment(day, "9:31:00"), watches(OPERATOR, kinds)) for day in (11, 12, 13)))


def _operator_broken() -> list[Line]:
    # On its second day somebody in its pod reads on.
    hand = OPERATOR._replace(agent="curl/8.5.0")
    return [*_operator(), *spread(moment(11, "17:10:00"), _asks_and_looks(hand, (*RIGHTS, *CLUSTER, *WORK)), 3.0)]


# CI on a pool of addresses: a job on a runner whose network nobody has seen, for a team that is new to it.
def _ci() -> list[Line]:
    elsewhere = runner(0)._replace(address="172.31.250.9")
    looked = lists(elsewhere, ["secrets", "pods", "deployments", "services"], space="reports")
    return _with(_on_event_day("18:20:00", [*begun(elsewhere), *looked], 0.5))


def _ci_broken() -> list[Line]:
    return [*_ci(), *_on_event_day("18:25:00", _looks_around(runner(5)._replace(agent=kubectl())), 0.5)]


# Shell completion and an editor that polls: the same few questions, very often, then a few new ones by a click.
def _polling() -> list[Line]:
    asked = ("pods", "services", "deployments", "configmaps", "jobs")
    pressed = [discover(POLLING, "/api?timeout=32s"), *lists(POLLING, ["pods"], space="search")] * 60  # <TAB>
    clicked = lists(POLLING, asked, space="search") * 10
    return _with(_on_event_day("10:00:05", pressed, 1.5), _on_event_day("11:00:05", clicked, 20.0))


def _polling_broken() -> list[Line]:
    return [*_polling(), *_on_event_day("11:30:00", _looks_around(POLLING), 1.0)]


# The platform team sees a colleague's survey with one kind more, and an audit of rights once a quarter.
def _survey() -> list[Line]:
    return _with(_on_event_day("13:00:00", lists(OTHER_SRE, (*SURVEY, "statefulsets", "storageclasses")), 3.0))


def _survey_broken() -> list[Line]:
    every = [read(OTHER_SRE, "list", kind, space) for space in SPACES for kind in ("secrets", *RIGHTS[:2])]
    around = _looks_around(OTHER_SRE._replace(address=ABROAD), (*RIGHTS, "secrets", *WORK))
    return [*_survey(), *_on_event_day("23:10:00", [*around, *every], 0.3)]


def _other_hands(caller: Caller) -> Callable[[], list[Line]]:
    """The identity's token used from a workstation with kubectl, for kinds that it always reads anyway."""
    return lambda: _with(_on_event_day("15:20:00", _looks_around(_by_hand(caller), ("secrets", "pods", *RIGHTS)), 2.0))


def _own_pod(caller: Caller) -> Callable[[], list[Line]]:
    """Somebody in the identity's own pod, with curl: secrets and rights of the whole cluster."""
    hand = caller._replace(agent="curl/8.5.0")
    return lambda: _with(_on_event_day("15:20:00", _looks_around(hand, ("secrets", "pods", *RIGHTS)), 2.0))


# What is left when nobody asks for rights, sweeps or is refused: the place and the manner are all that is wrong.
STEALTHY: dict[str, tuple[str, Callable[[], list[Line]]]] = {
    "gitops by hand": ("argocd/argocd-application-controller", _other_hands(ARGO)),
    "backup by hand": ("velero/velero", _other_hands(VELERO)),
    "scanner by hand": ("trivy-system/trivy-operator", _other_hands(TRIVY)),
    "kube-state-metrics by hand": ("monitoring/kube-state-metrics", _other_hands(STATE)),
    "controller by hand": ("kube-system/namespace-controller", _other_hands(NAMESPACES)),
    "ci by hand": ("ci/deployer", _other_hands(runner(5))),
    "developer elsewhere": ("dan.dietz@corp.example", _other_hands(DEVELOPERS[3])),
    "gitops from its pod": ("argocd/argocd-application-controller", _own_pod(ARGO)),
    "backup from its pod": ("velero/velero", _own_pod(VELERO)),
    "scanner from its pod": ("trivy-system/trivy-operator", _own_pod(TRIVY)),
    "kube-state-metrics from its pod": ("monitoring/kube-state-metrics", _own_pod(STATE)),
    "platform team with curl": ("rosa.kraus@corp.example", _own_pod(SRE)),
}


STORIES: dict[str, Story] = {
    "gitops relists and restarts on a new address": Story(
        "argocd/argocd-application-controller", _gitops, _gitops_broken, frozenset({"new-network"})
    ),
    "backup": Story("velero/velero", _backup, _backup_broken, frozenset()),
    "scanner": Story("trivy-system/trivy-operator", _scanner, _scanner_broken, frozenset({"new-kind"})),
    "kube-state-metrics": Story("monitoring/kube-state-metrics", _metrics, _metrics_broken, frozenset({"new-network"})),
    "namespace deletion": Story("kube-system/namespace-controller", _deletion, _deletion_broken, frozenset()),
    "client upgrade": Story("dan.dietz@corp.example", _upgrade, _upgrade_broken, frozenset()),
    "on call at night": Story("rosa.kraus@corp.example", _on_call, _on_call_broken, frozenset({"new-network"})),
    "on call at night, newly": Story(
        "ida.ihle@corp.example", _on_call_newly, _on_call_newly_broken, frozenset({"new-network"})
    ),
    "first day": Story("noor.vik@corp.example", _first_day, _first_day_broken, frozenset({"new-actor"})),
    "new operator": Story("cert-manager/cert-manager", _operator, _operator_broken, frozenset({"new-actor"})),
    "ci on a pool": Story("ci/deployer", _ci, _ci_broken, frozenset({"new-network"})),
    "completion and polling": Story("kim.lund@corp.example", _polling, _polling_broken, frozenset({"new-kind"})),
    "survey": Story("wes.lund@corp.example", _survey, _survey_broken, frozenset({"new-kind"})),
}
