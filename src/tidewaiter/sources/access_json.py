r"""Web access log as JSON, one object a line: Caddy, Traefik, Envoy and Istio, Kong, ECS, nginx, Apache, haproxy.

The shapes are data (`packs/vocabulary/access_shapes.yml`, with their documentation); measured on Caddy 2.6.2, nginx
1.22.1 and haproxy 2.6.12. With nginx, Apache and haproxy the administrator names the fields: accepted are the names of
the variables and the common short ones. `$request_uri` is the target as sent; `$uri` is decoded and merged, so it is
read only when there is nothing better.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.web_json import decode, is_slog, read_record
from tidewaiter.sources.web_log import WebLogReader

NAME = "access-json"


def _reader(tally: Tally) -> WebLogReader:
    return WebLogReader(tally, NAME, None)


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are access records."""
    return sum(
        (line[:1] == b"{" or is_slog(line)) and (record := decode(line)) is not None and read_record(record) is not None
        for line in lines
    )


SOURCE = Source(
    name=NAME,
    plane="web",
    title="Web access log as JSON (Caddy, Traefik, Envoy, Istio, Kong, ECS, nginx, Apache, haproxy)",
    sniff=sniff,
    reader=_reader,
    blind_to=("web-behind-proxy",),
)
