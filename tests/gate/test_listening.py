from __future__ import annotations

import grp
import os
import socket
import stat
from pathlib import Path

import pytest

from tidewaiter.errors import ConfigError
from tidewaiter.gate import listening
from tidewaiter.gate.listening import from_systemd, listen_tcp, listen_unix, tcp_address, tell_systemd, unix_path


def test_addresses() -> None:
    assert unix_path("unix:///run/docker.sock", where="--listen") == Path("/run/docker.sock")
    assert tcp_address("tcp://127.0.0.1:2376", where="--tls") == ("127.0.0.1", 2376)
    assert tcp_address("tcp://[::1]:2376", where="--tls") == ("::1", 2376)


@pytest.mark.parametrize("address", ["/run/docker.sock", "unix://docker.sock", "tcp://x:1", ""])
def test_no_address_of_a_unix_socket(address: str) -> None:
    with pytest.raises(ConfigError, match="not an address of a Unix socket"):
        unix_path(address, where="--listen")


@pytest.mark.parametrize("address", ["127.0.0.1:2376", "tcp://127.0.0.1", "tcp://x:0", "tcp://x:65536", "tcp://::1:5"])
def test_no_address_of_a_tcp_socket(address: str) -> None:
    with pytest.raises(ConfigError, match="not an address of a TCP socket"):
        tcp_address(address, where="--tls")


def test_a_socket_is_for_root_and_a_group(tmp_path: Path) -> None:
    group = grp.getgrgid(os.getgid()).gr_name
    found = listen_unix(tmp_path / "s", group=group)
    with found.socket:
        made = (tmp_path / "s").stat()
        assert (stat.S_IMODE(made.st_mode), made.st_gid) == (0o660, os.getgid())
        assert found.name == f"unix:{tmp_path}/s"


def test_without_a_group_docker_it_is_for_root_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> grp.struct_group:
        raise KeyError(name)

    monkeypatch.setattr(grp, "getgrnam", missing)
    listen_unix(tmp_path / "s", group=None).socket.close()
    with pytest.raises(ConfigError, match="there is no group 'ops'"):
        listen_unix(tmp_path / "t", group="ops")


def test_a_socket_that_nobody_serves_is_replaced(tmp_path: Path) -> None:
    listen_unix(tmp_path / "s", group=None).socket.close()
    listen_unix(tmp_path / "s", group=None).socket.close()


def test_what_somebody_uses_is_left_alone(tmp_path: Path) -> None:
    with listen_unix(tmp_path / "s", group=None).socket, pytest.raises(ConfigError, match="somebody listens there"):
        listen_unix(tmp_path / "s", group=None)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match="a file that is no socket"):
        listen_unix(tmp_path / "file", group=None)
    with pytest.raises(ConfigError, match="cannot listen"):
        listen_unix(tmp_path / "nowhere" / "s", group=None)


def test_a_tcp_port() -> None:
    found = listen_tcp("127.0.0.1", 0)
    with found.socket:
        port = found.socket.getsockname()[1]
        assert found.name == f"tls:127.0.0.1:{port}"
        with pytest.raises(ConfigError, match="cannot listen"):
            listen_tcp("127.0.0.1", port)


@pytest.mark.parametrize(
    "environment",
    [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_PID": "7"}, {"LISTEN_PID": "7", "LISTEN_FDS": "x"}],
)
def test_sockets_for_others_are_not_ours(environment: dict[str, str]) -> None:
    assert from_systemd(environment, 7) == ()


def test_sockets_of_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as one, socket.socket() as two:
        one.bind(str(tmp_path / "s"))
        two.bind(("127.0.0.1", 0))
        base = 200  # far from what is open here
        monkeypatch.setattr(listening, "_FIRST", base)
        for place, sock in enumerate((one, two)):
            os.dup2(sock.fileno(), base + place)
        found = from_systemd({"LISTEN_PID": "7", "LISTEN_FDS": "2"}, 7)
        assert [each.name for each in found] == [f"unix:{tmp_path}/s", f"tls:127.0.0.1:{two.getsockname()[1]}"]
        assert not any(os.get_inheritable(each.socket.fileno()) for each in found)
        for each in found:
            each.socket.close()


def test_systemd_is_told(tmp_path: Path) -> None:
    tell_systemd("READY=1", {})
    tell_systemd("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    for name, address in ((f"{tmp_path}/n", f"{tmp_path}/n"), ("@tidewaiter-test", "\0tidewaiter-test")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(address)
            tell_systemd("READY=1", {"NOTIFY_SOCKET": name})
            assert systemd.recv(100) == b"READY=1"
