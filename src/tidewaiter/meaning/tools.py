"""Loads what is known of command line tools: `packs/vocabulary/tools/*.yml`, one file per family of tools.

A tool is a tree of sub-commands. In the tables, words that belong together stand in one string: names and options are
separated by blanks, paths of sub-commands by commas, the words of a path by blanks. The keys are
told in the structs.
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, NamedTuple, cast

import msgspec

from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Verb

MAX_KIND = 253  # a DNS name
RAW_HTTP = "http.yml"  # in the same folder, read by `meaning/raw_http.py`


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sub-command: what it does, and how its arguments are read."""

    does: str  # "verb kind"
    # none, alone (with a name nothing is read), names, first, second, container, image, image-name, pod, copy, command,
    # resources
    args: str = "none"
    bare: str = ""  # the verb when no name is given; without it such a call does nothing
    values: str = ""  # options that take a value
    traits: str = ""  # always stated
    option_traits: dict[str, str] = {}  # option -> trait, beside those of the tool
    unless: str = ""  # options with which it does nothing that matters
    past: str = ""  # options that turn a watch into a reading of the past
    kind_option: str = ""  # options whose value names the kind, by `kinds`
    kinds: dict[str, str] = {}
    name_option: str = ""  # the option that holds the object's name
    split_name: str = ""  # the name ends here, or there is none
    each: str = ""  # the verb to use for named objects, where it is not "get"
    script: str = ""  # options whose value is a command that runs inside
    inner: bool = False  # after `--` comes a command that runs inside
    cluster_wide: bool = False
    silent: bool = False  # does nothing that matters, but must be parsed
    tell: int = 0  # how clearly these words speak of the tool when the program has another name, 0 to 3


