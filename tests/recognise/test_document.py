from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.errors import RuleError
from tidewaiter.recognise.document import documents

TEXT = """\
# a comment
title: one
detection:
  seen:
    verb: list
    kind|contains:
      - a
      - b
  condition: seen
---
title: two
"""


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ((), 2),
        (("title",), 2),
        (("detection",), 3),
        (("detection", "seen", "kind|contains"), 6),
        (("detection", "seen", "kind|contains", 1), 8),
        (("detection", "condition"), 9),
        (("detection", "nothing", "here"), 3),
        (("nothing",), 2),
    ],
)
def test_line_of_the_deepest_part_that_exists(keys: tuple[str | int, ...], line: int) -> None:
    first, second = documents(TEXT, "x.yml")
    assert first.line(*keys) == line
    assert second.line("title") == 11


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("a: 1\nb: [1\n", "x.yml:3", "not valid YAML"),
        ("a: 1\na: 2\n", "x.yml:2", "'a' stands twice"),
        ("a:\n  b: 1\n  c: 1\n  b: 2\n", "x.yml:4", "'b' stands twice"),
        ("a:\n  - {x: 1}\n  - {x: 1, x: 2}\n", "x.yml:3", "'x' stands twice"),
        ("- a\n", "x.yml:1", "a rule is a mapping"),
        ("1: a\n", "x.yml:1", "a rule is a mapping"),
        ("a: !!python/object:os.system {}\n", "x.yml:1", "could not determine a constructor"),
        ("date: 2026-02-31\n", "x.yml", "not valid YAML"),
        ("a: " + "x" * 1_000_001, "x.yml", "larger than"),
    ],
    ids=["syntax", "twice", "twice below", "twice in a list", "list", "number as key", "python object", "date", "huge"],
)
def test_refused(text: str, where: str, what: str) -> None:
    with pytest.raises(RuleError) as caught:
        list(documents(text, "x.yml"))
    assert caught.value.where == where
    assert what in caught.value.what


def test_an_anchor_that_holds_itself_ends() -> None:
    (found,) = documents("a: &a\n  b: *a\n", "x.yml")
    assert found.line("a", "b") == 2


def test_nothing_and_empty_documents_give_nothing() -> None:
    assert list(documents("---\n---\n# only words\n", "x.yml")) == []


@given(st.text(max_size=60))
def test_any_text_gives_documents_or_a_rule_error(text: str) -> None:
    with suppress(RuleError):
        assert all(document.line() >= 1 for document in documents(text, "x.yml"))
