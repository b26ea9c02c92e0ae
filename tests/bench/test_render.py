from __future__ import annotations

from bench import render
from bench.scores import Coverage, Decisions, Row, Score


def test_a_cluster_is_rendered_in_short_tables() -> None:
    quiet = Row(
        scenario="daily", label="benign", cases=3, hit=0, level=None, after_s=None, at_latest_s=None, confirmed=None
    )
    caught = Row(
        scenario="sweep", label="malicious", cases=1, hit=1, level="high", after_s=2.4, at_latest_s=90, confirmed=True
    )
    found = Score(
        rows=(quiet, caught),
        malicious=2,
        recalled=1,
        recalled_at_floor=1,
        right=3,
        false=1,
        false_at=("medium ana 2026-06-02T06:00:00Z: looks",),
        days=4,
        earlier_false=2,
        earlier_days=5,
        holding=3,
        named=2,
    )
    assert render.kubernetes(found) == (
        "## kubernetes\n\n"
        "| scenario | label | cases | hit | highest level | alert after s | own events |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n"
        "| daily | benign | 3 | 0 | - | - | - |\n"
        "| sweep | malicious | 1 | 1 | high | 2-90 | yes |\n"
        "\n"
        "- recall: 1/2 (50%) at any level, 1/2 (50%) at medium or above\n"
        "- precision at medium or above: 75% (3 right, 1 false)\n"
        "- right actor: 2/3 (67%) of the findings that sight an attack\n"
        "- false alarms at medium or above: 1 in 4.0 days, 0.25 a day; before the split: 2 in 5.0 days\n"
        "- false: medium ana 2026-06-02T06:00:00Z: looks\n"
    )


def test_a_sensor_that_could_not_be_read_says_so() -> None:
    made = Coverage(label="malicious", steps=4, covered=3, covered_at_floor=2, sighted=1, seen=None, missed=("B1",))
    judged = Decisions(episodes=5, right=4, wrong=("benign: suspicious high cron: looks",))
    sensors = [("host/a.log", 5, [made], judged, ""), ("host/b.log", 0, [], None, "exit code 2: no source")]
    assert render.docker(sensors).splitlines()[4:] == [
        "| host/a.log | 5 | malicious | 3/4 (75%) | 2/4 (50%) | 1/4 (25%) | - | B1 |",
        "| host/b.log: exit code 2: no source | - | - | - | - | - | - | - |",
        "",
        "- decisions right: 4/5 (80%) of all episodes a hunter sees, on 1 sensors",
        "- host/a.log: decisions right: 4/5 (80%)",
        "- host/a.log: wrong: benign: suspicious high cron: looks",
    ]


def test_public_samples_are_counted_by_label_and_level() -> None:
    counts = {"none": 1, "info": 0, "low": 2, "medium": 0, "high": 3, "critical": 0}
    text = render.public({"weak": counts}, {"x.json": ["low odd"]}, {"y.log": ["high bad"]}, {"z": "exit code 1: oh"})
    assert text.splitlines()[2:] == [
        "| label | none | info | low | medium | high | critical |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| weak | 1 | 0 | 2 | 0 | 3 | 0 |",
        "",
        "- x.json (labelled as a whole): low odd",
        "- false alarm in y.log: high bad",
        "- not scanned: z: exit code 1: oh",
    ]
