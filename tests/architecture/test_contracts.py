"""The import contracts of pyproject.toml: each can fail, and none has forgotten a part of the package."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from architecture.tree import PACKAGE, ROOT

from tidewaiter.sources.catalogue import sources

_CONTRACTS: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]["contracts"]
# Contract, the file that breaks it, and how.
_BREACHES = [
    ("layers", "recognise/pack.py", "import tidewaiter.sources.contract"),
    ("layers", "newcomer.py", "import tidewaiter.model"),
    ("pure", "sources/streams.py", "import socket"),
    ("pure", "meaning/urls.py", "import tidewaiter.store"),
    ("engine", "cli/scan.py", "import duckdb"),
    ("store", "sinks/text.py", "import tidewaiter.store"),
    ("sources", "sources/access_log.py", "import tidewaiter.sources.access_json"),
    ("cycles", "errors.py", "import tidewaiter.model, tidewaiter.config"),
]


def _contract(name: str) -> dict[str, Any]:
    return next(contract for contract in _CONTRACTS if contract["id"] == name)


def test_every_contract_is_broken_on_purpose() -> None:
    assert {name for name, _, _ in _BREACHES} == {contract["id"] for contract in _CONTRACTS}


@pytest.mark.parametrize(("contract", "file", "line"), _BREACHES)
def test_a_breach_is_found(contract: str, file: str, line: str, tmp_path: Path) -> None:
    """The same contracts over a copy of the package with one import too many."""
    shutil.copytree(PACKAGE, tmp_path / "tidewaiter", ignore=shutil.ignore_patterns("__pycache__", "packs"))
    broken = tmp_path / "tidewaiter" / file
    before = broken.read_text(encoding="utf-8") if broken.exists() else ""
    broken.write_text(f"{before}\n{line}\n", encoding="utf-8")
    command = [
        *(sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"),
        *("--no-cache", "--no-logo", "--config", str(ROOT / "pyproject.toml"), "--contract", contract),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "1 broken" in done.stdout) == (1, True), done.stdout + done.stderr


def test_every_source_is_kept_apart_from_the_others() -> None:
    homes = {
        f"tidewaiter.sources.{path.stem}"
        for path in (PACKAGE / "sources").glob("*.py")
        if getattr(import_module(f"tidewaiter.sources.{path.stem}"), "SOURCE", None) in sources()
    }
    assert homes == set(_contract("sources")["modules"])


def test_every_part_is_pure_or_says_why_not() -> None:
    """A new part of the package has to be put on one of the two sides."""
    impure = {
        "cli",  # reads arguments and the environment, writes to the screen
        "__main__",  # calls it
        "pipeline",  # holds the store
        "hits",  # asks the store
        "rows",  # fills the store
        "keeping",  # reads and writes the state folder
        "service",  # takes records in from files and the network
        "delivery",  # sends findings out
        "gate",  # stands between sockets
        "settings",  # reads the configuration and secrets
        "tables",  # reads files of the package
        "store",  # is the database
        "baseline",  # asks the store
        "sinks",  # some will send over the network
        "config",  # is handed the environment; may import nothing that is not in its layer
        "packs",  # holds data, no code
    }
    everything = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    pure = {name.removeprefix("tidewaiter.") for name in _contract("pure")["source_modules"]}
    assert everything - {"__init__", "__pycache__"} == pure | impure
