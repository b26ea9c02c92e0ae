"""Two weeks of a cluster of people and programs with steady habits, as lines of its audit log, equal for equal seeds.

Monday 1 June 2026 to Sunday 14 June. Each program keeps the shape it has in the field: GitOps relists, backups go
through everything at night, scanners every six hours, metrics follow changes, CI comes from a pool of addresses, people
work by day and now and then look at something they never looked at. Stories change what happens on one day of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import NamedTuple

from bench.kube_lines import KUBECTL, Caller, account, certificate, discover, named, read, review, uuid, watch

FIRST = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = 14
EVENT_DAY = 10  # Thursday of the second week: the day on which stories happen
SPACES = ("shop", "checkout", "billing", "search", "media", "reports")
GO = "{}/{} (linux/amd64) kubernetes/$Format"

WORK = (
    *("pods", "services", "configmaps", "endpoints", "serviceaccounts", "persistentvolumeclaims", "resourcequotas"),
    *("deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs", "ingresses", "networkpolicies"),
    *("horizontalpodautoscalers", "poddisruptionbudgets"),
)
RIGHTS = ("roles", "rolebindings", "clusterroles", "clusterrolebindings")
CLUSTER = ("nodes", "namespaces", "persistentvolumes", "storageclasses", "customresourcedefinitions")
EVERYTHING = (*WORK, "secrets", *RIGHTS, *CLUSTER)
DAILY = ("pods", "services", "deployments", "configmaps", "replicasets", "ingresses", "jobs")
SURVEY = ("nodes", "namespaces", "pods", "persistentvolumes", "daemonsets")  # what the platform team looks at
TROUBLE = ("events", "deployments", "replicasets", "endpoints")  # … when something does not run
SCANNED = ("pods", "replicasets", "deployments", "jobs", "nodes", "namespaces", "configmaps", *RIGHTS)
METRICS = (*WORK[:16], "secrets", *CLUSTER[:4])  # follows secrets too, by default


class Line(NamedTuple):
    """One request: when, and the line as a template with holes for ids and times."""

    at: datetime
    template: str


def moment(day: int, clock: str = "09:00:00") -> datetime:
    """Give a time of a day of the fortnight."""
    hours, minutes, seconds = (float(part) for part in clock.split(":"))
    return FIRST + timedelta(days=day, hours=hours, minutes=minutes, seconds=seconds)


def spread(begin: datetime, templates: Iterable[str], every: float = 0.05) -> list[Line]:
    """Give requests one after the other, so many seconds apart."""
    return [Line(begin + number * timedelta(seconds=every), one) for number, one in enumerate(templates)]


def lists(caller: Caller, kinds: Sequence[str], *, space: str = "", code: int = 200) -> list[str]:
    """Give one list of each kind, over all namespaces unless one is named."""
    return [read(caller, "list", kind, space, query="limit=500", code=code) for kind in kinds]


def watches(caller: Caller, kinds: Sequence[str]) -> list[str]:
    """Give one watch of each kind that begins with every object, as informers of client-go 1.35 do."""
    return [watch(caller, kind, initial=True) for kind in kinds]


def begun(caller: Caller) -> list[str]:
    """Give what kubectl asks for when its cache of APIs is older than six hours."""
    return [discover(caller, "/api?timeout=32s"), discover(caller, "/apis?timeout=32s")]


def kubectl(version: str = "v1.32.5") -> str:
    """Give the agent string of a kubectl."""
    return KUBECTL.format(version, uuid("kubectl", version)[:7])


def person(name: str, address: str, *, agent: str = "", group: str = "developers") -> Caller:
    """Give somebody with a client certificate."""
    return Caller(certificate(f"{name}@corp.example", group), address, agent or kubectl(), "")


def program(space: str, name: str, address: str, agent: str = "") -> Caller:
    """Give a service account as it calls from its pod."""
    return Caller(account(space, name, "node-02"), address, agent or GO.format(name, "v0.0.0"), "")


def restarted(caller: Caller, address: str, node: str = "node-05") -> Caller:
    """Give the same account in a new pod on another node, with a token of its own."""
    extra = {
        **caller.user["extra"],
        "authentication.kubernetes.io/credential-id": [f"JTI={uuid('jti', address)}"],
        "authentication.kubernetes.io/node-name": [node],
        "authentication.kubernetes.io/pod-name": [f"again-{uuid('pod', address)[:5]}"],
        "authentication.kubernetes.io/pod-uid": [uuid("pod", address)],
    }
    return caller._replace(user={**caller.user, "extra": extra}, address=address)


ARGO = program("argocd", "argocd-application-controller", "10.132.1.11")
VELERO = program("velero", "velero", "10.132.2.20", "velero-server/v1.14.0 (linux/amd64) 8afe3cea")
TRIVY = program("trivy-system", "trivy-operator", "10.132.3.30", GO.format("trivy-operator", "v0.22.0"))
STATE = program("monitoring", "kube-state-metrics", "10.132.4.40", GO.format("kube-state-metrics", "v2.13.0"))
CONTROLLER = "kube-controller-manager/v1.36.2 (linux/amd64) kubernetes/98b3519/system:serviceaccount:kube-system:{}"
NAMESPACES = program("kube-system", "namespace-controller", "10.30.0.2", CONTROLLER.format("namespace-controller"))
COLLECTOR = program("kube-system", "generic-garbage-collector", "10.30.0.2", CONTROLLER.format("garbage-collector"))
_CI = program("ci", "deployer", "10.60.0.10", "Helm/3.16.2")
# Its token is of no pod: `kubectl create token`, kept in the CI system.
DEPLOYER = _CI._replace(user={key: value for key, value in _CI.user.items() if key != "extra"})
SRE = person("rosa.kraus", "10.80.9.10", group="platform")
OTHER_SRE = person("wes.lund", "10.80.9.11", group="platform")
_NAMES = (
    *("ada.adler", "bo.brandt", "cleo.costa", "dan.dietz", "eva.ekdal"),
    *("finn.falk", "gita.grant", "hugo.holm", "ines.ivers", "jan.jonas"),
)
DEVELOPERS = tuple(
    person(name, f"10.80.{4 + n % 3}.{20 + n}", agent=kubectl(("v1.30.9", "v1.32.5", "v1.34.1")[n % 3]))
    for n, name in enumerate(_NAMES)
)
POLLING = person(
    "kim.lund", "10.80.5.60", agent=kubectl("v1.34.1")
)  # works in an editor that asks every twenty minutes
APPS = tuple(program(space, app, f"10.132.8.{10 + n}") for n, space in enumerate(SPACES) for app in ("api", "worker"))


def runner(number: int) -> Caller:
    """Give CI on one of its addresses: hosted runners, each job on another network of a /12."""
    return DEPLOYER._replace(address=f"172.{16 + number % 16}.{number * 37 % 256}.{1 + number * 11 % 250}")


def _log(who: Caller, rng: Random) -> str:
    space = rng.choice(SPACES[:3])
    return named(who, "get", "pods", space, f"api-{rng.randrange(9)}", "log")


def _person_day(who: Caller, index: int, day: int, rng: Random) -> list[Line]:
    """A working day: some of the usual kinds of one or two teams, a few times; seldom something new."""
    space, made = SPACES[index % len(SPACES)], list[Line]()
    if (index + day) % 5 == 0:  # a day at home
        who = who._replace(address=f"10.81.2.{20 + index}")
    usual = [kind for number, kind in enumerate(DAILY) if (number + index) % 7 < 4]
    for hour in sorted(rng.sample(range(7, 18), 4)):
        begin = moment(day, f"{hour}:{rng.randrange(60)}:{rng.randrange(60)}")
        kinds = rng.sample(usual, rng.randint(1, 3))
        made += spread(begin, [*begun(who), *lists(who, kinds, space=space)], 2.0)
    if rng.random() < 0.15:
        kind = rng.choice(WORK)
        made += spread(moment(day, f"{rng.randint(8, 16)}:41:00"), lists(who, [kind], space=space))
    if rng.random() < 0.1:
        other = rng.choice(SPACES)
        made += spread(moment(day, f"{rng.randint(8, 16)}:17:00"), lists(who, ["pods"], space=other, code=403))
    return made


def _people(day: int, rng: Random) -> list[Line]:
    if day % 7 > 4:
        return []
    made = [line for index, who in enumerate(DEVELOPERS) for line in _person_day(who, index, day, rng)]
    for number, sre in enumerate((SRE, OTHER_SRE)):
        for hour in sorted(rng.sample(range(7, 18), 3)):
            # from the office; on Fridays one of them from home, through the VPN that the developers use as well
            at_desk = sre._replace(address="10.81.2.11") if number and day % 7 == 4 else sre
            kinds = rng.sample(SURVEY, 3) + rng.sample(TROUBLE, 1)
            looked = [*begun(at_desk), *lists(at_desk, kinds), _log(at_desk, rng)]
            made += spread(moment(day, f"{hour}:{rng.randrange(60)}:0"), looked, 3.0)
    for number in range(30):  # from eight to six
        begin = moment(day, "8:00:00") + number * timedelta(minutes=20, seconds=rng.random())
        made += spread(begin, lists(POLLING, ("pods", "services", "deployments"), space="search"))
    return made


def _programs(day: int, rng: Random) -> list[Line]:
    made = []
    for hour in range(0, 24, 6):
        minute = rng.randrange(3)
        made += spread(moment(day, f"{hour}:{minute}:00"), lists(TRIVY, SCANNED))
        made += spread(moment(day, f"{hour}:3{minute}:00"), watches(STATE, rng.sample(METRICS, 6)))
        made += spread(moment(day, f"{hour}:4{minute}:00"), watches(ARGO, rng.sample(EVERYTHING, 5)))
        for app in APPS:
            made += spread(moment(day, f"{hour}:{rng.randrange(60)}:09"), lists(app, ["configmaps", "endpoints"]))
    if day in {0, 4, 8}:  # it restarts after releases, always on the same node so far
        made += spread(moment(day, "6:05:00"), [*begun(ARGO), *lists(ARGO, EVERYTHING)], 0.01)
        made += spread(moment(day, "6:20:00"), watches(STATE, METRICS), 0.01)
    made += spread(moment(day, "1:00:00"), [*begun(VELERO), *lists(VELERO, EVERYTHING)], 0.2)
    made += spread(moment(day, "0:00:30"), lists(COLLECTOR, EVERYTHING), 0.01)
    made += spread(moment(day, "0:00:40"), watches(NAMESPACES, ["namespaces"]))
    for job in range(2 if day % 7 > 4 else 6):
        ci, space = runner(day * 6 + job), SPACES[job]
        begin = moment(day, f"{8 + job}:{rng.randrange(60)}:20")
        looked = lists(ci, ["secrets", "pods", "deployments"], space=space)  # Helm keeps its releases in secrets
        made += spread(begin, [*begun(ci), *looked, named(ci, "patch", "deployments", space, "api")], 0.5)
    return made


@cache
def habits(seed: int = 7) -> tuple[Line, ...]:
    """Give the fortnight without any story."""
    rng = Random(seed)  # noqa: S311 (seeded, not secret)
    return tuple(line for day in range(DAYS) for line in (*_people(day, rng), *_programs(day, rng)))


def written(lines: Iterable[Line]) -> bytes:
    """Write lines as the API server does, in the order of time."""
    made = []
    for number, line in enumerate(sorted(lines)):
        at, done = (f"{when:%Y-%m-%dT%H:%M:%S.%fZ}" for when in (line.at, line.at + timedelta(milliseconds=4)))
        made.append(line.template % (uuid("request", str(number)), "815", at, done))
    return "".join(made).encode()


def replaced(lines: Iterable[Line], change: Callable[[str], str], *, since: datetime) -> list[Line]:
    """Give the lines with every template changed from a moment on."""
    changed: dict[str, str] = {}
    made = []
    for line in lines:
        if line.at < since:
            made.append(line)
            continue
        if line.template not in changed:
            changed[line.template] = change(line.template)
        made.append(line._replace(template=changed[line.template]))
    return made


def asks_for_rights(caller: Caller) -> list[str]:
    """Give `kubectl auth whoami` and `kubectl auth can-i --list`."""
    return [review(caller, "selfsubjectreviews"), review(caller, "selfsubjectrulesreviews")]
