"""Who is at the other end of a Unix socket: what the kernel says, and what /proc says of that process.

unix(7): SO_PEERCRED names pid, uid and gid at the time of connect(2); SO_PEERGROUPS (Linux 4.13) the other groups;
SO_PEERPIDFD (Linux 6.5) holds the process itself, so that a pid that was used again cannot be mistaken for it.

Two sorts of facts are kept apart. `look` never waits. `look_closely` reads memory of the process (its arguments and
environment), and a process can make that wait for ever: whoever calls it does so in a thread that may be lost.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tidewaiter.gate.cgroup import container_of, unit_of

SO_PEERGROUPS, SO_PEERPIDFD = 59, 77  # not in Python's socket module; asm-generic/socket.h
NOBODY_LOGGED_IN = 2**32 - 1
MOST_ARGUMENTS = 32 << 10  # bytes
_ANCESTORS = 40
_CREDENTIALS = struct.Struct("iII")
_SSHD = frozenset({"sshd", "sshd-session", "sshd-auth"})
PROC = Path("/proc")


class Peer(NamedTuple):
    """What the kernel says of the process that connected."""

    pid: int | None  # None for a process of a pid namespace that the gate does not see
    uid: int
    gid: int
    groups: tuple[int, ...]
    pidfd: int | None  # to be closed by whoever asked


class Traces(NamedTuple):
    """What /proc says without waiting."""

    exe: str | None = None
    login_uid: int | None = None
    container: str | None = None
    unit: str | None = None


class Closer(NamedTuple):
    """What has to be read from the memory of processes."""

    command: tuple[str, ...] | None = None
    ssh: str | None = None


def peer_of(sock: socket.socket) -> Peer:
    """Ask the kernel who connected. Raises OSError when it does not say."""
    pid, uid, gid = _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    pidfd: int | None = None
    groups: tuple[int, ...] = ()
    with suppress(OSError):  # an older kernel, or a thousand groups
        raw = sock.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 4096)
        groups = struct.unpack(f"{len(raw) // 4}I", raw)
    with suppress(OSError):  # an older kernel, or the process is gone
        pidfd = sock.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD)
    return Peer(pid or None, uid, gid, groups, pidfd)


def alive(pidfd: int) -> bool:
    """Tell whether the process of a pidfd still runs: what was read of its pid before was its own."""
    watcher = select.poll()
    watcher.register(pidfd, select.POLLIN)
    return not watcher.poll(0)


def look(pid: int, proc: Path = PROC) -> Traces:
    """Read what the kernel itself knows of a process; unknown is None."""
    folder = proc / str(pid)
    cgroup = _text(folder / "cgroup")
    login = _text(folder / "loginuid")
    number = int(login) if login.isdigit() else NOBODY_LOGGED_IN
    return Traces(
        exe=_link(folder / "exe"),
        login_uid=None if number == NOBODY_LOGGED_IN else number,
        container=container_of(cgroup),
        unit=unit_of(cgroup),
    )


def look_closely(pid: int, proc: Path = PROC) -> Closer:
    """Read arguments, and the address an ssh session came from. May wait for ever."""
    return Closer(_command(proc / str(pid)), _ssh(pid, proc))


def _command(folder: Path) -> tuple[str, ...] | None:
    raw = _bytes(folder / "cmdline", MOST_ARGUMENTS)
    return tuple(part.decode("utf-8", "replace") for part in raw.rstrip(b"\0").split(b"\0")) if raw else None


def _ssh(pid: int, proc: Path) -> str | None:
    """Give the client's address of the innermost ssh session above a process.

    sshd tells it to the session in SSH_CONNECTION (ssh(1)). The process nearest to sshd is believed first: it is the
    one that its user can least choose.
    """
    below: list[int] = []
    for one, name in _ancestors(pid, proc):
        if name in _SSHD:
            for candidate in reversed(below):
                found = _variable(proc / str(candidate), b"SSH_CONNECTION")
                if found:
                    return found.split(" ")[0]
            return None
        below.append(one)
    return None


def _ancestors(pid: int, proc: Path) -> Iterator[tuple[int, str]]:
    """Give pid and name of a process and those above it."""
    for _ in range(_ANCESTORS):
        # proc(5): pid (comm) state ppid …, where comm may hold anything, brackets too.
        head, _, tail = _text(proc / str(pid) / "stat").rpartition(")")
        fields = tail.split()
        if len(fields) < 2 or not fields[1].isdigit():  # noqa: PLR2004 - state and ppid
            return
        yield pid, head.partition("(")[2]
        pid = int(fields[1])
        if pid <= 1:
            return


def _variable(folder: Path, name: bytes) -> str | None:
    for entry in _bytes(folder / "environ", 1 << 20).split(b"\0"):
        key, _, value = entry.partition(b"=")
        if key == name:
            return value.decode("utf-8", "replace")
    return None


def _link(path: Path) -> str | None:
    try:
        return os.fsencode(path.readlink()).decode("utf-8", "replace")
    except OSError:
        return None


def _text(path: Path) -> str:
    return _bytes(path, 64 << 10).decode("utf-8", "replace").strip()


def _bytes(path: Path, most: int) -> bytes:
    try:
        with path.open("rb", buffering=0) as file:
            return file.read(most) or b""
    except OSError:  # the process is gone, or not ours to read
        return b""
