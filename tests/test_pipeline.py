from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from audit_event import line
from factories import activity, actor, context, occurrence
from rule_text import rule
from whole import DATA, lines, placeless

from tidewaiter import pipeline, rows
from tidewaiter.errors import SourceError
from tidewaiter.hits import rule_words
from tidewaiter.model import Finding, Level
from tidewaiter.pipeline import Read, Report, analyse, intake, scan
from tidewaiter.recognise.pack import Pack, packaged
from tidewaiter.sources.contract import Tally, Unreadable
from tidewaiter.sources.opening import Input
from tidewaiter.store import Store
from tidewaiter.wording import LANGUAGES, Wording

LOG = "scenarios/cluster.audit.jsonl.gz"
EN = Wording("en")


def log(tmp_path: Path) -> str:
    path = tmp_path / "audit.log"
    path.write_bytes(b"".join(lines(LOG)))
    return str(path)


def judged(path: str, **options: Any) -> Report:
    with Store() as store:
        return scan([path], store=store, pack=packaged(), wording=EN, **options)


def brief(found: tuple[Finding, ...]) -> list[tuple[Level, str, str]]:
    return [(one.level, one.actor.name, f"{one.from_:%d %H:%M}") for one in found]


EVERYBODY = [
    ("info", "tomas@dev.example", "01 14:02"),
    ("info", "tomas@dev.example", "02 14:02"),
    ("high", "198.51.100.50", "06 02:17"),
    ("medium", "198.51.100.50", "07 03:33"),
    ("high", "data/batch", "07 05:00"),
    ("high", "default/default", "08 14:41"),
    ("high", "node-2", "08 21:15"),
]


