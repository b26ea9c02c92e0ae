from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidewaiter.errors import ConfigError
from tidewaiter.gate.plugin_socket import listening


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tw-", dir="/tmp") as name:
        yield Path(name)


def _connect(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_socket_is_made_for_root_alone_and_removed(folder: Path) -> None:
    path = folder / "plugins" / "tidewaiter.sock"
    with listening(path, {}):
        _connect(path)
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()


def test_the_socket_of_a_plugin_that_ended_is_replaced(folder: Path) -> None:
    path = folder / "p.sock"
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))
    with listening(path, {}):
        _connect(path)


def test_a_socket_that_is_served_is_left_alone(folder: Path) -> None:
    path = folder / "p.sock"
    with (
        listening(path, {}),
        pytest.raises(ConfigError, match="another program serves this socket"),
        listening(path, {}),
    ):
        pass
    assert not path.exists()


def test_a_file_is_left_alone(folder: Path) -> None:
    path = folder / "p.sock"
    path.write_text("precious")
    with pytest.raises(ConfigError, match="no socket"), listening(path, {}):
        pass
    assert path.read_text() == "precious"


def test_a_name_that_is_too_long_is_told(folder: Path) -> None:
    with pytest.raises(ConfigError, match="at most 107 bytes"), listening(folder / ("p" * 100), {}):
        pass


def test_a_folder_that_cannot_be_made_is_told(folder: Path) -> None:
    (folder / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be made"), listening(folder / "file" / "p.sock", {}):
        pass


def test_the_socket_of_a_successor_stays(folder: Path) -> None:
    path = folder / "p.sock"
    with listening(path, {}):
        path.unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
    assert path.exists()


def test_a_socket_of_systemd_is_taken_and_left(folder: Path) -> None:
    path = folder / "p.sock"
    child = os.fork()
    if child == 0:  # descriptor 3 belongs to somebody else in this process
        status = 1
        try:
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(str(path))
                made.listen()
                os.dup2(made.fileno(), 3)
                environment = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
                with listening(folder / "unused.sock", environment) as listener:
                    status = 0 if listener.getsockname() == str(path) and path.exists() else 2
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert (os.waitstatus_to_exitcode(status), path.exists(), (folder / "unused.sock").exists()) == (0, True, False)
