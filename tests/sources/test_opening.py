from __future__ import annotations

import gzip
import os
import socket
import sys
import zipfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest

from tidewaiter.errors import SourceError
from tidewaiter.sources.contract import Unreadable
from tidewaiter.sources.opening import Input, inputs, shown
from tidewaiter.sources.streams import fill


def content(found: Input) -> bytes:
    stream = found.open()
    try:
        data, buffer = b"", bytearray(64)
        while got := fill(stream, memoryview(buffer)):
            data += buffer[:got]
        return data
    finally:
        stream.close()


def unexpected(found: Unreadable) -> None:
    pytest.fail(str(found))


def listed(paths: Sequence[str | Path]) -> tuple[dict[str, bytes], list[Unreadable]]:
    reported: list[Unreadable] = []
    found = list(inputs([str(path) for path in paths], report=reported.append))
    assert len({one.path for one in found}) == len(found)
    return {one.path: content(one) for one in found}, reported


def problem(path: str, reason: str) -> Unreadable:
    return Unreadable(path=path, line=1, offset=0, reason=reason)


def test_files_folders_and_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (
        "logs/b.log",
        "logs/a.log",
        "logs/sub/c.log",
        "logs/.hidden",
        "logs/.git/d.log",
        "pods/x/0.log",
        "z.log",
    ):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
    Path("logs/c.link").symlink_to("../pods/x/0.log")
    Path("logs/folder.link").symlink_to("../pods")
    Path("logs/sub/up").symlink_to("..")
    Path("logs/self").symlink_to("self")
    Path("logs/sub/nowhere").symlink_to("gone")
    found, reported = listed(["./z.log", "logs", "logs/b.log"])
    assert list(found.items()) == [
        ("./z.log", b"z.log"),
        ("logs/a.log", b"logs/a.log"),
        ("logs/b.log", b"logs/b.log"),
        ("logs/c.link", b"pods/x/0.log"),
        ("logs/sub/c.log", b"logs/sub/c.log"),
    ]
    assert reported == [problem("logs/sub/nowhere", "no-access: No such file or directory")]


def test_a_hidden_file_is_read_when_named(tmp_path: Path) -> None:
    hidden = tmp_path / ".audit.log"
    hidden.write_bytes(b"x")
    assert listed([hidden]) == ({str(hidden): b"x"}, [])


@pytest.mark.parametrize("name", ["gone", "link", "file/inside", "", "a\0b"])
def test_a_missing_path_is_an_error_before_anything_is_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("gone")
    path = str(tmp_path / name) if name else ""
    with pytest.raises(SourceError) as caught:
        inputs([str(tmp_path), path], report=unexpected)
    what = "this symbolic link leads nowhere" if name == "link" else "there is no such file or folder"
    assert (caught.value.what, caught.value.where) == (what, path)
    assert caught.value.hint


def test_what_is_no_file_is_reported_in_a_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    (tmp_path / "a.log").write_bytes(b"a")
    found, reported = listed([tmp_path])
    assert found == {str(tmp_path / "a.log"): b"a"}
    reason = "not-a-file: a pipe, socket or device inside a folder is not read"
    assert reported == [problem(str(tmp_path / name), reason) for name in ("pipe", "socket")]


def test_a_pipe_is_read_when_named() -> None:
    out, into = os.pipe()
    os.write(into, gzip.compress(b"line\n", mtime=0))
    os.close(into)
    try:
        assert listed([f"/dev/fd/{out}"]) == ({f"/dev/fd/{out}": b"line\n"}, [])
    finally:
        os.close(out)


def test_no_access_is_reported_and_the_rest_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Tests may run as root, who is refused nothing.
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "closed").mkdir()
    real_open, real_list = Path.open, Path.iterdir

    def refuse_open(path: Path, *args: object, **kwargs: object) -> object:
        if path.name == "b":
            raise PermissionError(13, "Permission denied")
        return real_open(path, *args, **kwargs)  # type: ignore[call-overload]

    def refuse_list(path: Path) -> object:
        if path.name == "closed":
            raise PermissionError(13, "Permission denied")
        return real_list(path)

    monkeypatch.setattr(Path, "open", refuse_open)
    monkeypatch.setattr(Path, "iterdir", refuse_list)
    found, reported = listed([tmp_path])
    assert [Path(path).name for path in found] == ["a", "c"]
    assert reported == [problem(str(tmp_path / name), "no-access: Permission denied") for name in ("b", "closed")]


