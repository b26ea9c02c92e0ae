"""Peels wrappers off an input and hands what is inside to the readers of its formats.

    found = look_inside(sample_lines, known)       # once for each input: which wrappers, which formats
    peeled = Peeled(found, tally, known)
    for block in blocks:
        items = peeled.feed(block)                 # activities and occurrences, placed in the outer input

What is inside may be of several formats (a journal, an index): every record goes to the source that knows it. A record
of no known format is counted as one of another format (`Tally.foreign`), a broken one as unreadable, with its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from tidewaiter.sources.contract import Block, Source, Tally
from tidewaiter.sources.envelope.lanes import Counts, Item, Lane, Place, absorb
from tidewaiter.sources.envelope.shapes import NOTHING, NotWrappedError, Piece, Wrapper, as_object, carriers
from tidewaiter.sources.envelope.translated import TRANSLATORS

MAX_DEPTH = 6  # wrappers around one record; the deepest seen in use has four
MAX_JOINED = 32 << 20  # bytes of a record that came in parts
_MOST_JOINED = 1000  # records whose parts are waiting


def wrappers() -> tuple[Wrapper, ...]:
    """Give every wrapper that is known, the unmistakable ones first."""
    found: tuple[Wrapper, ...] = (*TRANSLATORS, *carriers())
    return tuple(sorted(found, key=lambda one: one.loose))


class Inside(NamedTuple):
    """What a sample holds: the wrappers from the outside in, the formats in the order of their share, and the share."""

    layers: tuple[Wrapper, ...]
    sources: tuple[Source, ...]
    share: float
    seen: int  # records of a known format
    of: int


def look_inside(
    records: Sequence[bytes], known: Sequence[Source], *, loose: bool = True, depth: int = 0
) -> Inside | None:
    """Find the wrappers of these records and what is in them; None when no known format is inside any wrapper.

    Without `loose`, only wrappers that nothing else looks like are tried.
    """
    values = [(raw, as_object(raw)) for raw in records]
    best: Inside | None = None
    for wrapper in wrappers():
        if wrapper.loose and (not loose or (best is not None and not best.layers[0].loose)):
            continue
        held = [(raw, value) for raw, value in values if wrapper.holds(raw, value)]
        if not held:
            continue
        inner = [piece.data for piece in _unwrapped(wrapper, held)]
        found = _formats(inner, known)
        deeper = (
            look_inside(inner, known, depth=depth + 1) if depth + 1 < MAX_DEPTH and not _sure(found, inner) else None
        )
        if deeper is not None and (found is None or deeper.share > found[1]):
            here = Inside((wrapper, *deeper.layers), deeper.sources, deeper.share, deeper.seen, deeper.of)
        elif found is not None:
            here = Inside((wrapper,), *found)
        else:
            continue
        here = here._replace(share=here.share * len(held) / len(records))
        if best is None or here.share > best.share:
            best = here
    return best


def _sure(found: tuple[Any, ...] | None, inner: Sequence[bytes]) -> bool:
    return found is not None and found[2] == len(inner)


def _unwrapped(wrapper: Wrapper, held: Iterable[tuple[bytes, dict[str, Any] | None]]) -> Iterator[Piece]:
    waiting = _Joined()
    for raw, value in held:
        try:
            pieces = wrapper.unwrap(raw, value)
        except (NotWrappedError, RecursionError):
            continue
        for piece in pieces:
            whole = None if piece.problem else waiting.join(piece)
            if whole is not None:
                yield from _single_lines(whole)


def _formats(records: Sequence[bytes], known: Sequence[Source]) -> tuple[tuple[Source, ...], float, int, int] | None:
    """Give the sources that recognise any of these records, those of most first."""
    counts = Counter({source.name: source.sniff(records) for source in known}) if records else Counter[str]()
    chosen = [source for source in sorted(known, key=lambda one: (-counts[one.name], one.name)) if counts[source.name]]
    if not chosen:
        return None
    seen = min(len(records), sum(counts[source.name] for source in chosen))
    return tuple(chosen), seen / len(records), seen, len(records)


def _single_lines(piece: Piece) -> Iterator[Piece]:
    """Make a payload one line: JSON is flattened, other text is taken apart."""
    data = piece.data.strip(b"\r\n")
    if b"\n" not in data and b"\r" not in data:
        yield piece._replace(data=data)
    elif data[:1] in (b"{", b"["):
        yield piece._replace(data=data.translate(_FLAT))
    else:
        for line in data.splitlines():
            yield piece._replace(data=line)


_FLAT = bytes.maketrans(b"\r\n", b"  ")


class _Joined:
    """Joins records that came in parts, for each stream of a container log."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[bytes]] = {}
        self._size = 0

    def join(self, piece: Piece) -> Piece | None:
        """Take a piece; gives the whole record once its last part came, or when it grew too large."""
        held = self._waiting.get(piece.stream)
        if held is None and not piece.more:
            return piece
        if held is None:
            if len(self._waiting) >= _MOST_JOINED:
                return piece
            held = self._waiting[piece.stream] = []
        held.append(piece.data)
        self._size += len(piece.data)
        if piece.more and self._size < MAX_JOINED:
            return None
        del self._waiting[piece.stream]
        self._size -= sum(map(len, held))
        return piece._replace(data=b"".join(held), more=False)

    def rest(self) -> list[bytes]:
        """Give what still waits for its end."""
        return [b"".join(parts) for parts in self._waiting.values()]


