"""`tidewaiter disclose`: read container logs, say what they give away."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing

import click

from tidewaiter.cli import output as out
from tidewaiter.cli.errors import finished
from tidewaiter.disclosure import page, telling
from tidewaiter.disclosure.collecting import Collector, Disclosure, level_of
from tidewaiter.disclosure.entries import ATTRIBUTES, Entry, Unwrapper
from tidewaiter.disclosure.joining import Joiner, Line, Start
from tidewaiter.disclosure.second_opinion import second_opinion
from tidewaiter.disclosure.telling import Aside, Summary, Unread
from tidewaiter.errors import CollectError, ConfigError, SourceError
from tidewaiter.model import LEVELS, Level
from tidewaiter.sinks import jsonl
from tidewaiter.sources.blocks import blocks, reason_of
from tidewaiter.sources.catalogue import recognise_format
from tidewaiter.sources.contract import Block, Tally, Unreadable
from tidewaiter.sources.opening import Input, inputs
from tidewaiter.sources.streams import Replay, look
from tidewaiter.wording import LANGUAGES, Wording

FORMATS = ("text", "json", "jsonl")
MAX_LINE = 8 << 20  # bytes of one line of a file; Docker and the kubelet cut at 16 KiB
_SAMPLE = 64 << 10
# In the folder of a container, Docker keeps its settings beside the log: those are no log.
_SETTINGS = re.compile(r"(?:\A|/)([0-9a-f]{64})/(?!\1-json\.log|local-logs/|container-cached\.log)[^/]+\Z")
_NO_LOG = "not-a-log"
_EXAMPLES = """\b
Examples:
  tidewaiter disclose /var/log/pods /var/lib/docker/containers
  tidewaiter disclose --docker --fail-on high
  journalctl CONTAINER_NAME=web -o json | tidewaiter disclose - --format jsonl
  kubectl logs deploy/web --all-containers | tidewaiter disclose -"""


@click.command(epilog=_EXAMPLES)
@click.argument("paths", nargs=-1)
@click.option("--docker", is_flag=True, help="Read the logs of all containers of the engine on this machine.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="text: for people; json: one document; jsonl: one disclosure a line.",
)
@click.option("-o", "--output", metavar="FILE", help="Write the result there instead of standard output.")
@click.option("--fail-on", type=click.Choice(LEVELS), help="Exit with 10 when something is at or above this level.")
@click.option("--all", "everything", is_flag=True, help="Show everything of every container, not the worst only.")
@click.option(
    "--second-opinion/--no-second-opinion",
    "asks",
    default=True,
    help="Ask another detector about credentials, if it is installed (tidewaiter[secrets]).",
)
@click.option("--lang", type=click.Choice(LANGUAGES), help="Language of the words. Default: that of the environment.")
def disclose(
    *,
    paths: Sequence[str],
    docker: bool,
    form: str,
    output: str | None,
    fail_on: Level | None,
    everything: bool,
    asks: bool,
    lang: str | None,
) -> int:
    """Read container logs and say what they give away: settings, services, cloud, cluster, versions, credentials.

    PATHS are files, folders or - (standard input): Docker json-file, CRI, journalctl -o json, or plain text; gz, zst,
    bz2, xz and zip are unpacked. Secrets are never written out. Nothing is changed, and nobody is asked about them.
    """
    if not paths and not docker:
        raise ConfigError(
            "there is nothing to read", where="disclose", hint="give a PATH, or --docker for the engine on this machine"
        )
    words = out.wording(lang)
    other = second_opinion() if asks else None
    logs = _Logs(Collector(other[0] if other else None))
    logs.read(paths)
    if docker:
        logs.read_engine(os.environ)
    found = list(logs.collector.disclosures())
    summary = logs.summary(len(found), other[1] if other else None)
    _write(found, summary, form=form, output=output, words=words, top=None if everything else page.TOP)
    worst = fail_on is not None and any(LEVELS.index(level_of(one.kind)) >= LEVELS.index(fail_on) for one in found)
    incomplete = summary.unreadable or any(aside.reason != _NO_LOG for aside in summary.set_aside)
    return int(finished(found=worst, incomplete=bool(incomplete)))


class _Logs:
    """Reads logs into a collector, and keeps what could not be read. Every method changes it."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        self._files = 0
        self._long_lines = 0
        self._unreadable = 0
        self._places: list[Unread] = []
        self._aside: list[Aside] = []

    def read(self, paths: Sequence[str]) -> None:
        """Read files, folders and standard input."""
        for item in inputs(paths, report=self._cannot_open):
            if _SETTINGS.search(item.path) and item.path not in paths:
                self._aside.append(Aside(path=item.path, reason=_NO_LOG))
                continue
            try:
                stream = item.open()
            except (OSError, SourceError) as problem:
                self._count(item.path, 1, reason_of(problem))
                continue
            with closing(stream):
                self._file(item, stream)

    def _file(self, item: Input, stream: object) -> None:
        start, rest = look(stream, _SAMPLE)  # type: ignore[arg-type]  # what Input.open gave
        why = recognise_format(start, known=()).why
        if why.startswith(("binary", "empty")):
            if not why.startswith("empty"):
                self._aside.append(Aside(path=item.path, reason=why))
            return
        self._files += 1
        tally = Tally(item.path)
        joiner, unwrapper = Joiner(), Unwrapper(item.path)
        for block in blocks(Replay(start, rest), tally=tally, max_line=MAX_LINE):
            for raw, number, offset in _lines(block):
                found = unwrapper.take(raw, number, offset)
                if found.broken:
                    self._count(item.path, number, found.broken)
                if found.attributes and found.entry:
                    line = _attributes(found.attributes, found.entry)
                    self.collector.take_attributes(item.path, line)
                if found.entry:
                    self._take(item.path, joiner.take(found.entry))
        self._finish(item.path, joiner)
        for place in tally.places:
            self._count(item.path, place.line, place.reason)

    def read_engine(self, variables: Mapping[str, str]) -> None:
        """Read the logs of all containers of an engine; a container whose log it does not give is counted."""
        from tidewaiter.cli import engine_logs  # noqa: PLC0415 - the HTTP client is slow to import

        path = engine_logs.socket_of(variables)
        for container in engine_logs.containers(path):
            self._files += 1
            name, joiner = f"docker:{container.name}", Joiner()
            try:
                for entry in engine_logs.entries(path, container):
                    self._take(name, joiner.take(entry))
            except CollectError as problem:
                self._count(name, 1, f"no-engine-log: {problem.what}")
            self._finish(name, joiner)

    def _take(self, path: str, lines: Iterable[Line]) -> None:
        for line in lines:
            self.collector.take(path, line)

    def _finish(self, path: str, joiner: Joiner) -> None:
        self._take(path, joiner.finish())
        self._long_lines += joiner.long_lines

    def _cannot_open(self, problem: Unreadable) -> None:
        self._count(problem.path, problem.line, problem.reason)

    def _count(self, path: str, line: int, reason: str) -> None:
        # What stands there is not kept: it may hold a secret.
        self._unreadable += 1
        if len(self._places) < Tally(path).keep_places:
            self._places.append(Unread(path=path, line=line, reason=reason))

    def summary(self, told: int, other: str | None) -> Summary:
        """Say what was read."""
        return Summary(
            files=self._files,
            lines=self.collector.lines,
            long_lines=self._long_lines,
            told=told,
            times=self.collector.hits,
            left_out=sum(self.collector.left_out.values()),
            second_opinion=other,
            unreadable=self._unreadable,
            places=tuple(self._places),
            set_aside=tuple(self._aside),
        )


