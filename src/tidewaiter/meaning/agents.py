"""What a client says it is. A user agent is chosen by the client: it is evidence of habit, never of identity."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from tidewaiter.meaning.vocabulary import load

_PRODUCT = re.compile(r"([^\s/();]{1,64})(?:/v?(\d{1,4})(?:\.(\d{1,4}))?)?")


@lru_cache(maxsize=16384)
def tool_name(agent: str | None) -> str | None:
    """Shorten a user agent to name and major.minor, so that a patch release is not a new tool.

    `kubectl/v1.32.5 (linux/amd64) kubernetes/9894294` gives `kubectl/1.32`. Client-go programs built without a
    version call themselves `name/v0.0.0`: those give the name alone. A browser is "browser".
    """
    if not agent:
        return None
    if agent.startswith("Mozilla/"):
        return "browser"
    found = _PRODUCT.match(agent.strip())
    if not found:
        return "unprintable"
    name, major, minor = found[1].lower(), found[2], found[3]
    if major is None or (major == "0" and minor == "0"):
        return name
    return f"{name}/{major}.{minor}" if minor else f"{name}/{major}"


@cache
def _agents() -> dict[str, tuple[str, ...]]:
    return {sort: tuple(names) for sort, names in load("kube_identities.yml")["agents"].items()}


def is_by_hand(tool: str | None) -> bool:
    """Tell whether a tool (see `tool_name`) is one with which people and their scripts ask for single objects."""
    return tool is not None and tool.startswith(_agents()["by_hand"])


def is_console(tool: str | None) -> bool:
    """Tell whether a tool (see `tool_name`) is a web console or a browser, behind which a person sits."""
    return tool is not None and tool.partition("/")[0] in _agents()["consoles"]
