"""Reads a shell string command by command: variables, substitutions, pipes. What a command means is asked of `run`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from tidewaiter.meaning.literal import MAX_OUTPUT, Output, output_of
from tidewaiter.meaning.setting import LISTED, UNKNOWN, Setting, variable
from tidewaiter.meaning.shell import Part, Pipeline, Simple, Word, parse
from tidewaiter.meaning.tools import tool_names
from tidewaiter.meaning.wrappers import is_assignment
from tidewaiter.model import Meaning

Run = Callable[[Sequence[str], Setting], list[Meaning]]

MAX_DEPTH = 8  # shells, substitutions and wrappers inside each other
MAX_FIELDS = 4096  # words one command expands to
MAX_VALUE = 4096  # characters of a variable's value
_KEYWORDS = frozenset(
    {"if", "then", "elif", "else", "do", "while", "until", "!", "{", "}", "time", "coproc", "fi", "done", "esac"}
)
_NARROWING = frozenset({"grep", "egrep", "fgrep", "head", "tail", "rg"})  # of a listing they leave a part
_SETTERS = frozenset({"export", "declare", "local", "readonly", "typeset", "set", "alias"})
_NETWORK_FILE = re.compile(r"/dev/tcp/[^/]+/[^/]+")
_POSITIONAL = frozenset("@*0123456789")
_BRACES = re.compile(r"\{([^{}]*+)\}")


class _Flow(NamedTuple):
    """What goes from one command of a pipeline to the next."""

    output: Output | None = None
    listing: bool = False


def read_script(text: str, setting: Setting, run: Run) -> list[Meaning]:
    """Give what every command of a shell string does, in order."""
    script = _Script(setting, run)
    script.all(parse(text))
    return script.found


class _Script:
    """The state of reading one string: its variables, and what was found."""

    def __init__(self, setting: Setting, run: Run) -> None:
        self.setting, self.run = setting._replace(depth=setting.depth + 1), run
        self.variables = dict(setting.variables)
        self.found: list[Meaning] = []
        self.decoded = False  # an expansion undid an encoding
        self.encoded: set[str] = set()  # variables whose value was encoded
        self.aliases: dict[str, str] = {}

    def all(self, pipelines: Sequence[Pipeline]) -> _Flow:
        flow = _Flow()
        if self.setting.depth > MAX_DEPTH:
            return flow
        for pipeline in pipelines:
            flow = _Flow()
            for simple in pipeline:
                flow = self.simple(simple, flow)
        return flow

    def simple(self, simple: Simple, flow: _Flow) -> _Flow:
        """Read one command that gets `flow`; give what it hands on."""
        self.decoded = bool(flow.output and flow.output.decoded)
        words = self.words(simple)
        own = dict(self.variables)
        if words and words[0] in self.aliases:
            words = [*self.aliases[words[0]].split(), *words[1:]]
        for source in simple.sources:  # a file that is read is read, whoever does it
            self.found += self.run(["cat", "".join(self.fields(source))], self.setting)
        if self.sets_variables(words, flow):
            return flow
        while words and is_assignment(words[0]):
            name, _, value = words[0].partition("=")
            own[name] = value[:MAX_VALUE]
            self.encoded |= {name} if self.decoded else set()
            words = words[1:]
        if not words:
            self.variables = own
            return flow
        given = self.given(simple, flow)
        program = words[0].rpartition("/")[2]
        output = output_of(program, words[1:], given)
        if output is not None and self.decoded:
            output = output._replace(decoded=True)
        setting = self.setting._replace(variables=own, given=given, fed_by_listing=flow.listing)
        if self.decoded:
            setting = setting.with_traits("encoded")
        words = [_unglobbed(words[0]), *words[1:]]
        found = self.run(words, setting)
        for target in self.network_files(simple):
            found += self.run([target], setting._replace(given=output.text if output else given))
        self.found += found
        listing = any(meaning.verb == "list" for meaning in found) or (flow.listing and program not in _NARROWING)
        return _Flow(output, listing)

    def words(self, simple: Simple) -> list[str]:
        """Expand the words of a command and take reserved words off its front."""
        words: list[str] = []
        for word in simple.words:
            if len(words) < MAX_FIELDS:
                words += self.fields(word)
        begin = 0
        while begin < len(words) and words[begin] in _KEYWORDS:
            begin += 1
        if words[begin : begin + 1] == ["function"]:
            begin += 2
            begin += words[begin : begin + 1] == ["{"]
        return words[begin:]

    def network_files(self, simple: Simple) -> list[str]:
        """Give the redirections that are connections: bash's `/dev/tcp/HOST/PORT`."""
        targets = ["".join(self.fields(word)) for word in simple.targets]
        return [target for target in targets if _NETWORK_FILE.fullmatch(target)]

    def sets_variables(self, words: list[str], flow: _Flow) -> bool:
        """Take `for NAME in …`, `read NAME…` and `export NAME=…`; true when the command is no more than that."""
        if words[:1] == ["for"] and len(words) > 2:  # noqa: PLR2004 - for NAME in
            values = words[3:]
            value = values[0] if len(values) == 1 else UNKNOWN
            self.variables[words[1]] = LISTED if any(LISTED in word for word in values) else value[:MAX_VALUE]
            return True
        if words[:1] in (["read"], ["mapfile"], ["readarray"]):
            for name in words[1:]:
                self.variables[name] = LISTED if flow.listing else UNKNOWN
            return True
        if words and words[0] in _SETTERS:
            for word in words[1:]:
                if is_assignment(word):
                    name, _, value = word.partition("=")
                    (self.aliases if words[0] == "alias" else self.variables)[name] = value[:MAX_VALUE]
            return True
        return False

    def given(self, simple: Simple, flow: _Flow) -> str | None:
        if simple.given is not None:
            return " ".join(self.fields(simple.given)) if len(simple.given) != 1 else simple.given[0].text
        return flow.output.text if flow.output else None

    def fields(self, word: Word) -> list[str]:
        """Expand one word; an unquoted expansion may make several, or none."""
        fields: list[str] = []
        current, begun = "", False
        assigned = (
            bool(word) and word[0].kind == "text" and is_assignment(word[0].text)
        )  # what is assigned is not split
        for part in word:
            if len(current) > MAX_OUTPUT or len(fields) > MAX_FIELDS:
                break
            # Of `sh -c` without further words these are empty; alone in a word they may hold anything.
            empty = (
                part.kind == "variable"
                and part.text in _POSITIONAL
                and any(other.text for other in word if other != part)
            )
            text = "" if empty else self.text(part)
            if part.kind == "text" or part.quoted or assigned:
                current, begun = current + text, True
                continue
            pieces = self.split(text)
            if text[:1].isspace() and begun:
                fields.append(current)
                current, begun = "", False
            for place, piece in enumerate(pieces):
                if place:
                    fields.append(current)
                    current = ""
                current, begun = current + piece, True
            if text[-1:].isspace() and begun:
                fields.append(current)
                current, begun = "", False
        if begun:
            fields.append(current)
        return _braced(fields, word)

    def split(self, text: str) -> list[str]:
        """Split what an expansion gave at the characters of IFS."""
        marks = self.variables.get("IFS")
        return text.split() if marks is None or not marks.strip() else re.split(f"[{re.escape(marks)}\\s]+", text)

    def text(self, part: Part) -> str:
        if part.kind == "text":
            return part.text
        if part.kind == "variable":
            if part.text == "IFS":
                return " "
            if part.text in {"@", "*"} or part.text.isdecimal():
                return UNKNOWN
            self.decoded = self.decoded or part.text in self.encoded
            return self.variables.get(part.text, variable(part.text))
        return self.substituted(part.text)

    def substituted(self, text: str) -> str:
        """Read the command of a substitution; give its output, or the mark of one that is not known."""
        if not text.strip():
            return ""
        inner = _Script(self.setting._replace(variables=self.variables, fed_by_listing=False, given=None), self.run)
        flow = inner.all(parse(text))
        self.found += inner.found
        if flow.output is not None:
            self.decoded = self.decoded or flow.output.decoded
            return flow.output.text.rstrip("\n")
        return LISTED if flow.listing else UNKNOWN


def _braced(fields: list[str], word: Word) -> list[str]:
    """Expand `{a,b}` where the whole word is one, as in `{docker,ps,-a}`."""
    if len(fields) == 1 and len(word) == 1 and not word[0].quoted and (found := _BRACES.fullmatch(fields[0])):
        pieces = [piece for piece in found[1].split(",") if piece]
        return pieces if len(pieces) > 1 else fields
    return fields


def _unglobbed(word: str) -> str:
    """Give the tool a pattern such as `/usr/bin/do?ker` stands for; other words as they are."""
    name = word.rpartition("/")[2]
    letters = sum(letter.isalpha() for letter in name)
    if letters < 2 or len(name) > 64 or not any(mark in name for mark in "?*["):  # noqa: PLR2004 - no tool's pattern
        return word
    return next((tool for tool in tool_names() if len(tool) >= letters and fnmatchcase(tool, name)), word)
