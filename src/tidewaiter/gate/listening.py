"""Where the gate listens: addresses, sockets of its own, and sockets that systemd made (sd_listen_fds(3))."""

from __future__ import annotations

import grp
import os
import re
import socket
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tidewaiter.errors import ConfigError

BACKLOG = 4096  # the kernel lowers it to net.core.somaxconn
_FIRST = 3  # SD_LISTEN_FDS_START
_TCP = re.compile(r"tcp://(?:\[([0-9a-fA-F:.%]+)\]|([^:/\[\]]+)):(\d{1,5})\Z")
_MODE = 0o660


class Listener(NamedTuple):
    """A socket that listens, and how records name it."""

    socket: socket.socket
    name: str  # unix:/run/docker.sock, tls:127.0.0.1:2376


def unix_path(address: str, *, where: str) -> Path:
    """Read unix:///path. Raises ConfigError."""
    path = address.removeprefix("unix://")
    if path == address or not path.startswith("/"):
        raise ConfigError(f"not an address of a Unix socket: {address!r}", where=where, hint="unix:///run/docker.sock")
    return Path(path)


def tcp_address(address: str, *, where: str) -> tuple[str, int]:
    """Read tcp://host:port. Raises ConfigError."""
    found = _TCP.match(address)
    if found is None or not 0 < int(found[3]) < 1 << 16:
        raise ConfigError(f"not an address of a TCP socket: {address!r}", where=where, hint="tcp://127.0.0.1:2376")
    return found[1] or found[2], int(found[3])


def listen_unix(path: Path, *, group: str | None) -> Listener:
    """Listen on a path, for root and a group, as dockerd does. A socket nobody serves any more is replaced."""
    gid = _gid(group)
    _make_room(path)
    sock = socket.socket(socket.AF_UNIX)
    before = os.umask(0o777 & ~stat.S_IRUSR & ~stat.S_IWUSR)  # nobody else, until it has its group
    try:
        sock.bind(str(path))
        if gid is not None:
            os.chown(path, -1, gid)
        path.chmod(_MODE)
        sock.listen(BACKLOG)
    except OSError as problem:
        sock.close()
        raise ConfigError(f"cannot listen: {problem.strerror or problem}", where=str(path)) from problem
    finally:
        os.umask(before)
    return Listener(sock, f"unix:{path}")


def listen_tcp(host: str, port: int) -> Listener:
    """Listen on a TCP port."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        sock = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as problem:
        raise ConfigError(f"cannot listen: {problem.strerror or problem}", where=f"tcp://{host}:{port}") from problem
    return Listener(sock, _name(sock))


def from_systemd(environment: Mapping[str, str], pid: int) -> tuple[Listener, ...]:
    """Take the sockets that systemd listens on for us; none when it does not. Raises ConfigError for others' kinds.

    LISTEN_PID says for which process they are, LISTEN_FDS how many, from descriptor 3 on.
    """
    count = environment.get("LISTEN_FDS", "")
    if environment.get("LISTEN_PID") != str(pid) or not count.isdigit():
        return ()
    found = []
    for number in range(_FIRST, _FIRST + int(count)):
        os.set_inheritable(number, False)
        sock = socket.socket(fileno=number)
        if sock.family not in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6) or sock.type != socket.SOCK_STREAM:
            raise ConfigError("systemd gave a socket that is no stream", where=f"descriptor {number}")
        found.append(Listener(sock, _name(sock)))
    return tuple(found)


def tell_systemd(state: str, environment: Mapping[str, str]) -> None:
    """Tell systemd how we are (sd_notify(3)); nothing happens where nobody wants to know."""
    address = environment.get("NOTIFY_SOCKET", "")
    if address[:1] not in {"/", "@"}:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, suppress(OSError):
        sock.connect("\0" + address[1:] if address.startswith("@") else address)
        sock.sendall(state.encode())


def _name(sock: socket.socket) -> str:
    address = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return f"unix:{address}"
    return f"tls:[{address[0]}]:{address[1]}" if ":" in address[0] else f"tls:{address[0]}:{address[1]}"


def _gid(group: str | None) -> int | None:
    """Give the number of a group; `docker` may be missing, as dockerd has it, another one may not."""
    try:
        return grp.getgrnam(group or "docker").gr_gid
    except KeyError as problem:
        if group is None:
            return None
        raise ConfigError(f"there is no group {group!r}", where="--group") from problem


def _make_room(path: Path) -> None:
    if not path.exists():
        return
    hint = "stop what serves it, or give dockerd another path first (docs/how-to/docker-gate.md)"
    if not path.is_socket():
        raise ConfigError("there is a file that is no socket", where=str(path), hint=hint)
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.settimeout(2)
            client.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except OSError as problem:
            raise ConfigError(f"cannot be looked at: {problem}", where=str(path), hint=hint) from problem
    raise ConfigError("somebody listens there already", where=str(path), hint=hint)
