from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.sources.logfmt import parse, unquote


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ('time="2026" level=debug msg="Calling GET /a"', {"time": "2026", "level": "debug", "msg": "Calling GET /a"}),
        (r'msg="a \"b\" \\ \n\t" k=', {"msg": 'a "b" \\ \n\t', "k": ""}),
        (r'msg="\xd0\xb8 \u0438 \U0001f600 \xff"', {"msg": "и и 😀 \ufffd"}),
        (r'msg="\ud800 \U00110000"', {"msg": "\ufffd \ufffd"}),
        ("request-url=/v1.51/info", {"request-url": "/v1.51/info"}),
        ('msg="cut off', None),
        ("no pairs here", None),
        ('msg="a"b=c', None),
        ("", None),
        ("=", None),
    ],
)
def test_reads_pairs(text: str, pairs: dict[str, str] | None) -> None:
    assert parse(text) == pairs


@given(st.text())
def test_never_raises(text: str) -> None:
    parse(text)
    unquote(text)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters='"\\')))
def test_a_quoted_value_comes_back(text: str) -> None:
    assert parse(f'k="{text}"') == {"k": text}
