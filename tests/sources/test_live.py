from __future__ import annotations

import gzip
import io
from pathlib import Path

import msgspec
import pytest

from tidewaiter.model import Activity
from tidewaiter.sources.catalogue import read
from tidewaiter.sources.contract import Occurrence
from tidewaiter.sources.live import LiveReading
from tidewaiter.sources.opening import Input

DATA = Path(__file__).parents[1] / "data"


def logs() -> list[Path]:
    """Give recordings of several formats, bare and in wrappers, of which every record is one line."""
    found = []
    for path in sorted(DATA.rglob("*")):
        if path.is_file() and path.suffix in {".log", ".jsonl", ".ndjson"} and ".golden" not in path.name:
            with read(Input(str(path), lambda path=path: io.BytesIO(path.read_bytes()), None)) as reading:  # type: ignore[misc]
                if reading.source and reading.framing == "lines":
                    found.append(path)
    return found


def whole(data: bytes) -> tuple[list[Activity], int, int]:
    with read(Input("stream", lambda: io.BytesIO(data), None)) as reading:
        found = [one for batch in reading.batches() for one in batch]
    return found, reading.tally.records, reading.tally.unreadable


def fed(data: bytes, size: int) -> tuple[list[Activity], int, int]:
    reading = LiveReading("stream")
    lines = data.splitlines(keepends=True)
    found: list[Activity] = []
    offset = 0
    for start in range(0, len(lines), size):
        piece = b"".join(lines[start : start + size])
        found += (
            one.activity() if isinstance(one, Occurrence) else one
            for one in reading.feed(piece, line=start + 1, offset=offset)
        )
        offset += len(piece)
    return found, reading.tally.records, reading.tally.unreadable


@pytest.mark.parametrize("path", logs(), ids=lambda path: str(path.relative_to(DATA)))
def test_piece_by_piece_it_reads_what_a_scan_reads(path: Path) -> None:
    """Whatever a scan finds with the end of the input may still wait here for its end."""
    data = path.read_bytes()
    data = gzip.decompress(data) if path.suffix == ".gz" else data
    if not data.endswith(b"\n"):
        data += b"\n"
    scanned, _, _ = whole(data)
    for size in (1 << 30, 60):
        found, _, unreadable = fed(data, size)
        assert ids(found) <= ids(scanned)
        assert len(ids(scanned) - ids(found)) <= 2, size
        assert not unreadable or len(found) <= len(scanned)


def ids(activities: list[Activity]) -> set[str]:
    return {msgspec.json.encode(one).decode() for one in activities}


AUDIT = (
    b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"%d","stage":"ResponseComplete",'
    b'"requestURI":"/api/v1/pods","verb":"list","user":{"username":"ann"},"sourceIPs":["10.0.0.7"],'
    b'"userAgent":"kubectl/v1.32","objectRef":{"resource":"pods","apiVersion":"v1"},"responseStatus":{"code":200},'
    b'"requestReceivedTimestamp":"2026-06-01T08:00:00.000000Z","stageTimestamp":"2026-06-01T08:00:00.010000Z"}\n'
)
NGINX = b'10.0.0.7 - ann [01/Jun/2026:08:00:00 +0000] "GET /containers/json HTTP/1.1" 200 12 "-" "curl/8.5.0"\n'


def test_what_has_no_known_format_waits_and_is_read_once_it_has() -> None:
    reading = LiveReading("s")
    assert reading.feed(b"hello\n", line=1, offset=0) == []
    assert not reading.sources
    found = reading.feed(AUDIT % 1, line=2, offset=6)
    assert [one.name for one in reading.sources] == ["kube-audit"]
    assert [item.line if isinstance(item, Occurrence) else item.origin.line for item in found] == [2]
    assert reading.tally.unreadable == 1


def test_what_never_has_a_known_format_is_counted_and_not_kept() -> None:
    reading = LiveReading("s")
    for number in range(30):
        assert reading.feed(b"some text\n" * 10_000, line=1 + number * 10_000, offset=0) == []
    assert reading.tally.foreign >= 150_000


def test_a_stream_that_changes_its_format_is_recognised_again() -> None:
    reading = LiveReading("s")
    names = []
    for number, data in enumerate([AUDIT % 1, NGINX, AUDIT % 2]):
        reading.feed(data, line=number, offset=0)
        names.append(reading.source.name if reading.source else None)
    assert names == ["kube-audit", "access-log", "kube-audit"]


def test_few_lines_are_looked_at_again_with_more() -> None:
    """A service of podman writes its requests as any web server does, but for its first lines."""
    lines = (DATA / "web" / "podman.log").read_bytes().splitlines(keepends=True)
    reading = LiveReading("s")
    for number, data in enumerate(lines):
        reading.feed(data, line=number, offset=0)
    assert reading.source is not None
    assert reading.source.name == "podman-service"
