"""Takes the address a command line tool is given apart: scheme, host, port, Unix socket, request target."""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple
from urllib.parse import unquote

_URL = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):/{1,3})?"  # curl takes one to three slashes
    r"(?:[^/?#@]*@)?"
    r"(?P<host>\[[^\]]*\]|[^/?#:]*)"
    r"(?::(?P<port>[^/?#]*))?"
    r"(?P<target>[/?#].*)?\Z",
    re.DOTALL,
)
_DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443"}
MAX_URL = 8192


class Address(NamedTuple):
    """Where a request goes, and what it asks for."""

    scheme: str
    host: str
    port: str
    target: str  # path and query, as sent
    socket: str = ""  # path of a Unix socket


def read_url(text: str) -> Address | None:
    """Take a URL apart as curl does, with or without scheme; None when it is none."""
    found = _URL.match(text[:MAX_URL])
    if found is None:
        return None
    scheme = (found["scheme"] or "http").lower()
    host = found["host"].strip("[]").lower()
    target = (found["target"] or "/").partition("#")[0]
    target = target if target.startswith("/") else "/" + target
    if scheme.endswith("+unix"):  # http+unix://%2Fvar%2Frun%2Fdocker.sock/info
        return Address(scheme.partition("+")[0], "", "", target, unquote(host))
    port = found["port"] or _DEFAULT_PORTS.get(scheme, "")
    return Address(scheme, host, port, target)


def squashed(target: str, *, slashes: bool) -> str:
    """Take `.` and `..` segments out of a path, as HTTP clients do; with `slashes` also empty segments.

    The engines answer a path with empty segments by a redirect to the clean one, so a client that follows gets there.
    """
    path, mark, query = target.partition("?")
    if "/." not in path and not (slashes and "//" in path):
        return target
    kept = path if slashes else path.replace("//", "/\0/")
    clean = posixpath.normpath(kept)
    clean = "/" + clean.lstrip("/") if slashes else clean.replace("/\0/", "//")
    return clean + ("/" if path.endswith("/") and clean != "/" else "") + mark + query
