# ruff: noqa: RUF001 - Russian looks like Latin here and there
"""Both languages say the same things, and every thing said has words."""

import re
import shlex
import string
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tidewaiter
from tidewaiter.meaning.vocabulary import load
from tidewaiter.recognise.pack import packaged
from tidewaiter.sources.envelope.translated import TRANSLATORS
from tidewaiter.wording import LANGUAGES, Language, Wording
from tidewaiter.wording.catalogue import Template, catalogue, commands, plural_form, titles

PACKAGE = Path(tidewaiter.__file__).parent
FORMS = {"en": {"one", "other"}, "ru": {"one", "few", "many", "other"}}
# Families whose keys are chosen while running: by the kind of an actor, the measure of a surprise, …
FAMILIES = """actor cannot chain confirm contain count.level decision fix gate.learn.left headline innocent label level
means next number own.left own.nothing profile reach reason sign size way why window"""
CHOSEN = tuple(f"{family}." for family in FAMILIES.split())
LITERAL = re.compile(r'(?:say|many)\(\s*"([a-z][a-z0-9.-]+)"')
# A reason is told to the tally as "key" or "key: detail"; it may reach it through a SourceError or a small function.
REASON = re.compile(r'(?:cannot_read\(|reason=)\s*f?"([a-z][a-z-]+)(?=[":])|f?"([a-z][a-z-]+): (?!\w+=)')
SEEN_BLIND = re.compile(r'\.note\("([a-z-]+)"|blind_to=\(([^)]*)\)')
UNDECLARED = {"unexplained"}
REMARKABLE: tuple[dict[str, Any], ...] = ({"logName": "x%2Factivity"}, {"Type": "AKSAuditAdmin"})


def texts(template: Template) -> list[str]:
    return [template] if isinstance(template, str) else list(template.values())


