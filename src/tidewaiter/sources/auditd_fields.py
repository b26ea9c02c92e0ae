"""Values in Linux audit records: quoted text, bare hex, split arguments, socket addresses.

The kernel writes an untrusted string in quotes, or as bare upper-case hex when it holds a space, a quote or a byte
outside printable ASCII (`audit_log_untrustedstring`); measured on auditd 3.0.9, kernel 6.18.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

from tidewaiter.sources.host_process import Endpoint, endpoint_of_path, endpoint_of_port, is_engine_port

_ARGUMENT = re.compile(rb"a(\d{1,6})(?:_len=(\d{1,9})\Z|(?:\[(\d{1,6})\])?=(.*))", re.DOTALL)
_SADDR = re.compile(rb"saddr=(\{[^}\n]*\}|[^\s\x1d]*)")
_PATH = re.compile(rb"\b(?:path|name)=(\S+)")
_HOST = re.compile(rb"\bl?(?:addr|host)=(\S+)")
_PORT = re.compile(rb"\b(?:port|serv)=(\d+)")
_UNIX, _INET, _INET6 = 1, 2, 10  # address families of Linux


def fields(body: bytes) -> dict[bytes, bytes]:
    """Give the key=value pairs of a record, values as written; ENRICHED adds further ones with upper-case keys."""
    words = body.replace(b"\x1d", b" ").split()  # no value of these records holds white space
    return dict([word.split(b"=", 1) for word in words if b"=" in word])  # pairs, as lists


def plain(value: bytes) -> bytes:
    """Undo the kernel's quoting of one value."""
    if value[:1] == b'"':
        return value[1:-1] if len(value) > 1 and value[-1:] == b'"' else value[1:]
    if value in {b"(null)", b"(none)", b"?"}:
        return b""
    try:
        # No test for hex digits first: what fromhex refuses is text. It would skip white space, but there is none.
        return bytes.fromhex(value.decode("ascii"))
    except ValueError:
        return value


def text(value: bytes) -> str:
    """Give a value as text; bytes that are no UTF-8 become replacement characters."""
    if len(value) > 1 and value[:1] == b'"' == value[-1:]:
        return value[1:-1].decode("utf-8", "replace")
    return plain(value).decode("utf-8", "replace")


class Arguments:
    """The argument list of one execve, gathered from its EXECVE records in any order."""

    def __init__(self) -> None:
        self._count: int | None = None
        self._lengths: dict[int, int] = {}  # characters announced for an argument that is split
        self._pieces: dict[int, dict[int, bytes]] = {}

    def add(self, body: bytes) -> None:
        """Take the arguments, or parts of them, of one more record."""
        for word in body.partition(b"\x1d")[0].split():  # no value holds white space
            found = _ARGUMENT.match(word)
            if found is None:
                if word.startswith(b"argc=") and word[5:12].isdigit():
                    self._count = int(word[5:12])
            elif found[2]:
                self._lengths[int(found[1])] = int(found[2])
            else:
                self._pieces.setdefault(int(found[1]), {})[int(found[3] or 0)] = found[4]

    def complete(self) -> bool:
        """Say whether every announced argument is there in full."""
        if self._count is None or len(self._pieces) < self._count:
            return False
        for index, length in self._lengths.items():
            pieces = self._pieces.get(index, {})
            if sum(len(value.strip(b'"')) for value in pieces.values()) < length:
                return False
        return True

    def argv(self) -> tuple[str, ...]:
        """Give the arguments that are known, in order."""
        return tuple(self._one(pieces) for _, pieces in sorted(self._pieces.items()))

    @staticmethod
    def _one(pieces: dict[int, bytes]) -> str:
        if len(pieces) == 1:
            (value,) = pieces.values()
            return text(value)
        # A character may lie across the cut: join the bytes before decoding them.
        return b"".join(plain(value) for _, value in sorted(pieces.items())).decode("utf-8", "replace")


def addresses(records: Iterable[bytes]) -> list[bytes]:
    """Give the values of `saddr=` in these records, hex or as `{ saddr_fam=… }`."""
    return [found[1] for body in records if (found := _SADDR.search(body))]


def endpoint(value: bytes) -> Endpoint | None:
    """Name the engine endpoint a socket address leads to; None for every other address."""
    if value[:1] == b"{":
        return _interpreted(value)
    try:
        return endpoint_of_address(bytes.fromhex(value.decode("ascii")))
    except ValueError:
        return None


def endpoint_of_address(raw: bytes) -> Endpoint | None:
    """Name the engine endpoint of a `struct sockaddr` as the kernel copied it; None for every other address."""
    # The family is in the byte order of the machine, the port in network order.
    family = raw[0] or raw[1] if len(raw) > 2 else 0  # noqa: PLR2004
    if family == _UNIX:
        return endpoint_of_path(raw[2:].split(b"\0", 1)[0].decode("utf-8", "replace"))
    if family == _INET and len(raw) >= 8:  # noqa: PLR2004
        return _endpoint_of_port(raw[4:8], raw[2:4])
    if family == _INET6 and len(raw) >= 24:  # noqa: PLR2004
        return _endpoint_of_port(raw[8:24], raw[2:4])
    return None


def _endpoint_of_port(host: bytes, port: bytes) -> Endpoint | None:
    number = int.from_bytes(port, "big")
    return endpoint_of_port(str(ip_address(host)), number) if is_engine_port(number) else None


def _interpreted(value: bytes) -> Endpoint | None:
    path = _PATH.search(value)
    if path:
        return endpoint_of_path(path[1].decode("utf-8", "replace"))
    host, port = _HOST.search(value), _PORT.search(value)
    if host and port and len(port[1]) <= 5:  # noqa: PLR2004
        return endpoint_of_port(host[1].decode("ascii", "replace"), int(port[1]))
    return None
