"""The fields of original records that a user's Sigma rule may name, and how to read them from a record.

Two families of records: `process` (Sigma's taxonomy of process creation) and `kube-audit` (the names of the event
itself). The tables are `packs/vocabulary/sigma_fields.yml`. A value keeps its type; what is absent is no value at all,
which is another thing than an empty text or a JSON null.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Literal

import msgspec

from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import RecordKind

Family = Literal["process", "kube-audit"]
Element = str | int | float | bool | None  # None: the field is there, and null
Elements = tuple[Element, ...]

EVERYTHING = ""  # the "field" of a keyword: every value of the record
_DEEPEST = 40  # levels of nesting that keywords are looked for in


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field: its own name, and every place of a record where it may be."""

    name: str
    paths: tuple[str, ...]  # dotted
    number: bool = False


def family(kind: RecordKind) -> Family:
    """Say which names the records of a kind have."""
    return "kube-audit" if kind == "kube-audit" else "process"


@cache
def _table(of: Family) -> Mapping[str, Any]:
    found: Mapping[str, Any] = load("sigma_fields.yml")[of]
    return found


@cache
def find(of: Family, name: str) -> Field | None:
    """Find a field by the name a rule gives it, or by one of its other spellings; None when no record can have it."""
    table = _table(of)
    if name == EVERYTHING:
        return Field(name=name, paths=())
    if name in table.get("in-pods", {}):
        return Field(name=name, paths=tuple(_in_pods(table, table["in-pods"][name])))
    plain = table["aliases"].get(name, name)
    parts = plain.split(".")
    is_open = any(".".join(parts[:at]) in table.get("open", ()) for at in range(1, len(parts) + 1))
    if plain not in table["fields"] and not is_open:
        return None
    return Field(name=plain, paths=(plain,), number=plain in table["numbers"])


def _in_pods(table: Mapping[str, Any], path: str) -> Iterator[str]:
    first, dot, rest = path.partition(".")
    for front in table["pods"]:
        for part in table["containers"] if first == "containers" else (first,):
            yield f"{front}.{part}{dot}{rest}"


def hint(of: Family, name: str) -> str:
    """Say what a rule may mean that names an unknown field."""
    table = _table(of)
    names = {item.casefold(): item for item in (*table["fields"], *table["aliases"], *table.get("in-pods", ()))}
    near = difflib.get_close_matches(name.casefold(), names, 1)
    if near:
        return f"did you mean {names[near[0]]!r}?"
    inside = [item for item in table["fields"] if item.rpartition(".")[2].casefold() == name.casefold()]
    if inside:
        return f"did you mean {inside[0]!r}?"
    more = f"; anything below {', '.join(table['open'])}" if table.get("open") else ""
    return f"fields are: {', '.join(table['fields'])}{more}"


def reader(field: Field) -> Callable[[Mapping[str, Any]], Elements]:
    """Make the function that reads a field of a decoded record."""
    if field.name == EVERYTHING:
        return lambda record: tuple(_everything(record, _DEEPEST))
    if len(field.paths) == 1 and "." not in field.paths[0]:
        return lambda record: _of(record, field.paths[0])
    paths = tuple(tuple(path.split(".")) for path in field.paths)
    return lambda record: tuple(item for path in paths for item in _below(record, path))


def _of(record: Mapping[str, Any], name: str) -> Elements:
    if name not in record:
        return ()
    value = record[name]
    return (value,) if isinstance(value, str) else tuple(_elements(value))


def _below(value: Any, path: tuple[str, ...]) -> Iterator[Element]:
    """Follow a path through objects and through every item of lists; names may hold dots (annotations do)."""
    if not path:
        yield from _elements(value)
    elif isinstance(value, list):
        for item in value:
            yield from _below(item, path)
    elif isinstance(value, dict):
        for length in range(1, len(path) + 1):
            name = path[0] if length == 1 else ".".join(path[:length])
            if name in value:
                yield from _below(value[name], path[length:])


def _elements(value: Any) -> Iterator[Element]:
    """Give the values of a field: the items of a list, an object as the JSON it is."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from _elements(item)
    elif isinstance(value, dict):
        yield msgspec.json.encode(value).decode("utf-8", "replace")
    else:
        yield value


def _everything(value: Any, deepest: int) -> Iterator[Element]:
    if deepest and isinstance(value, dict):
        for item in value.values():
            yield from _everything(item, deepest - 1)
    elif deepest and isinstance(value, list | tuple):
        for item in value:
            yield from _everything(item, deepest - 1)
    elif value is not None:
        yield from _elements(value)
