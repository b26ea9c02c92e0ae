"""Intruders for the made-up cluster: short scripts of requests that a detector should report."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from bench.kube_cast import Cast, kubectl
from bench.kube_lines import KINDS, Caller, certificate, discover, read, review, template

_SWEEP = [kind for kind in KINDS if not kind.endswith("reviews")]


class Intruder(NamedTuple):
    """Who, doing what; `at` is the share of the log's span at which it begins."""

    name: str
    what: str
    at: float
    script: list[str]


def _newcomer(_cast: Cast, rng: Random, number: int) -> tuple[str, str, list[str]]:
    name = f"visitor{number:02d}@corp.example"
    caller = Caller(certificate(name, "developers"), f"10.84.7.{10 + number}", kubectl(3), "")
    script = [
        discover(caller, "/api?timeout=32s"),
        discover(caller, "/apis?timeout=32s"),
        review(caller, "selfsubjectrulesreviews"),
    ]
    script += [read(caller, "list", kind, query="limit=500", code=rng.choice((200, 200, 403))) for kind in _SWEEP]
    return name, "new user, every kind in all namespaces", script


def _stolen_token(cast: Cast, rng: Random, _number: int) -> tuple[str, str, list[str]]:
    space, owner = rng.choice(cast.apps[:60])
    caller = owner._replace(agent="curl/8.5.0")
    script = [discover(caller, "/version"), review(caller, "selfsubjectrulesreviews")]
    script += [read(caller, "list", kind, code=403) for kind in _SWEEP[:14]]
    script += [read(caller, "list", kind, space) for kind in ("pods", "services", "configmaps", "secrets")]
    return str(owner.user["username"]), "service account's token in curl, mostly refused", script


def _stranger(_cast: Cast, _rng: Random, number: int) -> tuple[str, str, list[str]]:
    address = f"198.51.100.{20 + number}"
    caller = Caller(certificate("system:anonymous", "system:unauthenticated"), address, "python-requests/2.32.3", "")
    script = [discover(caller, target, code=403) for target in ("/api", "/apis", "/openapi/v2")]
    script += [read(caller, "list", kind, code=403) for kind in ("pods", "nodes", "secrets", "namespaces")]
    script += [
        template(
            caller, "list", "/api/v1/pods", {"resource": "pods", "apiVersion": "v1"}, code=401, stage="ResponseStarted"
        )
    ] * 4
    return f"system:anonymous from {address}", "anonymous reads and bad tokens", script


def _elsewhere(cast: Cast, rng: Random, number: int) -> tuple[str, str, list[str]]:
    person = rng.choice([person for person in cast.people if person.namespaces and not person.dashboard])
    caller = person.callers[0]._replace(address=f"203.0.113.{20 + number}", agent=kubectl(0))
    script = [read(caller, "list", kind, query="limit=500") for kind in _SWEEP[:24]]
    return str(caller.user["username"]), "known user from an outside address, cluster-wide", script


_SORTS = (_newcomer, _stolen_token, _stranger, _elsewhere)


def intruders(cast: Cast, rng: Random, count: int) -> list[Intruder]:
    """Give that many intruders, in the last quarter of the log so that every habit is already known."""
    made = []
    for number in range(count):
        name, what, script = _SORTS[number % len(_SORTS)](cast, rng, number)
        made.append(Intruder(name, what, 0.75 + 0.2 * (number + 1) / (count + 1), script))
    return made
