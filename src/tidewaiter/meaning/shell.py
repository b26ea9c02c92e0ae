"""Takes a shell string apart into pipelines of simple commands, as POSIX shells and bash do, without running it.

Source: POSIX.1-2017 "Shell Command Language" 2.2 to 2.10, bash 5 manual for `$'…'`, `<<<` and `|&`. It never raises:
what is unbalanced ends with the text. Reserved words (`if`, `do`, `{`) are commands of their own here; their readers
skip them. Size is bounded, because a log may hold a string of a megabyte.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

MAX_TEXT = 65_536  # characters of one string that are read
MAX_COMMANDS = 512  # simple commands of one string

_PLAIN = re.compile(r"[^\s'\"\\$`;&|<>()#]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_BRACED = re.compile(r"\{[#!]?([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?])(?::?([-=])([^{}]*+))?+[^{}]*+\}")
_IN_QUOTES = re.compile(r"[^\"\\$`]+")
_REDIRECT = re.compile(r"\d*(?:<<<|<<-?|<>|<&|>>|>&|>\||<|>)|&>>?")
_ANSI = re.compile(r"\\(x[0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{1,4}|[0-7]{1,3}|.)", re.DOTALL)
_ANSI_STRING = re.compile(r"'((?:[^'\\]|\\.)*)'?", re.DOTALL)
_BRACKETS = re.compile(r"\\.|['\"()]", re.DOTALL)
_ANSI_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}


class Part(NamedTuple):
    """A piece of a word."""

    kind: Literal["text", "variable", "command"]
    text: str  # the text, the variable's name, or the command inside `$(…)`
    quoted: bool


Word = tuple[Part, ...]


class Simple(NamedTuple):
    """One simple command with what is redirected to it."""

    words: tuple[Word, ...]
    given: Word | None = None  # a here-document or here-string
    targets: tuple[Word, ...] = ()  # files of its redirections
    sources: tuple[Word, ...] = ()  # those of them that are read


Pipeline = tuple[Simple, ...]


def parse(text: str) -> list[Pipeline]:
    """Give the pipelines of a shell string in order."""
    return _Parser(text[:MAX_TEXT]).pipelines()


def unescape(text: str) -> str:
    """Decode backslash escapes as `$'…'`, `echo -e` and `printf` do."""
    return _ANSI.sub(_ansi, text) if "\\" in text else text


def _ansi(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] in "xu" and len(code) > 1:
        letter = chr(int(code[1:], 16))
        return letter if letter.isprintable() or letter.isspace() else "\ufffd"
    if code[0] in "01234567":
        return chr(int(code, 8) & 0xFF)
    return _ANSI_LETTERS.get(code, code if code in "\\'\"?" else "\\" + code)


class _Parser:
    """The state of one parse."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.done: list[Pipeline] = []
        self.pipeline: list[Simple] = []
        self.words: list[Word] = []
        self.parts: list[Part] = []
        self.open = False  # a word has begun, perhaps an empty one
        self.given: Word | None = None
        self.targets: list[Word] = []
        self.sources: list[Word] = []
        self.redirect = ""  # the operator whose word comes next
        self.documents: list[tuple[str, bool]] = []  # delimiters of here-documents that follow the line
        self.count = 0

    def pipelines(self) -> list[Pipeline]:
        while self.at < len(self.text) and self.count < MAX_COMMANDS:
            self._step()
        self._end_pipeline()
        return self.done

    def _step(self) -> None:
        text, at = self.text, self.at
        plain = _PLAIN.match(text, at)
        if plain:
            self._add("text", plain[0], quoted=False)
            self.at = plain.end()
            return
        letter = text[at]
        if letter == "\\":
            if text[at + 1 : at + 2] != "\n":
                self._add("text", text[at + 1 : at + 2], quoted=True)
            self.at += 2
        elif letter == "'":
            end = text.find("'", at + 1)
            end = len(text) if end < 0 else end
            self._add("text", text[at + 1 : end], quoted=True)
            self.at = end + 1
        elif letter == '"':
            self._quoted()
        elif letter in "$`":
            self._expansion(quoted=False)
        elif letter == "#" and not self.open:
            end = text.find("\n", at)
            self.at = len(text) if end < 0 else end
        elif letter == "#":
            self._add("text", letter, quoted=False)
            self.at += 1
        else:
            self._operator(letter)

    def _operator(self, letter: str) -> None:
        text, at = self.text, self.at
        redirect = _REDIRECT.match(text, at)
        if redirect and text[at + len(redirect[0]) : at + len(redirect[0]) + 1] == "(" and letter in "<>":
            self.at = redirect.end()
            self._substitution(quoted=False)  # <(command)
        elif redirect:
            if self.open and self.parts and len(self.parts) == 1 and self.parts[0].text.isdecimal():
                self.parts, self.open = [], False  # the number in `2>file`
            self._end_word()
            self.redirect = redirect[0].lstrip("0123456789")
            self.at = redirect.end()
        elif letter == "|" and text[at + 1 : at + 2] != "|":
            self._end_simple()
            self.at += 2 if text[at + 1 : at + 2] == "&" else 1
        elif letter in ";&|()\n":
            self._end_pipeline()
            self.at += 1
            if letter == "\n":
                self._here_documents()
        else:  # white space
            self._end_word()
            self.at += 1

    def _quoted(self) -> None:
        """Read a double-quoted string from its opening mark."""
        text = self.text
        self.at += 1
        self._add("text", "", quoted=True)
        while self.at < len(text):
            run = _IN_QUOTES.match(text, self.at)
            if run:
                self._add("text", run[0], quoted=True)
                self.at = run.end()
                continue
            letter = text[self.at]
            if letter == '"':
                self.at += 1
                return
            if letter == "\\":
                following = text[self.at + 1 : self.at + 2]
                kept = following if following in '"\\$`' else "" if following == "\n" else letter + following
                self._add("text", kept, quoted=True)
                self.at += 2
            else:
                self._expansion(quoted=True)

    def _expansion(self, *, quoted: bool) -> None:
        """Read what begins with a dollar sign or a backtick."""
        text, at = self.text, self.at
        if text[at] == "`":
            end = text.find("`", at + 1)
            end = len(text) if end < 0 else end
            self._add("command", text[at + 1 : end].replace("\\$", "$"), quoted=quoted)
            self.at = end + 1
            return
        self.at += 1
        if text[at + 1 : at + 2] == "(":
            self._substitution(quoted=quoted)
        elif text[at + 1 : at + 2] == "{":
            self._braced(quoted=quoted)
        elif text[at + 1 : at + 2] == "'" and not quoted:
            found = _ANSI_STRING.match(text, at + 1)
            self._add("text", unescape(found[1]) if found else "", quoted=True)
            self.at = found.end() if found else len(text)
        elif name := _NAME.match(text, at + 1):
            self._add("variable", name[0], quoted=quoted)
            self.at = name.end()
        elif text[at + 1 : at + 2] != '"' or quoted:
            self._add("text", "$", quoted=quoted)

    def _braced(self, *, quoted: bool) -> None:
        found = _BRACED.match(self.text, self.at)
        if found is None:
            end = self.text.find("}", self.at)
            self.at = len(self.text) if end < 0 else end + 1
            self._add("variable", "?", quoted=quoted)
            return
        self.at = found.end()
        if found[2]:  # ${NAME:-default}: the default is as good a guess as any
            self._add("text", found[3], quoted=quoted)
        else:
            self._add("variable", found[1], quoted=quoted)

    def _substitution(self, *, quoted: bool) -> None:
        """Read `(command)` up to its closing mark."""
        begin = self.at + 1
        end = _closing(self.text, begin)
        self._add("command", self.text[begin:end], quoted=quoted)
        self.at = end + 1

    def _add(self, kind: Literal["text", "variable", "command"], text: str, *, quoted: bool) -> None:
        self.parts.append(Part(kind, text, quoted))
        self.open = True

    def _end_word(self) -> None:
        if not self.open:
            return
        word, self.parts, self.open = tuple(self.parts), [], False
        if not self.redirect:
            self.words.append(word)
        elif self.redirect == "<<<":
            self.given = word
        elif self.redirect.startswith("<<"):
            mark = "".join(part.text for part in word)
            self.documents.append((mark, self.redirect.endswith("-")))
        else:
            self.targets.append(word)
            if self.redirect in {"<", "<>"}:
                self.sources.append(word)
        self.redirect = ""

    def _end_simple(self) -> None:
        self._end_word()
        self.redirect = ""
        if self.words or self.given or self.targets:
            self.pipeline.append(Simple(tuple(self.words), self.given, tuple(self.targets), tuple(self.sources)))
            self.count += 1
        self.words, self.given, self.targets, self.sources = [], None, [], []

    def _end_pipeline(self) -> None:
        self._end_simple()
        if self.pipeline:
            self.done.append(tuple(self.pipeline))
        self.pipeline = []

    def _here_documents(self) -> None:
        """Give the here-documents that begin on this line to the last command."""
        for mark, tabs in self.documents:
            lines, ended = [], False
            while self.at < len(self.text) and not ended:
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end
                line = self.text[self.at : end]
                line = line.lstrip("\t") if tabs else line
                self.at = min(end + 1, len(self.text))
                ended = line == mark
                if not ended:
                    lines.append(line)
            if self.done:
                last = self.done[-1]
                given: Word = (Part("text", "\n".join(lines), quoted=True),)
                self.done[-1] = (*last[:-1], last[-1]._replace(given=given))
        self.documents = []


def _closing(text: str, at: int) -> int:
    """Find the bracket that closes a substitution whose inside begins at `at`; the end of the text when none does."""
    depth, quote = 1, ""
    for found in _BRACKETS.finditer(text, at):
        mark = found[0]
        if mark[0] == "\\" and quote != "'":
            continue
        if quote:
            quote = "" if mark == quote else quote
        elif mark in "'\"":
            quote = mark
        elif mark == "(":
            depth += 1
        elif mark == ")":
            depth -= 1
            if depth == 0:
                return found.start()
    return len(text)
