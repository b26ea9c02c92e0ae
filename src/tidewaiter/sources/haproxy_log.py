"""haproxy's log of HTTP requests.

Documentation: https://docs.haproxy.org/2.8/configuration.html#8.2.3 ; measured on haproxy 2.6.12 .
"""

from __future__ import annotations

from collections.abc import Sequence

from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.linewise import MAX_TEXT
from tidewaiter.sources.web_log import WebLogReader
from tidewaiter.sources.web_text import read_haproxy

NAME = "haproxy"


def _reader(tally: Tally) -> WebLogReader:
    return WebLogReader(tally, NAME, read_haproxy)


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are of this layout."""
    return sum(len(line) <= MAX_TEXT and read_haproxy(line) is not None for line in lines)


SOURCE = Source(
    name=NAME,
    plane="web",
    title="haproxy HTTP log (option httplog; also docker-socket-proxy)",
    sniff=sniff,
    reader=_reader,
    blind_to=("web-behind-proxy",),
)
