"""Loads the vocabulary: what words mean is data in `packs/vocabulary/`."""

from __future__ import annotations

from functools import cache
from typing import Any

from tidewaiter import tables


def load(name: str) -> Any:
    """Give the content of `packs/vocabulary/<name>`, each time anew; the package guarantees that it is valid."""
    return tables.table("vocabulary", name)


@cache
def _classes() -> dict[str, str]:
    return {kind: name for name, kinds in load("classes.yml").items() for kind in kinds}


def resource_class(kind: str) -> str:
    """Name the class of inventory of a kind; a subresource is of its resource's class, a custom kind is "custom"."""
    return _classes().get(kind.partition("/")[0], "custom")


@cache
def traits() -> dict[str, str]:
    """Give every trait a reader may state, with its meaning."""
    found: dict[str, str] = load("traits.yml")
    return found
