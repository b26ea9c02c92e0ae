"""Golden files: what a reader gave when somebody last looked. `TIDEWAITER_GOLDEN=1 pytest …` rewrites them."""

from __future__ import annotations

import os
from pathlib import Path


def check_golden(path: Path, text: str) -> None:
    """Compare a text with its golden file, or rewrite the file when TIDEWAITER_GOLDEN=1 is set."""
    if os.environ.get("TIDEWAITER_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    assert path.exists(), f"no golden file {path}; write it with TIDEWAITER_GOLDEN=1 and read it before you commit"
    assert text == path.read_text(encoding="utf-8"), f"differs from {path}; TIDEWAITER_GOLDEN=1 rewrites it"
