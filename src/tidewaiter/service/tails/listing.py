"""Which logs there are: paths, globs and folders, without the rotated parts of other logs."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import PurePath

from tidewaiter.service.tails.rotated import is_rotated

Report = Callable[[str, OSError], None]  # which folder cannot be read, and why


def logs(patterns: Sequence[str], exclude: Sequence[str], known: Iterable[str], report: Report) -> list[str]:
    """List the logs that the patterns name now: named paths always, and what globs and folders hold.

    Hidden files, rotated parts (also of logs that are not there at the moment: `known`) and compressed files are left
    out, and links to a log that is listed itself.
    """
    named = [path for path in patterns if not glob.has_magic(path) and not os.path.isdir(path)]  # noqa: PTH112
    found: dict[str, None] = {}
    for pattern in patterns:
        if pattern not in named:
            found.update(dict.fromkeys(_matches(pattern, report)))
    kept = [path for path in _unrotated(found, known) if not _excluded(path, exclude)]
    listed = {*named, *kept}
    links = {path for path in kept if os.path.islink(path) and os.path.realpath(path) in listed}  # noqa: PTH114
    return [*dict.fromkeys(named), *(path for path in kept if path not in links and path not in named)]


def roots_of(patterns: Sequence[str]) -> tuple[str, ...]:
    """Name the folders that were asked for: those of named paths and of where they lead now, and the start of globs."""
    found: list[str] = []
    for pattern in patterns:
        if glob.has_magic(pattern):
            plain = list(_until_magic(PurePath(pattern).parts))
            found.append(str(PurePath(*plain)))
        elif os.path.isdir(pattern):  # noqa: PTH112
            found.append(pattern)
        else:
            found += [os.path.dirname(pattern), os.path.dirname(os.path.realpath(pattern))]  # noqa: PTH120
    return tuple(dict.fromkeys(found))


def _until_magic(parts: Sequence[str]) -> Iterator[str]:
    for part in parts[:-1]:
        if glob.has_magic(part):
            return
        yield part


def _matches(pattern: str, report: Report) -> Iterator[str]:
    if not glob.has_magic(pattern):
        yield from _below(pattern, report)
        return
    [folder] = roots_of([pattern])
    try:
        os.scandir(folder).close()  # `glob` does not say it
    except FileNotFoundError:
        return
    except OSError as problem:
        report(folder, problem)
    for path in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207 -- takes absolute patterns
        if os.path.isfile(path):  # noqa: PTH113
            yield path


def _below(folder: str, report: Report) -> Iterator[str]:
    """Walk a folder; links to files are followed, links to folders are not."""
    try:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return  # gone meanwhile
    except OSError as problem:
        report(folder, problem)
        return
    for entry in ordered:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path, report)
        elif entry.is_file(follow_symlinks=False) or (entry.is_symlink() and _leads_to_file(entry.path)):
            yield entry.path


def _leads_to_file(path: str) -> bool:
    """Tell whether a link leads to a file, or to something that may not be looked at: the log says so then."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116
    except PermissionError:
        return True
    except OSError:
        return False


def _unrotated(found: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    folders: dict[str, set[str]] = {}
    paths = list(found)
    for path in (*paths, *known):
        folder, name = os.path.split(path)
        folders.setdefault(folder, set()).add(name)
    for path in paths:
        folder, name = os.path.split(path)
        if not is_rotated(name, folders[folder]):
            yield path


def _excluded(path: str, exclude: Sequence[str]) -> bool:
    name = os.path.basename(path)  # noqa: PTH119
    return any(fnmatch(path if "/" in pattern else name, pattern) for pattern in exclude)
