"""Reads what PowerShell is told to run: its own options, and its language as far as commands stand in it.

Source: Microsoft Learn, "about_PowerShell_exe", "about_Pwsh", "about_Parsing", "about_Special_Characters". The language
is turned into the words of a POSIX shell, which `script.py` reads: only commands, pipes, variables and quotes matter.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import NamedTuple

# Options in full; PowerShell takes every beginning of them, the shortest as listed by its own help.
_SHORT = {"-ec": "-encodedcommand", "-ep": "-executionpolicy", "-wd": "-workingdirectory", "-nop": "-noprofile"}
_ENCODED = "-encodedcommand"
_COMMAND = ("-command", "-commandwithargs")
_WITH_VALUE = (
    "-executionpolicy",
    "-version",
    "-windowstyle",
    "-workingdirectory",
    "-inputformat",
    "-outputformat",
    "-configurationname",
    "-configurationfile",
    "-custompipename",
    "-settingsfile",
    "-psconsolefile",
    "-encodedarguments",
)
_STARTING = frozenset(
    {"-workingdirectory", "-verb", "-windowstyle", "-credential", "-redirectstandardoutput", "-redirectstandarderror"}
)
_DASHES = "-/\u2013\u2014\u2015"  # all of them begin an option
MAX_SCRIPT = 65_536
MAX_DEPTH = 4  # assignments inside each other

_BASE64 = re.compile(r"FromBase64String\(\s*\(?\s*['\"]([A-Za-z0-9+/=\s]{4,})['\"]", re.IGNORECASE)
_ASSIGNED = re.compile(r"\s*\$(?:(?:env|global|script|local):)?(\w+)\s*=\s*(?![=~])", re.IGNORECASE)
_EACH = re.compile(r"\s*(?:ForEach-Object|foreach|%)\s*(?:-Process\s*)?\{", re.IGNORECASE)
_NAME = re.compile(r"\$(?:\{(?:\w+:)?(\w+)\}|(?:\w+:)?(\w+))")
_COMMENT = re.compile(r"<#.*?(?:#>|\Z)", re.DOTALL)
_SPECIAL = frozenset("\\!~#*?[]")  # ordinary characters of a word here, not of a POSIX shell


class Told(NamedTuple):
    """What PowerShell was told to run."""

    script: str
    encoded: bool = False


def read_options(words: Sequence[str]) -> Told | None:
    """Give the script behind PowerShell's own options; None for a file, or when there is nothing to run."""
    at = 0
    while at < len(words):
        word = words[at]
        if len(word) < 2 or word[0] not in _DASHES:  # noqa: PLR2004 - a dash and a letter
            return Told(" ".join(words[at:])[:MAX_SCRIPT])
        name, colon, joined = ("-" + word.lstrip(_DASHES)).partition(":")
        name = _SHORT.get(name.lower(), name.lower())
        at += 1
        if _ENCODED.startswith(name):
            value = joined if colon else next(iter(words[at : at + 1]), "")
            return Told(_utf16(value), encoded=True)
        if any(option.startswith(name) for option in _COMMAND):
            rest = [joined, *words[at:]] if colon else list(words[at:])
            return None if rest == ["-"] or not rest else Told(" ".join(rest)[:MAX_SCRIPT])
        if "-file".startswith(name):
            return None
        if not colon and any(option.startswith(name) for option in _WITH_VALUE):
            at += 1
    return None


def started_by(words: Sequence[str]) -> list[str]:
    """Give the command that `Start-Process PROGRAM -ArgumentList A,B` starts; its words stand behind Start-Process."""
    program, arguments, at = "", list[str](), 0
    while at < len(words):
        word = words[at]
        at += 1
        if word[:1] != "-":
            program, arguments = (word, arguments) if not program else (program, [*arguments, word])
        elif len(word) > 1 and "-filepath".startswith(word.lower()):
            program, at = next(iter(words[at : at + 1]), ""), at + 1
        elif len(word) > 1 and ("-argumentlist".startswith(word.lower()) or word.lower() == "-args"):
            arguments += words[at : at + 1]
            at += 1
        elif word.lower() in _STARTING:
            at += 1
    return [program, *(part for text in arguments for part in text.replace(",", " ").split())] if program else []


def _utf16(text: str) -> str:
    """Decode the value of -EncodedCommand, base64 of UTF-16LE; "" when it is none."""
    try:
        data = base64.b64decode(text.encode("ascii", "replace") + b"==")
    except (binascii.Error, ValueError):
        return ""
    return data.decode("utf-16-le", "replace")[:MAX_SCRIPT]


def decoded_inside(script: str) -> list[str]:
    """Give the texts that a script decodes with FromBase64String, which it then runs as a rule."""
    found = []
    for text in _BASE64.findall(script)[:8]:
        try:
            data = base64.b64decode("".join(text.split()) + "==")
        except (binascii.Error, ValueError):
            continue
        wide = len(data) > 1 and data[1:2] == b"\0"
        found.append(data.decode("utf-16-le" if wide else "utf-8", "replace")[:MAX_SCRIPT])
    return found


