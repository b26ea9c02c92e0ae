r"""Takes lines of web servers' and proxies' text logs apart: one function for each layout, which gives None for others.

- `read_clf`: Common and Combined Log Format, with a virtual host before and other fields behind: nginx, Apache (also
  with %D), Traefik, Kubernetes' ingress-nginx (`upstreaminfo`), haproxy's `option httplog clf`.
- `read_haproxy`: haproxy's HTTP log format (2.8 configuration manual, 8.2.3), with captured headers, TLS fields behind.
- `read_envoy`: Envoy's default format string, and Istio's, which adds details and where a request came from.
- `read_alb`: access log of AWS Application Load Balancers, and of classic load balancers.
- `read_dashboard_log`: the Kubernetes Dashboard's own log (2.x, --api-log-level=DEFAULT or DEBUG).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import NamedTuple

from tidewaiter.meaning.web_target import Behind
from tidewaiter.sources.linewise import number_of
from tidewaiter.sources.timestamps import common_log, rfc3339
from tidewaiter.sources.web_request import WebRequest


class WebLine(NamedTuple):
    """One line, taken apart; its time is read only when the request matters."""

    request: WebRequest
    stamp: str  # the time as written
    time: Callable[[str], datetime | None]
    zoned: bool = True  # the time says its zone


_QUOTED = rb'(?:[^"\\]|\\.)*'
# A user name may hold blanks and brackets, but never a bare quote: the first date before a quote is the time.
_HEAD = rb"(?P<who>.{5,16384}?) \[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:[^\]]{1,40})\] (?:[\w.:/-]{1,64} ){0,3}"
_TAIL = (
    rb" (?P<status>\d{3}|-) (?P<size>\d{1,19}|-)(?=\s|\Z)(?: [\d.]{1,20}){0,2}"
    rb'(?: "' + _QUOTED + rb'" "(?P<agent>' + _QUOTED + rb')"(?P<rest>.*))?'
)
_LINE = re.compile(_HEAD + rb'"(?P<request>' + _QUOTED + rb')"' + _TAIL, re.DOTALL)
_UNESCAPED = re.compile(_HEAD + rb'"(?P<request>.*?)"' + _TAIL, re.DOTALL)  # a writer that does not escape quotes
_TRAEFIK = re.compile(rb' \d+ "(?P<router>[^"]{0,300})" "(?P<server>[^"]{0,300})" \d+ms\s*\Z')
_INGRESS = re.compile(rb" \d+ [\d.]+ \[(?P<upstream>[^\]]{0,300})\] ")
_PORT = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<four>[\d.]+)):\d{1,5}\Z")
_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_PLAIN = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"v": b"\v"}


def read_clf(raw: bytes) -> WebLine | None:
    """Read a line of the Common or Combined Log Format."""
    found = _LINE.match(raw) or _UNESCAPED.match(raw)
    who = _who(found["who"].decode("utf-8", "replace")) if found else None
    if found is None or who is None:
        return None
    rest = found["rest"] or b""
    routed = _TRAEFIK.match(rest)
    ingress = _INGRESS.match(rest)
    upstream = routed["router"].partition(b"@")[0] if routed else ingress["upstream"] if ingress else b""
    request = WebRequest(
        line=_text(found["request"]),
        status=number_of(found["status"].decode()),
        address=who[0],
        user=who[1],
        agent=_text(found["agent"] or b""),
        size=number_of(found["size"].decode()),
        behind=Behind(upstream.decode("utf-8", "replace"), who[2]),
    )
    return WebLine(request, found["time"].decode("utf-8", "replace"), common_log)


def _who(text: str) -> tuple[str, str, str] | None:
    """Give address, user and virtual host of `[VHOST] ADDRESS IDENT USER`; a user may hold spaces."""
    parts, host = text.split(" "), ""
    if len(parts) > 3 and address_of(parts[0]) is None and address_of(parts[1]):  # noqa: PLR2004 - a virtual host in front
        host, parts = parts[0].partition(":")[0], parts[1:]
    if len(parts) < 3:  # noqa: PLR2004 - address, ident, user
        return None
    return address_of(parts[0]) or parts[0], " ".join(parts[2:]), host


def address_of(text: str) -> str | None:
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


# The header is syslog's, of RFC 3164 or as rsyslog writes it; haproxy on a terminal or to a file has none.
_HAPROXY_HEAD = (
    rb"(?:(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\d\d-\d\dT[\d:.]{8,18}(?P<zone>Z|[+-]\d\d:?\d\d))"
    rb" (?:\S{1,255} )?)?(?:[\w.-]{1,64}\[\d{1,10}\]: )?"
)
_HAPROXY_PEER = rb"(?P<address>\S{1,128}):\d{1,10} \[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d\.\d{3})\] "
_HAPROXY = re.compile(
    _HAPROXY_HEAD + _HAPROXY_PEER + rb"(?P<frontend>\S{1,256}) (?P<backend>[^\s/]{1,256})/(?P<server>\S{1,256})"
    rb" [+-]?\d{1,12}(?:/[+-]?\d{1,12}){4} (?P<status>-?\d{1,3}) \+?(?P<size>\d{1,19})"
    rb" \S{1,4096} \S{1,4096} [\w-]{4} \d+(?:/\d+){3}/\+?\d+ \d+/\d+ (?:\{(?P<asked>[^}]{0,8192})\} )?"
    rb'(?:\{[^}]{0,8192}\} )?"(?P<request>[^"]*)(?:"|\Z)',
    re.DOTALL,
)
_HAPROXY_OTHER = re.compile(  # an error before any request; option tcplog
    _HAPROXY_HEAD + _HAPROXY_PEER + rb"(?:\S{1,256}/\S{1,64}: .|"
    rb"\S{1,256} \S{1,512} [+-]?\d{1,12}(?:/[+-]?\d{1,12}){2} \+?\d{1,19} [\w-]{2} \d+(?:/\d+){3}/\+?\d+ \d+/\d+)"
)
_HASH = re.compile(rb"#([0-9A-F]{2})")  # how haproxy writes bytes that would break its line
_AGENT = re.compile(r"(?:Mozilla/|[A-Za-z][\w .-]{0,60}/v?\d)")


def read_haproxy(raw: bytes) -> WebLine | None:
    """Read a line of haproxy's HTTP log format.

    Its time is local, taken as UTC unless an ISO time in a syslog header tells the zone.
    """
    found = _HAPROXY.match(raw)
    if found is None:
        return None
    zone = (found["zone"] or b"").decode()
    captured = (found["asked"] or b"").decode("utf-8", "replace").split("|")
    names = b" ".join((found["frontend"], found["backend"], found["server"])).decode("utf-8", "replace")
    address = found["address"].decode("utf-8", "replace")
    request = WebRequest(
        line=_HASH.sub(lambda one: bytes.fromhex(one[1].decode()), found["request"]).decode("utf-8", "replace"),
        status=number_of(found["status"].decode()),
        address=address_of(address) or address,
        agent=next((one for one in captured if _AGENT.match(one)), ""),
        size=number_of(found["size"].decode()),
        behind=Behind(names, captured[0] if "." in captured[0] and "/" not in captured[0] else ""),
    )
    offset = "+0000" if zone in {"", "Z"} else zone.replace(":", "")
    return WebLine(request, f"{found['time'].decode()} {offset}", _to_the_millisecond, zoned=bool(zone))


def _to_the_millisecond(stamp: str) -> datetime | None:
    whole, _, rest = stamp.partition(".")
    fraction, _, zone = rest.partition(" ")
    at = common_log(f"{whole} {zone}")
    return at + timedelta(milliseconds=int(fraction)) if at else None


def is_haproxy(raw: bytes) -> bool:
    """Tell whether a line is haproxy's about a connection without a request."""
    return _HAPROXY_OTHER.match(raw) is not None