def placeholders(template: Template) -> set[str]:
    return {name for text in texts(template) for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def sources() -> Iterator[tuple[Path, str]]:
    return ((path, path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py")))


def test_both_languages_have_the_same_keys() -> None:
    assert set(catalogue("ru")) == set(catalogue("en"))


@pytest.mark.parametrize("key", sorted(catalogue("en")))
def test_both_languages_have_the_same_placeholders(key: str) -> None:
    english, russian = catalogue("en")[key], catalogue("ru")[key]
    assert isinstance(english, str) == isinstance(russian, str)
    assert placeholders(english) == placeholders(russian)


@pytest.mark.parametrize("language", LANGUAGES)
def test_counted_templates_have_exactly_the_forms_of_the_language(language: Language) -> None:
    counted = {key: set(value) for key, value in catalogue(language).items() if not isinstance(value, str)}
    assert counted == dict.fromkeys(counted, FORMS[language])


@pytest.mark.parametrize("language", LANGUAGES)
def test_templates_are_plain_text(language: Language) -> None:
    for key, template in catalogue(language).items():
        for text in texts(template):
            assert text.isprintable(), key
            assert text, key
            assert all(
                spec == "" and convert is None for _, name, spec, convert in string.Formatter().parse(text) if name
            )


def test_every_question_has_words_and_its_command_names_no_other_value() -> None:
    questions = {key for key in catalogue("en") if key.startswith("next.")}
    assert {key for key in commands() if key.startswith("next.")} <= questions
    assert {key.partition(".")[0] for key in commands()} == {"next", "fix", "open", "innocent", "contain"}


def test_every_fix_opens_something_and_stands_in_one_place() -> None:
    lines = {key for key in commands() if key.startswith("fix.")}
    sentences = {key for key in catalogue("en") if key.startswith("fix.")}
    assert lines & sentences == set()
    assert {key.replace("fix.", "cannot.") for key in lines | sentences} <= set(catalogue("en"))


def test_configuration_lines_have_no_values() -> None:
    assert not [
        key for key in commands() if key.startswith(("fix.", "open.")) and re.search(r"\{\w+\}", commands()[key])
    ]


def test_every_key_that_the_program_says_exists() -> None:
    unknown = [
        f"{path.name}: {key}"
        for path, text in sources()
        for key in LITERAL.findall(text)
        if key not in catalogue("en") and not key.endswith(".")
    ]
    assert unknown == []


def test_no_key_is_left_over() -> None:
    # A family that is chosen from while running may be richer than what is needed today; a single key may not.
    program = "".join(text for _, text in sources())
    assert [
        key
        for key in catalogue("en")
        if not key.startswith((*CHOSEN, "count.classes")) and not re.search(f"[\"']{re.escape(key)}[\"']", program)
    ] == []


def test_every_headline_has_words_and_no_other_has() -> None:
    measures = {name.removeprefix("why.") for name in catalogue("en") if name.startswith("why.new-")}
    measures = {name.partition(".")[0] for name in measures} | {"returned", "breadth", "refusals", "reviews"}
    wanted = {"rule", "plain", "then", *measures, *load("headlines.yml").values()}
    assert {key.removeprefix("headline.") for key in catalogue("en") if key.startswith("headline.")} == wanted


def test_every_reason_for_not_reading_has_words() -> None:
    found = {
        key
        for path, text in sources()
        if path.parent.name in {"sources", "envelope"}
        for pair in REASON.findall(text)
        for key in pair
        if key
    }
    assert {key for key in found if f"reason.{key}" not in catalogue("en")} - {"error", "state"} == set()
    assert {"no-time", "line-too-long", "damaged", "binary", "no-access"} <= found  # the search itself works


def test_everything_an_input_may_not_show_has_words() -> None:
    program = "".join(text for _, text in sources())
    noted = {
        name for one, many in SEEN_BLIND.findall(program) for name in (one, *re.findall(r'"([a-z-]+)"', many)) if name
    }
    noted |= set(re.findall(r'"(no-[a-z]+-source)"', program))
    noted |= {wrapper.remark(seen) for wrapper in TRANSLATORS for seen in REMARKABLE} - {None}
    carried = (by for one in load("envelopes.yml")["json"] for by in one.get("remarks", {}).values())
    noted |= {name for by_value in carried for name in by_value.values()}
    assert {key.removeprefix("cannot.") for key in catalogue("en") if key.startswith("cannot.")} - UNDECLARED == noted


@pytest.mark.parametrize("part", ["innocent", "next"])
def test_every_innocent_reason_and_question_of_the_table_has_words(part: str) -> None:
    word = {"innocent": "say", "next": "ask"}[part]
    assert {f"{part}.{entry[word]}" for entry in load("next.yml")[part]} - set(catalogue("en")) == set()


@pytest.mark.parametrize("entry", load("next.yml")["next"], ids=lambda entry: entry["ask"])
def test_every_question_of_the_table_gets_its_values(entry: dict[str, Any]) -> None:
    key = f"next.{entry['ask']}"
    assert placeholders(catalogue("en")[key]) | placeholders(commands().get(key, "")) <= set(entry)


@pytest.mark.parametrize(
    ("n", "english", "russian"),
    [
        (0, "other", "many"),
        (1, "one", "one"),
        (2, "other", "few"),
        (4, "other", "few"),
        (5, "other", "many"),
        (11, "other", "many"),
        (12, "other", "many"),
        (14, "other", "many"),
        (21, "other", "one"),
        (22, "other", "few"),
        (25, "other", "many"),
        (101, "other", "one"),
        (111, "other", "many"),
        (112, "other", "many"),
        (1004, "other", "few"),
        (-1, "one", "one"),
        (1.0, "other", "other"),
        (2.5, "other", "other"),
    ],
)
def test_plural_forms_are_those_of_cldr(n: float, english: str, russian: str) -> None:
    assert (plural_form("en", n), plural_form("ru", n)) == (english, russian)


@pytest.mark.parametrize(
    ("n", "english", "russian"),
    [(1, "1 day", "1 день"), (3, "3 days", "3 дня"), (40, "40 days", "40 дней"), (1.5, "1.5 days", "1,5 дня"),
     (12345, "12,345 days", "12 345 дней")],
)  # fmt: skip
def test_many(n: float, english: str, russian: str) -> None:
    assert (Wording("en").many("count.days", n), Wording("ru").many("count.days", n)) == (english, russian)


@pytest.mark.parametrize(
    ("value", "english", "russian"),
    [
        ("\x1b[2J", r"\x1b[2J", r"\x1b[2J"),
        ("x" * 300, "x" * 199 + "…", "x" * 199 + "…"),
        (9999, "9999", "9999"),
        (1234567, "1,234,567", "1 234 567"),
        (9.2, "9.2", "9,2"),
        (datetime(2026, 11, 23, 5, 14, 7, tzinfo=timezone(timedelta(hours=3))),) + ("2026-11-23 02:14:07 UTC",) * 2,
        (timedelta(seconds=59), "59 s", "59 с"),
        (timedelta(minutes=2), "2 min", "2 мин"),
        (timedelta(seconds=97), "1 min 37 s", "1 мин 37 с"),
        (timedelta(hours=3, minutes=5), "3 h 5 min", "3 ч 5 мин"),
        (timedelta(days=2, hours=1), "2 d 1 h", "2 дн. 1 ч"),
        (("a", "b\n"), r"a, b\n", r"a, b\n"),
        ((), "", ""),
        (tuple("abcdefghijklmn"), "a, b, c, d, e, f, g, h, i, j, k, l and 2 more",
         "a, b, c, d, e, f, g, h, i, j, k, l и ещё 2"),
    ],
)  # fmt: skip
def test_values_are_shown(value: Any, english: str, russian: str) -> None:
    assert (Wording("en").shown(value), Wording("ru").shown(value)) == (english, russian)


def test_a_value_is_never_a_template() -> None:
    assert Wording("en").say("actor.user", name="{0.__class__}{name}") == "user {0.__class__}{name}"


@pytest.mark.parametrize(
    ("key", "values"), [("no.such.key", {}), ("actor.user", {}), ("count.days", {"n": 1}), ("actor.user", {"nam": "x"})]
)
def test_what_is_missing_is_an_error(key: str, values: dict[str, Any]) -> None:
    with pytest.raises(KeyError):
        Wording("en").say(key, **values)


def test_a_plain_template_does_not_count() -> None:
    with pytest.raises(KeyError):
        Wording("en").many("actor.unknown", 1)


def test_knows() -> None:
    assert [Wording("en").knows(key) for key in ("actor.user", "actor.nobody")] == [True, False]


def test_asks_with_a_command_on_the_second_line() -> None:
    at = datetime(2026, 11, 23, 2, 14, 7, tzinfo=UTC)
    assert Wording("en").ask("host-audit", user="1001", at=at) == (
        "What else did the account 1001 run from 2026-11-23 02:14:07 UTC on?\n"
        "TZ=UTC LC_ALL=C ausearch -i -ua 1001 -ts 11/23/26 02:14:07"
    )


def test_asks_without_a_command() -> None:
    at = datetime(2026, 11, 23, 2, 14, 7, tzinfo=UTC)
    asked = Wording("en").ask("ask-person", actor="user alice", at=at, address="10.0.0.1")
    assert asked == "Ask user alice: was this you, at 2026-11-23 02:14:07 UTC, from 10.0.0.1?"


@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_a_hostile_value_stays_one_argument_of_its_command(hostile: str) -> None:
    question, command = Wording("en").ask("pods-of-account", namespace=hostile, name="web").split("\n")
    assert question.isprintable()
    words = shlex.split(command)
    assert words[:3] == ["kubectl", "get", "pods"]
    assert len(words) == 6
    assert words[3].startswith("--namespace=")


def every_value() -> dict[str, Any]:
    at = datetime(2026, 11, 23, 2, 14, 7, tzinfo=UTC)
    names = {name for key in commands() for name in placeholders(commands()[key])}
    return dict.fromkeys(names, "-x; id") | {"at": at, "until": at}


# Options whose value is a word of its own, so that no dash makes it another option.
VALUED = {"--", "-e", "-ua", "-u", "-Name", "-Identity", "-EQ"}
ADDRESSES = {"contain.block-api", "contain.block-api-ipv6", "contain.block-engine", "contain.block-engine-ipv6"}


@pytest.mark.parametrize("key", sorted(key for key in commands() if key.startswith(("next.", "innocent.", "contain."))))
def test_no_command_takes_a_hostile_value_for_an_option_or_a_second_command(key: str) -> None:
    wording = Wording("en")
    values = every_value() | dict.fromkeys(placeholders(catalogue("en")[key]) - set(every_value()), "x")
    family, _, name = key.partition(".")
    tell = {"next": wording.ask, "innocent": wording.innocent, "contain": wording.contain}[family]
    _, command = tell(name, **values).split("\n")
    words = shlex.split(command)
    if key in ADDRESSES | {"contain.block-web"}:
        return  # filled with what was read as an address only, see findings/circumstances.py
    for position, word in enumerate(words):
        if word == "-x; id":  # a word of its own: an argument after "--", or the value of an option
            named = words[position - 2 : position] == ["--arg", "name"]
            assert named or words[position - 1] in VALUED or "--" in words[:position]


@pytest.mark.parametrize(
    ("name", "quoted"),
    [("o'neil", "'o''neil'"), ("a\u2019b", "'a\u2019\u2019b'"), ("$(id)", "'$(id)'"), ("x\n-y", "'x\\n-y'")],
)
def test_powershell_is_quoted_in_its_own_way(name: str, quoted: str) -> None:
    """Within single quotes PowerShell replaces nothing, and takes typographic quotes for quotes."""
    command = Wording("en").contain("disable-local", account=name).split("\n")[1]
    assert command == f"Disable-LocalUser -Name {quoted}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_says_what_cannot_be_seen(language: Language) -> None:
    wording = Wording(language)
    assert wording.cannot_show("dockerd-no-debug") == catalogue(language)["cannot.dockerd-no-debug"]
    assert wording.fix("dockerd-no-debug") == commands()["fix.dockerd-no-debug"]
    assert wording.fix("no-web-source") == catalogue(language)["fix.no-web-source"]
    assert (wording.cannot_show("some\x07thing-else"), wording.fix("something-else")) == (r"some\x07thing-else", "")


def test_every_packaged_recogniser_has_a_russian_title_and_nothing_else_has() -> None:
    pack = packaged()
    names = {rule.about.name for rule in pack.recognisers} | {rule.about.name for rule in pack.correlations}
    assert set(titles("ru")) == names
    assert Wording("ru").title("host-exec", "x") != "x"
    assert [Wording(language).title("of-a-user", "x") for language in LANGUAGES] == ["x", "x"]
