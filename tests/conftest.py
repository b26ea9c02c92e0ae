"""Rules of the house for every test: no connection leaves this machine."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any

import pytest


def _is_local(address: Any) -> bool:
    """Tell whether an address is a Unix socket or of the loopback interface; names are not looked up."""
    if not isinstance(address, tuple):
        return True  # a path
    host = str(address[0])
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in {"localhost", ""}


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
