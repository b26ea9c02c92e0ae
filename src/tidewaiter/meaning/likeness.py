"""Which actors are like which: the groups within which one may be compared with another.

A group is a text of two parts: `workload:web` (pods of one name, wherever they run), `account:web` (service accounts of
one name, in whatever namespace), `groups:dev, ops` (people with the same groups), `pool:worker-` (nodes of one pool).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from tidewaiter.model import Actor

# Kubernetes makes names from letters and digits that spell no words (apimachinery/pkg/util/rand, Kubernetes 1.36): five
# after the name of a set, before these up to ten of the template's hash, or the time of a scheduled job; or a number.
_ALPHABET = "[bcdfghjklmnpqrstvwxz2456789]"
_POD = re.compile(rf"(?:-(?:{_ALPHABET}{{6,10}}|\d{{6,12}}))?-{_ALPHABET}{{5}}\Z|-\d{{1,6}}\Z")
# Names of nodes end in four random characters (GKE), a number to the base of 36 (AKS), or numbers.
_GKE_NODE = re.compile(r"-[a-z0-9]{4}\Z")
_AKS_NODE = re.compile(r"(?<=vmss)[a-z0-9]{6}\Z")
_NUMBERS = re.compile(r"\d+")
# Groups that everybody is in (Kubernetes, "Using RBAC": default roles and bindings).
_EVERYBODY = frozenset({"system:authenticated", "system:serviceaccounts", "system:unauthenticated", "system:nodes"})


@lru_cache(maxsize=65536)
def likeness(actor: Actor, groups: tuple[str, ...] = (), container: str | None = None) -> tuple[str, ...]:
    """Give the groups of peers of an actor; `container` is the pod from which it came, where that is known."""
    if actor.kind == "user":
        return (f"groups:{', '.join(groups)}",) if groups else ()
    if actor.kind == "node":
        return (f"pool:{node_pool(actor.name)}",)
    if actor.kind == "service-account":
        account = f"account:{actor.name.partition('/')[2] or actor.name}"
        return (f"workload:{workload(container)}", account) if container else (account,)
    return ()


def own_groups(groups: Iterable[object]) -> tuple[str, ...]:
    """Give the groups that tell one sort of people from another, sorted: without those that everybody is in."""
    return tuple(sorted({name for name in groups if isinstance(name, str)} - _EVERYBODY))


def workload(pod: str) -> str:
    """Give what pods of one workload have in common: the name without what Kubernetes appended to it."""
    return _POD.sub("", pod) or pod


def node_pool(node: str) -> str:
    """Give what the names of nodes of one pool have in common."""
    name = _GKE_NODE.sub("", node) if node.startswith("gke-") else node
    return _NUMBERS.sub("", _AKS_NODE.sub("", name))
