"""What goes on in the made-up cluster: pools of line templates by category, and sessions of looking around.

The mix follows a measured cluster: mostly leases, then watches, status and events; reading of collections is a small
share, and most of that is habit.
"""

from __future__ import annotations

from random import Random

from bench.kube_bodies import bodies
from bench.kube_cast import APPS, NAMESPACES, Cast, Person, workload
from bench.kube_lines import (
    KINDS,
    Caller,
    certificate,
    digest,
    discover,
    named,
    path,
    read,
    reference,
    review,
    template,
    watch,
)

# Shares of all lines when 8.5 % read collections; the rest of the cluster shrinks or grows with the remainder.
SHARES = {
    "leases": 0.44,
    "watches": 0.13,
    "node status": 0.045,
    "status": 0.08,
    "events": 0.045,
    "endpoints": 0.045,
    "named gets": 0.045,
    "reviews": 0.02,
    "health": 0.015,
    "writes": 0.015,
    "refusals": 0.006,
    "bodies": 0.027,
    "decoy bodies": 0.002,
}
_WIDE = [kind for kind in KINDS if not kind.endswith("reviews") and kind not in {"secrets", "leases"}]
_PAGE = "limit=500"
_OPERATORS = {
    "prometheus": "pods services nodes endpointslices",
    "ingress": "ingresses services secrets",
    "certificates": "certificates secrets ingresses",
    "metrics": "nodes pods",
}


def pools(cast: Cast) -> dict[str, list[str]]:
    """Give the templates of each category of ordinary lines: none of them reads a collection or discovers."""
    plain, decoys = bodies(cast)
    return {
        "leases": _leases(cast),
        "watches": _watches(cast),
        "node status": [
            line
            for node, kubelet in cast.kubelets
            for line in (named(kubelet, "patch", "nodes", "", node, "status"), named(kubelet, "get", "nodes", "", node))
        ],
        "status": _status(cast),
        "events": [
            template(kubelet, "create", path(KINDS["events"], space), reference(KINDS["events"], space), code=201)
            for _, kubelet in cast.kubelets
            for space in NAMESPACES[::4]
        ],
        "endpoints": _endpoints(cast),
        "named gets": [
            named(caller, "get", kind, space, name)
            for space, caller in cast.apps
            for kind, name in (("configmaps", "settings"), ("secrets", "credentials"), ("services", "api"))
        ],
        "reviews": [
            review(caller, kind)
            for caller in (cast.operators["metrics"], cast.operators["prometheus"], *(k for _, k in cast.kubelets))
            for kind in ("tokenreviews", "subjectaccessreviews")
        ],
        "health": _health(cast),
        "writes": _writes(cast),
        "refusals": _refusals(cast),
        "bodies": plain,
        "decoy bodies": decoys,
    }


def _leases(cast: Cast) -> list[str]:
    made = [named(kubelet, "update", "leases", "kube-node-lease", node) for node, kubelet in cast.kubelets]
    for name in ("kube-controller-manager", "kube-scheduler"):  # every 2 s each, against 10 s of a node
        made += [named(cast.controllers[name], verb, "leases", "kube-system", name) for verb in ("update", "get")] * 5
    for name, caller in cast.operators.items():
        made += [named(caller, verb, "leases", "kube-system", f"{name}-leader") for verb in ("get", "update")]
    return made


def _watches(cast: Cast) -> list[str]:
    made = []
    for index, (space, caller) in enumerate(cast.apps):
        for kind in ("configmaps", "endpointslices", "secrets", "pods")[: 1 + index % 4]:
            made += [watch(caller, kind, space), watch(caller, kind, space, stage="ResponseComplete")]
    for caller in (*cast.operators.values(), *cast.controllers.values()):
        for kind in ("pods", "services", "nodes", "deployments", "endpointslices", "ingresses"):
            made += [watch(caller, kind), watch(caller, kind, stage="ResponseComplete")]
    # An informer that starts: it is told everything (rare in a cluster that stands).
    return made + [
        watch(caller, kind, initial=True) for caller in cast.operators.values() for kind in ("pods", "services")
    ]


def _status(cast: Cast) -> list[str]:
    made = [
        named(kubelet, "patch", "pods", space, f"api-{digest(space)[:9]}-{index:05d}", "status")
        for index, (_, kubelet) in enumerate(cast.kubelets)
        for space in NAMESPACES[index % 4 :: 4]
    ]
    for controller, kind in (("deployment-controller", "deployments"), ("replicaset-controller", "replicasets")):
        caller = cast.controllers[controller]
        made += [named(caller, "update", kind, space, app, "status") for space in NAMESPACES for app in APPS]
    return made


