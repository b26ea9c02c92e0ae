"""Runs the whole way, from files to findings, and compares what comes out."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from tidewaiter.model import Finding, Origin
from tidewaiter.pipeline import Report, scan
from tidewaiter.recognise.pack import packaged
from tidewaiter.store import Store
from tidewaiter.wording import Wording

DATA = Path(__file__).parent / "data"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"  # labelled data, beside the project
NOWHERE = Origin(source="", path="", line=0, offset=0)


@cache
def lines(name: str) -> tuple[bytes, ...]:
    """Give the lines of a recording of `tests/data`, unpacked."""
    raw = (DATA / name).read_bytes()
    return tuple((gzip.decompress(raw) if name.endswith(".gz") else raw).splitlines(keepends=True))


def report(*paths: Path, **options: Any) -> Report:
    """Scan files with the packaged rules, in English, as a hunter: nothing is hidden."""
    with Store() as store:
        complete = {"persona": "hunter", "wording": Wording("en"), "pack": packaged(), **options}
        return scan([str(path) for path in paths], store=store, **complete)


def of_files(files: Mapping[str, bytes], **options: Any) -> Report:
    """Scan files with these names and contents, in the order given."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in files]
        for path, content in zip(paths, files.values(), strict=True):
            path.write_bytes(content)
        return report(*paths, **options)


def placeless(findings: tuple[Finding, ...]) -> list[Finding]:
    """Give findings without the places of their sightings, and without commands that search a file."""
    return [
        msgspec.structs.replace(
            found,
            sightings=tuple(msgspec.structs.replace(seen, origin=NOWHERE) for seen in found.sightings),
            chain=tuple(msgspec.structs.replace(link, origin=NOWHERE) for link in found.chain),
            explanation=msgspec.structs.replace(
                found.explanation,
                innocent=tuple(said for said in found.explanation.innocent if "grep" not in said),
                next=tuple(asked for asked in found.explanation.next if "grep" not in asked),
            ),
        )
        for found in findings
    ]


def unreadable(found: Report) -> int:
    """Count the pieces that could not be read."""
    counts: list[int] = [item.tally.unreadable for item in found.read]
    return len(found.problems) + sum(counts)
