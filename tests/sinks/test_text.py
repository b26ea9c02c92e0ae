"""The text of findings and summary, as golden files: 100 columns, no colour, both languages. Read what changes."""

import re
from datetime import UTC, datetime
from pathlib import Path

import factories
import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.model import LEVELS, Decision, Explanation, Finding, Level
from tidewaiter.sinks.summary import SetAside, SourceSummary, Summary, Unread
from tidewaiter.sinks.text import render, render_finding, wants_colour
from tidewaiter.wording import LANGUAGES, Language, Wording
from tidewaiter.wording.phrases import actor_phrase, surprise_phrase, what_sentences

GOLDEN = Path(__file__).parent / "golden"
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=400)


def worded(finding: Finding, words: Wording, *, innocent: tuple[str, ...], asked: tuple[str, ...]) -> Explanation:
    return Explanation(
        what=what_sentences(
            words,
            finding.actor,
            finding.looked_at,
            opens=finding.from_,
            closes=finding.until,
            addresses=finding.addresses,
            tools=finding.tools,
        ),
        why="\n".join(surprise_phrase(words, surprise) for surprise in finding.surprises)
        or words.say("why.tripwire", title="a general tool speaks to the engine's socket"),
        innocent=tuple(words.innocent(key, namespace="shop", user="shop:web") for key in innocent),
        next=asked,
        means=words.say("means.found-token"),
        contain=(
            words.contain("stop-pods", namespace="shop", name="web"),
            words.contain("disable-person", name="ana"),
        ),
    )


def sweep(words: Wording) -> Finding:
    """A service account that reads widely, with everything a finding can hold."""
    finding = factories.finding(
        headline=words.say("headline.sweep", actor=actor_phrase(words, factories.actor())),
        surprises=(
            factories.surprise(),
            factories.surprise(
                measure="breadth", observed="9 in 10min", usual="2 in 10min", peers="3 in 10min", bits=6.5
            ),
        ),
        chain=(
            factories.link(what=words.say("chain.secrets"), times=3),
            factories.link(
                what=words.say("chain.exec"),
                technique="T1609",
                text="create /api/v1/namespaces/shop/pods/db-0/exec?command=sh",
                actor=factories.actor(kind="user", name="bob@dev.example"),
                shared="address",
                outcome="refused",
                prior=1,
                recogniser="kube-exec@1",
            ),
        ),
        sightings=tuple(
            factories.sighting(text=f"list /api/v1/{kind}?limit=500", origin=factories.origin(line=181 + number))
            for number, kind in enumerate(("pods", "nodes", "services", "endpoints", "events", "secrets"))
        ),
    )
    return factories.finding(
        **{name: getattr(finding, name) for name in ("headline", "surprises", "chain", "sightings")},
        explanation=worded(
            finding,
            words,
            innocent=("backup", "new-operator", "broken-controller"),
            asked=(
                words.ask("pod-by-address", address="10.42.3.17"),
                words.ask("pods-of-account", namespace="shop", name="web"),
                words.ask("show", id=finding.id),
            ),
        ),
    )


def hostile(words: Wording) -> Finding:
    """An anonymous client that tries to write on the terminal, with little known about it."""
    actor = factories.actor(kind="anonymous", name="192.0.2.7")
    text = "GET /containers/json?all=1\x1b[2J\x1b]0;all is well\x07\u202e\r\nHIGH nothing to see " + "A" * 300
    return factories.finding(
        id="F-9zz1",
        level="critical",
        confidence=1.0,
        headline=words.say("headline.anonymous-read", actor=actor_phrase(words, actor)),
        actor=actor,
        until=factories.AT,
        tools=("curl/8.5\n\x1b[31m",),
        looked_at=factories.looked_at(kinds=("containers",), namespaces=(), requests=1, answered=1, refused=0),
        surprises=(),
        sightings=(factories.sighting(text=text, origin=factories.origin(path="proxy\x1b[1m.log", line=7)),),
        explanation=Explanation(
            what="",
            why=words.say("why.public", address="192.0.2.7"),
            innocent=(words.say("innocent.health-check"),),
            next=(words.ask("same-address", address="192.0.2.7; rm -rf ~", path="-proxy.log"),),
        ),
    )


