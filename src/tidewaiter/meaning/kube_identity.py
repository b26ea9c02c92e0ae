"""Who a Kubernetes user name stands for (reference: "Authenticating", "Using RBAC", Kubernetes 1.36)."""

from __future__ import annotations

from functools import cache

from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Actor

ANONYMOUS = "system:anonymous"
_SERVICE_ACCOUNT = "system:serviceaccount:"
_NODE = "system:node:"


@cache
def _components() -> dict[str, frozenset[str]]:
    words = load("kube_identities.yml")
    whole = words["multicall"]
    found = {name: frozenset([*programs, *whole]) for name, programs in words["components"].items()}
    programs = frozenset([*words["controllers"]["programs"], *whole])
    for name in words["controllers"]["names"]:
        found[f"{_SERVICE_ACCOUNT}kube-system:{name}"] = programs
    return found


def kube_actor(
    username: str, *, tool: str | None, address: str | None, via: str | None = None, realm: str = "kubernetes"
) -> Actor:
    """Give the actor behind a user name; someone without an accepted credential is known by address only.

    `tool` is the client's own claim (see `agents.tool_name`): it can make a control-plane name suspicious,
    never an ordinary name trusted.
    """
    if username in {"", ANONYMOUS}:
        return Actor(kind="anonymous", name=address or "unknown address", realm=realm, via=via)
    programs = _components().get(username)
    if programs is not None and (tool or "").partition("/")[0] in programs:
        return Actor(kind="component", name=username, realm=realm, via=via)
    if username.startswith(_SERVICE_ACCOUNT):
        name = username[len(_SERVICE_ACCOUNT) :].replace(":", "/", 1)
        return Actor(kind="service-account", name=name, realm=realm, via=via)
    if username.startswith(_NODE):
        return Actor(kind="node", name=username[len(_NODE) :], realm=realm, via=via)
    return Actor(kind="user", name=username, realm=realm, via=via)
