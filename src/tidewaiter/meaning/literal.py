"""Works out what a few harmless programs print, so that a command hidden behind an encoding can be read.

Only `echo`, `printf`, `base64 -d`, `openssl base64 -d`, `xxd -r -p`,
 `rev`, `tr` of letters, `sed s/^/…/`, `cat` and `which` are known;
nothing is run.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import NamedTuple

from tidewaiter.meaning.setting import is_open
from tidewaiter.meaning.shell import unescape

MAX_OUTPUT = 65_536
_PREFIXING = re.compile(r"s(?P<mark>[/|#,])\^(?P=mark)(?P<prefix>[^/|#,]*)(?P=mark)g?")
_RANGE = re.compile(r"(.)-(.)", re.DOTALL)


class Output(NamedTuple):
    """What a command prints."""

    text: str
    decoded: bool = False  # it undid an encoding


def output_of(program: str, words: Sequence[str], given: str | None) -> Output | None:
    """Give what a command prints; `words` are those behind its name, `given` is its input. None when not known."""
    if any(is_open(word) for word in words):
        return None
    if program in {"echo", "printf"}:
        return Output((_echo if program == "echo" else _printf)(words)[:MAX_OUTPUT])
    if program in {"which", "command", "type"}:
        name = words[-1] if words and (program == "which" or words[0] in {"-v", "-p", "-P"}) else ""
        return Output(name) if name else None
    return None if given is None else _filtered(program, words, given)


def _filtered(program: str, words: Sequence[str], given: str) -> Output | None:
    """Read the programs that print what flows into them, as it is or decoded."""
    if program in {"cat", "tee"} and all(word.startswith("-") for word in words):
        return Output(given)
    if program in {"base64", "base32"} and any(word in {"-d", "-D", "--decode", "-di", "-id"} for word in words):
        return _based(program, given)
    if program == "openssl" and "-d" in words and (words[0] == "base64" or {"enc", "-base64"} <= {*words}):
        return _based("base64", given)
    if program == "xxd" and any("r" in word for word in words if word.startswith("-")):
        return _hex(given)
    return _letters(program, words, given)


def _letters(program: str, words: Sequence[str], given: str) -> Output | None:
    """Read the programs that turn letters into others."""
    if program == "rev":
        return Output("\n".join(line[::-1] for line in given.splitlines()), decoded=True)
    if program == "tr" and len(words) == 2 and not words[0].startswith("-"):  # noqa: PLR2004 - `tr SET1 SET2`
        first, second = _letter_set(words[0]), _letter_set(words[1])
        if first and second:
            second = second.ljust(len(first), second[-1])
            return Output(given.translate(dict(zip(map(ord, first), second, strict=False))), decoded=True)
    if program == "sed" and len(words) == 1 and (found := _PREFIXING.fullmatch(words[0])):
        return Output("\n".join(found["prefix"] + line for line in given.splitlines()))
    return None


def _echo(words: Sequence[str]) -> str:
    escapes = False
    while words and re.fullmatch(r"-[neE]+", words[0]):
        escapes = escapes or "e" in words[0]
        words = words[1:]
    text = " ".join(words)
    return unescape(text) if escapes or "\\r" in text else text  # dash's echo always decodes


def _printf(words: Sequence[str]) -> str:
    if not words or words[0].startswith("-v"):
        return ""
    text, rest = unescape(words[0]), list(words[1:])
    for mark in ("%s", "%b", "%q"):
        text = text.replace(mark, "%s")
    while "%s" in text:
        text = text.replace("%s", rest.pop(0) if rest else "", 1) if len(text) < MAX_OUTPUT else text.replace("%s", "")
    return text


def _letter_set(text: str) -> str:
    return _RANGE.sub(
        lambda found: "".join(map(chr, range(ord(found[1]), min(ord(found[2]), ord(found[1]) + 255) + 1))), text
    )


def _based(program: str, given: str) -> Output | None:
    data = "".join(given.split()).encode("ascii", "replace")
    data += b"=" * (-len(data) % (4 if program == "base64" else 8))
    try:
        plain = base64.b64decode(data) if program == "base64" else base64.b32decode(data)
    except (binascii.Error, ValueError):
        return None
    return Output(plain.decode("utf-8", "replace"), decoded=True)


def _hex(given: str) -> Output | None:
    try:
        plain = bytes.fromhex("".join(given.split()))
    except ValueError:
        return None
    return Output(plain.decode("utf-8", "replace"), decoded=True)
