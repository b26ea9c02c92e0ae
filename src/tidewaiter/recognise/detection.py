"""Turns the detection of a Sigma rule, as pySigma parsed it, into a condition, and refuses what could never hold."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, cast

from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Plane
from tidewaiter.recognise.document import Document
from tidewaiter.recognise.fields import FIELDS, words
from tidewaiter.recognise.match import All, Condition, Either, How, Not, Term, Want, holds

_TEXT = frozenset(("contains", "startswith", "endswith", "all", "re", "i", "m", "s", "cased", "neq", "exists"))
_MODIFIERS = {
    "text": _TEXT,
    "address": _TEXT | {"cidr"},
    "number": frozenset(("gt", "gte", "lt", "lte", "neq", "exists")),
    "list": _TEXT,
}
_EVERYWHERE = frozenset(("windash", "expand"))  # the first has no effect here: no field holds a Windows command line
# Name in %...% -> list in packs/vocabulary.
_PLACEHOLDERS = {"offensive_tools": "offensive_tools.yml", "web_accounts": "web_accounts.yml"}


def check(document: Document, reads: Sequence[Plane]) -> dict[str, Any]:
    """Check the shape, fields and modifiers of a detection before pySigma sees it; give it with what we expand."""
    detection = document.data.get("detection")
    if not isinstance(detection, dict) or not set(detection) - {"condition"}:
        raise document.error("the rule has no detection", "detection", hint="name what must be seen, and a condition")
    ready: dict[str, Any] = {}
    for name, definition in detection.items():
        if name == "condition":
            ready[name] = definition
            continue
        ready[name] = _definition(document, reads, definition, ("detection", name))
    condition = detection.get("condition")
    if not isinstance(condition, str) or not condition.strip():
        raise document.error("the detection has no condition, or more than one", "detection", "condition")
    return ready


def _definition(document: Document, reads: Sequence[Plane], given: Any, keys: tuple[str | int, ...]) -> Any:
    if isinstance(given, list) and given and all(isinstance(part, dict) for part in given):
        return [_definition(document, reads, part, (*keys, at)) for at, part in enumerate(given)]
    if not isinstance(given, dict):
        raise document.error(
            "a search identifier must be a mapping of fields, or a list of such mappings",
            *keys,
            hint="words without a field (keywords) are not supported: name the field, such as text|contains",
        )
    if not given:
        raise document.error(f"search identifier {keys[1]!r} is empty", *keys)
    return {_key(document, reads, key, (*keys, key)): _expand(document, key, value, (*keys, key))
            for key, value in given.items()}  # fmt: skip


def _key(document: Document, reads: Sequence[Plane], key: Any, keys: tuple[Any, ...]) -> str:
    name, *modifiers = str(key).split("|")
    field = FIELDS.get(name)
    if field is None:
        near = difflib.get_close_matches(name, FIELDS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"fields are: {', '.join(FIELDS)}"
        raise document.error(f"unknown field {name!r}", *keys, hint=hint)
    for plane in reads:
        if plane not in field.planes:
            raise document.error(
                f"field {name!r} never exists on plane {plane!r}",
                *keys,
                hint=f"it exists on: {', '.join(field.planes)}; write a rule of its own for the other planes",
            )
    for modifier in modifiers:
        if modifier not in _MODIFIERS[field.sort] | _EVERYWHERE:
            raise document.error(
                f"modifier {modifier!r} is not supported for field {name!r}",
                *keys,
                hint=f"it takes: {', '.join(sorted(_MODIFIERS[field.sort]))}",
            )
    return "|".join((name, *(m for m in modifiers if m not in _EVERYWHERE)))


def _expand(document: Document, key: str, value: Any, keys: tuple[Any, ...]) -> Any:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise document.error("the list of values is empty", *keys)
    if any(isinstance(item, dict | list) for item in values):
        raise document.error("a value must be a word, a number or null", *keys)
    if "expand" not in str(key).split("|"):
        return value
    found: list[Any] = []
    for item in values:
        name = str(item).strip("%")
        if str(item) != f"%{name}%" or name not in _PLACEHOLDERS:
            known = ", ".join(f"%{known}%" for known in _PLACEHOLDERS)
            raise document.error(f"unknown placeholder {item!r}", *keys, hint=f"placeholders are: {known}")
        found += load(_PLACEHOLDERS[name])
    return found


def compile_detection(document: Document, detections: Any, tree: Any, reads: Sequence[Plane]) -> Condition:
    """Give the condition of a rule from pySigma's SigmaDetections and its condition, not yet resolved."""
    named = {
        name: _detection(document, name, detection, reads, ("detection", name))
        for name, detection in detections.detections.items()
    }
    used: set[str] = set()
    condition = _condition(document, tree, named, used)
    for name in named:
        if name not in used:
            raise document.error(
                f"search identifier {name!r} is not used by the condition",
                "detection",
                name,
                hint="name it in the condition, or remove it",
            )
    return condition