def as_posix(script: str, depth: int = 0) -> str:
    """Write a PowerShell script as a POSIX shell would have it, as far as commands, pipes and variables go."""
    return _Writer(_COMMENT.sub(" ", script[:MAX_SCRIPT]), depth).all()


class _Writer:
    """The state of one rewriting."""

    def __init__(self, text: str, depth: int) -> None:
        self.text, self.at = text, 0
        self.depth = depth
        self.readers = {"`": self._escape, "'": self._quoted_plainly, '"': self._quoted, "$": self._variable}
        self.out: list[str] = []
        self.begin = True  # a statement begins here
        self.closing: list[str] = []  # what to write for each bracket that closes

    def _escape(self) -> None:
        """Copy the letter that a backtick protects; at the end of a line it joins two lines."""
        letter = self.text[self.at : self.at + 1]
        self.out.append("" if letter in {"\n", "\r"} else "\\" + letter)
        self.at += 1

    def all(self) -> str:
        while self.at < len(self.text):
            self._step()
        return "".join(self.out) + "".join(part for part in reversed(self.closing) if part)

    def _step(self) -> None:
        text, letter = self.text, self.text[self.at]
        if self.begin and (found := _ASSIGNED.match(text, self.at)):
            self._assignment(found)
            return
        if letter == "|" and text[self.at + 1 : self.at + 2] != "|" and (found := _EACH.match(text, self.at + 1)):
            self.out.append("| while read _; do ")
            self.closing.append("; done ")
            self.at, self.begin = found.end(), True
            return
        self.at += 1
        if letter in self.readers:
            self.readers[letter]()
        elif letter in "({":
            self._open(letter)
        elif letter in ")}":
            self.out.append(self.closing.pop() if self.closing else ";")
        elif letter in _SPECIAL:
            self.out.append("\\" + letter)
        else:
            self.out.append(letter)
            if letter in ";\n|&":
                self.begin = letter != "|"
            elif not letter.isspace():
                self.begin = False
            return
        self.begin = self.begin and letter in "({"

    def _assignment(self, found: re.Match[str]) -> None:
        """Write `$ids = docker ps -q` as `ids=$(docker ps -q)`; the value ends with the statement."""
        self.at = found.end()
        if self.text[self.at : self.at + 1] in {"'", '"'}:
            self.out.append(f"{found[1]}=")
            self.begin = False
            return
        end = min((place for mark in ";\n" if (place := self.text.find(mark, self.at)) >= 0), default=len(self.text))
        inner = self.text[self.at : end].strip()
        inner = inner[1:-1] if inner.startswith("(") and inner.endswith(")") else inner
        inner = as_posix(inner, self.depth + 1) if self.depth < MAX_DEPTH else ""
        self.out.append(f"{found[1]}=$({inner})")
        self.at = end

    def _open(self, bracket: str) -> None:
        if bracket == "(" and not self.begin:  # `docker inspect (docker ps -q)`: the output of a command
            self.out.append("$(" if not self.out or not self.out[-1].endswith("$") else "(")
            self.closing.append(")")
        else:
            self.out.append(";")
            self.closing.append(";")
        self.begin = True

    def _variable(self) -> None:
        found = _NAME.match(self.text, self.at - 1)
        if found:
            self.out.append("${" + (found[1] or found[2]) + "}")
            self.at = found.end()
        elif self.text[self.at : self.at + 1] == "(":
            self.at += 1
            self.out.append("$(")
            self.closing.append(")")
            self.begin = True
        else:
            self.out.append("\\$")

    def _quoted_plainly(self) -> None:
        """Copy `'…'`, in which a doubled mark is one."""
        text, begin = self.text, self.at
        while True:
            end = text.find("'", self.at)
            if end < 0:
                self.at = end = len(text)
                break
            self.at = end + 1
            if text[end + 1 : end + 2] != "'":
                break
            self.at += 1
        inside = text[begin:end].replace("''", "'")
        self.out.append("'" + inside.replace("'", "'\\''") + "'")

    def _quoted(self) -> None:
        """Copy `"…"`, in which variables and `$(…)` count."""
        text = self.text
        self.out.append('"')
        while self.at < len(text):
            letter = text[self.at]
            self.at += 1
            if letter == '"' and text[self.at : self.at + 1] != '"':
                break
            if letter in '`"':
                following = text[self.at : self.at + 1]
                self.out.append("\\" + following if following in '"$`\\' else following)
                self.at += 1
            elif letter == "$":
                found = _NAME.match(text, self.at - 1)
                self.out.append("${" + (found[1] or found[2]) + "}" if found else "$")
                self.at = found.end() if found else self.at
            else:
                self.out.append("\\\\" if letter == "\\" else letter)
        self.out.append('"')
