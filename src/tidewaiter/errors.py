"""The one family of errors a user may see: what went wrong, where, and what to do next.

Anything else that is raised is a programming mistake and keeps its built-in type.
"""

from __future__ import annotations


class TidewaiterError(Exception):
    """Something the user can act on; printed as `error:` / `where:` / `hint:`, never as a traceback."""

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        lines = [f"error: {self.what}"]
        if self.where:
            lines.append(f"where: {self.where}")
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


class ConfigError(TidewaiterError):
    """The command line or the configuration asks for something that cannot be done."""


class RuleError(TidewaiterError):
    """A recogniser is not valid, or can never match."""


class SourceError(TidewaiterError):
    """An input, or one record of it, cannot be read."""


class StoreError(TidewaiterError):
    """The state directory cannot be used."""


class CollectError(TidewaiterError):
    """A host or cluster could not be asked for its configuration."""
