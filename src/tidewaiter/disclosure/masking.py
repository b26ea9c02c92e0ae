"""Hides secrets: enough is left to find the same one again, too little to use it or to guess it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from itertools import pairwise
from math import log2

HIDDEN = "***"
_SHOWN = 4  # characters at most, and never more than a quarter
_LONG = 20  # characters from which a value cannot be found by trying
_BITS = 60  # of Shannon entropy over the whole value, likewise
_DIGEST = 8  # hexadecimal digits
_SHORTEST = 4  # characters of a secret that is looked for elsewhere in a line
# A run that nobody reads as words: perhaps a secret that no pattern knows.
_RUN = re.compile(r"[A-Za-z0-9+_=~%-]{20,}")


def mask(secret: str) -> str:
    """Show how a secret begins, how long it is, and a digest to compare it by.

    A password that people choose gets no digest: who holds the report could try a dictionary against it.
    """
    if secret.startswith("-----BEGIN "):
        header, _, body = secret[5:].partition("-----")
        return f"-----{header}-----…" if not body else f"-----{header}-----… ({len(secret)}, sha256 {_digest(secret)})"
    begins = secret[: min(_SHOWN, len(secret) // 4)]
    if len(secret) >= _LONG and _entropy(secret) >= _BITS:
        return f"{begins}… ({len(secret)}, sha256 {_digest(secret)})"
    return f"{begins}… ({len(secret)})"


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]


def _entropy(text: str) -> float:
    return -sum(text.count(one) * log2(text.count(one) / len(text)) for one in set(text))


def without(text: str, secrets: Iterable[str]) -> str:
    """Take secrets that were recognised elsewhere in a line out of a value of it, and whatever may be another one."""
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, HIDDEN)
    return _RUN.sub(_veiled, text)


def _veiled(match: re.Match[str]) -> str:
    run = match[0]
    kinds = any(map(str.islower, run)) + any(map(str.isupper, run)) + any(map(str.isdigit, run))
    return mask(run) if kinds == 3 and _looks_random(run) else run  # noqa: PLR2004 - all of them


def _looks_random(run: str) -> bool:
    """Tell whether letters and digits alternate as in no name: names change between them once or twice."""
    changes = sum(a.isdigit() != b.isdigit() for a, b in pairwise(run) if (a + b).isalnum())
    return changes >= 4  # noqa: PLR2004 - measured: host names and paths stay below
