"""Finds the command behind programs that only run another one: `sudo -u x`, `timeout 5`, `ssh host`, `sh -c '…'`.

What the wrappers are, and how their own options look, is data: `packs/vocabulary/wrappers.yml`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

import msgspec

from tidewaiter.meaning.cmd_shell import as_posix
from tidewaiter.meaning.options import MAX_WORDS, take_option
from tidewaiter.meaning.powershell import started_by
from tidewaiter.meaning.setting import LISTED, UNKNOWN
from tidewaiter.meaning.vocabulary import load


class Wrapper(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a wrapper holds the command it runs; the keys are told at the top of the table."""

    values: str = ""
    skip: int = 0
    skip_unless: str = ""  # options without which one word (a user) comes first
    after: str = ""
    assignments: bool = False
    script: str = ""
    joined: bool = False
    none: bool = False  # without a script option it runs nothing that is on its command line
    applet: str = ""
    script_first: bool = False  # the first word is a shell string
    pairs: str = ""  # options that take two values
    after_option: str = ""  # the option behind which the command comes
    traits: str = ""
    void: str = ""  # options with which it runs nothing
    optional: str = ""  # long options that take a value only behind "="
    fed: bool = False
    replace: str = ""
    placeholder: str = ""
    until: str = ""  # words that end the command
    tunnels: str = ""  # options that forward a port or a socket
    slash: str = ""  # options of cmd.exe after which the command comes, perhaps in the same word
    slashes: bool = False  # its own options begin with a slash; an empty word may stand first (a title)
    dialect: str = ""  # a language other than a POSIX shell's: cmd, powershell, start-process
    shell: bool = False


class Peeled(NamedTuple):
    """What is behind a wrapper: a command, or a shell string."""

    words: tuple[str, ...] = ()
    script: str | None = None
    traits: tuple[str, ...] = ()
    variables: Mapping[str, str] = {}
    tunnels: tuple[str, ...] = ()
    lines: bool = False  # what flows in takes the place of one word, a line at a time (xargs -I)
    reads_input: bool = False  # a shell that runs what flows into it


@cache
def wrappers() -> dict[str, Wrapper]:
    """Give every wrapper by its program name."""
    table = msgspec.convert(load("wrappers.yml"), dict[str, Wrapper])
    return {name: wrapper for names, wrapper in table.items() for name in names.split()}


def is_assignment(word: str) -> bool:
    """Tell whether a word sets a variable for the command that follows."""
    name, equals, _ = word.partition("=")
    return bool(equals) and name.isidentifier() and name.isascii()


def peel(program: str, words: Sequence[str], *, fed_by_listing: bool = False) -> Peeled | None:
    """Take one wrapper off; `words` are those behind its name. None when it runs nothing that can be seen."""
    wrapper = wrappers()[program]
    words = words[:MAX_WORDS]
    if wrapper.shell:
        return _shell(wrapper, words)
    if wrapper.dialect == "start-process":
        return Peeled(tuple(started_by(words)))
    return _Peeling(wrapper, words, LISTED if fed_by_listing else UNKNOWN).result()


