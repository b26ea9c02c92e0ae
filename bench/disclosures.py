"""Score what container logs give away: labelled lines that were told, and lines told beyond their labels."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from bench.render import rows
from bench.scores import Place

# Words of the labels -> words of the product.
CATEGORIES = {
    "secret": "credential",
    "cloud": "cloud-provider",
    "cluster": "cluster",
    "service": "service",
    "config": "configuration",
    "version": "version",
}
_ATTRIBUTES = "log-opt"  # the stream of what the log driver adds to every record: no line of the container


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """One record of a log, by its line."""

    line: int
    categories: tuple[str, ...]
    partial: bool = False  # the engine cut the line here: what lies across belongs to both records


class Disclosed(msgspec.Struct, frozen=True, kw_only=True):
    """The part of `tidewaiter.disclosure/1` that is scored: the lines between the first and the last are not known."""

    category: str
    first: Place
    last: Place
    streams: tuple[str, ...] = ()


class CategoryScore(msgspec.Struct, frozen=True, kw_only=True):
    """How many lines of a category were told."""

    category: str
    lines: int
    told: int
    beyond: int  # lines that were told without that label
    missed: tuple[str, ...] = ()  # "log:line"


def labelled_logs(folder: Path) -> list[tuple[Path, Path]]:
    """Find the container logs of a folder that have labels."""
    found = []
    for path in sorted(folder.glob("*.labels.jsonl")):
        log = path.with_name(path.name.replace(".labels.jsonl", "-json.log"))
        if log.is_file():
            found.append((log, path))
    return found


def disclosed(command: Sequence[str], log: Path) -> tuple[Disclosed, ...]:
    """Let the product say what a log gives away. Raises CalledProcessError when it cannot."""
    argv = [*command, "disclose", str(log), "--format", "jsonl", "--no-second-opinion"]
    done = subprocess.run(argv, capture_output=True, check=True)
    return tuple(msgspec.json.Decoder(Disclosed).decode_lines(done.stdout))


def told(
    found: Mapping[str, Iterable[Disclosed]], labels: Mapping[str, Iterable[Labelled]]
) -> tuple[CategoryScore, ...]:
    """Compare what was told with the labels, by the name of the log."""
    wanted = {
        (log, one.line, CATEGORIES[name]) for log, lines in labels.items() for one in lines for name in one.categories
    }
    cut = {(log, one.line) for log, lines in labels.items() for one in lines if one.partial}
    said = {
        (log, place.line, one.category)
        for log, some in found.items()
        for one in some
        if _ATTRIBUTES not in one.streams
        for place in (one.first, one.last)
    }
    reached = {key for key in wanted if said & _same_line(key, cut)}
    beyond = {key for key in said if not wanted & _same_line(key, cut)}
    return tuple(
        CategoryScore(
            category=name,
            lines=sum(key[2] == name for key in wanted),
            told=sum(key[2] == name for key in reached),
            beyond=sum(key[2] == name for key in beyond),
            missed=tuple(f"{log}:{line}" for log, line, one in sorted(wanted - reached) if one == name),
        )
        for name in CATEGORIES.values()
    )


def _same_line(key: tuple[str, int, str], cut: set[tuple[str, int]]) -> set[tuple[str, int, str]]:
    """Give the records of the line that a record belongs to, where the engine cut it."""
    log, line, category = key
    first, last = line, line
    while (log, first - 1) in cut:
        first -= 1
    while (log, last) in cut:
        last += 1
    return {(log, number, category) for number in range(first, last + 1)}


def shown(made: Sequence[CategoryScore]) -> str:
    """Render the categories."""
    head = ("given away", "labelled lines", "told", "told beyond the labels", "missed")
    body = [(one.category, one.lines, one.told, one.beyond, " ".join(one.missed) or None) for one in made]
    return "## container logs\n\n" + rows(head, body) + "\n"
