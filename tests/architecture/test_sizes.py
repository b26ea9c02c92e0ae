"""Small files and small functions: 400 lines are the sign to split, 600 the end; 50 lines for a function."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from architecture.tree import BENCH, PACKAGE, ROOT, TESTS, modules, relative, tree

MOST_LINES = 400
MOST_LINES_OF_A_TEST = 600  # tables are long
MOST_LINES_OF_A_FUNCTION = 50
# What is larger, and why it is better so.
_LARGE_FILES: dict[str, str] = {}
_LARGE_FUNCTIONS = {
    "tests/bench/test_scores.py: test_scenarios_are_scored_with_exact_numbers": "one table with its expected values",
}

_FILES = list(modules(PACKAGE, BENCH, TESTS, ROOT / "docs"))


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{relative(path)}: {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_file_is_too_long() -> None:
    long = {
        relative(path): lines
        for path in _FILES
        if (lines := len(path.read_text(encoding="utf-8").splitlines()))
        > (MOST_LINES_OF_A_TEST if path.is_relative_to(TESTS) else MOST_LINES)
    }
    assert {name: lines for name, lines in long.items() if name not in _LARGE_FILES} == {}
    assert _LARGE_FILES.keys() <= long.keys(), "these exceptions are no longer needed"


def test_no_function_is_too_long() -> None:
    found = {name: lines for path in _FILES for name, lines in _functions(path) if lines > MOST_LINES_OF_A_FUNCTION}
    assert {name: lines for name, lines in found.items() if name not in _LARGE_FUNCTIONS} == {}
    assert _LARGE_FUNCTIONS.keys() <= found.keys(), "these exceptions are no longer needed"


@pytest.mark.parametrize("path", list(modules(PACKAGE)), ids=relative)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(tree(path)), "the first line of a module is a sentence that says what belongs in it"
