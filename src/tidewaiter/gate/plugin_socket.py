"""The socket of the authorization plugin: made here, or handed over by systemd.

dockerd looks for NAME.sock in /run/docker/plugins. A socket that systemd holds stays open while the plugin starts
again: the daemon's calls wait instead of failing. Only root may connect: it is the daemon that does.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tidewaiter.errors import ConfigError
from tidewaiter.gate.listening import BACKLOG, from_systemd

_LONGEST = 107  # bytes of a name, unix(7)


@contextmanager
def listening(path: Path, environment: Mapping[str, str]) -> Iterator[socket.socket]:
    """Give the listening socket; one that was made here is removed at the end."""
    handed = from_systemd(environment, os.getpid())
    if handed:
        yield handed[0].socket
        return
    with _made(path) as made:
        mine = _number(path)
        try:
            yield made
        finally:
            if mine is not None and _number(path) == mine:  # another plugin may have taken its place
                path.unlink(missing_ok=True)


def _made(path: Path) -> socket.socket:
    if len(os.fsencode(path)) > _LONGEST:
        raise ConfigError(f"a socket's name is at most {_LONGEST} bytes", where=str(path), hint="choose a shorter one")
    made = socket.socket(socket.AF_UNIX)
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        _clear(path)
        before = os.umask(0o177)  # for root (the daemon) alone, from its first moment
        try:
            made.bind(str(path))
        finally:
            os.umask(before)
        made.listen(BACKLOG)
    except OSError as problem:
        made.close()
        raise ConfigError(
            f"the socket cannot be made: {problem.strerror or problem}",
            where=str(path),
            hint="run as root, or name another with --socket",
        ) from problem
    except ConfigError:
        made.close()
        raise
    return made


def _clear(path: Path) -> None:
    """Remove the socket of a plugin that has ended; anything else is left alone."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise ConfigError("there is something that is no socket", where=str(path), hint="name another with --socket")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        with suppress(ConnectionRefusedError, FileNotFoundError):
            probe.connect(str(path))
            raise ConfigError(
                "another program serves this socket",
                where=str(path),
                hint="stop it first, or name another with --socket",
            )
    path.unlink(missing_ok=True)


def _number(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
