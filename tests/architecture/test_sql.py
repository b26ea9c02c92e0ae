"""Every statement is understood by the engine it runs on, and stays in what sqlglot turns into Spark SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import sqlglot
from _pytest.mark import ParameterSet
from architecture.tree import PACKAGE, relative
from sqlglot import exp
from sqlglot.errors import ErrorLevel

_FILES = sorted(PACKAGE.rglob("*.sql"))
# Reads the store's own spool file; at scale the same rows come from the readers themselves (mapInArrow).
_DUCKDB_ONLY = ("load_", "load.")


def _text(path: Path) -> str:
    """Give the SQL as it is run: a template's {column} and {key} are filled in."""
    return re.sub(r"\{(?:column|key)\}", "kind", path.read_text(encoding="utf-8"))


def _portable() -> Iterator[ParameterSet]:
    for path in _FILES:
        if not path.name.startswith(_DUCKDB_ONLY):
            yield pytest.param(path, id=relative(path))


def test_there_is_sql() -> None:
    assert {path.parent.name for path in _FILES} == {"baseline", "schema"}


@pytest.mark.parametrize("path", _FILES, ids=relative)
def test_duckdb_parses_it(path: Path) -> None:
    """As a reserved word of DuckDB 2, "at" has to be quoted, for instance."""
    assert duckdb.extract_statements(_text(path))


@pytest.mark.parametrize("path", list(_portable()))
def test_it_becomes_spark_sql(path: Path) -> None:
    parsed = [statement for statement in sqlglot.parse(_text(path), read="duckdb") if statement]
    assert parsed
    for statement in parsed:
        spark = statement.sql("spark", unsupported_level=ErrorLevel.RAISE)
        (again,) = sqlglot.parse(spark, read="spark")
        assert again is not None
        # A function that sqlglot does not know is passed on as it stands, and would fail only on the cluster.
        assert {found.name for found in statement.find_all(exp.Anonymous)} == set()


def test_no_window_counts_distinct_values() -> None:
    """Spark refuses that when it runs, not when it parses."""
    found = {
        path.name
        for path in _FILES
        for statement in sqlglot.parse(_text(path), read="duckdb")
        for window in (statement.find_all(exp.Window) if statement else ())
        if window.this.find(exp.Distinct)
    }
    assert found == set()


def test_sql_lives_in_sql_files() -> None:
    """A statement of any size inside Python escapes the tests above."""
    words = re.compile(r"\b(?:SELECT\b.+\bJOIN|GROUP BY|PARTITION BY|CREATE (?:OR REPLACE|TABLE))\b", re.DOTALL)
    python = [path for path in PACKAGE.rglob("*.py") if words.search(path.read_text(encoding="utf-8"))]
    assert [relative(path) for path in python] == []
