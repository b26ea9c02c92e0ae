"""What surrounds a command: how it was reached, which variables are set for it, what flows into it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

# A command cannot hold NUL, so these stand for what only the running shell knows.
LISTED = "\0listed\0"  # the output of a command that lists an inventory
UNKNOWN = "\0unknown\0"


def variable(name: str) -> str:
    """Give the word that stands for a variable whose value is not known."""
    return f"\0${name}\0"


def is_open(word: str) -> bool:
    """Tell whether a word holds something that only the running shell knows."""
    return "\0" in word


class Setting(NamedTuple):
    """What a reader must know beyond the words of the command itself."""

    traits: frozenset[str] = frozenset()
    variables: Mapping[str, str] = MappingProxyType({})
    given: str | None = None  # what flows into its standard input, when the text shows it
    depth: int = 0
    fed_by_listing: bool = False  # an inventory listing flows into its standard input

    def with_traits(self, *more: str) -> Setting:
        """Give this setting with further traits."""
        return self._replace(traits=self.traits.union(more)) if more else self
