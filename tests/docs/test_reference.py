"""The reference is what the program says of itself, and leaves nothing out."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import click
import pytest
from docs.pages import ROOT, read, script

from tidewaiter.cli import app
from tidewaiter.cli.errors import Exit
from tidewaiter.meaning.vocabulary import traits
from tidewaiter.recognise.fields import FIELDS
from tidewaiter.recognise.pack import packaged
from tidewaiter.sources.catalogue import sources
from tidewaiter.sources.envelope.layers import wrappers
from tidewaiter.wording.catalogue import catalogue

REFERENCE = ROOT / "docs" / "reference"


@cache
def page(name: str) -> str:
    """Give a page as it should be."""
    made: str = _pages()[name]
    return made


@cache
def _pages() -> dict[str, str]:
    made: dict[str, str] = script("generate").pages()
    return made


@pytest.mark.parametrize("path", sorted(REFERENCE.glob("*.md")), ids=lambda path: path.name)
def test_a_page_is_what_the_program_says(path: Path) -> None:
    assert read(path) == page(path.name), "run `make docs`"


def test_no_page_is_missing() -> None:
    assert {path.name for path in REFERENCE.iterdir()} == set(_pages())


def _commands(group: click.Group, path: str) -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    for name, command in group.commands.items():
        inner = f"{path} {name}"
        found += _commands(command, inner) if isinstance(command, click.Group) else [(inner, command)]
    return found


@pytest.mark.parametrize(("path", "command"), _commands(app, "tidewaiter"))
def test_every_command_and_option_is_documented(path: str, command: click.Command) -> None:
    section = page("commands.md").partition(f"## {path}\n")[2].partition("\n## ")[0]
    options = [name for option in command.params if isinstance(option, click.Option) for name in option.opts]
    assert [name for name in options if name not in section] == []
    assert command.help
    undescribed = [option.name for option in command.params if isinstance(option, click.Option) and not option.help]
    assert undescribed == []


def test_every_exit_code_is_documented() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| (\w+) \|", page("exit-codes.md"), re.MULTILINE))
    assert rows == {str(int(code)): code.name for code in Exit}


def test_every_reason_is_documented() -> None:
    wanted = {key.removeprefix("reason.") for key in catalogue("en") if key.startswith("reason.")} - {"with-detail"}
    assert wanted == set(re.findall(r"^\| `([\w-]+)` \|", page("exit-codes.md"), re.MULTILINE))


def test_every_source_and_visibility_id_is_documented() -> None:
    named = {*(one.name for one in sources()), *(one.name for one in wrappers())}
    assert named == set(re.findall(r"^\| `([\w-]+)` \|", page("sources.md"), re.MULTILINE))
    wanted = {key.removeprefix("cannot.") for key in catalogue("en") if key.startswith("cannot.")} - {"unexplained"}
    assert wanted == set(re.findall(r"^### `([\w-]+)`$", page("sources.md"), re.MULTILINE))


def test_every_visibility_id_that_code_may_note_has_its_sentence() -> None:
    noted = {
        key
        for path in (ROOT / "src" / "tidewaiter" / "sources").glob("*.py")
        for key in re.findall(r'\.note\(\s*"([\w-]+)"', read(path))
    }
    stated = noted | {key for source in sources() for key in source.blind_to}
    assert {key for key in stated if f"cannot.{key}" not in catalogue("en")} == set()


def test_every_recogniser_is_documented() -> None:
    pack = packaged()
    names = [rule.about.name for rule in pack.recognisers] + [rule.about.name for rule in pack.correlations]
    sections = re.findall(r"^### ([\w-]+)$", page("recognisers.md"), re.MULTILINE)
    assert sorted(sections) == sorted(names)


def test_every_field_and_trait_is_documented() -> None:
    rows = set(re.findall(r"^\| `([\w.-]+)` \|", page("words.md"), re.MULTILINE))
    assert set(FIELDS) | set(traits()) <= rows


def test_every_variable_of_the_environment_is_documented() -> None:
    """The name of a variable stands in quotes where it is read."""
    read_by = {
        name
        for path in (ROOT / "src" / "tidewaiter").rglob("*.py")
        for name in re.findall(
            r'(?<!env = )"(TIDEWAITER_\w+|NO_COLOR|TERM)"', read(path)
        )  # TOML: an example of settings
    }
    assert read_by == set(re.findall(r"^\| `([A-Z_]+)` \|", page("commands.md"), re.MULTILINE))


def test_the_readme_names_every_exit_code() -> None:
    table = read(Path(ROOT / "README.md")).partition("## Exit codes")[2].partition("\n## ")[0]
    assert {int(code) for code in re.findall(r"\b(\d+) \|", table)} >= {int(code) for code in Exit}
