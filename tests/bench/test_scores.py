from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from bench.scores import (
    Act,
    Case,
    Coverage,
    Decided,
    Found,
    Level,
    Place,
    Row,
    Score,
    Seen,
    Who,
    belongs,
    count_events,
    coverage,
    decisions,
    same_actor,
    score,
    truth,
)

_T0 = datetime(2026, 6, 1, tzinfo=UTC)


def at(hours: float) -> datetime:
    return _T0 + timedelta(hours=hours)


def case(name: str, label: str, start: float, end: float, *, key: str = "", target: str = "") -> Case:
    scenario = key or f"{name}-{label}"
    return Case(f"{scenario}@{start}", scenario, label, frozenset({name} if name else ()), at(start), at(end), target)


def found(
    name: str,
    start: float,
    end: float,
    level: Level = "high",
    *,
    kind: str = "user",
    texts: tuple[str, ...] = (),
    line: int = 1,
) -> Found:
    place = Place(path="dir/log", line=line)
    sightings = tuple(Seen(at=at(start), text=text, origin=place) for text in texts)
    who = Who(kind=kind, name=name)
    return Found(
        id=f"{name}{start}",
        level=level,
        actor=who,
        from_=at(start),
        until=at(end),
        headline="looks",
        sightings=sightings,
    )


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (Who(kind="user", name="ana"), True),
        (Who(kind="user", name="bob"), False),
        (Who(kind="host-user", name="1000"), True),
        (Who(kind="host-user", name="uid 1000"), True),
        (Who(kind="host-user", name="auid=1000"), True),
        (Who(kind="host-user", name="uid 1001"), False),
        (Who(kind="host-user", name="ana1000"), False),
        (Who(kind="unknown", name=""), True),
    ],
)
def test_an_actor_is_known_by_name_or_by_uid(who: Who, expected: bool) -> None:
    assert same_actor(who, case("ana", "benign", 0, 1), {"1000": "ana", "1001": "bob"}) is expected


def test_a_case_without_a_name_is_anybodys() -> None:
    assert same_actor(Who(kind="user", name="zoe"), case("", "benign", 0, 1), {})


@pytest.mark.parametrize(
    ("start", "end", "slack", "expected"),
    [(0, 1, 0, False), (0, 2, 0, True), (2.5, 2.6, 0, True), (3, 9, 0, True), (3.1, 9, 0, False), (3.1, 9, 0.2, True)],
)
def test_a_finding_belongs_to_a_case_it_overlaps(start: float, end: float, slack: float, expected: bool) -> None:
    assert belongs(found("ana", start, end), case("ana", "benign", 2, 3), {}, timedelta(hours=slack)) is expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((), False),
        (("GET /info",), True),
        (("GET /info?a=/b HTTP/1.1",), True),
        (("GET /%69nfo",), True),
        (("GET /v1/info",), False),
        (("GET /images/json", "GET /info"), True),
    ],
)
def test_a_case_with_a_target_needs_a_sighting_of_it(texts: tuple[str, ...], expected: bool) -> None:
    assert belongs(found("ana", 2, 3, texts=texts), case("ana", "benign", 2, 3, target="/info"), {}) is expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ((), "background"),
        (("setup",), "setup"),
        (("setup", "benign"), "benign"),
        (("benign", "malicious"), "malicious"),
    ],
)
def test_malicious_wins_over_innocent_use_by_the_same_actor(labels: tuple[str, ...], expected: str) -> None:
    assert truth(found("ana", 1, 2), [case("ana", label, 1, 2) for label in labels], {}) == expected


_CASES = [
    case("admin", "setup", 0, 1),
    case("ana", "benign", 2, 3, key="daily"),
    case("ana", "benign", 26, 27, key="daily"),
    case("bob", "benign", 30, 31, key="backup"),
    case("eve", "malicious", 40, 41, key="sweep"),
    case("eve", "malicious", 44, 45, key="sweep"),
    case("mal", "malicious", 46, 48, key="slow"),
    case("bob", "malicious", 46, 47, key="stolen"),
]


def test_scenarios_are_scored_with_exact_numbers() -> None:
    findings = [
        found("admin", 0, 1),  # the set-up is nobody's fault
        found("ana", 2, 2.5),  # false, before the split
        found("ana", 26, 26.5, "low"),  # false, but nobody has to look
        found("bob", 30, 30.5, "medium"),  # false
        found("cron", 35, 36, "critical"),  # false: belongs to nobody labelled
        found("eve", 40.5, 44.5, "low", texts=("x",), line=5),
        found("mal", 47, 47.5),
    ]
    made = score(
        findings, _CASES, learn_before=at(24), own_case=lambda seen: "sweep@40" if seen.origin.line == 5 else None
    )
    common = {"after_s": None, "at_latest_s": None, "confirmed": None}
    assert made == Score(
        rows=(
            Row(
                scenario="daily",
                label="benign",
                cases=2,
                hit=2,
                level="high",
                after_s=0,
                at_latest_s=1800,
                confirmed=False,
            ),
            Row(
                scenario="backup",
                label="benign",
                cases=1,
                hit=1,
                level="medium",
                after_s=0,
                at_latest_s=1800,
                confirmed=False,
            ),
            Row(
                scenario="sweep",
                label="malicious",
                cases=2,
                hit=2,
                level="low",
                after_s=1800,
                at_latest_s=16200,
                confirmed=True,
            ),
            Row(
                scenario="slow",
                label="malicious",
                cases=1,
                hit=1,
                level="high",
                after_s=3600,
                at_latest_s=5400,
                confirmed=False,
            ),
            Row(scenario="stolen", label="malicious", cases=1, hit=0, level=None, **common),
        ),
        malicious=3,
        recalled=2,
        recalled_at_floor=1,
        right=1,
        false=2,
        false_at=("medium bob 2026-06-02T06:00:00Z: looks", "critical cron 2026-06-02T11:00:00Z: looks"),
        days=1,
        earlier_false=1,
        earlier_days=1,
        holding=1,
        named=1,
    )
    assert made.precision == pytest.approx(1 / 3)
    assert made.false_per_day == 2


