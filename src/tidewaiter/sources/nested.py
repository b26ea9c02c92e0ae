"""Finds a field in a JSON record whose keys may be nested, joined by dots, or both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DEEP = 12  # levels; no schema has more


def field(record: Mapping[str, Any], path: str, deep: int = _DEEP) -> Any:
    """Give the value of `process.parent.name`, however its parts are joined; None when it is not there."""
    value = record.get(path)
    if value is not None:
        return value
    at = path.find(".")
    while at > 0 and deep:
        inner = record.get(path[:at])
        if isinstance(inner, dict):
            found = field(inner, path[at + 1 :], deep - 1)
            if found is not None:
                return found
        at = path.find(".", at + 1)
    return None


def flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """Give every value under its full name, parts joined by dots; parts may also be joined by "__" or "/"."""
    found: dict[str, Any] = {}
    waiting: list[tuple[str, Mapping[str, Any], int]] = [("", record, 0)]
    while waiting:
        prefix, inner, deep = waiting.pop()
        for key, value in inner.items():
            name = prefix + key.replace("__", ".").replace("/", ".")
            if isinstance(value, dict) and deep < _DEEP:
                waiting.append((f"{name}.", value, deep + 1))
            else:
                found.setdefault(name, value)
    return found
