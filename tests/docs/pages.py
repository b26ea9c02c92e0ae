"""The pages of the documentation, and the scripts that write parts of them."""

from __future__ import annotations

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "bench" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def name_of(path: Path) -> str:
    """Name a page as the project does."""
    return path.relative_to(ROOT).as_posix()


def script(name: str) -> ModuleType:
    """Load docs/<name>.py."""
    spec = spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(path: Path) -> str:
    """Give the text of a page."""
    return path.read_text(encoding="utf-8")


def blocks(text: str, language: str, *, marked: bool = False) -> list[str]:
    """Give the fenced blocks of a language; `marked` gives those that follow `<!-- run -->`."""
    before = r"<!-- run -->\n" if marked else ""
    return re.findall(rf"^{before}```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
