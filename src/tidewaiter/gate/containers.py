"""Image and labels of a container, asked of dockerd and remembered. Never on the way of somebody's request."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

_KEPT = 4096
_PATIENCE = 2.0  # seconds for dockerd to answer
_AGAIN = 10.0  # seconds until it is asked again for what it did not know
_LARGEST = 4 << 20  # bytes of an answer


class About(NamedTuple):
    """What dockerd says of a container."""

    image: str | None = None
    labels: dict[str, str] | None = None


class _Config(msgspec.Struct):
    Image: str | None = None
    Labels: dict[str, str] | None = None


class _Container(msgspec.Struct):
    Config: _Config | None = None


class Containers:
    """Knows the containers of one engine; may be asked from several threads."""

    def __init__(self, docker: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._docker, self._clock = docker, clock
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[About, float]] = OrderedDict()

    def about(self, container: str) -> About:
        """Give image and labels; nothing when dockerd does not know the container, or does not answer in time."""
        with self._lock:
            found, until = self._known.get(container, (None, 0.0))
        if found is not None and self._clock() < until:
            return found
        about = self._ask(container)
        with self._lock:
            self._known[container] = (about, float("inf") if about.image else self._clock() + _AGAIN)
            self._known.move_to_end(container)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return about

    def _ask(self, container: str) -> About:
        connection = _UnixConnection(self._docker)
        try:
            connection.request("GET", f"/containers/{container}/json", headers={"User-Agent": "tidewaiter-gate"})
            answer = connection.getresponse()
            data = answer.read(_LARGEST)
            config = msgspec.json.decode(data, type=_Container).Config if answer.status == http.client.OK else None
        except (OSError, http.client.HTTPException, msgspec.MsgspecError, UnicodeDecodeError):
            return About()
        finally:
            connection.close()
        return About(config.Image, config.Labels or {}) if config else About()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("docker", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock: Any = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_PATIENCE)
        self.sock.connect(str(self._path))
