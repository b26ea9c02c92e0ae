"""Settings of the Docker gate (`tidewaiter gate`)."""

from __future__ import annotations

from typing import Literal

import msgspec


class GateTls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A TLS listener; every client has to show a certificate."""

    listen: str | None = None  # tcp://127.0.0.1:2376; None where systemd listens
    cert: str  # PEM: the gate's certificate with its chain
    key: str  # PEM: its key
    client_ca: str  # PEM: who signs the certificates of clients


class Gate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The gate between callers and dockerd."""

    listen: tuple[str, ...] = ()  # unix:///run/docker.sock; systemd's own sockets come in addition
    docker: str = "unix:///run/tidewaiter/dockerd.sock"  # where dockerd listens, for nobody but root
    log: str = "/var/log/tidewaiter/gate.jsonl"  # one JSON record for each request
    mode: Literal["observe", "warn", "enforce"] = "observe"
    policy: str | None = None  # TOML; for warn and enforce
    group: str | None = None  # who may use the socket; default: docker, where there is such a group
    tls: GateTls | None = None

    def __post_init__(self) -> None:
        if self.mode != "observe" and self.policy is None:
            raise ValueError(f"mode {self.mode} needs a policy")
