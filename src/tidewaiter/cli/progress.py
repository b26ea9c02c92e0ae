"""Progress on a terminal's stderr: elapsed time, bytes, records and findings. No guess of the end."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self, TextIO

from tidewaiter.wording import Wording

_EVERY = 0.2  # seconds between two drawings
_CLEAR = "\r\x1b[K"  # ECMA-48: carriage return, erase to the end of the line
_UNITS = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000


def wants_progress(*, terminal: bool, environment: Mapping[str, str], asked: bool = True) -> bool:
    """Decide on progress: only on a terminal that can redraw a line, and not against --no-progress."""
    return asked and terminal and environment.get("TERM") != "dumb"


class Progress:
    """One line that is drawn over and over; silent unless `enabled`."""

    def __init__(
        self,
        stream: TextIO,
        wording: Wording,
        *,
        enabled: bool,
        clock: Callable[[], float] = time.monotonic,
        columns: Callable[[], int] = lambda: shutil.get_terminal_size().columns,
    ) -> None:
        self._stream = stream
        self._say = wording
        self._enabled = enabled
        self._clock = clock
        self._columns = columns
        self._began = clock()
        self._drawn = float("-inf")
        self._visible = False

    def update(self, *, read: int, records: int, findings: int = 0) -> None:
        """Redraw the line, unless it was drawn less than a fifth of a second ago; cheap enough for every block."""
        now = self._clock()
        if not self._enabled or now - self._drawn < _EVERY:
            return
        self._drawn = now
        line = self._say.say(
            "progress.line",
            elapsed=_elapsed(int(now - self._began)),
            size=self._size(read),
            records=self._say.many("count.records", records),
            findings=self._say.many("progress.findings", findings),
        )
        # A line that wraps could not be drawn over.
        self._stream.write(f"{_CLEAR}{line[: self._columns() - 1]}")
        self._stream.flush()
        self._visible = True

    def clear(self) -> None:
        """Take the line away, before something else is written or at the end."""
        if self._visible:
            self._stream.write(_CLEAR)
            self._stream.flush()
            self._visible = False

    def _size(self, number: float) -> str:
        unit = 0
        while number >= _STEP and unit < len(_UNITS) - 1:
            number, unit = number / _STEP, unit + 1
        return self._say.say(f"size.{_UNITS[unit]}", n=round(number, 1) if unit else int(number))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()


def _elapsed(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
