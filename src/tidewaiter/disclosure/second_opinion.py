"""Asks another detector of secrets what it thinks of a line: CredSweeper, if it is installed (`tidewaiter[secrets]`).

Why this one (looked at in November 2026): it is maintained (Samsung, a release in October 2026), MIT, works offline
and verifies nothing with anybody. Of 25 made-up secrets in the forms logs have, it knew 19, detect-secrets 1.5.0 (no
release since May 2024, no answer about its future) 10, and its fork bc-detect-secrets 1.5.52 9; of 20 harmless lines,
CredSweeper took 1 for a secret, the others none. Its machine-learning model is not used: it judges source code.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata

from tidewaiter.disclosure.collecting import Ask, Said

_LONGEST = 64 << 10  # characters of a line it is asked about; longer ones are dumps that would take it seconds


def second_opinion() -> tuple[Ask, str] | None:
    """Give the other detector with its name and version; None when it is not installed."""
    try:
        with _quietly():
            from credsweeper import CredSweeper, FilesProvider  # noqa: PLC0415 - optional, and slow to import
    except ImportError:
        return None
    sweeper = CredSweeper(ml_threshold=0, pool_count=1)

    def ask(text: str) -> Sequence[Said]:
        if len(text) > _LONGEST:
            return ()
        files = FilesProvider([("line.log", io.BytesIO(text.encode("utf-8", "replace")))])
        with _quietly():
            found = [
                one for provider in files.get_scannable_files(sweeper.config) for one in sweeper.file_scan(provider)
            ]
        return [
            Said(str(one.rule_name), str(data.variable or ""), str(data.value))
            for one in found
            for data in one.line_data_list
            if data.value
        ]

    return ask, f"CredSweeper {metadata.version('credsweeper')}"


@contextmanager
def _quietly() -> Iterator[None]:
    """Let version 1.19 not warn that it will export some of the classes it uses itself no more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield
