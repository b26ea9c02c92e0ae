"""Writes a configuration that explains itself: every key with its meaning and default, as the code states them."""

from __future__ import annotations

import ast
import inspect
import types
import typing
from collections.abc import Iterator
from typing import Any

import msgspec

from tidewaiter.settings import Settings
from tidewaiter.settings.secret import Secret

_WIDTH = 100


def explained() -> str:
    """Give a `tidewaiter.toml` in which every key has its default and is commented out."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# tidewaiter.toml: the configuration of `tidewaiter serve`. Every key has the default that is shown."
    yield '# Secrets are never written here: name a file ({ file = "/etc/tidewaiter/token" }) or a variable'
    yield '# of the environment ({ env = "TIDEWAITER_TOKEN" }).'
    yield ""
    sections = []
    for field, said in _fields(Settings):
        kinds = _structs(field.type)
        if kinds:
            sections.append((field, kinds))
        else:
            yield from _key(field, said)
    for field, kinds in sections:
        repeated = typing.get_origin(field.type) is tuple
        for kind in kinds:
            yield ""
            yield from _section(f"[[{field.encode_name}]]" if repeated else f"[{field.encode_name}]", kind, repeated)


def _section(title: str, kind: type[Any], repeated: bool) -> Iterator[str]:
    yield from _comment(inspect.cleandoc(kind.__doc__ or "").partition("\n")[0])
    yield f"# {title}" if repeated else title
    tag = kind.__struct_config__
    if tag.tag_field:
        yield f'# {tag.tag_field} = "{tag.tag}"'
    inner = []
    for field, said in _fields(kind):
        kinds = [one for one in _structs(field.type) if one is not Secret]
        if kinds:
            inner.append((field, kinds))
        else:
            yield from _key(field, said)
    for field, kinds in inner:
        listed = "tuple[" in str(field.type)
        name = f"{title.strip('[]')}.{field.encode_name}"
        for one in kinds:
            yield ""
            yield from _section(f"[[{name}]]" if listed else f"[{name}]", one, repeated=True)


def _key(field: msgspec.structs.FieldInfo, said: str) -> Iterator[str]:
    yield from _comment(said)
    if any(one is Secret for one in _structs(field.type)):
        yield f'# {field.encode_name} = {{ file = "/etc/tidewaiter/{field.encode_name}" }}'
    elif field.required:
        yield f"# {field.encode_name} = …   (needed)"
    elif field.default is None or field.default is msgspec.NODEFAULT:
        yield f"# {field.encode_name} =    (not set)"
    else:
        yield f"# {field.encode_name} = {_value(field.default)}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    return msgspec.json.encode(value).decode()


def _comment(text: str) -> Iterator[str]:
    line = "#"
    for word in text.split():
        if len(line) + len(word) >= _WIDTH:
            yield line
            line = "#"
        line += f" {word}"
    if line != "#":
        yield line


def _structs(kind: Any) -> list[type[Any]]:
    """Give the structs that a type is made of."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [kind]
    if typing.get_origin(kind) in {tuple, typing.Union, types.UnionType, typing.Annotated}:
        return [found for part in typing.get_args(kind) for found in _structs(part)]
    return []


def _fields(kind: type[Any]) -> Iterator[tuple[msgspec.structs.FieldInfo, str]]:
    """Give the fields of a struct with the comments that stand beside or above them in the code."""
    said = {name: text for base in reversed(kind.__mro__) for name, text in _comments(base).items()}
    for field in msgspec.structs.fields(kind):
        yield field, said.get(field.name, "")


def _comments(kind: type[Any]) -> dict[str, str]:
    if kind in {object, msgspec.Struct}:
        return {}
    try:
        source = inspect.cleandoc("\n" + inspect.getsource(kind))
    except (OSError, TypeError):  # installed without sources, or made at run time
        return {}
    lines = source.split("\n")
    found = {}
    (tree,) = ast.parse(source).body
    for node in getattr(tree, "body", ()):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            beside = lines[(node.end_lineno or node.lineno) - 1].partition("  # ")[2].partition("noqa")[0]
            above: list[str] = []
            at = node.lineno - 2
            while at >= 0 and lines[at].lstrip().startswith("# "):
                above.insert(0, lines[at].lstrip()[2:])
                at -= 1
            found[node.target.id] = " ".join([*above, beside]).strip()
    return found
