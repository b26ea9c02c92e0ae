"""Rules of the house for every test: no connection leaves this machine."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

# Of these there is one on a machine: dockerd at its own socket, the kernel's audit.
MACHINE = {
    *("test_live_docker.py", "test_live_disclose.py", "test_live_gate.py", "test_live_gate_callers.py"),
    *("test_live_authz_plugin.py", "test_on_watch.py", "test_live_tails.py", "test_auditd.py", "live.py"),
}


def _is_local(address: Any) -> bool:
    """Tell whether an address is a Unix socket or of the loopback interface; names are not looked up."""
    if not isinstance(address, tuple):
        return True  # a path
    host = str(address[0])
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in {"localhost", ""}


@pytest.fixture(autouse=True, scope="module")
def _one_machine(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let modules that need the one dockerd or the one audit of a machine run one after the other."""
    if request.path.name not in MACHINE:
        yield
        return
    with (Path(tempfile.gettempdir()) / f"tidewaiter-tests-{os.getuid()}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to connect to anything that is not this machine. Programs that a test starts are not held back."""
    for name in ("connect", "connect_ex"):
        allowed = getattr(socket.socket, name)

        def guarded(self: socket.socket, address: Any, allowed: Any = allowed) -> Any:
            if not _is_local(address):
                raise RuntimeError(f"a test must not connect to {address!r}")
            return allowed(self, address)

        monkeypatch.setattr(socket.socket, name, guarded)
