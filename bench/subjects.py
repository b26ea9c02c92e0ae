"""What the mutation campaign damages: every format and every wrapper, with sound records and a rule of what is given.

Seeds are the lines of `tests/data` that a format recognises, or a wrapper holds; a new format or wrapper with a sample
there takes part by itself. `tests/wrapped.py` writes the wrappers around records of Kubernetes, Docker and web servers.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import NamedTuple, Protocol

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.mutations import damaged, shuffled
from tidewaiter.model import Activity
from tidewaiter.sources.auditd_records import HEADER
from tidewaiter.sources.catalogue import sources
from tidewaiter.sources.contract import Block, Occurrence, RepeatingReader, Source, Tally
from tidewaiter.sources.envelope.layers import MAX_DEPTH, Inside, Peeled, look_inside, wrappers
from tidewaiter.sources.envelope.shapes import NotWrappedError, Wrapper, as_object
from tidewaiter.sources.linewise import json_object

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data"

Item = Activity | Occurrence


class Fed(Protocol):
    """Whatever takes blocks of lines: a reader of a format, or one that takes wrappers off first."""

    def feed(self, block: Block) -> Iterable[Item]:
        """Give what is complete with this block."""

    def finish(self) -> Iterable[Item]:
        """Give what still waited."""


class Range(NamedTuple):
    """How many records lie in some lines; `most` is None where that cannot be told from outside."""

    least: int
    most: int | None


class Subject(NamedTuple):
    """One format or wrapper under test."""

    name: str
    files: Mapping[str, int]  # where its seeds come from, and how many from each
    seeds: tuple[bytes, ...]  # sound lines, in the order of their files
    fed: Callable[[Tally], Fed]
    given: Callable[[Sequence[bytes]], Range]  # how many records lie in these lines
    whole: bool = False  # the rule holds for a whole log only: records span lines
    unparsed: bool = False  # what cannot matter is counted as read without a look at all of it
    inner: tuple[bytes, ...] = ()  # of a wrapper: sound records to be damaged before they are wrapped
    wrap: Callable[[bytes], list[bytes]] | None = None  # gives nothing for what it cannot hold


def lines_of(data: bytes) -> list[bytes]:
    """Give the lines that are not blank, without their ends."""
    return [line for line in data.split(b"\n") if not is_blank(line)]


def is_blank(line: bytes) -> bool:
    """Tell whether nothing stands in a line."""
    return not line.strip()


@cache
def samples() -> Mapping[str, tuple[bytes, ...]]:
    """Give the lines of every sample of `tests/data`, by file."""
    files = (path for path in sorted(DATA.rglob("*")) if path.is_file())
    wanted = [
        path for path in files if path.suffix in {".log", ".jsonl", ".txt", ".xml"} and ".golden." not in path.name
    ]
    return {str(path.relative_to(DATA)): tuple(lines_of(path.read_bytes())) for path in wanted}


def _seeds(knows: Callable[[bytes], bool]) -> Mapping[str, tuple[bytes, ...]]:
    found = {name: tuple(line for line in lines if knows(line)) for name, lines in samples().items()}
    return {name: lines for name, lines in found.items() if lines}


def _subject(name: str, seeds: Mapping[str, tuple[bytes, ...]], fed: Callable[[Tally], Fed]) -> Subject:
    lines = tuple(line for of_file in seeds.values() for line in of_file)
    return Subject(name, {file: len(found) for file, found in seeds.items()}, lines, fed, count_lines)


class _Whole:
    """Reads as the catalogue does: occurrences of templates, where a reader gives them."""

    def __init__(self, source: Source, tally: Tally) -> None:
        self._reader = source.reader(tally)

    def feed(self, block: Block) -> Iterable[Item]:
        if isinstance(self._reader, RepeatingReader):
            return self._reader.occurrences(block)
        return self._reader.feed(block)

    def finish(self) -> Iterable[Item]:
        return self._reader.finish()


def count_lines(lines: Sequence[bytes]) -> Range:
    """One record a line."""
    return _exactly(sum(not is_blank(line) for line in lines))


def _exactly(number: int) -> Range:
    return Range(number, number)


# The lists in which these formats may hold several records on one line.
_LISTS = {
    "kube-audit": ("items",),
    "cloudtrail": ("Records", "Events", "detail"),
    "azure-activity": ("records", "value"),
    "gcp-audit": ("entries",),
}


def listed(keys: Sequence[str], lines: Sequence[bytes]) -> Range:
    """One record a line, or one for each item of a list."""
    found = [_items(keys, line) for line in lines if not is_blank(line)]
    return Range(sum(found), sum(max(1, number) for number in found))  # an empty list may count as one that is broken


def _items(keys: Sequence[str], line: bytes) -> int:
    if not any(f'"{key}"'.encode() in line for key in keys):
        return 1
    record = json_object(line)
    if record is None or ("items" in keys and not str(record.get("kind")).endswith("List")):
        return 1
    inside = next((record[key] for key in keys if isinstance(record.get(key), list)), None)
    return 1 if inside is None else len(inside)


_LOST = re.compile(rb"\baudit: .*(?:backlog limit exceeded|audit_lost=[1-9]|audit_backlog=)")


def audit_events(lines: Sequence[bytes]) -> Range:
    """Lines of one event are one record; a line without an event's number is one by itself.

    The kernel's complaints about lost records are no records. A damaged line that still names its event may be taken
    as a part of it: the lines of an event that cannot matter are not looked at one by one.
    """
    found = [(list(HEADER.finditer(line)), line) for line in lines if not is_blank(line)]
    least = len({headers[0][3] for headers, _ in found if headers})
    most = len({header[3] for headers, _ in found for header in headers})  # two lines may be glued together
    alone = [line for headers, line in found if not headers and not _LOST.search(line)]
    return Range(least + sum(b" msg=audit(" not in line for line in alone), most + len(alone))


_SERIAL = re.compile(rb":(\d+)\)")


def events_named(line: bytes) -> set[bytes]:
    """Give what tells the audit events of a line apart from others; of any other line, the line itself."""
    return set(_SERIAL.findall(line)) or {line}


_EVENT = re.compile(rb"<Event[\s>]")
_FRAME = re.compile(rb"(?:<\?xml[^>]*>)?(?:</?Events[^>]*>|Record \d+)?\Z")


def xml_events(lines: Sequence[bytes]) -> Range:
    """Every start of an XML event is one record, every line of JSON, and every line between events that is neither."""
    number, is_open = 0, False
    for line in (line.strip(b"\r") for line in lines if not is_blank(line)):
        if line.lstrip()[:1] == b"{":
            number += 1
            continue
        starts = [found.start() for found in _EVENT.finditer(line)]
        if starts:
            number += len(starts)
            is_open = b"</Event>" not in line[starts[-1] :]
        elif is_open:
            is_open = b"</Event>" not in line
        elif not _FRAME.match(line.strip()):
            number += 1
    return _exactly(number)


def formats() -> Iterator[Subject]:
    """Give every format of the catalogue."""
    for source in sources():
        found = _subject(source.name, _seeds(partial(_knows, source)), _reader(source))
        if source.name == "auditd":
            found = found._replace(given=audit_events, whole=True)
        elif source.name in {"sysmon-linux", "windows-event"}:
            found = found._replace(given=xml_events, whole=True)
        elif source.name in _LISTS:
            found = found._replace(given=_of_lists(_LISTS[source.name]), unparsed=source.name == "kube-audit")
        yield found


def _knows(source: Source, line: bytes) -> bool:
    return source.sniff([line]) > 0


def _holds(wrapper: Wrapper, line: bytes) -> bool:
    return wrapper.holds(line, as_object(line))


def _reader(source: Source) -> Callable[[Tally], Fed]:
    return lambda tally: _Whole(source, tally)


def _of_lists(keys: Sequence[str]) -> Callable[[Sequence[bytes]], Range]:
    return lambda lines: listed(keys, lines)


def envelopes() -> Iterator[Subject]:
    """Give every wrapper, with each sort of record that can travel in it."""
    sys.path.insert(0, str(ROOT / "tests"))
    from wrapped import WRAPPED  # noqa: PLC0415 - the tests' own writer

    inner = {
        "json": samples()["kubernetes/audit.jsonl"],
        "text": (*samples()["web/nginx_combined.log"], *samples()["engine/dockerd26.log"]),
    }
    for wrapper in wrappers():
        own = {} if wrapper.loose else _seeds(partial(_holds, wrapper))
        found = [_inside(wrapper, wrapper.name, own, None, ())] if own else []
        if wrapper.name in WRAPPED:
            for sort, records in inner.items():
                wrap = _writer(WRAPPED[wrapper.name])
                with_records = tuple(line for record in records for line in wrap(record))
                if with_records:
                    found.append(
                        _inside(wrapper, f"{wrapper.name} ({sort})", {"tests/wrapped.py": with_records}, wrap, records)
                    )
        yield from (one for one in found if one)


def _writer(wrapped: Callable[[Sequence[str]], str]) -> Callable[[bytes], list[bytes]]:
    def wrap(record: bytes) -> list[bytes]:
        try:
            return [*_documents(wrapped([record.decode("utf-8", "replace")]))]
        except (ValueError, RecursionError):  # a wrapper that holds objects only
            return []

    return wrap


def _documents(text: str) -> Iterator[bytes]:
    """Write every JSON value on a line of its own; lines that are none stay as they are."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at) if text[at] in "{[" else (None, at)
        except ValueError:
            value = None
        if value is None:
            yield from lines_of(text[at:].encode())
            return
        for one in value if isinstance(value, list) else [value]:
            yield json.dumps(one, separators=(",", ":")).encode()
        at += len(text[at:]) - len(text[at:].lstrip())


def _inside(
    wrapper: Wrapper,
    name: str,
    seeds: Mapping[str, tuple[bytes, ...]],
    wrap: Callable[[bytes], list[bytes]] | None,
    inner: tuple[bytes, ...],
) -> Subject | None:
    lines = [line for of_file in seeds.values() for line in of_file]
    found = look_inside(lines, sources())
    if found is None or wrapper.name not in {layer.name for layer in found.layers}:
        return None
    return _subject(name, seeds, _peeled(found))._replace(
        given=_least(found.layers), unparsed=True, inner=inner, wrap=wrap
    )


def _peeled(inside: Inside) -> Callable[[Tally], Fed]:
    return lambda tally: Peeled(inside, tally, sources())


def _least(layers: Sequence[Wrapper]) -> Callable[[Sequence[bytes]], Range]:
    """One record a line at least, but for lines of wrappers in which nothing lies, or a part of a record only."""
    known = (*layers, *(one for one in wrappers() if not one.loose))

    def least(line: bytes, deep: int = MAX_DEPTH) -> int:
        if is_blank(line):
            return 0
        value = as_object(line)
        for wrapper in known if deep else ():
            if wrapper.holds(line, value):
                try:
                    pieces = wrapper.unwrap(line, value)
                except (NotWrappedError, RecursionError):
                    return 1
                return int(any(not piece.more and least(piece.data.strip(b"\r\n\0"), deep - 1) for piece in pieces))
        return 1

    def given(lines: Sequence[bytes]) -> Range:
        return Range(sum(least(line.strip(b"\r\0")) for line in lines), None)

    return given


class Log(NamedTuple):
    """Lines of damaged records; `exact` says how many records they hold where their wrapper is sound."""

    lines: tuple[bytes, ...]
    exact: int | None = None


def log_of(subject: Subject, random: Random, records: int) -> Log:
    """Make a log of damaged records; a few stay sound."""
    if subject.wrap is not None and random.random() < 0.5:
        inner = [b" ".join(one.split()) for one in _damaged(random, subject.inner, records)]
        wrapped = [lines for one in inner if one.strip(b"\0") and (lines := subject.wrap(one))]
        return Log(tuple(line for lines in wrapped for line in lines), len(wrapped))
    found = _damaged(random, shuffled(random, subject.seeds) if subject.whole else subject.seeds, records)
    return Log(tuple(b"\n".join(found).split(b"\n")))


def _damaged(random: Random, seeds: Sequence[bytes], records: int) -> list[bytes]:
    start = random.randrange(len(seeds))
    lines = [seeds[(start + index) % len(seeds)] for index in range(records)]
    return [line if random.random() < 0.1 else damaged(random, line, seeds) for line in lines]
