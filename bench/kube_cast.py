"""The people, programs and nodes of a made-up cluster, each with steady habits."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from bench.kube_lines import KUBECTL, Caller, account, allowed_by, certificate, digest


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NAMESPACES = _words(
    "shop checkout billing search media mail identity ledger reports data stream gateway mobile partner "
    "staging monitoring argocd velero ingress-nginx cert-manager kube-system"
)
_GIVEN = _words(
    "ada bo cleo dan eva finn gita hugo ines jan kim lena mo nils olga pia quinn rosa sam tess uma vik wes yara zoe"
)
_FAMILY = _words("adler brandt costa dietz ekdal falk grant holm ivers jonas kraus lund")
_KUBECTL = (("v1.30.9", "4a0de1c"), ("v1.32.5", "9894294"), ("v1.34.1", "93248f9"), ("v1.36.2", "98b3519"))
_DEVELOPER = _words("pods services deployments configmaps events replicasets ingresses jobs statefulsets cronjobs")
_PLATFORM = _words(
    "pods nodes namespaces deployments daemonsets persistentvolumes events services ingresses statefulsets"
)
APPS = _words("api worker web cron relay")
GO_CLIENT = "{}/v{} (linux/amd64) kubernetes/$Format"


class Person(NamedTuple):
    """A human user: where they sit, what they usually look at, and where."""

    callers: tuple[Caller, ...]  # one per usual address
    namespaces: tuple[str, ...]  # empty: over all of them
    kinds: tuple[str, ...]
    refused: bool  # habitually tries `get nodes` and is told no
    dashboard: bool  # looks through the web console


class Cast(NamedTuple):
    """Everyone in the cluster."""

    people: tuple[Person, ...]
    apps: tuple[tuple[str, Caller], ...]  # namespace, service account
    deployers: tuple[tuple[str, Caller], ...]  # CI, one caller per runner address
    operators: dict[str, Caller]
    controllers: dict[str, Caller]
    kubelets: tuple[tuple[str, Caller], ...]  # node, its kubelet


def pod_address(*parts: str) -> str:
    """Give a stable address in the pod network."""
    d = digest("pod", *parts)
    return f"10.132.{int(d[:2], 16) % 64}.{1 + int(d[2:4], 16) % 250}"


def kubectl(version: int) -> str:
    """Give the agent of one of the kubectl releases in use."""
    return KUBECTL.format(*_KUBECTL[version % len(_KUBECTL)])


def workload(namespace: str, name: str, agent: str = "", *, spare: str = "") -> Caller:
    """Give a service account as it calls from its pod (`spare` tells runners of one account apart)."""
    node = f"node-{int(digest(namespace, name)[:4], 16) % 60:02d}"
    reason = allowed_by(f"{namespace}-{name}", f'ServiceAccount "{name}/{namespace}"')
    agent = agent or GO_CLIENT.format(name, "0.0.0")
    return Caller(account(namespace, name, node), pod_address(namespace, name, spare), agent, reason)


def _person(rng: Random, index: int) -> Person:
    given, family = _GIVEN[index % len(_GIVEN)], _FAMILY[index // len(_GIVEN) % len(_FAMILY)]
    name = f"{given}.{family}@corp.example"
    platform, dashboard = index % 12 == 0, index % 9 == 4
    group = "platform" if platform else "developers"
    reason = allowed_by(group, f'Group "{group}"')
    user, agent = certificate(name, group), kubectl(rng.randrange(4))
    addresses = [
        f"10.80.{4 + index % 8}.{10 + index % 240}",
        *([f"10.81.2.{10 + index % 240}"] if index % 3 == 0 else []),
    ]
    callers = [Caller(user, address, agent, reason) for address in addresses]
    if dashboard:
        console = workload("kube-system", "kubernetes-dashboard", "dashboard/v2.7.0")
        target = {key: user[key] for key in ("username", "groups")}
        callers = [console._replace(impersonated=target, reason=reason)]
    kinds = rng.sample(_PLATFORM if platform else _DEVELOPER, rng.randint(3, 6))
    spaces = () if platform else tuple(rng.sample(NAMESPACES[:15], rng.randint(1, 2)))
    return Person(tuple(callers), spaces, tuple(kinds), refused=index % 5 == 2 and not platform, dashboard=dashboard)


def _operators() -> dict[str, Caller]:
    made = {
        "argocd": (
            "argocd",
            "argocd-application-controller",
            GO_CLIENT.format("argocd-application-controller", "0.0.0"),
        ),
        "state-metrics": (
            "monitoring",
            "kube-state-metrics",
            "kube-state-metrics/v2.13.0 (linux/amd64) kube-state-metrics/0a5ca5a",
        ),
        "prometheus": ("monitoring", "prometheus", "Prometheus/3.1.0"),
        "velero": ("velero", "velero", "velero-server/v1.14.0 (linux/amd64) 8afe3cea8b7058f7baaf447b9fb407312c40d2da"),
        "ingress": (
            "ingress-nginx",
            "ingress-nginx",
            "nginx-ingress-controller/v1.11.3 (linux/amd64) ingress-nginx/0106de6",
        ),
        "certificates": (
            "cert-manager",
            "cert-manager",
            "cert-manager-controller/v1.16.2 (linux/amd64) cert-manager/e5dd0c1",
        ),
        "metrics": ("kube-system", "metrics-server", "metrics-server/v0.7.2 (linux/amd64) kubernetes/$Format"),
    }
    return {key: workload(*parts) for key, parts in made.items()}


def _controllers() -> dict[str, Caller]:
    made = {}
    for name, program in (("kube-controller-manager",) * 2, ("kube-scheduler",) * 2, ("apiserver", "kube-apiserver")):
        user = certificate(f"system:{name}", *(["system:masters"] if name == "apiserver" else []))
        agent = f"{program}/v1.36.2 (linux/amd64) kubernetes/98b3519"
        address = "127.0.0.1" if name == "apiserver" else "10.30.0.2"
        made[name] = Caller(
            user, address, f"{agent}/leader-election", allowed_by(f"system:{name}", f'User "system:{name}"')
        )
    for name in ("deployment-controller", "replicaset-controller", "endpointslice-controller", "endpoint-controller",
                 "resourcequota-controller", "generic-garbage-collector", "job-controller"):  # fmt: skip
        agent = (
            f"kube-controller-manager/v1.36.2 (linux/amd64) kubernetes/98b3519/system:serviceaccount:kube-system:{name}"
        )
        made[name] = workload("kube-system", name, agent)._replace(address="10.30.0.2")
    return made


def _kubelet(index: int) -> tuple[str, Caller]:
    node = f"node-{index:02d}"
    user = certificate(f"system:node:{node}", "system:nodes")
    agent = "kubelet/v1.36.2 (linux/amd64) kubernetes/98b3519"
    return node, Caller(user, f"10.30.1.{10 + index}", agent, "")


def cast(rng: Random) -> Cast:
    """Make the cluster's population: 240 people, 100 applications, CI, operators, controllers, 60 nodes."""
    return Cast(
        people=tuple(_person(rng, index) for index in range(240)),
        apps=tuple((space, workload(space, app)) for space in NAMESPACES for app in APPS),
        deployers=tuple(
            (space, workload("ci", f"deployer-{space}", kubectl(2), spare=str(runner)))
            for space in NAMESPACES[:15]
            for runner in range(10)
        ),
        operators=_operators(),
        controllers=_controllers(),
        kubelets=tuple(_kubelet(index) for index in range(60)),
    )
