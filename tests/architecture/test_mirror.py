"""The test tree mirrors the package: who knows a module knows where its tests are, and the reverse.

Benchmarks are scripts: those that are worth a test have it under the same name in tests/bench.
"""

from __future__ import annotations

import ast
from pathlib import Path

from architecture.tree import BENCH, PACKAGE, ROOT, TESTS, modules, relative, tree

# Modules whose test is elsewhere, and why.
_WITHOUT_TEST = {
    "src/tidewaiter/__main__.py": "ends the process; tests/docs/test_examples.py runs the program",
    "src/tidewaiter/model.py": "fields only; every test compares its values",
}
# Tests of no single module, and why.
_WITHOUT_MODULE = {
    "tests/packs/test_recognisers.py": "the recognisers are data",
    "tests/packs/test_vocabulary.py": "the vocabulary is data",
    "tests/packs/test_demo.py": "the recording is data",
    "tests/packs/test_schemas.py": "the schemas are data",
}
# Folders that mirror nothing: they look at the whole.
_ACROSS = {"architecture", "deploy", "docs", "integration", "scenarios", "properties"}


def _has_code(path: Path) -> bool:
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in ast.walk(tree(path)))


def _test_of(module: Path) -> Path:
    """Say where the test of a module is: of a/b.py in a/test_b.py, of a/__init__.py in a/test_a.py."""
    inside = module.relative_to(PACKAGE) if module.is_relative_to(PACKAGE) else module.relative_to(ROOT)
    name = inside.parent.name if inside.stem == "__init__" else inside.stem
    return TESTS / inside.parent / f"test_{name}.py"


def test_every_module_has_its_test() -> None:
    wanted = {module for module in modules(PACKAGE) if _has_code(module)}
    missing = {relative(module): relative(_test_of(module)) for module in wanted if not _test_of(module).exists()}
    assert {module: test for module, test in missing.items() if module not in _WITHOUT_TEST} == {}, "write these tests"
    assert _WITHOUT_TEST.keys() <= missing.keys(), "these exceptions are no longer needed"


def test_every_test_has_its_module() -> None:
    expected = {_test_of(module) for module in modules(PACKAGE, BENCH)}
    found = {path for path in modules(TESTS) if path.name.startswith("test_")}
    strays = {relative(path) for path in found - expected if path.relative_to(TESTS).parts[0] not in _ACROSS}
    assert strays - _WITHOUT_MODULE.keys() == set(), "no module has this name any more, or these are misplaced"
    assert {name for name in _WITHOUT_MODULE if (ROOT / name).exists()} <= strays
