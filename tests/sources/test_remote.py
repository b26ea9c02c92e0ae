"""URLs against servers on this machine: moto's S3, and the standard library's web server."""

from __future__ import annotations

import gzip
import io
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
import s3fs
from aiohttp import ClientError
from moto.server import ThreadedMotoServer

from tidewaiter.errors import SourceError
from tidewaiter.sources import remote
from tidewaiter.sources.catalogue import read
from tidewaiter.sources.contract import Unreadable
from tidewaiter.sources.opening import Input, inputs
from tidewaiter.sources.remote import Handle, is_url, must_exist
from tidewaiter.sources.streams import fill

CLOUD = Path(__file__).parent.parent / "data" / "cloud" / "cloudtrail.jsonl"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    found = boto3.resource("s3").Bucket("logs")
    found.create()
    yield found
    found.objects.delete()
    found.delete()
    s3fs.S3FileSystem.clear_instance_cache()


def content(found: Input) -> bytes:
    stream = found.open()
    try:
        data, buffer = b"", bytearray(1 << 16)
        while got := fill(stream, memoryview(buffer)):
            data += buffer[:got]
        return data
    finally:
        stream.close()


def listed(*urls: str) -> tuple[dict[str, bytes], list[Unreadable]]:
    reported: list[Unreadable] = []
    found = list(inputs(urls, report=reported.append))
    return {one.path: content(one) for one in found}, reported


def zipped(**members: bytes) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return whole.getvalue()


@pytest.mark.parametrize(
    ("path", "yes"),
    [
        ("s3://b/k", True),
        ("HTTPS://host/a.log", True),
        ("abfss://c@a.dfs.core.windows.net/x", True),
        ("-", False),
        ("a.log", False),
        ("/var/log", False),
        ("C:\\logs\\a.log", False),
        ("C://logs", True),  # said to be no URL that can be read
        ("simplecache::s3://b/k", False),
        ("", False),
    ],
)
def test_tells_urls_from_files(path: str, yes: bool) -> None:
    assert is_url(path) is yes


def test_a_bucket_is_walked_in_a_stable_order(bucket: Any) -> None:
    for key in ("b.log", "a/2.log", "a/1.log", "a/sub/0.log", "a/.hidden", ".git/x", "a/", "a1.log"):
        bucket.put_object(Key=key, Body=key.encode())
    found, reported = listed("s3://logs")
    assert reported == []
    assert list(found.items()) == [
        (f"s3://logs/{key}", key.encode()) for key in ("a/1.log", "a/2.log", "a/sub/0.log", "a1.log", "b.log")
    ]
    assert list(listed("s3://logs/a/")[0]) == ["s3://logs/a/1.log", "s3://logs/a/2.log", "s3://logs/a/sub/0.log"]
    assert list(listed("s3://logs/a")[0]) == ["s3://logs/a/1.log", "s3://logs/a/2.log", "s3://logs/a/sub/0.log"]


def test_an_object_is_given_once_with_its_size(bucket: Any) -> None:
    bucket.put_object(Key="a/1.log", Body=b"1234")
    found = list(inputs(["s3://logs/a/1.log", "s3://logs/a", "s3://logs"], report=lambda _: None))
    assert [(one.path, one.size) for one in found] == [("s3://logs/a/1.log", 4)]


def test_compressed_objects_and_members_of_zips(bucket: Any) -> None:
    bucket.put_object(Key="a.log.gz", Body=gzip.compress(b"plain"))
    bucket.put_object(Key="b.zip", Body=zipped(one=b"first", two=gzip.compress(b"second")))
    bucket.put_object(Key="c.zip", Body=b"no archive")
    found, reported = listed("s3://logs")
    assert (found, reported) == (
        {
            "s3://logs/a.log.gz": b"plain",
            "s3://logs/b.zip!one": b"first",
            "s3://logs/b.zip!two": b"second",
            "s3://logs/c.zip": b"no archive",
        },
        [],
    )


def test_an_archive_by_another_name_is_said_to_be_one(bucket: Any) -> None:
    bucket.put_object(Key="a.log", Body=zipped(one=b"first"))
    (found,) = inputs(["s3://logs/a.log"], report=lambda _: None)
    with pytest.raises(SourceError, match="unsupported: a zip archive"):
        found.open()


def test_a_damaged_archive_is_reported(bucket: Any) -> None:
    bucket.put_object(Key="a.zip", Body=zipped(one=b"first")[:30])
    found, reported = listed("s3://logs/a.zip")
    assert found == {}
    assert [(one.path, one.reason.partition(":")[0]) for one in reported] == [("s3://logs/a.zip", "damaged")]


