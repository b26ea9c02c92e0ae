"""Every logged string is hostile: `safe` is what stands between it and a terminal."""

from __future__ import annotations

import re

from tidewaiter.wording.visible import cut, visible

_ANGLES = str.maketrans({"<": "\u2039", ">": "\u203a"})
_CALLS = re.compile(r"@(?=(?:everyone|here|channel|all)\b)", re.IGNORECASE)
_ADDRESS = re.compile(r"\b(?:ht|f)tp(?=s?://)", re.IGNORECASE)


def safe(text: str, *, limit: int = 200) -> str:
    r"""Make a logged string harmless to print: controls as \x1b, overrides as \u202e, not over `limit` characters."""
    return cut(visible(text[: limit + 1]), limit)  # an escape is longer than what it stands for


def inert(text: str, *, limit: int = 200) -> str:
    """Make a logged string harmless in chat and mail as well, where it would be obeyed as markup.

    Tags and Slack's <!channel> lose their brackets, @everyone calls nobody, [a](b) is no link, and an address is
    written hxxp, as is the custom: whoever reads a message at night must not be able to click on an attacker's words.
    """
    plain = safe(text, limit=limit).translate(_ANGLES).replace("](", "] (")
    return _ADDRESS.sub(_defanged, _CALLS.sub("@ ", plain))


def _defanged(match: re.Match[str]) -> str:
    return "fxp" if match[0][0] in "fF" else "hxxp"
