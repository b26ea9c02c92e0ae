from __future__ import annotations

from pathlib import Path

import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from reading import as_json_lines, assert_survives, read

from tidewaiter.sources.access_log import SOURCE, sniff

DATA = Path(__file__).parent.parent / "data" / "web"
STAMP = b"[23/Nov/2026:09:25:52 +0000]"
LIST = b"10.0.0.1 - - " + STAMP + b' "GET /v1.41/containers/json HTTP/1.1" 200 3 "-" "curl/7.88.1"'


@pytest.mark.parametrize("name", ["nginx_combined.log", "apache.log", "traefik.log", "ingress_nginx.log"])
def test_golden(name: str) -> None:
    found, tally = read(SOURCE, (DATA / name).read_bytes())
    assert tally.unreadable == 0
    check_golden(DATA / f"{name}.golden.jsonl", as_json_lines(found))


def test_a_quote_in_the_target_cannot_forge_the_status() -> None:
    line = LIST.replace(b"json HTTP/1.1", rb"json?x=\" 500 1 \"-\" \"y HTTP/1.1")
    assert [(one.outcome, one.disclosed, one.tool) for one in read(SOURCE, line)[0]] == [("answered", 3, "curl/7.88")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (LIST[:60], "not-an-access-line"),
        (b"hello", "not-an-access-line"),
        (b"\x00\xff", "not-an-access-line"),
        (LIST.replace(b"/Nov/", b"/Foo/"), "no-time"),
        (LIST.replace(b"curl", b"c" * (10 << 20)), "line-too-long"),
    ],
)
def test_unreadable_lines_are_counted_with_their_place(line: bytes, reason: str) -> None:
    found, tally = read(SOURCE, LIST + b"\n" + line + b"\n" + LIST)
    assert [one.origin.line for one in found] == [1, 3]
    assert [(one.line, one.offset, one.reason) for one in tally.places] == [(2, len(LIST) + 1, reason)]


def test_equal_lines_of_one_second_are_all_counted() -> None:
    data = b"\n".join([LIST, LIST.replace(b"containers", b"images"), LIST])
    first, again = read(SOURCE, data)[0], read(SOURCE, data)[0]
    assert len({one.id for one in first}) == 3
    assert [one.id for one in first] == [one.id for one in again]


def test_other_requests_are_records_that_are_not_kept() -> None:
    found, tally = read(SOURCE, LIST.replace(b"/v1.41/containers/json", b"/index.html"))
    assert (found, tally.records, tally.unreadable) == ([], 1, 0)


def test_sniffs_its_own_lines_only() -> None:
    podman = b'time="2026-11-23T09:29:46Z" level=debug msg="x"'
    assert sniff([LIST, LIST + b"\r\n", b"hello", b"{}", b"", podman]) == 2


@given(st.lists(st.sampled_from([LIST, LIST.replace(b"10.0.0.1", b"@")]) | st.binary(max_size=80), max_size=8))
def test_survives_anything(lines: list[bytes]) -> None:
    assert_survives(SOURCE, b"\n".join(lines))


@given(st.binary(max_size=100), st.integers(0, len(LIST)))
def test_survives_damage(junk: bytes, at: int) -> None:
    assert_survives(SOURCE, LIST[:at] + junk + LIST[at:])
