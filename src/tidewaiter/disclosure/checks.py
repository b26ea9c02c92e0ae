"""Tests that a pattern cannot make: is this text what it looks like? Each gives the value to tell, or None.

The names stand in `packs/vocabulary/disclosure.yml`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from functools import cache
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

from tidewaiter.disclosure.masking import HIDDEN
from tidewaiter.meaning.vocabulary import load


class Found(NamedTuple):
    """What a pattern matched."""

    value: str
    name: str
    text: str  # the line
    start: int  # of the value
    end: int


Check = Callable[[Found], str | None]

_METHOD = re.compile(
    r"(?:\b(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE|PRI)\s|\bpath=|\buri=|\burl=|https?://\S*)[\"']?\Z",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Za-z]+(?:[-_'][A-Za-z]+)*[.,!?;:]*")
_USERINFO = re.compile(r"(?<=://)[^/?#]*@")
_QUERY_SECRET = re.compile(r"(?i)([?&;][\w.-]*(?:pass|secret|token|key|sig|cred)[\w.-]*=)[^&;#]*")
_PASSWORD = re.compile(r"(?i)pass|pwd|пароль|pw\Z")
_COUNTS = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d|%|kb|mb)?", re.IGNORECASE)
_PATH = re.compile(r"(?:/[\w.@-]+){2,}/?|[A-Za-z]:\\.*")
_URL = re.compile(r"(?i)[a-z][a-z0-9+.-]*://\S*")
_SECONDS = re.compile(r"\d{4}-\d\d-\d\d(?:[T ].*)?")
_CLIENTS = re.compile(r"(?i)http/[0-9.]+")
_SA_SUBJECT = "system:serviceaccount:"
_POD = re.compile(r"-(?:[bcdfghjklmnpqrstvwxz2456789]*[2456789][bcdfghjklmnpqrstvwxz2456789]*)-")
_FILE_NAMES = re.compile(r"(?i)\.(?:js|py|rb|go|java|php|ts|json|ya?ml|xml|txt|log|md|html?|css|conf|sh)\Z")
_PACKAGES = re.compile(r"(?i)\A(?:io|com|org|net|dev)\.|\.v[0-9]+(?:\.|\Z)")  # io.containerd.internal.v1
_LAST_PORT = 65535
_MOST_DECODED = 16 << 10


@cache
def _placeholder() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{one})" for one in load("disclosure.yml")["placeholders"]))


def is_placeholder(value: str) -> bool:
    """Tell whether a value stands in place of one: `***`, `<redacted>`, `${DB_PASSWORD}`, `null`."""
    return _placeholder().fullmatch(value) is not None


def is_prose(value: str) -> bool:
    """Tell whether a value is a plain word, as after "password:" in a sentence."""
    return _WORD.fullmatch(value) is not None and (value.islower() or value.istitle() or not value.isascii())


def not_placeholder(found: Found) -> str | None:
    """Refuse what stands in place of a value."""
    return None if is_placeholder(found.value) else found.value


def not_prose(found: Found) -> str | None:
    """Refuse words of a sentence."""
    return None if is_prose(found.value) else not_placeholder(found)


def opaque(found: Found) -> str | None:
    """Take only what no sentence holds: digits, or letters of both cases, in it."""
    mixed = any(map(str.isdigit, found.value)) or (found.value.lower() != found.value != found.value.upper())
    return not_placeholder(found) if mixed else None


def assigned_secret(found: Found) -> str | None:
    """Take what was assigned to a name of a secret, unless it is a place, a number or a date."""
    value = found.value
    if is_placeholder(value) or _PATH.fullmatch(value) or _URL.fullmatch(value) or _SECONDS.fullmatch(value):
        return None
    if _COUNTS.fullmatch(value) and not _PASSWORD.search(found.name):
        return None  # token=4096
    return value


def secret_in_words(found: Found) -> str | None:
    """Take what follows `name:` outside of quotes, where a sentence may stand as well."""
    return None if is_prose(found.value) else assigned_secret(found)


def jwt(found: Found) -> str | None:
    """Take a token whose header is a JSON object that names an algorithm (RFC 7519, RFC 7515)."""
    header = _segment(found.value, 0)
    return found.value if header is not None and "alg" in header else None


def service_account_jwt(found: Found) -> str | None:
    """Take a token of the cluster: its subject is a service account."""
    claims = _segment(found.value, 1)
    subject = claims.get("sub") if claims else None
    return found.value if isinstance(subject, str) and subject.startswith(_SA_SUBJECT) else None


def _segment(token: str, number: int) -> dict[str, Any] | None:
    data = token.split(".")[number][:_MOST_DECODED]
    try:
        value = msgspec.json.decode(base64.urlsafe_b64decode(data + "=" * (-len(data) % 4)))
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def basic(found: Found) -> str | None:
    """Take Base64 of `user:password` (RFC 7617)."""
    try:
        decoded = base64.b64decode(found.value + "=" * (-len(found.value) % 4), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    user, colon, password = decoded.partition(":")
    return found.value if colon and password and (user + password).isprintable() else None


def connection_string(found: Found) -> str | None:
    """Tell where a connection goes, without user, password and parameters that hold one."""
    value = _USERINFO.sub("", found.value.rstrip(".,;:)]}'\"`"))
    host = value.partition("://")[2][:1]
    return _QUERY_SECRET.sub(rf"\g<1>{HIDDEN}", value) if host.isalnum() or host in {"[", "_"} else None


def address(found: Found) -> str | None:
    """Take an address and port that exist."""
    host, _, port = found.value.rpartition(":")
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return None
    return found.value if 0 < int(port) <= _LAST_PORT else None


def host(found: Found) -> str | None:
    """Take a host name; a file name or a call in code looks alike."""
    name, _, port = found.value.partition(":")
    if (
        _FILE_NAMES.search(name)
        or _PACKAGES.search(name)
        or name.startswith("metadata.")
        or (port and int(port) > _LAST_PORT)
    ):
        return None  # the metadata services have a kind of their own
    return None if found.text[found.end : found.end + 1] == "(" else found.value


def not_kubernetes_itself(found: Found) -> str | None:
    """Leave the links to the API server to the kind that names them."""
    return None if found.name.startswith("KUBERNETES_") else found.value


def file_path(found: Found) -> str | None:
    """Take a path of a file system, not of a request."""
    before = found.text[max(0, found.start - 200) : found.start]
    return None if _METHOD.search(before) else unquote(found.value.rstrip(".,:"))


def version(found: Found) -> str | None:
    """Take a version of a product, not of a protocol or an address."""
    value = found.value.rstrip(".-:")
    if _CLIENTS.fullmatch(value) or value.count(".") > 3 + value.count("-"):
        return None
    return value


def pod_suffix(found: Found) -> str | None:
    """Take a name with the two suffixes of a Deployment's pod: words have no such run of consonants and digits."""
    return found.value if _POD.search(found.value) else None


CHECKS: Mapping[str, Check] = {
    "not-placeholder": not_placeholder,
    "not-prose": not_prose,
    "opaque": opaque,
    "assigned-secret": assigned_secret,
    "secret-in-words": secret_in_words,
    "jwt": jwt,
    "service-account-jwt": service_account_jwt,
    "basic": basic,
    "connection-string": connection_string,
    "address": address,
    "host": host,
    "not-kubernetes-itself": not_kubernetes_itself,
    "file-path": file_path,
    "version": version,
    "pod-suffix": pod_suffix,
}
