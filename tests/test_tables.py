from __future__ import annotations

from importlib.resources import files

import pytest
import yaml

from tidewaiter import tables


@pytest.mark.parametrize("folder", tables.FOLDERS)
def test_the_compiled_tables_are_what_the_files_say_now(folder: str) -> None:
    # `make compiled` writes them anew after a table was changed.
    compiled = files("tidewaiter").joinpath("packs", folder, tables.COMPILED).read_bytes()
    assert compiled == tables.compile_tables(folder)


@pytest.mark.parametrize("name", ["tools/http.yml", "chain.yml", "classes.yml"])
def test_compiled_or_parsed_is_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = files("tidewaiter").joinpath("packs", "vocabulary", name).read_text(encoding="utf-8")
    assert tables.table("vocabulary", name) == yaml.safe_load(text)
    monkeypatch.setattr(tables, "_compiled", lambda _: {name: (0, b"stale")})
    assert tables.table("vocabulary", name) == yaml.safe_load(text)
    monkeypatch.setattr(tables, "_compiled", lambda _: {})
    assert tables.table("vocabulary", name) == yaml.safe_load(text)
