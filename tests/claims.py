"""Which recordings a format takes for its own: it must never take those of another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

DATA = Path(__file__).parent / "data"
FOLDERS = ("auditd", "auditd_items", "ecs", "engine", "events", "kubernetes", "laurel", "maxpatrol", "web")


def claims(sniff: Callable[[Sequence[bytes]], int]) -> dict[str, int]:
    """Count the lines that a format recognises in each file of these folders, where it recognises any."""
    files = (path for folder in FOLDERS for path in sorted((DATA / folder).iterdir()))
    recordings = [path for path in files if path.name != "README.md" and ".golden." not in path.name]
    counts = {f"{path.parent.name}/{path.name}": sniff(path.read_bytes().splitlines()) for path in recordings}
    return {name: count for name, count in counts.items() if count}
