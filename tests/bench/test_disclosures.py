from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.disclosures import CategoryScore, Disclosed, Labelled, disclosed, labelled_logs, shown, told
from bench.scores import Place

TIDEWAITER = (str(Path(sys.executable).with_name("tidewaiter")),)


def said(category: str, *lines: int, stream: str = "stdout") -> Disclosed:
    first, last = (Place(path="web-json.log", line=line) for line in (lines[0], lines[-1]))
    return Disclosed(category=category, first=first, last=last, streams=(stream,))


@pytest.mark.parametrize(
    ("found", "counted"),
    [
        ([], (2, 0, 0, ("web:1", "web:3"))),
        ([said("credential", 1)], (2, 1, 0, ("web:3",))),
        ([said("credential", 1, 3)], (2, 2, 0, ())),
        ([said("credential", 2)], (2, 0, 1, ("web:1", "web:3"))),
        ([said("credential", 4)], (2, 1, 0, ("web:1",))),  # record 3 was cut: record 4 is the same line
        ([said("credential", 5)], (2, 0, 1, ("web:1", "web:3"))),
        ([said("service", 1)], (2, 0, 0, ("web:1", "web:3"))),
        ([said("credential", 2, stream="log-opt")], (2, 0, 0, ("web:1", "web:3"))),
    ],
)
def test_lines_are_told_missed_or_beyond(
    found: list[Disclosed], counted: tuple[int, int, int, tuple[str, ...]]
) -> None:
    labels = [
        Labelled(line=1, categories=("secret",)),
        Labelled(line=2, categories=()),
        Labelled(line=3, categories=("secret",), partial=True),
        Labelled(line=4, categories=()),
        Labelled(line=5, categories=()),
    ]
    score = told({"web": found}, {"web": labels})[0]
    assert (score.category, score.lines, score.told, score.beyond, score.missed) == ("credential", *counted)


def test_the_product_is_asked(tmp_path: Path) -> None:
    log = tmp_path / "web-json.log"
    log.write_text('{"log":"x\\n","stream":"stdout","time":"2026-06-01T00:00:00Z"}\n' * 2, encoding="utf-8")
    record = '{"log":"redis 7.2.4 started\\n","stream":"stdout","time":"2026-06-01T00:00:00Z"}\n'
    log.write_text(log.read_text(encoding="utf-8") + record, encoding="utf-8")
    (tmp_path / "web.labels.jsonl").touch()
    (tmp_path / "lost.labels.jsonl").touch()
    assert labelled_logs(tmp_path) == [(log, tmp_path / "web.labels.jsonl")]
    assert [(one.category, one.first.line) for one in disclosed(TIDEWAITER, log)] == [("version", 3)]


def test_a_category_is_a_row() -> None:
    made = [CategoryScore(category="cluster", lines=3, told=2, beyond=1, missed=("web:4",))]
    assert "| cluster | 3 | 2 | 1 | web:4 |" in shown(made)
