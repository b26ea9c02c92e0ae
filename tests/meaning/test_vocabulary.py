from __future__ import annotations

import re
from collections import Counter

import pytest

from tidewaiter.meaning.vocabulary import load, resource_class, traits


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("pods", "workload"),
        ("nodes", "topology"),
        ("namespaces", "tenancy"),
        ("services", "network"),
        ("secrets", "config"),
        ("clusterroles", "authority"),
        ("events", "history"),
        ("images", "images"),
        ("api", "api"),
        ("nodes/proxy", "topology"),
        ("pods/portforward", "workload"),
        ("widgets", "custom"),
        ("Pods", "custom"),
        ("", "custom"),
        ("/pods", "custom"),
    ],
)
def test_names_the_class_of_a_kind(kind: str, name: str) -> None:
    assert resource_class(kind) == name


def test_every_kind_belongs_to_one_class() -> None:
    counts = Counter(kind for kinds in load("classes.yml").values() for kind in kinds)
    assert [kind for kind, count in counts.items() if count > 1] == []


def test_every_trait_is_an_id_with_its_meaning() -> None:
    assert [
        name for name, says in traits().items() if not re.fullmatch(r"[a-z]+(-[a-z]+)*", name) or len(says) < 10
    ] == []


def test_a_file_that_the_package_does_not_have_is_a_programming_mistake() -> None:
    with pytest.raises(FileNotFoundError):
        load("no-such.yml")
