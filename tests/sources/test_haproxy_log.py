from __future__ import annotations

from pathlib import Path

from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from reading import as_json_lines, assert_survives, read

from tidewaiter.sources.haproxy_log import SOURCE, sniff

DATA = Path(__file__).parent.parent / "data" / "web"
NAME = "haproxy.log"
LINES = (DATA / NAME).read_bytes().splitlines()
SNIFFED = 12  # the other five are JSON


def test_golden() -> None:
    found, tally = read(SOURCE, (DATA / NAME).read_bytes())
    assert tally.unreadable == 0
    check_golden(DATA / f"{NAME}.golden.jsonl", as_json_lines(found))


def test_sniffs_its_own_lines_only() -> None:
    others = [
        line
        for path in sorted(DATA.glob("*"))
        if path.suffix in {".log", ".jsonl"} and path.name != NAME and ".golden." not in path.name
        for line in path.read_bytes().splitlines()
    ]
    assert sniff(others) == 0
    assert sniff(LINES) == SNIFFED


def test_a_broken_line_is_counted_with_its_place() -> None:
    found, tally = read(SOURCE, LINES[1] + b"\n" + LINES[1][:60] + b"\n" + LINES[1])
    assert [one.origin.line for one in found] == [1, 3]
    assert [(one.line, one.offset, one.reason) for one in tally.places] == [
        (2, len(LINES[1]) + 1, "not-an-access-line")
    ]


@given(st.binary(max_size=100), st.sampled_from(LINES), st.integers(0, 400))
def test_survives_damage(junk: bytes, line: bytes, at: int) -> None:
    assert_survives(SOURCE, line[:at] + junk + line[at:])
