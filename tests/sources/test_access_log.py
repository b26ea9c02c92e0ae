from __future__ import annotations

from pathlib import Path

import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from reading import as_json_lines, assert_survives, read

from tidewaiter.sources.access_log import SOURCE, parse, sniff
from tidewaiter.sources.web_request import WebRequest

DATA = Path(__file__).parent.parent / "data" / "web"
STAMP = b"[23/Nov/2026:09:25:52 +0000]"
LIST = b"10.0.0.1 - - " + STAMP + b' "GET /v1.41/containers/json HTTP/1.1" 200 3 "-" "curl/7.88.1"'  # fmt: skip


@pytest.mark.parametrize("name", ["nginx_combined.log", "podman.log"])
def test_golden(name: str) -> None:
    found, tally = read(SOURCE, (DATA / name).read_bytes())
    assert tally.unreadable == 0
    check_golden(DATA / f"{name}.golden.jsonl", as_json_lines(found))


@pytest.mark.parametrize(
    ("who", "address", "user"),
    [
        (b"10.0.0.1 - -", "10.0.0.1", "-"),
        (b"10.0.0.1 - eva", "10.0.0.1", "eva"),
        (b"10.0.0.1 - eva m", "10.0.0.1", "eva m"),
        (b"10.0.0.1 - [x] [23/Nov/2026:00:00:00 +0000]", "10.0.0.1", "[x] [23/Nov/2026:00:00:00 +0000]"),
        (b"10.0.0.1:4711 - -", "10.0.0.1", "-"),
        (b"2001:db8::1 - -", "2001:db8::1", "-"),
        (b"[2001:db8::1]:99 - -", "2001:db8::1", "-"),
        (b"host.example - -", "host.example", "-"),
        (b"@ - -", "@", "-"),
        (b"shop.example:443 10.0.0.1 - eva", "10.0.0.1", "eva"),
    ],
)
def test_reads_who_asked(who: bytes, address: str, user: str) -> None:
    parsed = parse(LIST.replace(b"10.0.0.1 - -", who))
    assert parsed is not None
    assert (parsed[0].address, parsed[0].user, parsed[1]) == (address, user, "23/Nov/2026:09:25:52 +0000")


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (b'"GET /a HTTP/1.1" 200 3 "-" "x"', ("GET /a HTTP/1.1", 200, 3, "x")),
        (b'"GET /a HTTP/1.1" 304 -', ("GET /a HTTP/1.1", 304, None, "")),
        (b'"GET /a HTTP/1.1" 200 3 "" ""', ("GET /a HTTP/1.1", 200, 3, "")),
        (b'"GET /a HTTP/1.1" 200 3 "-" "x" "10.9.9.9" rt=0.1', ("GET /a HTTP/1.1", 200, 3, "x")),
        (rb'"GET /a?x=\x22\x5C\xD0\xB8 HTTP/1.1" 200 3 "-" "a\x22b"', ('GET /a?x="\\и HTTP/1.1', 200, 3, 'a"b')),
        (rb'"GET /a?x=\"\\ HTTP/1.1" 200 3 "-" "a\"b"', ('GET /a?x="\\ HTTP/1.1', 200, 3, 'a"b')),
        (b'"GET /a?x="y" HTTP/1.1" 200 3 "-" "x"', ('GET /a?x="y" HTTP/1.1', 200, 3, "x")),
        (b'"GET /\xff HTTP/1.1" 400 0 "-" "-"', ("GET /\ufffd HTTP/1.1", 400, 0, "-")),
        (rb'"\x16\x03\x01" 400 0 "-" "-"', ("\x16\x03\x01", 400, 0, "-")),
        (b'"" 400 0 "-" "-"', ("", 400, 0, "-")),
    ],
)
def test_reads_what_was_asked(rest: bytes, expected: tuple[str, int, int | None, str]) -> None:
    parsed = parse(b"10.0.0.1 - - " + STAMP + b" " + rest)
    assert parsed is not None
    assert parsed[0] == WebRequest(expected[0], expected[1], "10.0.0.1", "-", agent=expected[3], size=expected[2])


def test_a_quote_in_the_target_cannot_forge_the_status() -> None:
    line = LIST.replace(b"json HTTP/1.1", rb'json?x=\" 500 1 \"-\" \"y HTTP/1.1')  # fmt: skip
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
    assert sniff([LIST, LIST + b"\r\n", b"hello", b"{}", b""]) == 2
    assert sniff([LIST, podman, podman]) == 3
    assert sniff([podman, podman]) == 0


@given(st.lists(st.sampled_from([LIST, LIST.replace(b"10.0.0.1", b"@")]) | st.binary(max_size=80), max_size=8))
def test_survives_anything(lines: list[bytes]) -> None:
    assert_survives(SOURCE, b"\n".join(lines))


@given(st.binary(max_size=100), st.integers(0, len(LIST)))
def test_survives_damage(junk: bytes, at: int) -> None:
    assert_survives(SOURCE, LIST[:at] + junk + LIST[at:])
