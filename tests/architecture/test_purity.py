"""Time, environment and screen belong to the edge of the program: a stage gets them as arguments."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from architecture.tree import PACKAGE, imported, modules, parts, relative, tree

_STAGES = list(
    parts(
        *("sources", "recognise", "meaning", "baseline", "findings", "sinks", "wording", "disclosure", "visibility"),
        *("model", "errors", "config"),
    )
)
# What asks the clock, the environment or chance. Attributes are matched by their last two names.
_ASKS = {
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
    *("time.time", "time.time_ns", "time.monotonic", "time.perf_counter", "time.localtime", "time.gmtime"),
    *("os.environ", "os.getenv", "os.environb", "os.getcwd", "os.getlogin", "os.urandom", "os.system", "os.popen"),
    *("Path.cwd", "Path.home", "uuid.uuid1", "uuid.uuid4", "sys.argv", "sys.stdout", "sys.stderr"),
}
# import-linter sees only the first part of the name of what is not ours.
_NETWORK = {"urllib.request", "http.client", "http.server"}


def _uses(path: Path) -> Iterator[str]:
    """Give every use of a forbidden name, also one taken by `from time import time`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
            if f"{owner}.{node.attr}" in _ASKS:
                yield f"{relative(path)}:{node.lineno}: {owner}.{node.attr}"
    for name in imported(path) & (_ASKS | {"random", "secrets"}):
        yield f"{relative(path)}: imports {name}"


def _prints(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"print", "input"}:
            yield f"{relative(path)}:{node.lineno}: {node.func.id}()"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import os\nx = os.environ['A']", ["os.environ"]),
        ("from datetime import UTC, datetime\nx = datetime.now(UTC)", ["datetime.now"]),
        ("import datetime\nx = datetime.datetime.now()", ["datetime.now"]),
        ("from time import time\nx = time()", ["imports time.time"]),
        ("from datetime import datetime\nx = datetime(2026, 1, 1)", []),
    ],
)
def test_the_test_itself_sees_what_it_looks_for(code: str, found: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = ast.parse(code)
    monkeypatch.setitem(globals(), "tree", lambda _: parsed)
    monkeypatch.setitem(globals(), "imported", lambda _: _names(parsed))
    assert [use.rpartition(": ")[2] for use in _uses(PACKAGE / "model.py")] == found


def _names(parsed: ast.Module) -> set[str]:
    taken = [node for node in parsed.body if isinstance(node, ast.ImportFrom)]
    return {f"{node.module}.{alias.name}" for node in taken for alias in node.names}


def test_no_stage_asks_the_clock_the_environment_or_chance() -> None:
    assert [use for path in _STAGES for use in _uses(path)] == []


def test_no_stage_asks_the_network() -> None:
    assert {relative(path): imported(path) & _NETWORK for path in _STAGES if imported(path) & _NETWORK} == {}


def test_only_the_command_line_writes_to_the_screen() -> None:
    elsewhere = [path for path in modules(PACKAGE) if "cli" not in path.relative_to(PACKAGE).parts]
    assert [call for path in elsewhere for call in _prints(path)] == []


def test_errors_are_caught_by_name_except_at_the_edge() -> None:
    caught = [
        f"{relative(path)}:{node.lineno}"
        for path in modules(PACKAGE)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler) and _catches_everything(node.type)
    ]
    edges = ["src/tidewaiter/cli/__init__.py", "src/tidewaiter/service/session.py"]
    assert [place.partition(":")[0] for place in caught] == edges, caught


def _catches_everything(kind: ast.expr | None) -> bool:
    names = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(
        name is None or (isinstance(name, ast.Name) and name.id in {"Exception", "BaseException"}) for name in names
    )
