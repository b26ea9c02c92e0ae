from __future__ import annotations

from importlib.resources import files
from typing import Any

import msgspec
import pytest
from rule_text import rule, rule_text

from tidewaiter.errors import RuleError
from tidewaiter.recognise.fields import example, values
from tidewaiter.recognise.match import evaluate
from tidewaiter.recognise.pack import (
    Pack,
    Recognised,
    compile_packaged,
    digest,
    load_pack,
    packaged,
    packaged_sources,
)
from tidewaiter.recognise.rule import Examples

LIGHT = rule(name="light", weight=1, role="evidence", level="low")
HEAVY = rule(
    name="heavy",
    weight=12,
    detection={"seen": {"kind": "pods", "traits": "encoded"}, "condition": "seen"},
    logsource={"product": "tidewaiter"},
    reads=["kubernetes", "engine"],
)


def activity(**given: Any) -> Any:
    return example(given, given.pop("plane", "kubernetes"))


def test_the_heaviest_comes_first() -> None:
    assert Pack([LIGHT, HEAVY]).recognise(activity(traits="encoded")) == (
        Recognised("heavy@1", "tripwire", 12.0, "medium"),
        Recognised("light@1", "evidence", 1.0, "low"),
    )


def test_each_plane_has_its_rules() -> None:
    pack = Pack([LIGHT, HEAVY])
    assert [said.recogniser for said in pack.recognise(activity(plane="engine", traits="encoded"))] == ["heavy@1"]
    assert pack.recognise(activity(plane="host", traits="encoded")) == ()


def test_shape_holds_the_fields_that_rules_use_and_no_other() -> None:
    pack = Pack([LIGHT, HEAVY])
    assert pack.shape_fields("kubernetes") == ("verb", "kind", "traits")
    assert pack.shape_fields("engine") == ("kind", "traits")
    assert pack.shape_fields("cloud") == ()


def test_memo_never_changes_an_answer() -> None:
    pack = Pack([LIGHT, HEAVY])
    first = [pack.recognise(activity(kind=kind, name=name)) for kind in ("pods", "nodes") for name in ("a", "b")]
    again = [pack.recognise(activity(kind=kind, name=name)) for kind in ("pods", "nodes") for name in ("a", "b")]
    assert first == again
    assert len(pack._planes["kubernetes"].memo) == 2


def test_memo_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidewaiter.recognise.pack._MEMO", 3)
    pack = Pack([HEAVY])
    for n in range(10):
        assert pack.recognise(activity(kind=f"invented-{n}")) == ()
        assert len(pack._planes["kubernetes"].memo) <= 3


def test_explain_gives_the_values_that_held() -> None:
    pack = Pack([LIGHT, HEAVY])
    seen = activity(traits=["encoded", "in-shell"], name="web")
    assert pack.explain(seen, "heavy@1") == {"kind": "pods", "traits": ["encoded"]}
    assert pack.explain(activity(), "heavy") == {}
    assert pack.explain(activity(plane="host"), "light") == {}
    with pytest.raises(KeyError):
        pack.explain(seen, "nobody")


def test_get_finds_by_name_with_or_without_version() -> None:
    pack = Pack([LIGHT])
    assert pack.get("light") is pack.get("light@1") is LIGHT
    assert pack.get("nobody") is None


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(RuleError) as caught:
        load_pack([("a.yml", rule_text()), ("b.yml", rule_text(id="9b7c1a52-0c56-4a7e-9c1c-6a0f2f8d7e02"))])
    assert (caught.value.where, caught.value.hint) == ("b.yml:1", "see a.yml:1")


def test_two_rules_of_one_id_are_refused() -> None:
    with pytest.raises(RuleError, match="name or id of two rules"):
        load_pack([("a.yml", rule_text()), ("b.yml", rule_text(name="b"))])


def test_packaged_rules_look_at_no_field_that_has_many_values() -> None:
    costly = {"name", "namespace", "text", "address", "actor.name", "container", "disclosed", "tool"}
    assert {
        plane: costly & set(packaged().shape_fields(plane)) for plane in ("kubernetes", "engine", "host", "web")
    } == {
        "kubernetes": set(),
        # host-web-server-account; a host has a few dozen accounts.
        "engine": {"actor.name"},
        "host": {"actor.name"},
        "web": set(),
    }


def test_the_memo_and_the_plain_way_agree_on_every_example() -> None:
    pack = packaged()
    for one in pack.recognisers:
        for seen in (*one.examples.hit, *one.examples.miss):
            plain = {
                other.about.key
                for other in pack.recognisers
                if seen.plane in other.about.reads and evaluate(other.condition, values(seen)) is not None
            }
            assert {said.recogniser for said in pack.recognise(seen)} == plain


def test_the_compiled_pack_is_what_the_rule_files_say_now() -> None:
    # `make compiled` writes it anew after a rule was changed.
    folder = files("tidewaiter").joinpath("packs", "recognisers")
    assert folder.joinpath("compiled.msgpack").read_bytes() == compile_packaged()


def test_the_compiled_pack_recognises_what_the_parsed_one_does() -> None:
    parsed = load_pack(packaged_sources())
    bare = tuple(msgspec.structs.replace(rule, examples=Examples()) for rule in parsed.recognisers)
    assert (packaged().recognisers, packaged().correlations) == (bare, parsed.correlations)


def test_another_rule_file_makes_the_compiled_pack_stale() -> None:
    assert digest([("a.yml", b"title: a")]) != digest([("a.yml", b"title: b")])
    assert digest([("a.yml", b"title: a")]) != digest([("b.yml", b"title: a")])
