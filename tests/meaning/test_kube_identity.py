from __future__ import annotations

import pytest

from tidewaiter.meaning.kube_identity import is_console_account, kube_actor, kubelet_caller
from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Actor, ActorKind

PEER = "10.0.0.9"
CONTROLLER = "system:serviceaccount:kube-system:namespace-controller"


@pytest.mark.parametrize(
    ("username", "tool", "kind", "name"),
    [
        ("ana@dev.example", "kubectl/1.32", "user", "ana@dev.example"),
        ("kubernetes-admin", None, "user", "kubernetes-admin"),
        ("system:serviceaccount:shop:web", "curl/8.5", "service-account", "shop/web"),
        ("system:serviceaccount:shop:a:b", None, "service-account", "shop/a:b"),
        ("system:serviceaccount:odd", None, "service-account", "odd"),
        ("system:node:n1", "kubelet/1.36", "node", "n1"),
        ("system:node:n1", "kubectl/1.32", "node", "n1"),
        # no accepted credential: known by address only
        ("system:anonymous", "curl/8.5", "anonymous", PEER),
        ("", "kubectl/1.32", "anonymous", PEER),
        # a control-plane name counts while the program that carries it uses it
        ("system:apiserver", "kube-apiserver/1.36", "component", "system:apiserver"),
        ("system:kube-scheduler", "kube-scheduler/1.36", "component", "system:kube-scheduler"),
        ("system:kube-scheduler", "kube-scheduler", "component", "system:kube-scheduler"),
        (
            "system:kube-controller-manager",
            "cloud-controller-manager/1.31",
            "component",
            "system:kube-controller-manager",
        ),
        (CONTROLLER, "kube-controller-manager/1.36", "component", CONTROLLER),
        # … and is an account like any other in the hands of another
        ("system:kube-scheduler", "kubectl/1.32", "user", "system:kube-scheduler"),
        ("system:kube-scheduler", "kube-controller-manager/1.36", "user", "system:kube-scheduler"),
        ("system:kube-scheduler", "kube-scheduler-x/1.36", "user", "system:kube-scheduler"),
        ("system:apiserver", None, "user", "system:apiserver"),
        (CONTROLLER, "kubectl/1.32", "service-account", "kube-system/namespace-controller"),
        # a program's name makes nobody trusted
        ("mallory", "kube-scheduler/1.36", "user", "mallory"),
        (
            "system:serviceaccount:shop:namespace-controller",
            "kube-controller-manager/1.36",
            "service-account",
            "shop/namespace-controller",
        ),
        ("system:anonymous", "kube-apiserver/1.36", "anonymous", PEER),
        ("System:Node:n1", "kubelet/1.36", "user", "System:Node:n1"),
    ],
)
def test_says_who_a_name_stands_for(username: str, tool: str | None, kind: ActorKind, name: str) -> None:
    assert kube_actor(username, tool=tool, address=PEER) == Actor(kind=kind, name=name, realm="kubernetes")


def test_says_who_carried_the_request_and_where_the_name_is_valid() -> None:
    assert [
        kube_actor("ana", tool=None, address=PEER, via="system:serviceaccount:kubernetes-dashboard:web"),
        kube_actor("system:anonymous", tool=None, address=PEER, via="ana"),
        kube_actor("ana", tool=None, address=None, realm="prod"),
        kube_actor("", tool=None, address=None),
    ] == [
        Actor(kind="user", name="ana", realm="kubernetes", via="system:serviceaccount:kubernetes-dashboard:web"),
        Actor(kind="anonymous", name=PEER, realm="kubernetes", via="ana"),
        Actor(kind="user", name="ana", realm="prod"),
        Actor(kind="anonymous", name="unknown address", realm="kubernetes"),
    ]


def test_every_component_and_controller_of_the_table_is_one() -> None:
    words = load("kube_identities.yml")
    names = {name: programs[0] for name, programs in words["components"].items()}
    carrier = words["controllers"]["programs"][0]
    names |= {f"system:serviceaccount:kube-system:{name}": carrier for name in words["controllers"]["names"]}
    assert {
        name: kube_actor(name, tool=f"{tool}/1.36", address=PEER).kind for name, tool in names.items()
    } == dict.fromkeys(names, "component")


RANCHER = "system:serviceaccount:cattle-impersonation-system:cattle-impersonation-u-7xk2p"


def test_a_personal_account_of_a_console_is_the_person() -> None:
    assert [
        kube_actor(RANCHER, tool=None, address=PEER),
        kube_actor(RANCHER, tool=None, address=PEER, via="ana"),
        kube_actor("u-7xk2p", tool=None, address=PEER, via=RANCHER),
        kube_actor("system:serviceaccount:cattle-impersonation-system:other", tool=None, address=PEER),
    ] == [
        Actor(kind="user", name="u-7xk2p", realm="kubernetes", via=RANCHER),
        Actor(
            kind="service-account",
            name="cattle-impersonation-system/cattle-impersonation-u-7xk2p",
            realm="kubernetes",
            via="ana",
        ),
        Actor(kind="user", name="u-7xk2p", realm="kubernetes", via=RANCHER),
        Actor(kind="service-account", name="cattle-impersonation-system/other", realm="kubernetes"),
    ]


@pytest.mark.parametrize(
    ("username", "is_one"),
    [
        (RANCHER, True),
        ("system:serviceaccount:kubernetes-dashboard:web", True),
        ("system:serviceaccount:tools:headlamp", True),
        ("system:serviceaccount:shop:web", False),
        ("headlamp", False),
        ("", False),
    ],
)
def test_knows_the_accounts_of_consoles(username: str, is_one: bool) -> None:
    assert is_console_account(username) is is_one


NODE = "system:node:n1"


@pytest.mark.parametrize(
    ("username", "expected"),
    [
        (
            "kube-apiserver-kubelet-client",
            Actor(kind="component", name="kube-apiserver-kubelet-client", realm="kubernetes", via=NODE),
        ),
        ("ana@dev.example", Actor(kind="user", name="ana@dev.example", realm="kubernetes", via=NODE)),
        (
            "system:serviceaccount:kube-system:metrics-server",
            Actor(kind="service-account", name="kube-system/metrics-server", realm="kubernetes", via=NODE),
        ),
        ("system:anonymous", Actor(kind="anonymous", name="unknown address", realm="kubernetes", via=NODE)),
    ],
)
def test_says_who_spoke_to_a_kubelet(username: str, expected: Actor) -> None:
    assert kubelet_caller(username, node=NODE) == expected
