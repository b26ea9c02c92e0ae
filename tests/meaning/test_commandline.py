from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest
from command_rows import rows
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewaiter.meaning.commandline import (
    MAX_MEANINGS,
    MAX_NAME,
    MAX_QUOTED,
    SUBCOMMAND_WORDS,
    TOOL_WORDS,
    quote,
    read_command,
)
from tidewaiter.model import Meaning

ROWS = rows()


def _meaning(text: str) -> Meaning:
    """Read one line of the table; the model refuses a verb or scope that there is not."""
    verb, kind, scope, *words = text.split()
    fields: dict[str, Any] = {"verb": verb, "kind": kind, "scope": None if scope == "-" else scope}
    traits = []
    for word in words:
        key, equals, value = word.partition("=")
        if word.startswith("+"):
            traits.append(word[1:])
        elif equals and key in {"ns", "name"}:
            fields["namespace" if key == "ns" else key] = value
        else:
            fields["tool"] = word
    return msgspec.convert({**fields, "traits": tuple(traits)}, Meaning)


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_a_command_line_means(row: dict[str, Any]) -> None:
    expected = tuple(_meaning(text) for text in row["expect"])
    assert read_command(row["argv"], exe=row["exe"]) == expected


def test_names_of_the_table_are_unique() -> None:
    names = [row["name"] for row in ROWS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", [row for row in ROWS if row["expect"]], ids=lambda row: row["name"])
def test_a_filter_over_words_loses_nothing(row: dict[str, Any]) -> None:
    argv = row["argv"]
    programs = [argv[0], row["exe"] or ""]
    bases = [program.replace("\\", "/").rpartition("/")[2].removeprefix("-").lower() for program in programs]
    by_name = any(base.startswith(word) for base in bases for word in TOOL_WORDS)
    assert by_name or not SUBCOMMAND_WORDS.isdisjoint(argv)


@given(st.lists(st.text(), max_size=12), st.none() | st.text())
def test_any_arguments_are_read_without_an_error(argv: list[str], exe: str | None) -> None:
    assert len(read_command(argv, exe=exe)) <= MAX_MEANINGS


WORDS = st.sampled_from(
    [
        "docker",
        "ps",
        "inspect",
        "kubectl",
        "get",
        "po",
        "exec",
        "web",
        "--",
        "-n",
        "-aq",
        "sudo",
        "env",
        "A=B",
        "xargs",
        "sh",
        "-c",
        "curl",
        "--unix-socket",
        "/run/docker.sock",
        "http://d/info",
        "ssh",
        "h",
        "timeout",
        "5",
        "k3s",
        "su",
        "flock",
    ]
)


@given(st.lists(WORDS | st.text(max_size=3), max_size=14))
def test_any_mixture_of_known_words_is_read_without_an_error(argv: list[str]) -> None:
    found = read_command(argv)
    assert len(found) <= MAX_MEANINGS
    assert all(
        meaning.name is None or (len(meaning.name) <= MAX_NAME and meaning.name.isprintable()) for meaning in found
    )


PIECES = st.sampled_from(
    [
        "docker ps",
        " inspect ",
        "$(",
        ")",
        "`",
        "'",
        '"',
        "|",
        ";",
        "&&",
        "\n",
        "\\",
        "$x",
        "${y:-z",
        "{a,b}",
        "for c in ",
        "do ",
        "xargs docker ",
        "| sh",
        "<<EOF",
        "<<<",
        "$'\\x",
        " x=",
        "eval ",
        "sh -c ",
        "echo ",
        "base64 -d",
        "> /dev/tcp/h/2375",
    ]
)


@settings(deadline=None)
@given(st.lists(PIECES | st.text(max_size=2), max_size=60).map("".join))
def test_any_shell_string_is_read_without_an_error(text: str) -> None:
    assert len(read_command(["sh", "-c", text])) <= MAX_MEANINGS


MEGABYTE = 1_000_000
HOSTILE = {
    "quotes": ["sh", "-c", "'\"" * (MEGABYTE // 2)],
    "substitutions": ["sh", "-c", "$(" * (MEGABYTE // 2)],
    "backticks": ["sh", "-c", "`" * MEGABYTE],
    "commands": ["sh", "-c", "docker ps;" * (MEGABYTE // 10)],
    "open braces": ["sh", "-c", "${a-" + "x" * 60_000],
    "commas in braces": ["sh", "-c", "{" + "," * 60_000],
    "doubling variables": ["sh", "-c", "A=" + "x" * 4000 + ";docker inspect " + "$A" * 20_000],
    "eval chain": ["sh", "-c", "eval " * 5000 + "docker ps"],
    "sudo chain": [*["sudo"] * 100_000, "docker", "ps"],
    "flags": ["docker", "ps", "-" + "a" * MEGABYTE],
    "words": ["docker", "ps", *["-a"] * 100_000],
    "kinds": ["kubectl", "get", ",".join(["all"] * 100_000)],
    "path": ["curl", "--unix-socket", "/run/docker.sock", "http://d/" + "../" * 300_000],
    "code": ["python3", "-c", "/" * MEGABYTE],
    "spaces in code": ["python3", "-c", "base64 " + "exec" + " " * 60_000],
    "calls in code": ["python3", "-c", "import kubernetes; " + "list_" * 12_000],
    "quotes in code": ["awk", 'getline"' * 8000],
    "assignments": ["powershell", "-c", "$a=" * 20_000],
    "brackets": ["powershell", "-c", "x (" * 20_000],
    "quotes of powershell": ["powershell", "-c", "'\"`" * 20_000],
    "loops of cmd": ["cmd", "/c", "for /f " * 9000],
    "carets": ["cmd", "/c", "^" * MEGABYTE],
    "percents": ["cmd", "/c", "%a" * 30_000],
    "path of a file": ["cat", "/docker" * 100_000],
    "files": ["cat", *["/var/log/pods"] * 100_000],
    "globs": ["sh", "-c", "cat /" + "*/" * 30_000 + "docker"],
    "commands of find": ["find", "/", *["-exec", "find"] * 3000],
    "ports": ["nmap", "-p", "2375-" * 20_000],
    "number": ["curl", "http://" + "0" * 5000 + "/"],
    "digits": ["1" * MEGABYTE + "x", "ps"],
}


@pytest.mark.parametrize("argv", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_command_line_comes_to_an_end(argv: list[str]) -> None:
    begin = time.process_time()
    assert len(read_command(argv)) <= MAX_MEANINGS
    assert len(quote(argv)) <= MAX_QUOTED
    assert time.process_time() - begin < 2  # seconds; each takes under 0.1 alone


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["docker", "ps", "-a"], "docker ps -a"),
        (["sh", "-c", "docker ps; id"], "sh -c 'docker ps; id'"),
        (["echo", "a\nb\x1b[31m"], r"echo 'a\nb\x1b[31m'"),
        (["echo", "имя"], "echo 'имя'"),
        (["echo", "\u202egnp"], r"echo '\u202egnp'"),
        ([], ""),
        (["x" * 3000], "x" * 1999 + "…"),
    ],
)
def test_a_command_is_quoted_as_one_line(argv: list[str], text: str) -> None:
    assert quote(argv) == text


def test_what_a_name_holds_is_made_harmless() -> None:
    found = read_command(["docker", "inspect", "a\x1b[31m\ud800" + "b" * 300])
    assert found == (
        Meaning(verb="get", kind="containers", scope="one", name="a\ufffd[31m\ufffd" + "b" * 249, tool="docker"),
    )