def test_an_innocent_scenario_is_not_blamed_for_a_malicious_one_of_the_same_actor() -> None:
    cases = [case("ana", "benign", 1, 2, key="work"), case("ana", "malicious", 2.1, 3, key="theft")]
    made = score([found("ana", 1.5, 2.5)], cases)
    assert [(row.scenario, row.hit, row.level) for row in made.rows] == [("work", 0, None), ("theft", 1, "high")]
    assert (made.right, made.false, made.precision) == (1, 0, 1.0)


def test_without_findings_there_is_no_precision() -> None:
    made = score([], _CASES)
    assert (made.recalled, made.precision, made.false_per_day) == (0, None, 0)


def test_steps_are_covered_sighted_and_seen() -> None:
    steps = [
        case("ana", "malicious", 1, 1.1, key="s1"),
        case("ana", "malicious", 2, 2.1, key="s2"),
        case("ana", "malicious", 5, 5.1, key="s3"),
        case("bob", "lookalike", 6, 6.1, key="s4"),
        case("bob", "lookalike", 7, 7.1, key="s5"),
    ]
    findings = [found("1000", 1, 3, texts=("docker ps",)), found("bob", 6, 6.1, "low"), found("bob", 7, 7.1, "medium")]
    place = Place(path="log", line=1)
    acts = [Act(at=at(hours), actor=Who(kind="user", name="ana"), origin=place) for hours in (1.05, 5.05, 6.05)]
    assert coverage(findings, steps, {"1000": "ana"}, acts=acts) == [
        Coverage(label="malicious", steps=3, covered=2, covered_at_floor=2, sighted=1, seen=2, missed=("s3@5",)),
        Coverage(label="lookalike", steps=2, covered=2, covered_at_floor=1, sighted=0, seen=0, missed=("s5@7",)),
    ]


def test_events_are_counted_by_the_highest_level_that_sights_them() -> None:
    labels = {("log", 1): "discovery", ("log", 2): "discovery", ("other", 1): "benign"}
    findings = [
        found("a", 1, 2, "low", texts=("x",), line=1),
        found("b", 1, 2, "high", texts=("x",), line=1),
        found("c", 1, 2, "high", texts=("x",), line=9),
    ]
    nothing = {"none": 0, "info": 0, "low": 0, "medium": 0, "high": 0, "critical": 0}
    assert count_events(findings, labels) == {
        "discovery": nothing | {"none": 1, "high": 1},
        "benign": nothing | {"none": 1},
    }


@pytest.mark.parametrize(
    ("actor", "decision", "wrong"),
    [
        ("eve", "malicious", ()),
        ("eve", "suspicious", ()),
        ("eve", "benign", ("malicious: benign high eve 2026-06-01T01:00:00Z: looks",)),
        ("ana", "expected", ()),
        ("ana", "suspicious", ("benign: suspicious high ana 2026-06-01T01:00:00Z: looks",)),
        ("nobody", "benign", ()),
        ("nobody", "malicious", ("background: malicious high nobody 2026-06-01T01:00:00Z: looks",)),
        ("1001", "malicious", ()),
    ],
)
def test_a_decision_is_compared_with_the_label(actor: str, decision: str, wrong: tuple[str, ...]) -> None:
    cases = [case("eve", "malicious", 0, 3), case("ana", "benign", 0, 3)]
    one = msgspec.structs.replace(found(actor, 1, 2), verdict=Decided(decision=decision))
    made = decisions([one], cases, {"1001": "eve"})
    assert (made.episodes, made.right, made.wrong) == (1, 1 - len(wrong), wrong)


def test_what_the_administrator_set_up_is_not_decided_about() -> None:
    made = decisions([found("root", 1, 2)], [case("root", "setup", 0, 3)])
    assert (made.episodes, made.share) == (0, None)


@pytest.mark.parametrize(
    ("lines", "actor", "counted"), [((5,), "eve", (1, 1)), ((5,), "ana", (1, 0)), ((6,), "eve", (0, 0))]
)
def test_a_finding_that_sights_an_attack_has_the_right_actor_or_not(
    lines: tuple[int, ...], actor: str, counted: tuple[int, int]
) -> None:
    attack = case("eve", "malicious", 0, 3)
    findings = [found(actor, 1, 2, texts=("x",), line=line) for line in lines]
    made = score(findings, [attack], own_case=lambda seen: attack.id if seen.origin.line == 5 else None)
    assert (made.holding, made.named) == counted
