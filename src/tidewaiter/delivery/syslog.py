"""Findings as syslog messages over TLS (RFC 5425), TCP (RFC 6587, octet counting) or UDP (RFC 5426).

Syslog has no acknowledgement. A message counts as delivered over TCP and TLS once the other machine's kernel has
confirmed every byte (Linux: SIOCOUTQ, tcp(7)), which a server that dies at once can still lose; over UDP once it was
given to our own kernel, which says nothing at all about arrival.
"""

from __future__ import annotations

import fcntl
import socket
import ssl
import struct
import termios
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Literal

from tidewaiter.delivery.parcel import Outcome, Parcel
from tidewaiter.delivery.rendered import Form, lines
from tidewaiter.sinks.syslog import framed

State = Literal["open", "ended", "broken"]

_LOOK = 0.005  # seconds between two looks at what is not yet confirmed
_REFUSED_WITHIN = 0.25  # seconds after a handshake


class Stream:
    """One connection over TCP or TLS; made anew when it breaks."""

    def __init__(
        self, host: str, port: int, form: Form, *, timeout: float, tls: ssl.SSLContext | None = None, name: str = ""
    ) -> None:
        self._address = (host, port)
        self._form = form
        self._timeout = timeout
        self._tls = tls
        self._name = name or host
        self._socket: socket.socket | None = None

    def send(self, parcels: Sequence[Parcel]) -> Outcome:
        """Write the messages, and wait until the other machine has them."""
        made, broken = lines(self._form, parcels)
        data = b"".join(framed(message) for _, message in made)
        try:
            connection = self._connected()
            connection.sendall(data)
            if self._confirmed(connection) == "ended":
                self.close()
        except OSError as problem:  # also of TLS, and a timeout
            self.close()
            return Outcome(refused=broken, reason=f"{self._address[0]}:{self._address[1]}: {problem}")
        return Outcome(delivered=tuple(parcel.number for parcel, _ in made), refused=broken)

    def _connected(self) -> socket.socket:
        if self._socket is not None and _state(self._socket) != "open":
            self.close()
        if self._socket is None:
            with ExitStack() as undo:
                plain = undo.enter_context(socket.create_connection(self._address, timeout=self._timeout))
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                self._socket = self._tls.wrap_socket(plain, server_hostname=self._name) if self._tls else plain
                undo.pop_all()
            self._socket.settimeout(self._timeout)
            self._accepted(self._socket)
        return self._socket

    def _accepted(self, connection: socket.socket) -> None:
        """Wait a moment for a refusal. Raises OSError.

        With TLS 1.3 a server looks at our certificate after we are done with the handshake (RFC 8446, section 2).
        """
        ends = time.monotonic() + _REFUSED_WITHIN
        while self._tls and time.monotonic() < ends:
            if _state(connection) != "open":
                raise ConnectionResetError("the receiver closed the connection: does it ask for a certificate?")
            time.sleep(_LOOK)

    def _confirmed(self, connection: socket.socket) -> State:
        """Wait until nothing is on the way any more. Raises OSError."""
        ends = time.monotonic() + self._timeout
        while _unconfirmed(connection):
            if time.monotonic() > ends:
                raise TimeoutError("the receiver does not read")
            time.sleep(_LOOK)
        # A receiver that closed in order has read everything; what it leaves unread breaks the connection.
        state = _state(connection)
        if state == "broken":
            raise ConnectionResetError("the receiver broke the connection")
        return state

    def close(self) -> None:
        """End the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _unconfirmed(connection: socket.socket) -> int:
    """Count the bytes that the other side's kernel has not confirmed."""
    (waiting,) = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0" * 4))
    return int(waiting)


def _state(connection: socket.socket) -> State:
    """Tell how a connection is; syslog receivers say nothing else on it."""
    before = connection.gettimeout()
    connection.settimeout(0)
    try:
        return "open" if connection.recv(1) else "ended"
    except (BlockingIOError, ssl.SSLWantReadError):
        return "open"
    except OSError:
        return "broken"
    finally:
        connection.settimeout(before)


class Datagrams:
    """One message a datagram."""

    def __init__(self, host: str, port: int, form: Form, *, timeout: float) -> None:
        self._address = (host, port)
        self._form = form
        self._timeout = timeout
        self._socket: socket.socket | None = None

    def send(self, parcels: Sequence[Parcel]) -> Outcome:
        """Send the messages one by one; what failed and all after it is to be sent again."""
        made, broken = lines(self._form, parcels)
        delivered: list[int] = []
        try:
            connection = self._connected()
            for parcel, message in made:
                connection.send(message)
                delivered.append(parcel.number)
        except OSError as problem:  # such as: nobody listened to the datagram before
            self.close()
            reason = f"{self._address[0]}:{self._address[1]}: {problem}"
            return Outcome(delivered=tuple(delivered), refused=broken, reason=reason)
        return Outcome(delivered=tuple(delivered), refused=broken)

    def _connected(self) -> socket.socket:
        if self._socket is None:
            (family, kind, protocol, _, address), *_ = socket.getaddrinfo(*self._address, type=socket.SOCK_DGRAM)
            self._socket = socket.socket(family, kind, protocol)
            self._socket.settimeout(self._timeout)
            self._socket.connect(address)
        return self._socket

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
