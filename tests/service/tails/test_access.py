from __future__ import annotations

import os
from pathlib import Path

import pytest

from tidewaiter.service.tails.access import RefusedError, Roots, open_regular


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    for name in ("logs", "else"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.log").write_text(name)
    return tmp_path / "logs"


def read(path: Path, roots: Roots) -> bytes:
    with open_regular(path, roots) as file:
        return file.read_at(0, 10)


def test_opens_what_is_inside(logs: Path) -> None:
    (logs / "link").symlink_to(logs / "a.log")
    roots = Roots((str(logs),))
    assert (read(logs / "a.log", roots), read(logs / "link", roots)) == (b"logs", b"logs")


def test_a_link_out_is_refused_unless_it_led_there_from_the_start(logs: Path) -> None:
    (logs / "link").symlink_to(logs.parent / "else" / "a.log")
    roots = Roots((str(logs),))
    with pytest.raises(RefusedError, match=r"leads out of the folder, to .*/else/a\.log"):
        read(logs / "link", roots)
    roots.allow(str(logs.parent / "else" / "a.log"))
    assert read(logs / "link", roots) == b"else"


def test_a_folder_with_the_same_beginning_is_outside(logs: Path) -> None:
    assert [Roots((str(logs),)).inside(f"{logs}{end}") for end in ("/x", "", "-more/x")] == [True, True, False]


def test_a_folder_that_became_a_link_is_refused(logs: Path) -> None:
    roots = Roots((str(logs),))
    logs.rename(logs.parent / "moved")
    logs.symlink_to(logs.parent / "else")
    with pytest.raises(RefusedError):
        read(logs / "a.log", roots)


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_only_files_are_opened_and_nothing_is_waited_for(kind: str, logs: Path) -> None:
    path = logs / "x"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(OSError, match="not a file"):
        open_regular(path, Roots((str(logs),)))
