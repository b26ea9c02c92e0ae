"""Rules of the house for every test: no connection leaves this machine."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any

import pytest

# Of these there is one on a machine: dockerd at its own socket, the kernel's audit.
MACHINE = {
    *("test_live_docker.py", "test_live_disclose.py", "test_live_gate.py", "test_live_gate_callers.py"),
    *("test_live_authz_plugin.py", "test_on_watch.py", "test_live_tails.py"),
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what shares one daemon (dockerd, the kernel's audit) or one fixture of a module in one process."""
    for item in items:
        folder = item.path.parent.name
        name = "machine" if item.path.name in MACHINE else f"{folder}/{item.path.name}"
        if folder == "scenarios":  # what is scanned for one story is used by several tests of it
            name += getattr(getattr(item, "callspec", None), "id", item.name)
        if folder in {"integration", "scenarios", "architecture", "deploy"} or name == "service/test_engine.py":
            item.add_marker(pytest.mark.xdist_group(name))


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
