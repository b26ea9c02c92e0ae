"""What dockerd sends to an authorization plugin: one call before a request is handled, and one after.

Documentation: https://docs.docker.com/engine/extend/plugins_authorization/ ; measured on Docker Engine 20.10.24 and
26.1.5. Every member may be missing. Over the Unix socket and plain TCP there is no user; over TLS `User` is the common
name of the client certificate, and missing when it has none. Nothing in a call says when, from where or which request:
a request and its answer share all members of the request, and nothing else joins them.

Bodies come as base64 and only when they are JSON of less than 1 MiB; since CVE-2024-41110 it is known that a request
without a body here may have one. So nothing is decided by bodies.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from hashlib import sha256
from typing import Any

import msgspec

from tidewaiter.gate.caller import NOBODY, Caller, Certificate
from tidewaiter.gate.routes import may_switch

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_NOTHING = msgspec.Raw(b"null")
_SWITCHED = (None, 101)  # the daemon leaves the status out once the connection was taken over


class Call(msgspec.Struct, frozen=True, rename="pascal"):
    """The body of AuthZReq or AuthZRes, as far as it is used."""

    request_method: str = ""
    request_uri: str = ""
    user: str = ""
    user_auth_n_method: str = msgspec.field(default="", name="UserAuthNMethod")
    request_headers: dict[str, str] = {}
    request_peer_certificates: list[str] = []
    request_body: msgspec.Raw = _NOTHING  # left as it is: only its size is of interest
    response_status_code: int | None = None
    response_body: msgspec.Raw = _NOTHING

    @property
    def key(self) -> bytes:
        """Give what a request and its answer share."""
        shared = (
            self.request_method,
            self.request_uri,
            self.user,
            sorted(self.request_headers.items()),
            self.request_peer_certificates,
        )
        return sha256(msgspec.json.encode(shared) + bytes(self.request_body)).digest()

    @property
    def caller(self) -> Caller:
        """Say who asks, which the daemon knows of client certificates only."""
        shown = self.request_peer_certificates
        if shown:
            names = (self.user,) if self.user else ()
            return Caller(certificate=Certificate(names=names, fingerprint=fingerprint(shown[0])))
        return Caller(user=self.user) if self.user else NOBODY

    @property
    def agent(self) -> str | None:
        """Give what the client calls itself."""
        return self._header("user-agent") or None

    @property
    def bytes_in(self) -> int | None:
        """Give the size of the request's body: of what came, else as the client announced it."""
        announced = self._header("content-length")
        return _size(self.request_body) or (int(announced) if announced.isdecimal() and announced.isascii() else None)

    @property
    def bytes_out(self) -> int | None:
        """Give the size of the answer's body, which is there only when it was JSON."""
        return _size(self.response_body)

    @property
    def upgraded(self) -> bool:
        """Tell whether the answer was that of a connection that stopped being HTTP."""
        asked = bool(self._header("upgrade")) and may_switch(self.request_method, self.request_uri)
        return asked and self.response_status_code in _SWITCHED

    def _header(self, name: str) -> str:
        return next((value for key, value in self.request_headers.items() if key.lower() == name), "")


_decode = msgspec.json.Decoder(Call).decode


def call_of(body: bytes) -> Call | None:
    """Read the body of a call; None when it is not one."""
    try:
        found = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found if found.request_method and found.request_uri else None


def fingerprint(encoded: str) -> str:
    """Give a certificate's SHA-256 fingerprint; the daemon sends base64 of a PEM block, not of the DER."""
    data = _base64(encoded.encode("utf-8", "replace"))
    block = _PEM.search(data)
    return sha256(_base64(block[1]) if block else data).hexdigest()


def _base64(data: bytes) -> bytes:
    try:
        return b64decode(data)
    except binascii.Error:
        return data


def _size(raw: Any) -> int | None:
    """Give the size of what a JSON string holds as base64, without decoding it."""
    text = bytes(raw)
    if len(text) <= 2 or not text.startswith(b'"'):  # noqa: PLR2004 - the quotes
        return None
    return (len(text) - 2) // 4 * 3 - text[-3:-1].count(b"=")
