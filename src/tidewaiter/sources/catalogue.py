"""Which formats there are, which of them an input is in, and the loop that reads it.

    with read(found) as reading:
        print(reading.source.name if reading.source else reading.why)
        for batch in reading.batches():
            ...

A format is recognised by content, never by file name, once for each input, and then locked.
Reasons in `why` when no source is: `empty`, `binary: what it is`, `unknown-format`, or why it could not be opened; only
the last is counted as unreadable by the tally.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, islice
from typing import Literal, NamedTuple, Self

import msgspec

from tidewaiter.errors import SourceError
from tidewaiter.model import Activity
from tidewaiter.sources.blocks import BLOCK_SIZE, blocks, chunks, reason_of, wide_codec
from tidewaiter.sources.contract import Block, Matcher, Occurrence, RepeatingReader, Source, Tally
from tidewaiter.sources.documents import MAX_DOCUMENT, Scanner, documents, one_line
from tidewaiter.sources.envelope.layers import Inside, Peeled, look_inside
from tidewaiter.sources.opening import Input
from tidewaiter.sources.streams import Replay, Stream, fill, look

Framing = Literal["lines", "documents"]

SAMPLE = 64 << 10  # bytes looked at first
LARGE_SAMPLE = 1 << 20  # bytes looked at before giving up: long banners, single events of some 100 KB
SAMPLE_LINES = 50
MORE_LINES = 400  # spread over the rest of the sample, if the first ones are of no known format
BATCH = 500  # activities; documents come one at a time and would make batches of one

UNKNOWN = "unknown-format"
_SURE = 0.98  # share of sample records a format recognises from which nobody looks for wrappers
_MORE = 2  # how many times more records must be inside of a loose wrapper than are known as they stand
_CONTROL_SHARE = 0.03  # compressed or random data has 0.09, text next to none
# What a text may hold below 32: \b \t \n \v \f \r, ESC (colours), 0x1c-0x1f (auditd and RFC 7464 separate with them).
_CONTROLS = bytes(set(range(32)) - {8, 9, 10, 11, 12, 13, 27, 28, 29, 30, 31}) + b"\x7f"
_GAPS = re.compile(rb"\0{8,}")  # in a log after a crash; see blocks.py
_BINARY = (
    (0, b"\x7fELF", "a program"),
    (0, b"SQLite format 3\0", "an SQLite database"),
    (0, b"LPKSHHRH", "a systemd journal; give the output of `journalctl -o json` instead"),
    (0, b"ElfFile\0", "a Windows event log; convert it with `evtx_dump -o jsonl`"),
    (0, b"\xd4\xc3\xb2\xa1", "a packet capture"),
    (0, b"\xa1\xb2\xc3\xd4", "a packet capture"),
    (0, b"\x4d\x3c\xb2\xa1", "a packet capture"),
    (0, b"\x0a\x0d\x0d\x0a", "a packet capture"),
    (0, b"PAR1", "a Parquet file; export it as JSON lines"),
    (0, b"PK\x03\x04", "a zip archive inside another file; unpack it first"),
    (0, b"\x1f\x8b", "gzip data that is compressed twice; unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "Zstandard data that is compressed twice; unpack it first"),
    (0, b"\xfd7zXZ", "xz data that is compressed twice; unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (0, b"Rar!\x1a\x07", "a RAR archive; unpack it first"),
    (0, b"\x04\x22\x4d\x18", "LZ4 data; unpack it first"),
    (0, b"\x1f\x9d", "compress(1) data; unpack it first"),
    (257, b"ustar", "a tar archive; unpack it first"),
)


class Guess(NamedTuple):
    """The format of an input, as far as a sample shows."""

    source: Source | None
    framing: Framing
    why: str  # "12 of 50 lines", or why there is no source
    inside: Inside | None = None  # the wrappers to take off first
    share: float = 0.0  # of the records looked at, those of the format


@cache
def sources() -> tuple[Source, ...]:
    """List the formats: every module of this package that has a SOURCE, by name."""
    package = importlib.import_module(__package__)
    modules = (
        importlib.import_module(f"{__package__}.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    )
    found = (getattr(module, "SOURCE", None) for module in modules)
    return tuple(sorted((source for source in found if isinstance(source, Source)), key=lambda source: source.name))


def recognise_format(sample: bytes, *, whole: bool = True, known: Sequence[Source] | None = None) -> Guess:
    """Say which source reads an input that begins with this sample; `whole` when nothing follows the sample.

    The source that recognises the largest share of lines gets the input, however small the share: logs are mixed,
    and start with banners. Equal shares go by name. JSON whose values span lines is tried value by value.
    """
    known = sources() if known is None else known
    kind = _binary(sample)
    if kind:
        return Guess(None, "lines", f"binary: {kind}")
    text = _text(sample)
    if not text.strip():
        return Guess(None, "lines", "binary: nothing but zero bytes" if b"\0" in sample else "empty")
    large = len(sample) > SAMPLE
    lines = _complete_lines(text, whole=whole)
    framings: list[Framing] = ["lines"]
    # Without one complete line nothing is known of the framing: an event may be larger than a small sample.
    if text.lstrip()[:1] in (b"{", b"[") and (lines or whole or large):
        framings.insert(1 if lines and _is_json(lines[0]) else 0, "documents")
        guess = _guess(lines[:SAMPLE_LINES], "lines", known) if framings[0] == "documents" and lines else None
        if guess and guess.share == 1.0:  # lines that only begin like JSON
            return guess
    for framing in framings:
        records = lines if framing == "lines" else _sample_documents(text, whole=whole)
        if framing == "documents" and framings[0] == framing and not (records or whole or large):
            break  # the first value is larger than the sample; its single lines would mislead
        for some in (records[:SAMPLE_LINES], records[SAMPLE_LINES :: len(records) // MORE_LINES + 1]):
            guess = _guess(some, framing, known)
            if guess:
                return guess
    return Guess(None, "lines", UNKNOWN)


def _guess(records: Sequence[bytes], framing: Framing, known: Sequence[Source]) -> Guess | None:
    """Say what these records are, bare or in a wrapper; None when no format is recognised."""
    best, source = _best(records, known)
    inside = look_inside(records, known, loose=best < len(records) * _SURE) if records else None
    if inside and (not inside.layers[0].loose or inside.share * len(records) >= _MORE * best):
        wrapped = " in ".join(layer.name for layer in reversed(inside.layers))
        why = f"{inside.seen} of {inside.of} records in {wrapped}"
        if source and source not in inside.sources:  # some records are wrapped, others of another format are not
            most = inside.share * len(records) > best
            inside = inside._replace(sources=(*inside.sources, source) if most else (source, *inside.sources))
        return Guess(inside.sources[0], framing, why, inside, inside.share)
    if source is None:
        return None
    return Guess(source, framing, f"{best} of {len(records)} {framing}", None, best / len(records))


def _best(records: Sequence[bytes], known: Sequence[Source]) -> tuple[int, Source | None]:
    """Find the source that recognises most of these records, if any recognises one."""
    best: tuple[int, Source | None] = (0, None)
    for source in sorted(known, key=lambda one: one.name):
        count = source.sniff(records) if records else 0
        if count > best[0]:
            best = (count, source)
    return best


def _binary(sample: bytes) -> str:
    """Say what sort of binary data this is; nothing for text."""
    for at, magic, kind in _BINARY:
        if sample.startswith(magic, at):
            return kind
    if wide_codec(sample):
        return ""
    dense = _GAPS.sub(b"", sample.lstrip(b"\0"))
    if len(dense) - len(dense.translate(None, _CONTROLS)) <= _CONTROL_SHARE * len(dense):
        return ""
    if max(dense[::2].count(0), dense[1::2].count(0)) > len(dense) * 0.4:
        return "UTF-16 without a byte order mark; convert it to UTF-8 with iconv"
    return "too many control characters for a text"


def _text(sample: bytes) -> bytes:
    codec = wide_codec(sample)
    if codec:
        return sample.decode(codec, "ignore").encode()
    return sample.removeprefix(b"\xef\xbb\xbf").lstrip(b"\0")


def _complete_lines(text: bytes, *, whole: bool) -> list[bytes]:
    """Take the complete lines that are not empty, without their line ends."""
    lines = text.split(b"\n")
    if not whole:
        lines.pop()
    return [line for line in (line.strip(b"\0\r") for line in lines) if line.strip()]


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _sample_documents(text: bytes, *, whole: bool) -> list[bytes]:
    """Take the first JSON values, each on one line."""
    # A list whose kind follows its items is only gone into when it is too large: so make it too large.
    for limit in (MAX_DOCUMENT, len(text) // 2):
        scanner = Scanner(Tally(""), limit)
        rest = scanner.finish() if whole else ()
        found = list(islice(chain(scanner.feed(Block(text, 0, 1)), rest), SAMPLE_LINES))
        if found:
            return [msgspec.json.format(block.data, indent=-1) for block in found if _is_json(bytes(block.data))]
    return []


class Reading:
    """One input while it is read: its source or why there is none, its tally, and its activities in batches."""

    def __init__(
        self,
        found: Input,
        tally: Tally,
        guess: Guess,
        stream: Stream | None = None,
        *,
        known: Sequence[Source] = (),
        offset: int = 0,
    ) -> None:
        self.input = found
        self.tally = tally
        self.source = guess.source
        self.sources = guess.inside.sources if guess.inside else (guess.source,) if guess.source else ()
        self.wrappers = tuple(layer.name for layer in guess.inside.layers) if guess.inside else ()
        self._inside = guess.inside
        self._known = known
        self.framing = guess.framing
        self.why = guess.why
        self._stream = stream
        self._offset = offset  # of the stream's first byte, in the input
        self._begun = False

    def batches(self, *, block_size: int = BLOCK_SIZE) -> Iterator[list[Activity]]:
        """Read the input; can be done once. Never raises for bad data or a failing disk: the tally counts it."""
        for batch in self.items(block_size=block_size):
            yield [item.activity() if isinstance(item, Occurrence) else item for item in batch]

    def items(self, *, block_size: int = BLOCK_SIZE) -> Iterator[list[Activity | Occurrence]]:
        """Read the input as `batches` does, with activities that repeat a template left as occurrences of it."""
        if self.source is None or self._stream is None or self._begun:
            return
        self._begun = True
        if self._inside:
            yield from self._peeled(self._inside, self._stream, block_size)
            return
        reader = self.source.reader(self.tally)
        feed: Callable[[Block], Iterable[Activity | Occurrence]] = (
            reader.occurrences if isinstance(reader, RepeatingReader) else reader.feed
        )
        batch: list[Activity | Occurrence] = []
        for block in self._blocks(self._stream, block_size):
            batch += feed(block)
            if batch and (self.framing == "lines" or len(batch) >= BATCH):
                yield batch
                batch = []
        batch += reader.finish()
        if batch:
            yield batch

    def _peeled(self, inside: Inside, stream: Stream, block_size: int) -> Iterator[list[Activity | Occurrence]]:
        """Read through the wrappers of the records."""
        peeled = Peeled(inside, self.tally, self._known)
        batch: list[Activity | Occurrence] = []
        for block in self._blocks(stream, block_size):
            batch += peeled.feed(block)
            if batch and (self.framing == "lines" or len(batch) >= BATCH):
                yield batch
                batch = []
        batch += peeled.finish()
        self.sources = peeled.sources
        if batch:
            yield batch

    def _blocks(self, stream: Stream, block_size: int) -> Iterator[Block]:
        if self.framing == "lines":
            return blocks(stream, tally=self.tally, block_size=block_size, offset=self._offset)
        pieces = chunks(stream, tally=self.tally, block_size=block_size, offset=self._offset)
        return map(one_line, documents(pieces, self.tally))

    def close(self) -> None:
        """Give the file back, read or not."""
        if self._stream:
            self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read(
    found: Input, *, known: Sequence[Source] | None = None, native: bool = True, matcher: Matcher | None = None
) -> Reading:
    """Open an input and recognise its format; nothing is read beyond a sample until batches are asked for.

    The `matcher` holds the user's own rules over original records: every record is then shown to it.
    """
    tally = Tally(found.path, native=native, matcher=matcher)
    known = sources() if known is None else known
    try:
        stream = found.open()
    except (OSError, SourceError) as error:
        why = reason_of(error)
        tally.cannot_read(line=1, offset=0, reason=why)
        return Reading(found, tally, Guess(None, "lines", why))
    gap, sample, rest = _first_text(stream)
    if gap:
        tally.note("nul-gap")
    guess = recognise_format(sample or b"\0" * min(gap, 1), whole=len(sample) < SAMPLE, known=known)
    if guess.why == UNKNOWN and len(sample) == SAMPLE:
        more, rest = look(rest, LARGE_SAMPLE - SAMPLE)
        sample += more
        guess = recognise_format(sample, whole=len(sample) < LARGE_SAMPLE, known=known)
    if guess.source is None:
        try:
            _fail_again(rest)
        except (OSError, SourceError) as error:
            # Nothing is known of the input because it could not be read, not because of what is in it.
            guess = guess._replace(why=reason_of(error))
            tally.cannot_read(line=1 + sample.count(b"\n"), offset=gap + len(sample), reason=guess.why)
    return Reading(found, tally, guess, Replay(sample, rest), known=known, offset=gap)


def _fail_again(rest: Stream) -> None:
    """Raise what the stream raised during the look ahead, if it did."""
    fill(rest, memoryview(bytearray(1)))


def _first_text(stream: Stream) -> tuple[int, bytes, Stream]:
    """Take a sample from behind a gap of zero bytes; gives the size of the gap, the sample and the rest."""
    gap = 0
    while True:
        sample, rest = look(stream, SAMPLE)
        if len(sample) < SAMPLE or sample.strip(b"\0"):
            return gap, sample, rest
        gap += len(sample)
