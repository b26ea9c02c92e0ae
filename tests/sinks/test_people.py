import re
from pathlib import Path
from typing import Any

import documents
import factories
import pytest
from golden import check_golden
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewaiter.sinks.document import Context, document
from tidewaiter.sinks.people import body, title
from tidewaiter.wording import LANGUAGES, Language, Wording

GOLDEN = Path(__file__).parent / "golden"
EN = Wording("en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_message(language: Language) -> None:
    words, context = Wording(language), Context(link="https://watch.example/findings/{id}")
    text = "".join(
        f"{title(findings, words, context)}\n\n{body(findings, words, context).decode()}\n{'=' * 20}\n"
        for findings in ([documents.CHAIN], [documents.HOST], documents.REAL)
    )
    check_golden(GOLDEN / f"people.{language}.txt", text)


@pytest.mark.parametrize(
    ("updates", "decision", "by", "said"),
    [
        ((), "suspicious", "tidewaiter", "HIGH: x"),
        (("F-3kq9x2m7",), "suspicious", "tidewaiter", "HIGH, there is more: x"),
        (("F-3kq9x2m7",), "benign", "olga", "HIGH, judged to be nothing: x"),
    ],
)
def test_titles(updates: tuple[str, ...], decision: str, by: str, said: str) -> None:
    made = document(factories.finding(headline="x", verdict=factories.verdict(decision=decision, by=by)))
    assert title([made], EN, Context(updates=frozenset(updates))) == said


def test_what_is_expected_is_not_to_be_stopped() -> None:
    made = document(factories.finding(verdict=factories.verdict(decision="expected")))
    assert "How to stop it" not in body([made], EN, Context()).decode()


def test_many_reasons_are_counted() -> None:
    made = document(factories.finding(explanation=factories.explanation(why="a\nb\na\nc\nd\ne\nf")))
    assert "- a\n- b\n- c\n- d\n- and 2 more\n" in body([made], EN, Context()).decode()


@given(st.lists(documents.hostile(), min_size=1, max_size=2), st.sampled_from(LANGUAGES))
@settings(max_examples=30)
def test_whatever_a_log_holds_a_message_is_text_that_nothing_obeys(
    findings: list[dict[str, Any]], language: Language
) -> None:
    words = Wording(language)
    text = body(findings, words, Context()).decode()
    for said in (text.replace("\n", ""), title(findings, words, Context())):
        assert not documents.controls(said)
        assert not {"<", ">"} & set(said)
        assert "](" not in said
        assert not re.search(r"https?://|@(everyone|here|channel|all)\b", said, re.IGNORECASE)
    assert all(one["id"] in text for one in findings)