class Tool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tool as its table describes it."""

    names: str  # program names; extensions (.exe), versions (-1.29) and folders are taken off before
    aliases: str = ""  # names people give it; too short to be sure
    like: str = ""  # the tool whose commands and properties it shares
    values: str = ""  # global options that take a value
    anywhere: bool | None = None  # global options may stand behind the sub-command, short ones too
    single_dash: bool | None = None  # long options may have one dash
    endpoint: str = ""  # options that name an engine
    server: str = ""  # options that name an API server
    namespace: str = ""
    everywhere: str = ""  # options for all namespaces
    by_namespace: bool | None = None  # a list without more is a list of one namespace
    environment: dict[str, str] = {}  # variable -> the option it stands for
    secure: str = ""  # options that switch TLS on
    terse: str = ""  # options that ask for identifiers only
    template: str = ""  # options whose value is a Go template
    option_traits: dict[str, str] = {}
    optional_words: str = ""  # may stand before any sub-command (gcloud's `beta`)
    mounts: dict[str, str] = {}  # word -> tool whose commands come behind it
    telling: str = ""  # options that few other programs have, or OPTION=VALUE
    all: str = ""
    resources: dict[str, str] = {}
    common_words: str = ""
    commands: dict[str, str | Command] = {}


class Node:
    """A word of a sub-command path, with what may follow."""

    __slots__ = ("children", "command", "mounted")

    def __init__(self) -> None:
        self.children: dict[str, Node] = {}
        self.command: Action | None = None
        self.mounted: Grammar | None = None


class Action(NamedTuple):
    """A command, ready to use."""

    verb: Verb
    kind: str
    command: Command
    values: frozenset[str]  # its own options that take a value and the global ones that may follow it
    traits: frozenset[str]
    past: frozenset[str]
    unless: frozenset[str]


class Grammar(NamedTuple):
    """A tool, ready to use."""

    family: str
    tool: Tool
    root: Node
    values: frozenset[str]
    endpoint: frozenset[str]
    server: frozenset[str]
    namespace: frozenset[str]
    everywhere: frozenset[str]
    secure: frozenset[str]
    terse: frozenset[str]
    template: frozenset[str]
    telling: frozenset[str]
    optional_words: frozenset[str]


@cache
def grammars() -> dict[str, Grammar]:
    """Give every tool by its family name."""
    tools: dict[str, Tool] = {}
    folder = files("tidewaiter").joinpath("packs", "vocabulary", "tools")
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".yml") and entry.name != RAW_HTTP:
            tools.update(msgspec.convert(load(f"tools/{entry.name}"), dict[str, Tool]))
    made: dict[str, Grammar] = {}
    for family in tools:
        _grammar(family, tools, made)
    return made


def _grammar(family: str, tools: dict[str, Tool], made: dict[str, Grammar]) -> Grammar:
    """Build one grammar, and those it takes from, into `made`."""
    if family in made:
        return made[family]
    tool = tools[family]
    if tool.like:
        tool = _merged(_grammar(tool.like, tools, made).tool, tool)
    values = frozenset(tool.values.split())
    root = Node()
    for paths, entry in tool.commands.items():
        command = Command(does=entry) if isinstance(entry, str) else entry
        action = _action(command, tool, values)
        for path in paths.split(","):
            _place(root, path.split(), action)
    for word, other in tool.mounts.items():
        mounted = _grammar(other, tools, made)
        node = Node()
        node.children, node.mounted = mounted.root.children, mounted
        root.children[word] = node
    keys = ("endpoint", "server", "namespace", "everywhere", "secure", "terse", "template", "telling", "optional_words")
    sets = [frozenset(getattr(tool, key).split()) for key in keys]
    made[family] = Grammar(family, tool, root, values, *sets)
    return made[family]


def _merged(base: Tool, own: Tool) -> Tool:
    """Give the tool with what it does not say itself taken from another; sub-commands of both."""
    changes: dict[str, Any] = {}
    for field in Tool.__struct_fields__:
        mine, theirs = getattr(own, field), getattr(base, field)
        if field == "commands":
            changes[field] = {**theirs, **mine}
        elif mine in ("", None, {}):
            changes[field] = theirs
    return msgspec.structs.replace(own, **changes)


def _action(command: Command, tool: Tool, inherited: frozenset[str]) -> Action:
    verb, kind = command.does.split()
    later = inherited if tool.anywhere else {option for option in inherited if option.startswith("--")}
    return Action(
        cast("Verb", verb),  # the table test holds every verb against model.Verb
        kind,
        command,
        frozenset(command.values.split()).union(later),
        frozenset(command.traits.split()),
        frozenset(command.past.split()),
        frozenset(command.unless.split()),
    )


def _place(root: Node, path: list[str], action: Action) -> None:
    """Add an action to the tree `root`."""
    node = root
    for word in path:
        node = node.children.setdefault(word, Node())
    node.command = action


@cache
def resources() -> dict[str, str]:
    """Give every word kubectl accepts for a kind, with the canonical plural."""
    found: dict[str, str] = {}
    for plural, words in grammars()["kubectl"].tool.resources.items():
        for word in (plural, *words.split()):
            found[word] = plural
    return found


def canonical_kind(word: str) -> str:
    """Give the plural of a resource word as kubectl reads it; an unknown one is put in the plural by rule."""
    return _kind(word.lower()) if len(word) <= MAX_KIND else "unknown"


@lru_cache(maxsize=4096)
def _kind(word: str) -> str:
    known = resources()
    if word in known:
        return known[word]
    short = word.partition(".")[0]  # kind.version.group, or a custom resource's full name
    if short in known:
        return known[short]
    if not short.isascii() or not short.replace("-", "").isalnum():
        return "unknown"
    return short if short.endswith("s") else _plural(short)


def _plural(word: str) -> str:
    # The rule of Kubernetes' apimachinery for kinds it does not know (UnsafeGuessKindToResource).
    if word.endswith("y"):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("x", "ch", "sh")) else "s")


@cache
def known_programs() -> frozenset[str]:
    """Give the names of programs that are never taken for a renamed tool."""
    return frozenset(load("programs.yml")["known"].split())


@cache
def tool_names() -> dict[str, str]:
    """Give the family of every program name of a tool."""
    return {name: family for family, grammar in grammars().items() for name in grammar.tool.names.split()}