_ENVOY = re.compile(
    rb'\[(?P<time>\d{4}-\d\d-\d\dT[\d:.]{8,18}Z)\] "(?P<request>' + _QUOTED + rb')" (?P<status>\d{1,3}) \S{1,64}'
    rb"(?P<details> .{0,2048}?)?? (?:\d+|-) (?P<size>\d+|-) (?:\d+|-) (?:\d+|-)"
    rb' "(?P<relayed>[^"]{0,4096})" "(?P<agent>.{0,4096}?)" "[^"]{0,256}" "(?P<host>[^"]{0,512})"'
    rb' "(?P<upstream>[^"]{0,512})"(?: (?P<cluster>\S{1,512}) \S{1,128} \S{1,128} (?P<peer>\S{1,128})(?:\s|\Z))?',
    re.DOTALL,
)


def read_envoy(raw: bytes) -> WebLine | None:
    """Read a line of Envoy's default format, or of Istio's."""
    found = _ENVOY.match(raw)
    if found is None:
        return None
    peer = address_of((found["peer"] or b"").decode("utf-8", "replace"))
    relayed = found["relayed"].decode("utf-8", "replace").rpartition(",")[2].strip()  # the hop that Envoy itself added
    request = WebRequest(
        line=_text(found["request"]),
        status=number_of(found["status"].decode()),
        address=peer or (address_of(relayed) or ""),
        agent=_text(found["agent"]),
        size=number_of(found["size"].decode()),
        behind=Behind((found["cluster"] or b"").decode("utf-8", "replace"), found["host"].decode("utf-8", "replace")),
        forwarded=peer is None and address_of(relayed) is not None,
    )
    return WebLine(request, found["time"].decode(), rfc3339)


