"""Takes a Windows command line apart into its arguments, as the started program itself does.

Windows gives a process one string, and so does every sensor there (Sysmon `CommandLine`, Security 4688). Source:
Microsoft Learn, "CommandLineToArgvW function" and "Parsing C command-line arguments"; "CreateProcessW function" for a
path with blanks that nobody has quoted.
"""

from __future__ import annotations

import re

MAX_TEXT = 65_536  # characters that are read; Windows itself allows 32,767
MAX_WORDS = 4096

_BLANKS = " \t\r\n"
_PROGRAM = re.compile(r'(?:"[^"]*(?:"|\Z)|[^ \t\r\n"])+')
_SLASHES = re.compile(r"(\\*)(\"?)")
_PLAIN = re.compile(r"[^ \t\r\n\"\\]+")
_QUOTED = re.compile(r"[^\"\\]+")
# A path from a drive or a share on whose first word has no extension: `C:\Program Files\Docker\docker.exe ps`.
_BLANK_PATH = re.compile(r"(?:[A-Za-z]:\\|\\\\)[^\"\r\n:*?<>|]*?\.(?:exe|com|cmd|bat)(?=\s|\Z)", re.IGNORECASE)
_EXTENSION = re.compile(r"\.(?:exe|com|cmd|bat)\Z", re.IGNORECASE)


def split_command_line(text: str) -> list[str]:
    """Give program and arguments of a Windows command line; anything is accepted, an empty text gives no words.

    A backslash is an ordinary character unless a double quote follows the run of them; two quotes inside a quoted part
    are one quote. Blanks in front of the program are left out, because sensors put them there.
    """
    text = text[:MAX_TEXT].strip(_BLANKS).rstrip("\0")
    if not text:
        return []
    program, at = _program(text)
    words = [program]
    while at < len(text) and len(words) < MAX_WORDS:
        if text[at] in _BLANKS:
            at += 1
            continue
        word, at = _argument(text, at)
        words.append(word)
    return words


def _program(text: str) -> tuple[str, int]:
    """Read the program's name, in which no backslash protects a quote, and say where it ends."""
    found = _PROGRAM.match(text)
    word = found[0] if found else text
    if '"' not in word and not _EXTENSION.search(word):
        whole = _BLANK_PATH.match(text)
        word = whole[0] if whole else word
    return word.replace('"', ""), len(word)


def _argument(text: str, at: int) -> tuple[str, int]:
    """Read one argument from `at` on, and say where it ends."""
    parts: list[str] = []
    inside = False
    while at < len(text):
        letter = text[at]
        if letter == "\\":
            found = _SLASHES.match(text, at)
            slashes, quote = (found[1], found[2]) if found else ("\\", "")
            at += len(slashes)
            if not quote:
                parts.append(slashes)
                continue
            parts.append("\\" * (len(slashes) // 2))
            if len(slashes) % 2:
                parts.append('"')
                at += 1
        elif letter == '"':
            if inside and text[at + 1 : at + 2] == '"':
                parts.append('"')
                at += 1
            else:
                inside = not inside
            at += 1
        elif letter in _BLANKS and not inside:
            break
        else:
            plain = (_QUOTED if inside else _PLAIN).match(text, at)
            piece = plain[0] if plain else letter
            parts.append(piece)
            at += len(piece)
    return "".join(parts), at