def host(words: Wording) -> Finding:
    """A host account at the engine's socket, with a plain verdict."""
    actor = factories.actor(kind="host-user", name="uid 33", realm="web1", via="root")
    return factories.finding(
        id="F-0a1b2c",
        techniques=("T1059.013", "T1613"),
        level="low",
        confidence=0.4,
        headline=words.say("headline.raw-socket", actor=actor_phrase(words, actor)),
        actor=actor,
        addresses=(),
        looked_at=factories.looked_at(
            kinds=("containers", "images"), namespaces=(), scope="one", requests=2, answered=0, refused=2
        ),
        surprises=(),
        sightings=(factories.sighting(text="curl --unix-socket /run/docker.sock http://x/containers/json"),),
        explanation=Explanation(
            what="",
            why=words.many("why.learning", 2),
            innocent=(words.say("innocent.admin-on-host"),),
            next=(words.ask("host-audit", user="33", at=factories.AT),),
        ),
        verdict=factories.verdict(decision="benign"),
    )


def summary() -> Summary:
    first, last = datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 23, 11, 59, 58, tzinfo=UTC)
    return Summary(
        sources=(
            SourceSummary(source="auditd", files=1, records=912, kept=0),
            SourceSummary(source="kube-audit", files=3, records=1_234_567, kept=98_765, first=first, last=last),
        ),
        unreadable=5,
        places=(
            Unread(path="audit.log", line=181, reason="not-an-event: JSON is malformed (byte 12)"),
            Unread(path="audit.log", line=182, reason="line-too-long: more than 33554432 bytes"),
            Unread(path="old.gz", line=1, reason="cut-short: gzip data ends too early"),
            Unread(path="old.gz", line=9, reason="no-time"),
        ),
        set_aside=(
            SetAside(path="logo.png", reason="binary: PNG image"),
            SetAside(path="notes\x1b[2J.txt", reason="unknown-format"),
        ),
        blind=("auditd-no-connect", "engine-no-caller", "nul-gap", "no-web-source"),
        findings_by_level={"critical": 1, "high": 1, "low": 1},
        hidden=4,
    )


CASES = {"sweep": sweep, "hostile": hostile, "host": host}


@pytest.mark.parametrize(
    ("summary", "told"),
    [
        (
            Summary(covered=1, verdicts=1),
            (
                "Beyond what your verdicts cover nothing looked around, as far as these inputs can show.\n"
                "1 finding covered by your verdicts (1 verdict); tidewaiter verdict list --state DIR names them.\n"
            ),
        ),
        (
            Summary(covered=7, verdicts=2, findings_by_level={"low": 1}, hidden=3),
            (
                "1 finding: 1 low.\n"
                "3 weaker findings are not shown; --persona hunter shows them.\n"
                "7 findings covered by your verdicts (2 verdicts); tidewaiter verdict list --state DIR names them.\n"
            ),
        ),
    ],
)
def test_what_verdicts_hide_is_counted(summary: Summary, told: str) -> None:
    assert told in "".join(render((), summary, colour=False, wording=Wording("en")))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", CASES)
def test_finding(name: str, language: Language) -> None:
    words = Wording(language)
    check_golden(GOLDEN / f"{name}.{language}.txt", render_finding(CASES[name](words), colour=False, wording=words))


