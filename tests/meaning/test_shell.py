from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.meaning.shell import MAX_COMMANDS, Part, Simple, parse, unescape


def _flat(text: str) -> list[list[list[str]]]:
    """Give pipelines of commands of words, with `$name` and `$(command)` for what is expanded later."""
    marks = {"text": "{}", "variable": "${}", "command": "$({})"}
    return [
        [
            ["".join(marks[part.kind].replace("{}", part.text) for part in word) for word in simple.words]
            for simple in pipeline
        ]
        for pipeline in parse(text)
    ]


@pytest.mark.parametrize(
    ("text", "pipelines"),
    [
        ("", []),
        ("a b", [[["a", "b"]]]),
        ("  a\t b  ", [[["a", "b"]]]),
        ("a; b", [[["a"]], [["b"]]]),
        ("a&&b||c", [[["a"]], [["b"]], [["c"]]]),
        ("a & b", [[["a"]], [["b"]]]),
        ("a\nb", [[["a"]], [["b"]]]),
        ("a | b |& c", [[["a"], ["b"], ["c"]]]),
        ("'a b'", [[["a b"]]]),
        ('"a $b"', [[["a $b"]]]),
        ("d''oc\"k\"er", [[["docker"]]]),
        (r"\docker p\s", [[["docker", "ps"]]]),
        ("do\\\ncker", [[["docker"]]]),
        (r'"a\"b\n"', [[[r'a"b\n']]]),
        ("''", [[[""]]]),
        ("$(a b) `c`", [[["$(a b)", "$(c)"]]]),
        ("$(a $(b) ')')x", [[["$(a $(b) ')')x"]]]),
        ("$x ${y} ${z:-w} ${v#p}", [[["$x", "$y", "w", "$v"]]]),
        ("a$", [[["a$"]]]),
        ("$'\\x64\\157\\tc'", [[["do\tc"]]]),
        ("a >x 2>&1 <y b", [[["a", "b"]]]),
        ("a 2>x", [[["a"]]]),
        ("a 2 >x", [[["a", "2"]]]),
        ("a &>x", [[["a"]]]),
        ("(a; b)", [[["a"]], [["b"]]]),
        ("a # b\nc", [[["a"]], [["c"]]]),
        ("a#b", [[["a#b"]]]),
        ("diff <(a) >(b)", [[["diff", "$(a)", "$(b)"]]]),
        ("'a", [[["a"]]]),
        ('"a', [[["a"]]]),
        ("$(a", [[["$(a)"]]]),
        ("${a", [[["$?"]]]),
        ("cat <<E\nx\nE\nb", [[["cat"]], [["b"]]]),
    ],
)
def test_a_string_is_taken_apart(text: str, pipelines: list[list[list[str]]]) -> None:
    assert _flat(text) == pipelines


def test_redirections_are_kept_apart() -> None:
    word = (Part("text", "a", quoted=False),)
    assert parse("a <<< 'x y' >/dev/tcp/h/1") == [
        (Simple((word,), (Part("text", "x y", quoted=True),), ((Part("text", "/dev/tcp/h/1", quoted=False),),)),)
    ]


def test_a_here_document_belongs_to_the_command_before_it() -> None:
    first, second = parse("sh <<-'E'\n\tdocker ps\n\tE\nid")
    assert first[0].given == (Part("text", "docker ps", quoted=True),)
    assert second[0].given is None


@pytest.mark.parametrize(
    ("text", "plain"),
    [(r"\x64\x6f", "do"), (r"\144", "d"), (r"a\nb", "a\nb"), (r"\u0064", "d"), (r"\ud800", "\ufffd"), (r"\q", r"\q")],
)
def test_escapes_are_decoded(text: str, plain: str) -> None:
    assert unescape(text) == plain


@given(st.text(alphabet="ab '\"\\$`(){};|&<>\n#=", max_size=200))
def test_any_string_is_taken_apart(text: str) -> None:
    assert sum(map(len, parse(text))) <= MAX_COMMANDS
