from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tidewaiter.cli.output import colour, opened, width, wording, write
from tidewaiter.errors import ConfigError


@pytest.mark.parametrize(
    ("asked", "environment", "language"),
    [(None, "ru_RU.UTF-8", "ru"), ("en", "ru_RU.UTF-8", "en"), ("ru", "C", "ru"), (None, "C", "en")],
)
def test_wording(asked: str | None, environment: str, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIDEWAITER_LANG", raising=False)
    monkeypatch.setenv("LC_ALL", environment)
    assert wording(asked).language == language


@pytest.mark.parametrize(
    ("terminal", "columns", "expected"), [(False, 40, 100), (True, 40, 40), (True, 100, 100), (True, 300, 100)]
)
def test_width(terminal: bool, columns: int, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda _: os.terminal_size((columns, 24)))
    assert width() == expected


@pytest.mark.parametrize(
    ("to", "terminal", "no_color", "expected"),
    [
        (None, True, "", True),
        ("-", True, "", True),
        (None, False, "", False),
        ("found.txt", True, "", False),
        (None, True, "1", False),
    ],
)
def test_colour(to: str | None, terminal: bool, no_color: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    assert colour(to) is expected


@pytest.mark.parametrize("to", [None, "-"])
def test_standard_output_takes_text_and_bytes(to: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    pieces: list[str | bytes] = ["é ", b"\xc3\xa9", " \udcff\n"]
    write(to, iter(pieces))
    assert capsys.readouterr().out == "é é \\udcff\n"


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "found.txt"
    path.write_text("old")
    with opened(str(path)) as stream:
        stream.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["found.txt"]


def test_a_file_that_is_not_finished_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "found.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError):
        write(str(path), (str(1 / number) for number in (1, 0)))
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["found.txt"]


def test_a_device_is_written_as_it_is() -> None:
    write("/dev/null", ["x"])
    assert not Path("/dev/null").is_file()


def test_a_file_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        write(str(tmp_path / "no" / "found.txt"), ["x"])
    assert str(caught.value) == (
        f"error: the result cannot be written: No such file or directory\nwhere: {tmp_path / 'no' / 'found.txt'}\n"
        "hint: name a file in a folder that exists"
    )


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the result cannot be written: Is a directory"):
        write(str(tmp_path), ["x"])
