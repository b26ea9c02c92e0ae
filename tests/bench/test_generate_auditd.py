from __future__ import annotations

import re

import pytest

from bench.generate_auditd import generate
from tidewaiter.sources.auditd import SOURCE, AuditdReader
from tidewaiter.sources.auditd_needles import Everything
from tidewaiter.sources.contract import Block, Tally


def test_equal_arguments_give_equal_bytes_and_another_seed_gives_others() -> None:
    first, again, other = (b"".join(generate(200_000, seed)) for seed in (7, 7, 8))
    assert first == again
    assert first != other


@pytest.mark.parametrize(("enriched", "node"), [(False, None), (True, None), (False, "n1")])
def test_every_line_is_a_record_and_both_ways_of_reading_agree(enriched: bool, node: str | None) -> None:
    data = b"".join(generate(1_500_000, 7, enriched=enriched, node=node))
    assert (b"\x1dARCH=" in data) is enriched
    found = []
    for reader in (SOURCE.reader(tally := Tally("x")), AuditdReader(Tally("x"), sieve=Everything())):
        found.append([*reader.feed(Block(data, 0, 1)), *reader.finish()])
    assert found[0] == found[1]
    assert tally.unreadable == 0
    assert tally.records == len(set(re.findall(rb"audit\(([^)]*)\)", data)))
    assert 0.03 < len(found[0]) / tally.records < 0.06
