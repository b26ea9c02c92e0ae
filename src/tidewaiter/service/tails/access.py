"""Opens logs so that nobody who may write into a folder can make the service read a file elsewhere.

A symbolic link is followed into the folders that were asked for, into those that the settings name, and to where it
led when the tail began (or, after a restart, when its position was kept). A link that was swapped since is refused.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from tidewaiter.service.tails.reading import Plain

_GONE = " (deleted)"  # proc(5): what the name of an open file that is deleted ends with


class RefusedError(OSError):
    """The path leads where it must not."""


class Roots:
    """Where logs may be."""

    def __init__(self, folders: tuple[str, ...]) -> None:
        self._folders = tuple(dict.fromkeys(os.path.realpath(folder) for folder in folders))
        self._files: set[str] = set()

    def inside(self, real: str) -> bool:
        """Tell whether a path without links is below one of the folders."""
        return any(real == folder or real.startswith(folder.rstrip("/") + "/") for folder in self._folders)

    def allow(self, real: str) -> None:
        """Allow the folder of one more file: a link led to it from the start."""
        self._files.add(os.path.dirname(real))  # noqa: PTH120 -- a string of the system, compared as such

    def allowed(self, real: str) -> bool:
        """Tell whether a file may be read."""
        return self.inside(real) or os.path.dirname(real) in self._files  # noqa: PTH120


def open_regular(path: str | Path, roots: Roots) -> Plain:
    """Open a regular file for reading. Raises OSError, RefusedError when it is not in an allowed place."""
    real = os.path.realpath(path)
    if not roots.allowed(real):
        raise RefusedError(errno.EPERM, f"a symbolic link leads out of the folder, to {real}")
    # Non-blocking: opening a pipe must not wait for a writer.
    descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        _check(descriptor, roots)
    except OSError:
        os.close(descriptor)
        raise
    return Plain(descriptor)


def _check(descriptor: int, roots: Roots) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(errno.EINVAL, "not a file, but a folder, pipe, socket or device")
    with suppress(FileNotFoundError):  # /proc is not everywhere
        # A folder on the way may have been swapped for a link since the path was resolved.
        opened = str(Path(f"/proc/self/fd/{descriptor}").readlink()).removesuffix(_GONE)
        if not roots.allowed(opened):
            raise RefusedError(errno.EPERM, f"a symbolic link leads out of the folder, to {opened}")
