from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import factories
import msgspec
import pytest

from tidewaiter import keeping
from tidewaiter.errors import ConfigError, StoreError
from tidewaiter.keeping import add, choose, keep, keep_verdicts, load, load_verdicts, verdict_lines
from tidewaiter.sinks.jsonl import line
from tidewaiter.triage import rule_on

FIRST = factories.finding(id="F-1")
SECOND = factories.finding(id="F-2", level="low")
EARLY, LATE = (
    rule_on(FIRST, decision="benign", by="ada", why="w\x1b", at=factories.AT + after, until=factories.AT + after * 9)
    for after in (timedelta(days=1), timedelta(days=2))
)


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


def test_verdicts_come_back_in_the_order_of_time(tmp_path: Path) -> None:
    assert load_verdicts(tmp_path) == ()
    keep_verdicts(tmp_path, [LATE])
    keep_verdicts(tmp_path, [EARLY])
    assert load_verdicts(tmp_path) == (EARLY, LATE)
    assert (tmp_path / "verdicts.jsonl").read_bytes() == b"".join(verdict_lines([EARLY, LATE]))
    assert b"\x1b" not in (tmp_path / "verdicts.jsonl").read_bytes()


def test_a_verdict_of_the_same_name_is_replaced(tmp_path: Path) -> None:
    revoked = msgspec.structs.replace(EARLY, revoked=LATE.at)
    keep_verdicts(tmp_path, [EARLY, LATE])
    keep_verdicts(tmp_path, [revoked])
    assert load_verdicts(tmp_path) == (revoked, LATE)


def test_a_damaged_verdict_is_not_passed_over(tmp_path: Path) -> None:
    """What was hidden by it would be shown without a word, or what was malicious would teach."""
    path = tmp_path / "verdicts.jsonl"
    path.write_bytes(b"".join(verdict_lines([EARLY])) + b"{}\n")
    with pytest.raises(StoreError) as caught:
        load_verdicts(tmp_path)
    assert str(caught.value) == (
        f"error: not a verdict: Object missing required field `schema`\nwhere: {path}:2\n"
        "hint: take the line out: what it covered is shown again by the next scan"
    )


def test_verdicts_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "verdicts.jsonl").mkdir()
    with pytest.raises(StoreError, match="no verdicts can be read: Is a directory"):
        load_verdicts(tmp_path)


def test_what_is_meant_is_found_by_the_beginning_of_its_name() -> None:
    assert choose([FIRST, SECOND], "F-2", what="finding", where="here") == SECOND
    assert choose([EARLY], EARLY.id[:5], what="verdict", where="here") == EARLY
    with pytest.raises(ConfigError) as caught:
        choose([EARLY, LATE], "V-", what="verdict", where="here")
    assert str(caught.value) == (f"error: 2 verdicts begin with 'V-'\nwhere: here\nhint: known: {EARLY.id}, {LATE.id}")


def told(number: int, headline: str = "h") -> Any:
    return factories.finding(id=f"F-{number}", headline=headline)


def test_of_several_tellings_the_last_counts(tmp_path: Path) -> None:
    add(tmp_path, [told(1, "first"), told(2)])
    add(tmp_path, [told(1, "second")])
    assert [(one.id, one.headline) for one in load(tmp_path)] == [("F-2", "h"), ("F-1", "second")]


def test_what_a_crash_cut_off_does_not_spoil_the_next(tmp_path: Path) -> None:
    add(tmp_path, [told(1)])
    with (tmp_path / "findings.jsonl").open("ab") as log:
        log.write(b'{"schema":"tidewai')
    add(tmp_path, [told(2)])
    assert [one.id for one in load(tmp_path)] == ["F-1", "F-2"]


def test_a_service_keeps_the_newest_findings_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(line(told(10)))
    monkeypatch.setattr(keeping, "_MOST", 10 * size)
    for number in range(10, 25):
        add(tmp_path, [told(number)])
        assert (tmp_path / "findings.jsonl").stat().st_size <= 10 * size
    assert load(tmp_path)[-1].id == "F-24"