def test_the_whole_way(tmp_path: Path) -> None:
    found = judged(log(tmp_path))
    assert brief(found.findings) == EVERYBODY[2:]
    assert (found.levels, found.hidden, found.problems, found.incomplete) == ({"high": 4, "medium": 1}, 0, (), False)
    (read,) = found.read
    assert (read.path, read.source, read.why) == (log(tmp_path), "kube-audit", "50 of 50 lines")
    tally = read.tally
    assert (tally.records, tally.kept, tally.unreadable) == (517, 513, 0)
    assert (tally.first, tally.last) == (
        datetime(2026, 6, 1, 14, 2, 0, 131770, tzinfo=UTC),
        datetime(2026, 6, 8, 21, 15, 0, 598307, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("options", "expected", "hidden"),
    [
        ({"persona": "hunter"}, EVERYBODY, 0),
        ({"persona": "regular"}, EVERYBODY[2:], 0),
        ({"persona": "quiet"}, EVERYBODY[2:], 0),
        ({"since": datetime(2026, 6, 8, tzinfo=UTC)}, EVERYBODY[5:], 0),
        # Who is not over yet at that time is told whole.
        ({"since": datetime(2026, 6, 7, 20, tzinfo=UTC)}, EVERYBODY[4:], 0),
        ({"until": datetime(2026, 6, 7, 4, tzinfo=UTC)}, EVERYBODY[2:4], 0),
        ({"since": datetime(2026, 6, 6, 2, 18, tzinfo=UTC), "until": datetime(2026, 6, 7, tzinfo=UTC)}, [], 0),
    ],
    ids=["hunter", "regular", "quiet", "since", "since, in the middle", "until", "between"],
)
def test_who_is_told_of(
    options: dict[str, Any], expected: list[tuple[Level, str, str]], hidden: int, tmp_path: Path
) -> None:
    found = judged(log(tmp_path), **options)
    assert (brief(found.findings), found.hidden) == (expected, hidden)
    assert sum(found.levels.values()) == len(expected) + hidden


def test_what_came_before_since_still_teaches(tmp_path: Path) -> None:
    late = datetime(2026, 6, 7, tzinfo=UTC)
    whole, part = judged(log(tmp_path)), judged(log(tmp_path), since=late)
    assert part.findings == tuple(found for found in whole.findings if found.until >= late)


@pytest.mark.parametrize(("persona", "shown", "hidden"), [("quiet", 3, 1), ("regular", 4, 0), ("hunter", 6, 0)])
def test_weaker_findings_are_counted(persona: str, shown: int, hidden: int) -> None:
    found = judged(str(DATA / "auditd" / "raw.log"), persona=persona)
    assert (len(found.findings), found.hidden) == (shown, hidden)


def _put(store: Store, *events: bytes, **options: Any) -> list[Read]:
    path = store.directory / "in.log"
    path.write_bytes(b"".join(events))
    read, problems = intake([str(path)], store=store, pack=packaged(), **options)
    assert problems == []
    return read


def test_a_missing_path_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with Store() as store:
        with pytest.raises(SourceError, match="there is no such file or folder") as caught:
            intake([log(tmp_path), str(tmp_path / "no.log")], store=store, pack=packaged())
        store.settle()
        assert list(store.rows("SELECT * FROM activity")) == []
    assert caught.value.where == str(tmp_path / "no.log")


def test_inputs_that_cannot_be_read_do_not_stop_the_others(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.txt").write_text("nothing that anybody knows\n" * 20)
    (folder / "b.log").write_bytes(b"".join(lines(LOG)))
    (folder / "c.log").write_bytes(b"")
    found = judged(str(folder))
    assert brief(found.findings) == EVERYBODY[2:]
    assert [(Path(item.path).name, item.source) for item in found.read] == [
        ("a.txt", None),
        ("b.log", "kube-audit"),
        ("c.log", None),
    ]
    assert found.incomplete


def _read(source: str | None = "kube-audit", unreadable: int = 0) -> Read:
    tally = Tally("a.log")
    tally.unreadable = unreadable
    return Read(path="a.log", source=source, why="", tally=tally)


@pytest.mark.parametrize(
    ("read", "problems", "incomplete"),
    [
        ([], [], False),
        ([_read()], [], False),
        ([_read(), _read(unreadable=1)], [], True),
        ([_read(), _read(source=None)], [], True),
        ([_read()], [Unreadable(path="b.log", line=0, offset=0, reason="no-access")], True),
    ],
)
def test_incomplete(read: list[Read], problems: list[Unreadable], incomplete: bool) -> None:
    report = Report(findings=(), levels={}, hidden=0, read=tuple(read), problems=tuple(problems))
    assert report.incomplete is incomplete


def test_progress_is_told_of_every_block(tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []

    offsets: list[int] = []

    def show(tally: Tally, item: Input, offset: int) -> None:
        told.append((item.path, tally.records))
        offsets.append(offset)

    path = log(tmp_path)
    judged(path, progress=show, block_size=100_000)
    assert {name for name, _ in told} == {path}
    assert len(told) >= 4
    assert [count for _, count in told] == sorted(count for _, count in told)
    assert told[-1] == (path, 517)
    assert offsets == sorted(offsets)
    assert 0 < offsets[0] < offsets[-1]


def test_old_logs_teach_and_are_not_judged(tmp_path: Path) -> None:
    """The attack of a day that is given as history is no finding, and is not forgotten either."""
    days = [
        b"".join(event for event in lines(LOG) if b'"requestReceivedTimestamp":"2026-06-%02d' % day in event)
        for day in range(1, 9)
    ]
    old, new = tmp_path / "old.log", tmp_path / "new.log"
    old.write_bytes(b"".join(days[:6]))
    new.write_bytes(b"".join(days[6:]))
    with Store() as store:
        found = scan([str(new)], learn=[str(old)], store=store, pack=packaged(), wording=EN)
    assert brief(found.findings) == EVERYBODY[3:]
    assert [Path(item.path).name for item in found.read] == ["old.log", "new.log"]
    # The same as when everything had been given at once.
    assert placeless(found.findings) == placeless(judged(log(tmp_path)).findings)[1:]


def test_a_kept_store_remembers_what_was_read_before(tmp_path: Path) -> None:
    path = Path(log(tmp_path))
    first, second = lines(LOG)[:400], lines(LOG)[400:]
    for part in (first, second, second):
        path.write_bytes(b"".join(part))
        with Store(tmp_path / "state") as store:
            found = scan([str(path)], store=store, pack=packaged(), wording=EN)
    assert brief(found.findings) == EVERYBODY[2:]


def test_sightings_are_the_most_telling_ones_in_the_order_of_time(tmp_path: Path) -> None:
    found = {one.actor.name: one.sightings for one in judged(log(tmp_path)).findings}
    kdigger = found["default/default"]
    assert len(kdigger) == pipeline.SAMPLES
    assert [seen.at for seen in kdigger] == sorted(seen.at for seen in kdigger)
    by_rule = {seen.recogniser.partition("@")[0] for seen in kdigger}
    assert {"kube-rules-review-service-account", "kube-offensive-tool"} <= by_rule
    node = next(seen for seen in found["node-2"] if seen.recogniser == "kube-node-credential-by-person@1")
    assert node.text == "create /apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    assert node.evidence
    assert (node.origin.source, node.origin.path) == ("kube-audit", str(tmp_path / "audit.log"))
    assert lines(LOG)[node.origin.line - 1].find(b"selfsubjectrulesreviews") > 0
    assert sum(map(len, lines(LOG)[: node.origin.line - 1])) == node.origin.offset


def test_templates_may_be_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = judged(log(tmp_path)).findings
    monkeypatch.setattr(rows, "_TEMPLATES", 2)
    assert judged(log(tmp_path)).findings == whole


def test_what_no_rule_speaks_of_is_not_kept() -> None:
    with Store() as store:
        (read,) = _put(store, line(verb="create", objectRef={"resource": "events"}), line(auditID="b"))
        store.settle()
        kept = list(store.rows("SELECT id FROM activity"))
    assert (read.tally.records, len(kept)) == (2, 1)


def test_a_state_outlives_the_rules_it_was_made_with() -> None:
    """After an update a rule may be gone, or have another version: what it said is still told."""
    with Store() as store:
        for number, said in enumerate((("gone@1",), ("kube-list-everything@0",)), 1):
            who = activity(actor=actor(name=f"shop/{number}"))
            store.add_context(context(context=number, a=who, tripwires=said, recognised=(), role="tripwire"))
            store.add([occurrence(context=number, id=str(number))])
        found, _, _ = analyse(store, packaged(), EN, persona="hunter")
    assert [(one.actor.name, one.sightings[0].recogniser) for one in found] == [
        ("shop/1", "gone@1"),
        ("shop/2", "kube-list-everything@0"),
    ]


def test_rules_speak_the_language_of_the_report_or_english() -> None:
    pack = Pack(
        [
            rule(name="a-rule", why={"en": "Why", "ru": "Почему"}, benign=[{"en": "One", "ru": "Один"}]),
            rule(name="b-rule", why={"en": "Why"}, benign=[{"en": "One"}]),
        ]
    )
    found = rule_words(pack, Wording("ru"))
    assert {name: (words.title, words.why, words.benign) for name, words in found.items()} == {
        "a-rule@1": ("A rule", "Почему", ("Один",)),
        "b-rule@1": ("A rule", "Why", ("One",)),
    }


def test_every_packaged_rule_has_words() -> None:
    for language in LANGUAGES:
        words = rule_words(packaged(), Wording(language))
        assert all(item.title and item.why for item in words.values())
        assert len(words) == len(packaged().recognisers) + len(packaged().correlations)


def test_a_missing_path_is_said_before_old_logs_are_read(tmp_path: Path) -> None:
    with Store() as store:
        with pytest.raises(SourceError):
            scan(
                [str(tmp_path / "nothing")], store=store, pack=packaged(), wording=Wording("en"), learn=[log(tmp_path)]
            )
        store.settle()
        assert list(store.rows("SELECT count(*) FROM occurrence")) == [(0,)]
