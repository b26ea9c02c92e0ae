"""Who a Kubernetes user name stands for (reference: "Authenticating", "Using RBAC", Kubernetes 1.36)."""

from __future__ import annotations

from functools import cache
from typing import Any

from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Actor

ANONYMOUS = "system:anonymous"
_SERVICE_ACCOUNT = "system:serviceaccount:"
_NODE = "system:node:"


@cache
def _words() -> dict[str, Any]:
    words: dict[str, Any] = load("kube_identities.yml")
    consoles = {sort: frozenset(words["consoles"][sort]) for sort in ("namespaces", "accounts")}
    return words | {"consoles": words["consoles"] | consoles, "kubelet_clients": frozenset(words["kubelet_clients"])}


@cache
def _components() -> dict[str, frozenset[str]]:
    words = _words()
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
        person = _person_behind(username)
        if person and via is None:
            return Actor(kind="user", name=person, realm=realm, via=username)
        name = username[len(_SERVICE_ACCOUNT) :].replace(":", "/", 1)
        return Actor(kind="service-account", name=name, realm=realm, via=via)
    if username.startswith(_NODE):
        return Actor(kind="node", name=username[len(_NODE) :], realm=realm, via=via)
    return Actor(kind="user", name=username, realm=realm, via=via)


def is_control_plane_name(username: str) -> bool:
    """Tell whether this name belongs to a part of the control plane, which speaks through one program only."""
    return username in _components()


def _person_behind(username: str) -> str:
    """Name the person for whom a console keeps this service account; empty when it is nobody's."""
    words = _words()["consoles"]["personal"]
    prefix = f"{_SERVICE_ACCOUNT}{words['namespace']}:{words['prefix']}"
    return username[len(prefix) :] if username.startswith(prefix) else ""


def is_console_account(username: str) -> bool:
    """Tell whether this is the service account of a web console, which acts for persons."""
    if not username.startswith(_SERVICE_ACCOUNT):
        return False
    namespace, _, name = username[len(_SERVICE_ACCOUNT) :].partition(":")
    words = _words()["consoles"]
    return namespace in words["namespaces"] or name in words["accounts"]


def kubelet_caller(username: str, *, node: str, realm: str = "kubernetes") -> Actor:
    """Give the actor whose request made a kubelet ask the API server about rights; `node` is the kubelet's user name.

    Its address and its program are not known. The API server itself speaks to kubelets all day.
    """
    if username in _words()["kubelet_clients"]:
        return Actor(kind="component", name=username, realm=realm, via=node)
    return kube_actor(username, tool=None, address=None, via=node, realm=realm)