@cache
def _split(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _shell(wrapper: Wrapper, words: Sequence[str]) -> Peeled | None:
    """Read a shell's own words: `-c STRING`, a script file, or standard input."""
    values, at, commanded = _split(wrapper.values), 0, False
    while at < len(words) and words[at][:1] in {"-", "+"} and len(words[at]) > 1:
        word = words[at]
        at += 1
        if word == "--":
            break
        if word in values:
            at += 1
        elif not word.startswith("--") and word.startswith("-") and "c" in word[:16]:
            commanded = True
    if commanded:
        return Peeled(script=words[at], traits=("in-shell",)) if at < len(words) else None
    if at < len(words) and words[at] != "-":
        return Peeled(words=tuple(words[at:]))  # a script that may bear a tool's name
    return Peeled(reads_input=True, traits=("in-shell",))


class _Peeling:
    """The state of taking one wrapper off."""

    def __init__(self, wrapper: Wrapper, words: Sequence[str], feed: str) -> None:
        self.wrapper, self.words, self.feed = wrapper, list(words), feed
        self.script: str | None = None
        self.void = False
        self.variables: dict[str, str] = {}
        self.tunnels: list[str] = []
        self.placeholder = wrapper.placeholder
        self.named = False  # an option of `skip_unless` was seen

    def result(self) -> Peeled | None:
        """Give what is behind the wrapper; None when that is nothing."""
        wrapper = self.wrapper
        start = self._start()
        at = len(self.words) if start is None else self._options(start)
        if self.void or (wrapper.applet and self.words[at : at + 1] not in self._applets()):
            return None
        skip = wrapper.skip + (1 if wrapper.skip_unless and not self.named else 0)
        rest = self.words[at + skip :]
        if skip and not self.script:  # flock FILE -c '…', su NAME -c '…': options again, behind the skipped words
            rest = self._later(rest)
        rest = [] if wrapper.none or self.script is not None else self._fed(self._until(rest))
        if rest and (wrapper.joined or wrapper.script_first):
            self.script, rest = " ".join(rest[:1] if wrapper.script_first else rest), []
        if not rest and self.script is None and not self.tunnels:
            return None
        script = self.script if self.script is None or wrapper.dialect != "cmd" else as_posix(self.script)
        traits = (*wrapper.traits.split(), *self._script_traits())
        return Peeled(tuple(rest), script, traits, self.variables, tuple(self.tunnels), bool(self.placeholder))

    def _script_traits(self) -> tuple[str, ...]:
        in_shell = self.script is not None and self.wrapper.script and not self.wrapper.assignments
        return ("in-shell",) if in_shell else ()

    def _applets(self) -> list[list[str]]:
        return [[name] for name in self.wrapper.applet.split()]

    def _start(self) -> int | None:
        """Find where the wrapper's options begin: at once, behind a `/c`, or behind the words of `after`."""
        if self.wrapper.slashes:
            return next((at for at, word in enumerate(self.words) if word and word[0] != "/"), None)
        if self.wrapper.after_option:
            return next((at + 1 for at, word in enumerate(self.words) if word == self.wrapper.after_option), None)
        if not self.wrapper.slash:
            return 0
        for at, word in enumerate(self.words):
            if word[:2].lower() in self.wrapper.slash.split():  # `/c docker ps`, `/cdocker ps`
                if len(word) > 2:  # noqa: PLR2004 - a slash and a letter
                    self.words.insert(at + 1, word[2:])
                return at + 1
        return None

    def _options(self, at: int) -> int:
        """Go over options, assignments and the words of `after`; give the position behind them."""
        waiting = self.wrapper.after.split()
        at = self._run_of_options(at)
        for word in waiting:
            if at >= len(self.words) or self.words[at] not in word.split("|"):
                self.void = True
                return at
            at = self._run_of_options(at + 1)
        return at

    def _run_of_options(self, at: int) -> int:
        wrapper = self.wrapper
        values = _split(f"{wrapper.values} {wrapper.script}") - _split(wrapper.optional)
        while at < len(self.words):
            word = self.words[at]
            if word == "--":
                return at + 1
            if word[:1] == "-" and (len(word) > 1 or wrapper.script):
                at = self._option(at, values)
            elif wrapper.assignments and is_assignment(word):
                name, _, self.variables[name] = word.partition("=")
                at += 1
            else:
                break
        return at

    def _option(self, at: int, values: frozenset[str]) -> int:
        wrapper = self.wrapper
        if self.words[at] in wrapper.pairs.split():
            return at + 3
        found, after = take_option(self.words, at, values)
        for name, value in found:
            if name in wrapper.script.split():
                self.script = value
            elif name in wrapper.tunnels.split():
                self.tunnels.append(value)
            elif name in wrapper.replace.split():
                self.placeholder = value or "{}"
            self.named = self.named or name in wrapper.skip_unless.split()
            self.void = self.void or name in wrapper.void.split()
        return after

    def _later(self, rest: list[str]) -> list[str]:
        """Read options that stand behind the skipped words (flock, su, ssh)."""
        own = Wrapper(values=self.wrapper.values, script=self.wrapper.script) if self.wrapper.script else None
        if self.wrapper.skip > 1 and own is not None:  # su: anything may come before -c
            marks = own.script.split()
            at = next((place for place, word in enumerate(self.words) if word in marks), None)
            self.script = self.words[at + 1] if at is not None and at + 1 < len(self.words) else None
            return []
        if own is not None and rest and rest[0] in own.script.split() and len(rest) > 1:
            self.script = rest[1]
            return []
        if rest[:1] == ["--"]:
            return rest[1:]
        return rest[next((at for at, word in enumerate(rest) if not word.startswith("-")), len(rest)) :]

    def _until(self, rest: list[str]) -> list[str]:
        ends = self.wrapper.until.split()
        return rest[: next((at for at, word in enumerate(rest) if word in ends), len(rest))] if ends else rest

    def _fed(self, rest: list[str]) -> list[str]:
        """Put what comes from standard input into the command."""
        if not self.wrapper.fed or not rest:
            return rest
        if self.placeholder and any(self.placeholder in word for word in rest):
            return [word.replace(self.placeholder, self.feed, 4) for word in rest]
        return [*rest, self.feed]
