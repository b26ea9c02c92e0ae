"""Reads the tables of `packs/`: YAML that people write, and beside it the same in a form that is read at once.

Parsing all of the YAML would take a good part of a short run. `compiled.msgpack` holds the content of each file with a
checksum of its text: a file that was changed since is parsed anew, so nobody has to remember anything.
"""

from __future__ import annotations

import zlib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import msgspec

COMPILED = "compiled.msgpack"
FOLDERS = ("vocabulary", "wording")


def table(folder: str, name: str) -> Any:
    """Give the content of `packs/<folder>/<name>`, which has to exist and to be valid."""
    text = _folder(folder).joinpath(name).read_bytes()
    found = _compiled(folder).get(name)
    return msgspec.msgpack.decode(found[1]) if found and found[0] == zlib.crc32(text) else _parsed(text)


def compile_tables(folder: str) -> bytes:
    """Parse all tables of a folder and give what `table` reads (`make compiled` writes it)."""
    texts = {name: _folder(folder).joinpath(name).read_bytes() for name in sorted(_names(_folder(folder)))}
    found = {name: (zlib.crc32(text), msgspec.msgpack.encode(_parsed(text))) for name, text in texts.items()}
    return msgspec.msgpack.encode(found)


def _parsed(text: bytes) -> Any:
    import yaml  # noqa: PLC0415 - not needed while all is compiled

    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe loaders only


def _folder(folder: str) -> Traversable:
    return files("tidewaiter").joinpath("packs", folder)


def _names(folder: Traversable, before: str = "") -> list[str]:
    found = []
    for item in folder.iterdir():
        if item.is_dir():
            found += _names(item, f"{before}{item.name}/")
        elif item.name.endswith(".yml"):
            found.append(before + item.name)
    return found


@cache
def _compiled(folder: str) -> dict[str, tuple[int, bytes]]:
    try:
        raw = _folder(folder).joinpath(COMPILED).read_bytes()
        return msgspec.msgpack.decode(raw, type=dict[str, tuple[int, bytes]])
    except (OSError, msgspec.MsgspecError):
        return {}