_ALB = re.compile(
    rb"(?:(?:https?|h2|grpcs|wss?) )?(?P<time>\d{4}-\d\d-\d\dT[\d:.]{8,18}Z) \S{1,256} (?P<client>\S{1,64}) \S{1,128}"
    rb"(?: -?[\d.]{1,20}){3} (?P<status>\d{3}|-|0) (?:\d{3}|-|0) \d+ (?P<size>\d+)"
    rb' "(?P<request>' + _QUOTED + rb')" "(?P<agent>' + _QUOTED + rb')"'
    rb'(?: \S+ \S+(?: (?P<group>\S{1,512}) "[^"]*" "(?P<host>[^"]{0,512})")?)?',
    re.DOTALL,
)


def read_alb(raw: bytes) -> WebLine | None:
    """Read a line of an AWS load balancer; the request names the whole URL."""
    found = _ALB.match(raw)
    if found is None:
        return None
    group, host = ((found[key] or b"").decode("utf-8", "replace") for key in ("group", "host"))
    request = WebRequest(
        line=_text(found["request"]),
        status=number_of(found["status"].decode()),
        address=address_of(found["client"].decode("utf-8", "replace")) or "",
        agent=_text(found["agent"]),
        size=number_of(found["size"].decode()),
        behind=Behind(group.partition(":targetgroup/")[2], host),
    )
    return WebLine(request, found["time"].decode(), rfc3339)


_DASHBOARD = re.compile(
    rb"\d{4}/\d\d/\d\d [\d:]{8} \[(?P<time>\d{4}-\d\d-\d\dT[\d:.]{8,18}Z)\] Incoming (?P<protocol>HTTP/[\d.]+)"
    rb" (?P<method>[A-Z]{1,16}) (?P<target>\S{1,8192}) request from (?P<peer>\S{1,128}?):(?: |\Z)",
    re.DOTALL,
)


def read_dashboard_log(raw: bytes) -> WebLine | None:
    """Read a line of the Kubernetes Dashboard's own log; the answer is logged apart, without the path."""
    found = _DASHBOARD.match(raw)
    if found is None:
        return None
    request = WebRequest(
        line=b" ".join((found["method"], found["target"], found["protocol"])).decode("utf-8", "replace"),
        address=address_of(found["peer"].decode("utf-8", "replace")) or "",
        behind=Behind("kubernetes-dashboard"),
    )
    return WebLine(request, found["time"].decode(), rfc3339)
