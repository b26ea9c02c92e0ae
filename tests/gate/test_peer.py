from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tidewaiter.gate.peer import Closer, Traces, alive, look, look_closely, peer_of

ID = "a1b2c3d4" * 8


def process(proc: Path, pid: int, *, parent: int = 1, name: str = "sh", **files: str) -> None:
    folder = proc / str(pid)
    folder.mkdir()
    (folder / "stat").write_text(f"{pid} ({name}) S {parent} 1 1 0")
    for file, text in files.items():
        (folder / file).write_text(text)


def test_the_kernel_names_who_connected() -> None:
    near, far = socket.socketpair(socket.AF_UNIX)
    with near, far:
        found = peer_of(near)
    assert (found.pid, found.uid, found.gid) == (os.getpid(), os.getuid(), os.getgid())
    assert set(found.groups) == set(os.getgroups())
    if found.pidfd is not None:  # Linux 6.5
        assert alive(found.pidfd)
        os.close(found.pidfd)


def test_a_process_that_ended_is_not_alive() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        number = os.pidfd_open(child.pid)
        assert alive(number)
        child.kill()
        child.wait()
    assert not alive(number)
    os.close(number)


def test_the_traces_of_a_process(tmp_path: Path) -> None:
    process(tmp_path, 7, cgroup=f"0::/docker/{ID}\n", loginuid="1000")
    (tmp_path / "7" / "exe").symlink_to("/usr/bin/docker")
    assert look(7, tmp_path) == Traces("/usr/bin/docker", 1000, ID, None)


@pytest.mark.parametrize("loginuid", ["4294967295", "", "x"])
def test_nobody_logged_in(tmp_path: Path, loginuid: str) -> None:
    process(tmp_path, 7, cgroup="0::/system.slice/cron.service\n", loginuid=loginuid)
    assert look(7, tmp_path) == Traces(None, None, None, "cron.service")


def test_of_a_process_that_is_gone_nothing_is_known(tmp_path: Path) -> None:
    assert look(7, tmp_path) == Traces()
    assert look_closely(7, tmp_path) == Closer()


def test_arguments_may_be_empty_and_hold_anything(tmp_path: Path) -> None:
    process(tmp_path, 7, cmdline="")
    (tmp_path / "7" / "cmdline").write_bytes(b"docker\0ps\0\0a b\xff\0")
    assert look_closely(7, tmp_path).command == ("docker", "ps", "", "a b\ufffd")


def test_our_own_arguments_are_ours() -> None:
    found = look_closely(os.getpid())
    assert found.command is not None
    assert "python" in " ".join(found.command)


@pytest.mark.parametrize(
    ("own", "shell", "name", "address"),
    [
        ("", "A=1\0SSH_CONNECTION=192.0.2.7 50022 10.0.0.1 22\0", "sshd", "192.0.2.7"),
        ("SSH_CONNECTION=6.6.6.6 1 2 3\0", "SSH_CONNECTION=192.0.2.7 50022 10.0.0.1 22\0", "sshd-session", "192.0.2.7"),
        ("SSH_CONNECTION=192.0.2.7 1 2 3\0", "", "sshd", "192.0.2.7"),
        ("SSH_CONNECTION=192.0.2.7 1 2 3\0", "", "a) S (sshd", None),  # no sshd above: nobody's word for it
        ("", "", "sshd", None),
    ],
)
def test_the_ssh_session_above_tells_its_peer(
    tmp_path: Path, own: str, shell: str, name: str, address: str | None
) -> None:
    process(tmp_path, 9, parent=8, name="docker", environ=own)
    process(tmp_path, 8, parent=7, name="sh) S 1 (x", environ=shell)
    process(tmp_path, 7, parent=1, name=name)
    assert look_closely(9, tmp_path).ssh == address


def test_parents_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    process(tmp_path, 8, parent=9)
    process(tmp_path, 9, parent=8)
    assert look_closely(9, tmp_path).ssh is None
