"""Nothing lies about in the packs: every file is read by something, and every word has its use."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from architecture.tree import PACKAGE, PACKS, modules, relative

from tidewaiter.meaning.tools import RAW_HTTP, grammars
from tidewaiter.meaning.vocabulary import traits
from tidewaiter.recognise.pack import packaged

_VOCABULARY = sorted((PACKS / "vocabulary").rglob("*.yml"))
_GRAMMARS = [path for path in _VOCABULARY if path.parent.name == "tools" and path.name != RAW_HTTP]
_CODE = "\n".join(path.read_text(encoding="utf-8") for path in modules(PACKAGE))
_LOADED = set(re.findall(r'(?:load\(|: )"([\w/]+\.yml)"', _CODE))  # load("x.yml"), or a table of such names


@pytest.mark.parametrize("path", [path for path in _VOCABULARY if path not in _GRAMMARS], ids=relative)
def test_every_vocabulary_file_is_loaded(path: Path) -> None:
    assert path.relative_to(PACKS / "vocabulary").as_posix() in _LOADED


@pytest.mark.parametrize("path", _GRAMMARS, ids=relative)
def test_every_grammar_is_loaded(path: Path) -> None:
    """These are found by listing their folder."""
    assert set(yaml.safe_load(path.read_text(encoding="utf-8"))) <= set(grammars())


def test_every_trait_is_stated_by_a_reader() -> None:
    """A trait that nothing states makes a recogniser that can never match."""
    tables = "\n".join(path.read_text(encoding="utf-8") for path in _VOCABULARY if path.name != "traits.yml")
    stated = {trait for trait in traits() if f'"{trait}"' in _CODE or re.search(rf"(?<![\w-]){trait}(?![\w-])", tables)}
    assert set(traits()) - stated == set()


def test_every_recogniser_is_in_a_file_of_its_name() -> None:
    pack = packaged()
    names = {rule.about.name for rule in pack.recognisers} | {rule.about.name for rule in pack.correlations}
    assert names == {path.stem for path in (PACKS / "recognisers").glob("*.yml")}


def test_every_folder_of_data_is_in_the_package() -> None:
    """What a build leaves out is missed only by its user."""
    folders = {entry.name for entry in files("tidewaiter").joinpath("packs").iterdir()}
    assert folders == {"demo", "recognisers", "schema", "vocabulary", "wording"}
