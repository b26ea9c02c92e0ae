"""What a verdict covers, when it applies, and what breaks it. Whole scans are in tests/cli/test_verdict.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import factories
import msgspec
import pytest
from factories import AT, UNTIL, finding, looked_at

from tidewaiter.findings.judge import Judgement
from tidewaiter.model import Finding, Link, Ruling, Shape, Verdict
from tidewaiter.triage import (
    PARTS,
    Left,
    Triaged,
    from_line,
    left,
    live,
    never_teaches,
    part_phrase,
    raised,
    rule_on,
    shape,
    signs,
    sway,
    triaged,
)
from tidewaiter.wording import LANGUAGES, Wording

EN = Wording("en")
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
READ = Link(
    at=UNTIL,
    activity="9c1d",
    origin=factories.origin(),
    technique="T1552.007",
    text="get /api/v1/secrets",
    outcome="answered",
    bits=6.0,
    recogniser="kube-read-secrets@1",
)
JUDGED = finding(rules=("kube-substitute-read@2",), tools=("curl/8.5", "curl/8.6"))


def ruling(judged: Finding = JUDGED, **over: Any) -> Ruling:
    """Give a verdict on a finding: benign, for a month."""
    complete = {"decision": "benign", "by": "ada", "why": "the backup", "at": NOW, "until": LATER}
    kept = {name: over.pop(name) for name in ("revoked", "signs") if name in over}
    return msgspec.structs.replace(rule_on(judged, **{**complete, **over}), **kept)


def test_a_verdict_covers_the_shape_of_its_finding() -> None:
    assert shape(JUDGED) == Shape(
        actor=factories.actor(),
        plane="kubernetes",
        kinds=("nodes", "pods"),
        namespaces=("*",),
        tools=("curl",),
        networks=("10.42.3.0/24",),
        rules=("kube-substitute-read",),
        techniques=("T1613",),
        scope="everything",
        level="high",
        chained=False,
    )


def test_a_verdict_says_what_was_judged_and_by_whom() -> None:
    assert ruling() == Ruling(
        schema="tidewaiter.verdict/1",
        id=ruling().id,
        finding="F-3kq9x2m7",
        decision="benign",
        by="ada",
        why="the backup",
        at=NOW,
        until=LATER,
        opens=AT,
        closes=UNTIL,
        covers=shape(JUDGED),
        signs=("kube-substitute-read", "new-kind"),
    )
    assert signs(JUDGED) == ruling().signs
    assert len({ruling().id, ruling(by="bob").id, ruling(at=NOW + timedelta(seconds=1)).id}) == 3


@pytest.mark.parametrize(
    ("over", "gone"),
    [
        ({}, ()),
        ({"id": "F-2", "until": UNTIL + timedelta(days=3), "confidence": 0.2}, ()),
        ({"looked_at": looked_at(kinds=("pods",), requests=9999)}, ()),
        ({"looked_at": looked_at(namespaces=("shop", "prod"), scope="namespace")}, ()),  # all covers each
        ({"tools": ("curl/9.9",), "addresses": ("10.42.3.200",), "rules": (), "level": "low"}, ()),
        ({"rules": ("kube-substitute-read@3",)}, ()),
        (
            {"looked_at": looked_at(kinds=("nodes", "pods", "secrets", "configmaps"))},
            (Left(part="kinds", values=("configmaps", "secrets")),),
        ),
        ({"tools": ("curl/8.5", "kubectl/1.32")}, (Left(part="tools", values=("kubectl",)),)),
        ({"tools": ()}, (Left(part="tools"),)),
        ({"addresses": ("10.42.4.17",)}, (Left(part="networks", values=("10.42.4.0/24",)),)),
        ({"addresses": ("2001:db8::1",)}, (Left(part="networks", values=("2001:db8::/48",)),)),
        ({"addresses": ("a name",)}, (Left(part="networks", values=("a name",)),)),
        ({"addresses": ()}, (Left(part="networks"),)),
        ({"rules": ("kube-offensive-tool@1",)}, (Left(part="rules", values=("kube-offensive-tool",)),)),
        ({"techniques": ("T1069", "T1613")}, (Left(part="techniques", values=("T1069",)),)),
        ({"level": "critical"}, (Left(part="level", values=("critical",)),)),
        (
            {"chain": (READ,)},
            (Left(part="techniques", values=("T1552.007",)), Left(part="chained")),
        ),
        ({"chain": (msgspec.structs.replace(READ, bits=0.0),)}, ()),  # a habit
        (
            {"chain": (msgspec.structs.replace(READ, outcome="refused"),)},
            (Left(part="techniques", values=("T1552.007",)),),
        ),
    ],
)
def test_what_leaves_a_shape(over: dict[str, Any], gone: tuple[Left, ...]) -> None:
    assert left(shape(JUDGED), msgspec.structs.replace(JUDGED, **over)) == gone


@pytest.mark.parametrize(
    ("over", "gone"),
    [
        ({"namespaces": ("shop",), "scope": "one"}, ()),
        ({"namespaces": ("shop", "prod")}, (Left(part="namespaces", values=("prod",)),)),
        (
            {"namespaces": ("*",), "scope": "everything"},
            (Left(part="namespaces", values=("*",)), Left(part="scope", values=("everything",))),
        ),
    ],
)
def test_what_leaves_a_narrow_shape(over: dict[str, Any], gone: tuple[Left, ...]) -> None:
    narrow = finding(looked_at=looked_at(namespaces=("shop",), scope="namespace"))
    wide = {"namespaces": ("shop",), "scope": "namespace", **over}
    assert left(shape(narrow), msgspec.structs.replace(narrow, looked_at=looked_at(**wide))) == gone


def test_verdicts_apply_from_the_newest_on_until_they_expire_or_are_revoked() -> None:
    older, newer = ruling(), ruling(at=NOW + timedelta(hours=1))
    revoked = ruling(by="bob", revoked=NOW)
    assert live([older, revoked, newer], NOW) == (newer, older)
    assert live([older], LATER - timedelta(seconds=1)) == (older,)
    assert live([older], LATER) == ()


def applied(found: Finding, *rulings: Ruling, now: datetime = NOW) -> Triaged:
    return triaged([found], rulings, live(rulings, now), EN)


@pytest.mark.parametrize("decision", ["expected", "benign"])
def test_a_covered_finding_is_set_apart(decision: Any) -> None:
    said = ruling(decision=decision)
    verdict = Verdict(decision=decision, by="ada", why="the backup", id=said.id, until=LATER)
    covered = msgspec.structs.replace(JUDGED, verdict=verdict)
    assert applied(JUDGED, said) == Triaged(shown=(), covered=(covered,), verdicts=1)


@pytest.mark.parametrize("decision", ["suspicious", "malicious"])
def test_a_finding_that_a_person_suspects_stays_shown(decision: Any) -> None:
    said = ruling(decision=decision, why="")
    verdict = Verdict(decision=decision, by="ada", why="no reason was given", id=said.id, until=LATER)
    assert applied(JUDGED, said) == Triaged(
        shown=(msgspec.structs.replace(JUDGED, verdict=verdict),), covered=(), verdicts=0
    )


@pytest.mark.parametrize(
    "said",
    [
        ruling(revoked=NOW),
        ruling(finding(actor=factories.actor(name="shop/db"))),
        ruling(finding(actor=factories.actor(via="console"))),
        ruling(finding(plane="host")),
    ],
    ids=["revoked", "another actor", "through another", "another plane"],
)
def test_what_a_verdict_is_not_about(said: Ruling) -> None:
    said = msgspec.structs.replace(said, signs=())
    assert applied(JUDGED, said) == Triaged(shown=(JUDGED,), covered=(), verdicts=0)


def test_an_expired_verdict_hides_nothing() -> None:
    assert applied(JUDGED, ruling(signs=()), now=LATER) == Triaged(shown=(JUDGED,), covered=(), verdicts=0)


def test_breaking_out_is_shown_and_explained() -> None:
    said = ruling()
    outside = msgspec.structs.replace(
        JUDGED, id="F-new", addresses=("203.0.113.9",), looked_at=looked_at(kinds=("pods", "secrets"))
    )
    done = applied(outside, msgspec.structs.replace(said, signs=()))
    why = (
        f"Verdict {said.id} (benign, until 2026-12-24 09:00:00 UTC) does not cover this; outside of its shape: "
        "kinds secrets; networks 203.0.113.0/24.\nIn 41 days of history it never read this kind: nodes."
    )
    explanation = factories.explanation(why=why)
    assert done == Triaged(shown=(msgspec.structs.replace(outside, explanation=explanation),), covered=(), verdicts=0)


def test_each_of_two_verdicts_covers_its_own_shape_only() -> None:
    """Kinds of the one from networks of the other are neither."""
    other = finding(id="F-o", looked_at=looked_at(kinds=("secrets",)), addresses=("192.0.2.1",), rules=JUDGED.rules)
    first, second = ruling(), ruling(other, at=NOW + timedelta(hours=1))
    done = triaged([JUDGED, other], [first, second], live([first, second], NOW), EN)
    assert ([one.verdict.id for one in done.covered], done.verdicts) == ([first.id, second.id], 2)
    mixed = msgspec.structs.replace(other, id="F-m", addresses=JUDGED.addresses)
    (shown,) = applied(mixed, first, second).shown
    assert [line.partition(" (")[0] for line in shown.explanation.why.split("\n")[:2]] == [
        f"Verdict {second.id}",
        f"Verdict {first.id}",
    ]


def test_the_newest_of_the_verdicts_that_cover_decides() -> None:
    first, second = ruling(), ruling(decision="suspicious", by="bob", at=NOW + timedelta(hours=1))
    (shown,) = applied(JUDGED, first, second).shown
    assert (shown.verdict.decision, shown.verdict.by) == ("suspicious", "bob")
    again = ruling(at=NOW + timedelta(hours=2))
    assert [one.verdict.id for one in applied(JUDGED, first, second, again).covered] == [again.id]


EARLIER = finding(id="F-e", from_=AT - timedelta(days=2), until=UNTIL - timedelta(days=2), addresses=("192.0.2.1",))


def test_after_malicious_activity_older_verdicts_hide_nothing() -> None:
    benign = ruling(signs=())
    malicious = ruling(EARLIER, decision="malicious", why="stolen token", at=NOW + timedelta(hours=1), signs=())
    (shown,) = applied(JUDGED, benign, malicious).shown
    assert shown.explanation.why.split("\n")[:2] == [
        (
            "What this actor did from 2026-11-21 02:14:07 UTC on was judged malicious by ada "
            f"(F-e, verdict {malicious.id}: stolen token). What it does since is judged one level higher."
        ),
        f"Verdict {benign.id} (benign) covered this before its actor was judged malicious; it does no longer.",
    ]
    since = ruling(at=NOW + timedelta(hours=2), signs=())
    assert [one.verdict.id for one in applied(JUDGED, benign, malicious, since).covered] == [since.id]


@pytest.mark.parametrize(
    ("level", "decision", "higher", "graver"),
    [
        ("info", "benign", "low", "suspicious"),
        ("high", "suspicious", "critical", "suspicious"),
        ("critical", "malicious", "critical", "malicious"),
        ("low", "expected", "medium", "suspicious"),
    ],
)
def test_what_a_malicious_actor_does_later_is_graver(level: Any, decision: Any, higher: Any, graver: Any) -> None:
    judged = Judgement(level=level, confidence=0.5, decision=decision, bits=6.0, headline="plain")
    after = msgspec.structs.replace(judged, level=higher, decision=graver)
    malicious = ruling(EARLIER, decision="malicious")
    assert raised(judged, factories.episode(), [malicious]) == after
    through = factories.episode(actor=factories.actor(via="console"))
    assert raised(judged, through, [malicious]) == after
    for episode, said in (
        (factories.episode(), ruling(EARLIER)),  # benign
        (factories.episode(), ruling(JUDGED, decision="malicious")),  # the very episode
        (factories.episode(actor=factories.actor(name="shop/db")), malicious),
        (factories.episode(opens=EARLIER.from_), malicious),
    ):
        assert raised(judged, episode, [said]) == judged


def test_malicious_activity_never_teaches_also_when_the_verdict_expired() -> None:
    rows = [("service-account|kubernetes|shop/web|", "kubernetes", AT, UNTIL)]
    malicious = ruling(decision="malicious")
    assert list(never_teaches([ruling(), malicious, ruling(decision="malicious", revoked=NOW)])) == rows
    assert live([malicious], LATER) == ()


def judged_before(number: int, decision: str, *names: str) -> Ruling:
    return ruling(finding(id=f"F-{number}"), decision=decision, signs=names)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([], (0.0, 0, 0)),
        ([("benign", "new-kind")], (-0.07, 1, 0)),  # 0.2 * -1/3
        ([("malicious", "new-kind")], (0.07, 0, 1)),
        ([("benign", "new-kind"), ("malicious", "new-kind")], (0.0, 1, 1)),
        ([("benign", "breadth")], (0.0, 0, 0)),  # another sign
        ([("suspicious", "new-kind")], (0.0, 0, 0)),  # decided nothing
        ([("benign", "new-kind"), ("malicious", "kube-substitute-read")], (0.0, 1, 1)),
        ([("expected", "new-kind")] * 98, (-0.2, 98, 0)),  # the most: 0.2 * -98/100
        ([("malicious", "new-kind", "kube-substitute-read")] * 2, (0.1, 0, 2)),
    ],
)
def test_the_history_of_verdicts_sways_confidence(history: list[tuple[str, ...]], expected: Any) -> None:
    assert sway(JUDGED, [judged_before(at, *said) for at, said in enumerate(history)]) == expected


def test_each_finding_counts_once_and_not_for_itself() -> None:
    early, late = judged_before(1, "benign", "new-kind"), judged_before(1, "malicious", "new-kind")
    late = msgspec.structs.replace(late, at=NOW + timedelta(hours=1))
    assert sway(JUDGED, [late, early]) == (0.07, 0, 1)
    assert sway(JUDGED, [ruling()]) == (0.0, 0, 0)
    assert sway(JUDGED, [msgspec.structs.replace(early, revoked=NOW)]) == (0.0, 0, 0)


def test_a_changed_confidence_is_explained() -> None:
    (shown,) = applied(JUDGED, judged_before(1, "benign", "new-kind"), now=LATER).shown
    assert (shown.confidence, shown.level) == (0.86, "high")
    assert shown.explanation.why.split("\n")[1:] == [
        EN.many("triage.history", 1, harmless=1, malicious=0, before=93, after=86)
    ]
    sure = msgspec.structs.replace(JUDGED, confidence=0.99)
    assert applied(sure, judged_before(1, "malicious", "new-kind"), now=LATER).shown == (sure,)  # as sure as can be


def line(**over: Any) -> bytes:
    return msgspec.json.encode({**msgspec.to_builtins(ruling()), **over})


def test_a_line_is_read_as_it_was_written() -> None:
    assert from_line(line()) == ruling()


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b"not json", "not a verdict: JSON is malformed"),
        (b"[]", "not a verdict: Expected `object`, got `array`"),
        (b"\xff", "not a verdict: JSON is malformed"),
        (line()[:-9], "not a verdict: Input data was truncated"),
        (
            line(schema="tidewaiter.verdict/2"),
            "not a verdict: Invalid enum value 'tidewaiter.verdict/2' - at `$.schema`",
        ),
        (line(id="V-1; rm"), "not a verdict: Expected `str` matching regex"),
        (line(id="V-5c5f24901866\n"), "not a verdict: Expected `str` matching regex"),
        (line(finding="../x"), "not a verdict: Expected `str` matching regex"),
        (line(decision="fine"), "not a verdict: Invalid enum value 'fine' - at `$.decision`"),
        (line(by=""), "not a verdict: Expected `str` of length >= 1 - at `$.by`"),
        (line(by="tidewaiter"), "a verdict that is kept is that of a person, not of tidewaiter"),
        (line(why="x" * 2001), "not a verdict: Expected `str` of length <= 2000 - at `$.why`"),
        (line(until="2026-12-01T00:00:00"), "not a verdict: Expected `datetime` with a timezone component"),
        (line(until="2026-11-24T09:00:00Z"), "it expires before it begins"),
        (line(closes="2026-01-01T00:00:00Z"), "the episode it judges ends before it begins"),
        (line(covers=None), "not a verdict: Expected `object`, got `null` - at `$.covers`"),
        (line().replace(b"the backup", b"\\ud800"), "not a verdict: "),
    ],
)
def test_what_is_no_verdict_says_why(broken: bytes, reason: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are what matters
        from_line(broken)
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("part", PARTS)
def test_every_part_has_words(part: str, language: Any) -> None:
    values = {"scope": ("everything", "namespace"), "level": ("high",)}.get(part, ("x\x1b[2J",))
    said = part_phrase(Left(part=part, values=values), Wording(language))
    assert said.isprintable()
    assert "{" not in said