@pytest.mark.parametrize("language", LANGUAGES)
def test_summary(language: Language) -> None:
    words = Wording(language)
    text = "".join(render((), summary(), colour=False, wording=words))
    check_golden(GOLDEN / f"summary.{language}.txt", text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_found_and_nothing_read(language: Language) -> None:
    words = Wording(language)
    check_golden(GOLDEN / f"nothing.{language}.txt", "".join(render((), Summary(), colour=False, wording=words)))


def test_findings_come_before_the_summary_which_names_the_first() -> None:
    words = Wording("en")
    pieces = list(render([sweep(words), host(words)], summary(), colour=False, wording=words))
    assert pieces[:2] == [render_finding(found(words), colour=False, wording=words) for found in (sweep, host)]
    assert len(pieces) == 3
    assert "Next: tidewaiter show F-3kq9x2m7 --state DIR" in pieces[2]


def test_findings_are_asked_for_one_by_one() -> None:
    words = Wording("en")
    asked: list[str] = []

    def findings() -> object:
        for name in ("first", "second"):
            asked.append(name)
            yield host(words)

    next(render(findings(), summary(), colour=False, wording=words))  # type: ignore[arg-type] # a generator
    assert asked == ["first"]


def test_shows_three_sightings_or_all() -> None:
    words = Wording("en")
    few = render_finding(sweep(words), colour=False, wording=words)
    full = render_finding(sweep(words), colour=False, wording=words, all_sightings=True)
    assert "What was seen (the first 3 of 6)\n" in few
    assert "audit.log:186" not in few
    assert "What was seen\n" in full
    assert "audit.log:186" in full


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("level", LEVELS)
def test_colour_adds_nothing_but_colour(level: Level, language: Language) -> None:
    words = Wording(language)
    finding = factories.finding(level=level)
    plain = "".join(render([finding], summary(), colour=False, wording=words))
    painted = "".join(render([finding], summary(), colour=True, wording=words))
    assert painted != plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == plain
    assert words.say(f"level.{level}") in plain


@pytest.mark.parametrize(
    ("terminal", "environment", "wanted"),
    [
        (True, {}, True),
        (True, {"TERM": "xterm", "NO_COLOR": ""}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
        (False, {}, False),
    ],
)
def test_wants_colour(terminal: bool, environment: dict[str, str], wanted: bool) -> None:
    assert wants_colour(terminal=terminal, environment=environment) is wanted


@given(ANYTHING, st.integers(1, 200), st.sampled_from(LANGUAGES))
def test_nothing_a_log_holds_reaches_the_terminal_as_it_is(text: str, width: int, language: Language) -> None:
    words = Wording(language)
    finding = factories.finding(
        id=text,
        headline=text,
        actor=factories.actor(name=text, via=text or None),
        addresses=(text,),
        tools=(text,),
        chain=(
            factories.link(what=text, text=text, technique=text, recogniser=text, origin=factories.origin(path=text)),
            factories.link(actor=factories.actor(name=text), shared="container"),
        ),
        techniques=(text,),
        looked_at=factories.looked_at(kinds=(text,), namespaces=(text,), scope="namespace"),
        sightings=(factories.sighting(text=text, recogniser=text, origin=factories.origin(path=text)),),
        explanation=factories.explanation(why=text, innocent=(text,), next=(text,)),
        verdict=factories.verdict(by=text, why=text),
    )
    told = Summary(
        sources=(SourceSummary(source=text, files=1, records=1, kept=1),),
        unreadable=1,
        places=(Unread(path=text, line=1, reason=text),),
        set_aside=(SetAside(path=text, reason=text),),
        blind=(text,),
    )
    shown = "".join(render([finding], told, width=width, colour=False, wording=words))
    assert shown.replace("\n", "").isprintable()


@given(st.text("abc -/", max_size=300), st.integers(40, 200))
def test_no_line_is_wider_than_the_page_but_commands(text: str, width: int) -> None:
    finding = factories.finding(headline=text, explanation=factories.explanation(why=text, innocent=(text,), next=()))
    shown = render_finding(finding, width=width, colour=False, wording=Wording("en"))
    assert max(map(len, shown.splitlines())) <= width


def test_a_command_stays_on_one_line() -> None:
    command = "kubectl get pods --all-namespaces " + "--field-selector=status.podIP=10.42.3.17 " * 5
    finding = factories.finding(explanation=factories.explanation(next=(f"Which pod?\n{command.strip()}",)))
    assert f"\n  - Which pod?\n      {command.strip()}\n" in render_finding(
        finding, colour=False, wording=Wording("en")
    )


@pytest.mark.parametrize(
    ("decision", "told"), [("expected", False), ("benign", False), ("suspicious", True), ("malicious", True)]
)
def test_how_to_stop_it_is_told_of_what_should_be_stopped(decision: Decision, told: bool) -> None:
    words = Wording("en")
    finding = factories.finding(verdict=factories.verdict(decision=decision))
    assert ("kubectl delete pods" in render_finding(finding, colour=False, wording=words)) is told
