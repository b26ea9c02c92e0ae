"""Turns a command string of Windows' cmd.exe into one that a POSIX shell would read alike.

Source: Microsoft Learn, "cmd", "for", "set"; carets, percent signs and quotes as `cmd /?` tells them.
"""

from __future__ import annotations

import re

MAX_SCRIPT = 65_536
_FOR = re.compile(
    r"\bfor\s+/f\s[^%(]{0,200}%{1,2}(?P<name>\w)\s+in\s*\(\s*['`](?P<command>[^'`]*)['`]\s*\)\s*do\b",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"%(?P<whole>\w+)(?::[^%\n]*)?%|%{1,2}(?:~\w*?)?(?P<letter>[A-Za-z])(?!\w)|!(?P<late>\w+)!")
_SET = re.compile(r"\bset\s+(?:\"(?P<quoted>\w+=[^\"\n]*)\"|(?P<plain>\w+=[^&|\n\"]*))", re.IGNORECASE)
_SPECIAL = frozenset("\\'$`;#*?[]{}~")  # ordinary characters for cmd.exe


def as_posix(script: str) -> str:
    """Write a string of `cmd /c` as a POSIX shell would have it, as far as commands, pipes and variables go."""
    text = script[:MAX_SCRIPT].lstrip()
    if text.count('"') % 2:  # cmd.exe pairs them in the text as it was typed, before it was split into arguments
        text = text.replace('"', "")
    # `for /f %i in ('docker ps -q') do …` runs the quoted command; a variable there is worth what it lists.
    parts, at = [], 0
    for found in _FOR.finditer(text):
        parts += [_plain(text[at : found.start()]), f"for {found['name']} in $({_plain(found['command'])}); do "]
        at = found.end()
    return "".join((*parts, _plain(text[at:])))


def _plain(text: str) -> str:
    """Write a text without loops."""
    text = _SET.sub(lambda found: f"set {(found['quoted'] or found['plain']).strip().replace(' ', '^ ')}", text)
    out: list[str] = []
    at, inside = 0, False
    while at < len(text):
        letter = text[at]
        found = _VARIABLE.match(text, at) if letter in "%!" else None
        if found:
            out.append("${" + (found["whole"] or found["letter"] or found["late"]) + "}")
            at = found.end()
            continue
        at += 1
        if letter == "^" and not inside:
            following = text[at : at + 1]
            out.append("" if following in {"\n", "\r"} else "\\" + following)
            at += 1
        elif letter == '"':
            inside = not inside
            out.append('"')
        elif letter in {"\\", "$", "`"} or (letter in _SPECIAL and not inside):
            out.append("\\" + letter)
        elif letter == "@" and (not out or out[-1] in {"&", "|", "(", " ", "\n"}):
            continue
        else:
            out.append(letter)
    return "".join(out) + ('"' if inside else "")
