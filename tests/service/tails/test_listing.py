from __future__ import annotations

import os
from pathlib import Path

import pytest

from tidewaiter.service.tails.listing import logs, roots_of

DENIED: list[str] = []


def listed(*patterns: str, exclude: tuple[str, ...] = (), known: tuple[str, ...] = ()) -> list[str]:
    return logs(patterns, exclude, known, lambda folder, _: DENIED.append(folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for name in ("a.log", "a.log.1", "a.log.2.gz", "a.log-20261123", "b-20261123.log", ".hidden", "sub/c.log"):
        (tmp_path / name).touch()
    (tmp_path / "latest").symlink_to(tmp_path / "a.log")
    (tmp_path / "out").symlink_to("/etc/hostname")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def names(folder: Path, found: list[str]) -> list[str]:
    return [os.path.relpath(path, folder) for path in found]


def test_a_folder_gives_its_logs(folder: Path) -> None:
    assert names(folder, listed(str(folder))) == ["a.log", "b-20261123.log", "out", "sub/c.log"]


def test_a_glob_gives_what_it_matches(folder: Path) -> None:
    assert names(folder, listed(f"{folder}/*.log*")) == ["a.log", "b-20261123.log"]
    assert names(folder, listed(f"{folder}/**/*.log")) == ["a.log", "b-20261123.log", "sub/c.log"]


def test_a_named_path_is_always_given(folder: Path) -> None:
    wanted = [f"{folder}/a.log.1", f"{folder}/gone.log", f"{folder}/pipe"]
    assert listed(*wanted) == wanted


def test_parts_of_a_log_that_is_away_at_the_moment_are_still_parts(folder: Path) -> None:
    (folder / "a.log").unlink()
    (folder / "latest").unlink()
    assert "a.log-20261123" in names(folder, listed(str(folder)))
    assert "a.log-20261123" not in names(folder, listed(str(folder), known=(f"{folder}/a.log",)))


def test_names_and_paths_can_be_excluded(folder: Path) -> None:
    assert names(folder, listed(str(folder), exclude=("b-*", f"{folder}/sub/*", "out"))) == ["a.log"]


def test_a_folder_that_is_not_there_is_a_path_to_wait_for(tmp_path: Path) -> None:
    assert listed(f"{tmp_path}/none", f"{tmp_path}/no/*.log") == [f"{tmp_path}/none"]


def test_a_folder_that_may_not_be_read_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    DENIED.clear()
    assert names(folder, listed(str(folder))) == ["a.log", "b-20261123.log", "out"]
    assert [f"{folder}/sub"] == DENIED


def test_roots_are_the_folders_that_were_asked_for(folder: Path) -> None:
    wanted = [str(folder), f"{folder}/s*/x/*.log", f"{folder}/sub/*.log", f"{folder}/out"]
    assert roots_of(wanted) == (str(folder), f"{folder}/sub", "/etc")
