"""The recipe of the image: what it copies is there, nothing runs as root, and what is declared is installed.

It is not built here: no registry of images can be reached. What its steps install was run by hand, with the
Python of Debian 12 and as the same account.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "deploy" / "docker" / "Dockerfile"
INSTRUCTIONS = {"CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "RUN", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}


def steps() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", RECIPE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [
        (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line.strip())
    ]


def final() -> list[tuple[str, str]]:
    found = steps()
    last = max(number for number, (word, _) in enumerate(found) if word == "FROM")
    return found[last:]


def test_every_line_is_an_instruction() -> None:
    assert {word for word, _ in steps()} <= INSTRUCTIONS


def test_what_is_copied_is_there_and_not_ignored() -> None:
    allowed = {line[1:] for line in (RECIPE.parent / "Dockerfile.dockerignore").read_text().split() if line[0] == "!"}
    copied = [
        source
        for word, rest in steps()
        if word == "COPY" and "--from=" not in rest
        for source in [part.removeprefix("./") for part in rest.split()[:-1]]
    ]
    assert set(copied) == allowed
    assert [source for source in copied if not (ROOT / source).exists()] == []


def test_the_last_stage_runs_nothing_and_is_not_root() -> None:
    words = [word for word, _ in final()]
    assert "RUN" not in words, "there is no shell"
    assert dict(final())["USER"] == "65532:65532"
    assert final()[0][1].endswith("distroless/python3-debian12:nonroot")
    assert dict(final())["ENTRYPOINT"] == '["/usr/bin/python3", "-m", "tidewaiter"]'


def test_both_stages_have_the_python_that_the_packages_are_made_for() -> None:
    """Debian 12 has Python 3.11; wheels of another version would not be found there."""
    first = steps()[0][1]
    assert first == "python:3.11-slim-bookworm AS build"
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert declared["requires-python"] == ">=3.11"
    extras = set(re.findall(r"--extra (\S+)", RECIPE.read_text()))
    assert extras <= declared["optional-dependencies"].keys()
    assert {"service", "kafka", "otlp", "people"} <= extras


def test_the_packages_of_the_image_are_locked() -> None:
    """The command of the recipe gives a list with hashes, and the service is in it."""
    command = re.search(r"uv export (.+?)--output-file", RECIPE.read_text(), re.DOTALL)
    assert command
    words = command[1].replace("\\\n", " ").split()
    done = subprocess.run(
        [Path(sys.executable).parent / "uv", "export", *words, "--offline"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "granian==" in done.stdout
    assert "--hash=sha256:" in done.stdout
