"""Every logged string is hostile: `safe` is what stands between it and a terminal."""

from __future__ import annotations

from tidewaiter.wording.visible import cut, visible


def safe(text: str, *, limit: int = 200) -> str:
    r"""Make a logged string harmless to print: controls as \x1b, overrides as \u202e, not over `limit` characters."""
    return cut(visible(text[: limit + 1]), limit)  # an escape is longer than what it stands for
