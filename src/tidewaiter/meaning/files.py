"""Says what reading a file tells: the inventory from an engine's own files, or what is around the actor.

Nothing is looked up: the path on the command line speaks. What the paths are is data, `packs/vocabulary/files.yml`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from typing import Any, NamedTuple, cast

from tidewaiter.meaning.setting import UNKNOWN, Setting
from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Meaning, Scope, Verb

MAX_FILES = 16  # files of one command that are told one by one
MAX_WORDS = 512
MAX_PATH = 4096
_HOME = re.compile(r"\A(?:~[\w.-]*|/root|/home/[^/]+|\0\$HOME\0)(?=/|\Z)")
_HOLE = re.compile(r"\{(name|namespace)\}")
_GLOB = re.compile(r"[*?\[{]")
_OPEN = re.compile(r"\0[^\0]*\0")
_LONG_ID = 12  # characters of a container's identifier that people use


class _Place(NamedTuple):
    """A path of the table, in parts."""

    parts: tuple[str, ...]
    patterns: tuple[re.Pattern[str] | None, ...]  # of the parts that hold more than plain letters
    verb: Verb
    kind: str
    inventory: bool


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = load("files.yml")
    return table


@cache
def file_readers() -> frozenset[str]:
    """Give the names of the programs whose arguments are looked at for files."""
    return frozenset(_table()["readers"].split())


@cache
def file_marks() -> re.Pattern[str]:
    """Give the pattern of which every path that means something has a match; case is as the path's."""
    return re.compile("|".join(map(re.escape, _table()["marks"])))


@cache
def _places() -> dict[str, tuple[_Place, ...]]:
    """Give the places by the first part of their path."""
    found: dict[str, list[_Place]] = {}
    for section in ("inventory", "surroundings"):
        for path, does in _table()[section].items():
            parts = tuple(path.strip("/").split("/"))
            verb, kind = does.split()
            place = _Place(parts, tuple(map(_pattern, parts)), cast("Verb", verb), kind, section == "inventory")
            found.setdefault(parts[0], []).append(place)
    return {first: tuple(sorted(places, key=lambda place: -len(place.parts))) for first, places in found.items()}


def _pattern(part: str) -> re.Pattern[str] | None:
    if "*" not in part and "{" not in part:
        return None
    pieces = re.split(r"(\{name\}|\{namespace\}|\*)", part)
    # `{name}_*` is greedy from the left in kubelet's names: no underscore can stand in a namespace or a pod's name.
    holes = {"*": ".*", "{name}": "(?P<name>[^_]*)", "{namespace}": "(?P<namespace>[^_]*)"}
    return re.compile("".join(holes.get(piece) or re.escape(piece) for piece in pieces if piece))


def read_files(program: str, words: Sequence[str], setting: Setting) -> list[Meaning]:
    """Say what the files among a program's words tell; `words` are those behind its name."""
    found: list[Meaning] = []
    for path in _paths(program, words[:MAX_WORDS]):
        meaning = _read_path(path)
        if meaning is not None and len(found) < MAX_FILES:
            found.append(_stated(meaning, program, setting))
    return list(dict.fromkeys(found))


def _stated(meaning: Meaning, tool: str, setting: Setting) -> Meaning:
    return Meaning(
        verb=meaning.verb,
        kind=meaning.kind,
        scope=meaning.scope,
        namespace=meaning.namespace,
        name=meaning.name,
        tool=tool,
        traits=tuple(sorted({*meaning.traits, *setting.traits})),
    )


def _paths(program: str, words: Sequence[str]) -> Iterator[str]:
    """Give the words that may be files."""
    values = frozenset(_table()["values"].get(program, "").split())
    given = _table()["pattern_first"].get(program)
    pattern = given is not None and not any(word in given.split() for word in words)
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in values:
            skip = True
        elif word.startswith("-") and "=" not in word:
            continue
        elif pattern and not word.startswith("-"):
            pattern = False
        else:
            path = word.rpartition("=")[2] if "=" in word else word  # dd if=…, --file=…
            if file_marks().search(path) or ("/" in path and _GLOB.search(path)):
                yield path.removeprefix("file://").removeprefix("@")


@lru_cache(maxsize=4096)
def _read_path(path: str) -> Meaning | None:
    """Say what one path means, None when it is none of the table's."""
    if len(path) > MAX_PATH:
        return None
    clean = posixpath.normpath("/" + _HOME.sub("/~", path.replace(UNKNOWN, "*"), count=1).lstrip("/"))
    clean = _OPEN.sub("*", clean)
    clean = clean.replace("/var/run/", "/run/", 1) if clean.startswith("/var/run/") else clean
    parts = clean.strip("/").split("/")
    found = _found(parts)
    if found is None:
        inner = _below_root(parts)
        found = _found(inner) if inner else None
    return found


def _below_root(parts: list[str]) -> list[str]:
    """Take off the folder where a host's root is mounted."""
    for root in sorted(_table()["roots"].split(), key=len, reverse=True):
        wanted = root.strip("/").split("/")
        if len(parts) > len(wanted) and all(map(fnmatchcase, parts, wanted)):
            rest = parts[len(wanted) :]
            return ["run", *rest[2:]] if rest[:2] == ["var", "run"] else rest
    return []


def _found(parts: list[str]) -> Meaning | None:
    # A pattern for the first part (`/v*/lib/docker`) is a search through the whole table: rare, and bounded by it.
    firsts = (
        [parts[0]] if not _GLOB.search(parts[0]) else [first for first in _places() if fnmatchcase(first, parts[0])]
    )
    for first in firsts:
        for place in _places().get(first, ()):
            meaning = _matched(place, parts)
            if meaning is not None:
                return meaning
    return None


def _matched(place: _Place, parts: list[str]) -> Meaning | None:
    if len(parts) < len(place.parts):
        return None
    told: dict[str, str] = {}
    for part, wanted, pattern in zip(parts, place.parts, place.patterns, strict=False):
        if part == wanted:
            continue
        if pattern is not None and (match := pattern.fullmatch(part)):
            told.update({key: value for key, value in match.groupdict().items() if value})
        elif not (_GLOB.search(part) and pattern is None and fnmatchcase(wanted, part)):
            return None
    return _meaning(place, told)


def _meaning(place: _Place, told: dict[str, str]) -> Meaning:
    if not place.inventory:
        return Meaning(verb=place.verb, kind=place.kind)
    name = told.get("name")
    namespace = told.get("namespace")
    if name and _GLOB.search(name):
        name = None
    if namespace and _GLOB.search(namespace):
        namespace = None
    many = name is None and place.kind != "nodes"
    verb: Verb = "list" if many and place.verb == "get" else place.verb
    scope: Scope = ("namespace" if namespace else "everything") if many else "one"
    if name and len(name) == 64 and re.fullmatch(r"[0-9a-f]+", name):  # noqa: PLR2004 - a sha256
        name = name[:_LONG_ID]
    return Meaning(verb=verb, kind=place.kind, scope=scope, namespace=namespace, name=name, traits=("inventory-file",))
