"""Who stands behind a request, as headers in a log claim it: a name that a proxy passed on, or a token's subject.

Nothing here is verified: a header may have come from the client, and a token's signature (RFC 7519) is not checked. The
token itself is never given away. Headers: oauth2-proxy (X-Auth-Request-User, X-Forwarded-User, …-Email), Kubernetes'
request-header authentication (X-Remote-User) and impersonation (Impersonate-User).
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Iterable, Mapping
from typing import Any

from tidewaiter.sources.linewise import json_object, text_of

_NAME_HEADERS = (
    "impersonate_user",
    "x_auth_request_preferred_username",
    "x_forwarded_preferred_username",
    "x_auth_request_user",
    "x_forwarded_user",
    "x_remote_user",
    "x_auth_request_email",
    "x_forwarded_email",
    "remote_user_header",
)
_TOKEN_HEADERS = ("authorization", "x_auth_request_access_token", "x_forwarded_access_token", "x_id_token", "cookie")
_CLAIMS = ("preferred_username", "username", "upn", "unique_name", "email", "sub", "name")
_JWT = re.compile(r"eyJ[\w-]{5,8192}\.([\w-]{5,16384})\.[\w-]*", re.ASCII)
_PREFIX = re.compile(r"(?:http|request|req)_(?:header_)?")
_SECRET = re.compile(r"(?i)\b((?:access_|id_|auth_)?token|ticket|password|api_?key)=[^&\s\"]{4,}")
_LONGEST = 200


def headers_of(record: Mapping[str, Any], maps: Iterable[object]) -> dict[str, str]:
    """Collect header values by their name in one spelling: from maps of headers, and from fields that are named so."""
    found: dict[str, str] = {}
    for one in (record, *maps):
        if not isinstance(one, dict):
            continue
        for key, value in one.items():
            text = value[0] if isinstance(value, list) and value else value
            if isinstance(text, str) and text and text != "-":
                found.setdefault(_spelling(key), text)
    return found


def _spelling(key: str) -> str:
    return _PREFIX.sub("", key.lower().replace("-", "_").replace(".", "_"), count=1)


def claimed_name(headers: Mapping[str, str]) -> str:
    """Give the name that the headers claim, "" when they claim none."""
    for key in _NAME_HEADERS:
        if name := _name(headers.get(key)):
            return name
    for key in _TOKEN_HEADERS:
        if name := token_subject(headers.get(key, "")):
            return name
    return _basic_user(headers.get("authorization", ""))


def _basic_user(value: str) -> str:
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        user, colon, _ = b64decode(encoded, validate=True).partition(b":")
    except (binascii.Error, ValueError):  # the latter: not ASCII
        return ""
    return _name(user.decode("utf-8", "replace")) if colon else ""


def token_subject(text: str) -> str:
    """Give the name in the first JSON Web Token of a text; its signature is not checked."""
    found = _JWT.search(text)
    if found is None:
        return ""
    try:
        payload = json_object(urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4)))
    except binascii.Error:
        return ""
    return name_in_claims(payload) if payload else ""


def name_in_claims(claims: Mapping[str, Any]) -> str:
    """Give the name in the claims of a token, the one that people know rather than an identifier."""
    subject = text_of(claims.get("sub"))
    if subject.startswith("system:"):  # a service account's token names its pod and node as well
        return _name(subject)
    if claims.get("iss") == "argocd":  # Argo CD's own accounts: "admin:login", "ci:apiKey"
        return _name(subject.partition(":")[0])
    return next((name for key in _CLAIMS if (name := _name(claims.get(key)))), "")


def _name(value: object) -> str:
    text = text_of(value).strip()
    return text if text and text != "-" and len(text) <= _LONGEST and text.isprintable() else ""


def without_secrets(text: str) -> str:
    """Take tokens and passwords out of a request line, which people will read."""
    return _SECRET.sub(r"\1=…", _JWT.sub("…", text)) if "=" in text or "eyJ" in text else text
