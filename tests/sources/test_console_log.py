from __future__ import annotations

from pathlib import Path

import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from reading import as_json_lines, assert_survives, read

from tidewaiter.model import Actor
from tidewaiter.sources.console_log import SOURCE, sniff

DATA = Path(__file__).parent.parent / "data" / "web"
DASHBOARD = (DATA / "dashboard_server.log").read_bytes().splitlines()
ARGO = (DATA / "argocd_server.log").read_bytes().splitlines()


@pytest.mark.parametrize("name", ["dashboard_server.log", "argocd_server.log"])
def test_golden(name: str) -> None:
    found, tally = read(SOURCE, (DATA / name).read_bytes())
    assert tally.unreadable == 0
    check_golden(DATA / f"{name}.golden.jsonl", as_json_lines(found))


def test_the_answer_gives_the_outcome() -> None:
    found, _ = read(SOURCE, b"\n".join(DASHBOARD))
    assert [(one.kind, one.outcome) for one in found] == [
        ("secrets", "refused"),
        ("jobs", "answered"),
        ("pods", "unknown"),
    ]


def test_names_the_person() -> None:
    found, _ = read(SOURCE, b"\n".join(ARGO))
    assert [(one.actor, one.kind, one.name, one.outcome) for one in found] == [
        (Actor(kind="user", name="olga", realm="web", via="argo-cd"), "applications", None, "answered"),
        (Actor(kind="user", name="ci", realm="web", via="argo-cd"), "clusters", None, "refused"),
        (Actor(kind="user", name="admin", realm="web", via="argo-cd"), "pods", "web", "unknown"),
    ]


def test_a_request_that_never_ends_does_not_hold_others_back() -> None:
    lines = [DASHBOARD[1].replace(b"41510", str(port).encode()) for port in range(1001)]
    assert len(list(read(SOURCE, b"\n".join(lines))[0])) == 1001


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello", "not-a-console-line"),
        (ARGO[3][:80], "not-a-console-line"),
        (ARGO[3].replace(b'"time":"2026-11', b'"time":"2026-99'), "no-time"),
        (b"x" * (2 << 20), "line-too-long"),
    ],
)
def test_unreadable_lines_are_counted_with_their_place(line: bytes, reason: str) -> None:
    found, tally = read(SOURCE, ARGO[1] + b"\n" + line + b"\n" + ARGO[2])
    assert len(found) == 1
    assert [(one.line, one.offset, one.reason) for one in tally.places] == [(2, len(ARGO[1]) + 1, reason)]


def test_sniffs_its_own_lines_only() -> None:
    assert (sniff(DASHBOARD), sniff(ARGO)) == (5, 6)
    assert sniff([b"", b"{}", b'time="2026-11-23T09:00:00Z" level=info msg="x"', b"2026/11/23 09:00:00 x"]) == 0


@given(st.lists(st.sampled_from([*DASHBOARD, *ARGO]) | st.binary(max_size=60), max_size=10))
def test_survives_anything(lines: list[bytes]) -> None:
    assert_survives(SOURCE, b"\n".join(lines))


@given(st.binary(max_size=60), st.sampled_from([*DASHBOARD, *ARGO]), st.integers(0, 400))
def test_survives_damage(junk: bytes, line: bytes, at: int) -> None:
    assert_survives(SOURCE, line[:at] + junk + line[at:])