def _condition(document: Document, node: Any, named: Mapping[str, Condition], used: set[str]) -> Condition:
    kind = type(node).__name__
    if kind == "ConditionIdentifier":
        if node.identifier not in named:
            near = difflib.get_close_matches(node.identifier, named, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"identifiers are: {', '.join(named)}"
            raise document.error(
                f"the condition names {node.identifier!r}, which the detection does not have",
                "detection",
                "condition",
                hint=hint,
            )
        used.add(node.identifier)
        return named[node.identifier]
    if kind == "ConditionSelector":
        pattern = "*" if node.pattern == "them" else node.pattern
        # As the Sigma specification says, "them" and patterns leave out names that begin with an underscore.
        names = [name for name in named if fnmatchcase(name, pattern) and name[0] != "_"]
        if not names:
            raise document.error(f"no search identifier is like {node.pattern!r}", "detection", "condition")
        used.update(names)
        found = tuple(named[name] for name in names)
        joined = All if node.cond_class.__name__ == "ConditionAND" else Either
        return found[0] if len(found) == 1 else joined(found)
    parts = tuple(_condition(document, part, named, used) for part in node.args)
    if kind == "ConditionNOT":
        return Not(parts[0])
    return All(parts) if kind == "ConditionAND" else Either(parts)


def _detection(document: Document, name: str, node: Any, reads: Sequence[Plane], keys: tuple[Any, ...]) -> Condition:
    written = document.data["detection"][name] if len(keys) == 2 else document.data["detection"][name][keys[2]]  # noqa: PLR2004 - below a list
    parts: list[Condition] = []
    for at, item in enumerate(node.detection_items):
        if type(item).__name__ == "SigmaDetection":
            parts.append(_detection(document, name, item, reads, (*keys, at)))
        else:
            key = list(written)[at]
            parts.append(_term(document, name, item, reads, (*keys, key)))
    if len(parts) == 1:
        return parts[0]
    return Either(tuple(parts)) if node.item_linking.__name__ == "ConditionOR" else All(tuple(parts))


def _term(document: Document, clause: str, item: Any, reads: Sequence[Plane], keys: tuple[Any, ...]) -> Condition:
    field = item.field
    modifiers = [part for part in str(keys[-1]).split("|")[1:] if part not in (*_EVERYWHERE, "all", "neq")]
    wants = tuple(_want(document, field, value, modifiers, keys) for value in item.value)
    every = item.value_linking.__name__ == "ConditionAND"
    exact = {want.value for want in wants if want.how == "is"}
    if every and len(exact) > 1 and FIELDS[field].sort != "list":
        raise document.error(
            f"field {field!r} has one value and can never be all of {sorted(map(str, exact))}",
            *keys,
            hint="leave out |all: a list of values means any of them",
        )
    for want in wants:
        _can_occur(document, field, want, reads, keys)
    term = Term(clause=clause, field=field, wants=wants, every=every)
    return Not(term) if item.negated else term


def _can_occur(document: Document, field: str, want: Want, reads: Sequence[Plane], keys: tuple[Any, ...]) -> None:
    if want.how == "absent" or (want.how == "exists" and want.value is False):
        if FIELDS[field].always:
            raise document.error(f"field {field!r} is never absent", *keys)
        return
    known: Iterable[str] | None = tuple(reads) if field == "plane" else words(field)
    if known is None or any(holds(want, word) for word in known):
        return
    near = difflib.get_close_matches(str(want.value), known, 1)
    listed = f"did you mean {near[0]!r}?" if near else f"values are: {', '.join(sorted(known))}"
    raise document.error(f"field {field!r} can never have the value {want.shown!r}", *keys, hint=listed)


def _exists(value: Any, _: str) -> Want:
    return Want(how="exists", value=bool(value.exists), shown=f"exists {str(bool(value.exists)).lower()}")


def _limit(value: Any, front: str) -> Want:
    return Want(
        how=cast("How", value.op.name.lower()), value=value.number.number, shown=f"{front}{value.number.number}"
    )


def _regex(value: Any, front: str) -> Want:
    flags = "".join(sorted(value.sigma_to_re_flag[flag] for flag in value.flags))
    text = str(value.regexp.original)
    return Want(how="re", value=f"(?{flags}){text}" if flags else text, shown=f"{front}{text}")


_TYPED: dict[str, Callable[[Any, str], Want]] = {
    "SigmaNull": lambda _, __: Want(how="absent", shown="null"),
    "SigmaExists": _exists,
    "SigmaCompareExpression": _limit,
    "SigmaCIDRExpression": lambda value, front: Want(
        how="cidr", value=str(value.network), shown=f"{front}{value.cidr}"
    ),
    "SigmaRegularExpression": _regex,
}


def _want(document: Document, field: str, value: Any, modifiers: Sequence[str], keys: tuple[Any, ...]) -> Want:
    """Read one value as pySigma typed it. Type names are compared so that pySigma is imported in one place only."""
    kind, sort = type(value).__name__, FIELDS[field].sort
    front = "".join(f"{part} " for part in modifiers)
    make = _TYPED.get(kind)
    if make is not None:
        return make(value, front)
    if kind == "SigmaNumber":
        number = value.number
        return Want(how="is", value=number if sort == "number" else str(number), shown=str(number))
    if sort == "number" or kind == "SigmaBool":
        raise document.error(
            f"field {field!r} can never have the value {_plain(value)!r}",
            *keys,
            hint="it is a number" if sort == "number" else "put a word that looks like yes or no in quotes",
        )
    if kind not in ("SigmaString", "SigmaCasedString"):
        raise document.error(f"values of this sort are not supported: {_plain(value)!r}", *keys)
    return _string(document, value, keys)


def _plain(value: Any) -> str:
    return str(getattr(value, "number", getattr(value, "boolean", value)))


def _string(document: Document, value: Any, keys: tuple[Any, ...]) -> Want:
    cased = type(value).__name__ == "SigmaCasedString"
    shown = str(value)  # with the wildcards that contains, startswith and endswith stand for
    parts = [part if isinstance(part, str) else part.name for part in value.s]
    marks = tuple("x" if isinstance(part, str) else part.name for part in value.s)
    text = "".join(part for part in value.s if isinstance(part, str))
    text = text if cased else text.casefold()
    forms: dict[tuple[str, ...], How] = {
        ("x",): "is",
        ("x", "WILDCARD_MULTI"): "starts",
        ("WILDCARD_MULTI", "x"): "ends",
        ("WILDCARD_MULTI", "x", "WILDCARD_MULTI"): "contains",
    }
    if not parts:
        raise document.error("an empty text can never occur", *keys, hint="use null, or exists: false")
    if marks in forms:
        return Want(how=forms[marks], value=text, cased=cased, shown=shown)
    return Want(how="like", value="(?s)" + "".join(glob(value.s, cased=cased)), cased=cased, shown=shown)


def glob(parts: Sequence[Any], *, cased: bool) -> Iterator[str]:
    """Write a text with wildcards, in pySigma's parts, as a regular expression."""
    for part in parts:
        if isinstance(part, str):
            folded = part if cased else part.casefold()
            yield "".join(c if c.isalnum() or c == "_" or not c.isascii() else f"\\{c}" for c in folded)
        else:
            yield ".*" if part.name == "WILDCARD_MULTI" else "."
