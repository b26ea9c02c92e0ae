"""Who sent a request to the container engine, as far as the gate could find out: the word `caller` of a gate record.

The kernel names pid, uid and gid (unix(7), SO_PEERCRED) and the groups (SO_PEERGROUPS); /proc names the rest; TLS
names the certificate. An authorization plugin is told of the certificate only. What is not known is None, never
guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """A client certificate that TLS verified."""

    subject: str | None = None  # RFC 4514, such as CN=alice,OU=devs,O=platform
    names: tuple[str, ...] = ()  # the common name first, then the alternative names
    fingerprint: str | None = None  # SHA-256 of the DER, 64 hex digits


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who sent a request; every field may be unknown."""

    pid: int | None = None  # on the host
    uid: int | None = None
    gid: int | None = None
    user: str | None = None  # name of the uid
    login_uid: int | None = None  # who logged in; it survives sudo. None for services and containers
    login_user: str | None = None
    exe: str | None = None  # inside a container: a path of the container
    command: tuple[str, ...] | None = None  # argv
    container: str | None = None  # 64 hex digits, from the cgroup
    image: str | None = None
    unit: str | None = None  # of systemd
    ssh: str | None = None  # address that the ssh session came from
    certificate: Certificate | None = None
    address: str | None = None  # ip:port
    # For the policy only; a record does not hold them.
    labels: Mapping[str, str] | None = None  # of the container
    groups: tuple[str, ...] | None = None  # names of the process's groups, supplementary ones included


NOBODY = Caller()  # nothing is known: what a plugin is told of a request on the unix socket
_NOT_RECORDED = ("labels", "groups")


def caller_document(caller: Caller) -> dict[str, Any]:
    """Give the object `caller` of a gate record: every field, unknown ones as null."""
    return {key: value for key, value in msgspec.to_builtins(caller).items() if key not in _NOT_RECORDED}


def caller_of(document: Mapping[str, Any]) -> Caller:
    """Read the object `caller` of a gate record. Raises msgspec.ValidationError when it is none."""
    return msgspec.convert(document, Caller)
