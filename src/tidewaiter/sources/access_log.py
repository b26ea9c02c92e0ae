r"""Web access log in the Common or Combined Log Format: nginx, Apache, and podman's API service.

Documentation: https://nginx.org/en/docs/http/ngx_http_log_module.html (format "combined") and
https://httpd.apache.org/docs/2.4/logs.html#accesslog ; measured on nginx 1.22.1 and podman 4.3.1. A request is kept
only when it is believed to be for a container API (`meaning/web_target.py`); the others are records that were read.
Quotes and other bytes inside a field are escaped as `\x22` (nginx), `\"` or `\xNN` (Apache). Before the address there
may be a virtual host (Apache "vhost_combined"); podman writes `@` for a client on its Unix socket, an empty referrer,
and its own messages in logfmt between the lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from tidewaiter.model import Activity, Origin
from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.linewise import MAX_TEXT, LineReader, digest, number_of
from tidewaiter.sources.timestamps import common_log
from tidewaiter.sources.web_request import Occurrences, WebRequest, normalise, target_of

NAME = "access-log"
# A user name may hold blanks and brackets, but never a bare quote: the first date before a quote is the time.
_HEAD = rb"(?P<who>.{5,16384}?) \[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:[^\]]{1,40})\] "
_TAIL = rb' (?P<status>\d{3}|-) (?P<size>\d{1,19}|-)(?=\s|\Z)(?: "(?:[^"\\]|\\.)*" "(?P<agent>(?:[^"\\]|\\.)*)")?'
_LINE = re.compile(_HEAD + rb'"(?P<request>(?:[^"\\]|\\.)*)"' + _TAIL, re.DOTALL)
_UNESCAPED = re.compile(_HEAD + rb'"(?P<request>.*?)"' + _TAIL, re.DOTALL)  # a writer that does not escape quotes
_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_PLAIN = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"v": b"\v"}
_PORT = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<four>[\d.]+)):\d{1,5}\Z")


class AccessLogReader(LineReader):
    """Reads one access log."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._occurrences = Occurrences()

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give the activity of one line, if it is a request to a container API."""
        if len(raw) > MAX_TEXT:
            self.cannot_read("line-too-long", raw, origin)
            return
        parsed = parse(raw)
        if parsed is None:
            if raw.startswith(b'time="'):
                self.tally.records += 1
            else:
                self.cannot_read("not-an-access-line", raw, origin)
            return
        request, stamp = parsed
        self.tally.records += 1
        target = target_of(request)
        if target is None:
            return
        at = common_log(stamp)
        if at is None:
            self.cannot_read("no-time", raw, origin)
            return
        number = self._occurrences.number(stamp, raw)
        yield self.keep(normalise(request, target, id=digest(raw, str(number)), at=at, origin=origin))


def parse(raw: bytes) -> tuple[WebRequest, str] | None:
    """Take a line apart into the request and its time as written; None when it is no access line."""
    found = _LINE.match(raw) or _UNESCAPED.match(raw)
    who = _who(found["who"].decode("utf-8", "replace")) if found else None
    if found is None or who is None:
        return None
    request = WebRequest(
        line=_text(found["request"]),
        status=number_of(found["status"].decode()),
        address=who[0],
        user=who[1],
        agent=_text(found["agent"] or b""),
        size=number_of(found["size"].decode()),
    )
    return request, found["time"].decode("utf-8", "replace")


def _who(text: str) -> tuple[str, str] | None:
    """Give address and user of `[VHOST] ADDRESS IDENT USER`; a user may hold spaces."""
    parts = text.split(" ")
    if len(parts) > 3 and _address(parts[0]) is None and _address(parts[1]):  # noqa: PLR2004 - a virtual host in front
        parts = parts[1:]
    if len(parts) < 3:  # noqa: PLR2004 - address, ident, user
        return None
    return _address(parts[0]) or parts[0], " ".join(parts[2:])


def _address(text: str) -> str | None:
    """Give the address without its port; None when it is a name."""
    found = _PORT.match(text)
    bare = found["six"] or found["four"] if found else text
    try:
        return str(ip_address(bare))
    except ValueError:
        return None


def _text(field: bytes) -> str:
    if b"\\" in field:
        field = _ESCAPE.sub(_unescape, field)
    return field.decode("utf-8", "replace")


def _unescape(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode()) if found[1] else _PLAIN.get(found[2], found[2])


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are of the Common or Combined Log Format, and podman's own lines between them."""
    count = sum(len(line) <= MAX_TEXT and parse(line) is not None for line in lines)
    return count + sum(line.startswith(b'time="') for line in lines) if count else 0


SOURCE = Source(
    name=NAME,
    plane="web",
    title="Web access log, common or combined (nginx, Apache, podman)",
    sniff=sniff,
    reader=AccessLogReader,
    blind_to=("web-behind-proxy",),
)
