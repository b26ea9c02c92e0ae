"""TLS with client certificates, with half-closed connections, which asyncio's own TLS does not have.

A client of the engine ends its standard input by close_notify alone (RFC 8446, section 6.1; Go: tls.Conn.CloseWrite)
and reads on. So the record layer runs here over ssl.MemoryBIO, and each direction ends by itself.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from tidewaiter.errors import ConfigError
from tidewaiter.gate.caller import Certificate
from tidewaiter.gate.relay import Client

HANDSHAKE = 10.0  # seconds
MOST_STRANGERS = 1000  # connections at once of whom nothing is known yet
_CHUNK = 1 << 16
_SHORT = {
    "commonName": "CN", "organizationalUnitName": "OU", "organizationName": "O", "localityName": "L",
    "stateOrProvinceName": "ST", "countryName": "C", "streetAddress": "STREET", "domainComponent": "DC",
    "userId": "UID",
}  # fmt: skip


def server_context(certificate: Path, key: Path, client_ca: Path) -> ssl.SSLContext:
    """Make the settings of a server that wants a certificate of every client. Raises ConfigError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(client_ca)
    except (OSError, ValueError) as problem:
        raise ConfigError(
            f"the files for TLS cannot be used: {problem}",
            where=f"{certificate}, {key}, {client_ca}",
            hint="PEM: the certificate with its chain, its key without a passphrase, the CA of the clients",
        ) from problem
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def certificate_of(told: dict[str, Any], der: bytes) -> Certificate:
    """Read what the ssl module tells of a verified certificate."""
    pairs = [pair for rdn in told.get("subject", ()) for pair in rdn]
    common = [value for key, value in pairs if key == "commonName"]
    others = [value for _, value in told.get("subjectAltName", ())]
    return Certificate(
        subject=",".join(f"{_SHORT.get(key, key)}={_escaped(value)}" for key, value in reversed(pairs)) or None,
        names=tuple(dict.fromkeys([*common, *others])),
        fingerprint=sha256(der).hexdigest(),
    )


def _escaped(value: str) -> str:
    """Escape as RFC 4514, section 2.4."""
    found = "".join("\\" + one if one in ',+"\\<>;' else one for one in value)
    return "\\" + found if found[:1] in {"#", " "} else found


class TlsClient(asyncio.Protocol):
    """A client's connection under TLS: asyncio's protocol to the wire, a pipe to the relay."""

    def __init__(
        self,
        context: ssl.SSLContext,
        accepted: Callable[[Certificate, str], Client],
        refused: Callable[[str, str], None],
        strangers: set[TlsClient],  # of this listener: those whose handshake is not done
    ) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._accepted, self._refused, self._strangers = accepted, refused, strangers
        self._inner: Client | None = None
        self._wire: Any = None
        self._address = ""
        self._timer: asyncio.TimerHandle | None = None
        self._plain: list[bytes] = []  # decrypted while nobody wanted it; at most what one read gave
        self._paused = self._ended = self._said_end = self._shut = False

    # -- towards the wire

    def connection_made(self, transport: Any) -> None:
        """Wait for the handshake, for a while."""
        self._wire = transport
        peer = transport.get_extra_info("peername") or ("", 0)
        self._address = f"[{peer[0]}]:{peer[1]}" if ":" in peer[0] else f"{peer[0]}:{peer[1]}"
        self._timer = asyncio.get_running_loop().call_later(HANDSHAKE, self._fail, "no handshake in time")
        if len(self._strangers) >= MOST_STRANGERS:
            self._fail("too many strangers at once")
        self._strangers.add(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes of the wire."""
        self._incoming.write(data)
        self._step()

    def eof_received(self) -> bool:
        """Take the end of the wire's bytes; without close_notify it counts as well."""
        self._ended = True
        self._step()
        return self._inner is not None

    def connection_lost(self, problem: Exception | None) -> None:
        """End."""
        self._strangers.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._inner is not None:
            self._inner.connection_lost(problem)

    def pause_writing(self) -> None:
        """Hold the relay back."""
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Let the relay go on."""
        if self._inner is not None:
            self._inner.resume_writing()

    def _step(self) -> None:
        if self._inner is None and not self._shake():
            return
        try:
            while data := self._tls.read(_CHUNK):
                self._plain.append(data)
            self._ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._ended = True
        except ssl.SSLError:  # damaged, or the far end gave up: nothing that follows can be trusted
            self._wire.abort()
            return
        self._flush()
        self._deliver()

    def _shake(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as problem:
            self._flush()  # the alert
            self._fail(problem.reason or str(problem))
            return False
        self._flush()
        self._strangers.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        shown = certificate_of(dict(self._tls.getpeercert() or {}), self._tls.getpeercert(binary_form=True) or b"")
        self._inner = self._accepted(shown, self._address)
        self._inner.connection_made(self)
        return True

    def _fail(self, why: str) -> None:
        if self._inner is None and not self._wire.is_closing():
            self._refused(why, self._address)
            self._wire.close()

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data and not self._wire.is_closing():
            self._wire.write(data)

    def _deliver(self) -> None:
        assert self._inner is not None  # noqa: S101 - the handshake is done
        while self._plain and not self._paused:
            self._inner.data_received(self._plain.pop(0))
        if self._ended and not self._plain and not self._said_end and not self._paused:
            self._said_end = True
            self._inner.eof_received()

    # -- towards the relay: what it needs of a transport

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if self._shut or self._wire.is_closing():
            return
        try:
            self._tls.write(data)
        except ssl.SSLError:
            self._wire.abort()
            return
        self._flush()

    def write_eof(self) -> None:
        """Send close_notify; reading goes on."""
        if self._shut:
            return
        self._shut = True
        with suppress(ssl.SSLError):  # it then waits for the other one's close_notify, and we do not
            self._tls.unwrap()
        self._flush()

    def pause_reading(self) -> None:
        """Take no more bytes for now."""
        self._paused = True
        self._wire.pause_reading()

    def resume_reading(self) -> None:
        """Take bytes again."""
        self._paused = False
        self._deliver()
        if not self._paused and not self._wire.is_closing():
            self._wire.resume_reading()

    def close(self) -> None:
        """End both directions once everything was sent."""
        self.write_eof()
        self._wire.close()

    def abort(self) -> None:
        """End both directions now."""
        self._wire.abort()

    def is_closing(self) -> bool:
        """Tell whether it was ended."""
        return bool(self._wire.is_closing())

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Give what asyncio knows of the transport."""
        return self._wire.get_extra_info(name, default)
