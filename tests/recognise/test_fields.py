from __future__ import annotations

from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.model import Activity
from tidewaiter.recognise.fields import FIELDS, example, network, parse_address, reader, settable, values, words


@pytest.mark.parametrize(
    ("address", "sort"),
    [
        ("127.0.0.1", "loopback"),
        ("127.8.8.8", "loopback"),
        ("::1", "loopback"),
        ("[::1]", "loopback"),
        ("10.1.2.3", "private"),
        ("172.31.255.255", "private"),
        ("172.32.0.0", "public"),
        ("192.168.0.1", "private"),
        ("100.64.0.1", "private"),
        ("169.254.169.254", "private"),
        ("fe80::1%eth0", "private"),
        ("fd00::1", "private"),
        ("::ffff:10.0.0.1", "private"),
        ("::ffff:8.8.8.8", "public"),
        ("198.51.100.7", "public"),
        ("2001:db8::1", "public"),
        ("0.0.0.0", "none"),
        ("::", "none"),
        ("", "none"),
        (None, "none"),
        ("localhost", "none"),
        ("10.0.0.1:443", "none"),
    ],
)
def test_network(address: str | None, sort: str) -> None:
    assert network(address) == sort


@given(st.text(max_size=40))
def test_any_text_is_read_as_an_address_or_not(text: str) -> None:
    assert (parse_address(text) is None) <= (network(text) == "none")


ACTIVITY = example(
    {
        "kind": "deployments",
        "verb": "get",
        "scope": "one",
        "namespace": "shop",
        "name": "web",
        "tool": "kubectl/1.32",
        "address": "10.0.0.7",
        "container": "web-1",
        "node": "node-1",
        "credential": "1f0c",
        "claimed": "198.51.100.7",
        "text": "get /apis/apps/v1/namespaces/shop/deployments/web",
        "traits": ["in-shell", "encoded"],
        "actor.kind": "service-account",
        "actor.name": "shop/web",
        "actor.realm": "kubernetes",
        "actor.via": "console",
        "disclosed": 12,
    },
    "kubernetes",
)
EXPECTED: dict[str, Any] = {
    "plane": "kubernetes",
    "verb": "get",
    "kind": "deployments",
    "class": "workload",
    "scope": "one",
    "outcome": "answered",
    "namespace": "shop",
    "name": "web",
    "tool": "kubectl/1.32",
    "tool.name": "kubectl",
    "address": "10.0.0.7",
    "network": "private",
    "container": "web-1",
    "node": "node-1",
    "credential": "1f0c",
    "claimed": "198.51.100.7",
    "text": "get /apis/apps/v1/namespaces/shop/deployments/web",
    "traits": ("encoded", "in-shell"),
    "actor.kind": "service-account",
    "actor.name": "shop/web",
    "actor.realm": "kubernetes",
    "actor.via": "console",
    "disclosed": 12,
}


def test_every_field_of_an_activity() -> None:
    assert values(ACTIVITY) == EXPECTED


@given(st.lists(st.sampled_from(sorted(FIELDS)), unique=True))
def test_reader_keeps_the_order_it_was_asked_in(names: list[str]) -> None:
    assert reader(names)(ACTIVITY) == tuple(EXPECTED[name] for name in names)


def test_absent_values() -> None:
    bare = example({}, "host")
    assert reader(("tool.name", "network", "namespace", "traits", "disclosed"))(bare) == (None, "none", None, (), None)


def test_closed_words_are_those_of_the_model() -> None:
    hints = get_type_hints(Activity)
    assert words("verb") == frozenset(hints["verb"].__args__)
    assert words("plane") == frozenset(hints["plane"].__args__)
    assert words("kind") is None
    assert {"workload", "custom"} <= (words("class") or set())
    assert "encoded" in (words("traits") or set())


@pytest.mark.parametrize(
    "given",
    [
        {"verb": "lst"},
        {"class": "workload"},
        {"network": "private"},
        {"traits": ["nope"]},
        {"scope": "all"},
        {"name": 5},
    ],
)
def test_an_example_that_cannot_be(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        example(given, "kubernetes")


def test_examples_may_give_all_but_derived_fields() -> None:
    assert set(FIELDS) - set(settable()) == {"class", "tool.name", "network"}