class Peeled:
    """Reads one input through its wrappers."""

    def __init__(self, inside: Inside, tally: Tally, known: Sequence[Source]) -> None:
        self.tally = tally
        self._layers = inside.layers
        self._known = known
        self._lanes: dict[str, Lane] = {source.name: Lane(source, tally) for source in inside.sources}
        self._recent = list(inside.sources)
        self._joined = [_Joined() for _ in inside.layers]
        self._settled: dict[str, Counts] = {}
        self._remarks: Counter[tuple[str, str | None]] = Counter()  # of wrapper and what it said

    @property
    def sources(self) -> tuple[Source, ...]:
        """The formats met so far, the one of most records first."""
        lanes = sorted(self._lanes.values(), key=lambda lane: -lane.tally.records)
        return tuple(lane.source for lane in lanes)

    def feed(self, block: Block) -> list[Item]:
        """Give the activities that are complete with this block."""
        data = bytes(block.data)
        offset = block.offset
        for number, raw in enumerate(data.split(b"\n"), block.line):
            line = raw.strip(b"\r\0")
            if line and not line.isspace():
                self._line(line, number, offset)
            offset += len(raw) + 1
        return self._read()

    def finish(self) -> list[Item]:
        """Give what was held back; a record whose end never came is counted."""
        for joined in self._joined:
            for part in joined.rest():
                self.tally.cannot_read(line=self._last.line, offset=self._last.offset, reason="no-end", raw=part)
        items = self._read()
        for lane in self._lanes.values():
            items += lane.finish()
        self._settle()
        for (wrapper, said), times in self._remarks.items():
            if said and (wrapper, None) not in self._remarks:
                self.tally.note(said, times)
        return items

    _last = Place(1, 0, NOTHING)

    def _read(self) -> list[Item]:
        items: list[Item] = []
        for lane in list(self._lanes.values()):
            items += lane.read()
        self._settle()
        return items

    def _line(self, raw: bytes, number: int, offset: int) -> None:
        self._last = Place(number, offset, NOTHING)
        self._peel(raw, 0, self._last)

    def _peel(self, raw: bytes, depth: int, place: Place) -> None:
        if depth == len(self._layers):
            self._give(raw, place, depth)
            return
        value = as_object(raw)
        wrapper = self._layers[depth]
        if wrapper.holds(raw, value):
            self._open(wrapper, raw, value, depth, place)
        else:
            self._give(raw, place, depth)

    def _open(self, wrapper: Wrapper, raw: bytes, value: dict[str, Any] | None, depth: int, place: Place) -> None:
        joined = self._joined[depth] if depth < len(self._joined) else _Joined()
        for piece in self._pieces(wrapper, raw, value, place):
            whole = joined.join(piece)
            if whole is None:
                continue
            around = whole.around.within(place.around)
            for single in _single_lines(whole):
                if single.data:
                    self._peel(single.data, depth + 1, place._replace(around=around))

    def _pieces(self, wrapper: Wrapper, raw: bytes, value: dict[str, Any] | None, place: Place) -> list[Piece]:
        """Take a wrapper off; what is damaged is counted."""
        try:
            pieces = wrapper.unwrap(raw, value)
        except (NotWrappedError, RecursionError) as problem:  # the latter: nested nearly as deep as Python goes
            self._cannot_read(f"not-unwrapped: {problem}", raw, place)
            return []
        self._remarks[wrapper.name, wrapper.remark(value)] += 1
        for piece in pieces:
            if piece.problem:
                self._cannot_read(f"not-unwrapped: {piece.problem}", raw, place)
        return [piece for piece in pieces if not piece.problem]

    def _give(self, raw: bytes, place: Place, depth: int) -> None:
        """Hand a record to the source that knows it."""
        record = [raw]
        for source in self._recent:
            if source.sniff(record):
                self._to(source, raw, place)
                return
        # Wrapped otherwise than the rest of the input, or more often.
        if depth < MAX_DEPTH:
            value = as_object(raw)
            for wrapper in wrappers():
                if not wrapper.loose and wrapper.holds(raw, value):
                    self._open_other(wrapper, raw, value, depth, place)
                    return
        for source in self._known:
            if source.sniff(record):
                if source.name not in self._lanes:
                    self._lanes[source.name] = Lane(source, self.tally)
                self._to(source, raw, place)
                return
        if raw[:1] == b"{" and as_object(raw) is None:
            self._cannot_read("broken-json", raw, place)
        else:
            self.tally.foreign += 1

    def _open_other(self, wrapper: Wrapper, raw: bytes, value: Any, depth: int, place: Place) -> None:
        for piece in self._pieces(wrapper, raw, value, place):
            around = piece.around.within(place.around)
            for single in _single_lines(piece):
                if single.data:
                    self._give(single.data, place._replace(around=around), depth + 1)

    def _to(self, source: Source, raw: bytes, place: Place) -> None:
        self._lanes[source.name].add(raw, place)
        if self._recent[0] is not source:
            self._recent = [source, *(one for one in self._recent if one is not source)]

    def _cannot_read(self, reason: str, raw: bytes, place: Place) -> None:
        self.tally.cannot_read(line=place.line, offset=place.offset, reason=reason, raw=raw)

    def _settle(self) -> None:
        """Add what the readers counted since the last time to the tally of the input."""
        for name, lane in self._lanes.items():
            before = self._settled.get(name, Counts())
            self._settled[name] = absorb(self.tally, lane, before)
