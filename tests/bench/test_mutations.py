from __future__ import annotations

import json
from random import Random

import pytest

from bench.mutations import WAYS, damaged, shuffled


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - no secret


JSON = (
    b'{"time":"2026-11-23T09:21:54.5Z","pid":4711,"argv":["docker","ps"],"user":{"name":"ana"},'
    b'"id":"48de758a5ac3","text":"a=\\"b c\\""}'
)
TEXT = b'type=EXECVE msg=audit(1795425714.720:14006): argc=2 a0="docker" a1="ps" at=2026-11-23T09:21:54Z x=646F636B6572'
OTHERS = [JSON, TEXT, b"another line"]
NAMES = sorted({way.name for way in WAYS})


def results(name: str, record: bytes, number: int = 200) -> list[bytes]:
    (damage, *_) = [way.damage for way in WAYS if way.name == name]
    return [damage(seeded(seed), record, OTHERS) for seed in range(number)]


@pytest.mark.parametrize("record", [JSON, TEXT])
@pytest.mark.parametrize("name", NAMES)
def test_every_way_damages_and_does_so_again_with_the_same_seed(name: str, record: bytes) -> None:
    found = results(name, record)
    assert found == results(name, record)
    assert len(set(found) - {record}) > 3


@pytest.mark.parametrize("name", NAMES)
def test_every_way_takes_any_bytes(name: str) -> None:
    for odd in (b"", b"\n", b"{}", b"[]", b"{", b"\xff\0", b'{"a":' * 2000, b'{"a":NaN,"b":"\\ud800"}'):
        results(name, odd, 20)


def parsed(found: list[bytes]) -> list[dict[str, object]]:
    return [json.loads(one) for one in found]


def test_values_change_their_type() -> None:
    kinds = set()
    for one in results("retype", JSON, 2000):
        try:
            kinds.add(type(json.loads(one)["pid"]).__name__)
        except (ValueError, KeyError, RecursionError) as problem:
            kinds.add(type(problem).__name__)
    assert kinds >= {"NoneType", "bool", "int", "float", "str", "list", "dict", "ValueError", "RecursionError"}


def pairs_of(one: bytes) -> list[tuple[str, object]]:
    try:
        found: list[tuple[str, object]] = json.loads(one, object_pairs_hook=list)
    except (ValueError, RecursionError):  # the value is an odd one
        return []
    return found


def test_keys_come_twice_vanish_and_change_places() -> None:
    twice = [pairs for one in results("same-key", JSON) if (pairs := pairs_of(one))]
    assert (len(twice) > 100, {len(pairs) for pairs in twice}) == (True, {7})
    assert {len(one) for one in parsed(results("leave-out", JSON))} == {5, 6}
    assert any(one["pid"] == "ana" for one in parsed(results("exchange", JSON, 400)))
    assert any(b'"PID":' in one for one in results("rename", JSON, 400))


def test_lines_are_broken_and_glued() -> None:
    assert all(b"\n" in one for one in results("split", TEXT))
    assert any(one.endswith(b"another line") and one.startswith(TEXT) for one in results("glue", TEXT))


def test_several_ways_meet_in_one_record() -> None:
    found = [damaged(seeded(seed), JSON, OTHERS) for seed in range(3000)]
    assert found == [damaged(seeded(seed), JSON, OTHERS) for seed in range(3000)]
    assert len(set(found)) > 2000
    assert max(map(len, found)) > 50_000


def test_lines_are_moved_left_out_and_repeated() -> None:
    lines = [b"%d" % number for number in range(100)]
    found = [shuffled(seeded(seed), lines) for seed in range(50)]
    assert all(set(one) <= set(lines) for one in found)
    assert any(len(one) > 100 for one in found)
    assert any(set(one) < set(lines) for one in found)
    assert shuffled(seeded(1), lines) == found[1]
    assert shuffled(seeded(1), [b"x"])
