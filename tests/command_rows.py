"""The tables of command lines and what they mean: `meaning/commandline.yml`, and in short `meaning/commandlines.txt`.

A block of the short form: one command a line, then what each of them means, one meaning a line behind `=>` (`nothing`
for none). `$` in front marks a string of `bash -c` (`↵` in it ends a line), `>` a Windows command line; other lines are
split as a shell would.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tidewaiter.meaning.windows import split_command_line

_FOLDER = Path(__file__).parent / "meaning"


def rows() -> list[dict[str, Any]]:
    """Give the rows of both tables: name, argv, exe, expect."""
    told = yaml.safe_load((_FOLDER / "commandline.yml").read_text(encoding="utf-8"))
    return [
        *({"name": row["name"], "argv": _argv(row), "exe": row.get("exe"), "expect": row["expect"]} for row in told),
        *_short((_FOLDER / "commandlines.txt").read_text(encoding="utf-8")),
    ]


def _argv(row: dict[str, Any]) -> list[str]:
    """Give the arguments of a row of the long form."""
    return ["bash", "-c", row["shell"]] if "shell" in row else shlex.split(row["line"])


def _short(text: str) -> Iterator[dict[str, Any]]:
    commands: list[str] = []
    expect: list[str] = []
    for line in (*text.splitlines(), "end"):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("    => "):
            expect.append(line.removeprefix("    => ").strip())
            continue
        if expect:
            wanted = [] if expect == ["nothing"] else expect
            for command in commands:
                yield {"name": command, "argv": _words(command), "exe": None, "expect": wanted}
            commands, expect = [], []
        commands.append(line)


def _words(line: str) -> list[str]:
    if line.startswith("$ "):
        return ["bash", "-c", line[2:].replace(" ↵ ", "\n")]
    return split_command_line(line[2:]) if line.startswith("> ") else shlex.split(line)
