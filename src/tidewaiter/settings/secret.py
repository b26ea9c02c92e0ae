"""A secret that the configuration names and never holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from tidewaiter.errors import ConfigError


class Secret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a token or password is: in a file, or in a variable of the environment."""

    file: str | None = None
    env: str | None = None

    def __post_init__(self) -> None:
        if (self.file is None) == (self.env is None):
            raise ValueError("name either a file or an env")

    def read(self, environment: Mapping[str, str]) -> str:
        """Give the secret, without the newline at its end. Raises ConfigError when it is missing or empty."""
        where = self.file or f"environment variable {self.env}"
        hint = "write the secret there, readable only by the account that runs tidewaiter"
        try:
            found = Path(self.file).read_text(encoding="utf-8") if self.file else environment.get(self.env or "", "")
        except (OSError, UnicodeDecodeError) as problem:
            raise ConfigError(f"the secret cannot be read: {problem}", where=where, hint=hint) from problem
        found = found.removesuffix("\n").removesuffix("\r")
        if not found:
            raise ConfigError("the secret is empty", where=where, hint=hint)
        return found