def test_a_large_object_is_read_in_pieces(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    fetch = s3fs.core.S3File._fetch_range

    def counted(self: Any, start: int, end: int) -> bytes:
        asked.append(end - start)
        whole: bytes = fetch(self, start, end)
        return whole

    monkeypatch.setattr(s3fs.core.S3File, "_fetch_range", counted)
    monkeypatch.setattr(remote, "BLOCK", 1 << 20)
    data = b"0123456789abcdef" * (5 << 16)
    bucket.put_object(Key="a.log", Body=data)
    assert listed("s3://logs/a.log")[0] == {"s3://logs/a.log": data}
    assert len(asked) >= 4
    assert max(asked) <= 2 << 20


def test_the_format_is_recognised_from_a_bucket(bucket: Any) -> None:
    bucket.put_object(Key="AWSLogs/1/CloudTrail/x.jsonl.gz", Body=gzip.compress(CLOUD.read_bytes()))
    (found,) = inputs(["s3://logs/AWSLogs"], report=lambda _: None)
    with read(found) as reading:
        activities = [one for batch in reading.batches() for one in batch]
    assert (reading.source and reading.source.name, len(activities)) == ("cloudtrail", 14)
    assert {one.origin.path for one in activities} == {"s3://logs/AWSLogs/1/CloudTrail/x.jsonl.gz"}


@pytest.mark.parametrize(
    "url", ["s3://logs/nothing.log", "s3://logs/folder/", "s3://no-such-bucket", "s3://no-such-bucket/a"]
)
@pytest.mark.usefixtures("bucket")
def test_what_is_not_there_is_said_at_once(url: str) -> None:
    with pytest.raises(SourceError) as caught:
        inputs([url], report=lambda _: None)
    assert (caught.value.what, caught.value.where) == ("there is no such object, folder or bucket", url)
    assert "check the spelling" in caught.value.hint


@pytest.mark.usefixtures("bucket")
def test_without_credentials_the_hint_says_how_to_give_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(SourceError, match="access was refused") as caught:
        must_exist("s3://logs")
    assert "AWS_PROFILE" in caught.value.hint


def test_an_object_that_goes_away_meanwhile_is_counted(bucket: Any) -> None:
    bucket.put_object(Key="a.log", Body=b"x")
    found = list(inputs(["s3://logs"], report=lambda _: None))
    bucket.objects.delete()
    with read(found[0]) as reading:
        assert reading.source is None
        assert reading.why.startswith("url-error: there is no such object")
    assert [(one.line, one.reason) for one in reading.tally.places] == [(1, reading.why)]


def test_a_folder_that_goes_away_meanwhile_is_reported(bucket: Any) -> None:
    bucket.put_object(Key="a/1.log", Body=b"x")
    reported: list[Unreadable] = []
    found = inputs(["s3://logs/a"], report=reported.append)
    bucket.objects.delete()
    assert list(found) == []
    assert [(one.path, one.reason.partition(":")[0]) for one in reported] == [("s3://logs/a", "url-error")]


class _Breaks:
    """A file whose connection breaks after the first bytes."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self._rest = [b"one\ntwo\n"]

    def read(self, _size: int) -> bytes:
        if not self._rest:
            raise self._error
        return self._rest.pop()

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "error",
    [ConnectionResetError("reset"), TimeoutError(), ClientError("https://h/a?sig=secret"), RuntimeError("closed")],
)
def test_a_lost_connection_is_counted_with_its_place(error: Exception) -> None:
    found = Input("s3://logs/a.log", lambda: Handle(_Breaks(error)), None)
    with read(found) as reading:
        assert list(reading.batches()) == []
    assert [one.reason.partition(":")[0] for one in reading.tally.places] == ["connection-lost"]
    assert "secret" not in reading.tally.places[0].reason


@pytest.mark.parametrize(
    ("url", "extra"), [("s3://b", "s3"), ("gs://b", "gcs"), ("az://b", "azure"), ("https://h/a", "http")]
)
def test_without_the_extra_the_hint_names_it(url: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(SourceError, match="an extra that is not installed") as caught:
        must_exist(url)
    assert caught.value.hint == f"pip install 'tidewaiter[{extra}]'"


@pytest.mark.parametrize("url", ["ftp://h/a.log", "file:///etc/passwd", "https://h/a::s3://b", "C://logs"])
def test_other_sorts_of_url_are_refused(url: str) -> None:
    with pytest.raises(SourceError, match="cannot be read") as caught:
        must_exist(url)
    assert "s3://" in caught.value.hint


class _Web(BaseHTTPRequestHandler):
    """Serves one log, without ranges; asks for a login elsewhere."""

    def do_HEAD(self) -> None:
        self._head()

    def do_GET(self) -> None:
        if self._head():
            self.wfile.write(b"hello\n")

    def _head(self) -> bool:
        status = {"/a.log": 200, "/b.log": 200, "/closed.log": 403}.get(self.path.partition("?")[0], 404)
        self.send_response(status)
        self.send_header("Content-Length", "6" if status == 200 else "0")
        self.end_headers()
        return status == 200

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Web)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_web_server_gives_single_files(web: str) -> None:
    found, reported = listed(f"{web}/a.log?signature=secret", f"{web}/b.log")
    assert (found, reported) == ({f"{web}/a.log": b"hello\n", f"{web}/b.log": b"hello\n"}, [])


@pytest.mark.parametrize(("path", "what"), [("none.log", "there is no such"), ("closed.log", "access was refused")])
def test_a_web_server_that_refuses(web: str, path: str, what: str) -> None:
    with pytest.raises(SourceError, match=what) as caught:
        must_exist(f"{web}/{path}?signature=secret")
    assert caught.value.where == f"{web}/{path}"
    assert "secret" not in str(caught.value)


def test_nobody_there() -> None:
    with pytest.raises(SourceError, match="cannot be reached") as caught:
        must_exist("http://user:secret@127.0.0.1:1/a.log")
    assert caught.value.where == "http://127.0.0.1:1/a.log"
    assert "secret" not in str(caught.value)