def _endpoints(cast: Cast) -> list[str]:
    made = []
    for controller, kind in (("endpointslice-controller", "endpointslices"), ("endpoint-controller", "endpoints")):
        caller = cast.controllers[controller]
        made += [
            named(caller, verb, kind, space, app) for space in NAMESPACES for app in APPS for verb in ("get", "update")
        ]
    return made


def _health(cast: Cast) -> list[str]:
    probe = Caller(certificate("system:anonymous", "system:unauthenticated"), "10.20.0.5", "kube-probe/1.36", "")
    targets = ("/healthz", "/livez?exclude=etcd", "/readyz?verbose")
    scrape = discover(cast.operators["prometheus"], "/metrics")
    return [*(discover(probe, target) for target in targets), scrape]


def _writes(cast: Cast) -> list[str]:
    made = []
    for index, person in enumerate(cast.people):
        caller, space = person.callers[0], (person.namespaces or NAMESPACES)[0]
        pod = f"web-{digest(space)[:9]}-{index:05d}"
        made.append(named(caller, "patch", "deployments", space, "web"))
        made.append(named(caller, "get", "pods", space, pod, "log"))
        if index % 6 == 0:
            made.append(named(caller, "delete", "pods", space, pod))
    made += [named(caller, "patch", "deployments", space, app) for space, caller in cast.deployers for app in APPS[:2]]
    return made


def _refusals(cast: Cast) -> list[str]:
    made = [named(caller, "get", "configmaps", "kube-system", "cluster-info", code=403) for _, caller in cast.apps[::7]]
    stale = workload("reports", "cron", "reporter/2.1")
    uri = path(KINDS["configmaps"], "reports", "settings")
    refused = template(
        stale, "get", uri, reference(KINDS["configmaps"], "reports", "settings"), code=401, stage="ResponseStarted"
    )
    return [*made, *[refused] * 4]


def person_session(rng: Random, person: Person) -> list[str]:
    """Give one look of a person: discovery when the cache is cold, then what they usually list."""
    caller = rng.choice(person.callers)
    chance = rng.random()
    made = []
    if chance < 0.25:
        made += [discover(caller, "/api?timeout=32s"), discover(caller, "/apis?timeout=32s")]
    if person.dashboard or chance > 0.96:
        made.append(review(caller, "selfsubjectaccessreviews"))
    for kind in rng.sample(person.kinds, rng.randint(1, min(3, len(person.kinds)))):
        space = rng.choice(person.namespaces) if person.namespaces and KINDS[kind].namespaced else ""
        made.append(read(caller, "list", kind, space, query=_PAGE))
    if person.refused and chance > 0.7:
        made.append(read(caller, "list", "nodes", query=_PAGE, code=403))
    return made


def office_sessions(rng: Random, cast: Cast) -> list[list[str]]:
    """Give the sessions of office hours: people, and CI that deploys what they pushed."""
    made = [person_session(rng, person) for person in cast.people for _ in range(6)]
    for space, caller in cast.deployers:
        listed = [read(caller, "list", kind, space, query=_PAGE) for kind in ("pods", "deployments")]
        made += [[discover(caller, "/api?timeout=32s"), discover(caller, "/apis?timeout=32s"), *listed], listed]
    return made


def steady_sessions(cast: Cast) -> list[list[str]]:
    """Give the sessions that go on day and night: applications, operators, the control plane's own discovery."""
    made = []
    for space, caller in cast.apps:
        selector = "labelSelector=app.kubernetes.io%2Fpart-of%3D" + space
        made += [
            [read(caller, "list", "pods", space, query=selector)],
            [read(caller, "list", "endpointslices", space, query=selector)],
        ]
    for name in ("generic-garbage-collector", "resourcequota-controller"):
        groups = sorted({(kind.group, kind.version) for kind in KINDS.values() if kind.group})
        caller = cast.controllers[name]
        targets = ["/api/v1", *(f"/apis/{group}/{version}" for group, version in groups)]
        made += [[discover(caller, f"{target}?timeout=32s") for target in targets]] * 4
    made += [
        [read(cast.operators[name], "list", kind, query=_PAGE) for kind in _WIDE]
        for name in ("argocd", "velero", "state-metrics")
    ]
    for name, listed in _OPERATORS.items():
        made += [[read(cast.operators[name], "list", kind) for kind in listed.split()]] * 5
    return made
