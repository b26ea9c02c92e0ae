r"""nginx access log as JSON, one object a line (`log_format … escape=json`), with the usual names of its variables.

Documentation: https://nginx.org/en/docs/http/ngx_http_log_module.html and
https://nginx.org/en/docs/http/ngx_http_core_module.html#variables ; measured on nginx 1.22.1. The administrator names
the fields; accepted are the variables' own names and the common short ones. `$request_uri` is the target as sent;
`$uri` is decoded and merged, so it is read only when there is nothing better. `escape=json` passes bytes that are not
UTF-8, and a format without it writes `\x22`, which is no JSON: both are read all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tidewaiter.model import Activity, Origin
from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.linewise import LineReader, digest, json_object, number_of, text_of
from tidewaiter.sources.timestamps import time_of
from tidewaiter.sources.web_request import Occurrences, WebRequest, normalise, target_of

NAME = "access-json"
_ADDRESS = ("remote_addr", "client_ip", "clientip", "client", "realip_remote_addr")
_METHOD = ("request_method", "method", "verb")
_TARGET = ("request_uri", "uri", "path", "url")
_STATUS = ("status", "status_code", "response")
_AGENT = ("http_user_agent", "user_agent", "ua", "agent")
_USER = ("remote_user", "user")
_SUBJECT = ("ssl_client_s_dn", "ssl_client_dn", "ssl_dn", "ssl_client_s_dn_legacy")
_VERIFIED = ("ssl_client_verify", "ssl_verify")
_SIZE = ("body_bytes_sent", "bytes_sent", "bytes", "size")
_TIME = ("msec", "time_iso8601", "time_local", "time", "timestamp", "@timestamp", "ts")  # the finest first
_HEX = re.compile(rb"(?<!\\)((?:\\\\)*)\\x([0-9A-Fa-f]{2})")
_COMMON_NAME = re.compile(r"(?:\A|[,/+])\s*CN=((?:\\.|[^,/+\\])+)", re.IGNORECASE)
_LONGEST_NAME = 200


class AccessJsonReader(LineReader):
    """Reads one access log."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._occurrences = Occurrences()

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give the activity of one line, if it is a request to a container API."""
        record = decode(raw)
        request = parse(record) if record else None
        if record is None or request is None:
            self.cannot_read("not-an-access-record", raw, origin)
            return
        self.tally.records += 1
        target = target_of(request)
        if target is None:
            return
        at = time_of(record, _TIME)
        if at is None:
            self.cannot_read("no-time", raw, origin)
            return
        number = self._occurrences.number(at.isoformat(), raw)
        yield self.keep(normalise(request, target, id=digest(raw, str(number)), at=at, origin=origin))


def decode(raw: bytes) -> dict[str, Any] | None:
    r"""Decode a line; `\xNN`, which nginx writes without escape=json, is read as what it stands for."""
    found = json_object(raw)
    if found is None and b"\\x" in raw:
        found = json_object(_HEX.sub(rb"\1\\u00\2", raw))
    return found


def parse(record: Mapping[str, Any]) -> WebRequest | None:
    """Give the request of a record; None when it is not nginx's (Caddy and Traefik have other shapes)."""
    address = _first(record, _ADDRESS)
    line = text_of(record.get("request"))
    if not line:
        method, target = _first(record, _METHOD), _first(record, _TARGET)
        line = f"{method} {target}" if method and target else ""
    status = next((number for key in _STATUS if (number := number_of(record.get(key))) is not None), None)
    if not address or not line or status is None or isinstance(record.get("peer"), dict):
        return None
    verified = next((text for key in _VERIFIED if (text := text_of(record.get(key)))), "SUCCESS")
    return WebRequest(
        line=line,
        status=status,
        address=address,
        user=_first(record, _USER),
        certificate=common_name(_first(record, _SUBJECT)) if verified == "SUCCESS" else "",
        agent=_first(record, _AGENT),
        size=next((number for key in _SIZE if (number := number_of(record.get(key))) is not None), None),
    )


def _first(record: Mapping[str, Any], keys: Sequence[str]) -> str:
    return next((text for key in keys if (text := text_of(record.get(key))) and text != "-"), "")


def common_name(subject: str) -> str:
    """Give the CN of a distinguished name (RFC 2253, or OpenSSL's old form with slashes); without one, the whole."""
    found = _COMMON_NAME.search(subject)
    return re.sub(r"\\(.)", r"\1", found[1]) if found else subject[:_LONGEST_NAME]


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are nginx access records."""
    return sum((record := decode(line)) is not None and parse(record) is not None for line in lines)


SOURCE = Source(
    name=NAME,
    plane="web",
    title="Web access log as JSON (nginx log_format with escape=json)",
    sniff=sniff,
    reader=AccessJsonReader,
    blind_to=("web-behind-proxy",),
)