class Pipe(BytesIO):
    """Standard input of a test."""

    def seek(self, *_: object) -> int:
        raise AssertionError("standard input cannot be sought")


@pytest.mark.parametrize("data", [b"", b"PK", b"line\n", gzip.compress(b"line\n", mtime=0)])
def test_standard_input(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Pipe(data)))
    assert listed(["-", "-"]) == ({"-": b"line\n" if b"PK" not in data and data else data}, [])
    assert not sys.stdin.buffer.closed


def test_a_zip_from_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Pipe(b"PK\x03\x04 and so on")))
    (found,) = inputs(["-"], report=unexpected)
    with pytest.raises(SourceError, match="unsupported: a zip archive can only be read from a file"):
        found.open()


def test_a_closed_standard_input_is_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    (found,) = inputs(["-"], report=unexpected)
    with pytest.raises(OSError, match="standard input is closed"):
        found.open()


def packed(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytearray:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return bytearray(path.read_bytes())


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_of_a_zip(method: int, tmp_path: Path) -> None:
    path = tmp_path / "no-such-suffix"
    packed(
        path,
        {
            "b.log": b"b\n" * 100_000,
            "a/": b"",
            "a/c.log.gz": gzip.compress(b"c\n", mtime=0),
            ".h/x": b"x",
            "__MACOSX/b.log": b"x",
        },
        method,
    )
    found, reported = listed([path])
    assert (list(found.items()), reported) == (
        [(f"{path}!a/c.log.gz", b"c\n"), (f"{path}!b.log", b"b\n" * 100_000)],
        [],
    )


def test_members_stay_open_to_any_order(tmp_path: Path) -> None:
    packed(tmp_path / "x.zip", {"a": b"1", "b": b"2"})
    first, second = inputs([str(tmp_path / "x.zip")], report=unexpected)
    assert (content(second), content(first), content(second), first.size) == (b"2", b"1", b"2", 3)


def test_what_cannot_be_unzipped_is_reported(tmp_path: Path) -> None:
    data = packed(tmp_path / "encrypted.zip", {"a.log": b"a"})
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag in the table of contents
    (tmp_path / "encrypted.zip").write_bytes(data)
    packed(tmp_path / "method.zip", {"a.log": b"a"}, zipfile.ZIP_BZIP2)
    (tmp_path / "cut.zip").write_bytes(packed(tmp_path / "cut.zip", {"a.log": b"a" * 1000})[:-30])
    packed(tmp_path / "empty.zip", {})
    found, reported = listed([tmp_path])
    assert found == {}
    assert reported == [
        problem(f"{tmp_path}/cut.zip", "damaged: zip archive: File is not a zip file"),
        problem(f"{tmp_path}/encrypted.zip!a.log", "encrypted: unpack the archive with its password first"),
        problem(f"{tmp_path}/method.zip!a.log", "unsupported: zip method bzip2; unpack the archive first"),
    ]


def test_a_damaged_member_fails_where_it_is_damaged(tmp_path: Path) -> None:
    text = b"".join(b"line %d\n" % number for number in range(1000))
    data = packed(tmp_path / "x.zip", {"a": text}, zipfile.ZIP_STORED)
    data[data.index(b"line 999")] = 0
    (tmp_path / "x.zip").write_bytes(data)
    (found,) = inputs([str(tmp_path / "x.zip")], report=unexpected)
    with pytest.raises(SourceError, match="damaged: zip member: Bad CRC-32"):
        content(found)
    data[data.index(b"PK\x03\x04")] = 0
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04" + data)
    (found,) = inputs([str(tmp_path / "x.zip")], report=unexpected)
    with pytest.raises(SourceError, match="damaged: zip archive"):
        found.open()


def test_a_zip_inside_a_zip_is_refused(tmp_path: Path) -> None:
    inner = packed(tmp_path / "x.zip", {"a": b"a"})
    packed(tmp_path / "x.zip", {"inner.zip": bytes(inner)})
    (found,) = inputs([str(tmp_path / "x.zip")], report=unexpected)
    with pytest.raises(SourceError, match="unsupported: a zip archive can only be read from a file"):
        found.open()


def test_a_name_that_is_no_text_can_be_shown() -> None:
    assert shown(os.fsdecode(b"a\xffb")) == "a\\xffb"
