"""Files, globs and folders: one thread looks at all of them in turn, and waits for the journal once a round.

Looking is cheap (one or two system calls a file), works on every file system and needs no limit of the kernel raised,
unlike inotify. With thousands of files the looks become rarer, so that they never take more than a tenth of a core.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable

from tidewaiter.service.tails.access import Roots
from tidewaiter.service.tails.feed import LONGEST_PAUSE, Feed, Put
from tidewaiter.service.tails.following import Followed
from tidewaiter.service.tails.listing import logs, roots_of
from tidewaiter.settings.tails import FileTail
from tidewaiter.sources.opening import shown

ROUND = 16 << 20  # bytes of lines that are on their way into the journal at the same time
_SHARE = 20  # of the time between two looks, at most one part goes into looking
_IDLE = 30.0  # seconds of silence after which a file may be closed, when too many are open


class Files:
    """One `[[tail]]` of kind file."""

    def __init__(self, settings: FileTail, feed: Feed, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._feed = feed
        self._clock = clock
        self._roots = Roots((*roots_of(settings.paths), *settings.links))
        self._followed: dict[str, Followed] = {}
        self._scanned: float | None = None  # when the folders were looked through
        self._rescan = settings.rescan
        self._failures = 0
        self._denied: set[str] = set()
        self._most_open = max(64, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)

    def run(self) -> None:
        """Follow until the tail is stopped."""
        self._feed.board.state("running")
        pause = 0.0
        while not self._feed.stop.wait(pause):
            pause = self.round()
        self.close()

    def close(self) -> None:
        """Close all files."""
        for followed in self._followed.values():
            followed.close()

    def round(self) -> float:
        """Look at everything once; gives the seconds until the next look."""
        now = self._clock()
        if self._scanned is None or now - self._scanned >= self._rescan:
            self._scan(now)
            self._rescan = max(self._settings.rescan, _SHARE * (self._clock() - now))
        began = self._clock()
        found = self._gather(now)
        if not found:
            return max(self._settings.poll, _SHARE * (self._clock() - began))
        kept = self._feed.offer([put for _, put in found])
        for (followed, _), ok in zip(found, kept, strict=True):
            if ok:
                followed.keep()
        if all(kept):
            self._failures = 0
            return 0.0
        self._failures += 1
        return min(LONGEST_PAUSE, 0.1 * float(1 << min(self._failures, 10)))

    def _gather(self, now: float) -> list[tuple[Followed, Put]]:
        """Take the next lines of every log, up to a bound; who comes late is first the next time."""
        found: list[tuple[Followed, Put]] = []
        size = 0
        for path, followed in list(self._followed.items()):
            put = followed.next(now)
            if put is not None:
                found.append((followed, put))
                size += len(put.data)
                self._followed[path] = self._followed.pop(path)
                if size >= ROUND:
                    break
        return found

    def _scan(self, now: float) -> None:
        """Look for new logs, and forget those that are gone and read."""
        first, self._scanned = self._scanned is None, now
        listed = self._listed()
        owned: dict[tuple[int, int], Followed | None]
        owned = {identity: log for log in self._followed.values() for identity in log.identities()}
        board = self._feed.board
        for path in listed:
            if path in self._followed:
                continue
            if len(self._followed) >= self._settings.max_files:
                board.trouble("too-many-files", self._settings.title, f"only {self._settings.max_files} are followed")
                break
            self._add(path, owned, first=first)
        else:
            board.over("too-many-files", self._settings.title)
        for path in self._followed.keys() - set(listed):
            if self._followed[path].over() or os.path.isdir(path):  # noqa: PTH112
                self._followed.pop(path).close()
        board.follows(len(self._followed))
        self._spare(now)

    def _listed(self) -> list[str]:
        board = self._feed.board
        denied: set[str] = set()

        def report(folder: str, problem: OSError) -> None:
            denied.add(shown(folder))
            board.trouble("no-access", shown(folder), problem.strerror or str(problem))

        listed = logs(self._settings.paths, self._settings.exclude, self._followed, report)
        for folder in self._denied - denied:
            board.over("no-access", folder)
        self._denied = denied
        return listed

    def _add(self, path: str, owned: dict[tuple[int, int], Followed | None], *, first: bool) -> None:
        """Begin to follow a log, unless it is a part of another one that was renamed, or a second name of one."""
        if path not in self._settings.paths:
            try:
                status = os.stat(path)  # noqa: PTH116
                identity = status.st_dev, status.st_ino
                if identity in owned and ((owner := owned[identity]) is None or owner.owns(path)):
                    return
                owned[identity] = None
            except OSError:
                pass  # the log itself will say it
        real = os.path.realpath(path)
        if first and not self._roots.inside(real):
            self._roots.allow(real)  # it leads there from the start; `Followed` compares with what was kept before that
        saved = self._feed.journal.position(shown(path))
        board = self._feed.board
        self._followed[path] = Followed(path, self._settings, self._roots, board, saved=saved, appeared=not first)

    def _spare(self, now: float) -> None:
        """Close quiet files when many are open."""
        if sum(followed.open_files for followed in self._followed.values()) > self._most_open:
            for followed in self._followed.values():
                followed.rest(now, _IDLE)
