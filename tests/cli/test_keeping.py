from __future__ import annotations

from pathlib import Path

import factories
import pytest

from tidewaiter.cli.keeping import keep, load
from tidewaiter.errors import StoreError
from tidewaiter.sinks.jsonl import line

FIRST = factories.finding(id="F-1")
SECOND = factories.finding(id="F-2", level="low")


def test_findings_come_back_as_they_were(tmp_path: Path) -> None:
    keep(tmp_path, [FIRST, SECOND])
    assert load(tmp_path) == [FIRST, SECOND]
    assert load(tmp_path / "findings.jsonl") == [FIRST, SECOND]
    assert [path.name for path in tmp_path.iterdir()] == ["findings.jsonl"]


def test_the_newest_telling_of_a_finding_replaces_the_earlier_one(tmp_path: Path) -> None:
    third, worse = factories.finding(id="F-3"), factories.finding(id="F-1", level="critical")
    keep(tmp_path, [FIRST, SECOND])
    keep(tmp_path, [third, worse])
    assert load(tmp_path) == [worse, SECOND, third]


def test_nothing_new_leaves_what_is_known(tmp_path: Path) -> None:
    keep(tmp_path, [FIRST])
    keep(tmp_path, [])
    assert load(tmp_path) == [FIRST]


def test_empty_lines_are_nothing(tmp_path: Path) -> None:
    path = tmp_path / "found.jsonl"
    path.write_bytes(b"\n" + line(FIRST) + b"  \n\n")
    assert load(path) == [FIRST]


def test_an_empty_file_holds_no_findings(tmp_path: Path) -> None:
    (tmp_path / "findings.jsonl").touch()
    assert load(tmp_path) == []


@pytest.mark.parametrize("name", ["findings.jsonl", "x/findings.jsonl"])
def test_where_nothing_is_kept(name: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        load(tmp_path / name)
    assert str(caught.value) == (
        f"error: no findings can be read: No such file or directory\nwhere: {tmp_path / name}\n"
        "hint: scan with --state DIR first, or name a file written with --format jsonl"
    )


@pytest.mark.parametrize(
    "broken",
    [b"not json\n", b'{"id": "F-1"}\n', line(FIRST)[:100], b"\xff\xfe\n", b'{"id": "\xff"}\n', b"\x00\n"],
)
def test_what_is_no_finding_says_where(broken: bytes, tmp_path: Path) -> None:
    path = tmp_path / "found.jsonl"
    path.write_bytes(line(FIRST) + broken)
    with pytest.raises(StoreError, match="not a finding: ") as caught:
        load(path)
    assert (caught.value.where, caught.value.hint) == (
        f"{path}:2",
        "only files written with --format jsonl hold findings",
    )


def test_findings_that_cannot_be_kept_leave_the_old_ones(tmp_path: Path) -> None:
    keep(tmp_path, [FIRST])
    (tmp_path / "findings.part").mkdir()
    with pytest.raises(IsADirectoryError):
        keep(tmp_path, [SECOND])
    assert load(tmp_path) == [FIRST]
