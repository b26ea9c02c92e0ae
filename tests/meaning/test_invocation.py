from __future__ import annotations

import shlex

import pytest

from tidewaiter.meaning.invocation import MAX_NAMES, meanings
from tidewaiter.meaning.options import parse
from tidewaiter.meaning.setting import LISTED, UNKNOWN, Setting
from tidewaiter.meaning.tools import grammars
from tidewaiter.model import Meaning


def _read(line: str, setting: Setting | None = None, *more: str) -> list[Meaning]:
    program, *words = shlex.split(line)
    invocation = parse(grammars()[program], [*words, *more])
    assert invocation is not None
    return meanings(invocation, setting or Setting())


def test_what_a_listing_feeds_is_everything_in_detail() -> None:
    assert _read("docker inspect", None, LISTED) == [
        Meaning(verb="get", kind="containers", scope="everything", tool="docker", traits=("mass-detail",))
    ]


def test_what_is_fed_by_something_unknown_has_no_scope() -> None:
    assert _read("docker inspect", None, UNKNOWN) == [Meaning(verb="get", kind="containers", tool="docker")]


def test_resources_of_a_listing_are_everything_in_detail() -> None:
    assert _read("kubectl describe", None, LISTED) == [
        Meaning(verb="get", kind="unknown", scope="everything", tool="kubectl", traits=("mass-detail",))
    ]


def test_many_names_are_cut() -> None:
    assert len(_read("docker inspect " + "a " * 100)) == MAX_NAMES


@pytest.mark.parametrize(
    ("variables", "line", "traits"),
    [
        ({"DOCKER_HOST": "tcp://h:2375"}, "docker ps", ("engine-port", "plaintext-tcp", "remote-endpoint")),
        ({"DOCKER_HOST": "tcp://h"}, "docker ps", ("engine-port", "plaintext-tcp", "remote-endpoint")),
        ({"DOCKER_HOST": "tcp://h", "DOCKER_TLS_VERIFY": "1"}, "docker ps", ("engine-port", "remote-endpoint")),
        ({"DOCKER_HOST": "unix:///run/docker.sock"}, "docker ps", ()),
        ({"DOCKER_HOST": "tcp://h:2375"}, "docker -H unix:///x --host=unix:///x ps", ()),
        ({"DOCKER_HOST": "ssh://u@h"}, "docker ps", ("remote-endpoint", "via-ssh")),
        ({"CONTAINER_HOST": "tcp://h:8080"}, "podman ps", ("plaintext-tcp", "remote-endpoint")),
        ({"HOME": "tcp://h:2375"}, "docker ps", ()),
    ],
)
def test_variables_stand_for_options(variables: dict[str, str], line: str, traits: tuple[str, ...]) -> None:
    assert [meaning.traits for meaning in _read(line, Setting(variables=variables))] == [traits]


def test_a_variable_gives_the_namespace() -> None:
    setting = Setting(variables={"CONTAINERD_NAMESPACE": "k8s.io"})
    assert [meaning.namespace for meaning in _read("ctr c ls", setting)] == ["k8s.io"]
    assert [meaning.namespace for meaning in _read("ctr -n moby c ls", setting)] == ["moby"]


def test_traits_of_the_setting_are_kept() -> None:
    found = _read("docker ps -q", Setting(traits=frozenset({"via-sudo"})))
    assert [meaning.traits for meaning in found] == [("names-only", "via-sudo")]
