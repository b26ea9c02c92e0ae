"""Takes a command's words apart: sub-commands, options with their values, names, and a command behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tidewaiter.meaning.tools import Action, Grammar, Node

MAX_WORDS = 4096  # words of one command that are looked at
MAX_WORD = 4096  # characters of a word that are looked at as an option
COMPLETE = frozenset({"__complete", "__completeNoDesc"})  # cobra's completion commands (docker, kubectl, podman, helm)

Option = tuple[str, str]  # name and value; the value of a flag is ""


class Invocation(NamedTuple):
    """A tool's words, taken apart."""

    grammar: Grammar
    action: Action
    path: tuple[str, ...]
    options: tuple[Option, ...]
    names: tuple[str, ...]
    inner: tuple[str, ...]  # the command that runs inside
    completing: bool

    def value(self, wanted: frozenset[str] | Sequence[str]) -> str | None:
        """Give the value of the last of these options, None when there is none of them."""
        found = None
        for name, value in self.options:
            if name in wanted:
                found = value
        return found


def take_option(
    words: Sequence[str], at: int, values: frozenset[str], *, single_dash: bool = False
) -> tuple[list[Option], int]:
    """Read the option at `at`, with its value in the same or the next word; give it and the next position."""
    word = words[at][:MAX_WORD]
    following = words[at + 1] if at + 1 < len(words) else ""
    if single_dash and not word.startswith("--") and "-" + word.partition("=")[0] in values:
        word = "-" + word
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        if equals or name not in values:
            return [(name, value)], at + 1
        return [(name, following)], at + 2
    if word in values and len(word) > 2:  # noqa: PLR2004 - a long option with one dash (find, ip)
        return [(word, following)], at + 2
    found: list[Option] = []
    for place in range(1, len(word)):
        letter = "-" + word[place]
        if letter not in values:
            found.append((letter, ""))
            if word[place + 1 : place + 2] == "=":  # `-w=true`: pflag accepts a flag's value so
                break
            continue
        joined = word[place + 1 :]
        if joined:
            return [*found, (letter, joined.removeprefix("="))], at + 1
        return [*found, (letter, following)], at + 2
    return found, at + 1


def parse(grammar: Grammar, words: Sequence[str]) -> Invocation | None:
    """Take apart the words behind a tool's name; None when they ask for help or name no known sub-command."""
    walk = _Walk(grammar)
    words = words[:MAX_WORDS]
    at = 0
    while at < len(words):
        word = words[at]
        if word == "--" and walk.node.command is not None:
            walk.after_dashes(words[at + 1 :])
            break
        if word != "--" and word[:1] == "-" and len(word) > 1:
            found, at = take_option(words, at, walk.values, single_dash=bool(walk.grammar.tool.single_dash))
            walk.options += found
            if walk.wants_help(found):
                return None
            continue
        at += 1
        if not walk.begun and word in COMPLETE:
            walk.completing = True
            words = words[:-1]  # the last word is the one being completed
        elif word == "--" or walk.descend(word):
            continue
        elif walk.node.command is None:
            return None
        elif walk.take_name(word):
            walk.inner = tuple(words[at:])
            break
    return walk.result()


class _Walk:
    """The state of one parse."""

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self.node: Node = grammar.root
        self.values = grammar.values
        self.path: list[str] = []
        self.options: list[Option] = []
        self.names: list[str] = []
        self.inner: tuple[str, ...] = ()
        self.completing = False
        self.walking = True

    @property
    def begun(self) -> bool:
        return bool(self.path) or bool(self.names)

    def descend(self, word: str) -> bool:
        """Follow a sub-command word, if it is one."""
        child = self.node.children.get(word) if self.walking else None
        if child is None and not self.path and word in self.grammar.optional_words:
            return True
        if child is None:
            self.walking = False
            return False
        self.node = child
        self.path.append(word)
        if child.mounted is not None:
            self.grammar = child.mounted
            self.values = child.mounted.values
        if child.command is not None:
            self.values = child.command.values
        return True

    def take_name(self, word: str) -> bool:
        """Keep a word that is no option; true when a command that runs inside comes next."""
        self.names.append(word)
        action = self.node.command
        mode = action.command.args if action else ""
        wanted = {"container": 1, "image": 1, "command": 1, "image-name": 2}.get(mode)
        return wanted is not None and len(self.names) == wanted

    def after_dashes(self, words: Sequence[str]) -> None:
        action = self.node.command
        if action is not None and action.command.inner:
            self.inner = tuple(words)
        elif action is not None and action.command.args in {"container", "image"} and words:
            self.names.append(words[0])
            self.inner = tuple(words[1:])
        else:
            self.names += words

    def wants_help(self, found: list[Option]) -> bool:
        return any(name == "--help" or (name == "-h" and name not in self.values) for name, _ in found)

    def result(self) -> Invocation | None:
        action = self.node.command
        if action is None:
            return None
        inner = self.inner[1:] if self.inner[:1] == ("--",) else self.inner
        names = self.names
        if action.command.args == "command":
            names, inner = [], (*self.names, *inner)
        if action.command.inner and not inner and action.command.args == "pod" and action.verb == "exec":
            names, inner = names[:1], tuple(names[1:])  # `kubectl exec POD COMMAND`, the old form without dashes
        return Invocation(
            self.grammar, action, tuple(self.path), tuple(self.options), tuple(names), inner, self.completing
        )
