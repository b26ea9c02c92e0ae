"""Where the parts of the house are, for the tests of its walls."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "tidewaiter"
PACKS = PACKAGE / "packs"
BENCH = ROOT / "bench"
TESTS = ROOT / "tests"
SHARED = ROOT.parent / "shared" / "data"  # labelled data, which is beside the project and not part of it


def modules(*folders: Path) -> Iterator[Path]:
    """Give the Python files below these folders, without what tools leave behind."""
    for folder in folders:
        yield from sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def parts(*names: str) -> Iterator[Path]:
    """Give the Python files of parts of the package: `parts("sources", "model")`."""
    for name in names:
        yield from modules(PACKAGE / name) if (PACKAGE / name).is_dir() else [PACKAGE / f"{name}.py"]


def relative(path: Path) -> str:
    """Name a file as the project does."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    """Parse a file, once."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(path: Path) -> frozenset[str]:
    """Give the full names a file imports: modules, and the names taken from them."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)
