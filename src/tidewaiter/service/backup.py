"""Copies everything that has to outlive the process, while it runs: `kill -USR1`, then copy `STATE/backup` away.

The store is copied first, then the outbox, the journal last: whatever the store does not have yet is in the journal,
and whatever the outbox remembers too much is not sent again. To restore, put the folder in place of an empty `state`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tidewaiter.errors import StoreError
from tidewaiter.service.journal import Journal, Place
from tidewaiter.store import Store

_FILES = ("verdicts.jsonl", "findings.jsonl")


def back_up(state: Path, *, store: Store, outbox: Callable[[Path], None], journal: Journal, since: Place) -> Path:
    """Write `state/backup` anew and give it; an earlier one stays until the new one is whole. Raises StoreError.

    `outbox` copies the outbox to a file; `since` is the place in the journal up to which the store has everything.
    """
    ready, partial, old = (state / name for name in ("backup", "backup.part", "backup.old"))
    try:
        for left in (partial, old):
            shutil.rmtree(left, ignore_errors=True)
        (partial / "store").mkdir(mode=0o700, parents=True)
        store.copy(partial / "store")
        outbox(partial / "outbox.sqlite")
        for name in _FILES:
            if (state / name).exists():
                shutil.copy2(state / name, partial / name)
        journal.copy(partial / "journal", since)
        if ready.exists():
            ready.rename(old)
        partial.rename(ready)
        shutil.rmtree(old, ignore_errors=True)
        os.sync()
    except OSError as problem:
        raise StoreError(
            f"the backup cannot be written: {problem.strerror or problem}",
            where=str(partial),
            hint="it needs as much room as the state itself; the earlier backup is kept",
        ) from problem
    return ready
