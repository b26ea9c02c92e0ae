from __future__ import annotations

import shlex

import pytest

from tidewaiter.meaning.options import Option, parse, take_option
from tidewaiter.meaning.tools import grammars

VALUES = frozenset({"-n", "-o", "--name", "--long"})


@pytest.mark.parametrize(
    ("line", "options", "after"),
    [
        ("--name x y", [("--name", "x")], 2),
        ("--name=x y", [("--name", "x")], 1),
        ("--name", [("--name", "")], 2),
        ("--flag y", [("--flag", "")], 1),
        ("--flag=no y", [("--flag", "no")], 1),
        ("-n x y", [("-n", "x")], 2),
        ("-nx y", [("-n", "x")], 1),
        ("-n=x y", [("-n", "x")], 1),
        ("-aq y", [("-a", ""), ("-q", "")], 1),
        ("-aqn x", [("-a", ""), ("-q", ""), ("-n", "x")], 2),
        ("-aqnx", [("-a", ""), ("-q", ""), ("-n", "x")], 1),
        ("-w=true", [("-w", "")], 1),
    ],
)
def test_an_option_is_read_with_its_value(line: str, options: list[Option], after: int) -> None:
    assert take_option(line.split(), 0, VALUES) == (options, after)


def test_a_long_option_may_have_one_dash_where_the_tool_says_so() -> None:
    assert take_option(["-long", "x"], 0, VALUES, single_dash=True) == ([("--long", "x")], 2)
    assert take_option(["-long", "x"], 0, VALUES) == ([("-l", ""), ("-o", "ng")], 1)


@pytest.mark.parametrize(
    ("line", "path", "names", "inner"),
    [
        ("docker ps -a", "ps", (), ()),
        ("docker -H x container ls", "container ls", (), ()),
        ("docker inspect -f x a b", "inspect", ("a", "b"), ()),
        ("docker inspect -- -a", "inspect", ("-a",), ()),
        ("docker exec -it -u r c sh -c x", "exec", ("c",), ("sh", "-c", "x")),
        ("docker exec c -- ls", "exec", ("c",), ("ls",)),
        ("docker run --name n i ls -a", "run", ("i",), ("ls", "-a")),
        ("docker compose -p a ps", "compose ps", (), ()),
        ("kubectl -n a get pods -o json b", "get", ("pods", "b"), ()),
        ("kubectl exec p -n a -- ls -l", "exec", ("p",), ("ls", "-l")),
        ("kubectl exec p ls", "exec", ("p",), ("ls",)),
        ("kubectl run p --image=i -- a b", "run", ("p",), ("a", "b")),
        ("kubectl __complete get pods x", "get", ("pods",), ()),
    ],
)
def test_words_are_taken_apart(line: str, path: str, names: tuple[str, ...], inner: tuple[str, ...]) -> None:
    program, *words = shlex.split(line)
    invocation = parse(grammars()[program], words)
    assert invocation is not None
    assert (" ".join(invocation.path), invocation.names, invocation.inner) == (path, names, inner)


@pytest.mark.parametrize(
    "line", ["docker", "docker nope", "docker ps --help", "docker ps -h", "docker container", "docker help ps"]
)
def test_what_is_no_command_gives_nothing(line: str) -> None:
    program, *words = line.split()
    assert parse(grammars()[program], words) is None


def test_the_last_of_an_option_counts() -> None:
    invocation = parse(grammars()["kubectl"], ["get", "pods", "-n", "a", "--namespace", "b"])
    assert invocation is not None
    assert invocation.value(("-n", "--namespace")) == "b"
    assert invocation.value(("-x",)) is None