def _lines(block: Block) -> Iterator[tuple[bytes, int, int]]:
    """Give every line of a block that is not empty, with its number and place; spaces at its front belong to it."""
    offset = block.offset
    for number, whole in enumerate(bytes(block.data).split(b"\n"), block.line):
        raw = whole.rstrip(b"\r")
        if raw:
            yield raw, number, offset
        offset += len(whole) + 1


def _attributes(text: str, entry: Entry) -> Line:
    writer = entry.writer._replace(stream=ATTRIBUTES)
    return Line(text, writer, entry.at, (Start(0, entry.line, entry.offset),))


def _write(
    found: Sequence[Disclosure], summary: Summary, *, form: str, output: str | None, words: Wording, top: int | None
) -> None:
    if form == "jsonl":
        out.write(output, (jsonl.encoded(telling.record(one, words)) + b"\n" for one in found))
    elif form == "json":
        out.write(output, _document(found, summary, words))
    else:
        width, colour = out.width(), out.colour(output)
        out.write(output, page.render(found, summary, wording=words, width=width, colour=colour, top=top))
    if form == "jsonl" or output not in {None, "-"}:
        for piece in page.render((), summary, wording=words, width=out.width()):
            click.echo(piece, err=True, nl=False)


def _document(found: Iterable[Disclosure], summary: Summary, words: Wording) -> Iterator[bytes]:
    yield b'{"schema":' + jsonl.encoded(telling.DOCUMENT) + b',"disclosures":['
    for number, one in enumerate(found):
        yield (b",\n" if number else b"\n") + jsonl.encoded(telling.record(one, words))
    yield b'\n],"summary":' + jsonl.encoded(summary) + b"}\n"
