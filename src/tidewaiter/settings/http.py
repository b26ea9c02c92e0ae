"""How records come in over HTTP: `[http]` of the configuration."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated

import msgspec

from tidewaiter.settings.secret import Secret

SOURCE_NAME = r"\A[A-Za-z0-9._-]{1,64}\Z"  # of a source: part of the address that senders use
EVERY_SOURCE = "*"

SourceName = Annotated[str, msgspec.Meta(pattern=rf"{SOURCE_NAME}|\A\*\Z")]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Bytes = Annotated[int, msgspec.Meta(ge=1024, le=1 << 30)]
Rate = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may send: `[[http.token]]`."""

    name: Text  # for people
    secret: Secret
    sources: tuple[SourceName, ...] = (EVERY_SOURCE,)  # the sources it may send as; "*" is every one
    metrics: bool = False  # whether it may read /metrics


class HttpTls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The server's certificate, and whose certificates it asks for: `[http.tls]`."""

    certificate: Text  # file, PEM: the server's own certificate and those up to its authority
    key: Text  # file, PEM: its private key (PKCS #8)
    client_authority: Text | None = None  # file, PEM: senders must show a certificate that this authority signed
    tls12: bool = False  # let senders in that cannot speak TLS 1.3


class Http(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How records come in over HTTP."""

    enabled: bool = True
    address: Text = "127.0.0.1"  # an IP address; other than loopback only with tokens or client certificates
    port: Port = 1613
    tls: HttpTls | None = None
    token: tuple[Token, ...] = ()
    metrics_public: bool = False  # let everybody read /metrics
    connections: Count = 512  # open at once; more wait in the queue of the kernel
    most_body: Bytes = 10 << 20  # bytes of one request after inflation; kube-apiserver sends up to 10 MiB
    most_waiting: Bytes = 128 << 20  # bytes of requests that are being read or written to disk, of all senders together
    most_sources: Count = 256  # different source names since the start
    body_seconds: Seconds = 30.0  # within which the whole body must have come
    journal_seconds: Seconds = 25.0  # within which it must be on disk; kube-apiserver waits 30 s for the answer
    source_requests: Rate = 200.0  # a second, from one source
    source_bytes: Rate = 200e6  # a second, from one source, after inflation

    def __post_init__(self) -> None:
        ip_address(self.address)  # a name could come to mean another interface; ValueError says what it is not
        if self.most_waiting < 2 * self.most_body:
            raise ValueError("most_waiting must be at least twice most_body")

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return ip_address(self.address).is_loopback
