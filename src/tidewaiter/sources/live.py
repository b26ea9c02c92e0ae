"""Reads a stream that never ends, piece by piece as it comes: the same readers and wrappers as for a file.

    reading = LiveReading("syslog/tcp")
    for item in reading.feed(lines, line=1, offset=0):
        ...

A format is recognised by content in the first pieces, and once more when nothing of a piece can be read any more:
whoever writes the stream may have changed it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tidewaiter.model import Activity
from tidewaiter.sources.catalogue import LARGE_SAMPLE, SAMPLE, SAMPLE_LINES, Guess, recognise_format, sources
from tidewaiter.sources.contract import Block, Matcher, Occurrence, Reader, RepeatingReader, Source, Tally
from tidewaiter.sources.envelope.layers import Peeled

Item = Activity | Occurrence
_PIECE = 1 << 18  # bytes given to a reader at once, as from a file


class LiveReading:
    """One stream while it is read: its format, once known, what was counted, and its activities."""

    def __init__(
        self, path: str, *, native: bool = True, matcher: Matcher | None = None, known: Sequence[Source] | None = None
    ) -> None:
        self.tally = Tally(path, native=native, matcher=matcher)
        self.source: Source | None = None
        self.wrappers: tuple[str, ...] = ()
        self._known = sources() if known is None else known
        self._reader: Reader | Peeled | None = None
        self._waiting: list[Block] = []  # of no known format so far
        self._sample: bytes | None = b""  # the first lines, as long as they are too few to be sure

    @property
    def sources(self) -> tuple[Source, ...]:
        """The formats that were met."""
        if isinstance(self._reader, Peeled):
            return self._reader.sources
        return (self.source,) if self.source else ()

    def feed(self, data: bytes, *, line: int, offset: int) -> list[Item]:
        """Give the activities that are complete with these lines. Never raises for bad data: it is counted."""
        if self._reader is None:
            return self._begin(Block(data, offset, line))
        held = self._make_sure(data) if self._sample is not None else []
        before = self.tally.records, self.tally.unreadable, self.tally.foreign
        found = self._read(Block(data, offset, line))
        if not found and self._understood_nothing(*before):
            guess = _guess(data, self._known)
            if guess.source is not None and guess.source not in self.sources:
                found = [*self._finish(), *self._take(guess, [Block(data, offset, line)])]
        return [*held, *found]

    def _make_sure(self, data: bytes) -> list[Item]:
        """Look again at the format while only few lines are known: a proxy's log may begin like any web server's."""
        sample = (self._sample or b"") + data
        guess = _guess(sample, self._known)
        held: list[Item] = []
        if guess.source is not None and guess.source not in self.sources:
            held = self._finish()
            self._take(guess, [])
        self._sample = sample if sample.count(b"\n") < SAMPLE_LINES and len(sample) < SAMPLE else None
        return held

    def _understood_nothing(self, records: int, unreadable: int, foreign: int) -> bool:
        worse = self.tally.unreadable - unreadable + self.tally.foreign - foreign
        return worse > 0 and self.tally.records - records <= self.tally.unreadable - unreadable

    def _begin(self, block: Block) -> list[Item]:
        self._waiting.append(block)
        sample = b"".join(bytes(one.data) for one in self._waiting)
        guess = _guess(sample, self._known)
        if guess.source is not None:
            waiting, self._waiting = self._waiting, []
            self._sample = sample if sample.count(b"\n") < SAMPLE_LINES else None
            return self._take(guess, waiting)
        while len(sample) > LARGE_SAMPLE and self._waiting:
            gone = bytes(self._waiting.pop(0).data)
            self.tally.foreign += gone.count(b"\n")
            sample = sample[len(gone) :]
        return []

    def _take(self, guess: Guess, waiting: Iterable[Block]) -> list[Item]:
        """Begin with a format, and read what was kept for it."""
        assert guess.source is not None  # noqa: S101 - both callers looked
        self.source = guess.source
        if guess.inside:
            self.wrappers = tuple(layer.name for layer in guess.inside.layers)
            self._reader = Peeled(guess.inside, self.tally, self._known)
        else:
            self.wrappers = ()
            self._reader = guess.source.reader(self.tally)
        return [item for block in waiting for item in self._read(block)]

    def _read(self, block: Block) -> list[Item]:
        reader = self._reader
        if reader is None:
            return []
        feed: Callable[[Block], Iterable[Item]] = (
            reader.occurrences if isinstance(reader, RepeatingReader) else reader.feed
        )
        found: list[Item] = []
        for piece in _pieces(block):
            found += feed(piece)
        return found

    def _finish(self) -> list[Item]:
        return list(self._reader.finish()) if self._reader else []


def _guess(sample: bytes, known: Sequence[Source]) -> Guess:
    """Say what these whole lines are; JSON over several lines does not come in a stream."""
    guess = recognise_format(sample[:LARGE_SAMPLE], known=known)
    return guess if guess.framing == "lines" else Guess(None, "lines", guess.why)


def _pieces(block: Block) -> Iterable[Block]:
    """Cut a large block between lines."""
    data, offset, line = bytes(block.data), block.offset, block.line
    start = 0
    while start < len(data):
        end = len(data)
        if end - start > _PIECE:
            end = data.rfind(b"\n", start, start + _PIECE) + 1 or data.find(b"\n", start) + 1 or len(data)
        piece = data[start:end]
        yield Block(piece, offset + start, line)
        line += piece.count(b"\n")
        start = end
