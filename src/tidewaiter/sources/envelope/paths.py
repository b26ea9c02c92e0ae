"""Where a value stands in a JSON record: `a.b`, `a[]` (each element), `0` (an element), `a{k}` (beside key k)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

_STEP = re.compile(r"([^.\[\]{}]*)(\[\])?(?:\{([^}]*)\})?(?:\.|\Z)")
_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float),
    "map": (dict,),
    "list": (list,),
    "any": (str, int, float, dict, list),
}

Steps = tuple[tuple[str, bool, str | None], ...]  # member, whether each element of it, key of an attribute in it


@lru_cache(maxsize=1024)
def steps(path: str) -> Steps:
    """Take a path apart. Raises ValueError when it is none."""
    found: list[tuple[str, bool, str | None]] = []
    at = 0
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None or step.end() == at:
            raise ValueError(f"not a path: {path}")
        found.append((step[1], step[2] is not None, step[3]))
        at = step.end()
    return tuple(found)


def each(value: Any, path: str) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Give every value at a path, with what it lies in, the innermost first. Without a path, the value itself."""
    yield from _each(value, steps(path), ())


def _each(value: Any, rest: Steps, around: tuple[Any, ...]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    if not rest:
        yield value, around
        return
    (member, every, key), rest = rest[0], rest[1:]
    found = _member(value, member) if member else value
    if key is not None:
        found = attribute(found, key)
    inside = (value, *around)
    if not every:
        if found is not None:
            yield from _each(found, rest, inside)
    elif isinstance(found, list):
        for item in found:
            yield from _each(item, rest, inside)


def _member(value: Any, member: str) -> Any:
    if isinstance(value, dict):
        return value.get(member)
    if isinstance(value, list) and member.isdecimal() and int(member) < len(value):
        return value[int(member)]
    return None


def attribute(value: Any, key: str) -> Any:
    """Give the value beside a key in a list of attributes (OTLP `KeyValue`), None without one."""
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict) and item.get("key") == key:
                return plain(item.get("value"))
    return None


def plain(value: Any) -> Any:
    """Turn an OTLP `AnyValue` into the value it stands for; anything else stays. OTLP 1.5, common.proto."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    (kind, inner), *_ = value.items()
    if kind in {"stringValue", "intValue", "doubleValue", "boolValue"}:
        return inner
    if kind == "arrayValue" and isinstance(inner, dict) and isinstance(inner.get("values"), list):
        return [plain(one) for one in inner["values"]]
    if kind == "kvlistValue" and isinstance(inner, dict):
        return pairs(inner)
    return value


def pairs(kvlist: dict[str, Any]) -> dict[str, Any]:
    """Turn an OTLP `KeyValueList` into an object."""
    values = kvlist.get("values")
    found = values if isinstance(values, list) else []
    return {str(one.get("key")): plain(one.get("value")) for one in found if isinstance(one, dict)}


def first(value: Any, path: str) -> Any:
    """Give the first value at a path, None when there is none."""
    return next((found for found, _ in each(value, path)), None)


def holds(value: Any, path: str, kind: str) -> bool:
    """Tell whether the first value at a path is of this kind: text, number, map, list, any."""
    found = first(value, path)
    if isinstance(found, bool):
        return False
    return isinstance(found, _TYPES[kind])


def looked_up(item: Any, around: tuple[Any, ...], paths: tuple[str, ...]) -> Any:
    """Give what the first of these paths finds in an item, or in what it lies in."""
    for path in paths:
        for where in (item, *around):
            found = first(where, path)
            if found is not None and found not in ("", "-"):
                return found
    return None
