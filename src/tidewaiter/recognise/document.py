"""A rule as it was written, with the place of every part of it: an error must name the line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import yaml

from tidewaiter.errors import RuleError

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_BYTES = 1_000_000  # of one rule file; a rule is a page


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """One YAML document of a rule file."""

    path: str
    node: yaml.Node
    data: Mapping[str, Any]

    def error(self, what: str, *keys: str | int, hint: str = "") -> RuleError:
        """Make the error for the part under these keys; the line is that of the deepest key that exists."""
        return RuleError(what, where=f"{self.path}:{self.line(*keys)}", hint=hint)

    def line(self, *keys: str | int) -> int:
        """Give the 1-based line of a part."""
        node = self.node
        line = _first_line(node)
        for key in keys:
            found = _child(node, key)
            if found is None:
                break
            line, node = found
        return line


def documents(text: str, path: str) -> Iterator[Document]:
    """Give the rules of a file, one for each YAML document in it."""
    if len(text) > _MOST_BYTES:
        raise RuleError(f"the file is larger than {_MOST_BYTES} bytes", where=path, hint="a rule is a page of YAML")
    loader = None
    try:
        loader = _Loader(text)
        while loader.check_node():
            node = loader.get_node()
            _refuse_duplicates(node, path)
            data = loader.construct_document(node)
            if data is None:
                continue
            if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
                raise Document(path=path, node=node, data={}).error("a rule is a mapping with text keys")
            yield Document(path=path, node=node, data=data)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else path
        raise RuleError(f"not valid YAML: {getattr(problem, 'problem', None) or problem}", where=where) from problem
    except (ValueError, RecursionError) as problem:  # such as a date of the 31st of February
        raise RuleError(f"not valid YAML: {problem}", where=path) from problem
    finally:
        if loader is not None:
            loader.dispose()


def _refuse_duplicates(root: yaml.Node, path: str) -> None:
    """Refuse a key that stands twice in one mapping: YAML would silently keep the last."""
    waiting, seen = [root], {id(root)}
    while waiting:
        node = waiting.pop()
        children: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            keys: set[Any] = set()
            for key, value in node.value:
                name = key.value if isinstance(key, yaml.ScalarNode) else id(key)
                if name in keys:
                    raise RuleError(
                        f"key {name!r} stands twice in one mapping",
                        where=f"{path}:{_first_line(key)}",
                        hint="join the values in a list, or use two search identifiers",
                    )
                keys.add(name)
                children.append(value)
        elif isinstance(node, yaml.SequenceNode):
            children = node.value
        for child in children:
            if not isinstance(child, yaml.ScalarNode) and id(child) not in seen:  # an alias is one node, or a cycle
                seen.add(id(child))
                waiting.append(child)


def _first_line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1 if node.start_mark else 1


def _child(node: yaml.Node, key: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if getattr(name, "value", None) == key:
                return _first_line(name), value
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return _first_line(node.value[key]), node.value[key]
    return None
