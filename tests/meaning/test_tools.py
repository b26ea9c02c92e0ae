from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import get_args

import pytest

from tidewaiter.meaning.tools import Action, Node, canonical_kind, grammars, known_programs, resources, tool_names
from tidewaiter.meaning.vocabulary import resource_class, traits
from tidewaiter.meaning.wrappers import wrappers
from tidewaiter.model import Verb

MODES = {
    "none",
    "alone",
    "names",
    "first",
    "second",
    "container",
    "image",
    "image-name",
    "pod",
    "copy",
    "command",
    "resources",
}


def _actions(node: Node) -> Iterator[Action]:
    if node.command is not None:
        yield node.command
    for child in node.children.values():
        yield from _actions(child)


ACTIONS = [(family, action) for family, grammar in grammars().items() for action in _actions(grammar.root)]


def test_every_verb_is_one_of_the_model() -> None:
    assert {action.verb for _, action in ACTIONS} <= set(get_args(Verb))


def test_every_kind_has_a_class() -> None:
    kinds = {kind for _, action in ACTIONS for kind in (action.kind, *action.command.kinds.values())}
    assert {kind for kind in kinds if resource_class(kind) == "custom"} == set()


def test_every_trait_is_known() -> None:
    stated = {trait for _, action in ACTIONS for trait in (*action.traits, *action.command.option_traits.values())}
    stated |= {trait for grammar in grammars().values() for trait in grammar.tool.option_traits.values()}
    assert stated <= set(traits())


def test_every_way_to_read_arguments_is_known() -> None:
    assert {action.command.args for _, action in ACTIONS} <= MODES


def test_options_begin_with_a_dash() -> None:
    options = {option for _, action in ACTIONS for option in action.values | action.past | action.unless}
    assert {option for option in options if not option.startswith("-")} == set()


def test_no_program_name_belongs_to_two_tools() -> None:
    names = Counter(name for grammar in grammars().values() for name in grammar.tool.names.split())
    assert [name for name, times in names.items() if times > 1] == []
    assert set(names) & set(wrappers()) == set()
    assert set(names) & known_programs() == set()


def test_a_word_for_a_kind_stands_for_one_kind() -> None:
    words = [word for plural, rest in grammars()["kubectl"].tool.resources.items() for word in {plural, *rest.split()}]
    assert [word for word, times in Counter(words).items() if times > 1] == []


def test_every_kind_of_get_all_is_known() -> None:
    assert set(grammars()["kubectl"].tool.all.split()) <= set(resources().values())


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("po", "pods"),
        ("Pod", "pods"),
        ("deployments.v1.apps", "deployments"),
        ("deploy.apps", "deployments"),
        ("pods.metrics.k8s.io", "podmetrics"),
        ("certificates.cert-manager.io", "certificates"),
        ("policy", "policies"),
        ("box", "boxes"),
        ("widget", "widgets"),
        ("a b", "unknown"),
        ("x" * 300, "unknown"),
        ("", "unknown"),
    ],
)
def test_a_resource_word_becomes_a_plural(word: str, kind: str) -> None:
    assert canonical_kind(word) == kind


@pytest.mark.parametrize(
    ("name", "family"), [("docker", "docker"), ("podman-remote", "podman"), ("oc", "oc"), ("ls", None)]
)
def test_a_program_name_gives_its_tool(name: str, family: str | None) -> None:
    assert tool_names().get(name) == family
