from __future__ import annotations

from collections.abc import Sequence

import pytest

from tidewaiter.meaning.script import read_script
from tidewaiter.meaning.setting import LISTED, UNKNOWN, Setting, variable
from tidewaiter.model import Meaning

LISTING = Meaning(verb="list", kind="containers")


def _commands(text: str, setting: Setting | None = None) -> list[list[str]]:
    """Give the commands that a script runs; the program `list` is the one that lists an inventory."""
    seen: list[list[str]] = []

    def run(words: Sequence[str], _setting: Setting) -> list[Meaning]:
        seen.append(list(words))
        return [LISTING] if words[0] == "list" else []

    read_script(text, setting or Setting(), run)
    return seen


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("a b; c", [["a", "b"], ["c"]]),
        ("A=x; $A y", [["x", "y"]]),
        ('A="x y"; $A; "$A"', [["x", "y"], ["x y"]]),
        ("a$IFS-b", [["a", "-b"]]),
        ("a ${IFS}b", [["a", "b"]]),
        ("$N x", [[variable("N"), "x"]]),
        ("a $1", [["a", UNKNOWN]]),
        ("x $(list)", [["list"], ["x", LISTED]]),
        ("x $(list | head -1)", [["list"], ["head", "-1"], ["x", UNKNOWN]]),
        ("x $(list | sort)", [["list"], ["sort"], ["x", LISTED]]),
        ("x $(other)", [["other"], ["x", UNKNOWN]]),
        ("x $(echo y z)", [["echo", "y", "z"], ["x", "y", "z"]]),
        ("A=$(list); x $A", [["list"], ["x", LISTED]]),
        ("for c in $(list); do x $c; done", [["list"], ["x", LISTED]]),
        ("for c in a; do x $c; done", [["x", "a"]]),
        ("for c in a b; do x $c; done", [["x", UNKNOWN]]),
        ("list | while read c; do x $c; done", [["list"], ["x", LISTED]]),
        ("if a; then b; else c; fi", [["a"], ["b"], ["c"]]),
        ("export A=x; $A", [["x"]]),
        ("{a,b,c}", [["a", "b", "c"]]),
        ("/bin/do?ker x", [["docker", "x"]]),
        ("* x", [["*", "x"]]),
        ("A=1 B=2 a", [["a"]]),
        ("echo x > /dev/tcp/h/1", [["echo", "x"], ["/dev/tcp/h/1"]]),
    ],
)
def test_the_commands_of_a_script(text: str, commands: list[list[str]]) -> None:
    assert _commands(text) == commands


def test_a_command_knows_what_surrounds_it() -> None:
    seen: list[Setting] = []

    def run(words: Sequence[str], setting: Setting) -> list[Meaning]:
        if words[0] == "x":
            seen.append(setting)
        return [LISTING] if words[0] == "list" else []

    read_script("A=1 x; echo ZG8= | base64 -d | x; list | x", Setting(), run)
    assert seen == [
        Setting(variables={"A": "1"}, depth=1),
        Setting(traits=frozenset({"encoded"}), given="do", depth=1),
        Setting(depth=1, fed_by_listing=True),
    ]


def test_deep_nesting_comes_to_an_end() -> None:
    assert len(_commands("$(" * 50 + "a" + ")" * 50, Setting())) < 50
